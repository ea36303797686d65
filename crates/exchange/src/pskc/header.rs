//! What a PSKC container says of its encryption (RFC 6030 §6), and the opening of values with it.

use zeroize::Zeroizing;

use super::crypto::{self, Cipher, MacHash};
use super::xml::{Element, Space};
use crate::error::Fault;
use crate::text::{self, Bytes};

/// What opens an encrypted container. Wiped when dropped; `Debug` shows nothing.
#[derive(Clone, Default)]
pub enum PskcKey {
    /// Nothing: only plain containers are read.
    #[default]
    None,
    /// A key that was agreed on before: 16, 24 or 32 bytes.
    PreShared(Zeroizing<Vec<u8>>),
    /// A password, from which the key is derived (PBKDF2).
    Password(Zeroizing<Vec<u8>>),
}

impl std::fmt::Debug for PskcKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "PskcKey::None",
            Self::PreShared(_) => "PskcKey::PreShared(redacted)",
            Self::Password(_) => "PskcKey::Password(redacted)",
        })
    }
}

/// Longest salt, in bytes.
const LONGEST_SALT: usize = 1024;

/// PBKDF2 with its parameters (PKCS #5, XML Encryption 1.1 §5.4.1).
struct Derivation {
    salt: Bytes,
    rounds: u32,
    key_len: Option<usize>,
    prf: MacHash,
}

impl Derivation {
    fn read(derived: &Element, limit: u32) -> Result<Self, Fault> {
        let method = derived
            .child(Space::Encryption11, "KeyDerivationMethod")?
            .ok_or(Fault::Missing("KeyDerivationMethod"))?;
        let uri = method.attribute("Algorithm").ok_or(Fault::Missing("Algorithm"))?;
        if !uri.rsplit_once('#').is_some_and(|(_, name)| name.eq_ignore_ascii_case("pbkdf2")) {
            return Err(Fault::Unsupported("this key derivation"));
        }
        let parameters = method.anywhere("PBKDF2-params")?.ok_or(Fault::Missing("PBKDF2-params"))?;
        let salt = parameters.anywhere("Salt")?.ok_or(Fault::Missing("Salt"))?;
        let salt = salt.anywhere("Specified")?.ok_or(Fault::Missing("Specified"))?;
        let salt = text::base64(salt.text(), "the salt")?;
        if salt.is_empty() || salt.len() > LONGEST_SALT {
            return Err(Fault::TooLong { what: "the salt", limit: LONGEST_SALT as u64 });
        }
        let number = |name: &'static str| {
            parameters.anywhere(name)?.map(|element| text::number(element.text(), name)).transpose()
        };
        let given = number("IterationCount")?.ok_or(Fault::Missing("IterationCount"))?;
        let rounds = u32::try_from(given).ok().filter(|rounds| *rounds <= limit);
        let rounds = rounds.ok_or(Fault::Iterations { given, limit })?;
        if rounds == 0 {
            return Err(Fault::Number("IterationCount"));
        }
        let key_len = number("KeyLength")?.map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let prf = match parameters.anywhere("PRF")? {
            // RFC 8018 §A.2: HMAC-SHA-1 when it is not said. Some writers put the name into the text.
            Some(prf) => match prf.attribute("Algorithm").unwrap_or(prf.text()) {
                "" => MacHash::Sha1,
                uri => MacHash::of(uri)?,
            },
            None => MacHash::Sha1,
        };
        Ok(Self { salt, rounds, key_len, prf })
    }
}

/// How values are authenticated (RFC 6030 §6.1.1).
struct MacMethod {
    hash: MacHash,
    /// The MAC's own key, encrypted; without one it is the encryption key.
    key: Option<(Cipher, Bytes)>,
}

/// Opens the values of one container.
pub(super) struct Opener {
    given: PskcKey,
    limit: u32,
    /// An `EncryptionKey` was met.
    is_declared: bool,
    /// A `MACMethod` was met.
    is_protected: bool,
    derivation: Option<Derivation>,
    mac: Option<MacMethod>,
    key: Option<Bytes>,
    mac_key: Option<Result<Bytes, Fault>>,
}

impl Opener {
    pub(super) fn new(given: PskcKey, limit: u32) -> Self {
        Self {
            given,
            limit,
            is_declared: false,
            is_protected: false,
            derivation: None,
            mac: None,
            key: None,
            mac_key: None,
        }
    }

    /// Takes the container's `EncryptionKey`.
    pub(super) fn encryption_key(&mut self, element: &Element) -> Result<(), Fault> {
        if self.is_declared {
            return Err(Fault::Duplicate("EncryptionKey"));
        }
        self.is_declared = true;
        if let Some(derived) = element.child(Space::Encryption11, "DerivedKey")? {
            self.derivation = Some(Derivation::read(derived, self.limit)?);
        } else if element.child(Space::Signature, "X509Data")?.is_some() {
            return Err(Fault::Unsupported("encryption to a certificate"));
        }
        Ok(())
    }

    /// Takes the container's `MACMethod`.
    pub(super) fn mac_method(&mut self, element: &Element) -> Result<(), Fault> {
        if self.mac.is_some() {
            return Err(Fault::Duplicate("MACMethod"));
        }
        self.is_protected = true;
        // Beside key wrap, some writers leave a method that names no algorithm. It serves no value: one that needs a MAC
        // is refused without it.
        let Some(uri) = element.attribute("Algorithm") else { return Ok(()) };
        let key = element.pskc("MACKey")?.map(ciphertext).transpose()?;
        self.mac = Some(MacMethod { hash: MacHash::of(uri)?, key });
        Ok(())
    }

