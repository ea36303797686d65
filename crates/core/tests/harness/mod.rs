//! What the tests of the vault share: a store that can be told to misbehave, a scene with keys, randomness that repeats.
#![allow(dead_code, unused_imports)]

mod chance;
mod page;
mod store;

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use zamok_core::event::{Detail, Leaf, SpentCode, Subject};
use zamok_core::hash::{HashAlgorithm, sha256};
use zamok_core::otp::{Digits, Hotp, OtpUri, Totp, Verdict, Window};
use zamok_core::secret::HeapMemory;
use zamok_core::store::{EntryId, Range, Row, RowKey, Store, Table};
use zamok_core::vault::one_time::{self, MovingFactor, OtpParameters};
use zamok_core::vault::slot::{Argon2Cost, Key32, Method, Slot};
use zamok_core::vault::spend::{self, SpendPolicy, Throttle};
use zamok_core::vault::{
    Committed, DETAILS, DataKeyId, Entry, KeyId, KeyKind, Keyring, Purpose, Role, Tally, Transaction,
    VaultId, VaultKeys, Writer, doors, signing,
};
use zamok_core::wire::Reader;
use zamok_core::{Env, Error, UnixTime};

pub(crate) use self::chance::{Chance, Scripted};
pub(crate) use self::page::{bytes, page, python, repository, table, vector, vectors};
pub(crate) use self::store::{Lost, TestStore};

pub(crate) const NOON: u64 = 1_800_000_000;
pub(crate) const OWNER: Subject = Subject([0x0a; 16]);
pub(crate) const VAULT_ID: VaultId = VaultId([0x5a; 16]);

/// How often a test repeats itself: at `check`, `ci` (the default) and `full`.
pub(crate) fn tier(check: usize, ci: usize, full: usize) -> usize {
    match std::env::var("ZAMOK_TIER").as_deref() {
        Ok("check") => check,
        Ok("ci") | Err(std::env::VarError::NotPresent) => ci,
        Ok("full") => full,
        other => panic!("ZAMOK_TIER is check, ci or full, not {other:?}"),
    }
}

/// Tells a figure to whoever runs the tests.
pub(crate) fn tell(figure: &str) {
    let _ = writeln!(std::io::stderr(), "{figure}");
}

/// Policy with the numbers of the profile `strict`.
pub(crate) fn strict() -> SpendPolicy {
    SpendPolicy {
        window: Window::steps(1, 1).unwrap(),
        drift_limit: 2,
        look_ahead: Window::look_ahead(10).unwrap(),
        throttle: Throttle {
            free: 5,
            first_delay: 30,
            longest_delay: 3600,
            disable_after: 20,
            recent_limit: 30,
            recent_span: 30 * 24 * 3600,
        },
    }
}

/// The cost of the slots that [`new_vault`] makes; nothing here pays it.
pub(crate) const COST: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };

/// A new vault whose slots 0, 1 and 2 let in an officer, a user and an auditor, all with the same key; its keys, in
/// the hands of the user.
pub(crate) fn new_vault(store: &dyn Store, kek: &[u8; 32], mut env: Env<'_>) -> Result<Keyring, Error> {
    let vault = VaultId(env.random());
    let slots = [(0, Role::Officer), (1, Role::User), (2, Role::Auditor)].map(|(number, role)| {
        let slot = Slot::new(vault, number, role, Method::Passphrase(COST), "a door", &mut env);
        (slot, Key32::new(*kek))
    });
    doors::create(store, &slots, &HeapMemory, env)
}

/// Opens a vault of [`new_vault`] by one of its slots.
pub(crate) fn open_by(store: &dyn Store, number: u8, kek: &[u8; 32]) -> Result<Keyring, Error> {
    let slot = Slot::read(store, number)?;
    doors::open(store, &slot, &Key32::new(*kek), &HeapMemory)
}

/// Policy under which a test may guess as often as it likes.
pub(crate) fn generous() -> SpendPolicy {
    let throttle = Throttle {
        free: 1_000_000,
        first_delay: 1,
        longest_delay: 1,
        disable_after: 1_000_000,
        recent_limit: 1_000_000,
        recent_span: 1,
    };
    SpendPolicy { throttle, ..strict() }
}

/// A store with the keys of its vault, a clock that the test moves, and chains for the journal.
pub(crate) struct Scene {
    pub(crate) store: TestStore,
    pub(crate) keyring: Keyring,
    pub(crate) now: AtomicU64,
    seed: String,
    draws: AtomicU64,
    chains: Mutex<Vec<Writer>>,
}

impl Scene {
    pub(crate) fn new(seed: &str) -> Self {
        let keyring =
            Keyring::new(VAULT_ID, Role::User, VaultKeys::alike(&[(DataKeyId(1), &[0x77; 32])]), &HeapMemory)
                .unwrap();
        Self::over(TestStore::default(), keyring, seed)
    }

