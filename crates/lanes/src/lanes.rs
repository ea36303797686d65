//! What the rounds need of a machine word: the operations of FIPS 180-4 §3.2 and §4.1, in every lane at once.
//!
//! The rounds are written once, over this trait. [`crate::portable`] has one lane; each vector unit has as
//! many as its registers hold.

use core::ops::{Add, BitAnd, BitOr, BitXor};

/// One word in each lane.
///
/// A value of a vector type is itself the proof that the processor has the instructions: its only
/// constructors that need no other value are `unsafe`. So the operations are safe to call.
pub(crate) trait Lanes:
    Copy + Add<Output = Self> + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self>
{
    /// `u32` or `u64`.
    type Word: Copy;

    /// Bits in a word.
    const BITS: i32 = 8 * size_of::<Self::Word>() as i32;

    /// `word` in every lane; `self` only proves that the instructions are there.
    fn same(self, word: Self::Word) -> Self;

    /// Each lane shifted left by `N` bits.
    fn shl<const N: i32>(self) -> Self;

    /// Each lane shifted right by `N` bits, zeros coming in.
    fn shr<const N: i32>(self) -> Self;

    /// All ones in the lanes of odd words, zero in the others.
    fn odd(self) -> Self;

    /// Each lane rotated left by `L` bits, that is right by `R`; `L + R` is the width of a word.
    #[inline(always)]
    fn rot<const L: i32, const R: i32>(self) -> Self {
        const { assert!(L + R == Self::BITS) };
        self.shl::<L>() | self.shr::<R>()
    }

    /// `Ch(self, y, z)`: the bits of `y` where `self` has ones, else those of `z`.
    #[inline(always)]
    fn choose(self, y: Self, z: Self) -> Self {
        ((y ^ z) & self) ^ z
    }

    /// `Maj(self, y, z)`: each bit as most of the three have it.
    #[inline(always)]
    fn majority(self, y: Self, z: Self) -> Self {
        (self & y) | ((self | y) & z)
    }
}

/// [`Lanes`] for a vector type, from the instructions of its unit: `vector!(name(register): lanes × word,
/// …)`.
macro_rules! vector {
    (
        $name:ident($register:ty): $lanes:literal x $word:ty;
        same $same:path, add $add:path, and $and:path, or $or:path, xor $xor:path,
        shl $shl:ident, shr $shr:ident $(; $($own:item)*)?
    ) => {
        #[doc = concat!("`", stringify!($word), "` in ", $lanes, " lanes. A value proves that the instructions are there.")]
        #[derive(Clone, Copy)]
        struct $name($register);

        vector!(@operator $name, Add, add, $add);
        vector!(@operator $name, BitAnd, bitand, $and);
        vector!(@operator $name, BitOr, bitor, $or);
        vector!(@operator $name, BitXor, bitxor, $xor);

        impl Lanes for $name {
            type Word = $word;

            #[inline(always)]
            fn same(self, word: $word) -> Self {
                // SAFETY: `self` proves that the processor has the instruction.
                Self(unsafe { $same(word as _) })
            }

            #[inline(always)]
            fn shl<const N: i32>(self) -> Self {
                // SAFETY: `self` proves that the processor has the instruction.
                Self(unsafe { $shl::<N>(self.0) })
            }

            #[inline(always)]
            fn shr<const N: i32>(self) -> Self {
                // SAFETY: `self` proves that the processor has the instruction.
                Self(unsafe { $shr::<N>(self.0) })
            }

            #[inline(always)]
            fn odd(self) -> Self {
                let one = self.same(1);
                ((self & one) ^ one) + self.same(<$word>::MAX)
            }

            $($($own)*)?
        }
    };
    (@operator $name:ident, $trait:ident, $method:ident, $instruction:path) => {
        impl core::ops::$trait for $name {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: `self` proves that the processor has the instruction.
                Self(unsafe { $instruction(self.0, other.0) })
            }
        }
    };
}
pub(crate) use vector;

/// Calls a function once for each index, as a constant: `unroll!(f(x); 0 1)` is `f::<0, _>(x); f::<1,
/// _>(x);`.
macro_rules! unroll {
    ($function:ident $arguments:tt; $($index:literal)*) => {
        $( $function::<$index, _> $arguments; )*
    };
}
pub(crate) use unroll;
