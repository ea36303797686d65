//! A machine without kernels of its own: everything is portable.

use crate::dispatch::{Variant, kernels};

/// No variants besides the portable one.
pub(crate) fn detect() -> impl Iterator<Item = Variant> {
    core::iter::empty()
}

kernels!(Sha1 in sha1; [];);
kernels!(Sha256 in sha256; [];);
kernels!(Sha512 in sha512; [];);

/// Nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(_: &T) {}
