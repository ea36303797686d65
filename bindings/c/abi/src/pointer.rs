//! Pointers: the one module that turns what C gives into what Rust can hold, and back.
//!
//! Lengths and capacities are looked at before memory is. Outputs are never held as references: they are written byte by
//! byte once all inputs have been used, so that an output may lie where an input lay, and at any address.

use core::mem::MaybeUninit;
use core::{ptr, slice, str};

use zeroize::Zeroize;

use crate::border::Fault;
use crate::codes::{
    ZAMOK_E_BUFFER_TOO_SMALL, ZAMOK_E_HANDLE, ZAMOK_E_LENGTH_TOO_GREAT, ZAMOK_E_NOT_UTF8,
    ZAMOK_E_NULL_POINTER, ZAMOK_E_STRUCT_SIZE,
};

/// No object is longer: half of the address space.
const LONGEST: usize = isize::MAX.unsigned_abs();

fn within_memory(address: usize, length: usize) -> Result<(), Fault> {
    let ends = length <= LONGEST && address.checked_add(length).is_some();
    if ends { Ok(()) } else { Err(Fault(ZAMOK_E_LENGTH_TOO_GREAT)) }
}

/// Bytes that are read during one call. Null stands for no bytes.
///
/// # Safety
/// Where `length` is not 0 and `pointer` not null, so many bytes are readable there, and nobody writes them during the call.
pub(crate) unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> Result<&'a [u8], Fault> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Fault(ZAMOK_E_NULL_POINTER));
    }
    within_memory(pointer.addr(), length)?;
    // SAFETY: not null, and the caller promises the rest; bytes have no alignment.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// A text that is read during one call.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(pointer: *const core::ffi::c_char, length: usize) -> Result<&'a str, Fault> {
    // SAFETY: the same promise.
    let bytes = unsafe { bytes(pointer.cast(), length) }?;
    str::from_utf8(bytes).map_err(|_| Fault(ZAMOK_E_NOT_UTF8))
}

/// Exactly so many bytes: an id. The engine knows none.
///
/// # Safety
/// Where it is not null, `N` bytes are readable there.
#[cfg(feature = "vault")]
pub(crate) unsafe fn array<const N: usize>(pointer: *const [u8; N]) -> Result<[u8; N], Fault> {
    if pointer.is_null() {
        return Err(Fault(ZAMOK_E_NULL_POINTER));
    }
    // SAFETY: not null; an array of bytes has no alignment and every value.
    Ok(unsafe { pointer.read() })
}

/// A place for one value of the answer.
pub(crate) struct Place<T>(*mut T);

impl<T> Place<T> {
    /// # Safety
    /// Where it is not null, a `T` can be written there.
    pub(crate) unsafe fn new(pointer: *mut T) -> Result<Self, Fault> {
        if pointer.is_null() { Err(Fault(ZAMOK_E_NULL_POINTER)) } else { Ok(Self(pointer)) }
    }

    pub(crate) fn put(self, value: T) {
        // SAFETY: `new` was promised so; an odd address is as good as an even one.
        unsafe { self.0.write_unaligned(value) };
    }
}

/// A buffer for the answer, with the place for its length.
pub(crate) struct Buffer {
    pointer: *mut u8,
    capacity: usize,
    length: *mut usize,
    /// Texts end with a zero byte, for which there must be room; it is not counted.
    terminated: bool,
}

impl Buffer {
    /// # Safety
    /// Where `capacity` is not 0 and `pointer` not null, so many bytes can be written there; where `length` is not null, one
    /// number.
    pub(crate) unsafe fn bytes(pointer: *mut u8, capacity: usize, length: *mut usize) -> Result<Self, Fault> {
        if length.is_null() || (pointer.is_null() && capacity > 0) {
            return Err(Fault(ZAMOK_E_NULL_POINTER));
        }
        within_memory(pointer.addr(), capacity)?;
        Ok(Self { pointer, capacity, length, terminated: false })
    }

    /// # Safety
    /// As [`Buffer::bytes`].
    pub(crate) unsafe fn text(
        pointer: *mut core::ffi::c_char,
        capacity: usize,
        length: *mut usize,
    ) -> Result<Self, Fault> {
        // SAFETY: the same promise.
        Ok(Self { terminated: true, ..unsafe { Self::bytes(pointer.cast(), capacity, length) }? })
    }

