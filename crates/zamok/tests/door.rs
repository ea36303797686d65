//! The one door: vault and cabinet are made and opened together, and an interrupted creation is finished.

use std::sync::Arc;

use zamok::store::{MemoryStore, Store};
use zamok::{Argon2Cost, CoreError, Error, Options, Passphrase, Password, Settings, Vault, Zamok};

fn cheap() -> Options {
    Options { cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() }
}

fn settings() -> Settings {
    Settings::new("Bank").with_options(cheap())
}

#[test]
fn what_was_made_is_opened_under_its_name_and_profile() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("bank.db").display());
    let passphrase = Passphrase::from("six random words or more");
    assert!(matches!(Zamok::open(&url, &passphrase), Err(Error::Core(CoreError::Store(_)))));
    let settings = settings().with_policy(zamok::Policy::seeds());
    let made = Zamok::create(&url, &passphrase, settings.clone()).unwrap();
    let jwks = made.tokens("here").jwks().unwrap();
    assert!(matches!(Zamok::create(&url, &passphrase, settings), Err(Error::Core(CoreError::VaultExists))));
    drop(made);
    let opened = Zamok::open(&url, &passphrase).unwrap();
    assert_eq!((opened.issuer(), opened.policy().profile.name()), ("Bank", "seeds"));
    assert_eq!(opened.tokens("here").jwks().unwrap(), jwks);
    let wrong = Zamok::open(&url, &Passphrase::from("another one"));
    assert!(matches!(wrong, Err(Error::Core(CoreError::Rejected))));
}

#[test]
fn a_creation_that_ended_after_the_vault_is_finished_with_the_same_passphrase_alone() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let passphrase = Passphrase::from("six random words or more");
    drop(Vault::create(store.clone(), &passphrase, cheap()).unwrap());
    let opened = Zamok::open_in(store.clone(), &passphrase, cheap());
    assert!(matches!(opened, Err(Error::Core(CoreError::NoVault))), "half of it is nothing");
    let other = Zamok::create_in(store.clone(), &Passphrase::from("another one"), settings());
    assert!(matches!(other, Err(Error::Core(CoreError::VaultExists))));
    Zamok::create_in(store.clone(), &passphrase, settings()).unwrap();
    Zamok::open_in(store, &passphrase, cheap()).unwrap();
}

#[test]
fn a_name_or_numbers_that_are_refused_leave_no_vault_and_no_store() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let passphrase = Passphrase::from("six random words or more");
    let misnamed = Settings::new("a:b").with_options(cheap());
    let made = Zamok::create_in(store.clone(), &passphrase, misnamed.clone());
    assert!(matches!(made, Err(Error::IssuerUnusable)));
    let mut policy = zamok::Policy::strict();
    policy.password.shortest = 7;
    let made = Zamok::create_in(store.clone(), &passphrase, settings().with_policy(policy));
    assert!(matches!(made, Err(Error::PolicyUnsound)));
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bank.db");
    let made = Zamok::create(format!("sqlite:{}", place.display()), &passphrase, misnamed);
    assert!(matches!(made, Err(Error::IssuerUnusable)) && !place.exists());
    // Whoever tries again may take another passphrase.
    Zamok::create_in(store, &Passphrase::from("six other words or more"), settings()).unwrap();
}

#[test]
fn changed_numbers_are_kept_and_others_hold_while_it_is_open() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let passphrase = Passphrase::from("six random words or more");
    let mut policy = zamok::Policy::strict();
    policy.password.shortest = 20;
    let made = Zamok::create_in(store.clone(), &passphrase, settings().with_policy(policy.clone())).unwrap();
    assert_eq!(made.policy().password.shortest, 20);
    drop(made);
    let opened = Zamok::open_in(store.clone(), &passphrase, cheap()).unwrap();
    assert_eq!(opened.policy(), &policy, "the vault keeps every number");
    policy.password.shortest = 7;
    assert_eq!(opened.keep_policy(&policy), Err(Error::PolicyUnsound));
    policy.password.shortest = 30;
    drop(opened.with_policy(policy.clone()));
    policy.password.shortest = 18;
    let opened = Zamok::open_in(store.clone(), &passphrase, cheap()).unwrap();
    assert_eq!(opened.policy().password.shortest, 20, "what held while it was open is forgotten");
    opened.keep_policy(&policy).unwrap();
    let opened = Zamok::open_in(store, &passphrase, cheap()).unwrap();
    let short = opened.register("ivan", &Password::new("correct horse one"));
    assert_eq!(short.unwrap_err(), Error::PasswordTooShort { found: 17, shortest: 18 });
}

#[test]
fn the_short_ways_lead_where_the_long_ones_do() {
    let zamok = Zamok::create("memory:", &Passphrase::from("six random words or more"), settings()).unwrap();
    let password = Password::new("correct horse battery staple");
    zamok.register("ivan", &password).unwrap();
    assert_eq!(zamok.log_in("ivan", &password, "000000"), Err(Error::NothingOffered));
    let wrong = Password::new("a password of somebody else");
    for login in ["ivan", "anna"] {
        assert_eq!(zamok.log_in(login, &wrong, "000000"), Err(Error::Core(CoreError::Rejected)));
        let enrolment = zamok.begin_enrolment(login, &wrong);
        assert_eq!(enrolment, Err(Error::Core(CoreError::Rejected)));
    }
    assert_ne!(zamok.request_id().unwrap(), zamok.request_id().unwrap());
    zamok.vault().integrate().unwrap();
    let (report, head) = (zamok.audit().unwrap(), zamok.journal(|journal| journal.head()).unwrap());
    assert!(report.is_clean());
    assert_eq!(report.head, head);
    zamok.vault().lock();
    assert_eq!(zamok.request_id(), Err(Error::Core(CoreError::Locked)));
}

#[cfg(feature = "postgres")]
#[test]
fn the_same_door_opens_a_vault_in_a_database() {
    let server = zamok_servers::Cluster::start();
    let (url, passphrase) = (server.url("postgres"), Passphrase::from("six random words or more"));
    assert!(matches!(Zamok::open(&url, &passphrase), Err(Error::Core(CoreError::Store(_)))));
    let made = Zamok::create(&url, &passphrase, settings()).unwrap();
    made.register("ivan", &Password::new("correct horse battery staple")).unwrap();
    drop(made);
    let opened = Zamok::open(&url, &passphrase).unwrap();
    assert!(opened.register("ivan", &Password::new("correct horse battery staple")).is_err());
    assert!(opened.audit().unwrap().is_clean());
}
