//! Shares as people and burglars type them: what is read is written back as the same share.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::vault::shares::{Share, ShareSet};
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    if ShareSet::from_bytes(input).is_ok() {
        accepted("set");
    }
    if let Ok(share) =
        core::str::from_utf8(input).map_err(drop).and_then(|text| Share::parse(text).map_err(drop))
    {
        accepted("share");
        let again = Share::parse(&share.to_text()).expect("what was written is read");
        assert_eq!(again.to_text(), share.to_text());
        assert!(share.set().combine(&[share.clone()]).is_err(), "one share never opens");
    }
});
