//! What a witness is sent: what is read is written as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_fuzz::accepted;
use zamok_journal::witness::AddCheckpoint;

fuzz_target!(|text: &str| {
    if let Ok(request) = AddCheckpoint::parse(text) {
        accepted("request");
        assert_eq!(request.to_string(), text);
    }
});
