//! Proofs of possession from strangers: any text at all, and any members of header and claims, are read or refused. What is behind
//! the signature is reached with a vault in memory.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use zamok_cabinet::{Cabinet, Policy};
use zamok_core::UnixTime;
use zamok_core::store::MemoryStore;
use zamok_core::vault::slot::Argon2Cost;
use zamok_fuzz::accepted;
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_protocols::proof::{Asked, Proofs};
use zamok_protocols::token::{AccessTokens, Shown};

/// `tests/proofs.rs` of the protocols says where it is from.
const EXAMPLE: &str = include_str!("../seeds/proof/rfc9449-figure-2");

static CABINET: LazyLock<Cabinet> = LazyLock::new(|| {
    let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let clock = Arc::new(ManualClock::new(UnixTime(1_562_262_616)));
    let options = Options { clock, cost, ..Options::default() };
    let store = Arc::new(MemoryStore::new());
    let vault =
        Vault::create(store, &Passphrase::from("a long passphrase"), options).expect("a vault in memory");
    Cabinet::create(Arc::new(vault), "Bank", Policy::strict()).expect("a cabinet in memory")
});

fuzz_target!(|text: &str| {
    let asked = Asked { method: "POST", uri: "https://server.example.com/token", access_token: None };
    // One that the fuzzer did not make: the example of RFC 9449 §4.1, which is good once.
    if Proofs::new(&CABINET).check(text, &asked).is_ok() {
        accepted("proof");
        assert_eq!(text, EXAMPLE.trim_end(), "somebody made a proof without a key");
    }
    assert!(Proofs::new(&CABINET).check(text, &asked).is_err(), "a proof was good twice");
    let tokens = AccessTokens::new(&CABINET, "audience");
    assert!(tokens.check(text, &Shown::NOTHING).is_err());
    assert!(tokens.refresh(text, &Shown::NOTHING).is_err());
    assert!(!tokens.introspect(text).expect("an answer").is_active());
});
