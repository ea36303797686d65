//! x86-64 SHA extensions: HMAC (RFC 2104) with SHA-1 and SHA-256 (FIPS 180-4 §6.1, §6.2) of one counter,
//! truncated (RFC 4226 §5.3).
//!
//! One hash waits most of the time for its own last rounds, so up to four of them run interleaved. The
//! extensions exist in the legacy SSE encoding only. Next to dirty upper halves of the 256-bit registers some
//! processors wait at every such instruction: nothing here is compiled for AVX, and the wide kernels clear
//! those halves before they return.

use core::arch::x86_64::*;

use super::load;
use crate::key::Keys;
use crate::lanes::unroll;
use crate::{Sha1, Sha256, sha256};

/// How many counters ahead keys are fetched from memory.
const AHEAD: usize = 8;

/// Sixteen words of a message or of the schedule, four to a register.
type Words = [__m128i; 4];

macro_rules! kernel {
    ($name:ident, $hash:ident, $codes:ident) => {
        /// The truncated tag of each counter.
        #[target_feature(enable = "sha,ssse3,sse4.1")]
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
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha1_codes<'a, const S: usize, K: Keys<'a, Sha1>>(
    at: usize,
    keys: K,
    counters: &[u64],
    values: &mut [u32],
) -> usize {
    let zero = _mm_setzero_si128();
    let mut inner = [Sha1State { abcd: zero, e: zero }; S];
    let mut outer = inner;
    let mut messages = [[zero; 4]; S];
    for s in 0..S {
        keys.prefetch(at + s + AHEAD);
        let [words_inner, words_outer] = &keys.at(at + s).midstates;
        (inner[s], outer[s]) = (Sha1State::load(words_inner), Sha1State::load(words_outer));
        // FIPS 180-4 §5.1.1: the counter, a one bit, zeros, the length in bits with the pad's block.
        let counter = counters[at + s];
        messages[s][0] = _mm_set_epi32((counter >> 32) as i32, counter as i32, i32::MIN, 0);
        messages[s][3] = _mm_set_epi32(0, 0, 0, (64 + 8) * 8);
    }
    sha1_compress(&mut inner, &mut messages);
    for s in 0..S {
        let rest = _mm_or_si128(inner[s].e, _mm_set_epi32(0, i32::MIN, 0, 0));
        messages[s] = [inner[s].abcd, rest, zero, _mm_set_epi32(0, 0, 0, (64 + 20) * 8)];
    }
    sha1_compress(&mut outer, &mut messages);
    for s in 0..S {
        let [head, tail] = [
            _mm_shuffle_epi32::<0b00_01_10_11>(outer[s].abcd),
            _mm_shuffle_epi32::<0b11_11_11_11>(outer[s].e),
        ];
        values[at + s] = truncate(head, tail);
    }
    S
}

/// The hash value as the instructions want it.
#[derive(Clone, Copy)]
struct Sha1State {
    /// `a` in the highest lane.
    abcd: __m128i,
    /// `e` in the highest lane, zeros elsewhere; within the rounds, the `abcd` of four rounds ago.
    e: __m128i,
}

impl Sha1State {
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn load(words: &[u32; 5]) -> Self {
        let e = _mm_set_epi32(words[4] as i32, 0, 0, 0);
        Self { abcd: _mm_shuffle_epi32::<0b00_01_10_11>(load(words, 0)), e }
    }
}

/// FIPS 180-4 §6.1.2, interleaved.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha1_compress<const S: usize>(states: &mut [Sha1State; S], messages: &mut [Words; S]) {
    let initial = *states;
    unroll!(sha1_rounds(states, messages); 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);
    for s in 0..S {
        states[s].abcd = _mm_add_epi32(states[s].abcd, initial[s].abcd);
        states[s].e = _mm_sha1nexte_epu32(states[s].e, initial[s].e);
    }
}

/// Rounds `4 * G` to `4 * G + 3`.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha1_rounds<const G: usize, const S: usize>(states: &mut [Sha1State; S], messages: &mut [Words; S]) {
    for (Sha1State { abcd, e }, w) in states.iter_mut().zip(messages) {
        if G >= 4 {
            let sum = _mm_xor_si128(_mm_sha1msg1_epu32(w[G % 4], w[(G + 1) % 4]), w[(G + 2) % 4]);
            w[G % 4] = _mm_sha1msg2_epu32(sum, w[(G + 3) % 4]);
        }
        let words = if G == 0 { _mm_add_epi32(*e, w[0]) } else { _mm_sha1nexte_epu32(*e, w[G % 4]) };
        *e = *abcd;
        *abcd = match G / 5 {
            0 => _mm_sha1rnds4_epu32::<0>(*abcd, words),
            1 => _mm_sha1rnds4_epu32::<1>(*abcd, words),
            2 => _mm_sha1rnds4_epu32::<2>(*abcd, words),
            _ => _mm_sha1rnds4_epu32::<3>(*abcd, words),
        };
    }
}

