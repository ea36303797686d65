//! A burglar with the disk: looks for a secret in files, in every form in which a program might have let it slip.

use std::fs;
use std::path::{Path, PathBuf};

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding};

use crate::story::Told;

/// The secret in the forms in which programs write secrets.
pub(crate) fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let base32 = base32(secret);
    vec![
        ("raw bytes", secret.to_vec()),
        ("base32, upper case", base32.clone().into_bytes()),
        ("base32, lower case", base32.to_lowercase().into_bytes()),
        ("hex, lower case", hex.clone().into_bytes()),
        ("hex, upper case", hex.to_uppercase().into_bytes()),
        ("base64", Base64Unpadded::encode_string(secret).into_bytes()),
        ("base64url", Base64UrlUnpadded::encode_string(secret).into_bytes()),
    ]
}

/// RFC 4648 §6, by itself: the search must not lean on the code that it judges.
fn base32(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    bits.chunks(5)
        .map(|chunk| {
            let value = chunk.iter().fold(0, |value, bit| value << 1 | bit) << (5 - chunk.len());
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(value)])
        })
        .collect()
}

/// The forms that the bytes hold.
pub(crate) fn search(bytes: &[u8], secret: &[u8]) -> Vec<&'static str> {
    let holds = |form: &[u8]| bytes.windows(form.len()).any(|window| window == form);
    forms(secret).into_iter().filter(|(_, form)| holds(form)).map(|(name, _)| name).collect()
}

/// The files of a database: itself, its log, its index, whatever else begins with its name.
pub(crate) fn files_of(database: &Path) -> Told<Vec<PathBuf>> {
    let folder = database.parent().ok_or("the database lies nowhere")?;
    let name = database.file_name().ok_or("the database has no name")?.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_the_one_of_the_standards() {
        // RFC 4648 §10, without padding.
        let written = |secret: &[u8]| {
            forms(secret).into_iter().map(|(_, form)| form.escape_ascii().to_string()).collect::<Vec<_>>()
        };
        let expected =
            ["foobar", "MZXW6YTBOI", "mzxw6ytboi", "666f6f626172", "666F6F626172", "Zm9vYmFy", "Zm9vYmFy"];
        assert_eq!(written(b"foobar"), expected);
        // RFC 4648 §5: the two alphabets differ in their last two characters.
        assert_eq!(&written(&[0xfb, 0xff])[5..], ["+/8", "-_8"]);
    }

    #[test]
    fn every_form_is_found_where_it_was_planted_and_nowhere_else() {
        let secret = b"\xff\xfe\x01twenty bytes long";
        for (name, form) in forms(secret) {
            let haystack = [&[0; 4095], &form[..], &[7; 11]].concat();
            assert!(search(&haystack, secret).contains(&name), "{name}");
        }
        assert_eq!(search(&[0; 4096], secret), Vec::<&str>::new());
    }
}
