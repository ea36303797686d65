//! Filling a template, once, from left to right: what a value holds is never read as a field.

use zeroize::Zeroizing;

/// What stands in braces.
pub(super) fn names(mut text: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    while let Some((_, rest)) = text.split_once('{') {
        let (name, rest) = rest.split_once('}').ok_or_else(|| rest.to_owned())?;
        found.push(name);
        text = rest;
    }
    if text.contains('}') { Err(text.to_owned()) } else { Ok(found) }
}

/// Fills what stands in braces.
pub(super) fn put(template: &str, value: impl Fn(&str) -> Zeroizing<String>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(template.len() * 2 + 256));
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(&value(name));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Whether a value may have several lines where it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// It may not.
    One,
    /// It may.
    Many,
}

/// Takes out of a value what is obeyed instead of shown.
pub(super) fn tame(value: &str, lines: Lines) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(value.len()));
    for character in value.chars() {
        match character {
            '\n' if lines == Lines::Many => text.push('\n'),
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            character if character.is_control() => {}
            // Marks and overrides of direction, and what has no width.
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => {}
            character => text.push(character),
        }
    }
    text
}
