//! Markers for the constant-time checker.
//!
//! With the feature `ct-check`, on x86-64 and under valgrind's memcheck, bytes that [`secret`] marked make
//! the program stand accused where it branches on them or uses them as an address; [`public`] takes the mark
//! away, where a value may be known. Otherwise both do nothing.

/// Marks `values` (bytes, words; one value through [`core::slice::from_ref`]) as secret: memcheck holds them
/// for undefined.
#[inline(always)]
pub fn secret<T: Copy>(values: &[T]) {
    request(0x4d43_0001, values); // VG_USERREQ__MAKE_MEM_UNDEFINED
}

/// Marks `values` as public: memcheck holds them for defined.
#[inline(always)]
pub fn public<T: Copy>(values: &[T]) {
    request(0x4d43_0002, values); // VG_USERREQ__MAKE_MEM_DEFINED
}

#[cfg(not(all(feature = "ct-check", target_arch = "x86_64")))]
#[inline(always)]
fn request<T: Copy>(_: u64, _: &[T]) {}

/// A valgrind client request: rotations of `rdi` that add up to nothing, and an exchange of `rbx` with
/// itself, by which valgrind knows that `rax` points to a request and its arguments.
#[cfg(all(feature = "ct-check", target_arch = "x86_64"))]
fn request<T: Copy>(name: u64, values: &[T]) {
    let arguments = [name, values.as_ptr().expose_provenance() as u64, size_of_val(values) as u64, 0, 0, 0];
    // SAFETY: natively the instructions change no register but the flags. Under valgrind `rdx` gets the
    // answer, and memcheck changes its own notes about `values`, not their value. `arguments` lives through
    // the call.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &raw const arguments,
            inout("rdx") 0_u64 => _,
            options(nostack),
        );
    }
}