    /// Whether so many bytes have room; tells how many are needed where they have not.
    pub(crate) fn reserve(&self, needed: usize) -> Result<(), Fault> {
        if self.capacity >= needed.saturating_add(usize::from(self.terminated)) {
            return Ok(());
        }
        // SAFETY: `bytes` was promised so.
        unsafe { self.length.write_unaligned(needed) };
        Err(Fault(ZAMOK_E_BUFFER_TOO_SMALL))
    }

    /// Writes the answer and its length, or the length alone where there is no room.
    pub(crate) fn put(&self, answer: &[u8]) -> Result<(), Fault> {
        self.reserve(answer.len())?;
        // SAFETY: there is room for the answer and, in a text, for one byte more. The answer is memory of this library, or
        // of the caller: `copy` bears an overlap.
        unsafe {
            if !answer.is_empty() {
                ptr::copy(answer.as_ptr(), self.pointer, answer.len());
            }
            if self.terminated {
                self.pointer.add(answer.len()).write(0);
            }
            self.length.write_unaligned(answer.len());
        }
        Ok(())
    }
}

/// A struct that begins with its own size, as a `u32`.
///
/// # Safety
/// Only numbers and raw pointers are in it, without padding that matters, so that every pattern of bytes is a value.
pub(crate) unsafe trait Versioned: Copy {
    /// Bytes of its first version.
    const FIRST: usize;
}

/// More than any version of a struct will have.
const LARGEST_STRUCT: usize = 4096;

/// Reads a struct of any version: what an older caller does not know is 0; what a newer one says must be 0.
///
/// # Safety
/// Where it is not null, a `u32` is readable there, and as many bytes as it says.
pub(crate) unsafe fn versioned<T: Versioned>(pointer: *const T) -> Result<Option<T>, Fault> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: promised.
    let size = unsafe { stated_size(pointer) };
    if !(T::FIRST..=LARGEST_STRUCT).contains(&size) {
        return Err(Fault(ZAMOK_E_STRUCT_SIZE));
    }
    let known = size.min(size_of::<T>());
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes are readable; those beyond what is known are looked at one by one.
    let surplus = unsafe {
        ptr::copy_nonoverlapping(pointer.cast::<u8>(), value.as_mut_ptr().cast::<u8>(), known);
        (known..size).any(|at| pointer.cast::<u8>().add(at).read() != 0)
    };
    if surplus {
        return Err(Fault(ZAMOK_E_STRUCT_SIZE));
    }
    // SAFETY: every pattern of bytes is a `T`.
    Ok(Some(unsafe { value.assume_init() }))
}

/// A struct that must be there.
///
/// # Safety
/// As [`versioned`].
pub(crate) unsafe fn required<T: Versioned>(pointer: *const T) -> Result<T, Fault> {
    // SAFETY: the same promise.
    unsafe { versioned(pointer) }?.ok_or(Fault(ZAMOK_E_NULL_POINTER))
}

/// The place of a struct for the answer: no more of it is written than its caller knows.
pub(crate) struct StructPlace<T: Versioned> {
    pointer: *mut T,
    size: usize,
}

impl<T: Versioned> StructPlace<T> {
    /// # Safety
    /// Where it is not null, a `u32` is readable there, and as many bytes as it says can be written.
    pub(crate) unsafe fn new(pointer: *mut T) -> Result<Self, Fault> {
        if pointer.is_null() {
            return Err(Fault(ZAMOK_E_NULL_POINTER));
        }
        // SAFETY: promised.
        let size = unsafe { stated_size(pointer) };
        if (T::FIRST..=LARGEST_STRUCT).contains(&size) {
            Ok(Self { pointer, size })
        } else {
            Err(Fault(ZAMOK_E_STRUCT_SIZE))
        }
    }

    /// Writes all but the size in front, which stays the caller's.
    pub(crate) fn put(self, value: &T) {
        let skipped = size_of::<u32>();
        let known = self.size.min(size_of::<T>());
        // SAFETY: so many bytes can be written there, and `value` has them.
        unsafe {
            let from = ptr::from_ref(value).cast::<u8>().add(skipped);
            ptr::copy(from, self.pointer.cast::<u8>().add(skipped), known - skipped);
        }
    }
}

