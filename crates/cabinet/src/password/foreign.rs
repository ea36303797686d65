//! Hashes that other systems made: bcrypt, scrypt (RFC 7914) and PBKDF2 (RFC 8018), as PHC strings, as Django and Keycloak
//! write them, and as crypt(3) does. They are checked as they were made, and made anew as Argon2id at the next login.

use base64ct::{Base64, Base64Bcrypt, Base64Unpadded, Encoding};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use zamok_core::Error as CoreError;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::wire::{Reader, Writer, hex};
use zeroize::Zeroizing;

use super::hash::{PasswordHash, Scheme};
use crate::error::Error;

/// How another system hashes. The parameters are bounded: what is imported may have been planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// 2^cost rounds; with `digested`, over the hex of the password's SHA-256, as Django does.
    Bcrypt { cost: u8, digested: bool },
    /// RFC 7914, with N = 2^log_n.
    Scrypt { log_n: u8, r: u32, p: u32 },
    /// RFC 8018.
    Pbkdf2 { digest: Prf, rounds: u32 },
}

/// The hash beneath PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Prf {
    Sha1 = 1,
    Sha256 = 2,
    Sha512 = 3,
}

/// A hash that another system made of a password.
pub struct ImportedPassword(pub(crate) PasswordHash);

impl core::fmt::Debug for ImportedPassword {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ImportedPassword(redacted)")
    }
}

impl ImportedPassword {
    /// Reads one of these forms:
    ///
    /// - `$2a$`, `$2b$`, `$2y$` with cost, salt and hash, as crypt(3) and most libraries write bcrypt;
    /// - PHC strings: `$argon2id$…`, `$scrypt$ln=…,r=…,p=…$…`, `$pbkdf2-sha256$i=…$…`, also passlib's `$pbkdf2-sha256$29000$…`;
    /// - Django: `pbkdf2_sha256$…`, `pbkdf2_sha1$…`, `scrypt$…`, `bcrypt_sha256$$2b$…`, `bcrypt$$2b$…`, `argon2$argon2id$…`.
    ///
    /// # Errors
    /// [`Error::HashUnknown`] for any other form, and for parameters that no sound system uses.
    pub fn parse(text: &str) -> Result<Self, Error> {
        read(text).map(Self).ok_or(Error::HashUnknown)
    }

    /// Reads the two JSON texts of a Keycloak credential of type `password`: `credentialData` and `secretData`.
    ///
    /// # Errors
    /// As [`ImportedPassword::parse`].
    pub fn keycloak(credential_data: &str, secret_data: &str) -> Result<Self, Error> {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let read = || {
            let (credential, secret) = (parse(credential_data)?, parse(secret_data)?);
            let digest = Prf::of_phc(credential.get("algorithm")?.as_str()?)?;
            let rounds = u32::try_from(credential.get("hashIterations")?.as_u64()?).ok()?;
            let salt = Base64::decode_vec(secret.get("salt")?.as_str()?).ok()?;
            let hash = Base64::decode_vec(secret.get("value")?.as_str()?).ok()?;
            made(Foreign::Pbkdf2 { digest, rounds }, salt, hash)
        };
        read().map(Self).ok_or(Error::HashUnknown)
    }
}

fn made(foreign: Foreign, salt: Vec<u8>, hash: Vec<u8>) -> Option<PasswordHash> {
    PasswordHash::foreign(Scheme::Foreign(foreign.bounded()?), salt, hash)
}

fn read(text: &str) -> Option<PasswordHash> {
    if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        return bcrypt(rest, true);
    }
    if let Some(rest) = text.strip_prefix("bcrypt$") {
        return bcrypt(rest, false);
    }
    if let Some(rest) = text.strip_prefix("argon2$") {
        return argon2(rest);
    }
    if text.starts_with("$2") {
        return bcrypt(text, false);
    }
    if let Some(phc) = text.strip_prefix('$') {
        return argon2(phc).or_else(|| phc_string(phc));
    }
    django(text)
}

