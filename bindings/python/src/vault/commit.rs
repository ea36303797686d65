//! How the vault is reached: in a transaction, while other Python threads run.

use pyo3::prelude::*;
use zamok::hash::HashAlgorithm;
use zamok::keys::{self, KeyKind, Purpose, Template};
use zamok::otp::{Digits, Verdict};
use zamok::{CoreError, Policy};

use super::Vault;
use crate::fault::Fault;
use crate::parameters;
use crate::shared::Shared;

impl Vault {
    pub(crate) const fn of(vault: Shared<zamok::Vault>, policy: Policy) -> Self {
        Self { vault, policy }
    }

    /// The one beneath a cabinet.
    pub(crate) fn beneath(cabinet: &zamok::Zamok) -> Self {
        Self::of(Shared::of(cabinet.vault().clone()), cabinet.policy().clone())
    }

    pub(super) fn create_one_time(
        &self,
        py: Python<'_>,
        kind: KeyKind,
        label: &str,
        first: u64,
    ) -> PyResult<String> {
        let template = Template::new(kind, Purpose::OneTimeCode).named(label, None);
        self.commit(py, |tx| keys::one_time::generate_from(tx, &template, first)).map(|id| id.to_string())
    }

    /// Runs a transaction while other Python threads run.
    pub(super) fn commit<T: Send>(
        &self,
        py: Python<'_>,
        f: impl FnMut(&mut keys::Transaction<'_>) -> Result<T, CoreError> + Send,
    ) -> PyResult<T> {
        Ok(py.detach(|| self.vault.transact(f)).map_err(Fault::from)?)
    }

    /// Windows and throttles for a key of this kind.
    pub(super) fn spending(&self, info: &keys::KeyInfo) -> zamok::guessing::SpendPolicy {
        match info.kind {
            KeyKind::Hotp { .. } => self.policy.token.spend(),
            _ => self.policy.generator.spend(),
        }
    }
}

pub(super) fn read(algorithm: &str, digits: u64) -> PyResult<(HashAlgorithm, Digits)> {
    Ok((parameters::algorithm(algorithm)?, parameters::digits(digits)?))
}

pub(super) fn accepted(verdict: Verdict) -> PyResult<u64> {
    Ok(verdict.accepted().map_err(Fault::from)?.step)
}
