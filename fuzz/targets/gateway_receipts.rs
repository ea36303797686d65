//! Receipts that a gateway posts over HTTPS: none is read without a signature of its own, and behind one anything is read or refused.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use zamok_core::UnixTime;
use zamok_delivery::{HttpConfig, HttpGateway, ReceiptMapping};
use zamok_fuzz::{accepted, parts};

const SECRET: &str = "0123456789abcdef";
const NOW: u64 = 1_800_000_000;

static GATEWAY: LazyLock<HttpGateway> = LazyLock::new(|| {
    // A secret is read from a file, and once.
    let file = std::env::temp_dir().join(format!("zamok-fuzz-secret-{}", std::process::id()));
    std::fs::write(&file, SECRET).expect("a file of its own");
    let states = |states: &[&str]| states.iter().map(|state| (*state).to_owned()).collect();
    let config = HttpConfig {
        url: "https://gateway.example/".into(),
        allow_plaintext: false,
        secret_file: file.clone(),
        roots_file: None,
        headers_from_files: BTreeMap::new(),
        sender: String::new(),
        body: BTreeMap::from([("text".to_owned(), "{text}".to_owned())]),
        answer_id: None,
        receipts: Some(ReceiptMapping {
            id: "/id".into(),
            state: "/state".into(),
            reason: Some("/why/0".into()),
            delivered: states(&["delivered"]),
            rejected: states(&["failed"]),
            expired: states(&["expired"]),
        }),
    };
    let gateway = HttpGateway::new("gateway", config).expect("a gateway");
    let _ = std::fs::remove_file(file);
    gateway
});

// What stands in the header, and the body.
fuzz_target!(|input: &[u8]| {
    let [signature, body] = parts(input);
    if let Ok(signature) = str::from_utf8(signature) {
        let found = GATEWAY.receipt(signature, body, UnixTime(NOW));
        // Hexadecimal digits are the same in either case.
        let is_own = signature.eq_ignore_ascii_case(&sign(body));
        assert!(found.is_err() || is_own, "a receipt that the gateway did not sign");
    }
    if let Ok((id, _, reason)) = GATEWAY.receipt(&sign(body), body, UnixTime(NOW)) {
        accepted("receipt");
        assert!(!id.is_empty() && id.len() <= 128 && !reason.is_empty() && reason.len() <= 128);
    }
});

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(format!("{NOW}.").as_bytes());
    mac.update(body);
    let tag: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={NOW},v1={tag}")
}
