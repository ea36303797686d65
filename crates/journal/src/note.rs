//! Signed notes (C2SP signed-note): text, and below it who signed it.
//!
//! A note proves nothing before [`Note::signed_by`] was asked about a key that the caller trusts.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Encoding};
use zamok_core::signature::{Ed25519VerifyingKey, VerifyingKey};
use zamok_core::{Error, UnixTime, hash};

/// Longest note that is read, in bytes. C2SP signed-note: 16 signatures, each of nearly 5 kB, have room.
pub(crate) const LONGEST: usize = 128 << 10;
/// Most signatures of a note; the format asks for at least 16.
const MOST_SIGNATURES: usize = 64;
/// Em dash and space, before the name of a key.
const MARK: &str = "\u{2014} ";

/// A text with the signatures that stand below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line: by whom it claims to be, and the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

/// What a key signs with, by the numbers of C2SP signed-note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SignatureType {
    /// Ed25519 over the text: what a log signs its checkpoints with.
    Ed25519 = 1,
    /// Ed25519 over a time and the text (C2SP tlog-cosignature): what a witness signs with.
    Cosignature = 4,
}

/// A key that signs notes: its name, what it signs with, and its public half. Its text form is the *vkey* of C2SP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    kind: SignatureType,
    public: [u8; 32],
}

/// What a valid signature says besides that it was made. Later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signed {
    /// Nothing.
    Plainly,
    /// When it was made, by the clock of the witness.
    At(UnixTime),
}

impl Note {
    /// Text without signatures yet.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not end in a newline, or holds control characters besides.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let sound = text.ends_with('\n') && is_plain(&text) && text.len() <= LONGEST;
        if sound { Ok(Self { text, signatures: Vec::new() }) } else { Err(Error::Refused) }
    }

    /// Reads a note. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`Error::Refused`] for text that is no note, or longer than 128 KiB.
    pub fn parse(note: &str) -> Result<Self, Error> {
        if note.len() > LONGEST {
            return Err(Error::Refused);
        }
        // The last empty line: the text itself may have some.
        let (text, lines) = note.rsplit_once("\n\n").ok_or(Error::Refused)?;
        let mut note = Self::new(format!("{text}\n"))?;
        note.signatures = NoteSignature::parse_lines(lines)?;
        if note.signatures.is_empty() { Err(Error::Refused) } else { Ok(note) }
    }

    /// What was signed, its last newline included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, unchecked.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature, unless just this one is there.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond 64 signatures.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), Error> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() >= MOST_SIGNATURES {
            let given = self.signatures.len() + 1;
            return Err(Error::TooLong { what: "the number of signatures", given, limit: MOST_SIGNATURES });
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Puts a cosignature in the place of older ones of its key; one that is older than what is there changes nothing.
    pub(crate) fn renew(&mut self, key: &VerifierKey, line: NoteSignature) -> Result<(), Error> {
        let mut latest: Option<(Signed, &NoteSignature)> = None;
        for line in self.signatures.iter().filter(|line| line.is_by(key)).chain([&line]) {
            let signed = key.verify(&self.text, &line.bytes)?;
            if latest.is_none_or(|(known, _)| known < signed) {
                latest = Some((signed, line));
            }
        }
        let Some(kept) = latest.map(|(_, line)| line.clone()) else { return Ok(()) };
        self.retain(|line| !line.is_by(key));
        self.add(kept)
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&NoteSignature) -> bool) {
        self.signatures.retain(keep);
    }

    /// Whether this key signed the text, and when; `None` when no line names it. Lines of unknown keys are ignored.
    ///
    /// # Errors
    /// [`Error::Rejected`] when a line names the key and is not its signature: the note is to be thrown away.
    pub fn signed_by(&self, key: &VerifierKey) -> Result<Option<Signed>, Error> {
        let mut latest = None;
        for line in self.signatures.iter().filter(|line| line.is_by(key)) {
            let signed = key.verify(&self.text, &line.bytes)?;
            latest = match (latest, signed) {
                (Some(Signed::At(known)), Signed::At(time)) => Some(Signed::At(time.max(known))),
                _ => Some(signed),
            };
        }
        Ok(latest)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

impl NoteSignature {
    /// A signature by a key: 64 bytes after RFC 8032, or the 72 of a timestamped cosignature.
    #[must_use]
    pub fn new(key: &VerifierKey, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: key.name.clone(), key_id: key.id(), bytes: bytes.into() }
    }

    /// A cosignature: its time, then the signature over [`cosigned_message`].
    #[must_use]
    pub fn cosignature(key: &VerifierKey, time: UnixTime, signature: &[u8; 64]) -> Self {
        Self::new(key, [&time.0.to_be_bytes()[..], signature].concat())
    }

    /// The name of the key by which it claims to be.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it claims to be by this key; no proof of it.
    #[must_use]
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.key_id == key.id()
    }

    /// Reads signature lines, as a witness answers them.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other text.
    pub fn parse_lines(lines: &str) -> Result<Vec<Self>, Error> {
        let lines = lines.strip_suffix('\n').ok_or(Error::Refused)?;
        if lines.split('\n').count() > MOST_SIGNATURES {
            return Err(Error::Refused);
        }
        lines.split('\n').map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self, Error> {
        let (name, signature) =
            line.strip_prefix(MARK).and_then(|line| line.split_once(' ')).ok_or(Error::Refused)?;
        let bytes = Base64::decode_vec(signature).map_err(|_| Error::Refused)?;
        let (key_id, bytes) = bytes.split_first_chunk().ok_or(Error::Refused)?;
        if !is_key_name(name) || bytes.is_empty() {
            return Err(Error::Refused);
        }
        Ok(Self { name: name.into(), key_id: *key_id, bytes: bytes.to_vec() })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id[..], &self.bytes].concat();
        writeln!(f, "{MARK}{} {}", self.name, Base64::encode_string(&bytes))
    }
}

