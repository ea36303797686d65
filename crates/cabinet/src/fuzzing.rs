//! The door for fuzzers to the rows of the cabinet, as if their seals were right; under `--cfg fuzzing` alone.

use zamok_core::store::RowKey;
use zamok_core::vault::fuzzing::{Form, record_again, state_again};

use crate::account::power::Power;
use crate::account::{self, PowerId};
use crate::challenge::{CHALLENGES, ChallengeRecord};
use crate::device::{self, DeviceId};
use crate::factor;
use crate::operation::{self, Content, OperationId};
use crate::outbox;
use crate::policy::Policy;
use crate::service::{self, Service};
use crate::session::{self, SessionId};
use crate::throttle::Ledger;

pub(crate) const WRITTEN: &str = "what was read is written";

/// Every form of the cabinet.
pub const FORMS: [&[Form]; 4] =
    [OWN, account::fuzzing::FORMS, factor::fuzzing::FORMS, outbox::fuzzing::FORMS];

const OWN: &[Form] = &[
    Form::exact("session", session),
    Form::loose("challenge", challenge),
    Form::loose("operation", operation),
    Form::exact("content of an operation", content),
    Form::exact("device", device),
    Form::exact("power", power),
    Form::loose("failures at a known device", |body| {
        Some(Ledger::decode(body).ok()?.encode().expect(WRITTEN).to_vec())
    }),
    Form::loose("service", service),
];

/// The id that rows of the cabinet have behind the number of their format.
pub(crate) fn id(body: &[u8]) -> Option<[u8; 16]> {
    body.get(1..17)?.try_into().ok()
}

fn session(body: &[u8]) -> Option<Vec<u8>> {
    let id = SessionId(id(body)?);
    record_again(&session::row(id), body, |tx| {
        let session = session::load(tx, id).ok()?;
        session::put(tx, &session).expect(WRITTEN);
        Some(())
    })
}

fn challenge(body: &[u8]) -> Option<Vec<u8>> {
    let id = id(body)?;
    let row = RowKey::new(CHALLENGES, id);
    record_again(&row, body, |tx| {
        ChallengeRecord::load(tx, id).ok()??.put(tx).expect(WRITTEN);
        let read = tx.record(&row).expect("the row that was written").expect("it is there");
        crate::challenge::due(&read.body, &Policy::strict()).expect("it has been read");
        Some(())
    })
}

fn operation(body: &[u8]) -> Option<Vec<u8>> {
    let id = OperationId(id(body)?);
    record_again(&operation::row(id), body, |tx| {
        let operation = operation::load(tx, id).ok()??;
        assert!(!operation.content.text().is_empty(), "something is shown");
        operation::put(tx, &operation).expect(WRITTEN);
        Some(())
    })
}

fn content(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Content::from_bytes(bytes).ok()?.to_bytes())
}

fn device(body: &[u8]) -> Option<Vec<u8>> {
    let id = DeviceId(id(body)?);
    record_again(&device::row(id), body, |tx| {
        let device = device::load(tx, id).ok()??;
        device::put(tx, &device).expect(WRITTEN);
        Some(())
    })
}

fn power(body: &[u8]) -> Option<Vec<u8>> {
    let id = PowerId(id(body)?);
    record_again(&Power::row(id), body, |tx| {
        Power::load(tx, id).ok()?.put(tx).expect(WRITTEN);
        Some(())
    })
}

fn service(body: &[u8]) -> Option<Vec<u8>> {
    state_again(&service::row(), body, |tx| {
        Service::load(tx).ok()??.put(tx).expect(WRITTEN);
        Some(())
    })
}
