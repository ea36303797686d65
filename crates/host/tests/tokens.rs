//! Keys in PKCS#11 tokens within one process, over the real SoftHSM: MACs are those of HMAC-SHA-256, a wrong PIN never
//! passes beside a right one, and a login that somebody else holds stays theirs. The program's tests (`doors.rs`) do the rest.
#![cfg(feature = "pkcs11")]

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use zamok_core::Error;
use zamok_core::error::TokenFault;
use zamok_core::mac::hmac_sha256;
use zamok_core::store::MemoryStore;
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{Credential, Options, Passphrase, Pkcs11Key, Pkcs11Uri, TokenKey, Vault};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "648219";
const KEY: [u8; 32] = [0x0b; 32];

/// Runs this test again in a process that sees a token of its own, with a key that is known; `true` in there.
fn with_a_token(test: &str) -> bool {
    if std::env::var_os("ZAMOK_TEST_TOKENS").is_some() {
        let pkcs11 = Pkcs11::new(MODULE).expect("SoftHSM is installed: `cargo xtask setup`");
        let _ = pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        let slot = pkcs11.get_slots_with_initialized_token().unwrap()[0];
        let session = pkcs11.open_rw_session(slot).unwrap();
        session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Label(b"known".to_vec()),
            Attribute::Value(KEY.to_vec()),
        ];
        session.create_object(&template).unwrap();
        session.logout().unwrap();
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    fs::create_dir(folder.path().join("tokens")).unwrap();
    let text = format!("directories.tokendir = {}\n", folder.path().join("tokens").display());
    fs::write(&configuration, text).unwrap();
    let mut make = Command::new("softhsm2-util");
    make.args(["--init-token", "--free", "--label", "vault", "--pin", PIN, "--so-pin", "123456"]);
    let made = make.env("SOFTHSM2_CONF", &configuration).output();
    assert!(made.expect("SoftHSM is installed: `cargo xtask setup`").status.success());
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]);
    let ran = again.env("SOFTHSM2_CONF", &configuration).env("ZAMOK_TEST_TOKENS", "1").output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    false
}

fn key(pin: &str) -> Pkcs11Key {
    let uri = Pkcs11Uri::new("vault", "known").with_module(MODULE);
    Pkcs11Key::new(uri, Some(Passphrase::from(pin))).unwrap()
}

#[test]
fn the_token_computes_hmac_sha_256_and_opens_the_slot_that_it_made() {
    if !with_a_token("the_token_computes_hmac_sha_256_and_opens_the_slot_that_it_made") {
        return;
    }
    let (right, wrong) = (key(PIN), key("111111"));
    assert_eq!(right.mac(b"a message").map(|mac| *mac), Ok(hmac_sha256(&KEY, &[b"a message"])));
    assert_eq!(wrong.mac(b"a message").map(|mac| *mac), Err(Error::Token(TokenFault::Pin)));
    assert_eq!(right.check(), Ok(()));
    assert_eq!(right.make(), Err(Error::Token(TokenFault::KeyExists)));
    let found: Vec<_> = right.keys().unwrap().iter().map(|uri| uri.object().unwrap().to_owned()).collect();
    assert_eq!(found, ["known"]);
    assert!(!format!("{right:?}").contains(PIN), "{right:?}");
    let store = Arc::new(MemoryStore::new());
    let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let options = || Options { cost, ..Options::default() };
    Vault::create(store.clone(), Credential::Token(&right), options()).unwrap();
    assert!(Vault::unlock(store.clone(), Credential::Token(&right), options()).is_ok());
    let refused = Vault::unlock(store, Credential::Token(&wrong), options()).map(drop);
    assert_eq!(refused, Err(Error::Token(TokenFault::Pin)));
    // No PIN at all: this token has no keys of its own to type it on.
    let silent = Pkcs11Key::new(right.uri().clone(), None).unwrap();
    assert_eq!(silent.mac(b"x").map(drop), Err(Error::Token(TokenFault::PinUnset)));
}

#[test]
fn a_wrong_pin_never_passes_beside_a_right_one() {
    if !with_a_token("a_wrong_pin_never_passes_beside_a_right_one") {
        return;
    }
    let expected = hmac_sha256(&KEY, &[b"x"]);
    let (passed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for number in 0..8 {
            let (passed, refused) = (&passed, &refused);
            scope.spawn(move || {
                let (key, is_right) = if number % 2 == 0 { (key(PIN), true) } else { (key("111111"), false) };
                for _ in 0..25 {
                    match key.mac(b"x") {
                        Ok(mac) => {
                            assert!(is_right && *mac == expected);
                            passed.fetch_add(1, Ordering::SeqCst);
                        }
                        Err(error) => {
                            assert_eq!((error, is_right), (Error::Token(TokenFault::Pin), false));
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
    });
    assert_eq!((passed.into_inner(), refused.into_inner()), (100, 100));
}

#[test]
fn a_login_of_other_code_in_the_process_is_used_and_left_alone() {
    if !with_a_token("a_login_of_other_code_in_the_process_is_used_and_left_alone") {
        return;
    }
    let pkcs11 = Pkcs11::new(MODULE).unwrap();
    // Before we do it: then it is done already, which is no failure.
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = pkcs11.get_slots_with_initialized_token().unwrap()[0];
    let session = pkcs11.open_ro_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
    assert!(key(PIN).mac(b"x").is_ok());
    // Theirs still: a private object is seen.
    let theirs = [Attribute::Label(b"known".to_vec())];
    assert_eq!(session.find_objects(&theirs).unwrap().len(), 1);
    session.logout().unwrap();
    assert_eq!(session.find_objects(&theirs).unwrap().len(), 0);
    assert_eq!(
        key("111111").mac(b"x").map(drop),
        Err(Error::Token(TokenFault::Pin)),
        "nobody stays logged in"
    );
}

#[test]
fn a_key_that_is_made_is_seen_by_nobody_who_has_not_logged_in() {
    if !with_a_token("a_key_that_is_made_is_seen_by_nobody_who_has_not_logged_in") {
        return;
    }
    let pkcs11 = Pkcs11::new(MODULE).unwrap();
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let uri = Pkcs11Uri::new("vault", "made").with_module(MODULE);
    let made = Pkcs11Key::new(uri, Some(Passphrase::from(PIN))).unwrap();
    assert_eq!((made.make(), made.check()), (Ok(()), Ok(())));
    let slot = pkcs11.get_slots_with_initialized_token().unwrap()[0];
    let session = pkcs11.open_ro_session(slot).unwrap();
    let name = [Attribute::Label(b"made".to_vec())];
    assert_eq!(session.find_objects(&name).unwrap().len(), 0);
    session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
    assert_eq!(session.find_objects(&name).unwrap().len(), 1);
    session.logout().unwrap();
}
