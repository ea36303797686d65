//! What a device keeps, and shows to be recognised.

use zamok_core::wire::unhex_into;
use zeroize::Zeroizing;

use super::DeviceId;

/// The token of a known device: its id and 256 bits that only the vault can compute again. A secret:
/// redacted in `Debug`, wiped when dropped.
#[derive(Clone)]
pub struct DeviceToken {
    pub(super) id: DeviceId,
    pub(super) proof: Zeroizing<[u8; 32]>,
}

impl DeviceToken {
    const PREFIX: &str = "zamok-device-";

    /// The id of the device that it is said to be of.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.id
    }

    /// The token as text, for the device to keep.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        // Room for all of it, so that it never grows out of its place.
        let mut text = Zeroizing::new(String::with_capacity(Self::PREFIX.len() + 96));
        text.push_str(Self::PREFIX);
        for byte in self.id.0.iter().chain(self.proof.iter()) {
            for digit in [byte >> 4, byte & 0xf] {
                text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
            }
        }
        text
    }

    /// Reads a token; whether it is a right one shows when it is used.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix(Self::PREFIX)?;
        let mut bytes = Zeroizing::new([0_u8; 48]);
        unhex_into(digits.as_bytes(), bytes.as_mut_slice())?;
        let (id, proof) = bytes.split_first_chunk::<16>()?;
        Some(Self { id: DeviceId(*id), proof: Zeroizing::new(proof.try_into().ok()?) })
    }
}

impl core::fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DeviceToken({}, redacted)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_never_printed() {
        let token = DeviceToken { id: DeviceId([7; 16]), proof: Zeroizing::new([0xab; 32]) };
        let text = token.to_text();
        let again = DeviceToken::parse(&text).unwrap();
        assert_eq!((again.id, *again.proof), (token.id, *token.proof));
        assert_eq!(format!("{token:?}"), format!("DeviceToken({}, redacted)", "07".repeat(16)));
        let cut = text.as_str().strip_suffix("ab").unwrap();
        for wrong in [
            "",
            "zamok-device-",
            cut,
            &text.replace("zamok", "Zamok"),
            &text.replace("ab", "+b"),
            &text.replace("ab", "é"),
        ] {
            assert!(DeviceToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
