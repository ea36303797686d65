//! Randomness straight from the operating system.
//!
//! [`OsRandom`] is what every [`Env`](zamok_core::Env) of a vault draws from: `getrandom(2)` and its kin, without a
//! generator of our own in between. Once such a source has been seeded it does not fail on the systems that we know;
//! a sandbox that forbids the call is the exception. A failure is therefore found in two places:
//!
//! 1. [`OsRandom::new`] draws once, so that opening a vault fails with [`Error::Randomness`] before anything is read.
//! 2. A later failure unwinds out of the operation that asked. Nothing of it is committed, no buffer is left filled
//!    with zeros, and [`Vault`](crate::Vault) turns the unwinding into [`Error::Randomness`] for its caller. A program
//!    built with `panic = "abort"` ends instead.

use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};

use rand_core::{TryCryptoRng, TryRng};
use zamok_core::Error;
use zeroize::Zeroize;

/// The generator of the operating system, as a `rand_core` generator fit for keys.
#[derive(Debug)]
pub struct OsRandom {
    // Others make one by `new` alone, which has drawn once.
    checked: (),
}

/// What unwinds when the operating system gives no randomness.
struct Exhausted;

impl OsRandom {
    /// Draws once to see that randomness is to be had.
    ///
    /// # Errors
    /// [`Error::Randomness`] when the operating system refuses, or gives the same 32 bytes twice.
    pub fn new() -> Result<Self, Error> {
        let mut draws = [[0; 32]; 2];
        for draw in &mut draws {
            fill(draw)?;
        }
        if draws[0] == draws[1] { Err(Error::Randomness) } else { Ok(Self { checked: () }) }
    }

    /// Fills `bytes`, or says that it could not; their content is unspecified then.
    ///
    /// # Errors
    /// [`Error::Randomness`] when the operating system refuses.
    pub fn try_fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let () = self.checked;
        fill(bytes)
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    #[cfg(test)]
    tests::fail_if_told_to()?;
    getrandom::fill(bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no randomness");
        Error::Randomness
    })
}

/// Randomness for one operation of an open vault, wiped with it. It lives no longer than the operation: neither a forked
/// child that commits nor a copy of the machine that comes to life later draws the same again.
///
/// The first draw is a call of the system for itself: most operations need one. Whoever draws more takes from a supply
/// that one call fills.
pub(crate) struct Draws {
    source: OsRandom,
    drawn: bool,
    supply: [u8; Self::SUPPLY],
    /// Bytes of the supply that nobody has taken; the others are zeros.
    left: usize,
}

impl Draws {
    /// So many bytes Linux gives without being interrupted (getrandom(2)).
    const SUPPLY: usize = 256;

    /// For an operation of a vault that is open: its opening has drawn once.
    pub(crate) const fn of_an_open_vault() -> Self {
        Self { source: OsRandom { checked: () }, drawn: false, supply: [0; Self::SUPPLY], left: 0 }
    }

    fn try_fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        if bytes.len() > self.left {
            if !self.drawn || bytes.len() > Self::SUPPLY / 4 {
                self.drawn = true;
                return self.source.try_fill(bytes);
            }
            if let Err(error) = self.source.try_fill(&mut self.supply) {
                self.left = 0;
                self.supply.zeroize();
                return Err(error);
            }
            self.left = Self::SUPPLY;
        }
        let from = self.left - bytes.len();
        let taken = &mut self.supply[from..self.left];
        bytes.copy_from_slice(taken);
        taken.zeroize();
        self.left = from;
        Ok(())
    }
}

impl Drop for Draws {
    fn drop(&mut self) {
        self.supply[..self.left].zeroize();
    }
}

impl std::fmt::Debug for Draws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Draws(redacted)")
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.try_fill(bytes).or_else(|_| panic::resume_unwind(Box::new(Exhausted)))
    }
}

impl TryCryptoRng for Draws {}

