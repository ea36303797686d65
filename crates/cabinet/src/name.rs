//! Names in their normal form, so that variants of one are one: logins (RFC 8265 §3.3 and UTS 39), phones (E.164), e-mail
//! addresses (UTS 46 and a folded local part).

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use unicode_security::confusable_detection::skeleton;

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
        // Of ASCII all that is seen is allowed in names (RFC 8264 §9.11), and nothing is mapped but case.
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_ascii_lowercase()));
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

    /// The name of the account that is looked at in the place of one that is not there. Nobody can have it either.
    pub(crate) fn decoy() -> Self {
        Self("\0nobody".into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// How it looks (UTS 39 §4): two logins with one skeleton can be taken for each other. Prototypes may be upper case, so
    /// case is folded once more.
    pub(crate) fn skeleton(&self) -> String {
        let looks: String = skeleton(&self.0).collect();
        skeleton(&looks.to_lowercase()).collect()
    }
}

/// A phone number as E.164 writes it: `+` and 8 to 15 digits, of which the first is not 0. Blanks, hyphens, points and
/// brackets between them mean nothing.
pub(crate) fn phone(text: &str) -> Result<String, Error> {
    const LONGEST: usize = 64;
    let number: String = text
        .trim()
        .chars()
        .take(LONGEST)
        .filter(|character| !matches!(character, ' ' | '-' | '.' | '(' | ')' | '\u{a0}'))
        .collect();
    let digits = number.strip_prefix('+').ok_or(Error::ContactUnusable)?;
    let sound = (8..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
        && text.len() <= LONGEST;
    if sound { Ok(number) } else { Err(Error::ContactUnusable) }
}

/// An e-mail address: the domain after UTS 46, in the form that DNS knows; the local part folded, since no provider of note
/// tells case apart, and whoever could register the other case would be somebody else.
pub(crate) fn email(text: &str) -> Result<String, Error> {
    // RFC 5321 §4.5.3.1: 64 octets before, 255 after, 254 in all (erratum 1690).
    const LONGEST: usize = 254;
    let (local, domain) = text.trim().rsplit_once('@').ok_or(Error::ContactUnusable)?;
    let local = UsernameCaseMapped::enforce(local).map_err(|_| Error::ContactUnusable)?;
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| Error::ContactUnusable)?;
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    let sound = (1..=64).contains(&local.len())
        && !dots
        && !local.contains(['@', '"', '\\', '(', ')', '<', '>', ',', ';', ':', '[', ']'])
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.');
    let address = format!("{local}@{domain}");
    if sound && address.len() <= LONGEST { Ok(address) } else { Err(Error::ContactUnusable) }
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
    fn a_name_of_ascii_is_what_precis_makes_of_it() {
        let every = || (0..=127_u8).map(char::from);
        let pairs = every().flat_map(|one| every().map(move |other| [one, other]));
        let texts = pairs.flat_map(|[one, other]| {
            // By itself, at both ends, and within: a rule may look at what stands beside a character.
            [format!("{one}{other}"), format!("{one}a{other}"), format!("1{one}{other}Z"), format!("{one}")]
        });
        let mut names = 0;
        for text in texts {
            let normal = UsernameCaseMapped::enforce(text.as_str()).map(|normal| normal.into_owned()).ok();
            assert_eq!(Login::parse(&text).ok().map(|login| login.0), normal, "{text:?}");
            names += usize::from(normal.is_some());
        }
        assert_eq!(names, 3 * 94 * 94 + 128 * 94);
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

    #[test]
    fn names_that_look_the_same_have_one_skeleton() {
        let skeleton = |text: &str| Login::parse(text).unwrap().skeleton();
        // Cyrillic а, с, е, о, р for Latin ones; digits for letters; a ligature of two.
        for (one, other) in [
            ("pacco", "расс\u{43e}"),
            ("sasha", "s\u{430}sh\u{430}"),
            ("paul1", "paull"),
            ("b0b", "bob"),
            ("corner", "comer"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        for (one, other) in [("ivan", "iwan"), ("anna", "hanna"), ("citizen1", "citizen2")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    /// Another version may map names differently, and then what was indexed is not found: a change here is a migration.
    #[test]
    fn the_version_of_unicode_is_pinned() {
        assert_eq!(unicode_security::UNICODE_VERSION, (18, 0, 0));
    }

    #[test]
    fn phones_are_e164() {
        for text in ["+79161234567", "+7 (916) 123-45-67", " +7.916.123.4567 "] {
            assert_eq!(phone(text).unwrap(), "+79161234567", "{text:?}");
        }
        for text in [
            "89161234567",
            "+0123456789",
            "+7916",
            "+1234567890123456",
            "+7٩161234567",
            "",
            "+",
            "+7916x234567",
        ] {
            assert_eq!(phone(text), Err(Error::ContactUnusable), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_one_however_they_are_written() {
        assert_eq!(email("Ivan.Petrov@Example.ORG").unwrap(), "ivan.petrov@example.org");
        assert_eq!(email("иван@почта.рф").unwrap(), "иван@xn--80a1acny.xn--p1ai");
        assert_eq!(email("ivan@ПОЧТА.рф").unwrap(), email("IVAN@xn--80a1acny.xn--p1ai").unwrap());
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "ivan",
            "@example.org",
            "ivan@",
            "ivan@host",
            "a@b@c.org",
            "i van@example.org",
            ".a@b.org",
            "a..b@c.org",
            "ivan@-x-.org",
            "ivan@exa mple.org",
            &long,
        ] {
            assert_eq!(email(text), Err(Error::ContactUnusable), "{text:?}");
        }
    }
}
