//! Shares: a key that several people hold together (`docs/formats/shares.md`).
//!
//! A random key of 32 bytes is split by Shamir's scheme over GF(2⁸): any `threshold` of the shares give it back, and
//! fewer say nothing of it. The arithmetic is that of `vsss-rs`, without tables and without branches on secrets. A
//! share names its vault, its set, the threshold and its own number; a commitment to the key, the same in all shares
//! of a set, tells a key that was put together from altered shares from the right one.

use alloc::boxed::Box;
use alloc::string::String;
#[cfg(feature = "std")]
use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
#[cfg(feature = "std")]
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use super::keyring::VaultId;
use super::slot::Key32;
#[cfg(feature = "std")]
use crate::env::Env;
use crate::error::{Error, ShareFault};
use crate::hash::sha256;
use crate::otp::base32;
use crate::wire::{Reader, Writer};

const FORMAT: u8 = 1;
#[cfg(feature = "std")]
const COMMITMENT_LABEL: &[u8] = b"zamok/share-set/v1";
const LINE_LABEL: &[u8] = b"zamok/share-line/v1";

/// Which shares belong together, and what they open. Not secret: it is kept beside what the key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareSet {
    /// The vault for which the key was split.
    pub vault: VaultId,
    /// Random: a key that is split again makes another set.
    pub id: [u8; 8],
    /// Shares that give the key back.
    pub threshold: u8,
    /// A hash of the key with all of the above.
    pub commitment: [u8; 16],
}

impl ShareSet {
    /// Bytes of a set.
    pub const LENGTH: usize = 41;

    #[cfg(feature = "std")]
    fn new(vault: VaultId, id: [u8; 8], threshold: u8, key: &Key32) -> Self {
        let hash = sha256(&[COMMITMENT_LABEL, &vault.0, &id, &[threshold], key.as_slice()]);
        let [commitment @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
        Self { vault, id, threshold, commitment }
    }

    /// The set in bytes, as a slot or a backup keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut writer = Writer::new();
        writer.raw(&self.vault.0).raw(&self.id).u8(self.threshold).raw(&self.commitment);
        writer.as_slice().try_into().expect("16, 8, 1 and 16 bytes are 41")
    }

