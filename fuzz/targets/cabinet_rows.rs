//! Rows of the cabinet and of the protocols, as if their seals were right: accounts, factors, sessions, challenges, messages,
//! operations, tokens, keys of clients. They are read or refused, and what was read is written again as it was. The first byte
//! chooses what the rest is.
#![no_main]

mod measured;

use libfuzzer_sys::fuzz_target;
use zamok_core::vault::fuzzing;
use zamok_fuzz::accepted;

// The profiles are read once, and are no part of what an input makes a reader set aside.
fuzz_target!(init: drop(zamok_cabinet::Policy::strict()), |input: &[u8]| {
    let forms = zamok_cabinet::fuzzing::FORMS.into_iter().chain(zamok_protocols::fuzzing::FORMS);
    if measured::within(input.len(), || fuzzing::choose(forms, input)) {
        accepted("row");
    }
});
