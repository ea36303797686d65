//! The journal as it grows: appending to a long log beside a short one, proofs, and how far integration falls behind the
//! commits of 64 callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{Options, Passphrase, Vault};
use zamok_journal::Journal;
use zamok_store_sqlite::SqliteStore;

use crate::house::{House, folder, text};
use crate::pairs::{Effort, Measured, interleaved};
use crate::store::{CALLERS, Side};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "journal-scale",
        work: "append to a log of 1,000,000 entries, SQLite, integrated",
        peer: "the same with 1,000 entries",
        unit: "ns of wall time an entry; the ratio is that of the rates",
        target: Target::AtLeast(0.9),
        run: scale,
    },
    Comparison {
        id: "journal-proof",
        work: "inclusion proof at 1,000,000 entries, SQLite",
        peer: "at 1,000 entries",
        unit: "ns of wall time a proof; the ratio is that of the rates",
        target: Target::Report,
        run: proof,
    },
    Comparison {
        id: "journal-lag",
        work: "verify-and-spend, 64 callers, integrated meanwhile",
        peer: "the same, integrated later",
        unit: "ns of wall time a verification; the ratio is that of the rates",
        target: Target::Report,
        run: lag,
    },
];

/// Entries of one commit.
const BATCH: u64 = 500;

/// A log on a real file system.
struct Log {
    vault: Vault,
    next: AtomicU64,
    _folder: TempDir,
}

impl Log {
    fn of(entries: u64) -> Result<Self, String> {
        let folder = folder()?;
        let store = SqliteStore::create(folder.path().join("log.db")).map_err(text)?;
        let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let options = Options { cost, ..Options::default() };
        let vault = Vault::create(Arc::new(store), &Passphrase::from("a bench"), options).map_err(text)?;
        let log = Self { vault, next: AtomicU64::new(0), _folder: folder };
        while log.next.load(Ordering::Relaxed) < entries {
            log.append()?;
        }
        log.vault.checkpoint().map_err(text)?;
        Ok(log)
    }

    /// One commit of entries, and their integration.
    fn append(&self) -> Result<(), String> {
        let from = self.next.fetch_add(BATCH, Ordering::Relaxed);
        let appended = self.vault.transact(|tx| {
            for number in from..from + BATCH {
                let row = RowKey::new(Table(900), number.to_be_bytes());
                tx.event(EventKind::CodeAccepted, None, &row, &Detail::new())?;
            }
            Ok::<_, zamok_core::Error>(())
        });
        appended.map_err(text)?;
        self.vault.integrate().map(drop).map_err(text)
    }

    fn appends(&self, turns: u64) -> Result<f64, String> {
        let begun = Instant::now();
        (0..turns).try_for_each(|_| self.append())?;
        Ok(begun.elapsed().as_secs_f64() * 1e9 / (turns * BATCH) as f64)
    }

    fn proofs(&self, count: u64) -> Result<f64, String> {
        let size = self.next.load(Ordering::Relaxed);
        let begun = Instant::now();
        for turn in 0..count {
            let index = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
            self.vault.read(|store, keyring| Journal::new(store, keyring).prove(index)).map_err(text)?;
        }
        Ok(begun.elapsed().as_secs_f64() * 1e9 / count as f64)
    }
}

fn two(effort: Effort) -> Result<[Log; 2], String> {
    let large = if effort.quick { 20_000 } else { 1_000_000 };
    Ok([Log::of(large)?, Log::of(1_000)?])
}

fn scale(effort: Effort) -> Result<Measured, String> {
    let [large, small] = two(effort)?;
    // The short log grows while it is measured; a turn of few commits keeps it short.
    let mut measured = interleaved(effort, || large.appends(4), || small.appends(4))?;
    measured.note = format!("{} and {} entries at the end", large.next.into_inner(), small.next.into_inner());
    Ok(measured)
}

fn proof(effort: Effort) -> Result<Measured, String> {
    let [large, small] = two(effort)?;
    let count = if effort.quick { 50 } else { 500 };
    let mut measured = interleaved(effort, || large.proofs(count), || small.proofs(count))?;
    measured.note = format!("{:.0} µs at {} entries", measured.ours / 1e3, large.next.into_inner());
    Ok(measured)
}

fn lag(effort: Effort) -> Result<Measured, String> {
    let house = House::build(effort.size(10_000, 1_000))?;
    let side = Side::new(&house, CALLERS);
    let (mut furthest, mut drained) = (0, Duration::ZERO);
    let integrated = || {
        let stop = AtomicBool::new(false);
        let taken = thread::scope(|scope| {
            let integrator = scope.spawn(|| {
                let mut most = 0;
                while !stop.load(Ordering::SeqCst) {
                    most = most.max(house.vault().integrate()?);
                    thread::sleep(Duration::from_millis(100));
                }
                let begun = Instant::now();
                let rest = house.vault().integrate()?;
                Ok::<_, zamok_core::Error>((most.max(rest), begun.elapsed()))
            });
            let taken = side.turn(effort);
            stop.store(true, Ordering::SeqCst);
            let (most, rest) =
                integrator.join().map_err(|_| "the integrator panicked".to_owned())?.map_err(text)?;
            (furthest, drained) = (most.max(furthest), rest.max(drained));
            taken
        })?;
        Ok(taken)
    };
    let alone = || {
        let taken = side.turn(effort)?;
        house.vault().integrate().map_err(text)?;
        Ok(taken)
    };
    let mut measured = interleaved(effort, integrated, alone)?;
    measured.note = format!(
        "at most {furthest} entries behind with a look each 100 ms; after the load the rest took {:.0} ms",
        drained.as_secs_f64() * 1e3
    );
    Ok(measured)
}
