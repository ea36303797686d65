//! How guesses are slowed down (`CRYPTO.md` §4): every known device has a budget of its own at what it has been right at, strangers
//! share one, and the whole service has a third. Delays come before disablement, and whoever locks the strangers out locks no known
//! device.
//!
//! At what it has not been right at yet, a device guesses like a stranger: whoever makes one known by something weaker buys no guess.
//!
//! A budget is not tied to a network address: an address is free, and another one is no other guesser.

mod cap;

use zamok_core::event::{Detail, EventKind, Subject};
use zamok_core::store::{CounterKey, RowKey, Table};
use zamok_core::vault::spend::{Failures, Throttle};
use zamok_core::vault::{Known, Transaction};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

use crate::Cabinet;
use crate::account::AccountId;
use crate::device::DeviceId;
use crate::error::Error;
use crate::policy::BudgetPolicy;
use crate::watch::{Decision, Occasion};

pub(crate) use self::cap::{Cap, Sum};

/// Failures that strangers share: authenticated rows, under the id of an account, for its password, or of a factor.
/// Guesses at names that nobody has go to one of 65,536 buckets, which each way in has for itself.
const PASSWORD_FAILURES: Table = Table(34);
/// Failures of a known device: one authenticated row, for all that it has been right at.
const DEVICE_FAILURES: Table = Table(46);

/// Where an attempt comes from, as far as guessing is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Anybody.
    Stranger,
    /// A device that has shown its token.
    Device(DeviceId),
}

/// The failures that count for one sort of attempt, as one transaction found them.
pub(crate) struct Budget {
    row: RowKey,
    found: Failures,
    pub(crate) failures: Failures,
    /// At a known device: what is guessed at, and the failures at all that it has been right at.
    device: Option<(DeviceId, [u8; 16], Ledger)>,
}

/// What a name is guessed at for. Whoever has it is counted apart in each, so whoever has it not must be, too: otherwise one way in would tell
/// of the failures in another where nobody has the name, and there alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Way {
    /// With a password, into a session or back to an old channel.
    Password = 1,
    /// With a recovery code besides.
    Recovery = 2,
    /// With a phone alone.
    Phone = 3,
}

/// Which of 65,536 budgets a name shares when nobody has it.
#[derive(Clone, Copy)]
pub(crate) struct Bucket([u8; 2]);

impl Bucket {
    /// That of a name. Whoever is somebody is asked for it as well: the work must not tell who is.
    pub(crate) fn of(tx: &Transaction<'_>, name: &str) -> Result<Self, Error> {
        let index = tx.keyring().blind_index("stranger", name.as_bytes())?;
        Ok(Self([index[0], index[1]]))
    }

    /// What wrong answers to a name that nobody has are counted under.
    pub(crate) fn id(self) -> AccountId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&self.0);
        AccountId(id)
    }
}

/// What a known device has been right at, and failed at since: failures under the id of an account, for its password, or of a factor.
pub(crate) struct Ledger(Vec<([u8; 16], Failures)>);

impl Budget {
    /// The budget for guessing at the target with this id. A missing row is no permission.
    pub(crate) fn of(tx: &mut Transaction<'_>, target: [u8; 16], caller: Caller) -> Result<Self, Error> {
        let mut device = None;
        if let Caller::Device(id) = caller {
            let row = device_row(id);
            let ledger = Ledger::decode(&tx.state(&row)?.ok_or(CoreError::Refused)?)?;
            let own = ledger.of(target);
            device = Some((id, target, ledger));
            if let Some(failures) = own {
                return Ok(Self { row, found: failures, failures, device });
            }
        }
        let row = RowKey::new(PASSWORD_FAILURES, target);
        let failures = read(tx, &row)?.ok_or(CoreError::Refused)?;
        Ok(Self { row, found: failures, failures, device })
    }

    /// The budget for guessing at a name that nobody has: there is nothing to permit, so its row may be missing.
    pub(crate) fn of_nobody(tx: &mut Transaction<'_>, bucket: Bucket, way: Way) -> Result<Self, Error> {
        let [first, second] = bucket.0;
        let row = RowKey::new(PASSWORD_FAILURES, [first, second, way as u8]);
        let failures = read(tx, &row)?.unwrap_or_default();
        Ok(Self { row, found: failures, failures, device: None })
    }

