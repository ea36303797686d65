//! Keeping a journal: a thread that integrates, signs and has cosigned, as often as policy says (`CRYPTO.md` §5, §9).
//!
//! Any number of keepers may run, in any number of processes: each step is one commit, and whoever comes second finds it
//! done. A keeper is no use of the vault: an idle lock counts on beside it, and a vault that is locked ends it.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use zamok_core::{Error, UnixTime};

use crate::vault::{Vault, idle};

/// How often a keeper does what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// Moving what waits into the tree.
    pub integrate: Duration,
    /// Signing what the tree amounts to.
    pub checkpoint: Duration,
    /// Taking the latest checkpoint to witnesses.
    pub witness: Duration,
}

/// Those who cosign the checkpoints of a log: witnesses, asked over whatever network there is.
pub trait Cosigners: Send + Sync + fmt::Debug {
    /// Takes the vault's checkpoint to them, and keeps what they said.
    ///
    /// # Errors
    /// As [`Vault::checkpoint`]. That some of them refuse, or too few answer, is in the answer.
    fn cosign(&self, vault: &Vault) -> Result<Cosigned, Error>;
}

/// What cosigners said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// Leaves under the checkpoint.
    pub size: u64,
    /// How many of them have cosigned it.
    pub witnesses: usize,
    /// Whether that is what the policy asks for.
    pub is_quorum: bool,
    /// Why others did not, in words.
    pub refusals: Vec<String>,
}

/// How far the journal has come, as one keeper knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Leaves of the tree.
    pub size: u64,
    /// Leaves under the latest signed checkpoint, and when this keeper saw it signed.
    pub signed: Option<(u64, UnixTime)>,
    /// Leaves under the latest checkpoint that a quorum cosigned, and when.
    pub witnessed: Option<(u64, UnixTime)>,
    /// How many witnesses cosigned the last time.
    pub witnesses: usize,
    /// Why others did not.
    pub refusals: Vec<String>,
    /// What hindered the last step that failed; `None` since the same step succeeded.
    pub hindered: Option<(Step, Error)>,
    /// Whether it has ended: it was stopped, or the vault is locked.
    pub ended: bool,
}

/// What a keeper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Integration.
    Integrate,
    /// Signing.
    Checkpoint,
    /// Asking witnesses.
    Witness,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integrate => "integration",
            Self::Checkpoint => "signing",
            Self::Witness => "witnessing",
        })
    }
}

/// A thread that keeps the journal of a vault. Dropped, it ends after the step that is under way.
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    vault: Arc<Vault>,
    cadence: Cadence,
    cosigners: Option<Arc<dyn Cosigners>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    keeping: Keeping,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("keeping", &self.keeping()).finish_non_exhaustive()
    }
}

