//! What is kept of a password (R14): Argon2id (RFC 9106), or the hash that another system made of it, until its owner logs
//! in for the first time.

use subtle::ConstantTimeEq;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::wire::{Reader, Writer};
use zamok_host::argon2id;
use zeroize::Zeroizing;

use super::Password;
use super::foreign::Foreign;
use crate::error::Error;
use crate::policy::PasswordPolicy;

/// How a hash is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// As the cabinet makes them.
    Argon2id(Argon2Cost),
    /// As another system made it.
    Foreign(Foreign),
}

/// All that is needed to make a hash again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(super) scheme: Scheme,
    pub(super) salt: Vec<u8>,
    /// Bytes of the hash.
    pub(super) length: usize,
}

/// A hash of a password, with its recipe.
pub(crate) struct PasswordHash {
    pub(crate) recipe: Recipe,
    hash: Zeroizing<Vec<u8>>,
    /// Whether what was hashed can be a password. Otherwise it was hashed for the sake of its work: it matches nothing, and is not kept.
    usable: bool,
}

impl Recipe {
    /// As the cabinet hashes.
    pub(crate) fn new(cost: Argon2Cost, salt: [u8; 16]) -> Self {
        Self { scheme: Scheme::Argon2id(cost), salt: salt.to_vec(), length: 32 }
    }

    /// Whether the policy would hash today as this does.
    pub(crate) fn is_current(&self, policy: &PasswordPolicy) -> bool {
        self.scheme == Scheme::Argon2id(policy.cost)
    }
}

impl PasswordHash {
    /// The hash of no password: random bytes that nothing hashes to.
    pub(crate) fn of_nothing(cost: Argon2Cost, salt: [u8; 16], hash: [u8; 32]) -> Self {
        Self { recipe: Recipe::new(cost, salt), hash: Zeroizing::new(hash.to_vec()), usable: true }
    }

    /// Longest foreign salt and hash, in bytes.
    const LONGEST: usize = 512;

    pub(super) fn foreign(scheme: Scheme, salt: Vec<u8>, hash: Vec<u8>) -> Option<Self> {
        let bounded = salt.len() <= Self::LONGEST && (16..=Self::LONGEST).contains(&hash.len());
        let recipe = Recipe { scheme, salt, length: hash.len() };
        bounded.then_some(Self { recipe, hash: Zeroizing::new(hash), usable: true })
    }

    /// The hash of a new password, to be kept.
    ///
    /// # Errors
    /// [`Error::PasswordTooLong`], [`Error::PasswordUnusable`]: there is no hash of what has no normal form.
    pub(super) fn make(
        password: &Password,
        cost: Argon2Cost,
        salt: [u8; 16],
        policy: &PasswordPolicy,
    ) -> Result<Self, Error> {
        let normal = password.normal_form(policy.longest)?;
        let recipe = Recipe::new(cost, salt);
        let mut hash = Zeroizing::new(vec![0; recipe.length]);
        argon2id(normal.as_bytes(), &recipe.salt, cost, &mut hash)?;
        Ok(Self { recipe, hash, usable: true })
    }

    /// The hash of what was typed, after a recipe, to be compared with what is kept.
    ///
    /// What cannot be a password costs the same work and matches nothing.
    pub(crate) fn compute(
        password: &Password,
        recipe: &Recipe,
        policy: &PasswordPolicy,
    ) -> Result<Self, Error> {
        let mut hash = Zeroizing::new(vec![0; recipe.length]);
        let usable = match recipe.scheme {
            Scheme::Argon2id(cost) => {
                let normal = password.normal_form(policy.longest).ok();
                let bytes = normal.as_ref().map_or(&[][..], |normal| normal.as_bytes());
                argon2id(bytes, &recipe.salt, cost, &mut hash)?;
                normal.is_some()
            }
            // The other system hashed what was typed, and knew no normal form.
            Scheme::Foreign(foreign) => {
                let typed = password.typed(policy.longest);
                foreign.compute(typed.unwrap_or_default().as_bytes(), &recipe.salt, &mut hash)?;
                typed.is_some()
            }
        };
        Ok(Self { recipe: recipe.clone(), hash, usable })
    }

    /// The same once more, for a commit that may be tried more than once.
    pub(crate) fn again(&self) -> Self {
        Self { recipe: self.recipe.clone(), hash: self.hash.clone(), usable: self.usable }
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let same = self.recipe == other.recipe && bool::from(self.hash.ct_eq(&other.hash));
        same & self.usable & other.usable
    }

    pub(crate) fn write(&self, writer: &mut Writer) -> Result<(), zamok_core::Error> {
        if !self.usable {
            return Err(zamok_core::Error::Refused);
        }
        match self.recipe.scheme {
            Scheme::Argon2id(cost) => {
                writer.u8(1).u32(cost.memory_kib).u32(cost.passes).u32(cost.lanes);
            }
            Scheme::Foreign(foreign) => foreign.write(writer.u8(2)),
        }
        writer.bytes(&self.recipe.salt)?.bytes(&self.hash)?;
        Ok(())
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, zamok_core::Error> {
        let scheme = match reader.u8()? {
            1 => {
                let cost =
                    Argon2Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
                Scheme::Argon2id(cost.bounded()?)
            }
            2 => Scheme::Foreign(Foreign::read(reader)?),
            _ => return Err(zamok_core::Error::Refused),
        };
        let salt = reader.bytes()?.to_vec();
        let hash = Zeroizing::new(reader.bytes()?.to_vec());
        Ok(Self { recipe: Recipe { scheme, salt, length: hash.len() }, hash, usable: true })
    }
}
