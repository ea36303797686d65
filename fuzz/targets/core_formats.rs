//! Small formats of the core: codes in Steam's alphabet, signatures as others write them, ids of changes. What is read is written
//! and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::otp::SteamCode;
use zamok_core::signature::{Algorithm, Signature};
use zamok_core::store::EntryId;
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    if let Some(code) = str::from_utf8(input).ok().and_then(|text| SteamCode::parse(text).ok()) {
        accepted("steam");
        assert!(code.as_str().as_bytes().eq_ignore_ascii_case(input));
        assert_eq!(SteamCode::parse(code.as_str()).expect("what was written").as_str(), code.as_str());
    }
    if let Some(id) = EntryId::from_bytes(input) {
        accepted("entry id");
        assert_eq!(id.to_bytes(), input);
        assert_eq!(EntryId::of_row(input).map(|id| id.row().key).as_deref(), Some(input));
    }
    for algorithm in [Algorithm::P256, Algorithm::P384, Algorithm::Ed25519] {
        if let Ok(signature) = Signature::from_der(algorithm, input) {
            match algorithm {
                Algorithm::P256 => accepted("P-256"),
                Algorithm::P384 => accepted("P-384"),
                _ => accepted("Ed25519"),
            }
            assert_eq!(Signature::from_fixed(algorithm, &signature.to_fixed()).as_ref(), Ok(&signature));
            assert_eq!(signature.to_der(), input, "one signature has one encoding");
        }
        if let Ok(signature) = Signature::from_fixed(algorithm, input) {
            accepted("fixed");
            assert_eq!(signature.to_fixed(), input);
            assert_eq!(Signature::from_der(algorithm, &signature.to_der()), Ok(signature));
        }
    }
});
