//! `zamok rotate` and `zamok rewrap`: new keys of the vault for old. For officers.

use clap::Args;
use serde_json::json;
use zamok::{Family, Role};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// Make a new data key, under which everything is written from now on; `zamok rewrap` then moves what is there.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// Make a new journal key instead. Old entries stay under the old one, which never ends.
    #[arg(long)]
    journal: bool,
    /// Make a new index key instead, under which logins, phones, addresses, labels and imported secrets are looked up;
    /// `zamok rewrap` then moves the indexes. Lookups go on under both.
    #[arg(long, conflicts_with = "journal")]
    index: bool,
}

impl Rotate {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::as_role(Role::Officer, shared, output, |vault| {
            let (family, does) = match (self.journal, self.index) {
                (true, _) => (Family::Journal, "seals"),
                (_, true) => (Family::Index, "is entered under"),
                _ => (Family::Data, "seals"),
            };
            let id = vault.rotate(family)?.0;
            output.line(format!("The {} key {id} {does} from now on.", family.name()))?;
            if !self.journal {
                output.remark("next: zamok rewrap");
            }
            output.object(&json!({"family": family.name(), "key": id}))?;
            Ok(Exit::Done)
        })
    }
}

/// Move every row to the newest data key and every index to the newest index key, beside everything else, and end old keys
/// under which nothing stands. It may be stopped and begun again at any time.
#[derive(Args, Debug)]
pub(crate) struct Rewrap {}

impl Rewrap {
    /// Rows between two words of progress.
    const TOLD: u64 = 100_000;

    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::as_role(Role::Officer, shared, output, |vault| {
            let mut next = Self::TOLD;
            let done = vault.rewrap(&mut |progress| {
                if progress.seen >= next {
                    next = progress.seen + Self::TOLD;
                    output.remark(format!("{} rows seen, {} moved", progress.seen, progress.moved));
                }
            })?;
            output.line(format!("{} of {} rows moved to the newest data key.", done.moved, done.seen))?;
            for id in &done.retired {
                output.line(format!("Data key {} came to its end.", id.0))?;
            }
            for (id, until) in &done.kept {
                let until = moment::text(*until);
                output.remark(format!("data key {} stays: run this again after {until}", id.0));
            }
            let index = zamok::reindex(vault, &[zamok_exchange::reindex_imports], &mut |_| {})?;
            if index.moved > 0 {
                output.line(format!("{} rows of indexes moved to the newest index key.", index.moved))?;
            }
            for id in &index.retired {
                output.line(format!("Index key {} came to its end.", id.0))?;
            }
            for (id, until) in &index.kept {
                output.remark(match index.left {
                    0 => format!("index key {} stays: run this again after {}", id.0, moment::text(*until)),
                    left => format!("index key {} stays: {left} secrets that were taken in before and destroyed since are known under it alone", id.0),
                });
            }
            let ids = |ids: &[zamok::DataKeyId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
            let kept: Vec<_> = done.kept.iter().map(|(id, _)| *id).collect();
            output.object(&json!({
                "seen": done.seen,
                "moved": done.moved,
                "retired": ids(&done.retired),
                "kept": ids(&kept),
                "index": {
                    "seen": index.seen,
                    "moved": index.moved,
                    "left": index.left,
                    "retired": ids(&index.retired),
                    "kept": ids(&index.kept.iter().map(|(id, _)| *id).collect::<Vec<_>>()),
                },
            }))?;
            Ok(Exit::Done)
        })
    }
}
