//! The happy path of the front page: a citizen registers, enrols a generator, logs in and signs.
//!
//! `cargo run --package zamok-examples --bin quickstart`

use zamok::otp::{OtpUri, Totp};
use zamok::{Clock, Passphrase, Password, Settings, SystemClock, UnixTime, Zamok};

fn happy_path(store: &str, passphrase: &Passphrase, now: UnixTime) -> Result<(), zamok::Error> {
    let zamok = Zamok::create(store, passphrase, Settings::new("Bank"))?;
    let password = Password::new("correct horse battery staple");
    zamok.register("ivan", &password)?;

    let enrolment = zamok.begin_enrolment("ivan", &password)?;
    let offer = zamok.offer_generator(&enrolment)?; // offer.uri becomes a QR code
    let phone = OtpUri::parse(offer.uri.as_str())?; // what the phone makes of it
    let phone = Totp::new(phone.secret(), phone.totp_parameters().expect("the generator counts time"))?;
    zamok.confirm_generator(&enrolment, &phone.code_at(now)?.to_string())?; // spends the test code

    let session = zamok.log_in("ivan", &password, &phone.code_at(now.plus(30))?.to_string())?;
    let token = zamok.tokens("bank.example").issue(&session)?; // a JWT, signed with ES256
    assert_eq!(zamok.tokens("bank.example").verify(&token)?, session);

    let signed = zamok.sign(&session, b"I owe you 100.", "note.txt")?;
    let signature = signed.signature.to_der();
    signed.public_key.verify_der(b"I owe you 100.", &signature).map_err(zamok::Error::Core)
}

fn main() -> Result<(), zamok::Error> {
    happy_path("memory:", &Passphrase::from("six random words or more"), SystemClock.now())?;
    println!("registered, enrolled, logged in, signed, verified");
    Ok(())
}
