//! Logging in, as a service does it: a password, a code, a session; a device that is known from then on; and the door.
//!
//! `cargo run --package zamok-examples --bin login`

use zamok::otp::{OtpUri, Totp};
use zamok::{
    Approach, Begun, Clock, ManualClock, MessageKind, Options, Passphrase, Password, Settings, SystemClock,
    Which, Zamok,
};

fn login() -> Result<(), zamok::Error> {
    let clock = ManualClock::new(SystemClock.now());
    let options = Options { clock: std::sync::Arc::new(clock.clone()), ..Options::default() };
    let settings = Settings::new("Bank").with_options(options);
    let bank = Zamok::create("memory:", &Passphrase::from("six random words or more"), settings)?;
    let password = Password::new("a garden behind the station");
    bank.register("ivan", &password)?;
    let phone = enrol(&bank, &clock, &password)?;
    let code = || phone.code_at(clock.now()).map(|code| code.to_string());

    // The password opens a challenge. Whether the login, the password or a delay was in the way, nobody is told.
    let approach = Approach { client: "Firefox on Linux".into(), ..Approach::default() };
    let Begun::Code(challenge) = bank.begin_login_from("ivan", &password, &approach)? else {
        unreachable!("the account has a generator")
    };
    // A code opens the session. Each attempt has a name of its own: whoever lost the reply asks again under it, and gets
    // the same answer.
    let request = bank.request_id()?;
    let session = bank.answer(&challenge, &code()?, request)?;
    assert_eq!(bank.answer(&challenge, "", request)?.id, session.id);
    assert_eq!(session.assurance().name(), "substantial");

    // A login from a device that is not known is announced: the message waits, sealed, for whoever delivers.
    let waiting = bank.outbox(10)?;
    assert!(waiting.iter().any(|message| message.kind == MessageKind::NewDevice));

    // From now on the device is known. However strangers hammer at the account, they do not lock it out.
    let token = bank.trust_device(&session, "Ivan's laptop")?;
    for _ in 0..10 {
        assert!(bank.begin_login("ivan", &Password::new("a guess of somebody else")).is_err());
    }
    assert!(bank.begin_login("ivan", &password).is_err(), "strangers wait, whatever they know");
    clock.advance(30);
    let approach = Approach { device: Some(token), ..approach };
    let Begun::Code(challenge) = bank.begin_login_from("ivan", &password, &approach)? else {
        unreachable!("the account has a generator")
    };
    let second = bank.answer(&challenge, &code()?, bank.request_id()?)?;

    // Ivan sees where he is logged in, and shows everybody else the door.
    assert_eq!(bank.sessions(&second)?.len(), 2);
    bank.end_sessions(&second, Which::Others)?;
    assert!(bank.session(session.id).is_err());
    assert!(bank.session(second.id).is_ok());
    Ok(())
}

/// What happened before: the generator was offered, scanned and tested.
fn enrol(bank: &Zamok, clock: &ManualClock, password: &Password) -> Result<Totp, zamok::Error> {
    let enrolment = bank.begin_enrolment("ivan", password)?;
    let offer = bank.offer_generator(&enrolment)?;
    let phone = OtpUri::parse(offer.uri.as_str())?;
    let phone = Totp::new(phone.secret(), phone.totp_parameters().expect("the generator counts time"))?;
    bank.confirm_generator(&enrolment, &phone.code_at(clock.now())?.to_string())?;
    clock.advance(30);
    Ok(phone)
}

fn main() -> Result<(), zamok::Error> {
    login()?;
    println!("logged in, announced, known, not locked out, shown the door");
    Ok(())
}
