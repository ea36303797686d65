//! What the targets share: telling that a parser has accepted something, and several texts in one input.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Says that an input got past a parser, once for each name, where the variable `ZAMOK_FUZZ_ACCEPTED` asks for it. `cargo xtask replay`
/// wants every name that stands in a target's source from that target's seeds: assertions behind a door that nothing opens
/// prove nothing.
pub fn accepted(door: &'static str) {
    static IS_ASKED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("ZAMOK_FUZZ_ACCEPTED").is_some());
    static TOLD: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    if *IS_ASKED && TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(door) {
        println!("accepted {door}");
    }
}

/// What stands between the parts of an input: a byte that no UTF-8 has, so that it takes nothing from texts, and a person can write
/// such an input with `printf`.
pub const SEPARATOR: u8 = 0xff;

/// The parts of an input; the last is what is left, whatever it holds. What is missing is empty.
#[must_use]
pub fn parts<const COUNT: usize>(input: &[u8]) -> [&[u8]; COUNT] {
    let mut parts = input.splitn(COUNT, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// The parts of an input as texts; nothing when one of them is none.
#[must_use]
pub fn texts<const COUNT: usize>(input: &[u8]) -> Option<[&str; COUNT]> {
    let mut texts = [""; COUNT];
    for (text, part) in texts.iter_mut().zip(parts::<COUNT>(input)) {
        *text = str::from_utf8(part).ok()?;
    }
    Some(texts)
}
