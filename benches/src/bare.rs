//! Bare SQLite under the settings of Zamok's store: rows of the same size are updated by their key, and nothing else.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::house::{folder, text};
use crate::pairs::{Effort, process_now};

/// A table of rows, and how often they were written.
pub(crate) struct Bare {
    connection: Connection,
    value: Vec<u8>,
    keys: usize,
    written: u64,
    commits: u64,
    busy: Duration,
    _folder: TempDir,
}

impl Bare {
    pub(crate) fn build(keys: usize, value: Vec<u8>) -> Result<Self, String> {
        let folder = folder()?;
        let connection = Connection::open(folder.path().join("bare.db")).map_err(text)?;
        // docs/formats/store-sqlite.md, "Settings of every connection".
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA mmap_size=0;
                 PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;
                 CREATE TABLE rows (key BLOB NOT NULL PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL)
                 STRICT, WITHOUT ROWID;
                 BEGIN",
            )
            .map_err(text)?;
        for number in 0..keys {
            connection
                .prepare_cached("INSERT INTO rows VALUES (?1, 1, ?2)")
                .and_then(|mut insert| insert.execute(params![key(number), value]))
                .map_err(text)?;
        }
        connection.execute_batch("COMMIT").map_err(text)?;
        Ok(Self { connection, value, keys, written: 0, commits: 0, busy: Duration::ZERO, _folder: folder })
    }

    /// One turn of commits of so many rows; answers nanoseconds a row.
    pub(crate) fn turn(&mut self, effort: Effort, rows: usize) -> Result<f64, String> {
        let commits = if rows == 1 { effort.size(1_500, 200) } else { effort.size(256, 32) };
        let (begun, processors) = (Instant::now(), process_now());
        for _ in 0..commits {
            self.connection.execute_batch("BEGIN IMMEDIATE").map_err(text)?;
            for _ in 0..rows {
                let number = usize::try_from(self.written).map_err(text)? % self.keys;
                self.written += 1;
                self.connection
                    .prepare_cached("UPDATE rows SET version = version + 1, value = ?2 WHERE key = ?1")
                    .and_then(|mut update| update.execute(params![key(number), self.value]))
                    .map_err(text)?;
            }
            self.connection.execute_batch("COMMIT").map_err(text)?;
            self.commits += 1;
        }
        self.busy += process_now().saturating_sub(processors);
        Ok(begun.elapsed().as_secs_f64() * 1e9 / (commits * rows) as f64)
    }

    pub(crate) fn told(&self) -> String {
        let each = self.busy.as_secs_f64() * 1e6 / self.written as f64;
        format!("{} rows, {} syncs, {each:.1} µs of processor each", self.written, self.commits)
    }
}

/// Keys that lie anywhere in the table, as ids of keys do.
fn key(number: usize) -> Vec<u8> {
    Sha256::digest(number.to_be_bytes())[..16].to_vec()
}
