//! Login passwords (R13, R14): what they must be, what is kept of them, and how they change.

mod change;
mod foreign;
mod hash;
mod rules;

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use zeroize::Zeroizing;

use crate::error::Error;

pub(crate) use change::put_back;
pub use foreign::ImportedPassword;
pub(crate) use hash::{PasswordHash, Recipe};
pub use rules::{Strength, Weakness};

/// A password as it was typed; wiped when dropped, redacted in `Debug`.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The form that is hashed (RFC 8265 §4.2, OpaqueString): all blanks are spaces, Unicode NFC.
    fn normal_form(&self, longest: usize) -> Result<Zeroizing<String>, Error> {
        if self.0.len() > longest {
            return Err(Error::PasswordTooLong { longest });
        }
        OpaqueString::enforce(self.0.as_str())
            .map(|normal| Zeroizing::new(normal.into_owned()))
            .map_err(|_| Error::PasswordUnusable)
    }

    /// What was typed, as another system hashed it; `None` for what was a password nowhere: nothing, and texts with NUL, at which C ends and
    /// with which HMAC fills up its key.
    fn typed(&self, longest: usize) -> Option<&str> {
        let text = self.0.as_str();
        (!text.is_empty() && text.len() <= longest && !text.contains('\0')).then_some(text)
    }
}

impl core::fmt::Debug for Password {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Password(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password::new("secret words here")), "Password(redacted)");
        let imported =
            ImportedPassword::parse("pbkdf2_sha256$600000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(format!("{imported:?}"), "Ok(ImportedPassword(redacted))");
    }
}
