//! The door for fuzzers to families of refresh tokens and to what serves tokens.

use zamok_core::vault::fuzzing::{Form, record_again, state_again};

use super::family::{Family, FamilyId};
use super::keys::{self, Settings};
use crate::fuzzing::WRITTEN;

/// Every form of tokens.
pub(crate) const FORMS: &[Form] =
    &[Form::loose("family of refresh tokens", family), Form::exact("keys of tokens", settings)];

fn family(body: &[u8]) -> Option<Vec<u8>> {
    let id = FamilyId(body.get(1..17)?.try_into().ok()?);
    record_again(&id.row(), body, |tx| {
        Family::load(tx, id).ok()??.put(tx).expect(WRITTEN);
        Some(())
    })
}

fn settings(body: &[u8]) -> Option<Vec<u8>> {
    state_again(&keys::row(), body, |tx| {
        Settings::load(tx).ok()?.put(tx).expect(WRITTEN);
        Some(())
    })
}
