//! Leaves and details: what is read is written as the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::event::{Detail, Leaf};
use zamok_fuzz::accepted;

fuzz_target!(|data: &[u8]| {
    if let Ok(leaf) = Leaf::decode(data) {
        accepted("leaf");
        assert_eq!(leaf.encode().expect("what was read is written"), data);
    }
    if let Ok(detail) = Detail::decode(data) {
        accepted("detail");
        assert_eq!(detail.encode().expect("what was read is written").as_slice(), data);
    }
});
