//! The lanes against RustCrypto's `hmac`, for every hash, key length and number of counters.
#![no_main]

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use zamok_fuzz::accepted;
use zamok_lanes::{Hash, MacKey, Sha1, Sha256, Sha512, batch, window};

fn truncate(tag: &[u8]) -> u32 {
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    u32::from_be_bytes(tag[offset..offset + 4].try_into().expect("four bytes")) & 0x7fff_ffff
}

fn agree<H: Hash, M: Mac + KeyInit>(key: &[u8], counters: &[u64]) {
    let key = &key[..key.len().min(H::BLOCK)];
    let ours = MacKey::<H>::new(key).expect("at most one block");
    let expected: Vec<u32> = counters
        .iter()
        .map(|counter| {
            let mut mac = <M as KeyInit>::new_from_slice(key).expect("any length");
            mac.update(&counter.to_be_bytes());
            truncate(&mac.finalize().into_bytes())
        })
        .collect();
    let mut values = vec![0; counters.len()];
    window(&ours, counters, &mut values);
    assert_eq!(values, expected);
    values.fill(0);
    batch(&vec![&ours; counters.len()], counters, &mut values);
    assert_eq!(values, expected);
}

fuzz_target!(|input: (&[u8], Vec<u64>)| {
    let (key, counters) = input;
    if counters.len() > 16 {
        accepted("more counters than lanes");
    }
    agree::<Sha1, Hmac<sha1::Sha1>>(key, &counters);
    agree::<Sha256, Hmac<sha2::Sha256>>(key, &counters);
    agree::<Sha512, Hmac<sha2::Sha512>>(key, &counters);
});
