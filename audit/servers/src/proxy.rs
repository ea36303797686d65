//! A proxy between clients and a TCP server that stalls, cuts and repeats, by a schedule that is drawn from a seed.

use std::collections::VecDeque;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::wire::Way;

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing passes in this direction for so long.
    Stall(Duration),
    /// Both sides are closed.
    Cut,
    /// Everything that the client has said on this connection is said to the server once more, on another one, whose answers
    /// nobody hears.
    Repeat,
}

/// A mishap, after so many bytes have passed in one direction, over all connections, since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The direction whose bytes count.
    pub way: Way,
    /// How many bytes still pass.
    pub after: u64,
    /// What happens then, to the connection that they pass on.
    pub mishap: Mishap,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.way == Way::ToServer { "to the server" } else { "to the client" };
        let Self { after, .. } = self;
        match self.mishap {
            Mishap::Stall(length) => {
                write!(f, "{after} bytes {way}, then {} ms of nothing", length.as_millis())
            }
            Mishap::Cut => write!(f, "{after} bytes {way}, then a cut"),
            Mishap::Repeat => write!(f, "{after} bytes {way}, then all of it again"),
        }
    }
}

/// What goes wrong, in order. After the last turn everything passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    seed: u64,
    turns: Vec<Turn>,
}

impl Schedule {
    /// So many turns, each after at most `within` bytes: the three mishaps one after the other, their places and lengths by chance.
    ///
    /// # Panics
    /// Where `within` is 0.
    #[must_use]
    pub fn drawn(seed: u64, turns: usize, within: u64) -> Self {
        let mut state = seed;
        // SplitMix64 (Steele, Lea, Flood 2014).
        let mut below = |limit: u64| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % limit
        };
        let turn = |number: usize| {
            let (after, other) = (1 + below(within), below(2) == 0);
            let (way, mishap) = match number % 3 {
                0 => (other, Mishap::Stall(Duration::from_millis(50 + below(1000)))),
                1 => (other, Mishap::Cut),
                // A server's answers are heard once: to repeat them is the server's own part.
                _ => (true, Mishap::Repeat),
            };
            Turn { way: if way { Way::ToServer } else { Way::ToClient }, after, mishap }
        };
        Self { seed, turns: (0..turns).map(turn).collect() }
    }

    /// What happens.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}:", self.seed)?;
        self.turns.iter().try_for_each(|turn| write!(f, " {turn};"))
    }
}

/// A port whose connections lead to a server on this machine, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    /// What is still to come, and how far the first of it is.
    coming: Mutex<(VecDeque<Turn>, u64)>,
    ended: AtomicBool,
}

/// Longest speech of a client that is repeated, in bytes.
const LONGEST: usize = 1 << 20;
/// How long a repetition waits for the answers that nobody hears.
const HEARD_OUT: Duration = Duration::from_secs(1);