    /// Whether a plain secret would be a downgrade: the file speaks of encryption, or its reader expects it.
    pub(super) fn expects_encryption(&self) -> bool {
        self.is_declared || self.is_protected || !matches!(self.given, PskcKey::None)
    }

    /// Opens an encrypted value.
    pub(super) fn open(&mut self, value: &Element, mac: Option<&Element>) -> Result<Bytes, Fault> {
        let (cipher, text) = ciphertext(value)?;
        let mac = mac.map(|mac| text::base64(mac.text(), "ValueMAC")).transpose()?;
        self.derive(cipher)?;
        if !cipher.is_authenticated() && self.is_in_mac_key(&text) {
            // A MACKey of blocks of the file's own values is put together by somebody who knows one of them.
            return Err(Fault::Refused);
        }
        // RFC 6030 §6.1.1: the MAC is that of the ciphertext, and is checked before anything is decrypted.
        match (self.mac.as_ref().map(|method| method.hash), mac) {
            (Some(hash), Some(mac)) => hash.verify(self.mac_key()?, &text, &mac)?,
            (None, Some(_)) => return Err(Fault::Missing("MACMethod")),
            (_, None) if !cipher.is_authenticated() => return Err(Fault::Missing("ValueMAC")),
            (_, None) => {}
        }
        let key = self.key.as_ref().ok_or(Fault::KeyNeeded)?;
        cipher.decrypt(key, &text)
    }

    /// Whether the key of the MACs came in a way that says nothing about who put it there.
    pub(super) fn is_loose(&self) -> bool {
        let cipher = self.mac.as_ref().and_then(|mac| mac.key.as_ref()).map(|(cipher, _)| *cipher);
        cipher.is_some_and(|cipher| !cipher.is_authenticated())
    }

    /// Whether a block of a value in CBC mode stands in the `MACKey` as well.
    fn is_in_mac_key(&self, text: &[u8]) -> bool {
        match self.mac.as_ref().and_then(|mac| mac.key.as_ref()) {
            Some((cipher, key)) if !cipher.is_authenticated() => {
                crypto::blocks(text).any(|block| crypto::blocks(key).any(|other| other == block))
            }
            _ => false,
        }
    }

    /// Makes the encryption key, once, and holds it against the cipher.
    fn derive(&mut self, cipher: Cipher) -> Result<(), Fault> {
        if self.key.is_none() {
            let key = match (&self.given, &self.derivation) {
                (PskcKey::None, _) => return Err(Fault::KeyNeeded),
                (PskcKey::PreShared(key), None) => key.clone(),
                (PskcKey::PreShared(_), Some(_)) => return Err(Fault::KeyUnfit("a password")),
                (PskcKey::Password(_), None) => return Err(Fault::KeyUnfit("a pre-shared key")),
                (PskcKey::Password(password), Some(derivation)) => {
                    let len = derivation.key_len.unwrap_or(cipher.key_len());
                    if len != cipher.key_len() {
                        return Err(Fault::Conflict("the length of the derived key and the cipher"));
                    }
                    let mut key = Zeroizing::new(vec![0; len]);
                    derivation.prf.derive(password, &derivation.salt, derivation.rounds, &mut key);
                    key
                }
            };
            self.key = Some(key);
        }
        let fits = self.key.as_ref().is_some_and(|key| key.len() == cipher.key_len());
        if fits { Ok(()) } else { Err(Fault::KeyUnfit("a key as long as the cipher's")) }
    }

    fn mac_key(&mut self) -> Result<&[u8], Fault> {
        if self.mac_key.is_none() {
            let cipher = self.mac.as_ref().and_then(|mac| mac.key.as_ref()).map(|(cipher, _)| *cipher);
            if let Some(cipher) = cipher {
                self.derive(cipher)?;
            }
            let key = self.key.as_ref().ok_or(Fault::KeyNeeded)?;
            self.mac_key = Some(match self.mac.as_ref().and_then(|mac| mac.key.as_ref()) {
                Some((cipher, text)) => cipher.decrypt_mac_key(key, text),
                None => Ok(key.clone()),
            });
        }
        match &self.mac_key {
            Some(Ok(key)) => Ok(key),
            Some(Err(fault)) => Err(*fault),
            None => Err(Fault::KeyNeeded),
        }
    }
}

/// The cipher and the ciphertext of an `EncryptedValue` or `MACKey` (XML Encryption).
fn ciphertext(value: &Element) -> Result<(Cipher, Bytes), Fault> {
    let method =
        value.child(Space::Encryption, "EncryptionMethod")?.ok_or(Fault::Missing("EncryptionMethod"))?;
    let uri = method.attribute("Algorithm").ok_or(Fault::Missing("Algorithm"))?;
    let data = value.child(Space::Encryption, "CipherData")?.ok_or(Fault::Missing("CipherData"))?;
    let text = data.child(Space::Encryption, "CipherValue")?.ok_or(Fault::Missing("CipherValue"))?;
    Ok((Cipher::of(uri)?, text::base64(text.text(), "CipherValue")?))
}
