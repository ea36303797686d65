//! `zamok import`: tokens of other programs into the vault, each an active key that is marked as not made here.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use zamok::{CoreError, UnixTime, Zamok};
use zamok_exchange::{ExchangeError, Fault, Import as Taken, Scope, TokenRecord, Warning};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;
use crate::transfer::{Input, LISTED, More, Progress, Source, Told};

/// Take the tokens of a file into the vault: otpauth URIs, Google Authenticator's export, PSKC, liboath, and others.
///
/// The file is read twice: first to see that it can be read to its end, then to take its tokens in, some at a time in one
/// commit each. A pipe is held in memory instead, 64 MiB at most. A secret that was taken in before is left as it is there and
/// told, so that a run that was interrupted can be repeated. A token that was disabled where it comes from is suspended here, and
/// one that its issuer gave dates has them here. There is no export from a vault; `zamok convert` goes from file to file.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Only tell what would be taken in.
    #[arg(long)]
    dry_run: bool,
    /// Take nothing in when anything is wrong with any entry.
    #[arg(long)]
    strict: bool,
    /// Take in also tokens that have expired, or have not begun, by the policy of their issuer; no token has its dates then.
    #[arg(long)]
    ignore_dates: bool,
}

/// Tokens in one commit.
const BATCH: usize = 64;

impl Import {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let keys = self.source.keys(output)?;
        let input = Input::of(&self.file)?;
        let mut tally = Tally::default();
        // The first reading: nothing of a file that ends in the middle is taken in.
        let now = zamok::Clock::now(&zamok::SystemClock);
        for (number, record) in (1..).zip(self.source.open(&input, &keys)?.records) {
            match self.examined(number, record, now) {
                Ok(record) => {
                    if self.dry_run {
                        output.line(described(&record))?;
                        tally.list(json!({
                            "token": record.label(), "kind": record.kind.name(), "state": state(&record),
                            "warnings": warnings(&record),
                        }));
                    } else {
                        tally.warn(&record, output);
                    }
                    tally.found += 1;
                }
                Err(error) if error.scope() == Scope::File => return Err(Told(error, &self.file).into()),
                Err(error) => tally.error(&error, output),
            }
        }
        std::mem::take(&mut tally.more).tell(output);
        if self.strict && tally.errors > 0 {
            let message = format!("{} entries are wrong, and nothing was taken in", tally.errors);
            return Err(Failure::file(message).hint("without --strict the others are taken in"));
        }
        if self.dry_run || tally.found == 0 {
            return tally.tell(self.dry_run, output);
        }
        opening::with_vault(shared, output, |zamok| {
            let taken = self.take_in(zamok, (&input, &keys), now, &mut tally, output);
            // Also where it ended early: the next time these tokens are there already.
            tally.warn_of_drift(output);
            taken?;
            tally.tell(self.dry_run, output)
        })
    }

    fn take_in(
        &self,
        zamok: &Zamok,
        (input, keys): (&Input<'_>, &zamok_exchange::Options),
        now: UnixTime,
        tally: &mut Tally,
        output: &Output,
    ) -> Result<(), Failure> {
        let opened = self.source.open(input, keys)?;
        let drift_limit = zamok.policy().one_time().drift_limit;
        let mut progress = Progress::new(&opened, output);
        let mut records =
            (1..).zip(opened.records).map(|(number, record)| self.examined(number, record, now));
        let mut errors = 0;
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            for record in records.by_ref() {
                match record {
                    Ok(record) => batch.push(record),
                    Err(error) if error.scope() == Scope::File => return Err(Told(error, &self.file).into()),
                    // Told at the first reading.
                    Err(_) => errors += 1,
                }
                if batch.len() == BATCH {
                    break;
                }
            }
            if batch.is_empty() {
                return tally.compare(errors, &self.file);
            }
            let keys = zamok.vault().transact(|tx| {
                let taken = batch.iter().map(|record| match record.import(tx, None) {
                    Err(Fault::Token(error)) => Err(error),
                    // What does not fit was left out before.
                    Err(_) => Err(CoreError::KeyKind),
                    Ok(taken) => Ok(taken),
                });
                taken.collect::<Result<Vec<_>, CoreError>>()
            })?;
            for (record, taken) in batch.iter_mut().zip(keys) {
                // The clock of a key that is there was perhaps set right since.
                if matches!(taken, Taken::New(_)) {
                    record.warn_of_drift(drift_limit);
                }
                tally.take(record, taken, output)?;
            }
            progress.advance(tally.imported + tally.already_there);
        }
    }

    /// Whether the vault has room for it, and its issuer's policy allows it now.
    fn examined(
        &self,
        number: u64,
        record: Result<TokenRecord, ExchangeError>,
        now: UnixTime,
    ) -> Result<TokenRecord, ExchangeError> {
        let mut record = record?;
        if self.ignore_dates {
            (record.policy.start, record.policy.expiry) = (None, None);
        }
        match record.fits_vault().and_then(|()| record.policy.check(&record.kind, now)) {
            Ok(()) => Ok(record),
            Err(fault) => Err(ExchangeError::of_record(fault, number)),
        }
    }
}

