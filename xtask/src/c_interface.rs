//! What of the C interface is made by programs: the status codes from `docs/errors.md`, the header from the sources.
//!
//! Both are checked in. `cargo xtask header` writes them, `cargo xtask test` compares them.

use crate::process;
use crate::{Failure, Place, only_switches, setup};
use std::fmt::Write as _;
use std::process::{Command, ExitCode};

const TABLE: &str = "docs/errors.md";
const CODES: &str = "bindings/c/abi/src/codes.rs";
const MESSAGES: &str = "bindings/c/abi/src/messages.rs";
const HEADER: &str = "bindings/c/include/zamok.h";

/// Rows whose message shows example values, or says too much: what stands for them where no values are known.
const PLAIN: &[(&str, &str)] = &[
    ("Digits", "a code has 6 to 10 digits"),
    ("PeriodZero", "a time step of 0 seconds does not advance"),
    ("SecretTooShort", "a secret is below the 16 bytes that RFC 4226 requires"),
    ("SecretTooLong", "a secret exceeds the limit of 128 bytes"),
    ("CodeLength", "a code has another number of characters than belong there"),
    ("CodeCharacter", "a character does not belong in a code"),
    ("WindowTooWide", "a window exceeds the limit of 128 steps"),
    ("TimeBeforeT0", "the time lies before the T0 of the key"),
    ("Base32", "a character is not base32"),
    ("Uri(TooLong)", "otpauth URI: it is longer than 4096 bytes"),
    ("Uri(T0)", "otpauth URI: a T0 other than 1970 cannot be written in it"),
    ("Ocra(Version)", "OCRA: the suite does not begin with OCRA-1: or is longer than 64 bytes"),
    ("Ocra(CryptoFunction)", "OCRA: the crypto function is none that is known"),
    ("TooLong", "what was given exceeds its limit"),
    ("KeyTooWeak", "the wrapping key is weaker than the key that it would protect"),
    ("UnlockNotBefore", "unlocking is delayed after failed attempts"),
    ("Format", "the format has a version that this library does not know"),
    ("NoSlot", "the vault has no such slot"),
    ("NoDataKey", "the vault has no such data key"),
    ("DataKeyInUse", "the data key is still in use"),
    ("Token(KeyUnfit)", "token: the key computes no HMAC-SHA-256, or could leave the token"),
    ("Token(Uri)", "token: the URI cannot be used"),
    ("Share(Length)", "share: characters are missing, or there are too many"),
    ("Share(Line)", "share: a line was copied wrongly, or belongs to another share"),
    ("Share(Few)", "share: more shares are needed"),
    ("Share(Twice)", "share: one was given twice"),
    ("Share(Split)", "share: so many of so many cannot be made"),
    ("RowStays", "rows of this table are emptied, never deleted"),
    ("LogBehind", "the journal has fewer entries than were signed or anchored: the store was put back"),
    ("Store(Server)", "store: the version of its server is too old"),
    ("Store(Layout)", "store: its layout has a version that this library does not know"),
    ("LoginUnusable", "this is not a usable login: use 1 to 128 letters, digits or signs without spaces"),
    ("PasswordTooShort", "the password has too few characters"),
    ("PasswordTooLong", "the password is too long"),
    ("IssuerUnusable", "this is not a usable name for a service: 1 to 128 bytes without a colon"),
    ("ResendTooSoon", "another code cannot be sent yet"),
    ("PasswordWeak", "the password is too easy to guess"),
    ("OperationUnusable", "the operation cannot be shown"),
    ("PinUnusable", "this is not a usable PIN"),
    ("PublicKeyUnusable", "this is not a public key on P-256"),
    ("KeyState", "the state of the key does not allow this operation"),
    ("SelfTest", "a self-test failed: the vault is closed"),
    ("Role", "the role in which the vault was opened does not allow this"),
    ("TooMany", "there are as many as there may be"),
    ("ContactUnusable", "this is neither a phone number nor an e-mail address"),
];

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    setup::tools(place)?;
    let (codes, messages) = codes(place)?;
    write(place, CODES, &codes)?;
    write(place, MESSAGES, &messages)?;
    write(place, HEADER, &header(place)?)?;
    println!("written: {CODES}, {MESSAGES}, {HEADER}");
    Ok(ExitCode::SUCCESS)
}

/// Whether what is checked in is what the sources make.
pub(crate) fn is_current(place: &Place) -> Result<(), Failure> {
    let (codes, messages) = codes(place)?;
    for (file, made) in [(CODES, codes), (MESSAGES, messages), (HEADER, header(place)?)] {
        let found =
            std::fs::read_to_string(place.root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        if found != made {
            return Err(format!("{file} is not what the sources make: run `cargo xtask header`"));
        }
    }
    Ok(())
}

fn write(place: &Place, file: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(place.root.join(file), text).map_err(|error| format!("{file}: {error}"))
}

/// A row of the table: number, name, message, what to do.
struct Row {
    number: u16,
    name: String,
    message: String,
    advice: String,
}

/// The rows that C can meet: those of the core, the cabinet and the border, not of files of other programs.
fn rows(page: &str) -> Vec<Row> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let [number, name, message, advice] = cells[..] else { return None };
        Some(Row {
            number: number.parse().ok()?,
            name: name.trim_matches('`').to_owned(),
            message: message.to_owned(),
            advice: advice.to_owned(),
        })
    };
    let met = |row: &Row| row.number < 700 || row.number >= 800;
    let mut rows: Vec<Row> = page.lines().filter_map(row).filter(met).collect();
    rows.sort_by_key(|row| row.number);
    rows
}

