//! Hashes that other systems made: Argon2id (RFC 9106), bcrypt, scrypt (RFC 7914) and PBKDF2 (RFC 8018), as PHC strings, as Django,
//! passlib and Keycloak write them, and as crypt(3) does. They are checked as they were made, over the password as it was typed, and made
//! anew as the cabinet's own at the next login.

use base64ct::{Base64, Base64Bcrypt, Base64Unpadded, Encoding};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use zamok_core::Error as CoreError;
use zamok_core::mac::hmac_sha256;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::wire::{Reader, Writer, hex};
use zamok_host::argon2id;
use zeroize::Zeroizing;

use super::hash::{PasswordHash, Scheme};
use crate::error::Error;

/// How another system hashes. The parameters are bounded: what is imported may have been planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// 2^cost rounds.
    Bcrypt { cost: u8, before: Before },
    /// RFC 7914, with N = 2^log_n.
    Scrypt { log_n: u8, r: u32, p: u32 },
    /// RFC 8018.
    Pbkdf2 { digest: Prf, rounds: u32 },
    /// RFC 9106.
    Argon2id(Argon2Cost),
}

/// What was done to a password before bcrypt, which reads no more than 72 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Before {
    Nothing = 0,
    /// SHA-256 in hexadecimal, as Django does.
    Hex = 1,
    /// SHA-256 in base64, as passlib did up to version 1.7.2.
    Digest = 2,
    /// HMAC-SHA-256 under the salt's text, in base64, as passlib does.
    Keyed = 3,
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
    /// - PHC strings: `$argon2id$…`, `$scrypt$ln=…,r=…,p=…$…`, `$pbkdf2-sha256$i=…$…`, also passlib's `$pbkdf2-sha256$29000$…`,
    ///   `$bcrypt-sha256$v=2,t=2b,r=…$…` and `$bcrypt-sha256$2b,…$…`;
    /// - Django: `pbkdf2_sha256$…`, `pbkdf2_sha1$…`, `scrypt$N$salt$r$p$…`, `bcrypt_sha256$$2b$…`, `bcrypt$$2b$…`,
    ///   `argon2$argon2id$…`.
    ///
    /// Whatever it says, no password that is empty or holds NUL opens it.
    ///
    /// # Errors
    /// [`Error::HashUnknown`] for any other form, and for parameters that no sound system uses.
    pub fn parse(text: &str) -> Result<Self, Error> {
        read(text).map(Self).ok_or(Error::HashUnknown)
    }

    /// Reads the two JSON texts of a Keycloak credential of type `password`, `credentialData` and `secretData`: Argon2id 1.3 or PBKDF2.
    ///
    /// # Errors
    /// As [`ImportedPassword::parse`].
    pub fn keycloak(credential_data: &str, secret_data: &str) -> Result<Self, Error> {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let read = || {
            let (credential, secret) = (parse(credential_data)?, parse(secret_data)?);
            let rounds = u32::try_from(credential.get("hashIterations")?.as_u64()?).ok()?;
            let salt = Base64::decode_vec(secret.get("salt")?.as_str()?).ok()?;
            let hash = Base64::decode_vec(secret.get("value")?.as_str()?).ok()?;
            let foreign = match credential.get("algorithm")?.as_str()? {
                "argon2" => {
                    let further = credential.get("additionalParameters")?;
                    let text = |name: &str| further.get(name)?.get(0)?.as_str();
                    let number = |name: &str| text(name)?.parse::<u32>().ok();
                    if text("type")? != "id" || text("version")? != "1.3" {
                        return None;
                    }
                    let (memory_kib, lanes) = (number("memory")?, number("parallelism")?);
                    Foreign::Argon2id(Argon2Cost { memory_kib, passes: rounds, lanes })
                }
                name => Foreign::Pbkdf2 { digest: Prf::of_phc(name)?, rounds },
            };
            made(foreign, salt, hash)
        };
        read().map(Self).ok_or(Error::HashUnknown)
    }
}