/// A token on one line: no secret.
fn described(record: &TokenRecord) -> String {
    let kind = &record.kind;
    let mut line =
        format!("{} {} digits {}: {}", kind.name(), kind.digits(), kind.algorithm(), record.label());
    for warning in warnings(record) {
        line.push_str("; ");
        line.push_str(warning);
    }
    line
}

fn warnings(record: &TokenRecord) -> Vec<&'static str> {
    record.warnings.iter().map(|warning| warning.text()).collect()
}

/// What the token is in a vault that takes it in.
fn state(record: &TokenRecord) -> &'static str {
    if record.is_disabled() { "suspended" } else { "active" }
}

#[derive(Default)]
struct Tally {
    found: usize,
    imported: usize,
    already_there: usize,
    errors: usize,
    warned: usize,
    more: More,
    /// Labels of the tokens that the policy's limit of drift locks.
    drifted: Vec<String>,
    /// Whether a warning was told that is about the file.
    is_plain: bool,
    listed: Vec<Value>,
    told: Vec<Value>,
}

impl Tally {
    fn list(&mut self, value: Value) {
        if self.listed.len() < LISTED {
            self.listed.push(value);
        }
    }

    fn take(&mut self, record: &TokenRecord, taken: Taken, output: &Output) -> Result<(), Failure> {
        let is_new = matches!(taken, Taken::New(_));
        *if is_new { &mut self.imported } else { &mut self.already_there } += 1;
        let (id, label) = (taken.key(), record.label());
        let state = is_new.then(|| state(record));
        if record.warnings.contains(&Warning::Drift) {
            if self.drifted.len() < LISTED {
                self.drifted.push(label.clone());
            } else {
                self.more.count(Warning::Drift.text());
            }
        }
        if !output.is_terminal() {
            let note = match (is_new, record.is_disabled()) {
                (false, _) => " (already there)",
                (true, true) => " (suspended)",
                (true, false) => "",
            };
            output.line(format!("{id} {label}{note}"))?;
        }
        self.list(json!({
            "key": id.to_string(), "token": label, "kind": record.kind.name(), "already_there": !is_new,
            "state": state, "warnings": warnings(record),
        }));
        Ok(())
    }

    /// Tells people what to know of a token that is taken in.
    fn warn(&mut self, record: &TokenRecord, output: &Output) {
        // It is true of all tokens of a file, and once is enough.
        if record.warnings.contains(&Warning::PlainSecret) && !self.is_plain {
            self.is_plain = true;
            output.remark(format!("warning: {}", Warning::PlainSecret.text()));
        }
        let others = record.warnings.iter().filter(|warning| **warning != Warning::PlainSecret);
        let others: Vec<_> = others.map(|warning| warning.text()).collect();
        if others.is_empty() {
            return;
        }
        self.warned += 1;
        if self.warned > LISTED {
            others.iter().for_each(|text| self.more.count(*text));
        } else {
            output.remark(format!("warning: {}: {}", record.label(), others.join("; ")));
        }
    }

    /// Tells people of the tokens whose clock is further off than the policy allows, which is known once the vault is
    /// open.
    fn warn_of_drift(&self, output: &Output) {
        for label in &self.drifted {
            output.remark(format!("warning: {label}: {}", Warning::Drift.text()));
        }
        self.more.tell(output);
    }

    /// Whether the second reading found what the first one did.
    fn compare(&self, errors: usize, file: &Path) -> Result<(), Failure> {
        let Self { found, imported, already_there, .. } = self;
        if (imported + already_there, errors) == (*found, self.errors) {
            return Ok(());
        }
        let message = format!(
            "{} changed while it was read: {imported} tokens were taken in and {already_there} were already there, of {found}",
            file.display()
        );
        Err(Failure::file(message).hint("give the command again: what was taken in is left as it is"))
    }

    fn error(&mut self, error: &ExchangeError, output: &Output) {
        self.errors += 1;
        if self.told.len() < LISTED {
            output.remark(format!("left out: {error}"));
            self.told.push(json!({"code": error.code(), "message": error.to_string()}));
        }
    }

    fn tell(&self, dry_run: bool, output: &Output) -> Result<Exit, Failure> {
        let Self { found, imported, already_there, errors, listed, told, .. } = self;
        output.line(match dry_run {
            true => format!("{found} tokens would be taken in, {errors} entries left out; nothing was done."),
            false => format!(
                "{imported} tokens were taken in, {already_there} were already there, {errors} entries left out."
            ),
        })?;
        output.object(&json!({
            "found": found, "imported": imported, "already_there": already_there, "left_out": errors,
            "tokens": listed, "errors": told,
        }))?;
        Ok(if *errors > 0 { Exit::Files } else { Exit::Done })
    }
}
