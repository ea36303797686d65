//! Changing the channel that codes come by (R9): log in with the current one, choose, confirm on both, and take it back.
//!
//! `cargo run --package zamok-examples --bin change_channel`

use zamok::{
    Approach, Begun, Clock, ManualClock, MessageKind, Options, Passphrase, Password, Session, Settings,
    Settled, SystemClock, Zamok,
};

const OLD: &str = "+7 916 000-00-01";
const NEW: &str = "+7 916 000-00-02";

fn change_channel() -> Result<(), zamok::Error> {
    let clock = ManualClock::new(SystemClock.now());
    let options = Options { clock: std::sync::Arc::new(clock.clone()), ..Options::default() };
    let settings = Settings::new("Bank").with_options(options);
    let bank = Zamok::create("memory:", &Passphrase::from("six random words or more"), settings)?;
    let password = Password::new("a garden behind the station");
    bank.register("ivan", &password)?;

    // The first channel: a phone that codes are sent to. It counts once its test code has come back.
    let enrolment = bank.begin_enrolment("ivan", &password)?;
    bank.offer_channel(&enrolment, OLD)?;
    bank.confirm_factor(&enrolment, &arrived(&bank, MessageKind::EnrolmentCode)?)?;
    clock.advance(60);

    // He logs in with it, and begins the change. The old phone is asked whether it agrees …
    let session = log_in(&bank, &password)?;
    clock.advance(60);
    let old = bank.factors(&session)?[0].id;
    let change = bank.begin_change(&session, old)?;
    let agreement = change.agreement.expect("policy wants both channels");
    let code = arrived(&bank, MessageKind::AgreementCode)?;
    bank.agree(&session, &agreement, &code, bank.request_id()?)?;
    // … and the new one whether it is his.
    bank.offer_channel(&change.enrolment, NEW)?;
    bank.confirm_factor(&change.enrolment, &arrived(&bank, MessageKind::EnrolmentCode)?)?;
    assert_eq!(bank.factors(&session)?[0].hint.as_deref(), Some("+7···0002"));

    // Was it really Ivan? The old phone was told, and for a week it can take the change back, with the password.
    clock.advance(24 * 60 * 60);
    let undo = bank.begin_undo("ivan", &password, &Approach::default())?;
    let code = arrived(&bank, MessageKind::UndoCode)?;
    let session = bank.undo_change(&undo, &code, bank.request_id()?)?;
    assert_eq!(bank.factors(&session)?[0].id, old);
    assert_eq!(bank.sessions(&session)?.len(), 1, "whoever had changed it is out");
    Ok(())
}

fn log_in(bank: &Zamok, password: &Password) -> Result<Session, zamok::Error> {
    let Begun::Code(challenge) = bank.begin_login("ivan", password)? else {
        unreachable!("the account has a factor")
    };
    let code = arrived(bank, MessageKind::LoginCode)?;
    bank.answer(&challenge, &code, bank.request_id()?)
}

/// What a carrier would bring: the code in the latest message of this kind. The outbox is empty then.
fn arrived(bank: &Zamok, kind: MessageKind) -> Result<String, zamok::Error> {
    let mut code = String::new();
    for message in bank.outbox(100)? {
        if message.kind == kind {
            message.field("code").unwrap_or_default().clone_into(&mut code);
        }
        bank.settle(&message, Settled::HandedOver)?;
    }
    Ok(code)
}

fn main() -> Result<(), zamok::Error> {
    change_channel()?;
    println!("changed with both channels, told, and taken back");
    Ok(())
}
