//! A cabinet with a clock that the test moves, and people who are logged in.
#![allow(dead_code, missing_docs)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zamok_cabinet::{Begun, Cabinet, Challenge, Error, Password, Policy, RequestId, Session};
use zamok_core::event::{Detail, EventKind};
use zamok_core::otp::{OtpUri, Totp, TotpParameters};
use zamok_core::store::{Change, ChangeId, MemoryStore, Outcome, Row, RowKey, Store};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{KeyId, KeyKind, Purpose, signing};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_journal::{Journal, Telling};

pub(crate) const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
pub(crate) const REJECTED: Error = Error::Core(CoreError::Rejected);
pub(crate) const NOON: u64 = 1_800_000_000;
pub(crate) const BANK: &str = "https://bank.example";

pub(crate) struct House {
    pub(crate) cabinet: Cabinet,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<dyn Store>,
}

pub(crate) struct Person {
    pub(crate) login: &'static str,
    totp: Totp,
    pub(crate) session: Session,
}

pub(crate) fn policy() -> Policy {
    let mut policy = Policy::strict();
    policy.password.cost = LIGHT;
    policy.recovery.cost = LIGHT;
    policy.challenge.per_hour = 10_000;
    policy
}

pub(crate) fn password() -> Password {
    Password::new("correct horse battery")
}

pub(crate) fn request() -> RequestId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    RequestId(id)
}

impl House {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), NOON)
    }

    pub(crate) fn over(store: Arc<dyn Store>, now: u64) -> Self {
        let clock = ManualClock::new(UnixTime(now));
        let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
        let vault = Vault::create(store.clone(), &Passphrase::from("a long passphrase"), options).unwrap();
        let cabinet = Cabinet::create(Arc::new(vault), "Zamok Bank", policy()).unwrap();
        Self { cabinet, clock, store }
    }

    /// The same over the same store, as another process has it, under the same or another policy.
    pub(crate) fn another(&self, policy: Policy) -> Self {
        Self::again(self.store.clone(), self.clock.clone(), policy)
    }

    pub(crate) fn again(store: Arc<dyn Store>, clock: ManualClock, policy: Policy) -> Self {
        let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
        let vault = Vault::unlock(store.clone(), &Passphrase::from("a long passphrase"), options).unwrap();
        Self { cabinet: Cabinet::open(Arc::new(vault)).unwrap().with_policy(policy), clock, store }
    }

    pub(crate) fn person(&self, login: &'static str) -> Person {
        self.cabinet.register(login, &password()).unwrap();
        let Begun::Enrol(enrolment) = self.cabinet.begin_login(login, &password()).unwrap() else { panic!() };
        let offer = self.cabinet.offer_generator(&enrolment).unwrap();
        let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
        let totp = Totp::new(uri.secret(), TotpParameters::default()).unwrap();
        let now = self.cabinet.vault().now();
        self.cabinet.confirm_generator(&enrolment, &totp.code_at(now).unwrap().to_string()).unwrap();
        let session = self.login(login, &totp);
        Person { login, totp, session }
    }

    fn login(&self, login: &str, totp: &Totp) -> Session {
        self.clock.advance(30);
        let challenge = self.challenge(login);
        let code = totp.code_at(self.cabinet.vault().now()).unwrap().to_string();
        self.cabinet.answer(&challenge, &code, request()).unwrap()
    }

    pub(crate) fn log_in(&self, person: &Person) -> Session {
        self.login(person.login, &person.totp)
    }

    pub(crate) fn challenge(&self, login: &str) -> Challenge {
        match self.cabinet.begin_login(login, &password()).unwrap() {
            Begun::Code(challenge) => challenge,
            Begun::Enrol(_) => panic!("{login} has no factor"),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.cabinet.vault().now().0
    }

    pub(crate) fn key(&self, kind: KeyKind, purpose: Purpose) -> KeyId {
        self.cabinet
            .vault()
            .transact(|tx| signing::generate(tx, kind, purpose, "a key of the test", None))
            .unwrap_or_else(|error: CoreError| panic!("{error}"))
    }

    pub(crate) fn pem(&self, key: KeyId) -> String {
        self.cabinet
            .vault()
            .transact(|tx| signing::spki_pem(tx, key))
            .unwrap_or_else(|error: CoreError| panic!("{error}"))
    }

    /// The details of all events of one kind, oldest first.
    pub(crate) fn events(&self, kind: EventKind) -> Vec<Detail> {
        self.cabinet.vault().integrate().unwrap();
        let read = self.cabinet.vault().read(|store, keyring| {
            let journal = Journal::new(store, keyring);
            let size = journal.head()?.map_or(0, |head| head.size);
            (0..size)
                .step_by(100)
                .map(|from| journal.range(from..(from + 100).min(size)))
                .collect::<Result<Vec<_>, _>>()
        });
        let of_kind = read.unwrap().into_iter().flatten().filter(|entry| entry.leaf.kind == kind);
        of_kind
            .map(|entry| match entry.detail {
                Telling::Told(detail) => detail,
                Telling::None => Detail::new(),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

impl Person {
    pub(crate) fn code(&self, house: &House) -> String {
        self.totp.code_at(house.cabinet.vault().now()).unwrap().to_string()
    }
}

/// The interpreter that has the Python peers.
pub(crate) fn python() -> Command {
    Command::new(std::env::var_os("ZAMOK_PYTHON").unwrap_or_else(|| "python3".into()))
}

/// A program of ours in another language, fed with JSON; what it answers.
pub(crate) fn asked(mut command: Command, question: &serde_json::Value) -> serde_json::Value {
    use std::io::Write as _;
    let program = format!("{command:?}");
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut input = child.stdin.take().unwrap();
    let text = question.to_string();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A program of `audit/peers`, which asks a peer.
pub(crate) fn peer(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../audit/peers", name].iter().collect()
}

/// Writes behind everybody's back: the row as it was, version and all, or none.
pub(crate) fn write_behind(store: &dyn Store, key: &RowKey, row: Option<&Row>) {
    let commit = |change: Change| assert_eq!(store.commit(&change).unwrap(), Outcome::Committed);
    let fresh = || Change::new(ChangeId(request().0));
    if let Some(now) = store.get(key).unwrap() {
        let mut away = fresh();
        away.delete(key.clone(), now.version).unwrap();
        commit(away);
    }
    let Some(row) = row else { return };
    let mut again = fresh();
    again.insert(key.clone(), row.value.clone()).unwrap();
    commit(again);
    for version in 1..row.version {
        let mut up = fresh();
        up.update(key.clone(), version, row.value.clone()).unwrap();
        commit(up);
    }
}
