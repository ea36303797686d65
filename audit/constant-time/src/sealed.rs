//! What stands under the keys of a vault: opening a record, checking a state row, codes that were sent, blind indexes, and
//! signatures by private keys. The keys are secret; rows, places and lengths are what the store shows anyway.

use std::convert::Infallible;
use std::hint::black_box;

use rand_core::{TryCryptoRng, TryRng};
use zamok_core::hash::{HashAlgorithm, sha256};
use zamok_core::mac::{hmac_sha256, verify_hmac_sha256};
use zamok_core::mechanism::Mechanism;
use zamok_core::otp::Digits;
use zamok_core::secret::HeapMemory;
use zamok_core::signature::{Algorithm, Backend, Portable, Prepared};
use zamok_core::store::{MemoryStore, Range, Row, RowKey, Store, Table};
use zamok_core::vault::issued::{self, Binding};
use zamok_core::vault::one_time::{self, MovingFactor, OtpParameters};
use zamok_core::vault::{
    Committed, DataKeyId, KeyKind, Keyring, Purpose, Role, Transaction, VaultId, VaultKeys, Writer, keys,
    macs,
};
use zamok_core::{Env, Error, UnixTime};
use zamok_lanes::ct;

use crate::Subject;

pub(crate) const SUBJECTS: &[Subject] = &[
    ("record-open", record_open),
    ("state-verify", state_verify),
    ("blind-index", blind_index),
    ("hmac-verify", hmac_verify),
    ("mac-check", mac_check),
    ("issued-check", issued_check),
    ("p256-sign", p256_sign),
    ("ed25519-sign", ed25519_sign),
];

const VAULT: VaultId = VaultId([0x5a; 16]);
const NOW: UnixTime = UnixTime(1_800_000_000);

/// Bytes that repeat, and are not marked: what is drawn becomes salts and ids.
struct Repeating(u64);