    pub(crate) fn over(store: TestStore, keyring: Keyring, seed: &str) -> Self {
        let (now, draws, chains) = (AtomicU64::new(NOON), AtomicU64::new(0), Mutex::default());
        Self { store, keyring, now, seed: seed.into(), draws, chains }
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime(self.now.load(Ordering::SeqCst))
    }

    pub(crate) fn set(&self, now: u64) {
        self.now.store(now, Ordering::SeqCst);
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn chance(&self) -> Chance {
        Chance::new(&self.seed, self.draws.fetch_add(1, Ordering::SeqCst))
    }

    pub(crate) fn chain(&self) -> Writer {
        let given_back = self.chains.lock().unwrap().pop();
        let mut chance = self.chance();
        given_back.unwrap_or_else(|| Writer::new("log", &mut Env { now: self.now(), rng: &mut chance }))
    }

    pub(crate) fn give_back(&self, chain: Writer) {
        self.chains.lock().unwrap().push(chain);
    }

    /// Runs `f` over a transaction of the officer of a vault that [`Scene::new`] made, and commits it.
    pub(crate) fn by_officer<T>(
        &self,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let keys = VaultKeys::alike(&[(DataKeyId(1), &[0x77; 32])]);
        let keyring = Keyring::new(VAULT_ID, Role::Officer, keys, &HeapMemory)?;
        let (chain, mut chance) = (self.chain(), self.chance());
        let env = Env { now: self.now(), rng: &mut chance };
        let mut tx = Transaction::begin(&self.store, &keyring, chain.clone(), env);
        let outcome = f(&mut tx).inspect_err(|_| self.give_back(chain))?;
        match tx.prepare(outcome)?.commit()? {
            Committed::Done(outcome, chain) => {
                self.give_back(chain);
                Ok(outcome)
            }
            Committed::Conflict(_) | Committed::Capped(_) => Err(Error::Busy),
        }
    }

    /// Runs `f` over a transaction and commits it, again and again while others are faster.
    pub(crate) fn transact<T>(
        &self,
        f: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.transact_with(&mut self.chance(), None, f)
    }

    pub(crate) fn transact_with<T>(
        &self,
        rng: &mut dyn rand_core::CryptoRng,
        tally: Option<&dyn Tally>,
        mut f: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            let chain = self.chain();
            let env = Env { now: self.now(), rng };
            let mut tx = Transaction::begin(&self.store, &self.keyring, chain.clone(), env);
            if let Some(tally) = tally {
                tx = tx.with_tally(tally);
            }
            let outcome = f(&mut tx).inspect_err(|_| self.give_back(chain.clone()))?;
            match tx.prepare(outcome)?.commit()? {
                Committed::Done(outcome, chain) => {
                    self.give_back(chain);
                    return Ok(outcome);
                }
                Committed::Conflict(_) => self.give_back(chain),
                Committed::Capped(_) => return Err(Error::Busy),
            }
        }
    }

    /// Runs `f` over a transaction that is then thrown away.
    pub(crate) fn try_out<T>(
        &self,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (chain, mut chance) = (self.chain(), self.chance());
        let env = Env { now: self.now(), rng: &mut chance };
        let outcome = f(&mut Transaction::begin(&self.store, &self.keyring, chain.clone(), env));
        self.give_back(chain);
        outcome
    }

    pub(crate) fn verify(&self, key: KeyId, code: &str, policy: &SpendPolicy) -> Result<Verdict, Error> {
        self.transact(|tx| spend::verify(tx, key, code, policy))
    }

    pub(crate) fn activate(&self, key: KeyId, code: &str) -> Result<Verdict, Error> {
        self.transact(|tx| spend::activate(tx, key, code, &strict()))
    }

    /// Ends an enrolment with the right test code.
    pub(crate) fn confirm(&self, key: KeyId, code: &str) {
        assert!(self.activate(key, code).unwrap().accepted().is_ok());
    }

