//! What stands behind seals and MACs in the core, the journal and the watch, given straight to its reader: it is read or
//! refused, and what was read is written again as it was. The first byte chooses what the rest is.
#![no_main]

mod measured;

use libfuzzer_sys::fuzz_target;
use zamok_core::vault::fuzzing;
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    let forms = [fuzzing::FORMS, zamok_journal::fuzzing::FORMS, zamok_risk::fuzzing::FORMS];
    if measured::within(input.len(), || fuzzing::choose(forms, input)) {
        accepted("row");
    }
});
