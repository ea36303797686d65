//! The keys of a vault in memory, each in one region with those that come from it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{DataKeyId, VaultId};
use crate::error::Error;
use crate::mac::{self, ReadyKey};
use crate::secret::{SecretMemory, SecretRegion, Wiped};

pub(super) const KEY: usize = 32;
const INDEX_LABEL: &[u8] = b"zamok/index/v1";

/// A key of a family.
pub(super) struct Held {
    pub(super) id: DataKeyId,
    material: Box<dyn SecretRegion>,
}

/// Which key of HMAC within the material of a family.
#[derive(Clone, Copy)]
pub(super) enum Branch {
    State = 0,
    Entry = 1,
}

impl Held {
    /// The key itself.
    pub(super) fn key(&self) -> Result<&[u8], Error> {
        self.material.expose()?.get(..KEY).ok_or(Error::Locked)
    }

    pub(super) fn mac_key(&self, branch: Branch) -> Result<ReadyKey<'_>, Error> {
        mac_key(self.material.expose()?, KEY + branch as usize * mac::MIDSTATES)
    }
}

pub(super) fn mac_key(material: &[u8], start: usize) -> Result<ReadyKey<'_>, Error> {
    material.get(start..).and_then(|rest| rest.first_chunk()).map(ReadyKey).ok_or(Error::Locked)
}

pub(super) fn blind(held: &Held, field: &str, normal_form: &[u8]) -> Result<[u8; 32], Error> {
    let index_key = mac::midstates(held.key()?.first_chunk().ok_or(Error::Locked)?);
    let mut key = Wiped([0; KEY]);
    ReadyKey(&index_key.0).write(&[INDEX_LABEL, field.as_bytes()], &mut key.0);
    Ok(ReadyKey(&mac::midstates(&key.0).0).tag(&[normal_form]))
}

/// Each key with those that come from it by HKDF, in one region.
pub(super) fn hold(
    vault: VaultId,
    keys: &[(DataKeyId, &[u8; 32])],
    labels: &[&[u8]],
    memory: &dyn SecretMemory,
) -> Result<Vec<Held>, Error> {
    let mut held = Vec::with_capacity(keys.len());
    for (id, key) in keys {
        let mut material = Zeroizing::new([0; KEY + 2 * mac::MIDSTATES]);
        let material = &mut material[..KEY + labels.len() * mac::MIDSTATES];
        material[..KEY].copy_from_slice(*key);
        for (label, branch) in labels.iter().zip(material[KEY..].chunks_exact_mut(mac::MIDSTATES)) {
            branch.copy_from_slice(&mac::midstates(&derived(vault, key, label)).0);
        }
        held.push(Held { id: *id, material: memory.hold(material)? });
    }
    held.sort_by_key(|held| held.id);
    Ok(held)
}

pub(super) fn above(
    vault: VaultId,
    key: &[u8; 32],
    label: &[u8],
    memory: &dyn SecretMemory,
) -> Result<Box<dyn SecretRegion>, Error> {
    let mut material = Zeroizing::new([0; KEY + mac::MIDSTATES]);
    material[..KEY].copy_from_slice(key);
    material[KEY..].copy_from_slice(&mac::midstates(&derived(vault, key, label)).0);
    memory.hold(material.as_slice())
}

/// A key that comes from another: HKDF-SHA-256 with the vault's id as salt.
pub(in crate::vault) fn derived(vault: VaultId, key: &[u8; 32], label: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; KEY]);
    Hkdf::<Sha256>::new(Some(&vault.0), key)
        .expand(label, out.as_mut_slice())
        .expect("32 bytes are one block of HKDF");
    out
}

pub(super) fn first(region: Option<&dyn SecretRegion>) -> Result<&[u8; 32], Error> {
    region.ok_or(Error::Locked)?.expose()?.first_chunk().ok_or(Error::Locked)
}