unsafe fn stated_size<T>(pointer: *const T) -> usize {
    // SAFETY: whoever calls promises a readable `u32`.
    usize::try_from(unsafe { pointer.cast::<u32>().read_unaligned() }).unwrap_or(usize::MAX)
}

/// A value in memory of the caller, behind a tag that tells whether it is there. Every sort of key has its tag in the same
/// place, so that a key of another sort is told by what was written there, and not by what was not.
#[repr(C)]
struct Tagged<T> {
    tag: u64,
    value: T,
}

/// A key that stands in the caller's memory: plain bytes without pointers, so that it can be moved there.
///
/// # Safety
/// `Opaque` is at least as large as `Tagged<Self>` and as strictly aligned; no pointer is in `Self`.
pub(crate) unsafe trait Resident: Clone {
    /// What C sees.
    type Opaque;
    /// Tells one sort of key, and one layout of it, from every other.
    const TAG: u64;
}

/// Proves at compile time that a key has room.
pub(crate) const fn has_room<T: Resident>() -> bool {
    size_of::<Tagged<T>>() <= size_of::<T::Opaque>() && align_of::<Tagged<T>>() <= align_of::<T::Opaque>()
}

/// The place of a key in the caller's memory.
pub(crate) struct Seat<T: Resident>(*mut T::Opaque);

impl<T: Resident> Seat<T> {
    /// # Safety
    /// Where it is not null, an opaque key can be written there.
    pub(crate) unsafe fn new(place: *mut T::Opaque) -> Result<Self, Fault> {
        if place.is_null() { Err(Fault(ZAMOK_E_NULL_POINTER)) } else { Ok(Self(place)) }
    }

    pub(crate) fn put(self, value: T) {
        let tagged = Tagged { tag: T::TAG, value };
        // SAFETY: `new` was promised so, and there is room (`has_room`). What stood there is overwritten.
        unsafe { self.0.cast::<Tagged<T>>().write_unaligned(tagged) };
    }
}

/// Room for a copy of a key that is not aligned in the caller's memory; wiped by the key's own `Drop`. It stands in the frame
/// of the caller, so that a key is a plain reference wherever it lies: a choice by value is copied with all of the key.
pub(crate) struct Spare<T>(Option<T>);

impl<T> Spare<T> {
    /// No constant: one would be copied, with all of its room.
    #[inline(always)]
    pub(crate) fn empty() -> Self {
        Self(None)
    }
}

/// A key that was made ready.
///
/// # Safety
/// Where it is not null, an opaque key is readable there, and nobody writes it during the call. Whoever forges the tag over
/// other bytes is on his own.
#[inline(always)]
pub(crate) unsafe fn resident<T: Resident>(
    place: *const T::Opaque,
    spare: &mut Spare<T>,
) -> Result<&T, Fault> {
    if place.is_null() {
        return Err(Fault(ZAMOK_E_NULL_POINTER));
    }
    let kept = place.cast::<Tagged<T>>();
    // SAFETY: the tag lies within the opaque key.
    if unsafe { (&raw const (*kept).tag).read_unaligned() } != T::TAG {
        return Err(Fault(ZAMOK_E_HANDLE));
    }
    // SAFETY: the tag says that a `T` was put there; it holds no pointers, so a copy elsewhere is as good. It is read in
    // place only where it is aligned.
    unsafe { if kept.is_aligned() { Ok(&(*kept).value) } else { Ok(copied(kept, spare)) } }
}

/// # Safety
/// A `T` stands there behind its tag.
#[cold]
unsafe fn copied<T: Resident>(kept: *const Tagged<T>, spare: &mut Spare<T>) -> &T {
    // SAFETY: promised.
    spare.0.insert(unsafe { (&raw const (*kept).value).read_unaligned() })
}

/// Overwrites bytes so that no optimiser leaves it out.
///
/// # Safety
/// Where it is not null, so many bytes can be written there.
pub(crate) unsafe fn wipe(pointer: *mut u8, length: usize) {
    if pointer.is_null() || within_memory(pointer.addr(), length).is_err() {
        return;
    }
    // SAFETY: not null; every pattern of bytes is a slice of `MaybeUninit`.
    let bytes = unsafe { slice::from_raw_parts_mut(pointer.cast::<MaybeUninit<u8>>(), length) };
    bytes.zeroize();
}