    /// Reads what [`ShareSet::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Refused`] when cut, or for a threshold below 2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let set = Self::read(&mut reader)?;
        reader.end().map(|()| set)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (vault, id) = (VaultId(reader.array()?), reader.array()?);
        let (threshold, commitment) = (reader.u8()?, reader.array()?);
        if threshold < 2 { Err(Error::Refused) } else { Ok(Self { vault, id, threshold, commitment }) }
    }

    /// Splits a random key into `count` shares, of which any `threshold` give it back. Needs `std`, as the arithmetic does.
    ///
    /// # Errors
    /// [`ShareFault::Split`] unless 2 ≤ `threshold` ≤ `count`.
    ///
    /// ```
    /// # use rand_core::{TryCryptoRng, TryRng};
    /// # struct Fixed; impl TryRng for Fixed { type Error = std::convert::Infallible;
    /// #   fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(7) }
    /// #   fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(7) }
    /// #   fn try_fill_bytes(&mut self, b: &mut [u8]) -> Result<(), Self::Error> { b.fill(7); Ok(()) } }
    /// # impl TryCryptoRng for Fixed {}
    /// use zamok_core::vault::{VaultId, shares::{Share, ShareSet}};
    /// use zamok_core::{Env, UnixTime};
    /// # let mut rng = Fixed;
    /// let mut env = Env { now: UnixTime(0), rng: &mut rng };
    /// let key = zeroize::Zeroizing::new(env.random::<32>());
    /// let (set, shares) = ShareSet::split(VaultId([1; 16]), &key, 2, 3, &mut env)?;
    /// let written: Vec<_> = shares.iter().map(Share::to_text).collect();
    /// let read = [Share::parse(&written[2])?, Share::parse(&written[0])?];
    /// assert_eq!(*set.combine(&read)?, *key);
    /// # Ok::<(), zamok_core::Error>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn split(
        vault: VaultId,
        key: &Key32,
        threshold: u8,
        count: u8,
        env: &mut Env<'_>,
    ) -> Result<(Self, Vec<Share>), Error> {
        let impossible = Error::Share(ShareFault::Split { threshold, count });
        if threshold < 2 || threshold > count {
            return Err(impossible);
        }
        let set = Self::new(vault, env.random(), threshold, key);
        let points = Gf256::split_bytes(threshold.into(), count.into(), key.as_slice(), &mut *env.rng);
        let points = points.map_err(|_| impossible)?.into_iter().map(Zeroizing::new);
        let shares = points.map(|point| Share::at(set, &point));
        shares.collect::<Result<_, _>>().map(|shares| (set, shares))
    }

    /// Puts the key together again. More shares than are needed must all fit. Needs `std`, as the arithmetic does.
    ///
    /// # Errors
    /// [`ShareFault::Mixed`] for shares of another set, [`ShareFault::Twice`], [`ShareFault::Few`];
    /// [`Error::Rejected`] when they give another key than was split: one of them was altered.
    #[cfg(feature = "std")]
    pub fn combine(&self, shares: &[Share]) -> Result<Key32, Error> {
        let mut points: Vec<Zeroizing<Vec<u8>>> = Vec::with_capacity(shares.len());
        for share in shares {
            if share.set != *self {
                return Err(Error::Share(ShareFault::Mixed));
            }
            if points.iter().any(|point| point.first() == Some(&share.index)) {
                return Err(Error::Share(ShareFault::Twice(share.index)));
            }
            points.push(share.point());
        }
        // No two have one number, so that there are at most 255.
        let given = u8::try_from(points.len()).unwrap_or(u8::MAX);
        if given < self.threshold {
            return Err(Error::Share(ShareFault::Few { given, needed: self.threshold }));
        }
        let bare = Bare(points.iter_mut().map(|point| core::mem::take(&mut **point)).collect());
        let bytes = Gf256::combine_bytes(&bare.0).map(Zeroizing::new).map_err(|_| Error::Rejected)?;
        let key = Key32::new(bytes.as_slice().try_into().map_err(|_| Error::Rejected)?);
        let right = Self::new(self.vault, self.id, self.threshold, &key).commitment.ct_eq(&self.commitment);
        if bool::from(right) { Ok(key) } else { Err(Error::Rejected) }
    }
}

/// Points in the form that the arithmetic takes, wiped when dropped.
#[cfg(feature = "std")]
struct Bare(Vec<Vec<u8>>);

#[cfg(feature = "std")]
impl Drop for Bare {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.0.zeroize();
    }
}

/// One person's part of a key. Its value is wiped when dropped and redacted in `Debug`.
#[derive(Clone)]
pub struct Share {
    set: ShareSet,
    /// Where the polynomials were evaluated; never 0, where the key lies.
    index: u8,
    /// Behind a pointer: lists of shares grow and are taken apart, and leave no copy behind.
    value: Box<Key32>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of a set of which {} open, redacted)", self.index, self.set.threshold)
    }
}

impl Share {
    /// Characters of the text, without blanks and line breaks.
    pub const CHARACTERS: usize = LINES * LINE_CHARACTERS;

    /// The set to which it belongs.
    #[must_use]
    pub const fn set(&self) -> &ShareSet {
        &self.set
    }

    /// Its number in the set, from 1.
    #[must_use]
    pub const fn index(&self) -> u8 {
        self.index
    }

    fn at(set: ShareSet, point: &[u8]) -> Result<Self, Error> {
        let (&index, value) = point.split_first().ok_or(Error::Refused)?;
        let value = Box::new(Key32::new(value.try_into().map_err(|_| Error::Refused)?));
        if index == 0 { Err(Error::Refused) } else { Ok(Self { set, index, value }) }
    }

    #[cfg(feature = "std")]
    fn point(&self) -> Zeroizing<Vec<u8>> {
        let mut point = Zeroizing::new(Vec::with_capacity(1 + self.value.len()));
        point.push(self.index);
        point.extend_from_slice(self.value.as_slice());
        point
    }

