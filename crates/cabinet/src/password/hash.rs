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
        Self { recipe: Recipe::new(cost, salt), hash: Zeroizing::new(hash.to_vec()) }
    }

    /// Longest foreign salt and hash, in bytes.
    const LONGEST: usize = 512;

    pub(super) fn foreign(scheme: Scheme, salt: Vec<u8>, hash: Vec<u8>) -> Option<Self> {
        let bounded = salt.len() <= Self::LONGEST && (16..=Self::LONGEST).contains(&hash.len());
        let recipe = Recipe { scheme, salt, length: hash.len() };
        bounded.then_some(Self { recipe, hash: Zeroizing::new(hash) })
    }

    /// The hash of what was typed, after a recipe.
    ///
    /// What cannot be a password costs the same work and matches nothing.
    pub(crate) fn compute(
        password: &Password,
        recipe: &Recipe,
        policy: &PasswordPolicy,
    ) -> Result<Self, Error> {
        let mut hash = Zeroizing::new(vec![0; recipe.length]);
        match recipe.scheme {
            Scheme::Argon2id(cost) => {
                let normal = password.normal_form(policy.longest).unwrap_or_default();
                argon2id(normal.as_bytes(), &recipe.salt, cost, &mut hash)?;
            }
            // The other system hashed what was typed, and knew no normal form.
            Scheme::Foreign(foreign) => {
                let typed = if password.0.len() > policy.longest { "" } else { password.0.as_str() };
                foreign.compute(typed.as_bytes(), &recipe.salt, &mut hash)?;
            }
        }
        Ok(Self { recipe: recipe.clone(), hash })
    }

    /// The same once more, for a commit that may be tried more than once.
    pub(crate) fn again(&self) -> Self {
        Self { recipe: self.recipe.clone(), hash: self.hash.clone() }
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.recipe == other.recipe && bool::from(self.hash.ct_eq(&other.hash))
    }

    pub(crate) fn write(&self, writer: &mut Writer) -> Result<(), zamok_core::Error> {
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
        Ok(Self { recipe: Recipe { scheme, salt, length: hash.len() }, hash })
    }
}
