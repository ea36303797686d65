//! A family and a power of attorney (R73): profiles of their own, rights in each other's, and an end to them.
//!
//! `cargo run --package zamok-examples --bin family`

use zamok::account::{Authority, PowerKind, Right, Rights, Terms};
use zamok::otp::{OtpUri, Totp};
use zamok::{Clock, ManualClock, Options, Passphrase, Password, Session, Settings, SystemClock, Zamok};

fn family() -> Result<(), zamok::Error> {
    let clock = ManualClock::new(SystemClock.now());
    let options = Options { clock: std::sync::Arc::new(clock.clone()), ..Options::default() };
    let settings = Settings::new("City").with_options(options);
    let city = Zamok::create("memory:", &Passphrase::from("six random words or more"), settings)?;
    let olga = enter(&city, &clock, "olga", "a garden behind the station")?;
    let boris = enter(&city, &clock, "boris", "nine herons over the river")?;

    // Masha is ten. Her mother opens a profile for her, and may do everything in it.
    let (masha, over_masha) =
        city.open_profile(&olga, "masha", &Password::new("a train that never stops"))?;
    let by_her_mother = city.authorise(&olga, Right::Confirm, masha.id, "school", None)?;
    assert_eq!(by_her_mother, Authority::Power(over_masha.id));

    // Boris is to look after Olga's taxes for a month: she gives him a power.
    let month = clock.now().plus(30 * 24 * 60 * 60);
    let terms = Terms {
        kind: PowerKind::Attorney,
        rights: Rights::of(&[Right::View, Right::Edit]),
        scope: vec!["taxes".into()],
        until: month,
    };
    let power = city.give_power(&olga, "boris", &terms)?;
    // Offered is not given: he accepts first.
    assert!(city.authorise(&boris, Right::View, olga.account, "taxes", None).is_err());
    city.accept_power(&boris, power.id)?;
    city.authorise(&boris, Right::Edit, olga.account, "taxes", None)?;

    // It goes as far as it says: he signs nothing, sees no other matter, and nothing of Masha's.
    assert!(city.authorise(&boris, Right::Confirm, olga.account, "taxes", None).is_err());
    assert!(city.authorise(&boris, Right::View, olga.account, "pension", None).is_err());
    assert!(city.authorise(&boris, Right::View, masha.id, "school", None).is_err());

    // Either side ends it at any time; otherwise its date does. What was done for Olga stands in her history.
    city.end_power(&olga, power.id)?;
    assert!(city.authorise(&boris, Right::View, olga.account, "taxes", None).is_err());
    let acted = city.history(&olga, 100, None)?.entries;
    assert!(acted.iter().any(|entry| entry.leaf.kind.name() == "account.acted-for"));
    Ok(())
}

/// Registers, enrols a generator and logs in.
fn enter(city: &Zamok, clock: &ManualClock, login: &str, password: &str) -> Result<Session, zamok::Error> {
    let password = Password::new(password);
    city.register(login, &password)?;
    let enrolment = city.begin_enrolment(login, &password)?;
    let offer = city.offer_generator(&enrolment)?;
    let phone = OtpUri::parse(offer.uri.as_str())?;
    let phone = Totp::new(phone.secret(), phone.totp_parameters().expect("the generator counts time"))?;
    city.confirm_generator(&enrolment, &phone.code_at(clock.now())?.to_string())?;
    clock.advance(30);
    city.log_in(login, &password, &phone.code_at(clock.now())?.to_string())
}

fn main() -> Result<(), zamok::Error> {
    family()?;
    println!("a profile opened, a power given, accepted, used, ended");
    Ok(())
}
