//! Steam Guard codes: TOTP (RFC 6238) with SHA-1 and 30 seconds, shown as five characters of an alphabet of 26.
//!
//! There is no public standard; this is what the Steam client and the authenticator apps that speak its dialect show.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zamok_lanes::ct;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::code::{Form, Typed};
use super::decimal::Modulus;
use super::mask::Bit;
use super::matching::Engine;
use super::totp::{Around, TotpParameters, TotpState};
use super::verdict::{Checked, Matched};
use super::window::Window;
use crate::env::UnixTime;
use crate::error::Error;
use crate::hash::HashAlgorithm;
use crate::secret::Secret;

/// Without letters and digits that are easily confused.
const ALPHABET: [u8; 26] = *b"23456789BCDFGHJKMNPQRTVWXY";

/// Characters of a code.
const LEN: usize = 5;

/// All codes there are: 26⁵.
pub(crate) const CODES: u64 = 11_881_376;

/// A code of five characters, capitals and digits. `Debug` shows nothing; wiped when dropped.
///
/// ```
/// use zamok_core::otp::SteamCode;
/// assert_eq!(SteamCode::parse("2bcdf")?.to_string(), "2BCDF");
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct SteamCode([u8; LEN]);

impl SteamCode {
    /// Takes a code as a form field holds it, in either case.
    ///
    /// # Errors
    /// [`Error::CodeLength`] for another number of characters than five, [`Error::CodeCharacter`] with the position
    /// (from 0) of the first that is not of the alphabet.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let found = u8::try_from(text.chars().take(256).count()).unwrap_or(u8::MAX);
        if usize::from(found) != LEN {
            return Err(Error::CodeLength { expected: 5, found });
        }
        let mut code = [0; LEN];
        for ((position, character), place) in (0u8..).zip(text.chars()).zip(&mut code) {
            let byte = u8::try_from(character).unwrap_or(0);
            let (_, known) = value_of(byte);
            if known.value() == 0 {
                return Err(Error::CodeCharacter(position));
            }
            *place = byte.to_ascii_uppercase();
        }
        Ok(Self(code))
    }

    /// The code of a truncated HMAC value: its places to the base of 26, the lowest first.
    fn from_value(value: u32) -> Self {
        let mut rest = u64::from(value & 0x7fff_ffff);
        Self([(); LEN].map(|()| {
            let higher = const { Modulus::new(26) }.quotient(rest);
            let place = rest.wrapping_sub(higher.wrapping_mul(26));
            rest = higher;
            // Every character is looked at, whichever it is.
            (0u64..)
                .zip(ALPHABET)
                .fold(0, |found, (index, character)| found | Bit::equal(index, place).keep(character))
        }))
    }

    /// The characters, to hand them on without an allocator. Showing a code to its owner is its purpose.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ct::public(&self.0);
        // Only characters of the alphabet are ever written.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The place of a character in the alphabet, and whether it is there; in either case, without a look-up.
fn value_of(byte: u8) -> (u64, Bit) {
    (0u64..).zip(ALPHABET).fold((0, Bit::NO), |(value, known), (index, character)| {
        let lower = character.to_ascii_lowercase();
        let here =
            Bit::equal(u64::from(byte), u64::from(character)) | Bit::equal(u64::from(byte), u64::from(lower));
        (value | (here.mask() & index), known | here)
    })
}

/// Reads a typed code as a number below 26⁵, without branching on its characters.
pub(crate) fn read(text: &str) -> Typed {
    let text = text.as_bytes();
    let mut well_formed = Bit::NO;
    if text.len() == LEN {
        well_formed = Bit::YES;
    }
    let mut number = 0u64;
    for position in (0..LEN).rev() {
        let (value, known) = value_of(text.get(position).copied().unwrap_or(0));
        number = number.wrapping_mul(26).wrapping_add(value);
        well_formed = well_formed & known;
    }
    Typed::new(number, well_formed)
}

/// Equality without a timing difference.
impl ConstantTimeEq for SteamCode {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for SteamCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SteamCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteamCode(redacted)")
    }
}

