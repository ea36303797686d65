//! Logins in their normal form (RFC 8265 §3.3, UsernameCaseMapped), so that variants of a name are one name.

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;

use crate::error::Error;

/// A login in its normal form: width and case mapped, Unicode NFC, without characters that have no place in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login(String);

impl Login {
    /// Longest login, in bytes, before and after mapping.
    const LONGEST: usize = 128;

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() || text.len() > Self::LONGEST {
            return Err(Error::LoginUnusable);
        }
        let normal = UsernameCaseMapped::enforce(text).map_err(|_| Error::LoginUnusable)?;
        if normal.is_empty() || normal.len() > Self::LONGEST {
            return Err(Error::LoginUnusable);
        }
        Ok(Self(normal.into_owned()))
    }

    /// What stands for a text that is no login. Nobody can have it: it is no login either.
    pub(crate) const fn nobody() -> Self {
        Self(String::new())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_of_a_name_are_one_name() {
        let plain = Login::parse("ivan.petrov").unwrap();
        for variant in ["Ivan.Petrov", "IVAN.PETROV", "ｉｖａｎ.ｐｅｔｒｏｖ"] {
            assert_eq!(Login::parse(variant).unwrap(), plain, "{variant}");
        }
        assert_eq!(Login::parse("Иван").unwrap(), Login::parse("иван").unwrap());
        assert_eq!(Login::parse("e\u{301}va").unwrap(), Login::parse("\u{e9}va").unwrap());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(129);
        for text in
            ["", " ", "two words", "tab\tbed", "nul\0", "line\n", "zero\u{200b}width", "\u{202e}evil", &long]
        {
            assert_eq!(Login::parse(text), Err(Error::LoginUnusable), "{text:?}");
        }
    }
}
