//! Values as literals of SQL, made of hexadecimal digits, numbers and punctuation alone: whatever the bytes are, none of them
//! can end a literal. All are escape strings (`E'…'`), which mean the same whatever `standard_conforming_strings` says.

use std::fmt::{Display, Write as _};

/// The statement with these literals in the places of these names, in the order in which it has them.
pub(crate) fn put_into(statement: &str, literals: &[(&str, String)]) -> String {
    let length: usize = literals.iter().map(|(_, literal)| literal.len()).sum();
    let mut text = String::with_capacity(statement.len() + length);
    let mut rest = statement;
    for (name, literal) in literals {
        let (before, after) = rest.split_once(name).expect("the statements of `sql/` name their parameters");
        text.push_str(before);
        text.push_str(literal);
        rest = after;
    }
    text + rest
}

/// `E'\\x6b6579'`.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len() + 8);
    text.push_str(r"E'\\x");
    push_hex(&mut text, bytes);
    text.push('\'');
    text
}

/// `'{1,NULL,3}'`.
pub(crate) fn numbers<T: Display>(numbers: impl Iterator<Item = Option<T>>) -> String {
    array(numbers, |text, number| {
        let _ = write!(text, "{number}");
    })
}

/// `E'{"\\\\x6b6579",NULL}'`: what is escaped once for the literal and once for the array.
pub(crate) fn byte_strings<'a>(strings: impl Iterator<Item = Option<&'a [u8]>>) -> String {
    array(strings, |text, bytes| {
        text.reserve(2 * bytes.len() + 8);
        text.push_str(r#""\\\\x"#);
        push_hex(text, bytes);
        text.push('"');
    })
}

fn array<T>(elements: impl Iterator<Item = Option<T>>, mut push: impl FnMut(&mut String, T)) -> String {
    let mut text = String::from("E'{");
    for (number, element) in elements.enumerate() {
        if number > 0 {
            text.push(',');
        }
        match element {
            Some(element) => push(&mut text, element),
            None => text.push_str("NULL"),
        }
    }
    text.push_str("}'");
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_hold_nothing_but_digits_and_punctuation() {
        assert_eq!(bytes(b"k'\\\0"), r"E'\\x6b275c00'");
        assert_eq!(bytes(b""), r"E'\\x'");
        assert_eq!(
            numbers([Some(-1_i64), None, Some(i64::MAX)].into_iter()),
            "E'{-1,NULL,9223372036854775807}'"
        );
        assert_eq!(numbers(std::iter::empty::<Option<u64>>()), "E'{}'");
        let strings = [Some(b"}\"".as_slice()), None, Some(b"".as_slice())];
        assert_eq!(byte_strings(strings.into_iter()), r#"E'{"\\\\x7d22",NULL,"\\\\x"}'"#);
    }
}