    /// Makes the budget that strangers share for a target.
    pub(crate) fn begin(tx: &mut Transaction<'_>, target: [u8; 16]) -> Result<(), Error> {
        let mut writer = Writer::new();
        Failures::default().write(&mut writer);
        Ok(tx.put_state(&RowKey::new(PASSWORD_FAILURES, target), writer.as_slice())?)
    }

    /// Makes the budgets of a device, at what was shown when it became known.
    pub(crate) fn begin_device(
        tx: &mut Transaction<'_>,
        id: DeviceId,
        right_at: Vec<[u8; 16]>,
    ) -> Result<(), Error> {
        let ledger = Ledger(right_at.into_iter().map(|target| (target, Failures::default())).collect());
        Ok(tx.put_state(&device_row(id), ledger.encode()?.as_slice())?)
    }

    /// Removes the budget of a device that is gone.
    pub(crate) fn end_device(tx: &mut Transaction<'_>, id: DeviceId) -> Result<(), Error> {
        Ok(tx.delete(&device_row(id))?)
    }

    /// The row that the journal names.
    pub(crate) const fn row(&self) -> &RowKey {
        &self.row
    }

    /// Whether an attempt is refused unseen.
    pub(crate) fn is_delayed(&self, now: UnixTime) -> bool {
        self.failures.delayed(now)
    }

    /// Refuses an attempt unseen. Nothing is written but one summary a minute: junk must buy no flush each, nor fill the
    /// journal. The summary says what the watch found, where it was he who refused.
    pub(crate) fn refuse(
        mut self,
        tx: &mut Transaction<'_>,
        subject: Option<Subject>,
        throttle: &Throttle,
        found: Option<(Occasion, &Decision)>,
    ) -> Result<(), Error> {
        let (now, row) = (tx.now(), self.row.clone());
        let refusals = tx.count_refusal(&row);
        if self.failures.summary_due(now) {
            self.failures.sum_up(now, throttle);
            self.put(tx)?;
            let detail = Detail::new().with("refusals", refusals.to_string());
            tx.event(EventKind::LoginRefusedWhileDelayed, subject, &row, &detail)?;
            if let Some((occasion, decision)) = found {
                decision.tell(tx, occasion, subject, &row, None)?;
            }
            tx.forget_refusals(&row);
        }
        Ok(())
    }

    /// Writes what has changed.
    pub(crate) fn put(&mut self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        if self.failures == self.found {
            return Ok(());
        }
        let mut writer = Writer::new();
        match &mut self.device {
            Some((_, target, ledger)) if ledger.of(*target).is_some() => {
                ledger.set(*target, self.failures);
                writer = ledger.encode()?;
            }
            _ => self.failures.write(&mut writer),
        }
        Ok(tx.put_state(&self.row, writer.as_slice())?)
    }

    /// Writes what has changed with a right answer: a known device has a budget of its own at this from now on.
    pub(crate) fn put_right(&mut self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        self.put(tx)?;
        let Some((id, target, ledger)) = &mut self.device else { return Ok(()) };
        if ledger.of(*target).is_none() {
            ledger.set(*target, Failures::default());
            tx.put_state(&device_row(*id), ledger.encode()?.as_slice())?;
        }
        Ok(())
    }
}

impl Ledger {
    const FORMAT: u8 = 1;
    /// Targets that are remembered; the one that was guessed at longest ago is forgotten first, and guessed at like a stranger again.
    const MOST: usize = 64;

    fn of(&self, target: [u8; 16]) -> Option<Failures> {
        self.0.iter().find(|(other, _)| *other == target).map(|(_, failures)| *failures)
    }

    fn set(&mut self, target: [u8; 16], failures: Failures) {
        self.0.retain(|(other, _)| *other != target);
        self.0.push((target, failures));
    }

    pub(crate) fn encode(&self) -> Result<Writer, CoreError> {
        let from = self.0.len().saturating_sub(Self::MOST);
        let kept = &self.0[from..];
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).u8(u8::try_from(kept.len()).map_err(|_| CoreError::Refused)?);
        for (target, failures) in kept {
            failures.write(writer.raw(target));
        }
        Ok(writer)
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, CoreError> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(CoreError::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let entries = (0..reader.u8()?)
            .map(|_| Ok((reader.array()?, Failures::read(&mut reader)?)))
            .collect::<Result<_, CoreError>>()?;
        reader.end()?;
        Ok(Self(entries))
    }
}