impl Drop for SteamCode {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for SteamCode {}

/// A Steam Guard key, ready to generate and to check. `Debug` shows no secret; wiped when dropped.
///
/// ```
/// use zamok_core::UnixTime;
/// use zamok_core::otp::{Steam, TotpState, Window};
/// use zamok_core::secret::Secret;
///
/// let steam = Steam::new(&Secret::new(b"12345678901234567890")?);
/// let code = steam.code_at(UnixTime(59))?;
/// let checked = steam.check(code.as_str(), UnixTime(61), Window::steps(1, 1)?, &TotpState::default(), 2);
/// assert_eq!(checked.verdict.accepted()?.step, 1);
/// # Ok::<(), zamok_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Steam {
    pub(crate) engine: Engine,
}

impl Steam {
    /// Prepares a key.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self { engine: Engine::new(HashAlgorithm::Sha1, secret.expose(), Form::Steam) }
    }

    /// The time step of a moment: 30 seconds each, from 1970.
    #[must_use]
    pub const fn step_at(&self, now: UnixTime) -> u64 {
        now.0 / 30
    }

    /// The code of a moment.
    ///
    /// # Errors
    /// None today; a `Result` like that of [`Totp::code_at`](super::Totp::code_at).
    pub fn code_at(&self, now: UnixTime) -> Result<SteamCode, Error> {
        Ok(self.code_of_step(self.step_at(now)))
    }

    /// The code of a time step.
    #[must_use]
    pub fn code_of_step(&self, step: u64) -> SteamCode {
        SteamCode::from_value(self.engine.value(step))
    }

    /// Checks a typed code, in either case, by the rules of [`Totp::check`](super::Totp::check).
    pub fn check(
        &self,
        text: &str,
        now: UnixTime,
        window: Window,
        state: &TotpState,
        drift_limit: u32,
    ) -> Checked<TotpState> {
        let typed = self.engine.form.read(text);
        let around = Around::new(&TotpParameters::default(), now, window, state, drift_limit);
        let matched = self.engine.matches(around.steps, &typed);
        around.conclude(matched, typed.well_formed(), state)
    }

    /// Looks a typed code up in the window around `now`, as [`Totp::verify`](super::Totp::verify) does: **the caller
    /// has to spend the step**.
    ///
    /// # Errors
    /// [`Error::Rejected`].
    pub fn verify(&self, text: &str, now: UnixTime, window: Window) -> Result<Matched, Error> {
        self.check(text, now, window, &TotpState::default(), 0).verdict.accepted()
    }
}

impl fmt::Debug for Steam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steam(key redacted)")
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::{String, ToString};

    /// The well-known loop of the Steam clients, with its division and its table.
    fn plain(value: u32) -> String {
        let mut rest = usize::try_from(value & 0x7fff_ffff).unwrap();
        (0..LEN)
            .map(|_| {
                let character = char::from(ALPHABET[rest % 26]);
                rest /= 26;
                character
            })
            .collect()
    }

    #[test]
    fn codes_are_those_of_the_plain_loop_and_read_back_as_their_number() {
        let mut value = 1u32;
        for _ in 0..5_000 {
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let code = SteamCode::from_value(value);
            assert_eq!(code.to_string(), plain(value));
            for text in [code.to_string(), code.to_string().to_lowercase()] {
                let typed = read(&text);
                assert_eq!(typed.value, u64::from(value & 0x7fff_ffff) % CODES);
                assert_eq!(typed.well_formed().value(), 1);
                assert!(bool::from(SteamCode::parse(&text).unwrap().ct_eq(&code)));
            }
        }
    }

    #[test]
    fn other_characters_and_lengths_are_refused() {
        for byte in 0..=255u8 {
            let known = value_of(byte).1.value() == 1;
            assert_eq!(known, ALPHABET.contains(&byte.to_ascii_uppercase()), "{byte}");
        }
        for text in ["", "2222", "222222", "2222A", "22 22", "2222０"] {
            assert_eq!(read(text).well_formed().value(), 0, "{text}");
            assert!(SteamCode::parse(text).is_err(), "{text}");
        }
        assert_eq!(SteamCode::parse("2222").unwrap_err(), Error::CodeLength { expected: 5, found: 4 });
        assert_eq!(SteamCode::parse("22A22").unwrap_err(), Error::CodeCharacter(2));
        assert_eq!(SteamCode::parse("2222０").unwrap_err(), Error::CodeCharacter(4));
    }
}
