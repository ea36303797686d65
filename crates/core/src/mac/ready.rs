//! HMAC-SHA-256 (RFC 2104, FIPS 180-4) with a key that lies ready: for rows and entries, of which each is short.

use core::slice;

use super::{TAG, compare};
use crate::error::Error;
use crate::secret::Wiped;
use sha2::block_api::compress256;

/// Bytes of a key of HMAC-SHA-256 as [`midstates`] makes it.
pub(crate) const MIDSTATES: usize = 2 * STATE;
const STATE: usize = 32;
const BLOCK: usize = 64;

/// A key of HMAC-SHA-256 as what SHA-256 has come to after the key's two padded blocks (RFC 2104 §4): short messages take
/// about half the time. As secret as the key.
#[must_use]
pub(crate) fn midstates(key: &[u8; 32]) -> Wiped<u8, MIDSTATES> {
    let mut midstates = Wiped([0; MIDSTATES]);
    for (pad, midstate) in [0x36, 0x5c].into_iter().zip(midstates.0.as_chunks_mut::<STATE>().0) {
        let mut block = Wiped([pad; BLOCK]);
        block.0.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        let mut state = Wiped(INITIAL);
        compress256(&mut state.0, slice::from_ref(&block.0));
        to_bytes(&state.0, midstate);
    }
    midstates
}

fn to_bytes(words: &[u32; 8], bytes: &mut [u8; TAG]) {
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
        *bytes = word.to_be_bytes();
    }
}

/// FIPS 180-4 §5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A key of HMAC-SHA-256 that lies ready as [`midstates`].
#[derive(Clone, Copy)]
pub(crate) struct ReadyKey<'a>(pub(crate) &'a [u8; MIDSTATES]);

impl ReadyKey<'_> {
    /// HMAC-SHA-256 of the parts, one after the other. The caller separates parts of variable length.
    pub(crate) fn tag(self, parts: &[&[u8]]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        self.write(parts, &mut tag);
        tag
    }

    /// The same into a place of the caller's, since it may be a key: no copy of it is left behind.
    pub(crate) fn write(self, parts: &[&[u8]], tag: &mut [u8; TAG]) {
        let (inner, outer) = self.0.split_at(STATE);
        let mut hash = AfterBlock::new(inner);
        parts.iter().for_each(|part| hash.update(part));
        let mut inner = Wiped([0; TAG]);
        hash.finish(&mut inner.0);
        let mut hash = AfterBlock::new(outer);
        hash.update(&inner.0);
        hash.finish(tag);
    }

    /// Checks a tag in constant time.
    ///
    /// # Errors
    /// [`Error::Rejected`] when it is not the full, right one.
    pub(crate) fn verify(self, parts: &[&[u8]], tag: &[u8]) -> Result<(), Error> {
        compare(&self.tag(parts), tag)
    }
}

/// HKDF-SHA-256 (RFC 5869) of a key under a salt, for `info` in two parts: fills up to 255 times 32 bytes.
pub(crate) fn hkdf_sha256(salt: &[u8; 32], key: &[u8], info: [&[u8]; 2], out: &mut [u8]) {
    debug_assert!(out.len() <= 255 * TAG, "HKDF gives no more");
    // RFC 5869 §2.2: extract.
    let mut extracted = Wiped([0; TAG]);
    ReadyKey(&midstates(salt).0).write(&[key], &mut extracted.0);
    // RFC 5869 §2.3: expand.
    let ready = midstates(&extracted.0);
    let (mut previous, mut block) = (Wiped([0; TAG]), Wiped([0; TAG]));
    for (number, chunk) in (1..=u8::MAX).zip(out.chunks_mut(TAG)) {
        let begins = if number == 1 { &[][..] } else { &previous.0[..] };
        ReadyKey(&ready.0).write(&[begins, info[0], info[1], &[number]], &mut block.0);
        previous.0.copy_from_slice(&block.0);
        chunk.copy_from_slice(&block.0[..chunk.len()]);
    }
}

/// SHA-256 (FIPS 180-4 §6.2) that goes on after one block of key.
struct AfterBlock {
    state: Wiped<u32, 8>,
    /// Keys are derived from keys here.
    block: Wiped<u8, BLOCK>,
    filled: usize,
    /// Bytes so far, those of the key included.
    length: u64,
}

impl AfterBlock {
    fn new(midstate: &[u8]) -> Self {
        let mut state = Wiped([0; 8]);
        for (word, bytes) in state.0.iter_mut().zip(midstate.as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        Self { state, block: Wiped([0; BLOCK]), filled: 0, length: BLOCK as u64 }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.filled > 0 {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.block.0[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled < BLOCK {
                return;
            }
            compress256(&mut self.state.0, slice::from_ref(&self.block.0));
        }
        let (whole, rest) = bytes.as_chunks();
        if !whole.is_empty() {
            compress256(&mut self.state.0, whole);
        }
        self.block.0[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    /// FIPS 180-4 §5.1.1: a one bit, zeros, the length in bits.
    fn finish(mut self, tag: &mut [u8; TAG]) {
        const LENGTH: usize = BLOCK - size_of::<u64>();
        let (state, block) = (&mut self.state.0, &mut self.block.0);
        block[self.filled] = 0x80;
        block[self.filled + 1..].fill(0);
        if self.filled >= LENGTH {
            compress256(state, slice::from_ref(block));
            block.fill(0);
        }
        block[LENGTH..].copy_from_slice(&(8 * self.length).to_be_bytes());
        compress256(state, slice::from_ref(block));
        to_bytes(state, tag);
    }
}
