//! Proofs as text: what is read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_fuzz::accepted;
use zamok_journal::InclusionProof;

fuzz_target!(|text: &str| {
    if let Ok(proof) = InclusionProof::from_text(text) {
        accepted("proof");
        let _ = proof.leaf_of_root();
        let again = InclusionProof::from_text(&proof.to_text()).expect("what was written is read");
        assert_eq!(again, proof);
    }
});