/// Forgets what strangers failed at with a target that is gone: its id never comes again, and what is left says that nothing is
/// there.
pub(crate) fn end_strangers(tx: &mut Transaction<'_>, target: [u8; 16]) -> Result<(), Error> {
    Ok(tx.empty(&RowKey::new(PASSWORD_FAILURES, target))?)
}

fn device_row(id: DeviceId) -> RowKey {
    RowKey::new(DEVICE_FAILURES, id.0)
}

fn read(tx: &mut Transaction<'_>, row: &RowKey) -> Result<Option<Failures>, Error> {
    let Some(body) = tx.state(row)? else { return Ok(None) };
    let mut reader = Reader::new(&body);
    let failures = Failures::read(&mut reader)?;
    reader.end()?;
    Ok(Some(failures))
}

/// When something was last sent to an address of an account: a sum that the store brings up to that second. Of two at once, one is late. It
/// decides, like a cap, only whether to go on or to wait.
pub(crate) struct Pause {
    counter: CounterKey,
    last: UnixTime,
}

impl Pause {
    pub(crate) fn of(tx: &Transaction<'_>, account: AccountId, address: &str) -> Result<Self, Error> {
        // Of both together: the same address of two accounts has nothing in common here.
        let index = tx.keyring().blind_index("sent to", &[&account.0, address.as_bytes()].concat())?;
        let counter = CounterKey([&b"sent to/"[..], &index].concat());
        let last = UnixTime(tx.store().counter(&counter).map_err(CoreError::from)?);
        Ok(Self { counter, last })
    }

    /// When that was; 0 for never.
    pub(crate) const fn last(&self) -> UnixTime {
        self.last
    }

    /// Notes that something is sent there now; the commit fails as capped when others have sent something meanwhile.
    pub(crate) fn begin(self, tx: &mut Transaction<'_>) {
        let now = tx.now();
        // A sum never goes back: one that a clock has made which had jumped ahead says nothing until then.
        if self.last <= now {
            tx.add(self.counter, now.since(self.last), now.0);
        }
    }
}

/// The sums that a wrong answer counts for, as one transaction found them: that of its caller, and, for
/// strangers, that of everybody.
pub(crate) struct WrongAnswers(Vec<Sum>);

impl WrongAnswers {
    pub(crate) fn of(
        tx: &Transaction<'_>,
        policy: &BudgetPolicy,
        account: Option<AccountId>,
        caller: Caller,
    ) -> Result<Self, Error> {
        let mut caps = Vec::new();
        match (caller, account) {
            (Caller::Device(id), _) => {
                caps.push(Cap::new("wrong-device", &id.0, policy.span, policy.device));
            }
            (Caller::Stranger, Some(id)) => {
                caps.push(Cap::new("wrong-strangers", &id.0, policy.span, policy.strangers));
            }
            (Caller::Stranger, None) => {}
        }
        if caller == Caller::Stranger {
            caps.push(Cap::new("wrong-everyone", b"", policy.span, policy.everyone));
        }
        Cap::read_all(tx, caps).map(Self)
    }

    /// Whether too many answers were wrong in the present span for one more to be looked at.
    pub(crate) fn are_too_many(&self) -> bool {
        self.0.iter().any(Sum::is_full)
    }

    /// Counts a wrong answer.
    pub(crate) fn count(self, tx: &mut Transaction<'_>) {
        self.0.into_iter().for_each(|sum| sum.count(tx));
    }
}

impl Cabinet {
    /// A transaction that counts. A counter that somebody else has moved on meanwhile takes no sum that was made for what it was: it is
    /// read again. Else whoever guesses many times at once would be told, by a sum that is full, which of his guesses were wrong, and pay
    /// for one.
    pub(crate) fn counted<T>(
        &self,
        run: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.counted_knowing(&mut Known::default(), run)
    }

    /// The same, after another transaction of this call: see [`Vault::transact_knowing`](zamok_host::Vault::transact_knowing).
    pub(crate) fn counted_knowing<T, E: From<CoreError> + PartialEq>(
        &self,
        known: &mut Known,
        mut run: impl FnMut(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..Self::COUNTED {
            match self.vault.transact_knowing(known, &mut run) {
                Err(error) if error == E::from(CoreError::Capped) => {}
                done => return done,
            }
        }
        Err(CoreError::Busy.into())
    }

    /// How often a transaction is run whose counters others move.
    const COUNTED: usize = 8;
}
