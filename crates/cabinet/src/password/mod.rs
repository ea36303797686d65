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
        // ASCII without controls is its own normal form (RFC 8264 §9.11, RFC 8265 §4.2); nothing at all has none.
        if !self.0.is_empty() && self.0.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Ok(self.0.clone());
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
    fn a_password_of_ascii_is_what_precis_makes_of_it() {
        let every = || (0..=127_u8).map(char::from);
        let pairs = every().flat_map(|one| every().map(move |other| [one, other]));
        let texts = pairs.flat_map(|[one, other]| {
            [format!("{one}{other}"), format!("{one}a {other}"), format!("1{one}{other}Z"), format!("{one}")]
        });
        let mut sound = 0;
        for text in texts.chain([String::new()]) {
            let normal = OpaqueString::enforce(text.as_str()).map(|normal| normal.into_owned()).ok();
            let found = Password::new(text.as_str()).normal_form(1000).ok();
            assert_eq!(found.as_deref(), normal.as_ref(), "{text:?}");
            sound += usize::from(normal.is_some());
        }
        assert_eq!(sound, 3 * 95 * 95 + 128 * 95);
        let (blanks, composed) = ("one\u{a0}two\u{3000}three", "\u{e9}t\u{e9}");
        let normal = |text: &str| Password::new(text).normal_form(1000).unwrap().to_string();
        assert_eq!(normal(blanks), "one two three");
        assert_eq!(normal("e\u{301}te\u{301}"), composed);
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password::new("secret words here")), "Password(redacted)");
        let imported =
            ImportedPassword::parse("pbkdf2_sha256$600000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(format!("{imported:?}"), "Ok(ImportedPassword(redacted))");
    }
}
