//! This process's memory, as the kernel shows it (proc(5), `/proc/self/maps` and `/proc/self/mem`).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use zeroize::Zeroize as _;

use crate::needles::Needle;

/// A secret that is still there, and in which part of memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The secret's name.
    pub name: String,
    /// The mapping: `[heap]`, `[stack]`, a file, or nothing for other memory.
    pub place: String,
    /// How often.
    pub times: usize,
}

/// More than the story's frames take.
const DEEPEST: usize = 1 << 20;

/// Writes over the part of the stack that is not in use. What the compiler leaves of moved values in frames that are gone is not
/// promised to be wiped (`SECURITY.md`); what is found after this is what somebody forgot.
#[inline(never)]
pub fn scrub_stack() {
    std::hint::black_box(&mut [0_u8; DEEPEST]);
}

const PIECE: usize = 1 << 20;
/// What two pieces share, so that nothing is missed between them.
const OVERLAP: usize = 256;

/// Searches every readable mapping of this process.
///
/// # Errors
/// What the kernel reports; a piece that it does not show is passed over.
pub fn own_memory(needles: &[Needle]) -> io::Result<(Vec<Found>, u64)> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let memory = File::open("/proc/self/mem")?;
    let mut piece = vec![0; PIECE];
    // What the search itself reads would be found again.
    let own = piece.as_ptr().addr();
    let (mut found, mut searched) = (Vec::new(), 0);
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else { continue };
        let place = fields.nth(3).unwrap_or_default().to_owned();
        if !rights.starts_with('r') || place.starts_with("[v") {
            continue;
        }
        let bound = |text: &str| usize::from_str_radix(text, 16).map_err(io::Error::other);
        let (start, end) =
            range.split_once('-').ok_or_else(|| io::Error::other("a mapping without a range"))?;
        let (start, end) = (bound(start)?, bound(end)?);
        let mut times = vec![0; needles.len()];
        let mut at = start;
        while at < end {
            let length = (end - at).min(PIECE);
            let next = at + if at + length < end { length - OVERLAP } else { length };
            let overlaps_own = at < own + PIECE && own < at + length;
            piece.as_mut_slice().zeroize();
            if memory.read_exact_at(&mut piece[..length], at as u64).is_ok() {
                searched += length as u64;
                if overlaps_own {
                    // Everything but the buffer itself.
                    let from = own.saturating_sub(at).min(length);
                    let to = (own + PIECE).saturating_sub(at).min(length);
                    piece[from..to].zeroize();
                }
                for (needle, times) in needles.iter().zip(&mut times) {
                    *times += needle.count(&piece[..length]);
                }
            }
            at = next;
        }
        let here = needles.iter().zip(times).filter(|(_, times)| *times > 0);
        found.extend(here.map(|(needle, times)| Found {
            name: needle.name.clone(),
            place: place.clone(),
            times,
        }));
    }
    Ok((found, searched))
}
