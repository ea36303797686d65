//! Everything that is printed: lines for people, or one JSON object for programs. Text from outside is made visible
//! before it is shown, so that it can neither command the terminal nor pass for another line.

use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use crate::failure::{Exit, Failure};

/// Whom the output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Person,
    Program,
}

/// Standard output and standard error.
#[derive(Debug)]
pub(crate) struct Output {
    reader: Reader,
}

impl Output {
    pub(crate) const fn new(is_for_programs: bool) -> Self {
        Self { reader: if is_for_programs { Reader::Program } else { Reader::Person } }
    }

    pub(crate) fn is_for_programs(&self) -> bool {
        self.reader == Reader::Program
    }

    /// Whether a person looks at standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        self.reader == Reader::Person && io::stdout().is_terminal()
    }

    /// A line for people; programs do not get it.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<(), Failure> {
        match self.reader {
            Reader::Person => self.text(&format!("{}\n", visible(text.as_ref()))),
            Reader::Program => Ok(()),
        }
    }

    /// Text as it stands, of our own making: a QR code, a token, a proof, help.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Bytes as they stand, for a file or another program: a terminal would obey them.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
    }

    /// The object for programs; people do not get it.
    pub(crate) fn object(&self, object: &Value) -> Result<(), Failure> {
        match self.reader {
            Reader::Person => Ok(()),
            Reader::Program => self.text(&format!("{}\n", plain_json(object))),
        }
    }

    /// Asks whoever sits at the terminal, whatever the output is for.
    pub(crate) fn prompt(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}:", visible(text));
    }

    /// What somebody has to look after, although the command is done: on standard error, whoever reads.
    pub(crate) fn warning(&self, text: impl AsRef<str>) {
        // Without standard error there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "warning: {}", visible(text.as_ref()));
    }

    /// A remark for people beside the output proper, such as a warning or what to do next.
    pub(crate) fn remark(&self, text: impl AsRef<str>) {
        if self.reader == Reader::Person {
            // Without standard error there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{}", visible(text.as_ref()));
        }
    }

    /// How far a long piece of work has come, on the line of a terminal where the last such word stood.
    pub(crate) fn progress(&self, step: u64, text: impl FnOnce() -> String) {
        // Often enough to see it move, seldom enough not to be what takes the time.
        if step.is_multiple_of(500) && self.reader == Reader::Person && io::stderr().is_terminal() {
            let _ = write!(io::stderr().lock(), "\r{}\x1b[K", visible(&text()));
        }
    }

    /// Takes that word away.
    pub(crate) fn progress_ends(&self) {
        if self.reader == Reader::Person && io::stderr().is_terminal() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }

    /// Tells a failure: to people on standard error, to programs on standard output, unless they have an object already.
    pub(crate) fn failure(&self, failure: &Failure) -> Exit {
        let Failure { code, name, message, hint, .. } = failure;
        if failure.is_silent {
            return failure.exit;
        }
        match self.reader {
            reader if reader == Reader::Person || failure.is_afterwards => {
                let _ = writeln!(io::stderr().lock(), "error: {}", visible_lines(message));
                if let Some(hint) = hint {
                    let _ = writeln!(io::stderr().lock(), "hint: {}", visible(hint));
                }
            }
            _ => {
                let error = json!({"code": code, "name": name, "message": message, "hint": hint});
                if self.object(&json!({ "error": error })).is_err() {
                    let _ = writeln!(io::stderr().lock(), "error: {}", visible_lines(message));
                }
            }
        }
        failure.exit
    }
}

/// Whether a character could command a terminal, end a line, hide, or turn the direction of writing.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with treacherous characters written as `\u{…}`.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_treacherous(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The same for text of several lines, where the ends of lines are meant.
fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// JSON on one line, with treacherous characters escaped: outside of strings it holds none.
pub(crate) fn plain_json(value: &Value) -> String {
    let mut shown = String::new();
    for character in value.to_string().chars() {
        if is_treacherous(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_commands_nothing() {
        assert_eq!(
            visible("a\x1b[31mb\r\nc\u{9b}d\u{202e}e"),
            "a\\u{1b}[31mb\\u{d}\\u{a}c\\u{9b}d\\u{202e}e"
        );
        assert_eq!(visible("Иван “é” 名"), "Иван “é” 名");
        assert_eq!(visible_lines("one\ntwo\tthree"), "one\ntwo\\u{9}three");
    }

    #[test]
    fn whatever_hides_ends_a_line_or_turns_the_direction_is_shown_by_its_number() {
        // Controls; marks, embeddings, overrides and isolates of UAX #9; what has no width; ends of lines; tags.
        let treacherous = "\0\u{1f}\u{7f}\u{80}\u{9f}\u{ad}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\
            \u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{206f}\
            \u{feff}\u{fff9}\u{fffa}\u{fffb}\u{e0000}\u{e0020}\u{e007f}";
        for character in treacherous.chars() {
            let text = character.to_string();
            assert_eq!(visible(&text), character.escape_unicode().to_string());
            let shown = plain_json(&json!(text));
            assert!(!shown.contains(character), "{shown}");
            assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), json!(text));
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = json!({"name": "a\u{9b}\u{7f}\u{202e}\n\"\\", "tag": "\u{e0041}"});
        let shown = plain_json(&value);
        assert!(!shown.chars().any(is_treacherous), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
