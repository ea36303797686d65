//! Login passwords (R13, R14): what they must be, and Argon2id (RFC 9106) over what they are.

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use subtle::ConstantTimeEq;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::wire::{Reader, Writer};
use zamok_host::argon2id;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::name::Login;
use crate::policy::PasswordPolicy;

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

    /// Refuses a new password that the policy does not allow for this login.
    pub(crate) fn check(&self, login: &Login, policy: &PasswordPolicy) -> Result<(), Error> {
        let normal = self.normal_form(policy.longest)?;
        let found = normal.chars().count();
        if found < policy.shortest {
            return Err(Error::PasswordTooShort { found, shortest: policy.shortest });
        }
        let class = |belongs: fn(char) -> bool| normal.chars().any(belongs);
        let all = class(char::is_uppercase)
            && class(char::is_lowercase)
            && class(char::is_numeric)
            && class(|character| !character.is_alphanumeric());
        if policy.classes && !all {
            return Err(Error::PasswordClasses);
        }
        let folded = Zeroizing::new(normal.to_lowercase());
        let repeated = normal.chars().all(|character| normal.starts_with(character));
        // A login of a letter or two is in every other password by chance.
        let names_login = login.as_str().chars().count() > 2 && folded.contains(login.as_str());
        if repeated || names_login {
            return Err(Error::PasswordUnusable);
        }
        Ok(())
    }
}

impl core::fmt::Debug for Password {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// A hash of a password, with all that is needed to make it again.
pub(crate) struct PasswordHash {
    pub(crate) cost: Argon2Cost,
    pub(crate) salt: [u8; 16],
    hash: Zeroizing<[u8; 32]>,
}

impl PasswordHash {
    /// The hash of what was typed, under the cost and salt of a stored one.
    ///
    /// What cannot be a password costs the same work and matches nothing.
    pub(crate) fn compute(
        password: &Password,
        cost: Argon2Cost,
        salt: [u8; 16],
        policy: &PasswordPolicy,
    ) -> Result<Self, Error> {
        let normal = password.normal_form(policy.longest).unwrap_or_default();
        let mut hash = Zeroizing::new([0; 32]);
        argon2id(normal.as_bytes(), &salt, cost, hash.as_mut_slice())?;
        Ok(Self { cost, salt, hash })
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        bool::from(self.salt.ct_eq(&other.salt) & self.hash.ct_eq(&*other.hash))
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u32(self.cost.memory_kib).u32(self.cost.passes).u32(self.cost.lanes);
        writer.raw(&self.salt).raw(self.hash.as_slice());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, zamok_core::Error> {
        let cost = Argon2Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? }
            .bounded()?;
        Ok(Self { cost, salt: reader.array()?, hash: Zeroizing::new(reader.array()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn length_comes_before_classes() {
        let login = Login::parse("ivan").unwrap();
        let strict = Policy::strict().password;
        let seeds = Policy::seeds().password;
        let check = |text: &str, policy: &PasswordPolicy| Password::new(text).check(&login, policy);
        assert_eq!(check("correct horse battery", &strict), Ok(()));
        assert_eq!(check("correct horse battery", &seeds), Err(Error::PasswordClasses));
        assert_eq!(check("Correct horse 1 battery", &seeds), Ok(()));
        assert_eq!(check("elevenchars", &strict), Err(Error::PasswordTooShort { found: 11, shortest: 12 }));
        assert_eq!(check("двенадцать12", &strict), Ok(()));
        assert_eq!(check(&"a".repeat(513), &strict), Err(Error::PasswordTooLong { longest: 512 }));
    }

    #[test]
    fn what_names_the_login_or_repeats_itself_is_refused() {
        let login = Login::parse("ivan").unwrap();
        let strict = Policy::strict().password;
        let short = Login::parse("a").unwrap();
        assert_eq!(Password::new("a battery of horses").check(&short, &strict), Ok(()), "chance, not a hint");
        for text in ["my name is IVAN!", "aaaaaaaaaaaaaaaa", "control\u{7}character"] {
            assert_eq!(Password::new(text).check(&login, &strict), Err(Error::PasswordUnusable), "{text:?}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        assert_eq!(format!("{:?}", Password::new("secret words here")), "Password(redacted)");
    }
}
