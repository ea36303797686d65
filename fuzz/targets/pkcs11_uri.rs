//! PKCS#11 URIs as configurations and strangers write them: what is read is written back as the same URI, and shows no PIN.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_fuzz::accepted;
use zamok_host::{Pkcs11Key, Pkcs11Uri};

fuzz_target!(|input: &str| {
    let Ok(uri) = Pkcs11Uri::parse(input) else { return };
    accepted("uri");
    let written = uri.to_string();
    let query = written.split_once('?').map_or("", |(_, query)| query);
    assert!(query.split('&').all(|attribute| !attribute.starts_with("pin-value=")));
    // What was read to its limit may grow beyond it when it is encoded.
    if written.len() <= Pkcs11Uri::MAX {
        assert_eq!(Pkcs11Uri::parse(&written), Ok(uri.clone()), "{written}");
    }
    // Nothing is loaded or asked by naming it.
    let _ = Pkcs11Key::new(uri, None);
});
