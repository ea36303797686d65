//! What is searched for, kept so that the search does not find itself: each byte is masked.

use zeroize::Zeroizing;

const MASK: u8 = 0xa5;
/// Fewer bytes than these occur by chance.
const SHORTEST: usize = 12;

/// A secret under its name, masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    /// What it is.
    pub name: String,
    masked: Vec<u8>,
}

/// Masks while the program is compiled, so that its file does not hold the secret either.
#[must_use]
pub const fn masked<const N: usize>(plain: &[u8; N]) -> [u8; N] {
    let mut masked = *plain;
    let mut index = 0;
    while index < N {
        masked[index] ^= MASK;
        index += 1;
    }
    masked
}

/// The secret itself, in memory that is wiped.
#[must_use]
pub fn plain(masked: &[u8]) -> Zeroizing<Vec<u8>> {
    // Hidden from the optimiser, which would write the secret into the program's file.
    Zeroizing::new(std::hint::black_box(masked).iter().map(|byte| byte ^ MASK).collect())
}

impl Needle {
    /// A needle that was masked already.
    ///
    /// # Panics
    /// If it is so short that it occurs by chance.
    #[must_use]
    pub fn new(name: impl Into<String>, masked: &[u8]) -> Self {
        let name = name.into();
        assert!(masked.len() >= SHORTEST, "{name} is too short to search for");
        Self { name, masked: masked.to_vec() }
    }

    /// A secret that became known while the program ran; the caller wipes the original.
    #[must_use]
    pub fn of(name: impl Into<String>, secret: &[u8]) -> Self {
        let masked: Vec<u8> = secret.iter().map(|byte| byte ^ MASK).collect();
        Self::new(name, &masked)
    }

    /// A line for whoever searches from outside: its name and its masked bytes.
    #[must_use]
    pub fn to_line(&self) -> String {
        let digits: String = self.masked.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}\t{digits}\n", self.name)
    }

    /// Reads what [`Needle::to_line`] wrote.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let (name, digits) = line.split_once('\t')?;
        let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let masked = (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
        Some(Self::new(name.to_owned(), &masked))
    }

    /// Bytes of it that nobody wipes: what a search has to find.
    #[must_use]
    pub fn forgotten(&self) -> &'static [u8] {
        Box::leak(plain(&self.masked).to_vec().into_boxed_slice())
    }

    /// How often the secret stands in these bytes: either half of it, since an allocator writes over the beginning of what is
    /// given back. A whole one counts once.
    #[must_use]
    pub fn count(&self, haystack: &[u8]) -> usize {
        let half = (self.masked.len() / 2).max(SHORTEST);
        let (front, back) = (&self.masked[..half], &self.masked[self.masked.len() - half..]);
        count_of(front, haystack).max(count_of(back, haystack))
    }
}

fn count_of(masked: &[u8], haystack: &[u8]) -> usize {
    let (first, rest) = (masked[0] ^ MASK, &masked[1..]);
    let begins = |window: &&[u8]| {
        window[0] == first && window[1..].iter().zip(rest).all(|(byte, masked)| byte ^ MASK == *masked)
    };
    haystack.windows(masked.len()).filter(begins).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_whole_and_in_half_and_its_masked_form_is_not() {
        const MASKED: [u8; 24] = masked(b"a secret of twenty-four.");
        let needle = Needle::new("it", &MASKED);
        let secret = plain(&MASKED);
        let hay = [b"before ", secret.as_slice(), b" after ", &secret[..12], &MASKED].concat();
        assert_eq!(needle.count(&hay), 2);
        assert_eq!(needle.count(&secret[12..]), 1, "its end, behind what the allocator wrote");
        assert_eq!(needle.count(&MASKED), 0);
        assert_eq!(Needle::of("it", &secret).count(&secret), 1);
        assert_eq!(Needle::of_line(needle.to_line().trim_end()), Some(needle));
    }
}
