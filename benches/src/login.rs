//! Whole logins: a right password, a challenge, its code, a session, all journalled. What a password costs is policy: it costs the
//! least that Argon2id allows, and over `MemoryStore` even that is taken off; access tokens are left out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;
use zamok_cabinet::{Begun, Cabinet, Password, Policy, RequestId};
use zamok_core::UnixTime;
use zamok_core::otp::{OtpUri, Totp, TotpParameters};
use zamok_core::store::{MemoryStore, Store};
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{Clock, Options, Passphrase, Vault, argon2id};
use zamok_store_sqlite::SqliteStore;

use crate::house::{House, folder, text};
use crate::pairs::{Effort, Measured, alone, interleaved, pair};
use crate::store::{CALLERS, Side};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "login-memory",
        work: "a login over MemoryStore, without the password's hash, no token",
        peer: "totp-rs, a bare check of one code",
        unit: "login or check",
        target: Target::AtMost(40.0),
        run: memory,
    },
    Comparison {
        id: "login-sqlite",
        work: "logins over SQLite, 64 callers",
        peer: "verify-and-spend over SQLite, 64 callers",
        unit: "ns of wall time a login or verification; the ratio is that of the rates",
        target: Target::AtLeast(0.2),
        run: sqlite,
    },
];

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const BEGIN: u64 = 1_800_000_000;
const PERIOD: u64 = 30;

#[derive(Debug)]
struct Due(AtomicU64);

impl Clock for Due {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }
}

/// A cabinet, its citizens, and what their phones know.
struct Town {
    cabinet: Cabinet,
    clock: Arc<Due>,
    phones: Vec<Totp>,
    logins: AtomicU64,
    _folder: Option<TempDir>,
}

impl Town {
    fn build(store: Arc<dyn Store>, citizens: usize, folder: Option<TempDir>) -> Result<Self, String> {
        let clock = Arc::new(Due(AtomicU64::new(BEGIN)));
        let options = Options { clock: clock.clone(), cost: CHEAP, ..Options::default() };
        let vault = Vault::create(store, &Passphrase::from("nobody is kept out of this vault"), options);
        let mut policy = Policy::strict();
        policy.password.cost = CHEAP;
        // The clock runs 30 s for each round, so that an hour holds more logins of one citizen than people make.
        policy.challenge.per_hour = 10_000;
        let cabinet = Cabinet::create(Arc::new(vault.map_err(text)?), "Bank", policy).map_err(text)?;
        let phones = (0..citizens).map(|number| enrol(&cabinet, number)).collect::<Result<_, _>>()?;
        Ok(Self { cabinet, clock, phones, logins: AtomicU64::new(0), _folder: folder })
    }

    /// The next citizen logs in, with the next code of the phone.
    fn login(&self) -> Result<(), String> {
        let turn = self.logins.fetch_add(1, Ordering::Relaxed);
        let count = self.phones.len() as u64;
        let (round, number) = (turn / count, usize::try_from(turn % count).map_err(text)?);
        let now = UnixTime(BEGIN + (round + 1) * PERIOD);
        self.clock.0.fetch_max(now.0, Ordering::SeqCst);
        let Begun::Code(challenge) = self.cabinet.begin_login(&login(number), &password()).map_err(text)?
        else {
            return Err(format!("citizen {number} has no factor"));
        };
        let code = self.phones[number].code_at(now).map_err(text)?;
        let mut request = [0; 16];
        request[..8].copy_from_slice(&turn.to_be_bytes());
        self.cabinet.answer(&challenge, code.as_str(), RequestId(request)).map_err(text)?;
        Ok(())
    }

    /// So many logins by all callers together; answers nanoseconds a login.
    fn turn(&self, count: usize) -> Result<f64, String> {
        let left = AtomicU64::new(count as u64);
        let begun = Instant::now();
        let done: Result<(), String> = thread::scope(|scope| {
            let caller = || -> Result<(), String> {
                let one = |left: u64| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one).is_ok() {
                    self.login()?;
                }
                Ok(())
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
            callers.into_iter().try_for_each(|caller| {
                caller.join().map_err(|_| "a caller panicked".to_owned()).and_then(|done| done)
            })
        });
        done?;
        Ok(begun.elapsed().as_secs_f64() * 1e9 / count as f64)
    }
}

fn login(number: usize) -> String {
    format!("citizen-{number}")
}

fn password() -> Password {
    Password::new("correct horse battery")
}

fn enrol(cabinet: &Cabinet, number: usize) -> Result<Totp, String> {
    cabinet.register(&login(number), &password()).map_err(text)?;
    let Begun::Enrol(enrolment) = cabinet.begin_login(&login(number), &password()).map_err(text)? else {
        return Err(format!("citizen {number} has a factor already"));
    };
    let offer = cabinet.offer_generator(&enrolment).map_err(text)?;
    let uri = OtpUri::parse(offer.uri.as_str()).map_err(text)?;
    let phone = Totp::new(uri.secret(), TotpParameters::default()).map_err(text)?;
    let code = phone.code_at(UnixTime(BEGIN)).map_err(text)?;
    cabinet.confirm_generator(&enrolment, code.as_str()).map_err(text)?;
    Ok(phone)
}

fn memory(effort: Effort) -> Result<Measured, String> {
    let town = Town::build(Arc::new(MemoryStore::new()), effort.size(256, 128), None)?;
    let theirs = totp_rs::Builder::new()
        .with_secret(b"12345678901234567890".to_vec())
        .with_skew(1)
        .build()
        .map_err(text)?;
    let code = theirs.generate(BEGIN).to_string();
    let mut problem = None;
    let mut measured = pair(
        effort,
        (1, 1),
        || {
            if let Err(found) = town.login() {
                problem = Some(found);
            }
        },
        || assert!(std::hint::black_box(theirs.check(&code, BEGIN)).is_some(), "the right code was rejected"),
    );
    if let Some(problem) = problem {
        return Err(problem);
    }
    // The least that the hash takes, so that no more is taken off than it took.
    let mut hash = [0; 32];
    let hashing = alone(effort, || {
        argon2id(b"correct horse battery", &[7; 16], CHEAP, &mut hash).expect("a cost within the bounds");
    });
    let whole = measured.ours;
    measured.ours -= hashing;
    measured.ratio *= measured.ours / whole;
    measured.ratio_min *= measured.ours / whole;
    let logins = town.logins.load(Ordering::Relaxed);
    measured.note = format!("{logins} logins; {whole:.0} ns with the hash, {hashing:.0} ns of them the hash");
    Ok(measured)
}

fn sqlite(effort: Effort) -> Result<Measured, String> {
    let folder = folder()?;
    let store = Arc::new(SqliteStore::create(folder.path().join("store.db")).map_err(text)?);
    let town = Town::build(store, effort.size(2_000, 200), Some(folder))?;
    let house = House::build(effort.size(10_000, 1_000))?;
    let spending = Side::new(&house, CALLERS);
    let count = effort.size(4_000, 400);
    let mut measured = interleaved(effort, || town.turn(count), || spending.turn(effort))?;
    measured.note = format!("{} logins", town.logins.load(Ordering::Relaxed));
    Ok(measured)
}
