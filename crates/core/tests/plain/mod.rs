//! One-time passwords as plainly as they can be written: divisions, sets and early exits, nothing shared with the engine.

use hmac::{Hmac, KeyInit, Mac};
use zamok_core::hash::HashAlgorithm;

/// The secret of the RFCs, for which colliding steps are known.
pub(crate) const SECRET: &[u8; 20] = b"12345678901234567890";

/// Steps of [`SECRET`] with SHA-1 and six digits that show the same digits; the search that finds them is in
/// `otp_collisions.rs`.
pub(crate) const ADJACENT: [u64; 2] = [910_737, 910_738];
pub(crate) const PAIR: [u64; 2] = [153_567, 153_569];
pub(crate) const FAR_PAIR: [u64; 2] = [2386, 2394];
pub(crate) const TRIPLE: [u64; 3] = [585_595_753, 585_595_792, 585_595_825];

/// RFC 4226 §5.3, step 2.
pub(crate) fn value(algorithm: HashAlgorithm, key: &[u8], counter: u64) -> u32 {
    let message = counter.to_be_bytes();
    let tag = match algorithm {
        HashAlgorithm::Sha1 => tag::<Hmac<sha1::Sha1>>(key, &message),
        HashAlgorithm::Sha256 => tag::<Hmac<sha2::Sha256>>(key, &message),
        HashAlgorithm::Sha512 => tag::<Hmac<sha2::Sha512>>(key, &message),
    };
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff
}

fn tag<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// The code of a counter.
pub(crate) fn code(algorithm: HashAlgorithm, key: &[u8], digits: u8, counter: u64) -> String {
    let value = u64::from(value(algorithm, key, counter)) % 10u64.pow(u32::from(digits));
    format!("{value:0width$}", width = usize::from(digits))
}
