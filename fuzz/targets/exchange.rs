//! Files of others: every format, named and recognised; containers also with the key and the password of the RFC's figures.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_exchange::{Format, Options, PskcKey, PskcOptions, WeakSecrets, open};
use zamok_fuzz::accepted;

/// Chosen by the first byte: the digits 0 to 7 are what they look like.
const FORMATS: [Option<Format>; 8] = [
    None,
    Some(Format::Uri),
    Some(Format::Migration),
    Some(Format::Pskc),
    Some(Format::Liboath),
    Some(Format::GooglePam),
    Some(Format::PrivacyIdea),
    Some(Format::Keycloak),
];
/// RFC 6030, figure 6.
const KEY: [u8; 16] =
    [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12];

fuzz_target!(|data: &[u8]| {
    let Some((choice, file)) = data.split_first() else { return };
    let format = FORMATS[usize::from(*choice) % FORMATS.len()];
    let weak = WeakSecrets::AcceptGuessable;
    let _ = read(file, format, &Options::default());
    let Some(format) = read(file, format, &Options { weak, ..Options::default() }) else { return };
    if format != Format::Pskc {
        return;
    }
    for key in [PskcKey::PreShared(KEY.to_vec().into()), PskcKey::Password(b"qwerty".to_vec().into())] {
        // As many rounds as the figures have: more would be time spent on nothing.
        let pskc = PskcOptions { key, weak, max_iterations: 1000 };
        let _ = read(file, Some(Format::Pskc), &Options { pskc, ..Options::default() });
    }
});

/// Reads all of it; answers its format when it was opened. A reader that never ends would show as a timeout.
fn read(file: &[u8], format: Option<Format>, options: &Options) -> Option<Format> {
    let records = open(file, format, options).ok()?;
    let format = records.format();
    if records.filter(|record| record.is_ok()).count() > 0 {
        told(format, &options.pskc.key);
    }
    Some(format)
}

fn told(format: Format, key: &PskcKey) {
    match (format, key) {
        (Format::Pskc, PskcKey::PreShared(_)) => accepted("container with a key"),
        (Format::Pskc, PskcKey::Password(_)) => accepted("container with a password"),
        (Format::Pskc, PskcKey::None) => accepted("container"),
        (Format::Uri, _) => accepted("uri"),
        (Format::Migration, _) => accepted("migration"),
        (Format::Liboath, _) => accepted("liboath"),
        (Format::GooglePam, _) => accepted("google-pam"),
        (Format::PrivacyIdea, _) => accepted("privacyidea"),
        (Format::Keycloak, _) => accepted("keycloak"),
        _ => {}
    }
}