    /// The text that people keep: five lines of seven groups of four characters. Whoever has enough of these has the key.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Writer::new();
        bytes.u8(FORMAT).raw(&self.set.to_bytes()).u8(self.index).raw(self.value.as_slice());
        let mut text = Zeroizing::new(String::with_capacity(LINES * (LINE_CHARACTERS + LINE_CHARACTERS / 4)));
        for line in 1..=LINES {
            let mut framed = Zeroizing::new([0; LINE_FRAMED]);
            let (content, check) = framed.split_at_mut(LINE_BYTES);
            content.copy_from_slice(&bytes.as_slice()[(line - 1) * LINE_BYTES..line * LINE_BYTES]);
            check.copy_from_slice(&check_of(&bytes.as_slice()[..line * LINE_BYTES]));
            let mut symbols = Zeroizing::new([0; base32::encoded_len(LINE_FRAMED)]);
            // 18 bytes are 29 symbols; the last would hold the four bits that the check does not use.
            let symbols = base32::encode(framed.as_slice(), symbols.as_mut_slice()).unwrap_or_default();
            for group in 0..LINE_CHARACTERS / 4 {
                text.push_str(symbols.get(4 * group..4 * group + 4).unwrap_or_default());
                text.push(if group == 6 { '\n' } else { ' ' });
            }
        }
        text
    }

    /// Reads the text: in either case, with any blanks, hyphens and line breaks. Lines that begin with `#` are remarks.
    ///
    /// # Errors
    /// [`ShareFault::Length`]; [`Error::Base32`] with the position of a character that does not belong, counted without
    /// what is passed over; [`ShareFault::Line`] for the first line with a typing error; [`Error::Format`];
    /// [`Error::Refused`] for what is no share although its checks are right.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let remarks = |line: &&str| !line.trim_start().starts_with('#');
        let blank = |character: &char| !character.is_whitespace() && *character != '-';
        let mut symbols = Zeroizing::new(String::with_capacity(Self::CHARACTERS));
        let mut given = 0;
        for character in text.lines().filter(remarks).flat_map(str::chars).filter(blank) {
            given += 1;
            if given <= Self::CHARACTERS {
                // One byte each, so that the string never grows out of its place; `?` is no base32 either.
                symbols.push(if character.is_ascii() { character } else { '?' });
            }
        }
        if given != Self::CHARACTERS {
            return Err(Error::Share(ShareFault::Length { given, expected: Self::CHARACTERS }));
        }
        let mut bytes = Zeroizing::new([0; LINES * LINE_BYTES]);
        for line in 1..=LINES {
            let start = (line - 1) * LINE_CHARACTERS;
            // A line and half a symbol: `A` is five zeros, of which the decoder drops what makes no byte.
            let mut padded = Zeroizing::new(String::with_capacity(LINE_CHARACTERS + 1));
            padded.push_str(symbols.get(start..start + LINE_CHARACTERS).unwrap_or_default());
            padded.push('A');
            let mut framed = Zeroizing::new([0; LINE_FRAMED]);
            base32::decode(&padded, framed.as_mut_slice()).map_err(|error| match error {
                Error::Base32(position) => Error::Base32(start + position),
                other => other,
            })?;
            let (content, check) = framed.split_at(LINE_BYTES);
            bytes[(line - 1) * LINE_BYTES..line * LINE_BYTES].copy_from_slice(content);
            if !bool::from(check.ct_eq(&check_of(&bytes[..line * LINE_BYTES]))) {
                return Err(Error::Share(ShareFault::Line(u8::try_from(line).unwrap_or(u8::MAX))));
            }
        }
        Self::from_bytes(bytes.as_slice())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8()?;
        if found != FORMAT {
            return Err(Error::Format { found: found.into(), supported: FORMAT.into() });
        }
        let set = ShareSet::read(&mut reader)?;
        let share = Self::at(set, reader.raw(1 + 32)?)?;
        reader.end().map(|()| share)
    }
}

const LINES: usize = 5;
/// Content of a line.
const LINE_BYTES: usize = 15;
/// Content, and its check in two and a half bytes.
const LINE_FRAMED: usize = LINE_BYTES + 3;
const LINE_CHARACTERS: usize = 28;

/// The check of a line covers all lines before it, so that a line of another share does not fit; 20 bits.
fn check_of(bytes: &[u8]) -> [u8; 3] {
    let [first, second, third, ..] = sha256(&[LINE_LABEL, bytes]);
    [first, second, third & 0xf0]
}