/// `Uri(SecretMissing)` becomes `URI_SECRET_MISSING`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    let mut after_small = false;
    for letter in name.chars() {
        match letter {
            '(' => constant.push('_'),
            ')' => {}
            _ => {
                if letter.is_ascii_uppercase() && after_small {
                    constant.push('_');
                }
                constant.push(letter.to_ascii_uppercase());
            }
        }
        after_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
    }
    constant
}

/// One sentence without values.
fn sentence(row: &Row) -> String {
    if let Some((_, plain)) = PLAIN.iter().find(|(name, _)| *name == row.name) {
        return (*plain).to_owned();
    }
    // A number in a message is an example, except in names of standards.
    let bare = ["SHA1", "SHA256", "SHA512", "UTF-8", "OCRA-1", "RFC 4226"]
        .iter()
        .fold(row.message.clone(), |text, known| text.replace(known, ""));
    let example = bare.contains(|letter: char| letter.is_ascii_digit());
    let text = if example { row.advice.trim_end_matches('.') } else { &row.message };
    text.replace('`', "")
}

/// The constants, and what each of them says.
fn codes(place: &Place) -> Result<(String, String), Failure> {
    let page =
        std::fs::read_to_string(place.root.join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    let rows = rows(&page);
    if rows.len() < 100 {
        return Err(format!("{TABLE} has {} rows: that cannot be all", rows.len()));
    }
    let mut codes = String::from(
        "//! The status codes: made by `cargo xtask header` from `docs/errors.md`. Change that page, not this file.\n\n\
         use crate::zamok_status;\n\n/// It was done.\npub const ZAMOK_OK: zamok_status = 0;\n",
    );
    let mut messages = String::from(
        "//! What the status codes say: made by `cargo xtask header` from `docs/errors.md`. Change that page, not this \
         file.\n\nuse core::ffi::CStr;\n\nuse crate::codes::*;\nuse crate::zamok_status;\n\n/// What a status \
         means.\n#[rustfmt::skip]\npub(crate) const fn message(status: zamok_status) -> &'static CStr {\n    match \
         status {\n        ZAMOK_OK => c\"it was done\",\n",
    );
    for row in &rows {
        let (name, sentence, number) = (constant(&row.name), sentence(row), row.number);
        // Writing to a `String` cannot fail.
        let _ = writeln!(codes, "/// {}.", capital(&sentence));
        let _ = writeln!(codes, "pub const ZAMOK_E_{name}: zamok_status = {number};");
        let _ = writeln!(messages, "        ZAMOK_E_{name} => c\"{}\",", sentence.replace('"', "'"));
    }
    messages += "        _ => c\"an error that this version of the library does not know\",\n    }\n}\n";
    Ok((codes, messages))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn header(place: &Place) -> Result<String, Failure> {
    let mut cbindgen = Command::new(setup::cbindgen(place));
    cbindgen
        .args(["--quiet", "--lang", "c", "--config", "bindings/c/cbindgen.toml", "bindings/c/abi"])
        .current_dir(&place.root);
    process::quiet(&mut cbindgen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_constants() {
        for (name, expected) in [
            ("Rejected", "REJECTED"),
            ("Uri(SecretMissing)", "URI_SECRET_MISSING"),
            ("Uri(T0)", "URI_T0"),
            ("TimeBeforeT0", "TIME_BEFORE_T0"),
            ("NotUtf8", "NOT_UTF8"),
            ("Base32", "BASE32"),
        ] {
            assert_eq!(constant(name), expected);
        }
    }

    #[test]
    fn every_row_has_one_number_and_one_name_and_no_example_in_its_sentence() {
        let page = std::fs::read_to_string(Place::find().root.join(TABLE)).unwrap();
        let rows = rows(&page);
        let distinct =
            |of: fn(&Row) -> String| rows.iter().map(of).collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!(distinct(|row| row.number.to_string()), rows.len());
        assert_eq!(distinct(|row| constant(&row.name)), rows.len());
        for row in &rows {
            assert!(!sentence(row).contains('…'), "{}", row.name);
        }
    }

    #[test]
    fn the_errors_of_the_cabinet_stand_in_the_table_under_their_names_and_numbers() {
        let place = Place::find();
        let source = std::fs::read_to_string(place.root.join("crates/cabinet/src/error.rs")).unwrap();
        let arm = |line: &str| {
            let (variant, number) =
                line.trim().strip_prefix("Self::")?.strip_suffix(',')?.split_once(" => ")?;
            let name = variant.split([' ', '(']).next()?.to_owned();
            Some((number.parse::<u16>().ok()?, name))
        };
        let expected: Vec<_> = source.lines().filter_map(arm).collect();
        assert!(expected.len() > 30);
        let page = std::fs::read_to_string(place.root.join(TABLE)).unwrap();
        let found: Vec<_> = rows(&page)
            .into_iter()
            .filter(|row| (600..700).contains(&row.number))
            .map(|row| (row.number, row.name))
            .collect();
        assert_eq!(found, {
            let mut expected = expected;
            expected.sort();
            expected
        });
    }

    #[test]
    fn what_is_checked_in_is_what_the_table_makes() {
        let place = Place::find();
        let (codes, messages) = codes(&place).unwrap();
        for (file, made) in [(CODES, codes), (MESSAGES, messages)] {
            assert_eq!(
                std::fs::read_to_string(place.root.join(file)).unwrap(),
                made,
                "{file}: cargo xtask header"
            );
        }
    }
}
