//! Dynamic truncation (RFC 4226 §5.3): the 31 bits at the offset that the last half-byte of the tag names.
//!
//! The offset depends on the key, so nothing is indexed, shifted or branched by it: each of its bits is a
//! mask that keeps or replaces, and the shifts are by constants.

use crate::lanes::Lanes;

/// The first twenty bytes of the tag and its last word, in words of 32 bits.
#[inline(always)]
pub(crate) fn words32<V: Lanes<Word = u32>>(head: [V; 5], last: V) -> V {
    let [m8, m4] = [last.shr::<3>().odd(), last.shr::<2>().odd()];
    let [m2, m1] = [last.shr::<1>().odd(), last.odd()];
    // Offset bit 3: skip two words. Bit 2: skip one.
    let [x, y, z] = [m8.choose(head[2], head[0]), m8.choose(head[3], head[1]), m8.choose(head[4], head[2])];
    let [x, y] = [m4.choose(y, x), m4.choose(z, y)];
    // Bits 1 and 0: skip two bytes, and one.
    let [x, y] = [m2.choose(x.shl::<16>() | y.shr::<16>(), x), m2.choose(y.shl::<16>(), y)];
    m1.choose(x.shl::<8>() | y.shr::<24>(), x) & last.same(0x7fff_ffff)
}

/// The first 24 bytes of the tag and its last word, in words of 64 bits.
#[inline(always)]
pub(crate) fn words64<V: Lanes<Word = u64>>(head: [V; 3], last: V) -> V {
    let [m8, m4] = [last.shr::<3>().odd(), last.shr::<2>().odd()];
    let [m2, m1] = [last.shr::<1>().odd(), last.odd()];
    // Offset bit 3: skip a word. Bit 2: skip half of one; then seven bytes are left to choose from, all in
    // `x`.
    let [x, y] = [m8.choose(head[1], head[0]), m8.choose(head[2], head[1])];
    let x = m4.choose(x.shl::<32>() | y.shr::<32>(), x);
    let x = m2.choose(x.shl::<16>(), x);
    m1.choose(x.shl::<8>(), x).shr::<32>() & last.same(0x7fff_ffff)
}
