//! What you see is what you confirm (R19, R20, R55): a payment is shown, confirmed by a code, changed, confirmed again, done once.
//!
//! `cargo run --package zamok-examples --bin confirm_payment`

use zamok::otp::{OtpUri, Totp};
use zamok::{
    Clock, Content, ManualClock, OperationId, Options, Passphrase, Password, Settings, SystemClock, Template,
    Value, Zamok,
};

/// A template is part of what is confirmed: its text, its version, its language.
fn payment(kopecks: i64, payee: &str) -> Result<Content, zamok::Error> {
    let template = Template {
        name: "payment".into(),
        version: 1,
        language: "en".into(),
        text: "Pay {amount} to {payee}.".into(),
    };
    let amount = Value::Amount { minor: kopecks, places: 2, currency: *b"RUB" };
    Content::new(template, [("amount".into(), amount), ("payee".into(), Value::Text(payee.into()))])
}

fn confirm_payment() -> Result<(), zamok::Error> {
    let clock = ManualClock::new(SystemClock.now());
    let options = Options { clock: std::sync::Arc::new(clock.clone()), ..Options::default() };
    let settings = Settings::new("Bank").with_options(options);
    let bank = Zamok::create("memory:", &Passphrase::from("six random words or more"), settings)?;
    let password = Password::new("a garden behind the station");
    bank.register("ivan", &password)?;
    let phone = enrol(&bank, &clock, &password)?;
    let code = || phone.code_at(clock.now()).map(|code| code.to_string());
    let session = bank.log_in("ivan", &password, &code()?)?;
    clock.advance(30);

    // The client draws an id once; everything that is asked again under it is answered alike.
    let id = OperationId(bank.request_id()?.0);
    let shown = bank.propose(&session, id, &payment(150_000, "Vodokanal")?)?;
    assert_eq!(shown.text(), "Pay 1500.00 RUB to Vodokanal.");

    // The challenge stands for these bytes. Changed afterwards, they are not confirmed by it.
    let challenge = bank.begin_confirmation(&session, id, None)?;
    bank.change_operation(&session, id, &payment(150_000, "Mallory")?)?;
    assert!(bank.confirm(&session, &challenge, &code()?, bank.request_id()?).is_err());
    assert!(bank.execute(id, |_, _| Ok(Vec::new())).is_err());

    // Changed back and confirmed: now it can be executed.
    bank.change_operation(&session, id, &payment(150_000, "Vodokanal")?)?;
    let challenge = bank.begin_confirmation(&session, id, None)?;
    let confirmed = bank.confirm(&session, &challenge, &code()?, bank.request_id()?)?;
    assert!(confirmed.confirmed.is_some());

    // What the closure writes and the end of the confirmation are one commit. Asked twice, it happens once.
    let mut transfers = 0;
    for _ in 0..2 {
        let receipt = bank.execute(id, |_, operation| {
            transfers += 1;
            Ok(format!("{} Reference {}.", operation.text(), operation.id).into_bytes())
        })?;
        assert!(receipt.starts_with(b"Pay 1500.00 RUB to Vodokanal. Reference "));
    }
    assert_eq!(transfers, 1);
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
    confirm_payment()?;
    println!("shown, changed, refused, confirmed, paid once");
    Ok(())
}
