//! Keycloak: OTP credentials in exports of a realm, of its users, of one user, or as a list of credentials.
//!
//! `secretData` and `credentialData` are JSON inside of JSON. Without `secretEncoding` the secret is its text's bytes.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::Digits;
use zeroize::Zeroize;

use crate::error::{ExchangeError, Fault, Position};
use crate::record::{By, TokenKind, TokenRecord, Warning, WeakSecrets};
use crate::{source, text};

/// Text that may be a secret: wiped when dropped.
#[derive(Deserialize, Default)]
#[serde(transparent)]
pub(crate) struct SecretText(pub(crate) String);

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A realm, a user or a credential: their fields do not collide.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    realm: Option<String>,
    users: Option<Vec<Node>>,
    /// What is kept of users whom a directory knows: their id, credentials, and no name.
    federated_users: Option<Vec<Node>>,
    username: Option<String>,
    enabled: Option<bool>,
    credentials: Option<Vec<Node>>,
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    user_label: Option<String>,
    secret_data: Option<SecretText>,
    credential_data: Option<String>,
    /// Up to Keycloak 7 these stood in the credential itself. It exported the secret under the second name.
    value: Option<SecretText>,
    hashed_salted_value: Option<SecretText>,
    #[serde(flatten)]
    parameters: Parameters,
}

impl Node {
    /// Whether anything of it is Keycloak's: JSON of another program is a node without fields.
    fn is_known(&self) -> bool {
        let Self { realm, users, username, credentials, secret_data, credential_data, value, .. } = self;
        realm.is_some()
            || users.is_some()
            || self.federated_users.is_some()
            || username.is_some()
            || credentials.is_some()
            || secret_data.is_some()
            || credential_data.is_some()
            || value.is_some()
            || self.hashed_salted_value.is_some()
    }
}

/// How many nodes there are.
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self(0))
    }
}

impl<'de> Visitor<'de> for Count {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a realm, a user, a credential, or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        self.0 += 1;
        while let Some(name) = map.next_key::<String>()? {
            if matches!(name.as_str(), "users" | "federatedUsers" | "credentials") {
                self.0 += map.next_value::<Option<Self>>()?.map_or(0, |below| below.0);
            } else {
                let _: IgnoredAny = map.next_value()?;
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self, A::Error> {
        while let Some(one) = list.next_element::<Self>()? {
            self.0 += one.0;
        }
        Ok(self)
    }
}

#[derive(Deserialize, Default, Clone)]
#[serde(rename_all = "camelCase", default)]
struct Parameters {
    sub_type: Option<String>,
    digits: Option<u64>,
    period: Option<u64>,
    counter: Option<u64>,
    algorithm: Option<String>,
    secret_encoding: Option<String>,
}

#[derive(Deserialize)]
struct SecretData {
    value: SecretText,
}

/// What is wrong with JSON, and where; what stands there is not told.
pub(crate) fn json_error(error: &serde_json::Error) -> ExchangeError {
    let fault = match error.classify() {
        serde_json::error::Category::Eof => Fault::Cut,
        _ => Fault::Malformed("JSON of this format"),
    };
    ExchangeError::file(fault, Position::Line(error.line() as u64))
}

/// Reads an export. Credentials that are no one-time passwords are passed over.
///
/// # Errors
/// [`Fault::Cut`], [`Fault::Malformed`] with their line; [`Fault::Format`] for JSON of which nothing is Keycloak's; [`Fault::TooLong`] for
/// more than 100,000 users and credentials; what is wrong with one credential is told in its place.
pub fn read_keycloak(
    text: &str,
    weak: WeakSecrets,
) -> Result<Vec<Result<TokenRecord, ExchangeError>>, ExchangeError> {
    // Counted first, which takes no memory.
    let Count(nodes) = serde_json::from_str(text).map_err(|error| json_error(&error))?;
    source::bounded(nodes)?;
    let nodes = if text.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<Node>>(text)
    } else {
        serde_json::from_str::<Node>(text).map(|node| vec![node])
    };
    let nodes = nodes.map_err(|error| json_error(&error))?;
    if !nodes.is_empty() && !nodes.iter().any(Node::is_known) {
        return Err(ExchangeError::file(Fault::Format("an export of Keycloak"), Position::Whole));
    }
    let mut found = Found { weak, records: Vec::new() };
    for node in &nodes {
        found.node(node, &Context::default());
    }
    Ok(found.records)
}

/// What the nodes around a credential say.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    realm: Option<&'a str>,
    user: &'a str,
    is_disabled: bool,
}

