//! The watch: somebody who is asked before an attempt is looked at, and told how it ended (R15, R34). He answers `allow`,
//! `step up`, `delay` or `block`, with a reason for each, which the journal keeps in the commit of the attempt itself.
//!
//! The cabinet knows no rule: [`Cabinet::with_watch`] takes whoever has some. Without a watch everything is allowed that
//! accounts, limits and budgets allow. A watch takes away and never gives: what it allows has still to be right.
//!
//! He is asked before anybody knows whether a password or a code is right, and a refusal by him is what a refusal while an
//! attempt is delayed is: nothing is looked at, nothing is charged, and the answer is that of a wrong one.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::spend::{Failures, Throttle};
use zamok_core::vault::{Known, Transaction};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use crate::Cabinet;
use crate::account::{self, Account, AccountId, Roles};
use crate::device::DeviceId;
use crate::error::Error;
use crate::operation::{Content, Value};
use crate::session::{self, Session};
use crate::throttle::{Budget, Caller};

/// What a watch keeps of an account: one sealed row, under the id of the account, that is erased with it. Beside it,
/// with the number of an occasion behind the id, when refusals there were last summed up.
const HABITS: Table = Table(43);

/// What somebody is about to do. The numbers are part of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Occasion {
    /// To log in, with a password or from a known device that has a PIN.
    Login = 1,
    /// To answer a challenge, of whatever purpose.
    Code = 2,
    /// To use a recovery code.
    Recovery = 3,
    /// To begin the confirmation of an operation.
    Operation = 4,
    /// Something of the service's own: see [`Cabinet::watch_request`].
    Request = 5,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// What was shown was right; of an operation or a request, that it was allowed.
    Right,
    /// It was not.
    Wrong,
}

/// What a watch answers, mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// Nothing speaks against it.
    #[default]
    Allow,
    /// More has to be shown: at a login the strongest factor that the account has, at an operation a fresh authentication. At a
    /// code and a recovery there is nothing more to ask for: it is journalled, and changes nothing.
    StepUp,
    /// Not now.
    Delay,
    /// No.
    Block,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter<'a> {
    /// A whole number; of an amount, its smallest units.
    Number(i64),
    /// A text.
    Text(Cow<'a, str>),
}

/// What is known when a watch is asked.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What it is about.
    pub occasion: Occasion,
    /// When.
    pub time: UnixTime,
    /// Whose account; for a login that nobody has, one of 65,536 numbers that stand for its name.
    pub account: AccountId,
    /// What the account is to the service.
    pub roles: Roles,
    /// The known device, by its token; `None` for a stranger.
    pub device: Option<DeviceId>,
    /// The address that the service sees; of a challenge, the one that it was opened from.
    pub address: Option<IpAddr>,
    /// What the service calls the client.
    pub client: &'a str,
    /// The fields of an operation with the name of its template, or those of a request.
    pub parameters: &'a [(Cow<'a, str>, Parameter<'a>)],
}

/// One rule that had something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub rule: Arc<str>,
    /// What it answers.
    pub answer: Answer,
    /// Why, for operators. No secret, and nothing that a client chose.
    pub reason: String,
    /// Whether it is only tried out: it is journalled, and changes nothing.
    pub is_trial: bool,
}

/// What a watch found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    findings: Vec<Finding>,
}

/// Who is asked. The methods run inside of the transaction of what they are asked about, perhaps several times when it meets
/// others: what they write there is committed with it, or not at all.
pub trait Watch: Send + Sync + core::fmt::Debug {
    /// What is to become of an attempt. It may read, and writes nothing.
    ///
    /// # Errors
    /// The store's, and those of altered rows: the attempt fails with them.
    fn decide(&self, tx: &mut Transaction<'_>, facts: &Facts<'_>) -> Result<Decision, Error>;

    /// How an attempt ended that was looked at. Asked once for each transaction.
    ///
    /// # Errors
    /// As [`Watch::decide`].
    fn note(&self, tx: &mut Transaction<'_>, facts: &Facts<'_>, outcome: Outcome) -> Result<(), Error>;

    /// What was found at an attempt that was looked at, or is refused because of it: for whoever tells somebody.
    /// It is not called where nothing comes to be looked at, since a device has not approved yet, a PIN is to be
    /// hashed first, or it was not the watch who refused.
    fn found(&self, _facts: &Facts<'_>, _decision: &Decision) {}

    /// Called outside of any transaction, after one in which it was asked: the place for whatever takes time.
    fn after(&self, _now: UnixTime) {}
}

/// The row that a watch may keep of an account, sealed: it goes with the account (R27), and dies when a backup is restored.
#[must_use]
pub fn habits_row(account: AccountId) -> RowKey {
    RowKey::new(HABITS, account.0)
}

impl Occasion {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Login, Self::Code, Self::Recovery, Self::Operation, Self::Request];

