//! The formats by name, and what a file is when nobody says it.

use std::fmt;
use std::io::{Cursor, Read};

use zeroize::Zeroizing;

use crate::error::{ExchangeError, Fault, Position};
use crate::google_pam::read_google_pam;
use crate::keycloak::read_keycloak;
use crate::liboath::LiboathReader;
use crate::migration::read_migration;
use crate::privacyidea::{read_privacyidea_csv, read_privacyidea_json};
use crate::pskc::{PskcOptions, PskcReader};
use crate::record::{TokenRecord, WeakSecrets};
use crate::source;
use crate::uri::UriReader;

/// Longest file of a format that is read whole, in bytes.
const LONGEST_WHOLE: usize = 64 << 20;
/// Bytes by which a format is recognised.
const HEAD: usize = 4096;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `otpauth://` URIs, one a line.
    Uri,
    /// Google Authenticator's `otpauth-migration://` URIs.
    Migration,
    /// PSKC (RFC 6030).
    Pskc,
    /// The usersfile of liboath.
    Liboath,
    /// `.google_authenticator` of the PAM module.
    GooglePam,
    /// privacyIDEA's exports, CSV and decrypted JSON.
    PrivacyIdea,
    /// Keycloak's exports.
    Keycloak,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Uri,
        Self::Migration,
        Self::Pskc,
        Self::Liboath,
        Self::GooglePam,
        Self::PrivacyIdea,
        Self::Keycloak,
    ];

    /// The name that arguments use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Migration => "migration",
            Self::Pskc => "pskc",
            Self::Liboath => "liboath",
            Self::GooglePam => "google-pam",
            Self::PrivacyIdea => "privacyidea",
            Self::Keycloak => "keycloak",
        }
    }

    /// Recognises a format by the beginning of a file; none is guessed from a file's name.
    #[must_use]
    pub fn detect(head: &[u8]) -> Option<Self> {
        let head = &head[..head.len().min(HEAD)];
        // What is no text becomes a sign of three bytes: with room for that it never grows out of its place.
        let mut decoded = Zeroizing::new(String::with_capacity(3 * head.len()));
        for chunk in head.utf8_chunks() {
            decoded.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                decoded.push(char::REPLACEMENT_CHARACTER);
            }
        }
        let text = decoded.trim_start_matches('\u{feff}').trim_start();
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let first = first.unwrap_or_default();
        let begins =
            |prefix: &str| first.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if begins("otpauth-migration:") {
            return Some(Self::Migration);
        }
        if begins("otpauth:") {
            return Some(Self::Uri);
        }
        if first.starts_with('<') {
            return Some(Self::Pskc);
        }
        if first.starts_with(['{', '[']) {
            let has = |name: &str| text.contains(name);
            let is_privacyidea = first.starts_with('[') && (has("\"otpkey\"") || has("\"serial\""));
            return Some(if is_privacyidea { Self::PrivacyIdea } else { Self::Keycloak });
        }
        if first.starts_with("gAAAA") {
            return Some(Self::PrivacyIdea);
        }
        // A serial number of privacyIDEA's begins so as well.
        let kind = first.split_ascii_whitespace().next().unwrap_or_default();
        if (kind == "HOTP" || kind.starts_with("HOTP/")) && first.contains([' ', '\t']) {
            return Some(Self::Liboath);
        }
        if text.lines().skip(1).any(|line| line.starts_with("\" ")) {
            return Some(Self::GooglePam);
        }
        first.contains(',').then_some(Self::PrivacyIdea)
    }
}

/// How a file is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether secrets below 128 bits are read.
    pub weak: WeakSecrets,
    /// For PSKC: keys and limits. Its rule for weak secrets is that of the line above.
    pub pskc: PskcOptions,
    /// Whose token it is, for formats that do not say it.
    pub account: String,
}

/// The tokens of a file.
pub struct Records<'a> {
    format: Format,
    records: Box<dyn Iterator<Item = Result<TokenRecord, ExchangeError>> + 'a>,
}

impl Records<'_> {
    /// The format that is read.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }
}

impl Iterator for Records<'_> {
    type Item = Result<TokenRecord, ExchangeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.next()
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("format", &self.format).finish_non_exhaustive()
    }
}

/// Opens a file in a given format, or in the one that is recognised.
///
/// # Errors
/// [`Fault::Format`] when none is recognised; what the format's reader says before its first token.
pub fn open<'a>(
    mut input: impl Read + 'a,
    format: Option<Format>,
    options: &Options,
) -> Result<Records<'a>, ExchangeError> {
    let mut head = Zeroizing::new(Vec::with_capacity(HEAD));
    let read = input.by_ref().take(HEAD as u64).read_to_end(&mut head);
    read.map_err(|error| ExchangeError::file(error.into(), Position::Whole))?;
    let unknown = ExchangeError::file(Fault::Format("a format that is recognised"), Position::Whole);
    let format = format.or_else(|| Format::detect(&head)).ok_or(unknown)?;
    let start = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head).trim_ascii_start();
    let starts_with_bracket = start.starts_with(b"[") || start.starts_with(b"gAAAA");
    let input = Cursor::new(Wiped(head)).chain(input);
    let weak = options.weak;
    let whole = |input| source::whole(input, LONGEST_WHOLE);
    let records: Box<dyn Iterator<Item = _>> = match format {
        Format::Uri => Box::new(UriReader::new(input, weak)),
        Format::Migration => Box::new(read_migration(&whole(input)?, weak)?.into_iter()),
        Format::Pskc => {
            let pskc = PskcOptions { weak, ..options.pskc.clone() };
            Box::new(PskcReader::new(input, pskc)?)
        }
        Format::Liboath => Box::new(LiboathReader::new(input, weak)),
        Format::GooglePam => {
            let file = read_google_pam(&whole(input)?, &options.account, weak)?;
            Box::new(std::iter::once(Ok(file.record)))
        }
        Format::PrivacyIdea if starts_with_bracket => {
            Box::new(read_privacyidea_json(&whole(input)?, weak)?.into_iter())
        }
        Format::PrivacyIdea => Box::new(read_privacyidea_csv(input, weak)),
        Format::Keycloak => Box::new(read_keycloak(&whole(input)?, weak)?.into_iter()),
    };
    Ok(Records { format, records })
}

/// The head of a file, wiped once it was read.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
