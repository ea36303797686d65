//! Base32: what the strict reader takes, the tolerant one takes as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::otp::base32;
use zamok_fuzz::accepted;

fuzz_target!(|text: &str| {
    let (mut strict, mut tolerant) = ([0; 128], [0; 128]);
    let strictly = base32::decode_strict(text, &mut strict);
    let tolerantly = base32::decode(text, &mut tolerant);
    if let Ok(length) = strictly {
        accepted("strict");
        assert_eq!(tolerantly, Ok(length));
        assert_eq!(strict, tolerant);
    } else if tolerantly.is_ok() {
        accepted("tolerant");
    }
});
