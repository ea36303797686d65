//! The door for fuzzers to the rows of messages, and to what accounts wish to be told.

use zamok_core::vault::fuzzing::{Form, record_again};

use super::preferences::Preferences;
use super::row::Row;
use super::{archive, subscription};
use crate::device::DeviceId;
use crate::fuzzing::WRITTEN;

/// Every form of messages.
pub(crate) const FORMS: &[Form] = &[
    Form::loose("message on its way", message),
    Form::loose("archived message", |body| archive::decode(body).ok().map(|_| body.to_vec())),
    Form::loose("preferences", |plain| Some(Preferences::read(plain).ok()?.write().expect(WRITTEN).to_vec())),
    Form::exact("subscription to pushes", subscribed),
];

fn message(body: &[u8]) -> Option<Vec<u8>> {
    let row = Row::decode(body).ok()?.key();
    record_again(&row, body, |tx| {
        let mut message = Row::load(tx, &row).ok()??;
        let due = message.due.expect("a row says when it is due");
        message.put(tx, due).expect(WRITTEN);
        Some(())
    })
}

fn subscribed(body: &[u8]) -> Option<Vec<u8>> {
    let device = DeviceId([1; 16]);
    record_again(&subscription::row(device.0), body, |tx| {
        subscription::Kept::load(tx, device).ok()??.put(tx, device).expect(WRITTEN);
        Some(())
    })
}