    /// The name in rules, logs and the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Code => "code",
            Self::Recovery => "recovery",
            Self::Operation => "operation",
            Self::Request => "request",
        }
    }
}

impl Answer {
    /// Every one, mildest first.
    pub const ALL: [Self; 4] = [Self::Allow, Self::StepUp, Self::Delay, Self::Block];

    /// The name in rules and the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step-up",
            Self::Delay => "delay",
            Self::Block => "block",
        }
    }

    /// Whether an attempt is refused unseen.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Delay | Self::Block)
    }
}

impl From<Vec<Finding>> for Decision {
    fn from(findings: Vec<Finding>) -> Self {
        Self { findings }
    }
}

impl Decision {
    /// The strictest answer of the rules that are not only tried out.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let counted = self.findings.iter().filter(|finding| !finding.is_trial);
        counted.map(|finding| finding.answer).max().unwrap_or_default()
    }

    /// Every rule that had something to say.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Journals what was found, in the commit of what it was found at; with the number of refusals where no
    /// other entry tells it.
    pub(crate) fn tell(
        &self,
        tx: &mut Transaction<'_>,
        occasion: Occasion,
        subject: Option<Subject>,
        row: &RowKey,
        refusals: Option<u64>,
    ) -> Result<(), Error> {
        for finding in &self.findings {
            let mut detail = Detail::new()
                .with("answer", finding.answer.name())
                .with("rule", &*finding.rule)
                .with("reason", finding.reason.as_str())
                .with("occasion", occasion.name())
                .with("trial", if finding.is_trial { "yes" } else { "no" });
            if let Some(refusals) = refusals {
                detail = detail.with("refusals", refusals.to_string());
            }
            tx.event(EventKind::WatchAnswered, subject, row, &detail)?;
        }
        Ok(())
    }
}

impl Cabinet {
    /// Asks this watch from now on, in this process. Every process that serves the accounts has its own; what they count may lie
    /// in the store.
    #[must_use]
    pub fn with_watch(self, watch: Arc<dyn Watch>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Asks the watch about something of the service's own, such as an answer to a query or a change of an address
    /// (R34): how often and with which parameters is for its rules. What it answers is journalled, refusals as one
    /// sum a minute; what to do about it is the service's.
    ///
    /// # Errors
    /// [`Error::SessionEnded`]; [`Error::OutsideLimits`]; the vault's and the store's.
    pub fn watch_request(
        &self,
        session: &Session,
        parameters: &[(Cow<'_, str>, Parameter<'_>)],
    ) -> Result<Answer, Error> {
        self.watched(|tx| {
            let session = session::live(tx, session.seen(), &self.policy.session)?;
            let account = account::load(tx, session.account)?.account;
            let facts = session_facts(tx, Occasion::Request, &session, &account, parameters);
            let decision = self.ask_watch(tx, &facts)?;
            if decision.answer().refuses() {
                self.refuse_in_session(tx, &facts, &decision, account.subject)?;
            } else {
                self.tell_found(tx, &facts, &decision, Some(account.subject), &account.id.row())?;
                self.tell_watch(tx, &facts, Outcome::Right)?;
            }
            Ok(decision.answer())
        })
    }

    /// A transaction in which the watch is asked, and wrong answers are counted.
    pub(crate) fn watched<T>(
        &self,
        run: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.watched_knowing(&mut Known::default(), run)
    }

    /// The same, after another transaction of this call: see [`Vault::transact_knowing`](zamok_host::Vault::transact_knowing).
    pub(crate) fn watched_knowing<T>(
        &self,
        known: &mut Known,
        run: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = self.counted_knowing(known, run);
        if let Some(watch) = &self.watch {
            watch.after(self.vault.now());
        }
        done
    }

    pub(crate) fn ask_watch(&self, tx: &mut Transaction<'_>, facts: &Facts<'_>) -> Result<Decision, Error> {
        self.watch.as_ref().map_or_else(|| Ok(Decision::default()), |watch| watch.decide(tx, facts))
    }

    pub(crate) fn tell_watch(
        &self,
        tx: &mut Transaction<'_>,
        facts: &Facts<'_>,
        outcome: Outcome,
    ) -> Result<(), Error> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.note(tx, facts, outcome))
    }

    /// Journals what was found at an attempt that was looked at, and tells the watch that it counts.
    pub(crate) fn tell_found(
        &self,
        tx: &mut Transaction<'_>,
        facts: &Facts<'_>,
        found: &Decision,
        subject: Option<Subject>,
        row: &RowKey,
    ) -> Result<(), Error> {
        self.count_found(facts, found);
        found.tell(tx, facts.occasion, subject, row, None)
    }

    /// Refuses an attempt because of what was found, unseen as one is that is delayed.
    pub(crate) fn refuse_found(
        &self,
        tx: &mut Transaction<'_>,
        budget: Budget,
        throttle: &Throttle,
        facts: &Facts<'_>,
        found: &Decision,
        subject: Option<Subject>,
    ) -> Result<(), Error> {
        self.count_found(facts, found);
        budget.refuse(tx, subject, throttle, Some((facts.occasion, found)))
    }

    /// Refuses what somebody wants to do within a session. As with a budget nothing is written but one summary
    /// a minute, here for each account and occasion: a flood of requests hides no payment that is refused.
    pub(crate) fn refuse_in_session(
        &self,
        tx: &mut Transaction<'_>,
        facts: &Facts<'_>,
        found: &Decision,
        subject: Subject,
    ) -> Result<(), Error> {
        self.count_found(facts, found);
        let (now, row) = (tx.now(), summary_row(facts.account, facts.occasion));
        let refusals = tx.count_refusal(&row);
        let summed_up = tx.record(&row)?.map_or(Ok(UnixTime(0)), |opened| read_summary(&opened.body))?;
        let last = Failures { summed_up, ..Failures::default() };
        if last.summary_due(now) {
            let mut writer = Writer::new();
            writer.u8(SUMMARY_FORMAT).u64(now.0);
            tx.put_record(&row, &[], writer.as_slice())?;
            found.tell(tx, facts.occasion, Some(subject), &row, Some(refusals))?;
            tx.forget_refusals(&row);
        }
        Ok(())
    }

    fn count_found(&self, facts: &Facts<'_>, found: &Decision) {
        if let Some(watch) = &self.watch {
            watch.found(facts, found);
        }
    }
}