impl TryRng for Repeating {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&sha256(&[&self.0.to_be_bytes()])[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Repeating {}

fn keyring(key: &[u8; 32]) -> Keyring {
    Keyring::new(VAULT, Role::User, VaultKeys::alike(&[(DataKeyId(1), key)]), &HeapMemory).expect("one key")
}

/// The same data key for writing and for reading; what reads has it marked.
fn marked() -> Keyring {
    let key = [0x77; 32];
    ct::secret(&key);
    keyring(&key)
}

/// The rows of a vault with one OTP key: its sealed record, and its state row.
fn rows(store: &MemoryStore) -> Vec<(RowKey, Row)> {
    let (keyring, mut chance) = (keyring(&[0x77; 32]), Repeating(0));
    let mut env = Env { now: NOW, rng: &mut chance };
    let chain = Writer::new("log", &mut env);
    let mut tx = Transaction::begin(store, &keyring, chain, env);
    let parameters = OtpParameters {
        factor: MovingFactor::Time { period: 30 },
        algorithm: HashAlgorithm::Sha1,
        digits: Digits::SIX,
    };
    let made = one_time::generate(&mut tx, parameters, "a label", None).expect("a key");
    let pending = tx.prepare(made).expect("a change");
    assert!(matches!(pending.commit(), Ok(Committed::Done(..))));
    let rows_of = |table| {
        let page = store.scan(table, &Range::all(), 100, None).expect("in memory");
        page.rows.into_iter().map(move |(key, row)| (RowKey::new(table, key), row))
    };
    (0..64).map(Table).flat_map(rows_of).collect()
}

fn record_open() {
    let store = MemoryStore::new();
    let reader = marked();
    let mut opened = 0;
    for (place, row) in rows(&store) {
        if reader.open(&place, &row).is_ok() {
            opened += 1;
            // A record that was altered in its last byte, and one whose commitment is another.
            for index in [row.value.len() - 1, row.value.len() / 2] {
                let mut altered = row.clone();
                altered.value[index] ^= 1;
                assert!(matches!(reader.open(&place, &altered), Err(Error::Refused)));
            }
        }
    }
    assert!(opened > 0, "a record was opened");
}

fn state_verify() {
    let store = MemoryStore::new();
    let reader = marked();
    let mut verified = 0;
    for (place, row) in rows(&store) {
        if reader.verify(&place, &row).is_ok() {
            verified += 1;
            let mut altered = row.clone();
            *altered.value.last_mut().expect("a tag") ^= 1;
            assert!(matches!(reader.verify(&place, &altered), Err(Error::Refused)));
        }
    }
    assert!(verified > 0, "a state row was verified");
}

fn blind_index() {
    let normal = *b"ivan";
    ct::secret(&normal);
    black_box(marked().blind_index("login", &normal).expect("an index key"));
}

fn hmac_verify() {
    let key = [0x0b; 32];
    let right = hmac_sha256(&key, &[b"message"]);
    ct::secret(&key);
    assert!(verify_hmac_sha256(&key, &[b"message"], &right).is_ok());
    assert!(verify_hmac_sha256(&key, &[b"massage"], &right).is_err());
    assert!(verify_hmac_sha256(&key, &[b"message"], &right[..16]).is_err());
}

fn sign(algorithm: Algorithm) {
    let material: [u8; 32] = sha256(&[b"a private key"]);
    ct::secret(&material);
    let mut chance = Repeating(7);
    let mut env = Env { now: NOW, rng: &mut chance };
    let signer = Portable.signer(algorithm, &material).expect("it is done here").expect("a key");
    black_box(
        signer.sign(algorithm.mechanism(), Prepared::Message(b"message"), &mut env).expect("a signature"),
    );
}

fn p256_sign() {
    sign(Algorithm::P256);
}

fn ed25519_sign() {
    sign(Algorithm::Ed25519);
}

/// A transaction over an empty store, and what it draws from.
fn within(check: impl FnOnce(&mut Transaction<'_>)) {
    let (store, keyring, mut chance) = (MemoryStore::new(), keyring(&[0x77; 32]), Repeating(0));
    let mut env = Env { now: NOW, rng: &mut chance };
    let chain = Writer::new("log", &mut env);
    check(&mut Transaction::begin(&store, &keyring, chain, env));
}

/// What is shown is marked, and not the key: a comparison that stops early depends on both.
fn mac_check() {
    within(|tx| {
        let template = keys::Template::new(KeyKind::Hmac, Purpose::Data);
        let key = keys::generate(tx, &template).expect("a key");
        for wrong in [None, Some(0), Some(31)] {
            let mut made = macs::tag(tx, key, Mechanism::HmacSha256, b"message").expect("a MAC");
            if let Some(byte) = wrong {
                made.tag[byte] ^= 1;
            }
            ct::secret(made.tag.as_slice());
            let checked = macs::check(tx, key, Mechanism::HmacSha256, b"message", &made);
            assert_eq!(checked.is_ok(), wrong.is_none());
        }
    });
}

/// Codes that are sent, and tokens; how long a text is and which signs it has is public.
fn issued_check() {
    within(|tx| {
        let key = issued::generate(tx, "codes").expect("a key");
        let binding = Binding {
            challenge: [1; 16],
            account: [2; 16],
            session: [3; 16],
            purpose: 4,
            operation: [5; 32],
            sending: 6,
        };
        let code = issued::code(tx, key, &binding, Digits::SIX).expect("a code").to_string();
        assert!(issued::check(tx, key, &binding, Digits::SIX, &code).is_ok());
        let last = code.chars().last().expect("six digits");
        for wrong in [None, Some(0), Some(31)] {
            let mut token = *issued::token(tx, key, &[7; 32]).expect("a token");
            if let Some(byte) = wrong {
                token[byte] ^= 1;
            }
            ct::secret(&token);
            assert_eq!(issued::check_token(tx, key, &[7; 32], &token).is_ok(), wrong.is_none());
        }
        let mut other = code.clone().into_bytes();
        other[5] ^= 1;
        let other = String::from_utf8(other).expect("another digit");
        for text in [code, other] {
            let is_right = text.ends_with(last);
            ct::secret(text.as_bytes());
            let checked = issued::check(tx, key, &binding, Digits::SIX, &text);
            assert_eq!(checked.is_ok(), is_right);
        }
    });
}