fn made(foreign: Foreign, salt: Vec<u8>, hash: Vec<u8>) -> Option<PasswordHash> {
    // RFC 9106 §3.1: a salt of at least eight bytes.
    let sound = !matches!(foreign, Foreign::Argon2id(_)) || salt.len() >= 8;
    PasswordHash::foreign(Scheme::Foreign(foreign.bounded().filter(|_| sound)?), salt, hash)
}

fn read(text: &str) -> Option<PasswordHash> {
    if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        return bcrypt(rest, Before::Hex);
    }
    if let Some(rest) = text.strip_prefix("bcrypt$") {
        return bcrypt(rest, Before::Nothing);
    }
    if let Some(rest) = text.strip_prefix("argon2$") {
        return argon2(rest);
    }
    if text.starts_with("$2") {
        return bcrypt(text, Before::Nothing);
    }
    if let Some(rest) = text.strip_prefix("$bcrypt-sha256$") {
        return passlib(rest);
    }
    if let Some(phc) = text.strip_prefix('$') {
        return argon2(phc).or_else(|| phc_string(phc));
    }
    django(text)
}

/// `$2b$12$` and 22 + 31 characters.
fn bcrypt(text: &str, before: Before) -> Option<PasswordHash> {
    let [version, cost, rest] = split(text.strip_prefix('$')?, '$')?;
    if !rest.is_ascii() || rest.len() != 53 {
        return None;
    }
    let (salt, hash) = rest.split_at(22);
    of_bcrypt(version, cost, before, salt, hash)
}

/// `v=2,t=2b,r=12$salt$hash`, and before `2b,12$salt$hash`.
fn passlib(text: &str) -> Option<PasswordHash> {
    let [parameters, salt, hash] = split(text, '$')?;
    if let Some(second) = parameters.strip_prefix("v=2,t=") {
        let [version, cost] = split(second, ',')?;
        of_bcrypt(version, cost.strip_prefix("r=")?, Before::Keyed, salt, hash)
    } else {
        let [version, cost] = split(parameters, ',')?;
        of_bcrypt(version, cost, Before::Digest, salt, hash)
    }
}

fn of_bcrypt(version: &str, cost: &str, before: Before, salt: &str, hash: &str) -> Option<PasswordHash> {
    if !matches!(version, "2a" | "2b" | "2y") || (salt.len(), hash.len()) != (22, 31) {
        return None;
    }
    let foreign = Foreign::Bcrypt { cost: cost.parse().ok()?, before };
    made(foreign, Base64Bcrypt::decode_vec(salt).ok()?, Base64Bcrypt::decode_vec(hash).ok()?)
}

/// `argon2id$v=19$m=…,t=…,p=…$salt$hash`.
fn argon2(text: &str) -> Option<PasswordHash> {
    let ["argon2id", "v=19", cost, salt, hash] = split(text, '$')? else { return None };
    let [memory_kib, passes, lanes] = numbers(cost, ["m", "t", "p"])?;
    made(Foreign::Argon2id(Argon2Cost { memory_kib, passes, lanes }), unpadded(salt)?, unpadded(hash)?)
}

fn phc_string(text: &str) -> Option<PasswordHash> {
    let [name, parameters, salt, hash] = split(text, '$')?;
    let foreign = if name == "scrypt" {
        let [log_n, r, p] = numbers(parameters, ["ln", "r", "p"])?;
        Foreign::Scrypt { log_n: log_n.try_into().ok()?, r, p }
    } else {
        let digest = Prf::of_phc(name)?;
        // `i=29000`, perhaps `,l=32`; passlib writes the number alone.
        let rounds = parameters.split(',').next()?;
        Foreign::Pbkdf2 { digest, rounds: rounds.strip_prefix("i=").unwrap_or(rounds).parse().ok()? }
    };
    made(foreign, unpadded(salt)?, unpadded(hash)?)
}