const SUMMARY_FORMAT: u8 = 1;

/// When refusals of an account at this occasion were last summed up.
fn summary_row(account: AccountId, occasion: Occasion) -> RowKey {
    RowKey::new(HABITS, [&account.0[..], &[occasion as u8]].concat())
}

fn read_summary(body: &[u8]) -> Result<UnixTime, CoreError> {
    let mut reader = Reader::new(body);
    let found = reader.u8()?;
    if found != SUMMARY_FORMAT {
        return Err(CoreError::Format { found: found.into(), supported: SUMMARY_FORMAT.into() });
    }
    let summed_up = UnixTime(reader.u64()?);
    reader.end()?;
    Ok(summed_up)
}

/// The device of a caller, as facts have it.
pub(crate) const fn device_of(caller: Caller) -> Option<DeviceId> {
    match caller {
        Caller::Stranger => None,
        Caller::Device(id) => Some(id),
    }
}

/// What is known of somebody who does something within a session.
pub(crate) fn session_facts<'a>(
    tx: &Transaction<'_>,
    occasion: Occasion,
    session: &'a Session,
    account: &Account,
    parameters: &'a [(Cow<'a, str>, Parameter<'a>)],
) -> Facts<'a> {
    Facts {
        occasion,
        time: tx.now(),
        account: account.id,
        roles: account.roles,
        device: session.device,
        address: session.address,
        client: &session.client,
        parameters,
    }
}

/// The fields of an operation, and the name of its template as `template`.
pub(crate) fn parameters_of(content: &Content) -> Vec<(Cow<'_, str>, Parameter<'_>)> {
    let value = |value| match value {
        &Value::Number(number) | &Value::Amount { minor: number, .. } => Parameter::Number(number),
        &Value::Time(time) => Parameter::Number(i64::try_from(time.0).unwrap_or(i64::MAX)),
        Value::Text(text) => Parameter::Text(text.into()),
    };
    let template = ("template".into(), Parameter::Text(content.template().name.as_str().into()));
    let fields = content.fields().map(|(name, field)| (name.into(), value(field)));
    std::iter::once(template).chain(fields).collect()
}

/// Forgets what a watch keeps of an account that is erased.
pub(crate) fn forget(tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Error> {
    let summaries = [Occasion::Operation, Occasion::Request].map(|occasion| summary_row(account, occasion));
    for row in std::iter::once(habits_row(account)).chain(summaries) {
        if tx.plain(&row)?.is_some() {
            tx.delete(&row)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(answer: Answer, is_trial: bool) -> Finding {
        Finding { rule: "rule".into(), answer, reason: String::new(), is_trial }
    }

    #[test]
    fn the_strictest_rule_counts_and_what_is_tried_out_does_not() {
        use Answer::{Allow, Block, Delay, StepUp};
        for (found, answer) in [
            (vec![], Allow),
            (vec![(StepUp, false), (Delay, false), (Allow, false)], Delay),
            (vec![(Block, true), (StepUp, false)], StepUp),
            (vec![(Block, true)], Allow),
            (vec![(Block, false), (Delay, false)], Block),
        ] {
            let findings: Vec<_> = found.iter().map(|(answer, trial)| finding(*answer, *trial)).collect();
            assert_eq!(Decision::from(findings).answer(), answer, "{found:?}");
        }
        assert_eq!(Answer::ALL.map(Answer::refuses), [false, false, true, true]);
    }
}
