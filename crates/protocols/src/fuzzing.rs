//! The door for fuzzers to the rows of tokens and clients, as if their seals were right; under `--cfg fuzzing` alone.

use zamok_core::vault::fuzzing::Form;

use crate::{request, token};

pub(crate) const WRITTEN: &str = "what was read is written";

/// Every form of the protocols.
pub const FORMS: [&[Form]; 2] = [token::fuzzing::FORMS, request::fuzzing::FORMS];
