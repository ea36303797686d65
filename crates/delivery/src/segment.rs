//! Short messages in segments: GSM 03.38 (3GPP TS 23.038 §6.2.1) with its extension table where it can say the text, UCS-2
//! otherwise, joined by a user data header (3GPP TS 23.040 §9.2.3.24.1).
//!
//! One segment holds 160 septets or 70 UTF-16 units; of several, each holds 153 or 67. Neither an escape nor a surrogate pair is
//! ever split, so that every segment can be read by itself.

use zeroize::Zeroizing;

/// The default alphabet, by septet (3GPP TS 23.038 §6.2.1).
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table: reached by an escape, so that each character takes two septets (§6.2.1.1).
const EXTENSION: [(u8, char); 10] = [
    (0x0a, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];
const ESCAPE: u8 = 0x1b;

/// How the text of a short message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// Septets of the GSM default alphabet, one an octet; whoever takes them over packs them.
    Gsm7,
    /// UTF-16, big endian.
    Ucs2,
}

/// A text in segments. `Debug` shows no text; the octets are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Segments {
    alphabet: Alphabet,
    parts: Vec<Zeroizing<Vec<u8>>>,
}

/// A text that no short message can say: more than 255 segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text needs {segments} segments, {most} are the most")]
pub struct TooLong {
    /// How many it needs.
    pub segments: usize,
    /// How many there may be.
    pub most: usize,
}

impl core::fmt::Debug for Segments {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Segments({:?}, {}, redacted)", self.alphabet, self.parts.len())
    }
}

