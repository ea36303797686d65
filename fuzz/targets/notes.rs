//! Notes, keys and policies as text: what is read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_fuzz::accepted;
use zamok_journal::{Note, NoteSignature, SignedCheckpoint, TrustPolicy, VerifierKey};

fuzz_target!(|text: &str| {
    if let Ok(note) = Note::parse(text) {
        accepted("note");
        assert_eq!(note.to_string(), text);
    }
    if let Ok(signed) = SignedCheckpoint::parse(text) {
        accepted("checkpoint");
        assert_eq!(signed.to_string(), text);
    }
    if let Ok(key) = VerifierKey::parse(text) {
        accepted("key");
        assert_eq!(key.to_string(), text);
    }
    if NoteSignature::parse_lines(text).is_ok_and(|lines| !lines.is_empty()) {
        accepted("signatures");
    }
    // No text is a policy and a checkpoint: a policy comes before its checkpoint, with an empty line in between.
    if TrustPolicy::parse(text).is_ok() {
        accepted("policy");
    }
    if let Some((policy, note)) = text.split_once("\n\n")
        && let (Ok(policy), Ok(signed)) = (TrustPolicy::parse(policy), SignedCheckpoint::parse(note))
    {
        accepted("policy and checkpoint");
        if policy.require(&signed).is_ok() {
            accepted("trusted checkpoint");
        }
    }
});
