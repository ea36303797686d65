//! Requests that clients sign with keys of their own (R6, R33): HTTP Message Signatures (RFC 9421) with Content-Digest
//! (RFC 9530), and the same canonical record for callers that do not speak HTTP (`docs/formats/request.md`).
//!
//! A client signs with a key that is registered for its account; the service checks, and does what is asked once:
//!
//! ```
//! # use std::sync::Arc;
//! # use zamok_cabinet::{Cabinet, Password, Policy};
//! # use zamok_core::store::MemoryStore;
//! # use zamok_core::vault::slot::Argon2Cost;
//! # use zamok_core::vault::{KeyKind, Purpose, signing};
//! # use zamok_host::{Options, Passphrase, Vault};
//! use zamok_protocols::Error;
//! use zamok_protocols::request::{Clients, Message, NewClientKey, SignedRequests, Signing, VaultKey};
//! # let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
//! # let options = Options { cost, ..Options::default() };
//! # let vault = Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a long passphrase"), options)?;
//! # let mut policy = Policy::strict();
//! # policy.password.cost = cost;
//! # let bank = Cabinet::create(Arc::new(vault), "Bank", policy)?;
//! # bank.register("shop", &Password::new("correct horse battery"))?;
//! // The client's key: here in the same vault, otherwise wherever the client keeps it.
//! let key = bank.vault().transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Request, "shop", None))?;
//! let pem = bank.vault().transact(|tx| signing::spki_pem(tx, key))?;
//! let registered = Clients::new(&bank).add("shop", &NewClientKey::PublicKeyPem(&pem), None, "the shop's server")?;
//!
//! let body = br#"{"amount":1}"#;
//! let signing = Signing {
//!     label: "sig",
//!     key: &registered.id.to_string(),
//!     tag: "bank",
//!     created: bank.vault().now(),
//!     nonce: bank.vault().transact(|tx| Ok::<_, Error>(Signing::draw_nonce(&mut tx.env())))?,
//!     also: &[],
//! };
//! let message = Message::request("POST", "https://bank.example/pay")?;
//! let signed = signing.sign(message, body, &VaultKey::new(&bank, key))?;
//!
//! let requests = SignedRequests::new(&bank, "bank");
//! assert_eq!(requests.check(&signed, body)?.account, registered.account);
//! assert!(requests.check(&signed, body).is_err(), "a request is good once");
//! # Ok::<(), Error>(())
//! ```

mod algorithm;
mod base;
mod batch;
mod check;
mod client_key;
mod clients;
mod digest;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
#[cfg(feature = "http")]
mod http;
mod message;
mod nonces;
mod sign;

pub use self::algorithm::SignatureAlgorithm;
pub use self::base::{Covered, signature_base};
pub use self::batch::{Manifest, Receiving};
pub use self::check::SignedRequests;
pub use self::client_key::{Client, ClientKey, ClientKeyId, ClientKeyKind, NewClientKey};
pub use self::clients::Clients;
pub use self::digest::{check_content_digest, content_digest};
#[cfg(feature = "http")]
pub use self::http::{message_of, sign_http};
pub use self::message::{Message, target_uri};
pub(crate) use self::nonces::{Nonce, SPENT_NONCES, due as nonce_due, spend};
pub use self::sign::{SignRequest, Signing, VaultKey};
