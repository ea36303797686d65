//! The vector files in `vectors/`: one case a line, columns between blanks, comments after `#`.

use std::path::Path;

/// The cases of a file. The caller asserts how many there are.
pub(crate) fn rows<const COLUMNS: usize>(file: &str) -> Vec<[String; COLUMNS]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    cases
        .map(|line| {
            let columns: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            columns
                .try_into()
                .unwrap_or_else(|columns: Vec<_>| panic!("{file}: {} columns: {line}", columns.len()))
        })
        .collect()
}

/// "1234567890" again and again, cut to `len` bytes: the secret of every RFC.
pub(crate) fn secret(len: usize) -> Vec<u8> {
    b"1234567890".iter().copied().cycle().take(len).collect()
}
