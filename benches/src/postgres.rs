//! Verify-and-spend over PostgreSQL beside `pgbench` on the same server, which flushes every commit of both.

use std::fs;
use std::sync::Arc;

use tempfile::TempDir;
use zamok_servers::{Cluster, pgbench};
use zamok_store_postgres::{PostgresStore, PostgresUrl};

use crate::house::{House, folder, lies_in_memory, text};
use crate::pairs::{Effort, Measured, interleaved};
use crate::store::Side;
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[Comparison {
    id: "store-postgres-32",
    work: "verify-and-spend, 10,000 keys, 32 callers",
    peer: "pgbench, updates of one row of the same size by its key, 32 clients, same server",
    unit: "ns a verification or update; the ratio is that of the rates",
    target: Target::AtLeast(0.5),
    run: beside_pgbench,
}];

/// Concurrent callers of ours, each a thread, and clients of pgbench.
const CALLERS: usize = 32;

fn beside_pgbench(effort: Effort) -> Result<Measured, String> {
    let server = Arc::new(Cluster::start());
    if lies_in_memory(server.folder())? {
        return Err("temporary files lie in memory: set TMPDIR to a folder on a disk".to_owned());
    }
    let url = format!("{}?pool={CALLERS}", server.url("postgres"));
    let url = PostgresUrl::parse(&url).map_err(text)?;
    let store = Arc::new(PostgresStore::create(url).map_err(text)?);
    let keys = effort.size(10_000, 1_000);
    let syncs = Arc::clone(&server);
    let house = House::over(store, keys, move || {
        syncs.ask("postgres", "SELECT wal_sync FROM pg_stat_wal").parse().unwrap_or_default()
    })?;
    let ours = Side::new(&house, CALLERS);
    let theirs = Updates::build(&server, keys, &house.state_row()?)?;
    let count = effort.size(9_600, 1_600);
    let mut measured = interleaved(effort, || ours.work(count), || theirs.turn(&server, count))?;
    measured.note = format!("ours: about {}", ours.told());
    Ok(measured)
}

/// A table of rows as large as a key's state, and the script by which pgbench updates them.
struct Updates {
    folder: TempDir,
}

impl Updates {
    fn build(server: &Cluster, keys: usize, value: &[u8]) -> Result<Self, String> {
        let folder = folder()?;
        let value: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        server.tell(
            "postgres",
            &format!(
                "CREATE TABLE bare (key integer PRIMARY KEY, version bigint NOT NULL, value bytea NOT NULL) \
                 WITH (fillfactor = 90); \
                 INSERT INTO bare SELECT key, 1, '\\x{value}' FROM generate_series(1, {keys}) key"
            ),
        );
        server.tell("postgres", "VACUUM ANALYZE bare");
        let script = format!(
            "\\set key random(1, {keys})\nUPDATE bare SET version = version + 1, value = '\\x{value}' WHERE key = :key;\n"
        );
        fs::write(folder.path().join("update.sql"), script).map_err(text)?;
        Ok(Self { folder })
    }

    /// So many updates by all clients together; answers nanoseconds an update, without the time of connecting.
    fn turn(&self, server: &Cluster, count: usize) -> Result<f64, String> {
        let mut command = pgbench();
        command.args(["-n", "-c", &CALLERS.to_string(), "-j", "2", "-t", &(count / CALLERS).to_string()]);
        command.arg("-f").arg(self.folder.path().join("update.sql")).arg("-h").arg(server.folder());
        command.args(["-p", &server.port().to_string(), "-U", "zamok", "postgres"]);
        let output = command.output().map_err(text)?;
        let told = String::from_utf8_lossy(&output.stdout);
        let rate =
            told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
        match rate.filter(|_| output.status.success()) {
            Some(rate) => Ok(1e9 / rate),
            None => Err(format!("pgbench: {told}{}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}
