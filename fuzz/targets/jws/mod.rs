//! Objects of JSON that are built member by member, right but for a few changes, and signed with a key that is always the same:
//! what stands behind the signature is reached.
#![allow(dead_code)]

use std::fmt::Write as _;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use zamok_core::UnixTime;
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Algorithm, Backend as _, Portable, Prepared, VerifyingKey};
use zamok_core::vault::keys::Template;
use zamok_core::vault::{KeyKind, Purpose, fuzzing, importing, signing};

/// The seed of the key that signs.
pub const SEED: [u8; 32] = [7; 32];

/// A value that is probably of another type than is asked for.
#[derive(Arbitrary, Debug)]
pub enum Odd<'a> {
    Null,
    Bool(bool),
    Whole(i64),
    Huge(u64),
    Power(i16, i8),
    Text(&'a str),
    List(Vec<Odd<'a>>),
    Object(Vec<(&'a str, Odd<'a>)>),
}

/// What is done to an object that was right.
#[derive(Arbitrary, Debug)]
pub enum Change<'a> {
    Drop(u8),
    Twice(u8),
    /// Another value for a member.
    Put(u8, Odd<'a>),
    /// The present time and so many seconds for a member.
    Time(u8, i16),
    Add(&'a str, Odd<'a>),
}

/// Names of members, each with its value as JSON, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object(pub Vec<(String, String)>);

/// A text as JSON has it.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\0'..='\u{1f}' => write!(quoted, "\\u{:04x}", u32::from(character)).expect("a string"),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

impl Odd<'_> {
    pub fn to_json(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Huge(value) => value.to_string(),
            Self::Power(value, power) => format!("{value}e{power}"),
            Self::Text(text) => quoted(text),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::to_json).collect();
                format!("[{}]", values.join(","))
            }
            Self::Object(members) => {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| ((*name).to_owned(), value.to_json())).collect();
                Object(members).to_json()
            }
        }
    }
}

impl Object {
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    pub fn to_json(&self) -> String {
        let members: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
        format!("{{{}}}", members.join(","))
    }

    pub fn change(&mut self, changes: &[Change<'_>], now: UnixTime) {
        for change in changes {
            let count = self.0.len().max(1);
            let place = |at: u8| usize::from(at) % count;
            match change {
                Change::Add(name, value) => self.0.push(((*name).into(), value.to_json())),
                _ if self.0.is_empty() => {}
                Change::Drop(at) => drop(self.0.remove(place(*at))),
                Change::Twice(at) => self.0.push(self.0[place(*at)].clone()),
                Change::Put(at, value) => self.0[place(*at)].1 = value.to_json(),
                Change::Time(at, seconds) => {
                    let time = now.0.saturating_add_signed((*seconds).into());
                    self.0[place(*at)].1 = time.to_string();
                }
            }
        }
    }

    /// The one value of a member, as it was written.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(member, _)| member == name);
        let (one, more) = (found.next(), found.next());
        one.filter(|_| more.is_none()).map(|(_, value)| value.as_str())
    }

    /// The number in a member, where it is a whole one or has a fraction.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok()
    }

    pub fn is_without_repeats(&self) -> bool {
        self.0.iter().enumerate().all(|(at, (name, _))| self.0[..at].iter().all(|(before, _)| before != name))
    }
}

/// Base64url without padding (RFC 4648 §5).
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let padded = [group[0], *group.get(1).unwrap_or(&0), *group.get(2).unwrap_or(&0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for at in 0..=group.len() {
            let digit = usize::try_from(bits >> (18 - 6 * at) & 63).expect("6 bits");
            text.push(char::from(ALPHABET[digit]));
        }
    }
    text
}

/// The key that signs, as it is registered.
pub fn public_key() -> VerifyingKey {
    static KEY: LazyLock<VerifyingKey> = LazyLock::new(|| {
        fuzzing::in_transaction(|tx| {
            let template = Template::new(KeyKind::Ed25519, Purpose::Request);
            let id = importing::raw(tx, &template, SEED.to_vec().into()).expect("any 32 bytes are a seed");
            signing::public_key(tx, id).expect("the key that was made").1
        })
    });
    KEY.clone()
}

/// An Ed25519 signature by that key.
pub fn sign(message: &[u8]) -> Vec<u8> {
    let signer = Portable.signer(Algorithm::Ed25519, &SEED).expect("it signs");
    let signer = signer.expect("any 32 bytes are a seed");
    let message = Prepared::Message(message);
    let signature = fuzzing::in_transaction(|tx| signer.sign(Mechanism::Ed25519, message, &mut tx.env()));
    signature.expect("it signs").to_fixed()
}

/// A JWS in its compact form (RFC 7515 §7.1). `flip` changes a bit of it afterwards.
pub fn compact(header: &Object, claims: &Object, flip: Option<(u16, u8)>) -> String {
    let signed =
        format!("{}.{}", base64url(header.to_json().as_bytes()), base64url(claims.to_json().as_bytes()));
    let mut token = format!("{signed}.{}", base64url(&sign(signed.as_bytes()))).into_bytes();
    if let Some((at, bit)) = flip {
        let at = usize::from(at) % token.len();
        // Still ASCII, and always another byte.
        token[at] ^= 1 << (bit % 7);
    }
    String::from_utf8(token).expect("ASCII")
}

/// Base64 with padding (RFC 4648 §4).
pub fn base64(bytes: &[u8]) -> String {
    let mut text = base64url(bytes).replace('-', "+").replace('_', "/");
    text.extend(std::iter::repeat_n('=', (4 - text.len() % 4) % 4));
    text
}