impl VerifierKey {
    /// A key from its parts.
    ///
    /// # Errors
    /// [`Error::Refused`] for a name that no key can have: empty, with blanks or a plus sign; or for 32 bytes that are
    /// no public key.
    pub fn new(name: impl Into<String>, kind: SignatureType, public: [u8; 32]) -> Result<Self, Error> {
        let name = name.into();
        if !is_key_name(&name) {
            return Err(Error::Refused);
        }
        Ed25519VerifyingKey::from_bytes(&public).map_err(|_| Error::Refused)?;
        Ok(Self { name, kind, public })
    }

    /// Reads a vkey: name, key id in hex, type and public key in base64, with `+` between them.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other text, an unknown type, or an id that does not belong to the key.
    pub fn parse(vkey: &str) -> Result<Self, Error> {
        let mut parts = vkey.splitn(3, '+');
        let mut part = || parts.next().ok_or(Error::Refused);
        let (name, id, key) = (part()?, part()?, part()?);
        let key = Base64::decode_vec(key).map_err(|_| Error::Refused)?;
        let (kind, public) = key.split_first().ok_or(Error::Refused)?;
        let kind = match kind {
            1 => SignatureType::Ed25519,
            4 => SignatureType::Cosignature,
            _ => return Err(Error::Refused),
        };
        let key = Self::new(name, kind, public.try_into().map_err(|_| Error::Refused)?)?;
        if hex(key.id()) == id { Ok(key) } else { Err(Error::Refused) }
    }

    /// The name; of a log's key, the origin of the log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs with.
    #[must_use]
    pub const fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The public key after RFC 8032.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// SHA-256(name ‖ newline ‖ type ‖ public key), its first four bytes: a name in short, no proof of anything.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let digest = hash::sha256(&[self.name.as_bytes(), b"\n", &[self.kind as u8], &self.public]);
        [digest[0], digest[1], digest[2], digest[3]]
    }

    fn verify(&self, text: &str, bytes: &[u8]) -> Result<Signed, Error> {
        match self.kind {
            SignatureType::Ed25519 => {
                self.check(text.as_bytes(), bytes)?;
                Ok(Signed::Plainly)
            }
            SignatureType::Cosignature => {
                let (time, signature) = bytes.split_first_chunk().ok_or(Error::Rejected)?;
                // C2SP tlog-cosignature: the time must not exceed 2⁶³ − 1.
                let time = u64::from_be_bytes(*time);
                let time = UnixTime(i64::try_from(time).map_err(|_| Error::Rejected)?.cast_unsigned());
                self.check(cosigned_message(time, text).as_bytes(), signature)?;
                Ok(Signed::At(time))
            }
        }
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        VerifyingKey::Ed25519(Ed25519VerifyingKey::from_bytes(&self.public)?).verify_fixed(message, signature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind as u8][..], &self.public].concat();
        write!(f, "{}+{}+{}", self.name, hex(self.id()), Base64::encode_string(&key))
    }
}

/// The public key of a vkey of type 6, an ML-DSA-44 cosigner's (C2SP tlog-cosignature), whose signatures are not verified here.
pub(crate) fn unserved(vkey: &str) -> Option<Vec<u8>> {
    const TYPE: u8 = 6;
    const PUBLIC: usize = 1312;
    let mut parts = vkey.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let key = Base64::decode_vec(key).ok()?;
    let digest = hash::sha256(&[name.as_bytes(), b"\n", &key]);
    let is_its_id = hex([digest[0], digest[1], digest[2], digest[3]]) == id;
    let (kind, public) = key.split_first()?;
    let sound = is_its_id && is_key_name(name) && *kind == TYPE && public.len() == PUBLIC;
    sound.then(|| public.to_vec())
}

/// What a witness signs (C2SP tlog-cosignature): a header that no log ever signs, the time, the text of the note.
#[must_use]
pub fn cosigned_message(time: UnixTime, text: &str) -> String {
    format!("cosignature/v1\ntime {}\n{text}", time.0)
}

/// Whether a key may have this name: one with neither blanks nor a plus sign.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && !name.chars().any(|character| character.is_whitespace() || character == '+')
        && is_plain(name)
}

/// No ASCII control characters besides newlines.
fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}
