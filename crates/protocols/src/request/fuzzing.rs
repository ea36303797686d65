//! The door for fuzzers to the keys of clients, the certificates that they register, and nonces.

use zamok_cabinet::AccountId;
use zamok_core::vault::fuzzing::{Form, record_again, state_again};

use super::client_key::{self, ClientKey, ClientKeyId};
use super::{clients, nonces};
use crate::fuzzing::WRITTEN;

/// Every form of requests.
pub(crate) const FORMS: &[Form] = &[
    Form::exact("key of a client", client_key),
    Form::exact("list of an account's keys", listed),
    Form::loose("nonce", |body| nonces::due(body).ok().map(|_| body.to_vec())),
    Form::loose("certificate", |der| {
        let key = client_key::public_key_of(der)?;
        assert!(key.len() < der.len(), "a part of it");
        Some(der.to_vec())
    }),
];

fn client_key(body: &[u8]) -> Option<Vec<u8>> {
    let id = ClientKeyId(body.get(1..33)?.try_into().ok()?);
    record_again(&id.row(), body, |tx| {
        ClientKey::load(tx, id).ok()??.put(tx).expect(WRITTEN);
        Some(())
    })
}

fn listed(body: &[u8]) -> Option<Vec<u8>> {
    let account = AccountId([1; 16]);
    state_again(&clients::row(account), body, |tx| {
        let ids = clients::listed(tx, account).ok()?;
        clients::list(tx, account, &ids).expect(WRITTEN);
        Some(())
    })
}
