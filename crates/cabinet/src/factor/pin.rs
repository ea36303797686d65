//! PINs (R10): short, and so never alone. A PIN counts on the one known device that it was set on, whose token is the factor that
//! its owner holds. What is kept of it is Argon2id over a keyed MAC: neither the store alone nor a stolen key alone can be
//! guessed at, and `CRYPTO.md` §3 says why no more can be promised.

use subtle::ConstantTimeEq;
use zamok_core::Error as CoreError;
use zamok_core::mac::hmac_sha256;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::wire::{Reader, Writer};
use zamok_host::argon2id;
use zeroize::Zeroizing;

use super::{FactorKind, Holding};
use crate::Cabinet;
use crate::challenge::Enrolment;
use crate::device;
use crate::error::Error;
use crate::policy::{PinPolicy, Policy};
use crate::session::{self, Session};
use crate::throttle::Caller;

/// A PIN as it was typed; wiped when dropped, redacted in `Debug`.
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes a PIN.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// SP 800-63B-4 §3.2.10, and what everybody tries first: one digit repeated, digits in a row.
    fn check(&self, policy: &PinPolicy) -> Result<(), Error> {
        let digits = self.0.as_bytes();
        let right = digits.iter().all(u8::is_ascii_digit)
            && (policy.shortest..=policy.longest).contains(&digits.len());
        let step = |by: i16| {
            digits.windows(2).all(|pair| (i16::from(pair[1]) - i16::from(pair[0])).rem_euclid(10) == by)
        };
        if right && ![0, 1, 9].into_iter().any(step) {
            Ok(())
        } else {
            Err(Error::PinUnusable { shortest: policy.shortest })
        }
    }
}

impl core::fmt::Debug for Pin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pin(redacted)")
    }
}

/// How the hash of a PIN is made. The pepper lies sealed with it, and nowhere else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PinRecipe {
    salt: [u8; 16],
    pepper: [u8; 32],
    cost: Argon2Cost,
}

impl core::fmt::Debug for PinRecipe {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PinRecipe(redacted)")
    }
}

impl PinRecipe {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer
            .u32(self.cost.memory_kib)
            .u32(self.cost.passes)
            .u32(self.cost.lanes)
            .raw(&self.salt)
            .raw(&self.pepper);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, CoreError> {
        let cost = Argon2Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        Ok(Self { cost: cost.bounded()?, salt: reader.array()?, pepper: reader.array()? })
    }

    /// The hash of what was typed. What cannot be a PIN costs the same work and matches nothing.
    pub(crate) fn compute(self, text: &str, policy: &Policy) -> Result<(Self, [u8; 32]), Error> {
        let fits = text.len() <= policy.pin.longest && text.bytes().all(|byte| byte.is_ascii_digit());
        let typed = if fits { text } else { "" };
        let mac = Zeroizing::new(hmac_sha256(&self.pepper, &[&self.salt, typed.as_bytes()]));
        let mut hash = [0; 32];
        argon2id(mac.as_slice(), &self.salt, self.cost, &mut hash)?;
        Ok((self, hash))
    }
}

pub(super) fn same(typed: &[u8; 32], kept: &[u8; 32]) -> bool {
    typed.ct_eq(kept).into()
}

impl Cabinet {
    /// Sets a PIN for the known device that a session was opened from, or that was trusted in it (R10). The test is to type it once
    /// more. From then on [`Cabinet::begin_login_by_device`] asks for it.
    ///
    /// # Errors
    /// [`Error::PinUnusable`]; [`Error::DeviceUnknown`] when the session is of no known device; otherwise as
    /// [`Cabinet::offer_generator`].
    pub fn offer_pin(&self, session: &Session, enrolment: &Enrolment, pin: &Pin) -> Result<(), Error> {
        pin.check(&self.policy.pin)?;
        let (salt, pepper) =
            self.vault.transact(|tx| Ok::<_, Error>((tx.env().random(), tx.env().random())))?;
        let recipe = PinRecipe { salt, pepper, cost: self.policy.password.cost };
        let (recipe, hash) = recipe.compute(&pin.0, &self.policy)?;
        self.vault.transact(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            let Caller::Device(id) = device::caller_of(tx, session.account, session.device)? else {
                return Err(Error::DeviceUnknown);
            };
            self.offer_factor(tx, enrolment, FactorKind::Pin, "PIN", |_, record, _| {
                if record.account.id == session.account {
                    Ok(Holding::Pin(id, recipe, hash))
                } else {
                    Err(CoreError::Rejected.into())
                }
            })
            .map(|_| ())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_everybody_tries_first_is_none() {
        let policy = Policy::strict().pin;
        for pin in
            ["000000", "123456", "654321", "789012", "12345", "1234567890123", "12a456", "１２３５７９"]
        {
            assert_eq!(Pin::new(pin).check(&policy), Err(Error::PinUnusable { shortest: 6 }), "{pin}");
        }
        for pin in ["135790", "112233", "907215"] {
            assert_eq!(Pin::new(pin).check(&policy), Ok(()), "{pin}");
        }
        assert_eq!(format!("{:?}", Pin::new("135790")), "Pin(redacted)");
    }
}
