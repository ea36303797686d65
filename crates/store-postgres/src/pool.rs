//! A bounded set of connections, made when they are needed, with a bounded wait and with pauses between failed attempts.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::Config;
use zamok_core::store::StoreFault;

use crate::fault;
use crate::link::{Link, Unconnected};
use crate::tls::Connector;
use crate::url::PostgresUrl;

/// The pause after the first failed attempt to connect; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The connections of one handle.
pub(crate) struct Pool {
    url: PostgresUrl,
    tls: Connector,
    slots: Mutex<Slots>,
    freed: Condvar,
    /// The process that made it.
    process: u32,
}

#[derive(Default)]
struct Slots {
    idle: Vec<Link>,
    /// Idle and lent ones, and those that are being made.
    open: usize,
    /// How many attempts to connect have failed in a row, and when the next one may be made.
    failures: u32,
    not_before: Option<Instant>,
}

impl Pool {
    pub(crate) fn new(url: PostgresUrl) -> Result<Self, StoreFault> {
        let tls = Connector::new(&url.tls)?;
        let process = std::process::id();
        Ok(Self { url, tls, slots: Mutex::default(), freed: Condvar::new(), process })
    }

    pub(crate) const fn url(&self) -> &PostgresUrl {
        &self.url
    }

    /// Whether this process inherited it by a fork: two processes that talk over one connection hear each other's answers.
    pub(crate) fn inherited(&self) -> bool {
        self.process != std::process::id()
    }

    /// A connection that was idle, else a new one, else the next that is given back.
    pub(crate) fn lend(&self, deadline: Instant) -> Result<Lent<'_>, StoreFault> {
        if self.inherited() {
            // Before any lock: a thread that held it did not survive the fork.
            return Err(StoreFault::Unavailable);
        }
        let mut slots = self.slots();
        loop {
            while let Some(mut link) = slots.idle.pop() {
                drop(slots);
                if link.is_alive() {
                    return Ok(Lent { pool: self, link: Some(link), is_new: false });
                }
                drop(link);
                slots = self.slots();
                slots.open -= 1;
            }
            if slots.open < self.url.pool {
                slots.open += 1;
                drop(slots);
                // From here on the place is given up again by `Lent`, whatever happens.
                let mut lent = Lent { pool: self, link: None, is_new: true };
                lent.link = Some(self.connect(deadline)?);
                return Ok(lent);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreFault::Unavailable);
            }
            slots = self.freed.wait_timeout(slots, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A connection that is not one of the pool's.
    pub(crate) fn connect(&self, deadline: Instant) -> Result<Link, StoreFault> {
        if self.inherited() {
            return Err(StoreFault::Unavailable);
        }
        let hosts = self.url.one_by_one()?;
        // What crowds can bring about is told from a server that is not there.
        let mut late = StoreFault::Unavailable;
        loop {
            let now = Instant::now();
            let pause = self.slots().not_before.map_or(Duration::ZERO, |then| then - now);
            if now + pause >= deadline {
                return Err(late);
            }
            thread::sleep(pause);
            match self.first_of(&hosts, deadline) {
                Ok(link) => {
                    let mut slots = self.slots();
                    (slots.failures, slots.not_before) = (0, None);
                    return Ok(link);
                }
                Err(Unconnected::Late) => return Err(late),
                Err(Unconnected::Refused(error)) => {
                    if let Some(fault) = fault::of_connecting(&error) {
                        return Err(fault);
                    }
                    if fault::is_crowded(&error) {
                        late = StoreFault::Contended;
                    }
                }
            }
            let mut slots = self.slots();
            slots.failures = slots.failures.saturating_add(1);
            slots.not_before = Some(Instant::now() + pause_after(slots.failures));
        }
    }

    /// A connection to the first host that gives one. One that takes it and then says nothing leaves the others their share of the
    /// time.
    fn first_of(&self, hosts: &[Config], deadline: Instant) -> Result<Link, Unconnected> {
        let mut last = Unconnected::Late;
        for (number, host) in hosts.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(hosts.len() - number).unwrap_or(u32::MAX);
            match Link::connect(host, &self.tls, Instant::now() + share) {
                Ok(link) => return Ok(link),
                // What keeps it from one that may be the primary counts, and not what a standby or a dead host says behind it.
                Err(_) if last.is_crowded() => {}
                Err(unconnected) => last = unconnected,
            }
        }
        Err(last)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn pretend_to_be_forked(&mut self) {
        self.process = self.process.wrapping_add(1);
    }
}

/// Between half and all of the doubled pause, so that many processes do not come back in step.
fn pause_after(failures: u32) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    let chance = u32::try_from(RandomState::new().build_hasher().finish() & 0xff).unwrap_or_default();
    whole / 2 + whole / 2 * chance / 0xff
}

impl Drop for Pool {
    /// Closes the connections; in a forked child it leaves them to the parent.
    fn drop(&mut self) {
        if self.inherited() {
            let slots = self.slots.get_mut().unwrap_or_else(PoisonError::into_inner);
            for link in std::mem::take(&mut slots.idle) {
                let _never_dropped = ManuallyDrop::new(link);
            }
        }
    }
}

/// A connection for one caller. It goes back when it is dropped, unless an answer is outstanding on it.
pub(crate) struct Lent<'a> {
    pool: &'a Pool,
    link: Option<Link>,
    is_new: bool,
}

impl Lent<'_> {
    /// Whether it was made for this caller: what its server says is so now.
    pub(crate) const fn is_new(&self) -> bool {
        self.is_new
    }
}

impl Deref for Lent<'_> {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.link.as_ref().expect("a link until it is dropped")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Link {
        self.link.as_mut().expect("a link until it is dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let link = self.link.take();
        if self.pool.inherited() {
            let _never_dropped = ManuallyDrop::new(link);
            return;
        }
        // Closed outside of the lock.
        let link = link.filter(Link::is_sound);
        let mut slots = self.pool.slots();
        match link {
            Some(link) => slots.idle.push(link),
            None => slots.open -= 1,
        }
        drop(slots);
        self.pool.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_are_never_in_step() {
        for (failures, whole) in [(1, 10), (2, 20), (5, 160), (8, 1_000), (40, 1_000)] {
            let pauses: Vec<Duration> = (0..50).map(|_| pause_after(failures)).collect();
            assert!(
                pauses.iter().all(|pause| (whole / 2..=whole).contains(&pause.as_millis())),
                "{pauses:?}"
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{failures}: all alike");
        }
    }

    #[test]
    fn a_forked_child_is_refused_before_any_lock() {
        let url = PostgresUrl::parse("postgres://nobody@%2Fnowhere/none").expect("a URL");
        let mut pool = Pool::new(url).expect("a pool");
        pool.pretend_to_be_forked();
        let held = pool.slots.lock().expect("a lock");
        assert!(matches!(pool.lend(Instant::now()), Err(StoreFault::Unavailable)));
        drop(held);
    }
}