impl Alphabet {
    /// The name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM 03.38",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Septets or UTF-16 units of one segment that stands alone.
    #[must_use]
    pub const fn single(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Septets or UTF-16 units of one of several segments, whose header takes the rest.
    #[must_use]
    pub const fn joined(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    const fn octets(self) -> usize {
        match self {
            Self::Gsm7 => 1,
            Self::Ucs2 => 2,
        }
    }
}

/// The septets of a character: one, or an escape and one.
fn septets(character: char) -> Option<(u8, Option<u8>)> {
    if let Some(place) = BASIC.chars().position(|basic| basic == character && basic != '\u{1b}') {
        return Some((u8::try_from(place).ok()?, None));
    }
    let (septet, _) = EXTENSION.iter().find(|(_, extended)| *extended == character)?;
    Some((ESCAPE, Some(*septet)))
}

impl Segments {
    /// The most that one text can have: the header counts in one octet.
    pub const MOST: usize = 255;

    /// Cuts a text: as few segments as its characters allow.
    ///
    /// # Errors
    /// [`TooLong`] beyond `most` segments, or 255.
    pub fn of(text: &str, most: usize) -> Result<Self, TooLong> {
        let mut units: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(text.len());
        let mut alphabet = Alphabet::Gsm7;
        for character in text.chars() {
            match septets(character) {
                Some((first, None)) => units.push(Zeroizing::new(vec![first])),
                Some((first, Some(second))) => units.push(Zeroizing::new(vec![first, second])),
                None => {
                    alphabet = Alphabet::Ucs2;
                    break;
                }
            }
        }
        if alphabet == Alphabet::Ucs2 {
            units.clear();
            for character in text.chars() {
                let mut buffer = [0; 2];
                let octets = character.encode_utf16(&mut buffer).iter().flat_map(|unit| unit.to_be_bytes());
                units.push(Zeroizing::new(octets.collect()));
            }
        }
        let octets: usize = units.iter().map(|unit| unit.len()).sum();
        let limit = if octets <= alphabet.single() * alphabet.octets() {
            alphabet.single()
        } else {
            alphabet.joined()
        };
        let limit = limit * alphabet.octets();
        let mut parts = vec![Zeroizing::new(Vec::with_capacity(limit))];
        for unit in &units {
            let last = parts.len() - 1;
            if parts[last].len() + unit.len() > limit {
                parts.push(Zeroizing::new(Vec::with_capacity(limit)));
            }
            let last = parts.len() - 1;
            parts[last].extend_from_slice(unit);
        }
        let most = most.min(Self::MOST);
        if parts.len() > most {
            return Err(TooLong { segments: parts.len(), most });
        }
        Ok(Self { alphabet, parts })
    }

    /// How it is written.
    #[must_use]
    pub const fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    /// How many segments are paid for.
    #[must_use]
    pub fn count(&self) -> usize {
        self.parts.len()
    }

    /// The text of each segment, without a header: septets one an octet, or UTF-16 in big endian.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.parts.iter().map(|part| part.as_slice())
    }

    /// The header of a segment, with an 8-bit reference that is the same in all (3GPP TS 23.040 §9.2.3.24.1); `None` where there
    /// is but one.
    #[must_use]
    pub fn header(&self, reference: u8, place: usize) -> Option<[u8; 6]> {
        let total = u8::try_from(self.parts.len()).ok().filter(|total| *total > 1)?;
        let number = u8::try_from(place + 1).ok()?;
        Some([5, 0, 3, reference, total, number])
    }
}

/// Reads segments back, as a phone would: for previews and for tests. What the alphabet does not have is shown as �.
#[must_use]
pub fn read(alphabet: Alphabet, parts: &[&[u8]]) -> String {
    match alphabet {
        Alphabet::Ucs2 => {
            let octets = parts.concat();
            let units = octets.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
        }
        Alphabet::Gsm7 => {
            let mut text = String::new();
            for part in parts {
                let mut septets = part.iter();
                while let Some(septet) = septets.next() {
                    let extended =
                        |septet: u8| EXTENSION.iter().find(|(known, _)| *known == septet).map(|(_, c)| *c);
                    let character = if *septet == ESCAPE {
                        septets.next().and_then(|septet| extended(*septet))
                    } else {
                        BASIC.chars().nth((*septet).into())
                    };
                    text.push(character.unwrap_or('\u{fffd}'));
                }
            }
            text
        }
    }
}

/// The calling codes of one and two digits (ITU-T E.164, list of assigned codes); all others have three.
const SHORT_CODES: &str = "1 7 20 27 28 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98";

/// The calling code of an E.164 number, and the prefix of its network: the code and three more digits.
#[must_use]
pub fn country_and_network(number: &str) -> (String, String) {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let code = SHORT_CODES.split(' ').find(|code| digits.starts_with(code));
    let length = code.map_or(3, str::len).min(digits.len());
    (digits[..length].to_owned(), digits[..(length + 3).min(digits.len())].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> (Alphabet, usize) {
        let segments = Segments::of(text, Segments::MOST).unwrap();
        let parts: Vec<_> = segments.parts().collect();
        assert_eq!(read(segments.alphabet(), &parts), text, "it is read as it was meant");
        for part in &parts {
            assert!(
                !read(segments.alphabet(), &[part]).contains('\u{fffd}'),
                "each part can be read by itself"
            );
        }
        (segments.alphabet(), segments.count())
    }

    #[test]
    fn the_alphabet_has_128_places_and_each_is_its_own() {
        assert_eq!(BASIC.chars().count(), 128);
        for (place, character) in BASIC.chars().enumerate().filter(|(place, _)| *place != 0x1b) {
            assert_eq!(septets(character), Some((u8::try_from(place).unwrap(), None)), "{character}");
        }
        // 3GPP TS 23.038 §6.2.1, a few of the cells.
        for (septet, character) in [
            (0x00, '@'),
            (0x09, 'Ç'),
            (0x10, 'Δ'),
            (0x24, '¤'),
            (0x40, '¡'),
            (0x5f, '§'),
            (0x60, '¿'),
            (0x7f, 'à'),
        ] {
            assert_eq!(septets(character), Some((septet, None)));
        }
        assert_eq!(septets('€'), Some((0x1b, Some(0x65))));
        assert_eq!(septets('я'), None);
        assert_eq!(septets('\u{1b}'), None);
        assert_eq!(septets('`'), None);
    }

    #[test]
    fn segments_hold_160_and_153_septets_or_70_and_67_units() {
        use Alphabet::{Gsm7, Ucs2};
        for (text, expected) in [
            (String::new(), (Gsm7, 1)),
            ("a".repeat(160), (Gsm7, 1)),
            ("a".repeat(161), (Gsm7, 2)),
            ("a".repeat(306), (Gsm7, 2)),
            ("a".repeat(307), (Gsm7, 3)),
            ("€".repeat(80), (Gsm7, 1)),
            ("€".repeat(81), (Gsm7, 2)),
            // 153 is odd: an escape that does not fit goes to the next segment whole.
            ("€".repeat(152), (Gsm7, 2)),
            ("€".repeat(153), (Gsm7, 3)),
            ("я".repeat(70), (Ucs2, 1)),
            ("я".repeat(71), (Ucs2, 2)),
            ("я".repeat(134), (Ucs2, 2)),
            ("я".repeat(135), (Ucs2, 3)),
            ("😀".repeat(35), (Ucs2, 1)),
            ("😀".repeat(36), (Ucs2, 2)),
            // 67 is odd, too.
            ("😀".repeat(66), (Ucs2, 2)),
            ("😀".repeat(67), (Ucs2, 3)),
            (format!("{}я", "a".repeat(69)), (Ucs2, 1)),
            (format!("{}я", "a".repeat(70)), (Ucs2, 2)),
        ] {
            assert_eq!(count(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_beyond_what_may_be_paid_for_is_refused_with_its_count() {
        assert_eq!(Segments::of(&"a".repeat(307), 2).err(), Some(TooLong { segments: 3, most: 2 }));
        assert!(Segments::of(&"я".repeat(67 * 255), 999).is_ok());
        assert_eq!(
            Segments::of(&"я".repeat(67 * 255 + 1), 999).err(),
            Some(TooLong { segments: 256, most: 255 })
        );
    }

    #[test]
    fn the_header_numbers_the_segments() {
        let two = Segments::of(&"a".repeat(161), 9).unwrap();
        assert_eq!(two.header(7, 1), Some([5, 0, 3, 7, 2, 2]));
        assert_eq!(Segments::of("a", 9).unwrap().header(7, 0), None);
        assert_eq!(format!("{two:?}"), "Segments(Gsm7, 2, redacted)");
    }

    #[test]
    fn numbers_tell_their_country_and_network() {
        for (number, country, network) in [
            ("+79161234567", "7", "7916"),
            ("+12125550100", "1", "1212"),
            ("+442071838750", "44", "44207"),
            ("+375291234567", "375", "375291"),
            ("+8615000000000", "86", "86150"),
            ("", "", ""),
        ] {
            assert_eq!(country_and_network(number), (country.to_owned(), network.to_owned()));
        }
    }

    proptest::proptest! {
        #[test]
        fn every_text_is_read_back_whole(text in "[ -~€\\[\\]{}\\\\^|~а-яА-ЯёЁ😀-🙏\n]{0,400}") {
            count(&text);
        }
    }
}
