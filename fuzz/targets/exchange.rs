//! Files of others: every format, named and recognised.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_exchange::{Format, Options, open};

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

fuzz_target!(|data: &[u8]| {
    let Some((choice, file)) = data.split_first() else { return };
    let format = FORMATS[usize::from(*choice) % FORMATS.len()];
    if let Ok(records) = open(file, format, &Options::default()) {
        // A reader that never ends would show as a timeout.
        records.for_each(drop);
    }
});