/// Runs an operation that draws from [`OsRandom`], and turns its unwinding for want of randomness into an error.
pub(crate) fn catching<T, E: From<Error>>(operation: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    // Unwind safety: the handle's own locks hold values that are replaced whole, and what the caller's closure had
    // begun to change outside of its transaction it must expect to see after any error.
    match panic::catch_unwind(AssertUnwindSafe(operation)) {
        Ok(outcome) => outcome,
        Err(payload) if payload.is::<Exhausted>() => Err(Error::Randomness.into()),
        Err(payload) => panic::resume_unwind(payload),
    }
}

impl TryRng for OsRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        // Unwinds without the panic hook: this is an error on its way to `catching`, not a defect.
        self.try_fill(bytes).or_else(|_| panic::resume_unwind(Box::new(Exhausted)))
    }
}

impl TryCryptoRng for OsRandom {}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use rand_core::Rng;

    use super::*;

    thread_local! {
        /// How many draws of this thread still succeed; `None`: all.
        pub(crate) static DRAWS_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    pub(super) fn fail_if_told_to() -> Result<(), Error> {
        DRAWS_LEFT.with(|left| match left.get() {
            None => Ok(()),
            Some(0) => Err(Error::Randomness),
            Some(draws) => {
                left.set(Some(draws - 1));
                Ok(())
            }
        })
    }

    #[test]
    fn draws_differ_and_fill_the_whole_buffer() {
        let mut random = OsRandom::new().unwrap();
        let mut drawn = [[0_u8; 64]; 2];
        drawn.iter_mut().for_each(|bytes| random.fill_bytes(bytes));
        assert_ne!(drawn[0], drawn[1]);
        for bytes in drawn {
            // Eight zero bytes in a row come once in 2⁵⁸ runs.
            assert!(bytes.chunks(8).all(|chunk| chunk != [0; 8]));
        }
        assert_ne!(random.next_u64(), random.next_u64());
    }

    #[test]
    fn what_an_operation_draws_is_never_drawn_again_and_is_wiped() {
        let mut random = Draws::of_an_open_vault();
        let mut seen = std::collections::BTreeSet::new();
        for length in [16, 32, 8, 32, 64, 16, 65, 32, 300].repeat(20) {
            let mut bytes = vec![0; length];
            random.fill_bytes(&mut bytes);
            // Every eight bytes in a row: no part of the supply is given twice.
            assert!(bytes.windows(8).all(|part| seen.insert(part.to_vec())), "{length}");
            assert!(random.supply[random.left..].iter().all(|byte| *byte == 0));
        }
        assert!(random.left > 0);
        assert_eq!(format!("{random:?}"), "Draws(redacted)");
    }

    #[test]
    fn few_calls_of_the_system_serve_many_draws() {
        DRAWS_LEFT.set(Some(2));
        let mut random = Draws::of_an_open_vault();
        let drawn = (0..9).map(|_| random.try_fill(&mut [0; 32])).filter(Result::is_ok).count();
        assert_eq!((drawn, random.try_fill(&mut [0; 32])), (9, Err(Error::Randomness)));
        assert!(random.supply.iter().all(|byte| *byte == 0));
        DRAWS_LEFT.set(None);
    }

    #[test]
    fn a_source_that_fails_at_the_start_is_an_error_and_later_an_unwinding_that_becomes_one() {
        for draws in [0, 1] {
            DRAWS_LEFT.set(Some(draws));
            assert_eq!(OsRandom::new().map(|_| ()), Err(Error::Randomness));
        }
        DRAWS_LEFT.set(Some(3));
        let mut random = OsRandom::new().unwrap();
        let mut bytes = [0; 16];
        assert_eq!(random.try_fill(&mut bytes), Ok(()));
        assert_eq!(random.try_fill(&mut bytes), Err(Error::Randomness));
        let outcome: Result<u64, Error> = catching(|| Ok(random.next_u64()));
        assert_eq!(outcome, Err(Error::Randomness));
        DRAWS_LEFT.set(None);
    }
}
