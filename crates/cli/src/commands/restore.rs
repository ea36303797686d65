//! `zamok restore`: a backup into a new store.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use zamok::backup::{
    AccountsReplayed, BackupKey, JournalEnd, Lock, Opener, Replay, Replayed, Restored, Share, Surviving,
    Told, replay_accounts,
};
use zamok::store::Store;
use zamok::{CoreError, Error, Freshness, Options, StoreUrl, UnixTime, Vault};

use crate::arguments::{BackupSource, CostChoice, Shared, Yes};
use crate::credentials::{Held, key_in};
use crate::events::hex;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};
use crate::{files, moment};

/// Restore a backup into a new store, named by --store, under a new passphrase. All of the backup is checked before
/// anything is written. An attempt that was interrupted goes on with the same command.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    secret: BackupSource,
    /// A file with a share; give as many as are needed.
    #[arg(long, value_name = "FILE")]
    backup_share: Vec<PathBuf>,
    /// The store that was lost, where its journal survived, as in sqlite:old.db: what it says was done after the backup is
    /// done again. Nothing is written to it.
    #[arg(long, value_name = "URL")]
    journal: Option<OsString>,
    /// A file with a passphrase of that store, the auditor's is enough; otherwise ZAMOK_JOURNAL_PASSPHRASE, or a prompt.
    #[arg(
        long,
        value_name = "FILE",
        env = "ZAMOK_JOURNAL_PASSPHRASE_FILE",
        hide_env_values = true,
        requires = "journal"
    )]
    journal_passphrase_file: Option<PathBuf>,
    /// A file with the key of a slot of that store: 64 hexadecimal digits.
    #[arg(long, value_name = "FILE", requires = "journal", conflicts_with = "journal_passphrase_file")]
    journal_key_file: Option<PathBuf>,
    /// The anchor of that store, a file: the journal must have come as far as it remembers. Without an anchor nobody knows whether
    /// the end of the journal was cut off, and counter tokens are suspended.
    #[arg(long, value_name = "FILE", requires = "journal", conflicts_with_all = ["journal_anchor_witnesses", "journal_is_whole"])]
    journal_anchor: Option<PathBuf>,
    /// The witnesses that are the anchor of that store, by their policy.
    #[arg(long, value_name = "FILE", requires = "journal", conflicts_with = "journal_is_whole")]
    journal_anchor_witnesses: Option<PathBuf>,
    /// You know that the store with the journal was neither put back to an older copy nor cut since it was last used.
    #[arg(long, requires = "journal")]
    journal_is_whole: bool,
    #[command(flatten)]
    cost: CostChoice,
    #[command(flatten)]
    yes: Yes,
}

