//! A vault over a durable store, full of TOTP keys whose codes the bench can compute.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use zamok_core::event::Subject;
use zamok_core::otp::{Totp, TotpParameters, TotpState, Verdict, Window};
use zamok_core::secret::Secret;
use zamok_core::store::{RowKey, Store};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::{self, STATES, SpendPolicy, Throttle};
use zamok_core::vault::{KeyId, Transaction};
use zamok_core::{Error, UnixTime};
use zamok_host::{Clock, Options, Passphrase, Vault};
use zamok_store_sqlite::SqliteStore;

const BEGIN: u64 = 1_800_000_000;
const PERIOD: u64 = 30;
/// Keys that one commit of the building takes in.
const BATCH: usize = 250;

/// How codes are checked here; nothing is ever delayed, since every code is right.
const POLICY: SpendPolicy = SpendPolicy {
    // No future step: where two codes in a row are equal, the later one would be spent with the first.
    window: match Window::steps(2, 0) {
        Ok(window) => window,
        Err(_) => panic!("three steps are a window"),
    },
    // A caller that the machine held up must not teach the vault that a token is slow.
    drift_limit: 0,
    look_ahead: match Window::look_ahead(10) {
        Ok(window) => window,
        Err(_) => panic!("ten counters are a window"),
    },
    throttle: Throttle {
        free: 5,
        first_delay: 30,
        longest_delay: 3_600,
        disable_after: 20,
        recent_limit: 30,
        recent_span: 30 * 86_400,
    },
};

/// The time up to which codes are due. It only moves forward, whichever caller moves it.
#[derive(Debug)]
struct Due(AtomicU64);

impl Clock for Due {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }
}

/// A vault, its keys, and how many codes were spent.
pub(crate) struct House {
    vault: Vault,
    store: Arc<dyn Store>,
    clock: Arc<Due>,
    keys: Vec<KeyId>,
    spent: AtomicU64,
    flushes: Box<dyn Fn() -> u64 + Send + Sync>,
    _folder: Option<TempDir>,
}

/// A new folder on a file system that outlives the machine's power: beside the program.
pub(crate) fn folder() -> Result<TempDir, String> {
    let program = std::env::current_exe().map_err(text)?;
    let beside = program.parent().ok_or("the program lies nowhere")?;
    let folder = tempfile::tempdir_in(beside).map_err(text)?;
    if lies_in_memory(folder.path())? {
        return Err("the program lies in memory: set CARGO_TARGET_DIR to a folder on a disk".to_owned());
    }
    Ok(folder)
}

/// Whether what is written here is gone with the power.
pub(crate) fn lies_in_memory(folder: &Path) -> Result<bool, String> {
    let found = rustix::fs::statfs(folder).map_err(text)?;
    // linux/magic.h: TMPFS_MAGIC, RAMFS_MAGIC.
    Ok([0x0102_1994, 0x8584_58f6].contains(&found.f_type))
}

impl House {
    /// Over SQLite on a real file system, with so many keys, each of its own owner.
    pub(crate) fn build(keys: usize) -> Result<Self, String> {
        let folder = folder()?;
        let store = Arc::new(SqliteStore::create(folder.path().join("store.db")).map_err(text)?);
        let flushed = Arc::clone(&store);
        let house = Self::over(store, keys, move || flushed.flushes())?;
        Ok(Self { _folder: Some(folder), ..house })
    }

    /// The same over any store; `flushes` counts what was flushed in it.
    pub(crate) fn over(
        store: Arc<dyn Store>,
        keys: usize,
        flushes: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let clock = Arc::new(Due(AtomicU64::new(BEGIN)));
        let vault = create(Arc::clone(&store), clock.clone())?;
        let mut house = Self {
            vault,
            store,
            clock,
            keys: Vec::with_capacity(keys),
            spent: AtomicU64::new(0),
            flushes: Box::new(flushes),
            _folder: None,
        };
        while house.keys.len() < keys {
            let numbers = house.keys.len()..keys.min(house.keys.len() + BATCH);
            let taken: Vec<KeyId> = house
                .vault
                .transact(|tx| {
                    numbers.clone().map(|number| take_in(tx, number)).collect::<Result<_, Error>>()
                })
                .map_err(text)?;
            house.keys.extend(taken);
        }
        Ok(house)
    }

    /// Computes the next code of the next key, as its owner would, and has it verified and spent.
    /// The vault itself.
    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) fn spend(&self) -> Result<(), String> {
        let turn = self.spent.fetch_add(1, Ordering::Relaxed);
        let count = self.keys.len() as u64;
        let (round, number) = (turn / count, usize::try_from(turn % count).map_err(text)?);
        // Once round all keys, and the next code of each is due.
        let now = UnixTime(BEGIN + (round + 1) * PERIOD);
        self.clock.0.fetch_max(now.0, Ordering::SeqCst);
        let code = code(number, now).map_err(text)?;
        let verdict =
            self.vault.transact(|tx| spend::verify(tx, self.keys[number], &code, &POLICY)).map_err(text)?;
        match verdict {
            Verdict::Accepted { .. } => Ok(()),
            Verdict::Rejected => Err(format!("the right code of key {number} was rejected")),
        }
    }

    /// How many transactions were flushed.
    pub(crate) fn flushes(&self) -> u64 {
        (self.flushes)()
    }

    /// The row of a key's state, as the store holds it: what bare SQLite writes too.
    pub(crate) fn state_row(&self) -> Result<Vec<u8>, String> {
        let row = self.store.get(&RowKey::new(STATES, self.keys[0].0)).map_err(text)?;
        row.map(|row| row.value).ok_or("a key has no state".to_owned())
    }
}

fn create(store: Arc<dyn Store>, clock: Arc<Due>) -> Result<Vault, String> {
    let options =
        Options { clock, cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() };
    let passphrase = Passphrase::from("nobody is kept out of this vault");
    Vault::create(store, &passphrase, options).map_err(text)
}

fn secret(number: usize) -> Result<Secret, Error> {
    // 20 bytes that differ; nobody's secret.
    Secret::new(&Sha256::digest(number.to_be_bytes())[..20])
}

fn take_in(tx: &mut Transaction<'_>, number: usize) -> Result<KeyId, Error> {
    let parameters =
        ImportedParameters::Totp { parameters: TotpParameters::default(), state: TotpState::default() };
    let owner = Subject(tx.env().random());
    one_time::import(tx, parameters, &secret(number)?, "Bank", Some(owner))
}

fn code(number: usize, now: UnixTime) -> Result<String, Error> {
    Ok(Totp::new(&secret(number)?, TotpParameters::default())?.code_at(now)?.as_str().to_owned())
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
