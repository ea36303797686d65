//! Backups: everything that a vault holds, opened, in one file that is sealed under a key of its own
//! (`docs/formats/backup.md`).
//!
//! A backup does not hold rows as they lie in a store: they are bound to their version there, and to data keys that end
//! with the store. It holds what they say. [`frame`] is the sealed file, [`item`] what stands in it; reading and writing
//! files is for the edges, which also derive the key.

pub mod frame;
pub mod item;

pub use self::frame::{Header, Lock};
pub use self::item::{Begin, Digest, End, Item, Items};