/// `$2b$12$` and 22 + 31 characters.
fn bcrypt(text: &str, digested: bool) -> Option<PasswordHash> {
    let mut parts = text.strip_prefix('$')?.split('$');
    let (version, cost, rest) = (parts.next()?, parts.next()?, parts.next()?);
    if !matches!(version, "2a" | "2b" | "2y")
        || parts.next().is_some()
        || !rest.is_ascii()
        || rest.len() != 53
    {
        return None;
    }
    let (salt, hash) = rest.split_at(22);
    let foreign = Foreign::Bcrypt { cost: cost.parse().ok()?, digested };
    made(foreign, Base64Bcrypt::decode_vec(salt).ok()?, Base64Bcrypt::decode_vec(hash).ok()?)
}

/// `argon2id$v=19$m=…,t=…,p=…$salt$hash`: the cabinet's own scheme, under another cost.
fn argon2(text: &str) -> Option<PasswordHash> {
    let mut parts = text.split('$');
    if parts.next()? != "argon2id" || parts.next()? != "v=19" {
        return None;
    }
    let [memory_kib, passes, lanes] = numbers(parts.next()?, ["m", "t", "p"])?;
    let (salt, hash) = (unpadded(parts.next()?)?, unpadded(parts.next()?)?);
    let cost = Argon2Cost { memory_kib, passes, lanes }.bounded().ok()?;
    // A hash of half a gibibyte and more, or of many passes, is no login's.
    let sound = cost.memory_kib <= 1 << 19 && cost.passes <= 16 && parts.next().is_none() && salt.len() >= 8;
    if sound { PasswordHash::foreign(Scheme::Argon2id(cost), salt, hash) } else { None }
}

