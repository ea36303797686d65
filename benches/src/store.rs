//! Verify-and-spend over SQLite beside bare SQLite. Callers are threads, the file system is a real one, and every
//! acceptance is durable before it is answered. Times are of the clock on the wall: what is measured is waiting, too.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::bare::Bare;
use crate::house::{House, text};
use crate::pairs::{Effort, Measured, interleaved, process_now};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "store-sqlite-64",
        work: "verify-and-spend, 10,000 keys, 64 callers",
        peer: "1 caller on the same store",
        unit: "ns of wall time a verification; the ratio is that of the rates",
        target: Target::AtLeast(8.0),
        run: callers,
    },
    Comparison {
        id: "store-sqlite-group",
        work: "verify-and-spend, 10,000 keys, 64 callers",
        peer: "bare SQLite, 64 rows a transaction, one thread",
        unit: "ns of wall time a verification or row; the ratio is that of the rates",
        target: Target::AtLeast(0.5),
        run: |effort| beside_bare(effort, CALLERS),
    },
    Comparison {
        id: "store-sqlite-1",
        work: "verify-and-spend, 10,000 keys, 1 caller",
        peer: "bare SQLite, commits of one row, one thread",
        unit: "ns of wall time a verification or row; the ratio is that of the rates",
        target: Target::AtLeast(0.7),
        run: |effort| beside_bare(effort, 1),
    },
    Comparison {
        id: "store-scale",
        work: "verify-and-spend, 1,000,000 keys, 1 caller",
        peer: "1,000 keys, 1 caller, a store of its own",
        unit: "ns of wall time a verification; the ratio is that of the rates",
        target: Target::AtLeast(0.75),
        run: |effort| scale(effort, 1),
    },
    Comparison {
        id: "store-scale-64",
        work: "verify-and-spend, 1,000,000 keys, 64 callers",
        peer: "1,000 keys, 64 callers, a store of its own",
        unit: "ns of wall time a verification; the ratio is that of the rates",
        target: Target::Report,
        run: |effort| scale(effort, CALLERS),
    },
    Comparison {
        id: "store-memory",
        work: "resident memory of a process that has verified and spent with each of 1,000,000 keys",
        peer: "the caches that its connections are given",
        unit: "MiB",
        target: Target::Report,
        run: memory,
    },
];

/// What the connections of one handle may keep: 8 MiB the one that writes, 2 MiB each of eight that read.
const CACHES: f64 = (8 + 8 * 2) as f64;

/// Concurrent callers, each a thread.
pub(crate) const CALLERS: usize = 64;
const KEYS: usize = 10_000;

fn callers(effort: Effort) -> Result<Measured, String> {
    let house = House::build(effort.size(KEYS, KEYS / 10))?;
    let many = Side::new(&house, CALLERS);
    let one = Side::new(&house, 1);
    let mut measured = interleaved(effort, || many.turn(effort), || one.turn(effort))?;
    measured.note = format!("64: {}; 1: {}", many.told(), one.told());
    Ok(measured)
}

fn beside_bare(effort: Effort, callers: usize) -> Result<Measured, String> {
    let keys = effort.size(KEYS, KEYS / 10);
    let house = House::build(keys)?;
    let ours = Side::new(&house, callers);
    let mut bare = Bare::build(keys, house.state_row()?)?;
    let mut measured = interleaved(effort, || ours.turn(effort), || bare.turn(effort, callers))?;
    measured.note = format!("ours: {}; bare: {}", ours.told(), bare.told());
    Ok(measured)
}

fn scale(effort: Effort, callers: usize) -> Result<Measured, String> {
    let keys = effort.size(1_000_000, 20_000);
    let (large, small) = (House::build(keys)?, House::build(1_000)?);
    let (ours, theirs) = (Side::new(&large, callers), Side::new(&small, callers));
    // What a process touches first comes from the disk, once.
    ours.work(effort.size(keys / 10, 1_000))?;
    let mut measured = interleaved(effort, || ours.turn(effort), || theirs.turn(effort))?;
    measured.note = format!("{keys} keys: {}; 1000: {}", ours.told(), theirs.told());
    Ok(measured)
}

