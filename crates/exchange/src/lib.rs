//! Tokens in and out of other people's formats, through one neutral [`TokenRecord`].
//!
//! Readers are iterators over `Result<TokenRecord, ExchangeError>`: an error of one entry does not end them, an error of
//! the file does. Everything that is read is hostile until it was understood: lengths, nesting, counts and rounds of key
//! derivation are bounded. What is read, what is written and what is refused stands in `docs/formats/exchange.md`.
#![forbid(unsafe_code)]

mod error;
mod format;
mod google_pam;
mod keycloak;
mod liboath;
mod loss;
mod migration;
mod privacyidea;
mod pskc;
mod record;
mod source;
mod text;
mod uri;
mod vault;

pub use error::{ExchangeError, Fault, Position, Scope};
pub use format::{Format, Options, Records, open};
pub use google_pam::{GooglePamFile, read_google_pam};
pub use keycloak::read_keycloak;
pub use liboath::LiboathReader;
pub use loss::Loss;
pub use migration::{Migration, read_migration, write_migration};
pub use privacyidea::{read_privacyidea_csv, read_privacyidea_json};
pub use pskc::{MacHash, Protection, PskcKey, PskcOptions, PskcReader, PskcWriter};
pub use record::{KeyUsage, PinPolicy, TokenKind, TokenPolicy, TokenRecord, Warning, WeakSecrets};
pub use uri::{UriReader, write_uri};
pub use vault::{Import, reindex_imports};