impl Restore {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let place = opening::place(shared)?;
        let header = *self.open()?.header();
        let key = match header.lock {
            Lock::Passphrase { .. } => {
                let passphrase = secrets::backup_passphrase(&self.secret, Asked::Once, output)?;
                BackupKey::by_passphrase(&header, &passphrase)?
            }
            Lock::Shares(_) => BackupKey::by_shares(&header, &self.shares(output)?)?,
        };
        let since = moment::text(header.made);
        let end = self.end()?;
        let survived = self.journal.as_deref().map(|url| self.survived(url, output)).transpose()?;
        if survived.is_some() {
            output.remark(format!(
                "the backup was made at {since}; what the journal says was done later is done again"
            ));
            if matches!(end, JournalEnd::Unknown) {
                output.remark(
                    "no anchor says that the journal is there to its end: counter tokens are suspended (--journal-anchor FILE)",
                );
            }
        } else {
            output.remark(format!("the backup was made at {since}; what came later is lost"));
            output.remark("counter tokens are suspended, since nobody knows which of their codes were used");
        }
        output.remark("sessions, challenges and recovery codes end; one-time codes of the past minute or two are refused");
        self.yes.confirm("restore", output)?;
        let anchor = opening::next_anchor(shared, output)?;
        let held = Held::read_for_new(shared, output)?;
        let mut options = Options { cost: self.cost.cost(), ..Options::default() };
        if let Some(anchor) = &anchor {
            options.freshness = Freshness::Anchored(anchor.clone());
        }
        let mut failed = None;
        let mut open = || {
            self.open().map_err(|failure| {
                failed = Some(failure);
                CoreError::Backup(zamok::backup::BackupFault::File)
            })
        };
        let mut accounts = AccountsReplayed::default();
        let mut above = |vault: &Arc<Vault>, surviving: &Surviving| match replay_accounts(vault, surviving) {
            Ok(done) => {
                accounts = done;
                Ok(())
            }
            Err(Error::Core(error)) => Err(error),
            Err(_) => Err(CoreError::Refused),
        };
        let replay = survived.as_ref().map(|(store, held)| Replay {
            store: store.clone(),
            secret: held.credential(),
            end: end.clone(),
            above: &mut above,
        });
        let restored = Vault::restore_and_replay(
            opening::new_store(&place)?,
            &mut open,
            &key,
            held.credential(),
            options,
            replay,
            &mut |items| output.progress(items, || format!("{items} items")),
        );
        output.progress_ends();
        let restored = restored.map_err(|error| {
            failed.take().unwrap_or_else(|| {
                Failure::from(error).when_rejected(
                    "the passphrase or the shares are not those of this backup, or its beginning was altered",
                    "where an earlier attempt goes on, the passphrase of the new store may be wrong; with --journal, that of the old one",
                )
            })
        })?;
        // What was restored is told whatever becomes of the anchor: nobody can ask for it again.
        let told = self.tell(&restored, &accounts, &place.to_string(), output)?;
        if anchor.is_some() {
            let vault = &restored.vault;
            vault.require_anchor().and_then(|()| vault.checkpoint()).map_err(|error| {
                let failure = Failure::from(error);
                Failure {
                    message: format!("restored, but the anchor remembers nothing yet: {}", failure.message),
                    ..failure
                }
                .hint("the store is whole and in use: `zamok journal anchor NEWFILE` begins an anchor for it")
                .afterwards()
            })?;
        }
        Ok(told)
    }

    /// The store whose journal survived, and what opens it.
    fn survived(&self, url: &OsStr, output: &Output) -> Result<(Arc<dyn Store>, Held), Failure> {
        let place = StoreUrl::parse(url)?;
        let store = place.open()?;
        let held = match &self.journal_key_file {
            Some(file) => Held::Key(key_in(file, output)?),
            None => Held::Passphrase(secrets::journal_passphrase(
                self.journal_passphrase_file.as_deref(),
                output,
            )?),
        };
        Ok((store, held))
    }

    /// Who says that the journal is there to its end.
    fn end(&self) -> Result<JournalEnd, Failure> {
        let witnesses = self.journal_anchor_witnesses.as_deref();
        let anchor = opening::anchor_at(
            self.journal_anchor.as_deref(),
            witnesses,
            "name the right file with --journal-anchor; where it is lost, leave it out: counter tokens are suspended",
        )?;
        Ok(match anchor {
            Some(anchor) => JournalEnd::Anchored(anchor),
            None if self.journal_is_whole => JournalEnd::Vouched,
            None => JournalEnd::Unknown,
        })
    }

    fn tell(
        &self,
        restored: &Restored,
        accounts: &AccountsReplayed,
        place: &str,
        output: &Output,
    ) -> Result<Exit, Failure> {
        let Restored { vault, backup, consequences, replayed, resumed } = restored;
        let rows: u64 = backup.end.counts.values().sum();
        let dropped: u64 = consequences.dropped.values().sum();
        let since = moment::text(backup.header.made);
        output.line(format!("{place} holds what {} held: {rows} rows, all checked.", self.file.display()))?;
        output.line(format!("A new log begins, {}; its first leaf names the former one.", vault.origin()))?;
        output.line(format!("The former log: {}, {} leaves.", backup.begin.origin, backup.begin.size))?;
        output.line(format!("Sessions, challenges and the like that have ended: {dropped}"))?;
        output.line(format!("Generators whose codes up to now are spent: {}", consequences.fenced))?;
        output.line(format!(
            "Counter tokens, and tokens that were not in use yet, that are suspended until they are enrolled anew: {}",
            consequences.suspended
        ))?;
        match replayed {
            Some(replayed) => tell_replayed(replayed, accounts, backup.header.made, output)?,
            None => {
                output.line(format!("Not known: what happened after {since}."))?;
                output.line("  Keys, accounts and rights that were revoked since are in force again.")?;
                output.line("  Accounts that were erased since are back and must be erased again.")?;
                output.line("  Documents that were signed since are in no journal here.")?;
            }
        }
        output.remark("compare with what you have outside of the store; docs/operations.md says how");
        output.object(&json!({
            "store": place,
            "id": hex(&backup.header.id),
            "made": backup.header.made.0,
            "rows": rows,
            "digest": hex(&backup.end.digest),
            "origin": vault.origin(),
            "former": {"origin": backup.begin.origin, "size": backup.begin.size, "root": hex(&backup.begin.root)},
            "waiting": backup.waiting,
            "dropped": dropped,
            "fenced": consequences.fenced,
            "suspended": consequences.suspended,
            "resumed": resumed,
            "replayed": replayed.as_ref().map(|replayed| json!({
                "entries": replayed.entries,
                "whole": replayed.is_whole,
                "end_known": replayed.is_vouched,
                "until": replayed.until.0,
                "keys": replayed.keys,
                "counters": replayed.counters,
                "erased": accounts.erased,
                "suspended_accounts": accounts.suspended,
                "factors": accounts.factors,
                "devices": accounts.devices,
                "powers": accounts.powers,
                "messages": accounts.messages,
                "lost": lost(replayed, accounts).map(told).collect::<Vec<_>>(),
            })),
            "unknown_since": replayed.as_ref().map_or(backup.header.made.0, |replayed| replayed.until.0.max(backup.header.made.0)),
        }))?;
        Ok(Exit::Done)
    }

    fn open(&self) -> Result<Opener<BufReader<File>>, Failure> {
        let file = File::open(&self.file)
            .map_err(|error| Failure::file(format!("cannot read {}: {error}", self.file.display())))?;
        Ok(Opener::new(BufReader::new(file))?)
    }

    fn shares(&self, output: &Output) -> Result<Vec<Share>, Failure> {
        if self.backup_share.is_empty() {
            return Err(Failure::no_secret("this backup is opened by shares")
                .hint("name the file of each with --backup-share FILE"));
        }
        self.backup_share.iter().map(|path| share(path, output)).collect()
    }
}

