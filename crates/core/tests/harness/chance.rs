//! Randomness that repeats: SHA-256 over a seed and a counter.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zamok_core::hash::sha256;

/// A stream of bytes named by a seed and a number.
pub(crate) struct Chance {
    name: [u8; 32],
    block: u64,
    rest: Vec<u8>,
}

impl Chance {
    pub(crate) fn new(seed: &str, number: u64) -> Self {
        let name = sha256(&[seed.as_bytes(), b"/", &number.to_be_bytes()]);
        Self { name, block: 0, rest: Vec::new() }
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.try_next_u64().unwrap_or_default() % limit
    }
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            if self.rest.is_empty() {
                self.rest = sha256(&[&self.name, &self.block.to_be_bytes()]).to_vec();
                self.block += 1;
            }
            *byte = self.rest.remove(0);
        }
        Ok(())
    }
}

impl TryCryptoRng for Chance {}

/// Answers the first request for as many bytes as `first` has with them, so that a key is one of a standard's.
pub(crate) struct Scripted {
    pub(crate) first: Option<Vec<u8>>,
    pub(crate) then: Chance,
}

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.then.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.then.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        match self.first.take_if(|first| first.len() == bytes.len()) {
            Some(first) => bytes.copy_from_slice(&first),
            None => self.then.try_fill_bytes(bytes)?,
        }
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}