/// `S` codes of SHA-256 from counter `at` on; returns `S`.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha256_codes<'a, const S: usize, K: Keys<'a, Sha256>>(
    at: usize,
    keys: K,
    counters: &[u64],
    values: &mut [u32],
) -> usize {
    let zero = _mm_setzero_si128();
    let mut inner = [Sha256State { abef: zero, cdgh: zero }; S];
    let mut outer = inner;
    let mut messages = [[zero; 4]; S];
    for s in 0..S {
        keys.prefetch(at + s + AHEAD);
        let [words_inner, words_outer] = &keys.at(at + s).midstates;
        (inner[s], outer[s]) = (Sha256State::load(words_inner), Sha256State::load(words_outer));
        // FIPS 180-4 §5.1.1: the counter, a one bit, zeros, the length in bits with the pad's block.
        let counter = counters[at + s];
        messages[s][0] = _mm_set_epi32(0, i32::MIN, counter as i32, (counter >> 32) as i32);
        messages[s][3] = _mm_set_epi32((64 + 8) * 8, 0, 0, 0);
    }
    sha256_compress(&mut inner, &mut messages);
    for s in 0..S {
        let [head, tail] = inner[s].words();
        messages[s] = [head, tail, _mm_set_epi32(0, 0, 0, i32::MIN), _mm_set_epi32((64 + 32) * 8, 0, 0, 0)];
    }
    sha256_compress(&mut outer, &mut messages);
    for s in 0..S {
        let [head, tail] = outer[s].words();
        values[at + s] = truncate(head, tail);
    }
    S
}

/// The hash value as the instructions want it, the first letter in the highest lane.
#[derive(Clone, Copy)]
struct Sha256State {
    abef: __m128i,
    cdgh: __m128i,
}

impl Sha256State {
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn load(words: &[u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = words.map(|word| word as i32);
        Self { abef: _mm_set_epi32(a, b, e, f), cdgh: _mm_set_epi32(c, d, g, h) }
    }

    /// `a` to `d` and `e` to `h`, the first letter in the lowest lane.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn words(self) -> [__m128i; 2] {
        [
            _mm_shuffle_epi32::<0b10_11_00_01>(_mm_unpackhi_epi64(self.abef, self.cdgh)),
            _mm_shuffle_epi32::<0b10_11_00_01>(_mm_unpacklo_epi64(self.abef, self.cdgh)),
        ]
    }
}

/// FIPS 180-4 §6.2.2, interleaved.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha256_compress<const S: usize>(states: &mut [Sha256State; S], messages: &mut [Words; S]) {
    let initial = *states;
    unroll!(sha256_rounds(states, messages); 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    for s in 0..S {
        states[s].abef = _mm_add_epi32(states[s].abef, initial[s].abef);
        states[s].cdgh = _mm_add_epi32(states[s].cdgh, initial[s].cdgh);
    }
}

/// Rounds `4 * G` to `4 * G + 3`.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha256_rounds<const G: usize, const S: usize>(states: &mut [Sha256State; S], messages: &mut [Words; S]) {
    let [k0, k1, k2, k3] = [0, 1, 2, 3].map(|t| sha256::K[4 * G + t] as i32);
    let k = _mm_set_epi32(k3, k2, k1, k0);
    for (Sha256State { abef, cdgh }, w) in states.iter_mut().zip(messages) {
        if G >= 4 {
            let skewed = _mm_alignr_epi8::<4>(w[(G + 3) % 4], w[(G + 2) % 4]);
            let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[G % 4], w[(G + 1) % 4]), skewed);
            w[G % 4] = _mm_sha256msg2_epu32(sum, w[(G + 3) % 4]);
        }
        let words = _mm_add_epi32(w[G % 4], k);
        *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, words);
        *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32::<0b00_00_11_10>(words));
    }
}

/// RFC 4226 §5.3 of a tag with the words 0 to 3 in `head` and word 4 in the lowest lane of `tail`, whose
/// highest lane is the last word of all. The bytes are picked by shuffles within registers, which take the
/// same time for any offset.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn truncate(head: __m128i, tail: __m128i) -> u32 {
    let offset = _mm_and_si128(_mm_shuffle_epi8(tail, _mm_set1_epi8(12)), _mm_set1_epi8(15));
    // The wanted bytes of the tag, the last one first; `^ 3` because each word lies there in little-endian
    // order.
    let places = _mm_xor_si128(_mm_add_epi8(offset, _mm_set1_epi32(0x0001_0203)), _mm_set1_epi8(3));
    // A shuffle yields zero where the top bit of a place is set: for `head` from 16 up, for `tail` below 16.
    let from_head = _mm_shuffle_epi8(head, _mm_adds_epu8(places, _mm_set1_epi8(0x70)));
    let from_tail = _mm_shuffle_epi8(tail, _mm_sub_epi8(places, _mm_set1_epi8(16)));
    _mm_cvtsi128_si32(_mm_or_si128(from_head, from_tail)) as u32 & 0x7fff_ffff
}
