//! Closed sets of named items, as one number of a record: each item has a bit that never changes.

/// Declares an enum of items and the set of them.
macro_rules! closed_set {
    (
        $(#[$item_doc:meta])* $Item:ident;
        $(#[$set_doc:meta])* $Set:ident;
        $($(#[$doc:meta])+ $Name:ident = $bit:literal, $text:literal;)+
    ) => {
        $(#[$item_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum $Item { $($(#[$doc])+ $Name = $bit,)+ }

        impl $Item {
            /// Every item, in the order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$Name),+];

            /// The name that listings show.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Name => $text,)+ }
            }

            /// The item with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.name() == name)
            }
        }

        impl core::fmt::Display for $Item {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        $(#[$set_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $Set(u32);

        impl $Set {
            /// Nothing.
            pub const NONE: Self = Self(0);

            /// The set of these.
            #[must_use]
            pub const fn of(items: &[$Item]) -> Self {
                let (mut bits, mut next) = (0, 0);
                while next < items.len() {
                    bits |= 1 << items[next] as u8;
                    next += 1;
                }
                Self(bits)
            }

            /// Whether the item is in it.
            #[must_use]
            pub const fn contains(self, item: $Item) -> bool {
                self.0 & 1 << item as u8 != 0
            }

            /// Whether nothing is in it.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// What is in both.
            #[must_use]
            pub const fn and(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// What is in either.
            #[must_use]
            pub const fn or(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// What is in this and not in the other.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether the other has all of this.
            #[must_use]
            pub const fn is_within(self, other: Self) -> bool {
                self.0 & !other.0 == 0
            }

            /// The items, in the order of their bits.
            pub fn iter(self) -> impl Iterator<Item = $Item> {
                $Item::ALL.iter().copied().filter(move |item| self.contains(*item))
            }

            /// The number in a record.
            #[cfg(feature = "alloc")]
            pub(crate) const fn bits(self) -> u32 {
                self.0
            }

            /// Reads the number of a record; a bit without a name is refused.
            #[cfg(feature = "alloc")]
            pub(crate) fn from_bits(bits: u32) -> Result<Self, crate::error::Error> {
                let known = Self::of($Item::ALL);
                if Self(bits).is_within(known) { Ok(Self(bits)) } else { Err(crate::error::Error::Refused) }
            }
        }

        impl core::fmt::Debug for $Set {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}

pub(crate) use closed_set;
