//! What an SMPP carrier sends, byte by byte and at once: PDUs are cut off by their lengths, and receipts are read or not read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_delivery::fuzzing::{Heard, smpp};
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    let Ok((heard, left)) = smpp(input) else { return };
    assert!(left <= input.len());
    for one in &heard {
        match one {
            Heard::Receipt(id, _, number, reason) => {
                accepted("receipt");
                assert!(!id.is_empty() && reason.len() <= 40);
                assert!(number.as_ref().is_none_or(|number| number.len() >= 5));
            }
            Heard::Other(_) => accepted("other"),
            Heard::Unreadable => accepted("unreadable"),
        }
    }
    // Where the line is cut makes no difference.
    let (first, second) = input.split_at(input.len() / 2);
    let (mut again, left) = smpp(first).expect("it was read at once");
    let rest = [&first[first.len() - left..], second].concat();
    again.extend(smpp(&rest).expect("it was read at once").0);
    assert_eq!(again, heard);
});
