//! Backups as a burglar cuts them: headers, items and whole streams end in errors, and what is read is written back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::vault::backup::{Digest, Header, Item, Items};
use zamok_core::wire::Writer;
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    if let Ok(header) = Header::decode(input) {
        accepted("header");
        assert_eq!(header.encode(), input);
    }
    let (mut whole, mut parts) = (Items::default(), Items::default());
    whole.feed(input);
    let at_once = whole.take().map(|items| written(&items));
    let mut bit_by_bit = Vec::new();
    let mut failed = false;
    for part in input.chunks(5) {
        parts.feed(part);
        match parts.take() {
            Ok(items) => bit_by_bit.extend(items),
            Err(_) => {
                failed = true;
                break;
            }
        }
    }
    match at_once {
        Ok(bytes) => {
            assert!(!failed && input.starts_with(&bytes) && written(&bit_by_bit) == bytes);
            let is_whole = whole.finish().is_ok();
            assert_eq!(is_whole, parts.finish().is_ok());
            if is_whole {
                accepted("whole stream");
            }
        }
        Err(_) => assert!(failed),
    }
});

fn written(items: &[Item]) -> Vec<u8> {
    let (mut bytes, mut digest) = (Writer::new(), Digest::default());
    for item in items {
        if let Item::End(end) = item {
            assert_eq!(*end, digest.end(), "an end that fits");
        }
        let mut one = Writer::new();
        item.write(&mut one).expect("what was read is within the limits");
        digest.add(item, one.as_slice());
        bytes.raw(one.as_slice());
    }
    bytes.to_vec()
}