impl Proxy {
    /// A proxy to a server's port.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn to(server: u16, schedule: &Schedule) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let coming = Mutex::new((schedule.turns.iter().copied().collect(), 0));
        let shared = Arc::new(Shared { server, coming, ended: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                // No server, no connection: the client sees it closed.
                if let Ok(server) = accepting.connect() {
                    accepting.join(&client, &server);
                }
            }
        });
        Self { port, shared }
    }

    /// Where clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many turns are still to come.
    #[must_use]
    pub fn left(&self) -> usize {
        self.shared.coming.lock().unwrap_or_else(PoisonError::into_inner).0.len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn connect(&self) -> std::io::Result<TcpStream> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server))?;
        server.set_nodelay(true)?;
        Ok(server)
    }

    fn join(self: &Arc<Self>, client: &TcpStream, server: &TcpStream) {
        let _ = client.set_nodelay(true);
        let ends = |from: &TcpStream, to: &TcpStream| Some((from.try_clone().ok()?, to.try_clone().ok()?));
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

    fn pass(self: &Arc<Self>, way: Way, mut from: &TcpStream, mut to: &TcpStream) {
        let (mut buffer, mut said) = ([0; 16 << 10], Vec::new());
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let (free, mishap) = self.count(way, rest.len());
                let (now, later) = rest.split_at(free);
                if to.write_all(now).is_err() {
                    return;
                }
                if way == Way::ToServer && said.len() < LONGEST {
                    said.extend_from_slice(now);
                }
                rest = later;
                match mishap {
                    None => {}
                    Some(Mishap::Stall(length)) => thread::sleep(length),
                    Some(Mishap::Cut) => {
                        let _ = from.shutdown(Shutdown::Both);
                        let _ = to.shutdown(Shutdown::Both);
                        return;
                    }
                    Some(Mishap::Repeat) => self.repeat(said.clone()),
                }
            }
        }
    }

    fn repeat(self: &Arc<Self>, said: Vec<u8>) {
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let Ok(mut server) = shared.connect() else { return };
            let _ = server.set_read_timeout(Some(HEARD_OUT));
            let mut buffer = [0; 4096];
            if server.write_all(&said).is_ok() {
                while let Ok(1..) = server.read(&mut buffer) {}
            }
        });
    }

    /// How many of these bytes pass before the next turn, and what happens where some do not.
    fn count(&self, way: Way, count: usize) -> (usize, Option<Mishap>) {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let (turns, passed) = &mut *coming;
        let Some(turn) = turns.front().filter(|turn| turn.way == way).copied() else { return (count, None) };
        let free = turn.after.saturating_sub(*passed);
        match usize::try_from(free) {
            Ok(free) if free <= count => {
                turns.pop_front();
                *passed = 0;
                (free, Some(turn.mishap))
            }
            _ => {
                *passed += u64::try_from(count).expect("a small number");
                (count, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says back what it hears, and keeps what each connection said.
    fn echo() -> (u16, Arc<Mutex<Vec<Vec<u8>>>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keeps = Arc::clone(&heard);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let keeps = Arc::clone(&keeps);
                thread::spawn(move || {
                    let (mut all, mut buffer) = (Vec::new(), [0; 100]);
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        all.extend_from_slice(&buffer[..count]);
                        if stream.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                    keeps.lock().unwrap().push(all);
                });
            }
        });
        (port, heard)
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    fn soon(holds: impl Fn() -> bool) {
        let until = std::time::Instant::now() + PATIENCE;
        while !holds() {
            assert!(std::time::Instant::now() < until, "it does not happen");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn schedule(turns: &[(Way, u64, Mishap)]) -> Schedule {
        let turns =
            turns.iter().map(|(way, after, mishap)| Turn { way: *way, after: *after, mishap: *mishap });
        Schedule { seed: 0, turns: turns.collect() }
    }

    #[test]
    fn a_seed_is_one_schedule_and_tells_it() {
        let drawn = Schedule::drawn(7, 6, 1000);
        assert_eq!(drawn, Schedule::drawn(7, 6, 1000));
        assert_ne!(drawn, Schedule::drawn(8, 6, 1000));
        assert!(drawn.turns().iter().all(|turn| (1..=1000).contains(&turn.after)));
        let told = drawn.to_string();
        assert!(told.starts_with("seed 7: "), "{told}");
        assert_eq!((told.matches("a cut").count(), told.matches("again").count()), (2, 2), "{told}");
    }

    #[test]
    fn what_a_client_says_is_cut_where_the_schedule_says() {
        let (port, heard) = echo();
        let proxy = Proxy::to(port, &schedule(&[(Way::ToServer, 150, Mishap::Cut)]));
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        client.write_all(&[1; 400]).unwrap();
        let mut answers = Vec::new();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = client.read_to_end(&mut answers);
        assert!(answers.len() <= 150);
        soon(|| !heard.lock().unwrap().is_empty());
        assert_eq!(heard.lock().unwrap()[0].len(), 150);
        // Later connections pass.
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        client.write_all(&[2; 400]).unwrap();
        client.read_exact(&mut [0; 400]).unwrap();
        assert_eq!(proxy.left(), 0);
    }

    #[test]
    fn what_a_client_says_is_repeated_on_another_connection_and_a_stall_loses_nothing() {
        let (port, heard) = echo();
        let stall = Mishap::Stall(Duration::from_millis(30));
        let turns = [(Way::ToClient, 10, stall), (Way::ToServer, 20, Mishap::Repeat)];
        let proxy = Proxy::to(port, &schedule(&turns));
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        for byte in 0..40 {
            client.write_all(&[byte]).unwrap();
            let mut answer = [0];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [byte]);
        }
        drop(client);
        soon(|| heard.lock().unwrap().len() == 2);
        let mut heard = heard.lock().unwrap().clone();
        heard.sort_by_key(Vec::len);
        let all: Vec<u8> = (0..40).collect();
        assert_eq!(heard[1], all);
        assert!(heard[0].len() >= 20 && all.starts_with(&heard[0]), "{heard:?}");
    }
}
