//! SHA-256 (FIPS 180-4 §6.2) of one block, HMAC (RFC 2104) of one counter and its truncation (RFC 4226 §5.3),
//! over any number of lanes.

use core::hint::black_box;

use crate::lanes::{Lanes, unroll};

/// FIPS 180-4 §5.3.3: the initial hash value.
#[rustfmt::skip]
pub(crate) const INITIAL: [u32; 8] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
    0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
];

/// FIPS 180-4 §4.2.2: the constants, one for each round.
#[rustfmt::skip]
pub(crate) const K: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// RFC 4226 §5.3 of HMAC-SHA-256 over the counter, most significant word first.
#[inline(always)]
pub(crate) fn code<V: Lanes<Word = u32>>(midstates: [[V; 8]; 2], counter: [V; 2]) -> V {
    let tag = hmac(midstates, counter);
    crate::truncate::words32([tag[0], tag[1], tag[2], tag[3], tag[4]], tag[7])
}

/// HMAC-SHA-256 over the counter, from the states after the inner and the outer pad.
///
/// The constant words of both messages reach the unrolled rounds as constants, so that the compiler folds
/// them out of the schedule.
#[inline(always)]
pub(crate) fn hmac<V: Lanes<Word = u32>>([inner, outer]: [[V; 8]; 2], [high, low]: [V; 2]) -> [V; 8] {
    let [zero, one] = [high.same(0), high.same(0x8000_0000)];

    // FIPS 180-4 §5.1.1: eight bytes of message, a one bit, zeros, the length in bits with the pad's block.
    let mut block = [zero; 16];
    [block[0], block[1], block[2], block[15]] = [high, low, one, high.same((64 + 8) * 8)];
    let digest = compress(inner, block);

    // The same for the 32 bytes of the inner digest.
    let mut block = [zero; 16];
    block[..8].copy_from_slice(&digest);
    [block[8], block[15]] = [one, high.same((64 + 32) * 8)];
    compress(outer, block)
}

/// FIPS 180-4 §6.2.2. The first 32 rounds, where words are still constant, are unrolled; the rest is a loop,
/// so that the code stays small enough for the instruction cache.
#[inline(always)]
pub(crate) fn compress<V: Lanes<Word = u32>>(state: [V; 8], mut block: [V; 16]) -> [V; 8] {
    let (mut s, w) = (state, &mut block);
    // Read from memory: constants within the instructions make the code longer, and are added last, where it
    // waits.
    let k = black_box(&K);
    unroll!(round(&mut s, w, &k[..16]); 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    unroll!(extended_round(&mut s, w, &k[16..32]); 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    let mut t = 32;
    while t < 64 {
        unroll!(extended_round(&mut s, w, &k[t..t + 16]); 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        t += 16;
    }
    core::array::from_fn(|i| state[i] + s[i])
}

#[inline(always)]
fn extended_round<const T: usize, V: Lanes<Word = u32>>(s: &mut [V; 8], w: &mut [V; 16], k: &[u32]) {
    extend::<T, V>(w);
    round::<T, V>(s, w, k);
}

/// Word `t` of the schedule takes the place of word `t - 16`; `T` is `t mod 16`.
#[inline(always)]
fn extend<const T: usize, V: Lanes<Word = u32>>(w: &mut [V; 16]) {
    let (w15, w2) = (w[(T + 1) % 16], w[(T + 14) % 16]);
    let sigma0 = w15.rot::<25, 7>() ^ w15.rot::<14, 18>() ^ w15.shr::<3>();
    let sigma1 = w2.rot::<15, 17>() ^ w2.rot::<13, 19>() ^ w2.shr::<10>();
    w[T] = (w[T] + sigma0) + (w[(T + 9) % 16] + sigma1);
}

/// Round `t`; `T` is `t mod 16`.
#[inline(always)]
fn round<const T: usize, V: Lanes<Word = u32>>(s: &mut [V; 8], w: &mut [V; 16], k: &[u32]) {
    let [a, b, c, d, e, f, g, h] = *s;
    let sum1 = e.rot::<26, 6>() ^ e.rot::<21, 11>() ^ e.rot::<7, 25>();
    let sum0 = a.rot::<30, 2>() ^ a.rot::<19, 13>() ^ a.rot::<10, 22>();
    let t1 = (h + (w[T] + a.same(k[T]))) + e.choose(f, g) + sum1;
    *s = [t1 + (sum0 + a.majority(b, c)), a, b, c, d + t1, e, f, g];
}
