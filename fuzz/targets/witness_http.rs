//! What a witness reads over HTTP, and what it answers: a head is read in one way, wherever the line was cut; a cosignature in an
//! answer is one of the witness that was asked.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zamok_fuzz::accepted;
use zamok_journal::{Party, SignedCheckpoint, TrustPolicy};
use zamok_witness::fuzzing::{cosignature, head};

const LONGEST: usize = 1 << 16;
/// A policy with a witness, an empty line, and a checkpoint that the witness has signed.
const EXAMPLE: &str = include_str!("../seeds/notes/policy-and-cosigned");

static ASKED: LazyLock<(TrustPolicy, SignedCheckpoint)> = LazyLock::new(|| {
    let (policy, note) = EXAMPLE.split_once("\n\n").expect("a policy and a note");
    let policy = TrustPolicy::parse(policy).expect("a policy");
    (policy, SignedCheckpoint::parse(note).expect("a checkpoint"))
});

fuzz_target!(|input: &[u8]| {
    if let Ok(Some(found)) = head(input, LONGEST) {
        accepted("head");
        assert!(found.head <= input.len() && found.body <= LONGEST);
        assert_eq!(head(&input[..found.head], LONGEST), Ok(Some(found)), "the body is not looked at");
    }
    let Ok(text) = str::from_utf8(input) else { return };
    let (policy, checkpoint) = &*ASKED;
    let witness: &Party = policy.witnesses().next().expect("a witness");
    if let Some(line) = cosignature(checkpoint, witness, text) {
        accepted("cosignature");
        assert!(line.is_by(&witness.key));
    }
});
