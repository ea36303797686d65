//! Leaks on purpose. A checker that does not find each of them proves nothing.

use std::hint::black_box;

use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Hotp, HotpParameters};
use zamok_core::secret::Secret;
use zamok_lanes::{MacKey, Sha1, ct, window};

use crate::Subject;

pub(crate) const SUBJECTS: &[Subject] = &[
    ("planted-branch", planted_branch),
    ("planted-address", planted_address),
    ("planted-early-exit", planted_early_exit),
    ("planted-key-branch", planted_key_branch),
];

fn values() -> [u32; 3] {
    let bytes = *b"12345678901234567890";
    ct::secret(&bytes);
    let key = MacKey::<Sha1>::new(&bytes).expect("twenty bytes");
    let mut values = [0; 3];
    window(&key, &[1, 2, 3], &mut values);
    values
}

/// A branch on a code that nobody has made public.
#[inline(never)]
fn planted_branch() {
    if values()[0] & 1 == 1 {
        black_box(crate::is_planted("an odd code"));
    }
}

/// A table that is looked up by a code.
#[inline(never)]
fn planted_address() {
    let table: Vec<u8> = (0..=255).collect();
    let index = usize::from(values()[0].to_le_bytes()[0]);
    black_box(black_box(&table)[black_box(index)]);
}

/// A comparison that stops at the first difference, as `==` on bytes may.
#[inline(never)]
fn planted_early_exit() {
    let values = values();
    for (value, other) in values.iter().zip([7, 8, 9]) {
        if black_box(*value) != other {
            break;
        }
    }
}

/// A branch on the bytes of a key.
#[inline(never)]
fn planted_key_branch() {
    let bytes = *b"12345678901234567890";
    ct::secret(&bytes);
    let secret = Secret::new(&bytes).expect("twenty bytes");
    if secret.expose().iter().any(|byte| black_box(*byte) == 0) {
        black_box(HashAlgorithm::Sha1);
    }
    let hotp = Hotp::new(&secret, HotpParameters::default());
    black_box(hotp.code(1).digits());
}