fn phc_string(text: &str) -> Option<PasswordHash> {
    let mut parts = text.split('$');
    let (name, parameters) = (parts.next()?, parts.next()?);
    let (salt, hash) = (unpadded(parts.next()?)?, unpadded(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    let foreign = if name == "scrypt" {
        let [log_n, r, p] = numbers(parameters, ["ln", "r", "p"])?;
        Foreign::Scrypt { log_n: log_n.try_into().ok()?, r, p }
    } else {
        let digest = Prf::of_phc(name)?;
        // `i=29000`, perhaps `,l=32`; passlib writes the number alone.
        let rounds = parameters.split(',').next()?;
        Foreign::Pbkdf2 { digest, rounds: rounds.strip_prefix("i=").unwrap_or(rounds).parse().ok()? }
    };
    made(foreign, salt, hash)
}

/// `pbkdf2_sha256$rounds$salt$hash` and `scrypt$salt$N$r$p$hash`, where the salt is text and the hash is base64.
fn django(text: &str) -> Option<PasswordHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let (foreign, salt, hash) = match parts.as_slice() {
        ["pbkdf2_sha256", rounds, salt, hash] => {
            (Foreign::Pbkdf2 { digest: Prf::Sha256, rounds: rounds.parse().ok()? }, salt, hash)
        }
        ["pbkdf2_sha1", rounds, salt, hash] => {
            (Foreign::Pbkdf2 { digest: Prf::Sha1, rounds: rounds.parse().ok()? }, salt, hash)
        }
        ["scrypt", salt, n, r, p, hash] => {
            let n: u32 = n.parse().ok()?;
            let log_n = u8::try_from(n.checked_ilog2()?).ok()?;
            let foreign = Foreign::Scrypt { log_n, r: r.parse().ok()?, p: p.parse().ok()? };
            (n.is_power_of_two().then_some(foreign)?, salt, hash)
        }
        _ => return None,
    };
    made(foreign, salt.as_bytes().to_vec(), Base64::decode_vec(hash).ok()?)
}

/// Base64 without padding; passlib writes `.` for `+`.
fn unpadded(text: &str) -> Option<Vec<u8>> {
    Base64Unpadded::decode_vec(&text.trim_end_matches('=').replace('.', "+")).ok()
}

/// `a=1,b=2,c=3` in this order.
fn numbers(text: &str, names: [&str; 3]) -> Option<[u32; 3]> {
    let mut parts = text.split(',');
    let mut next = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    let found = [next(names[0])?, next(names[1])?, next(names[2])?];
    parts.next().is_none().then_some(found)
}

impl Prf {
    fn of_phc(name: &str) -> Option<Self> {
        match name {
            "pbkdf2" | "pbkdf2-sha1" => Some(Self::Sha1),
            "pbkdf2-sha256" => Some(Self::Sha256),
            "pbkdf2-sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

impl Foreign {
    /// Refuses what could exhaust the machine, or what protects nothing.
    fn bounded(self) -> Option<Self> {
        let sound = match self {
            Self::Bcrypt { cost, .. } => (4..=16).contains(&cost),
            // At most 256 MiB and four times that of work.
            Self::Scrypt { log_n, r, p } => {
                (10..=20).contains(&log_n)
                    && (1..=32).contains(&r)
                    && (1..=4).contains(&p)
                    && (r << log_n) <= 1 << 21
            }
            Self::Pbkdf2 { rounds, .. } => (1_000..=10_000_000).contains(&rounds),
        };
        sound.then_some(self)
    }

    pub(super) fn compute(self, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), CoreError> {
        match self {
            Self::Bcrypt { cost, digested } => {
                let mut text = Zeroizing::new(Vec::with_capacity(password.len().max(64) + 1));
                if digested {
                    text.extend_from_slice(Zeroizing::new(hex(&Sha256::digest(password))).as_bytes());
                } else {
                    text.extend_from_slice(password);
                }
                // crypt(3) hashes the terminating zero as well, and reads no more than 72 bytes.
                text.push(0);
                text.truncate(72);
                let salt = salt.try_into().map_err(|_| CoreError::Refused)?;
                let hash = Zeroizing::new(bcrypt::bcrypt(cost.into(), salt, &text));
                // The last of its 24 bytes is never written down.
                out.copy_from_slice(hash.get(..out.len()).ok_or(CoreError::Refused)?);
            }
            Self::Scrypt { log_n, r, p } => {
                let parameters = scrypt::Params::new(log_n, r, p).map_err(|_| CoreError::Refused)?;
                scrypt::scrypt(password, salt, &parameters, out).map_err(|_| CoreError::Refused)?;
            }
            Self::Pbkdf2 { digest, rounds } => match digest {
                Prf::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, out),
                Prf::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, out),
                Prf::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, out),
            },
        }
        Ok(())
    }

    pub(super) fn write(self, writer: &mut Writer) {
        match self {
            Self::Bcrypt { cost, digested } => writer.u8(1).u8(cost).u8(u8::from(digested)),
            Self::Scrypt { log_n, r, p } => writer.u8(2).u8(log_n).u32(r).u32(p),
            Self::Pbkdf2 { digest, rounds } => writer.u8(3).u8(digest as u8).u32(rounds),
        };
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CoreError> {
        let found = match reader.u8()? {
            1 => Self::Bcrypt { cost: reader.u8()?, digested: crate::flag(reader)? },
            2 => Self::Scrypt { log_n: reader.u8()?, r: reader.u32()?, p: reader.u32()? },
            3 => {
                let digest = match reader.u8()? {
                    1 => Prf::Sha1,
                    2 => Prf::Sha256,
                    3 => Prf::Sha512,
                    _ => return Err(CoreError::Refused),
                };
                Self::Pbkdf2 { digest, rounds: reader.u32()? }
            }
            _ => return Err(CoreError::Refused),
        };
        found.bounded().ok_or(CoreError::Refused)
    }
}
