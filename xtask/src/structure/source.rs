//! As much of Rust's grammar as the structure check needs (Reference, "Lexical structure"): comments and literals taken
//! out, test modules found, the names of crates and the word `unsafe` with the lines they stand in.

/// A source file without its comments and literals; every line break stays, so that line numbers hold.
pub(crate) struct Source {
    code: String,
    tests: Vec<std::ops::Range<usize>>,
}

/// A word of interest and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention<'a> {
    pub(crate) word: &'a str,
    pub(crate) line: usize,
    /// Where the word ends in the code.
    pub(crate) end: usize,
    pub(crate) in_tests: bool,
    /// It stands at the beginning of a path, or is imported.
    pub(crate) is_path: bool,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let code = without_comments_and_literals(text);
        let tests = test_modules(&code);
        Self { code, tests }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.code.trim().is_empty()
    }

    /// Whether the crate root carries this inner attribute, spaces aside.
    pub(crate) fn has_attribute(&self, attribute: &str) -> bool {
        let code: String = self.code.split_whitespace().collect();
        code.contains(attribute)
    }

    /// The code itself; its line breaks are those of the file.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Every identifier that `wanted` accepts.
    pub(crate) fn mentions(&self, wanted: impl Fn(&str) -> bool) -> Vec<Mention<'_>> {
        let mut found = Vec::new();
        let mut start = None;
        for (at, letter) in self.code.char_indices().chain([(self.code.len(), ' ')]) {
            match (is_word(letter), start) {
                (true, None) => start = Some(at),
                (false, Some(begin)) => {
                    let word = &self.code[begin..at];
                    if wanted(word) {
                        let line = self.code[..begin].matches('\n').count() + 1;
                        let in_tests = self.tests.iter().any(|range| range.contains(&begin));
                        let before = self.code[..begin].trim_end();
                        let is_path = self.code[at..].starts_with("::")
                            || ["use", "crate"].iter().any(|keyword| before.ends_with(keyword));
                        found.push(Mention { word, line, end: at, in_tests, is_path });
                    }
                    start = None;
                }
                _ => {}
            }
        }
        found
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn without_comments_and_literals(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let previous_is_word = at > 0 && is_word(letters[at - 1]);
        let end = match letters[at] {
            '/' if letters.get(at + 1) == Some(&'/') => end_of_line(&letters, at),
            '/' if letters.get(at + 1) == Some(&'*') => end_of_block_comment(&letters, at),
            '"' => end_of_string(&letters, at),
            'r' if !previous_is_word || prefixes_raw_string(&letters, at) => {
                end_of_raw_string(&letters, at).unwrap_or(at)
            }
            '\'' => end_of_character(&letters, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            code.push(letters[at]);
            at += 1;
        } else {
            code.push(' ');
            code.extend(letters[at..end].iter().filter(|letter| **letter == '\n'));
            at = end;
        }
    }
    code
}

fn end_of_line(letters: &[char], at: usize) -> usize {
    letters[at..].iter().position(|letter| *letter == '\n').map_or(letters.len(), |length| at + length)
}

/// Block comments nest.
fn end_of_block_comment(letters: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < letters.len() {
        match (letters[at], letters[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    letters.len()
}

fn end_of_string(letters: &[char], mut at: usize) -> usize {
    at += 1;
    while at < letters.len() {
        match letters[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    letters.len()
}

/// `br"…"` and `cr"…"`: the `r` follows a letter that is itself no part of a longer word.
fn prefixes_raw_string(letters: &[char], at: usize) -> bool {
    matches!(letters[at - 1], 'b' | 'c') && (at < 2 || !is_word(letters[at - 2]))
}

fn end_of_raw_string(letters: &[char], at: usize) -> Option<usize> {
    let hashes = letters[at + 1..].iter().take_while(|letter| **letter == '#').count();
    let open = at + 1 + hashes;
    if letters.get(open) != Some(&'"') {
        return None;
    }
    let closes =
        |end: usize| letters[end] == '"' && letters[end + 1..].iter().take(hashes).eq(&vec!['#'; hashes]);
    Some((open + 1..letters.len()).find(|end| closes(*end)).map_or(letters.len(), |end| end + 1 + hashes))
}

/// `'x'` and `'\n'` are literals; `'a` is a lifetime.
fn end_of_character(letters: &[char], at: usize) -> Option<usize> {
    match (letters.get(at + 1)?, letters.get(at + 2)?) {
        ('\\', _) => Some(at + 3 + letters[at + 3..].iter().position(|letter| *letter == '\'')? + 1),
        (_, '\'') => Some(at + 3),
        _ => None,
    }
}

/// The bodies of `#[cfg(test)] mod name { … }`.
fn test_modules(code: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        let rest = &code[at + mark.len()..];
        let Some(open) =
            rest.find('{').filter(|open| rest.find(';').is_none_or(|semicolon| *open < semicolon))
        else {
            continue;
        };
        let mut depth = 0;
        for (length, letter) in rest[open..].char_indices() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                let begin = at + mark.len() + open;
                found.push(begin..begin + length);
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentioned(text: &str) -> Vec<(String, usize, bool)> {
        let source = Source::read(text);
        let found = source.mentions(|word| word.starts_with("zamok_") || word == "unsafe");
        found.into_iter().map(|one| (one.word.to_owned(), one.line, one.in_tests)).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        for text in [
            "// zamok_core",
            "/* zamok_core /* unsafe */ zamok_core */",
            "\"zamok_core \\\" zamok_core\"",
            "r#\"zamok_core \" zamok_core\"#",
            "br\"zamok_core\"",
            "/// zamok_core\n//! unsafe",
            "'\"' // zamok_core",
            "'\\'' // zamok_core",
        ] {
            assert_eq!(mentioned(text), [], "{text}");
        }
    }

    #[test]
    fn code_after_a_literal_is_seen() {
        for text in [
            "'\"'; zamok_core",
            "\"\\\\\"; zamok_core",
            "r\"\\\"; zamok_core",
            "r##\"\"# \"##; zamok_core",
            "fn f<'a>(x: &'a u8) { zamok_core }",
            "'\\u{1F600}'; zamok_core",
            "var\"text\"; zamok_core",
            "r#zamok_core",
        ] {
            assert_eq!(mentioned(text), [("zamok_core".to_owned(), 1, false)], "{text}");
        }
    }

    #[test]
    fn lines_and_test_modules_are_told() {
        let text = "use zamok_core::x;\n/* \n */ unsafe {}\n#[cfg(test)]\nmod tests {\n  use zamok_host::y; {}\n}\nzamok_end";
        let expected = [
            ("zamok_core", 1, false),
            ("unsafe", 3, false),
            ("zamok_host", 6, true),
            ("zamok_end", 8, false),
        ];
        assert_eq!(mentioned(text), expected.map(|(word, line, tests)| (word.to_owned(), line, tests)));
    }
}
