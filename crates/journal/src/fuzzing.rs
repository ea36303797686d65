//! The door for fuzzers to the rows of the journal and of witnesses, as if their MACs were right; under `--cfg fuzzing` alone.

use alloc::vec::Vec;

use zamok_core::vault::fuzzing::{Form, state_again};

use crate::rows::{Chain, Head, former_position, position};
use crate::signing;
use crate::witness::{self, Identity, Suspicion};

const WRITTEN: &str = "what was read is written";

/// Every form of the journal.
pub const FORMS: &[Form] = &[
    Form::exact("head of the log", |body| Some(Head::decode(body).ok()?.encode().expect(WRITTEN))),
    Form::exact("chain of a writer", |body| Some(Chain::decode(body).ok()?.encode())),
    Form::exact("checkpoint", |body| Some(signing::encode(&signing::decode(body).ok()?).expect(WRITTEN))),
    Form::exact("position", |value| Some(position(value).ok()?.to_be_bytes().to_vec())),
    Form::exact("position in a former log", |value| {
        let (number, index) = former_position(value)?;
        Some([&number.to_be_bytes()[..], &index.to_be_bytes()].concat())
    }),
    Form::exact("evidence of a witness", evidence),
    Form::loose("identity of a witness", identity),
];

fn evidence(body: &[u8]) -> Option<Vec<u8>> {
    let found = witness::open(Suspicion::Fork, body).ok()?;
    Some(witness::written(found.time, &found.remembered, &found.refused).expect(WRITTEN).to_vec())
}

/// The first version is written as the second.
fn identity(body: &[u8]) -> Option<Vec<u8>> {
    state_again(&Identity::row(), body, |tx| {
        Identity::read(tx).ok()?.put(tx).expect(WRITTEN);
        Some(())
    })
}
