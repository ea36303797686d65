//! SHA-1 (FIPS 180-4 §6.1) of one block, HMAC (RFC 2104) of one counter and its truncation (RFC 4226 §5.3),
//! over any number of lanes.

use crate::lanes::{Lanes, unroll};

/// FIPS 180-4 §5.3.1: the initial hash value.
pub(crate) const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// FIPS 180-4 §4.2.1: the constants, each for twenty rounds.
pub(crate) const K: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

/// RFC 4226 §5.3 of HMAC-SHA-1 over the counter, most significant word first.
#[inline(always)]
pub(crate) fn code<V: Lanes<Word = u32>>(midstates: [[V; 5]; 2], counter: [V; 2]) -> V {
    let tag = hmac(midstates, counter);
    crate::truncate::words32([tag[0], tag[1], tag[2], tag[3], tag[4]], tag[4])
}

/// HMAC-SHA-1 over the counter, from the states after the inner and the outer pad.
///
/// The constant words of both messages reach the unrolled rounds as constants, so that the compiler folds
/// them out of the schedule.
#[inline(always)]
pub(crate) fn hmac<V: Lanes<Word = u32>>([inner, outer]: [[V; 5]; 2], [high, low]: [V; 2]) -> [V; 5] {
    let [zero, one] = [high.same(0), high.same(0x8000_0000)];

    // FIPS 180-4 §5.1.1: eight bytes of message, a one bit, zeros, the length in bits with the pad's block.
    let mut block = [zero; 16];
    [block[0], block[1], block[2], block[15]] = [high, low, one, high.same((64 + 8) * 8)];
    let digest = compress(inner, block);

    // The same for the twenty bytes of the inner digest.
    let mut block = [zero; 16];
    block[..5].copy_from_slice(&digest);
    [block[5], block[15]] = [one, high.same((64 + 20) * 8)];
    compress(outer, block)
}

/// FIPS 180-4 §6.1.2.
#[inline(always)]
pub(crate) fn compress<V: Lanes<Word = u32>>(state: [V; 5], mut block: [V; 16]) -> [V; 5] {
    let mut s = state;
    unroll!(round(&mut s, &mut block);
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19
        20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
        40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59
        60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79);
    [state[0] + s[0], state[1] + s[1], state[2] + s[2], state[3] + s[3], state[4] + s[4]]
}

/// Round `T`; `w` holds the last sixteen words of the schedule, word `t` at `t mod 16` (§6.1.3).
#[inline(always)]
fn round<const T: usize, V: Lanes<Word = u32>>(s: &mut [V; 5], w: &mut [V; 16]) {
    if T >= 16 {
        w[T % 16] = (w[(T - 3) % 16] ^ w[(T - 8) % 16] ^ w[(T - 14) % 16] ^ w[T % 16]).rot::<1, 31>();
    }
    let [a, b, c, d, e] = *s;
    let f = match T / 20 {
        0 => b.choose(c, d),
        2 => b.majority(c, d),
        _ => b ^ c ^ d,
    };
    *s = [a.rot::<5, 27>() + (f + (e + (w[T % 16] + a.same(K[T / 20])))), a, b.rot::<30, 2>(), c, d];
}
