//! The door for fuzzers to the records of accounts.

use zamok_core::UnixTime;
use zamok_core::vault::fuzzing::{Form, in_transaction};
use zamok_core::vault::personal;

use super::record::{self, AccountRecord};
use super::{AccountState, load};
use crate::fuzzing::WRITTEN;

/// Every form of accounts.
pub(crate) const FORMS: &[Form] = &[Form::loose("account", account)];

/// The body of a record with what names the person in the clear, in the place of the seal under his own key.
fn account(body: &[u8]) -> Option<Vec<u8>> {
    let (mut read, _, plain) = record::decode(body).ok()?;
    if read.account.state != AccountState::Erased {
        record::name(&mut read.account, &plain).ok()?;
    }
    let here = "192.0.2.1".parse().ok();
    let _ = read.account.limits.allow(UnixTime(1_800_000_000), here);
    let _ = read.account.limits.to_string();
    in_transaction(|tx| {
        personal::begin(tx, read.account.subject).expect("the first of this person");
        // No account has more networks; reading more does no harm.
        read.put(tx).ok()?;
        let again = load(tx, read.account.id).expect("the record that was written");
        same(&read, &again);
        Some(body.to_vec())
    })
}

fn same(one: &AccountRecord, other: &AccountRecord) {
    assert_eq!(one.account, other.account, "{WRITTEN}");
    assert!(one.password.recipe == other.password.recipe && one.password.matches(&other.password));
    let rest = |record: &AccountRecord| {
        let former = record.former.as_ref().map(|former| (former.until, former.passwords.len()));
        (record.password_changed, record.password_due, record.enrolled, record.leave, former)
    };
    assert_eq!(rest(one), rest(other), "{WRITTEN}");
}
