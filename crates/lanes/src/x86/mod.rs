//! Kernels for x86-64, and what the processor says it has.

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod sha_ext;

use core::arch::x86_64::{__cpuid, __cpuid_count, __m128i, _xgetbv};
use core::mem::transmute;

/// Sixteen bytes of a row of words, from word `start` on.
#[inline(always)]
fn load<W>(row: &[W], start: usize) -> __m128i {
    let bytes = &row[start..start + 16 / size_of::<W>()];
    // SAFETY: `bytes` is sixteen bytes of plain words, every value of which is a valid register.
    unsafe { bytes.as_ptr().cast::<__m128i>().read_unaligned() }
}
