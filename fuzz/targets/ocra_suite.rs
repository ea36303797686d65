//! OCRA suites: what is read prints as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::otp::OcraSuite;
use zamok_fuzz::accepted;

fuzz_target!(|text: &str| {
    if let Ok(suite) = OcraSuite::parse(text) {
        accepted("suite");
        let again = OcraSuite::parse(suite.as_str()).expect("what was printed is read");
        assert_eq!(again.as_str(), suite.as_str());
    }
});