/// In a process of its own: this one has memory of other rows.
fn memory(effort: Effort) -> Result<Measured, String> {
    let keys = effort.size(1_000_000, 20_000);
    let child = std::env::current_exe()
        .and_then(|program| Command::new(program).args(["--touch", &keys.to_string()]).output())
        .map_err(text)?;
    if !child.status.success() {
        return Err(String::from_utf8_lossy(&child.stderr).into_owned());
    }
    let told = String::from_utf8_lossy(&child.stdout);
    let resident: f64 = told.trim().parse().map_err(|error| format!("`{told}`: {error}"))?;
    let ratio = resident / CACHES;
    let note = format!("{keys} keys; {} MiB of it are the bench's own list of them", (keys * 16) >> 20);
    Ok(Measured { ours: resident, theirs: CACHES, ratio, ratio_min: ratio, note })
}

/// The child of [`memory`]: spends with every key once, and answers how many MiB it then has in memory.
pub(crate) fn touch(keys: usize) -> Result<f64, String> {
    let house = House::build(keys)?;
    Side::new(&house, CALLERS).work(keys)?;
    let status = std::fs::read_to_string("/proc/self/status").map_err(text)?;
    // proc(5): `VmRSS:     12345 kB`
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the system does not tell")?;
    let kib: f64 = resident.trim().trim_end_matches(" kB").parse().map_err(text)?;
    Ok(kib / 1024.0)
}

/// Callers that verify and spend in one house, and what they have come to.
pub(crate) struct Side<'a> {
    house: &'a House,
    callers: usize,
    verified: AtomicU64,
    synced: AtomicU64,
    /// Nanoseconds that all processors together were busy.
    busy: AtomicU64,
}

impl<'a> Side<'a> {
    pub(crate) fn new(house: &'a House, callers: usize) -> Self {
        Self {
            house,
            callers,
            verified: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            busy: AtomicU64::new(0),
        }
    }

    /// One turn; answers nanoseconds a verification.
    pub(crate) fn turn(&self, effort: Effort) -> Result<f64, String> {
        let each = if self.callers == 1 { effort.size(1_500, 200) } else { effort.size(12_000, 1_600) };
        self.work(each)
    }

    /// So many verifications by all callers together.
    pub(crate) fn work(&self, count: usize) -> Result<f64, String> {
        let synced = self.house.flushes();
        let left = AtomicU64::new(count as u64);
        let (begun, processors) = (Instant::now(), process_now());
        let done: Result<(), String> = thread::scope(|scope| {
            let caller = || -> Result<(), String> {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    self.house.spend()?;
                }
                Ok(())
            };
            let callers: Vec<_> = (0..self.callers).map(|_| scope.spawn(caller)).collect();
            callers.into_iter().try_for_each(|caller| {
                caller.join().map_err(|_| "a caller panicked".to_owned()).and_then(|done| done)
            })
        });
        done?;
        let taken = begun.elapsed();
        let busy = process_now().saturating_sub(processors).as_nanos();
        self.busy.fetch_add(u64::try_from(busy).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.verified.fetch_add(count as u64, Ordering::Relaxed);
        self.synced.fetch_add(self.house.flushes() - synced, Ordering::Relaxed);
        Ok(taken.as_secs_f64() * 1e9 / count as f64)
    }

    pub(crate) fn told(&self) -> String {
        let [verified, synced, busy] =
            [&self.verified, &self.synced, &self.busy].map(|count| count.load(Ordering::Relaxed));
        let each = busy as f64 / 1e3 / verified as f64;
        format!("{verified} acceptances, {synced} syncs, {each:.1} µs of processor each")
    }
}
