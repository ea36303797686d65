//! Notes, keys and policies as text: what is read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_journal::{Note, NoteSignature, SignedCheckpoint, TrustPolicy, VerifierKey};

fuzz_target!(|text: &str| {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
    }
    if let Ok(signed) = SignedCheckpoint::parse(text) {
        assert_eq!(signed.to_string(), text);
        if let Ok(policy) = TrustPolicy::parse(text) {
            let _ = policy.require(&signed);
        }
    }
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    let _ = NoteSignature::parse_lines(text);
    let _ = TrustPolicy::parse(text);
});
