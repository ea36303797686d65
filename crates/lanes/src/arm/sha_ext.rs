//! aarch64 SHA extensions: HMAC (RFC 2104) with SHA-1 and SHA-256 (FIPS 180-4 §6.1, §6.2) of one counter,
//! truncated (RFC 4226 §5.3). Up to four counters run interleaved, since one hash waits most of the time for
//! its own last rounds.

use core::arch::aarch64::*;
use core::mem::transmute;

use crate::key::Keys;
use crate::lanes::unroll;
use crate::{Sha1, Sha256, sha1 as sha1_rounds, sha256 as sha256_rounds};

/// Sixteen words of a message or of the schedule, four to a register, the first in the lowest lane.
type Words = [uint32x4_t; 4];

macro_rules! kernel {
    ($name:ident, $hash:ident, $codes:ident) => {
        /// The truncated tag of each counter.
        #[target_feature(enable = "sha2")]
        pub(crate) fn $name<'a, K: Keys<'a, $hash>>(keys: K, counters: &[u64], values: &mut [u32]) {
            let mut at = 0;
            while at < counters.len() {
                at += match counters.len() - at {
                    1 => $codes::<1, K>(at, keys, counters, values),
                    2 => $codes::<2, K>(at, keys, counters, values),
                    3 => $codes::<3, K>(at, keys, counters, values),
                    _ => $codes::<4, K>(at, keys, counters, values),
                };
            }
        }
    };
}

kernel!(sha1, Sha1, sha1_codes);
kernel!(sha256, Sha256, sha256_codes);

/// `S` codes of SHA-1 from counter `at` on; returns `S`.
#[target_feature(enable = "sha2")]
fn sha1_codes<'a, const S: usize, K: Keys<'a, Sha1>>(
    at: usize,
    keys: K,
    counters: &[u64],
    values: &mut [u32],
) -> usize {
    let zero = vdupq_n_u32(0);
    let mut inner = [Sha1State { abcd: zero, e: 0 }; S];
    let mut outer = inner;
    let mut messages = [[zero; 4]; S];
    for s in 0..S {
        let [words_inner, words_outer] = &keys.at(at + s).midstates;
        (inner[s], outer[s]) = (Sha1State::load(words_inner), Sha1State::load(words_outer));
        messages[s] = message(counters[at + s]);
    }
    sha1_compress(&mut inner, &mut messages);
    for s in 0..S {
        // FIPS 180-4 §5.1.1: the inner digest, a one bit, zeros, the length in bits with the pad's block.
        let rest = register([inner[s].e, 1 << 31, 0, 0]);
        messages[s] = [inner[s].abcd, rest, zero, register([0, 0, 0, (64 + 20) * 8])];
    }
    sha1_compress(&mut outer, &mut messages);
    for s in 0..S {
        values[at + s] = truncate(outer[s].abcd, vdupq_n_u32(outer[s].e));
    }
    S
}

/// The hash value as the instructions want it.
#[derive(Clone, Copy)]
struct Sha1State {
    /// `a` in the lowest lane.
    abcd: uint32x4_t,
    e: u32,
}

impl Sha1State {
    #[inline]
    #[target_feature(enable = "sha2")]
    fn load(&[a, b, c, d, e]: &[u32; 5]) -> Self {
        Self { abcd: register([a, b, c, d]), e }
    }
}

/// FIPS 180-4 §6.1.2, interleaved.
#[inline]
#[target_feature(enable = "sha2")]
fn sha1_compress<const S: usize>(states: &mut [Sha1State; S], messages: &mut [Words; S]) {
    let initial = *states;
    unroll!(sha1_four(states, messages); 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);
    for s in 0..S {
        states[s].abcd = vaddq_u32(states[s].abcd, initial[s].abcd);
        states[s].e = states[s].e.wrapping_add(initial[s].e);
    }
}

/// Rounds `4 * G` to `4 * G + 3`.
#[inline]
#[target_feature(enable = "sha2")]
fn sha1_four<const G: usize, const S: usize>(states: &mut [Sha1State; S], messages: &mut [Words; S]) {
    let k = vdupq_n_u32(sha1_rounds::K[G / 5]);
    for (Sha1State { abcd, e }, w) in states.iter_mut().zip(messages) {
        if G >= 4 {
            let sum = vsha1su0q_u32(w[G % 4], w[(G + 1) % 4], w[(G + 2) % 4]);
            w[G % 4] = vsha1su1q_u32(sum, w[(G + 3) % 4]);
        }
        let words = vaddq_u32(w[G % 4], k);
        let next_e = vsha1h_u32(vgetq_lane_u32::<0>(*abcd));
        *abcd = match G / 5 {
            0 => vsha1cq_u32(*abcd, *e, words),
            2 => vsha1mq_u32(*abcd, *e, words),
            _ => vsha1pq_u32(*abcd, *e, words),
        };
        *e = next_e;
    }
}