/// What was done again, and what cannot be.
fn tell_replayed(
    replayed: &Replayed,
    accounts: &AccountsReplayed,
    made: UnixTime,
    output: &Output,
) -> Result<(), Failure> {
    let Replayed { entries, is_whole, is_vouched, until, keys, counters, .. } = replayed;
    // A journal in which nothing came after the backup tells of no time.
    let until = moment::text((*until).max(made));
    output.line(format!("The journal told of {entries} events after the backup, until {until}."))?;
    if !is_whole {
        output.line("  It has gaps: what stood there is not known, and counter tokens are suspended.")?;
    }
    if !is_vouched {
        output.line("  That it tells everything to its end is not known (nobody vouches for it, or the vault had begun to leave that store): counter tokens are suspended.")?;
    }
    let AccountsReplayed { erased, suspended, factors, devices, powers, messages, .. } = accounts;
    output.line(format!("  Done again: accounts erased {erased}, accounts suspended {suspended}, factors removed {factors}, devices blocked {devices}, powers ended {powers}, keys put aside or ended {keys}."))?;
    output
        .line(format!("  Generators and tokens whose codes and failures were counted again: {counters}"))?;
    output.line(format!("  Messages that had left, and are not sent again: {messages}"))?;
    let mut lost_by_kind = BTreeMap::<String, u64>::new();
    for told in lost(replayed, accounts) {
        *lost_by_kind.entry(told.kind.name().into_owned()).or_default() += 1;
    }
    if !lost_by_kind.is_empty() {
        output.line("Told, and not to be done again from the journal alone (--json lists each):")?;
    }
    for (kind, count) in lost_by_kind {
        output.line(format!("  {kind}: {count}"))?;
    }
    output.line(format!("Not known: what happened after {until}."))
}

/// What the journal tells of and does not hold.
fn lost<'a>(replayed: &'a Replayed, accounts: &'a AccountsReplayed) -> impl Iterator<Item = &'a Told> {
    replayed.lost.iter().chain(&accounts.lost)
}

fn told(told: &Told) -> serde_json::Value {
    json!({
        "event": told.kind.name(),
        "time": told.time.0,
        "subject": told.subject.map(|subject| hex(&subject.0)),
        "table": told.row.table.0,
        "row": hex(&told.row.key),
    })
}

fn share(path: &Path, output: &Output) -> Result<Share, Failure> {
    let content = files::read_secret(path, output)?;
    let text =
        str::from_utf8(&content).map_err(|_| Failure::file(format!("{} is not text", path.display())))?;
    Share::parse(text).map_err(|error| {
        let failure = Failure::from(error);
        Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
    })
}
