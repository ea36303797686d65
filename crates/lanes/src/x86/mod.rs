//! Kernels for x86-64, and what the processor says it has.

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod sha_ext;

use core::arch::x86_64::{__cpuid_count, __m128i, _MM_HINT_T0, _mm_prefetch, _xgetbv, CpuidResult};

use crate::dispatch::{Variant, kernels};

/// The variants that the processor has and, where they need wider registers, the system saves: Intel's
/// manual, volume 1, §14.3 and §15.2.
pub(crate) fn detect() -> impl Iterator<Item = Variant> {
    let bit = |register: u32, bit: u32| register >> bit & 1 == 1;
    let most = cpuid(0).eax;
    let leaf1 = cpuid(1).ecx;
    let leaf7 = if most >= 7 { cpuid(7).ebx } else { 0 };

    let [ssse3, sse41, osxsave, avx] = [9, 19, 27, 28].map(|n| bit(leaf1, n));
    let [avx2, avx512f, sha] = [5, 16, 29].map(|n| bit(leaf7, n));
    // SAFETY: OSXSAVE says that the instruction is there and allowed.
    let saved = if osxsave { unsafe { _xgetbv(0) } } else { 0 };
    // XCR0: XMM and YMM; then the mask registers and both parts of ZMM.
    let [saves_ymm, saves_zmm] = [0b0000_0110, 0b1110_0110].map(|registers| saved & registers == registers);

    [
        (Variant::ShaExt, sha && ssse3 && sse41),
        (Variant::Avx2, avx && avx2 && saves_ymm),
        (Variant::Avx512, avx && avx2 && avx512f && saves_zmm),
    ]
    .into_iter()
    .filter_map(|(variant, has)| has.then_some(variant))
}

/// What the processor says about itself, under subleaf 0 where there are several.
#[allow(unused_unsafe)] // Newer toolchains have it as a safe function.
fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: every x86-64 has the instruction, which does nothing else.
    unsafe { __cpuid_count(leaf, 0) }
}

// Where a pass of wide lanes takes as long as so many counters by the other kernel: measured on a Zen 5, and
// for SHA-1 by AVX2 with SHA extensions on a Zen 3. SHA-256 by AVX2 is slower than by SHA extensions.
kernels! {
    Sha1 in sha1;
    [
        (ShaExt, 8, Avx512, 16),
        (ShaExt, 6, Avx2, 8),
        (ShaExt, 0, ShaExt, 1),
        (Portable, 1, Avx512, 16),
        (Portable, 2, Avx2, 8),
    ];
    ShaExt in sha_ext,
    Avx2 in avx2,
    Avx512 in avx512,
}

kernels! {
    Sha256 in sha256;
    [
        (ShaExt, 10, Avx512, 16),
        (ShaExt, 0, ShaExt, 1),
        (Portable, 1, Avx512, 16),
        (Portable, 2, Avx2, 8),
    ];
    ShaExt in sha_ext,
    Avx2 in avx2,
    Avx512 in avx512,
}

kernels! {
    Sha512 in sha512;
    [
        (Portable, 1, Avx512, 8),
        (Portable, 1, Avx2, 4),
    ];
    Avx2 in avx2,
    Avx512 in avx512,
}

/// Sixteen bytes of a row of words, from word `start` on.
#[inline(always)]
fn load<W: Into<u64> + Copy>(row: &[W], start: usize) -> __m128i {
    let words = &row[start..start + 16 / size_of::<W>()];
    // SAFETY: `words` is sixteen bytes of integers, and every value of those is a valid register.
    unsafe { words.as_ptr().cast::<__m128i>().read_unaligned() }
}

/// Asks for the cache lines of `value`: up to three, for at most 128 bytes.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    let first = (&raw const *value).cast::<i8>();
    // What has no byte has no last one either.
    let all = [0, size_of::<T>().saturating_sub(1), size_of::<T>() / 2];
    // What is no longer than a line lies in two at most.
    for offset in if size_of::<T>() <= 64 { &all[..2] } else { &all[..] } {
        // SAFETY: every x86-64 has the instruction, which does not fault, and the address is within `value`.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.add(*offset)) };
    }
}