/// `S` codes of SHA-256 from counter `at` on; returns `S`.
#[target_feature(enable = "sha2")]
fn sha256_codes<'a, const S: usize, K: Keys<'a, Sha256>>(
    at: usize,
    keys: K,
    counters: &[u64],
    values: &mut [u32],
) -> usize {
    let zero = vdupq_n_u32(0);
    let mut inner = [Sha256State { abcd: zero, efgh: zero }; S];
    let mut outer = inner;
    let mut messages = [[zero; 4]; S];
    for s in 0..S {
        let [words_inner, words_outer] = &keys.at(at + s).midstates;
        (inner[s], outer[s]) = (Sha256State::load(words_inner), Sha256State::load(words_outer));
        messages[s] = message(counters[at + s]);
    }
    sha256_compress(&mut inner, &mut messages);
    for s in 0..S {
        // FIPS 180-4 §5.1.1: the inner digest, a one bit, zeros, the length in bits with the pad's block.
        let end = [register([1 << 31, 0, 0, 0]), register([0, 0, 0, (64 + 32) * 8])];
        messages[s] = [inner[s].abcd, inner[s].efgh, end[0], end[1]];
    }
    sha256_compress(&mut outer, &mut messages);
    for s in 0..S {
        values[at + s] = truncate(outer[s].abcd, outer[s].efgh);
    }
    S
}

/// The hash value as the instructions want it, the first letter in the lowest lane.
#[derive(Clone, Copy)]
struct Sha256State {
    abcd: uint32x4_t,
    efgh: uint32x4_t,
}

impl Sha256State {
    #[inline]
    #[target_feature(enable = "sha2")]
    fn load(&[a, b, c, d, e, f, g, h]: &[u32; 8]) -> Self {
        Self { abcd: register([a, b, c, d]), efgh: register([e, f, g, h]) }
    }
}

/// FIPS 180-4 §6.2.2, interleaved.
#[inline]
#[target_feature(enable = "sha2")]
fn sha256_compress<const S: usize>(states: &mut [Sha256State; S], messages: &mut [Words; S]) {
    let initial = *states;
    unroll!(sha256_four(states, messages); 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for s in 0..S {
        states[s].abcd = vaddq_u32(states[s].abcd, initial[s].abcd);
        states[s].efgh = vaddq_u32(states[s].efgh, initial[s].efgh);
    }
}

/// Rounds `4 * G` to `4 * G + 3`.
#[inline]
#[target_feature(enable = "sha2")]
fn sha256_four<const G: usize, const S: usize>(states: &mut [Sha256State; S], messages: &mut [Words; S]) {
    let k = register([0, 1, 2, 3].map(|t| sha256_rounds::K[4 * G + t]));
    for (Sha256State { abcd, efgh }, w) in states.iter_mut().zip(messages) {
        if G >= 4 {
            let sum = vsha256su0q_u32(w[G % 4], w[(G + 1) % 4]);
            w[G % 4] = vsha256su1q_u32(sum, w[(G + 2) % 4], w[(G + 3) % 4]);
        }
        let words = vaddq_u32(w[G % 4], k);
        (*abcd, *efgh) = (vsha256hq_u32(*abcd, *efgh, words), vsha256h2q_u32(*efgh, *abcd, words));
    }
}

/// FIPS 180-4 §5.1.1: the counter, a one bit, zeros, the length in bits with the pad's block.
#[inline]
#[target_feature(enable = "sha2")]
fn message(counter: u64) -> Words {
    let zero = vdupq_n_u32(0);
    let head = register([(counter >> 32) as u32, counter as u32, 1 << 31, 0]);
    [head, zero, zero, register([0, 0, 0, (64 + 8) * 8])]
}

#[inline]
#[target_feature(enable = "sha2")]
fn register(words: [u32; 4]) -> uint32x4_t {
    // SAFETY: the types are of one size, and every value of either is valid.
    unsafe { transmute(words) }
}

/// RFC 4226 §5.3 of a tag with the words 0 to 3 in `head` and word 4 in the lowest lane of `tail`, whose
/// highest lane is the last word of all. The bytes are picked by a shuffle of registers, which takes the same
/// time for any offset.
#[inline]
#[target_feature(enable = "sha2")]
fn truncate(head: uint32x4_t, tail: uint32x4_t) -> u32 {
    let offset = vandq_u8(vdupq_laneq_u8::<12>(vreinterpretq_u8_u32(tail)), vdupq_n_u8(15));
    // The wanted bytes of the tag, the last one first; `^ 3` because each word lies there in little-endian
    // order.
    let places = vaddq_u8(offset, vreinterpretq_u8_u32(vdupq_n_u32(0x0001_0203)));
    let places = veorq_u8(places, vdupq_n_u8(3));
    let bytes = vqtbl2q_u8(uint8x16x2_t(vreinterpretq_u8_u32(head), vreinterpretq_u8_u32(tail)), places);
    vgetq_lane_u32::<0>(vreinterpretq_u32_u8(bytes)) & 0x7fff_ffff
}