    pub(crate) fn generate(&self, factor: MovingFactor) -> KeyId {
        let parameters = OtpParameters { factor, algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
        self.transact(|tx| one_time::generate(tx, parameters, "a label", Some(OWNER))).unwrap()
    }

    pub(crate) fn provision(&self, key: KeyId) -> Result<OtpUri, Error> {
        let text = self.transact(|tx| one_time::provision(tx, key, "Bank", "anna"))?;
        OtpUri::parse(text.as_str())
    }

    /// A pre-active TOTP key, and what a phone makes of its URI.
    pub(crate) fn offered_totp(&self) -> (KeyId, Totp) {
        let key = self.generate(MovingFactor::Time { period: 30 });
        let uri = self.provision(key).unwrap();
        (key, Totp::new(uri.secret(), uri.totp_parameters().unwrap()).unwrap())
    }

    /// An active TOTP key; its test code is spent, and the time is the next step's.
    pub(crate) fn totp(&self) -> (KeyId, Totp) {
        let (key, totp) = self.offered_totp();
        let code = totp.code_at(self.now()).unwrap().to_string();
        self.confirm(key, &code);
        self.wait(30);
        (key, totp)
    }

    /// An active HOTP key whose test code was that of `counter`.
    pub(crate) fn hotp(&self, counter: u64) -> (KeyId, Hotp) {
        let key = self.generate(MovingFactor::Counter(counter));
        let uri = self.provision(key).unwrap();
        let (parameters, first) = uri.hotp_parameters().unwrap();
        assert_eq!(first, counter);
        let hotp = Hotp::new(uri.secret(), parameters);
        self.confirm(key, &hotp.code(counter).to_string());
        (key, hotp)
    }

    pub(crate) fn signer(&self, purpose: Purpose) -> KeyId {
        self.transact(|tx| signing::generate(tx, KeyKind::P256, purpose, "a signer", Some(OWNER))).unwrap()
    }

    /// Every row, in order of tables and keys.
    pub(crate) fn rows(&self) -> Vec<(RowKey, Row)> {
        rows(&self.store)
    }

    pub(crate) fn row(&self, key: &RowKey) -> Row {
        self.store.get(key).unwrap().unwrap()
    }
}

/// Every row of the tables that are given away (`docs/formats/tables.md`).
pub(crate) fn rows(store: &dyn Store) -> Vec<(RowKey, Row)> {
    let page = |table| store.scan(Table(table), &Range::all(), usize::MAX, None).unwrap().rows;
    (0..64)
        .flat_map(|table| {
            page(table).into_iter().map(move |(key, row)| (RowKey::new(Table(table), key), row))
        })
        .collect()
}

/// A state row of an OTP key, read after `docs/formats/state.md` and not with the vault's own reader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StateFields {
    pub(crate) last_step: Option<u64>,
    pub(crate) drift: i32,
    pub(crate) next: u64,
    pub(crate) burned: u128,
    pub(crate) next_to_generate: u64,
    pub(crate) in_a_row: u32,
    pub(crate) recent: u32,
    pub(crate) recent_since: u64,
    pub(crate) not_before: u64,
    pub(crate) summed_up: u64,
    pub(crate) entry: EntryId,
}

impl Scene {
    /// The state row of a key as the store has it now.
    pub(crate) fn state(&self, key: KeyId) -> StateFields {
        let row = RowKey::new(Table(3), key.0);
        let stored = self.row(&row);
        let body = self.keyring.verify(&row, &stored).unwrap();
        let mut reader = Reader::new(body);
        assert_eq!((reader.u8().unwrap(), reader.array().unwrap(), reader.u32().unwrap()), (1, key.0, 1));
        let fields = StateFields {
            last_step: reader.optional_u64().unwrap(),
            drift: i32::from_be_bytes(reader.array().unwrap()),
            next: reader.u64().unwrap(),
            burned: u128::from_be_bytes(reader.array().unwrap()),
            next_to_generate: reader.u64().unwrap(),
            in_a_row: reader.u32().unwrap(),
            recent: reader.u32().unwrap(),
            recent_since: reader.u64().unwrap(),
            not_before: reader.u64().unwrap(),
            summed_up: reader.u64().unwrap(),
            entry: EntryId { writer: reader.array().unwrap(), sequence: reader.u64().unwrap() },
        };
        assert_eq!(reader.remaining(), 0);
        fields
    }

    /// Every journal entry in the order of its writing, with its detail; each is checked against its MAC and its row.
    pub(crate) fn journal(&self) -> Vec<Told> {
        let page = self.store.scan(EntryId::TABLE, &Range::all(), usize::MAX, None).unwrap();
        let read = |(key, row): (Vec<u8>, Row)| {
            let id = EntryId::of_row(&key).unwrap();
            let entry = Entry::open(&self.keyring, id, &row.value).unwrap();
            let leaf = Leaf::decode(&entry.leaf).unwrap();
            assert_eq!((leaf.entry, Entry::id_of(&row.value)), (id, Ok(id)));
            let detail = RowKey::new(DETAILS, id.to_bytes());
            let sealed = self.store.get(&detail).unwrap();
            assert_eq!(sealed.as_ref().map(|row| sha256(&[&row.value])), leaf.detail);
            let detail = match (sealed, leaf.spent) {
                (Some(row), None) => Detail::decode(&self.keyring.open(&detail, &row).unwrap().body).unwrap(),
                (None, spent) => spent.map_or_else(Detail::new, SpentCode::detail),
                (Some(_), Some(_)) => panic!("a code that is told twice"),
            };
            Told { id, entry, leaf, detail }
        };
        page.rows.into_iter().map(read).collect()
    }
}

/// What the journal was told.
pub(crate) struct Told {
    pub(crate) id: EntryId,
    pub(crate) entry: Entry,
    pub(crate) leaf: Leaf,
    pub(crate) detail: Detail,
}

/// Digits that the phone does not show now, nor in the steps around.
pub(crate) fn wrong(totp: &Totp, now: UnixTime) -> String {
    let step = totp.step_at(now).unwrap();
    let near: Vec<String> =
        (step.saturating_sub(6)..step + 6).map(|step| totp.code_of_step(step).to_string()).collect();
    (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
}
