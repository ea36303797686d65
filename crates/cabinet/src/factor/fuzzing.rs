//! The door for fuzzers to the rows of factors and recovery codes, PINs among them.

use zamok_core::vault::fuzzing::{Form, record_again};

use super::recovery::Set;
use super::{Factor, FactorId};
use crate::account::AccountId;
use crate::fuzzing::{WRITTEN, id};

/// Every form of factors.
pub(crate) const FORMS: &[Form] =
    &[Form::loose("factor", factor), Form::exact("set of recovery codes", recovery_codes)];

fn factor(body: &[u8]) -> Option<Vec<u8>> {
    let (id, account) = (FactorId(id(body)?), AccountId(body.get(17..33)?.try_into().ok()?));
    record_again(&id.row(), body, |tx| {
        Factor::load(tx, id, account).ok()?.put(tx).expect(WRITTEN);
        Some(())
    })
}

fn recovery_codes(body: &[u8]) -> Option<Vec<u8>> {
    let account = AccountId(id(body)?);
    record_again(&Set::row(account), body, |tx| {
        Set::load(tx, account).ok()??.put(tx, account).expect(WRITTEN);
        Some(())
    })
}
