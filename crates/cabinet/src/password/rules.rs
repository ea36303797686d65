//! What a new password must be (R13): long enough, hard to guess, and none of the words that everyone tries.
//!
//! Length comes before classes (SP 800-63B-4 §3.1.1.2). How hard it is to guess is estimated by `zxcvbn`, whose lists hold
//! 30,000 breached passwords, names and words; added to them are the words of this service and this account (ASVS 6.1.2),
//! and `words.txt`: what people of this country type, also with the keyboard set to the other language.

use zeroize::Zeroizing;
use zxcvbn::feedback::Warning;

use super::Password;
use crate::error::Error;
use crate::policy::PasswordPolicy;

const WORDS: &str = include_str!("words.txt");

/// Why a password is easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// It is one of those that everyone tries first, or nearly one.
    Common,
    /// A word or a name.
    Word,
    /// It names the account or the service.
    Context,
    /// Neighbouring keys.
    Keyboard,
    /// The same again and again, or a sequence.
    Pattern,
    /// A date or a year.
    Date,
    /// Short of guesses, without a single reason.
    Guessable,
}

impl Weakness {
    const fn words(self) -> &'static str {
        match self {
            Self::Common => "it is one of those that everyone tries first",
            Self::Word => {
                "a word or a name is tried early: take several that have nothing to do with each other"
            }
            Self::Context => "it contains a name that belongs to the account or to the service",
            Self::Keyboard => "neighbouring keys are tried early",
            Self::Pattern => "repetitions and sequences are tried early",
            Self::Date => "dates and years are tried early",
            Self::Guessable => "it is tried early: add words that have nothing to do with each other",
        }
    }
}

impl core::fmt::Display for Weakness {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.words())
    }
}

/// How hard a password is to guess, for a form that shows it while somebody types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// 0 to 4, as `zxcvbn` estimates.
    pub score: u8,
    /// Why it is not more, where there is a reason.
    pub weakness: Option<Weakness>,
}

impl Password {
    /// Refuses a new password that the policy does not allow. `context` are the names of the account and the service.
    pub(crate) fn check(&self, context: &[&str], policy: &PasswordPolicy) -> Result<(), Error> {
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
        if names(&normal, context) {
            return Err(Error::PasswordWeak(Weakness::Context));
        }
        if policy.strength == 0 {
            return Ok(());
        }
        let strength = strength(&normal, context);
        if strength.score < policy.strength {
            return Err(Error::PasswordWeak(strength.weakness.unwrap_or(Weakness::Guessable)));
        }
        Ok(())
    }
}

/// Whether it contains a name. One of a letter or two is in every other password by chance.
fn names(normal: &str, context: &[&str]) -> bool {
    let folded = Zeroizing::new(normal.to_lowercase());
    context.iter().any(|name| name.chars().count() > 2 && folded.contains(&name.to_lowercase()))
}

/// Estimates a password in its normal form, as it stands and as the other keyboard would have typed it.
pub(crate) fn strength(normal: &str, context: &[&str]) -> Strength {
    let words: Vec<&str> =
        context.iter().copied().chain(WORDS.lines().filter(|line| !line.starts_with('#'))).collect();
    let typed = other_layout(normal);
    let [here, there] = [normal, typed.as_str()].map(|text| estimate(text, &words));
    if there.score < here.score { there } else { here }
}

fn estimate(text: &str, words: &[&str]) -> Strength {
    let entropy = zxcvbn::zxcvbn(text, words);
    let weakness = entropy.feedback().and_then(|feedback| feedback.warning()).map(|warning| match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess => {
            Weakness::Keyboard
        }
        Warning::RepeatsLikeAaaAreEasyToGuess
        | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess
        | Warning::SequencesLikeAbcAreEasyToGuess => Weakness::Pattern,
        Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => Weakness::Date,
        Warning::ThisIsATop10Password
        | Warning::ThisIsATop100Password
        | Warning::ThisIsACommonPassword
        | Warning::ThisIsSimilarToACommonlyUsedPassword => Weakness::Common,
        Warning::AWordByItselfIsEasyToGuess
        | Warning::NamesAndSurnamesByThemselvesAreEasyToGuess
        | Warning::CommonNamesAndSurnamesAreEasyToGuess => Weakness::Word,
    });
    Strength { score: entropy.score().into(), weakness }
}

