//! A passphrase on its way to the key derivation.

use std::fmt;

use zeroize::Zeroizing;

/// A passphrase: owned, wiped when dropped, redacted in `Debug`. It has no `Display` and is never compared.
///
/// The bytes are taken as they are: no trimming, no Unicode normalisation. Whoever reads it from a terminal or a file
/// removes the line end. At least 80 bits of entropy are advised (`CRYPTO.md` §3): nothing in software can slow down
/// guesses on a copied disk.
///
/// ```
/// use zamok_host::Passphrase;
/// assert_eq!(format!("{:?}", Passphrase::from("correct horse")), "Passphrase(redacted)");
/// ```
pub struct Passphrase {
    bytes: Zeroizing<Vec<u8>>,
}

impl Passphrase {
    /// Shows the bytes to the key derivation.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

/// Takes the buffer over without a copy; it is wiped when the passphrase is dropped.
impl From<String> for Passphrase {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

/// Takes the buffer over without a copy; it is wiped when the passphrase is dropped.
impl From<Vec<u8>> for Passphrase {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }
}

/// Copies; wiping the original is the caller's.
impl From<&str> for Passphrase {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes().to_vec())
    }
}

/// Copies; wiping the original is the caller's.
impl From<&[u8]> for Passphrase {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the length: it narrows a guess.
        f.write_str("Passphrase(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_text_nor_length() {
        let shown = [Passphrase::from("a"), Passphrase::from(String::from("correct horse battery"))];
        assert_eq!(shown.map(|passphrase| format!("{passphrase:?}")), ["Passphrase(redacted)"; 2]);
    }

    #[test]
    fn bytes_are_taken_as_they_are() {
        assert_eq!(Passphrase::from(" e\u{301}\n").expose(), " e\u{301}\n".as_bytes());
        assert_eq!(Passphrase::from(&[0_u8, 255][..]).expose(), [0, 255]);
    }
}