struct Found {
    weak: WeakSecrets,
    records: Vec<Result<TokenRecord, ExchangeError>>,
}

impl Found {
    fn node(&mut self, node: &Node, around: &Context<'_>) {
        let context = Context {
            realm: node.realm.as_deref().or(around.realm),
            user: node.username.as_deref().unwrap_or(around.user),
            is_disabled: around.is_disabled || node.enabled == Some(false),
        };
        for below in node.users.iter().chain(&node.credentials).flatten() {
            self.node(below, &context);
        }
        for below in node.federated_users.iter().flatten() {
            // The id has the name in it: `f:`, the directory, the name.
            self.node(below, &Context { user: below.id.as_deref().unwrap_or_default(), ..context });
        }
        if matches!(node.kind.as_deref(), Some("otp" | "totp" | "hotp")) {
            let at = Position::Entry(self.records.len() as u64 + 1);
            let record = credential(node, &context, self.weak);
            self.records.push(record.map_err(|fault| ExchangeError::entry(fault, at)));
        }
    }
}

fn credential(node: &Node, context: &Context<'_>, weak: WeakSecrets) -> Result<TokenRecord, Fault> {
    let inner = |_| Fault::Malformed("the credential's JSON");
    let parameters = match &node.credential_data {
        Some(data) => serde_json::from_str::<Parameters>(data).map_err(inner)?,
        None => node.parameters.clone(),
    };
    let inside = node
        .secret_data
        .as_ref()
        .map(|data| serde_json::from_str::<SecretData>(&data.0))
        .transpose()
        .map_err(inner)?;
    let older = node.value.as_ref().or(node.hashed_salted_value.as_ref());
    let secret = inside.as_ref().map(|data| &data.value).or(older);
    let secret = &secret.ok_or(Fault::Missing("the secret"))?.0;
    let secret = match parameters.secret_encoding.as_deref() {
        None | Some("") => weak.take(secret.as_bytes())?,
        Some(name) if name.eq_ignore_ascii_case("BASE32") => {
            weak.take(&text::from_base32(secret, "the secret")?)?
        }
        Some(_) => return Err(Fault::Unsupported("this encoding of the secret")),
    };
    let algorithm = parameters.algorithm.as_deref().map_or(Ok(HashAlgorithm::Sha1), text::algorithm)?;
    let digits = u8::try_from(parameters.digits.unwrap_or(6)).map_err(|_| Fault::Number("the digits"))?;
    let sub_type = parameters.sub_type.as_deref().or(node.kind.as_deref().filter(|kind| *kind != "otp"));
    let by = match sub_type {
        Some("totp") => By::Time { period: parameters.period.unwrap_or(30) },
        Some("hotp") => By::Counter(parameters.counter.ok_or(Fault::Missing("the counter"))?),
        Some(_) => return Err(Fault::Unsupported("this type of token")),
        None => return Err(Fault::Missing("subType")),
    };
    let account = match (context.user, &node.user_label) {
        ("", Some(label)) => label.as_str(),
        (user, _) => user,
    };
    let id = node.id.as_deref().unwrap_or_default();
    let kind = TokenKind::moving(by, algorithm, Digits::new(digits)?)?;
    let mut record = TokenRecord::new(id, account, kind, secret);
    record.issuer = context.realm.filter(|realm| !realm.is_empty()).map(str::to_owned);
    record.warn(Warning::PlainSecret);
    if matches!(by, By::Time { .. }) {
        record.warn(Warning::SpentUnknown);
    }
    if context.is_disabled {
        record.warn(Warning::Disabled);
    }
    WeakSecrets::mark(&mut record);
    Ok(record)
}