impl Keeper {
    /// Begins to keep the journal of this vault.
    ///
    /// # Errors
    /// The operating system's, when it has no more threads.
    pub fn start(
        vault: Arc<Vault>,
        cadence: Cadence,
        cosigners: Option<Arc<dyn Cosigners>>,
    ) -> std::io::Result<Self> {
        let shared =
            Arc::new(Shared { vault, cadence, cosigners, state: Mutex::default(), changed: Condvar::new() });
        let kept = shared.clone();
        let thread = thread::Builder::new().name("zamok-journal".into()).spawn(move || kept.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How far the journal has come.
    #[must_use]
    pub fn keeping(&self) -> Keeping {
        self.shared.state().keeping.clone()
    }

    /// Waits until something has changed since `known`, at most for `longest`, and answers how it is then.
    #[must_use]
    pub fn changed(&self, known: &Keeping, longest: Duration) -> Keeping {
        let state = self.shared.state();
        let same = |state: &mut State| state.keeping == *known;
        let waited = self.shared.changed.wait_timeout_while(state, longest, same);
        waited.unwrap_or_else(PoisonError::into_inner).0.keeping.clone()
    }

    /// Ends it, after it has integrated and signed once more, so that nothing waits; answers how far it came.
    #[must_use]
    pub fn stop(mut self) -> Keeping {
        self.end();
        if let Some(thread) = self.thread.take() {
            // A panic was told where it happened; what is asked for here is how far it came.
            let _ = thread.join();
        }
        self.keeping()
    }

    fn end(&self) {
        self.shared.state().stop = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

/// When a step is due next.
struct Due {
    step: Step,
    every: Duration,
    at: Instant,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        idle::attend();
        let begun = Instant::now();
        let Cadence { integrate, checkpoint, witness } = self.cadence;
        let mut steps = vec![(Step::Integrate, integrate), (Step::Checkpoint, checkpoint)];
        if self.cosigners.is_some() {
            steps.push((Step::Witness, witness));
        }
        let mut due: Vec<_> = steps.into_iter().map(|(step, every)| Due { step, every, at: begun }).collect();
        while !self.waited_in_vain(due.iter().map(|due| due.at).min()) {
            for due in &mut due {
                if due.at <= Instant::now() && self.step(due.step).is_break() {
                    return self.ended();
                }
                // Not from when it was due: a step that takes long is not followed by a crowd of others.
                if due.at <= Instant::now() {
                    due.at = Instant::now() + due.every;
                }
            }
        }
        let _ = self.step(Step::Integrate).is_continue() && self.step(Step::Checkpoint).is_continue();
        self.ended();
    }

    /// Sleeps until then; whether it was told to stop.
    fn waited_in_vain(&self, until: Option<Instant>) -> bool {
        let mut state = self.state();
        loop {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if state.stop || left.is_zero() {
                return state.stop;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Does a step, and tells how it went. It breaks off when the vault is locked.
    fn step(&self, step: Step) -> std::ops::ControlFlow<()> {
        let done = match step {
            Step::Integrate => self.vault.integrate().and_then(|_| self.size()),
            Step::Checkpoint => self.sign(),
            Step::Witness => self.witness(),
        };
        let mut state = self.state();
        let before = state.keeping.clone();
        let flow = match done {
            Ok(()) => std::ops::ControlFlow::Continue(()),
            Err(Error::Locked) => std::ops::ControlFlow::Break(()),
            Err(_) => std::ops::ControlFlow::Continue(()),
        };
        match done {
            Ok(()) if state.keeping.hindered.is_some_and(|(failed, _)| failed == step) => {
                state.keeping.hindered = None;
            }
            Ok(()) => {}
            Err(error) => {
                if state.keeping.hindered != Some((step, error)) {
                    tracing::error!(%step, %error, "the journal is not kept");
                }
                state.keeping.hindered = Some((step, error));
            }
        }
        if state.keeping != before {
            self.changed.notify_all();
        }
        flow
    }

    /// Notes something, and wakes whoever waits for news.
    fn note(&self, note: impl FnOnce(&mut Keeping)) {
        note(&mut self.state().keeping);
        self.changed.notify_all();
    }

    fn size(&self) -> Result<(), Error> {
        let head = self.vault.read(|store, keyring| zamok_journal::Journal::new(store, keyring).head())?;
        let size = head.map_or(0, |head| head.size);
        if self.state().keeping.size != size {
            self.note(|keeping| keeping.size = size);
        }
        Ok(())
    }

    fn sign(&self) -> Result<(), Error> {
        let signed = self.vault.checkpoint()?.checkpoint().size;
        if self.state().keeping.signed.is_none_or(|(before, _)| before != signed) {
            let now = self.vault.now();
            self.note(|keeping| {
                keeping.signed = Some((signed, now));
                keeping.size = keeping.size.max(signed);
            });
        }
        Ok(())
    }

    fn witness(&self) -> Result<(), Error> {
        let Some(cosigners) = &self.cosigners else { return Ok(()) };
        let Cosigned { size, witnesses, is_quorum, refusals } = cosigners.cosign(&self.vault)?;
        let now = self.vault.now();
        self.note(|keeping| {
            keeping.witnesses = witnesses;
            keeping.refusals = refusals;
            if is_quorum && keeping.witnessed.is_none_or(|(before, _)| before < size) {
                keeping.witnessed = Some((size, now));
            }
        });
        if is_quorum { Ok(()) } else { Err(Error::Unwitnessed) }
    }

    fn ended(&self) {
        self.note(|keeping| keeping.ended = true);
    }
}
