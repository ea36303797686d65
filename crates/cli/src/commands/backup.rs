//! `zamok backup`: everything that the vault holds, in one sealed file.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::backup::{BackupKey, Share};
use zamok::{Clock, OsRandom, SystemClock};

use crate::arguments::{BackupSource, CostChoice, Shared};
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::files::{Prepared, Readable};
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Write everything that the vault holds into one file, sealed under a passphrase of its own, or under shares that
/// several people hold.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// The file to write; it must not be there yet.
    file: PathBuf,
    #[command(flatten)]
    secret: BackupSource,
    /// Instead of a passphrase: make N shares of which M open the backup, as in 2/3. They are written beside FILE, as
    /// FILE.share-1 and so on, for their holders to take away.
    #[arg(long, value_name = "M/N", value_parser = super::slots::numbers)]
    split: Option<(u8, u8)>,
    #[command(flatten)]
    cost: CostChoice,
}

impl Backup {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let file = Prepared::unless_there(&self.file, Readable::ByOwner)?;
        opening::with_vault(shared, output, |zamok| {
            let now = SystemClock.now();
            let mut random = OsRandom::new()?;
            let env = zamok::Env { now, rng: &mut random };
            let (key, shares) = match self.split {
                Some((needed, made)) => {
                    let vault = zamok.vault().read(|_, keyring| Ok(keyring.vault()))?;
                    let (key, shares) = BackupKey::split(vault, needed, made, env)?;
                    (key, shares)
                }
                None => {
                    let passphrase = secrets::backup_passphrase(&self.secret, Asked::Twice, output)?;
                    (BackupKey::from_passphrase(&passphrase, self.cost.cost(), env)?, Vec::new())
                }
            };
            // First the shares: a backup that nobody can open is none. Without the backup they open nothing, and go again.
            let kept = self.keep(&shares)?;
            let written = file.stream(|out| {
                Ok(zamok.vault().backup(&key, out, &mut |rows| {
                    output.progress(rows, || format!("{rows} rows"));
                })?)
            });
            let (path, written) = written.inspect_err(|_| remove(&kept))?;
            output.progress_ends();
            let rows: u64 = written.end.counts.values().sum();
            let digest = hex(&written.end.digest);
            output.line(format!("{} holds {rows} rows.", path.display()))?;
            output.line(format!("SHA-256 over all of them: {digest}"))?;
            for share in &kept {
                output.line(format!("a share: {}", share.display()))?;
            }
            output.remark("keep it away from this machine, and its passphrase or shares away from it; try it out with `zamok restore`");
            output.object(&json!({
                "file": path.display().to_string(),
                "id": hex(&written.header.id),
                "made": written.header.made.0,
                "rows": rows,
                "tables": written.end.counts.iter().map(|(table, count)| (table.to_string(), *count)).collect::<std::collections::BTreeMap<_, _>>(),
                "digest": digest,
                "origin": written.log.origin,
                "size": written.log.size,
                "root": hex(&written.log.root),
                "shares": kept.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            }))?;
            Ok(Exit::Done)
        })
    }

    fn keep(&self, shares: &[Share]) -> Result<Vec<PathBuf>, Failure> {
        let mut prepared = Vec::new();
        for share in shares {
            let mut name = self.file.clone().into_os_string();
            name.push(format!(".share-{}", share.index()));
            prepared.push((share, Prepared::unless_there(&PathBuf::from(name), Readable::ByOwner)?));
        }
        let mut kept = Vec::new();
        for (share, file) in prepared {
            let (index, needed) = (share.index(), share.set().threshold);
            let mut text = zeroize::Zeroizing::new(format!(
                "# Share {index} of {}; any {needed} of them open the backup {}.\n",
                shares.len(),
                self.file.display()
            ));
            text.push_str(&share.to_text());
            kept.push(file.write(text.as_bytes()).inspect_err(|_| remove(&kept))?);
        }
        Ok(kept)
    }
}

/// Takes away the shares of a backup that was not made.
fn remove(shares: &[PathBuf]) {
    for share in shares {
        // What stays opens nothing.
        let _ = std::fs::remove_file(share);
    }
}