/// The keys of a Russian keyboard, typed with the Latin layout: `пароль` becomes `gfhjkm`.
fn other_layout(text: &str) -> Zeroizing<String> {
    const CYRILLIC: &str = "йцукенгшщзхъфывапролджэячсмитьбюё";
    const LATIN: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`";
    let lower = Zeroizing::new(text.to_lowercase());
    let other = |character: char| {
        CYRILLIC.chars().position(|key| key == character).and_then(|place| LATIN.chars().nth(place))
    };
    let back = |character: char| {
        LATIN.chars().position(|key| key == character).and_then(|place| CYRILLIC.chars().nth(place))
    };
    // One direction for the whole text: what has Cyrillic letters was meant for the Latin keys, and the other way round.
    let turned = lower.chars().any(|character| other(character).is_some());
    // Room for all of it from the beginning: what a text grows out of is not wiped.
    let mut typed = Zeroizing::new(String::with_capacity(4 * lower.len()));
    for character in lower.chars() {
        let key = if turned { other(character) } else { back(character) };
        typed.push(key.unwrap_or(character));
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn check(text: &str, policy: &PasswordPolicy) -> Result<(), Error> {
        Password::new(text).check(&["ivan", "Zamok Bank"], policy)
    }

    #[test]
    fn length_comes_before_classes() {
        let strict = Policy::strict().password;
        let seeds = Policy::seeds().password;
        assert_eq!(check("correct horse battery", &strict), Ok(()));
        assert_eq!(check("correct horse battery", &seeds), Err(Error::PasswordClasses));
        assert_eq!(check("Correct horse 1 battery", &seeds), Ok(()));
        assert_eq!(check("elevenchars", &strict), Err(Error::PasswordTooShort { found: 11, shortest: 12 }));
        assert_eq!(check("лошадь скрепка море", &strict), Ok(()));
        assert_eq!(check(&"a".repeat(513), &strict), Err(Error::PasswordTooLong { longest: 512 }));
    }

    #[test]
    fn what_everyone_tries_is_refused_with_its_reason() {
        let strict = Policy::strict().password;
        for (text, weakness) in [
            ("my name is IVAN!", Weakness::Context),
            ("the zamok bank door", Weakness::Context),
            ("aaaaaaaaaaaaaaaa", Weakness::Pattern),
            ("abcdefghijklmnop", Weakness::Pattern),
            ("qwertyuiop[]\\", Weakness::Keyboard),
            ("passwordpassword", Weakness::Pattern),
            ("пароль123456", Weakness::Common),
        ] {
            assert_eq!(check(text, &strict), Err(Error::PasswordWeak(weakness)), "{text:?}");
        }
        // Typed on the other keyboard: «пароль», «йцукен», «любовь».
        for text in ["gfhjkm123456", "йцукенйцукен", "k.,jdm199019", "gfhjkmgfhjkm", "ПарольПароль"]
        {
            assert!(matches!(check(text, &strict), Err(Error::PasswordWeak(_))), "{text:?}");
        }
        assert_eq!(check("control\u{7}character", &strict), Err(Error::PasswordUnusable));
        let short = Password::new("a battery of horses").check(&["a"], &strict);
        assert_eq!(short, Ok(()), "a letter is chance, not a hint");
    }

    #[test]
    fn the_list_of_words_is_compact_and_clean() {
        let words: Vec<&str> = WORDS.lines().filter(|line| !line.starts_with('#')).collect();
        assert!((100..1000).contains(&words.len()), "{}", words.len());
        for word in &words {
            assert_eq!(*word, word.trim().to_lowercase(), "{word:?}");
            assert!(word.chars().count() > 2, "{word:?}");
        }
    }

    #[test]
    fn keys_are_the_same_on_both_layouts() {
        assert_eq!(*other_layout("Пароль"), "gfhjkm");
        assert_eq!(*other_layout("gfhjkm"), "пароль");
        assert_eq!(*other_layout("42"), "42");
    }
}