/// `pbkdf2_sha256$rounds$salt$hash` and `scrypt$N$salt$r$p$hash`, where the salt is text and the hash is base64.
fn django(text: &str) -> Option<PasswordHash> {
    let parts: Vec<&str> = text.split('$').collect();
    let (foreign, salt, hash) = match parts.as_slice() {
        ["pbkdf2_sha256", rounds, salt, hash] => {
            (Foreign::Pbkdf2 { digest: Prf::Sha256, rounds: rounds.parse().ok()? }, salt, hash)
        }
        ["pbkdf2_sha1", rounds, salt, hash] => {
            (Foreign::Pbkdf2 { digest: Prf::Sha1, rounds: rounds.parse().ok()? }, salt, hash)
        }
        ["scrypt", n, salt, r, p, hash] => {
            let n: u32 = n.parse().ok()?;
            let log_n = u8::try_from(n.checked_ilog2()?).ok()?;
            let foreign = Foreign::Scrypt { log_n, r: r.parse().ok()?, p: p.parse().ok()? };
            (n.is_power_of_two().then_some(foreign)?, salt, hash)
        }
        _ => return None,
    };
    made(foreign, salt.as_bytes().to_vec(), Base64::decode_vec(hash).ok()?)
}

/// Just so many parts.
fn split<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    text.splitn(N + 1, separator).collect::<Vec<_>>().try_into().ok()
}

/// Base64 without padding; passlib writes `.` for `+`.
fn unpadded(text: &str) -> Option<Vec<u8>> {
    Base64Unpadded::decode_vec(&text.trim_end_matches('=').replace('.', "+")).ok()
}

/// `a=1,b=2,c=3` in this order.
fn numbers(text: &str, names: [&str; 3]) -> Option<[u32; 3]> {
    let parts: [&str; 3] = split(text, ',')?;
    let number = |place: usize| parts[place].strip_prefix(names[place])?.strip_prefix('=')?.parse().ok();
    Some([number(0)?, number(1)?, number(2)?])
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
            // A hash of half a gibibyte and more, or of many passes, is no login's.
            Self::Argon2id(cost) => cost.bounded().is_ok() && cost.memory_kib <= 1 << 19 && cost.passes <= 16,
        };
        sound.then_some(self)
    }

    pub(super) fn compute(self, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), CoreError> {
        match self {
            Self::Bcrypt { cost, before } => {
                let mut text = Zeroizing::new(Vec::with_capacity(password.len().max(64) + 1));
                let encoded = Zeroizing::new(match before {
                    Before::Nothing => String::new(),
                    Before::Hex => hex(&Sha256::digest(password)),
                    Before::Digest => Base64::encode_string(&Sha256::digest(password)),
                    Before::Keyed => {
                        let key = Base64Bcrypt::encode_string(salt);
                        Base64::encode_string(&*Zeroizing::new(hmac_sha256(key.as_bytes(), &[password])))
                    }
                });
                text.extend_from_slice(if before == Before::Nothing { password } else { encoded.as_bytes() });
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
            Self::Argon2id(cost) => argon2id(password, salt, cost, out)?,
        }
        Ok(())
    }

    pub(super) fn write(self, writer: &mut Writer) {
        match self {
            Self::Bcrypt { cost, before } => writer.u8(1).u8(cost).u8(before as u8),
            Self::Scrypt { log_n, r, p } => writer.u8(2).u8(log_n).u32(r).u32(p),
            Self::Pbkdf2 { digest, rounds } => writer.u8(3).u8(digest as u8).u32(rounds),
            Self::Argon2id(cost) => writer.u8(4).u32(cost.memory_kib).u32(cost.passes).u32(cost.lanes),
        };
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CoreError> {
        let found = match reader.u8()? {
            1 => {
                let cost = reader.u8()?;
                let before = match reader.u8()? {
                    0 => Before::Nothing,
                    1 => Before::Hex,
                    2 => Before::Digest,
                    3 => Before::Keyed,
                    _ => return Err(CoreError::Refused),
                };
                Self::Bcrypt { cost, before }
            }
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
            4 => {
                let (memory_kib, passes, lanes) = (reader.u32()?, reader.u32()?, reader.u32()?);
                Self::Argon2id(Argon2Cost { memory_kib, passes, lanes })
            }
            _ => return Err(CoreError::Refused),
        };
        found.bounded().ok_or(CoreError::Refused)
    }
}
