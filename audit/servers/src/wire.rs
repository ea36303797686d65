//! A wire between clients and the socket of a server: it passes bytes on until a trap stalls it or cuts it.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Cluster;
use crate::cluster::{free_port, url};

/// In which direction bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server: a question.
    ToServer,
    /// From the server to the client: an answer.
    ToClient,
}

/// What happens to the connection on which a trap springs. Later connections are not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing passes in this direction any more, until [`Wire::release`] passes on what was held back, even when the
    /// client has gone away meanwhile.
    Stall,
    /// Both sides are closed.
    Cut,
}

/// Springs once, after so many more bytes have passed in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The direction whose bytes count.
    pub way: Way,
    /// How many bytes still pass.
    pub after: u64,
    /// What happens then.
    pub what: What,
}

/// A socket whose connections lead to a server, until it is dropped.
#[derive(Debug)]
pub struct Wire {
    folder: TempDir,
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    trap: Option<Trap>,
    sprung: bool,
    released: bool,
    passed: [u64; 2],
    runs: Vec<Way>,
    ended: bool,
}

impl Wire {
    /// A wire to the socket of this server.
    ///
    /// # Panics
    /// When no socket can be made.
    #[must_use]
    pub fn to(cluster: &Cluster) -> Self {
        let folder = tempfile::Builder::new().prefix("zamok-wire-").tempdir().expect("a folder");
        let port = free_port();
        let listener = UnixListener::bind(folder.path().join(format!(".s.PGSQL.{port}"))).expect("a socket");
        let shared =
            Arc::new(Shared { server: cluster.socket(), state: Mutex::default(), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.state().ended {
                    return;
                }
                // No server, no connection: the client sees it closed.
                if let Ok(server) = UnixStream::connect(&accepting.server) {
                    accepting.connect(&client, &server);
                }
            }
        });
        Self { folder, port, shared }
    }

    /// The URL of a database through this wire.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url(self.folder.path(), self.port, database)
    }

    /// Sets a trap and counts from 0.
    pub fn set(&self, trap: Trap) {
        *self.shared.state() = State { trap: Some(trap), ..State::default() };
    }

    /// Takes the trap away and counts from 0.
    pub fn clear(&self) {
        *self.shared.state() = State::default();
    }

    /// How many bytes went to the server and to the client since the count began.
    #[must_use]
    pub fn passed(&self) -> (u64, u64) {
        let passed = self.shared.state().passed;
        (passed[0], passed[1])
    }

    /// In which directions bytes went since the count began, each named once for as long as nothing came the other way: a question and
    /// its answer are two, however many bytes they have.
    #[must_use]
    pub fn runs(&self) -> Vec<Way> {
        self.shared.state().runs.clone()
    }

    /// Whether the trap springs within this time.
    #[must_use]
    pub fn springs_within(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.shared.state();
        while !state.sprung {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            state = self.shared.wait(state, left);
        }
        true
    }

    /// Passes on what a stall has held back.
    pub fn release(&self) {
        self.shared.state().released = true;
        self.shared.changed.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        (state.ended, state.released) = (true, true);
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = UnixStream::connect(self.folder.path().join(format!(".s.PGSQL.{}", self.port)));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    fn connect(self: &Arc<Self>, client: &UnixStream, server: &UnixStream) {
        let ends = |from: &UnixStream, to: &UnixStream| Some((from.try_clone().ok()?, to.try_clone().ok()?));
        for (way, ends) in [(Way::ToServer, ends(client, server)), (Way::ToClient, ends(server, client))] {
            let Some((from, to)) = ends else { return };
            let shared = Arc::clone(self);
            thread::spawn(move || {
                shared.pass(way, &from, &to);
                // The other direction may still have something to say, except to someone who has gone away.
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    }

    fn pass(&self, way: Way, mut from: &UnixStream, mut to: &UnixStream) {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let free = self.count(way, count);
            if to.write_all(&buffer[..free]).is_err() {
                return;
            }
            if free == count {
                continue;
            }
            let mut state = self.state();
            let what = state.trap.map(|trap| trap.what);
            state.sprung = true;
            self.changed.notify_all();
            if what == Some(What::Cut) {
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
                return;
            }
            while !state.released {
                state = self.wait(state, Duration::from_secs(60));
            }
            drop(state);
            if to.write_all(&buffer[free..count]).is_err() {
                return;
            }
        }
    }

    /// How many of these bytes pass before the trap springs; the trap springs where some do not.
    fn count(&self, way: Way, count: usize) -> usize {
        let mut state = self.state();
        if state.runs.last() != Some(&way) {
            state.runs.push(way);
        }
        let passed = &mut state.passed[usize::from(way == Way::ToClient)];
        let before = *passed;
        *passed += u64::try_from(count).expect("a small number");
        let Some(trap) = state.trap.filter(|trap| trap.way == way && !state.sprung) else { return count };
        usize::try_from(trap.after.saturating_sub(before)).map_or(count, |free| free.min(count))
    }
}
