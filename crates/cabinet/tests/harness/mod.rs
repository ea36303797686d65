//! A cabinet over a store in memory with a clock that the test moves, and a phone that knows only a URI.
#![allow(dead_code, missing_docs, clippy::missing_panics_doc)]

use std::sync::Arc;

use zamok_cabinet::{
    Begun, Cabinet, Challenge, Enrolment, Error, MessageKind, Password, Policy, RequestId, Session, Settled,
};
use zamok_core::UnixTime;
use zamok_core::event::{Detail, EventKind};
use zamok_core::otp::{OtpKind, OtpUri, Totp, TotpParameters};
use zamok_core::store::{Change, ChangeId, MemoryStore, Outcome, Row, RowKey, Store};
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_journal::{Journal, Telling};

pub(crate) const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
pub(crate) const NOON: UnixTime = UnixTime(1_800_000_000);

/// The profile `strict`, with an Argon2 cost that a test can pay.
pub(crate) fn light_policy() -> Policy {
    let mut policy = Policy::strict();
    policy.password.cost = LIGHT;
    policy.recovery.cost = LIGHT;
    // Tests log in more often than people.
    policy.challenge.per_hour = 10_000;
    policy
}

pub(crate) struct House {
    pub(crate) cabinet: Cabinet,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<dyn Store>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()))
    }

    pub(crate) fn over(store: Arc<dyn Store>) -> Self {
        let clock = ManualClock::new(NOON);
        let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
        let vault = Vault::create(store.clone(), &Passphrase::from("open sesame, please"), options).unwrap();
        let cabinet = Cabinet::create(Arc::new(vault), "Zamok Bank", light_policy()).unwrap();
        Self { cabinet, clock, store }
    }

    /// A second handle on the same store, as another process would have it.
    pub(crate) fn another(&self) -> Cabinet {
        let options = Options { clock: Arc::new(self.clock.clone()), cost: LIGHT, ..Options::default() };
        let vault =
            Vault::unlock(self.store.clone(), &Passphrase::from("open sesame, please"), options).unwrap();
        Cabinet::open(Arc::new(vault)).unwrap().with_policy(light_policy())
    }

    /// Registers and enrols; the test code is spent, and the time is the next step's.
    pub(crate) fn citizen(&self, login: &str) -> Phone {
        self.cabinet.register(login, &password()).unwrap();
        let enrolment = self.enrolment(login);
        let offer = self.cabinet.offer_generator(&enrolment).unwrap();
        let phone = Phone::scan(offer.uri.as_str());
        self.cabinet.confirm_generator(&enrolment, &phone.code(self.clock_now())).unwrap();
        self.clock.advance(30);
        phone
    }

    pub(crate) fn clock_now(&self) -> UnixTime {
        self.cabinet.vault().now()
    }

    pub(crate) fn enrolment(&self, login: &str) -> Enrolment {
        match self.cabinet.begin_login(login, &password()).unwrap() {
            Begun::Enrol(enrolment) => enrolment,
            Begun::Code(_) => panic!("the account has a factor already"),
        }
    }

    pub(crate) fn challenge(&self, login: &str) -> Challenge {
        challenge(&self.cabinet, login).unwrap()
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
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// The codes of one kind that have arrived and were not read before, oldest first; everything else is read as well.
    pub(crate) fn arrived(&self, kind: MessageKind) -> Vec<String> {
        let messages = self.cabinet.outbox(100).unwrap();
        let of_kind = messages.iter().filter(|message| message.kind == kind);
        let codes = of_kind.filter_map(|message| message.field("code").map(str::to_owned)).collect();
        messages.iter().for_each(|message| self.cabinet.settle(message, Settled::HandedOver).unwrap());
        codes
    }

    /// Registers, and enrols a phone that codes are sent to; another one may be sent at once.
    pub(crate) fn texter(&self, login: &str, phone: &str) {
        self.cabinet.register(login, &password()).unwrap();
        let enrolment = self.enrolment(login);
        self.cabinet.offer_channel(&enrolment, phone).unwrap();
        let code = self.arrived(MessageKind::EnrolmentCode).remove(0);
        self.cabinet.confirm_factor(&enrolment, &code).unwrap();
        self.clock.advance(60);
    }

    pub(crate) fn login(&self, login: &str, phone: &Phone) -> Result<Session, Error> {
        self.cabinet.answer(&self.challenge(login), &phone.code(self.clock_now()), request())
    }
}

pub(crate) fn challenge(cabinet: &Cabinet, login: &str) -> Result<Challenge, Error> {
    match cabinet.begin_login(login, &password())? {
        Begun::Code(challenge) => Ok(challenge),
        Begun::Enrol(_) => panic!("the account has no factor yet"),
    }
}

pub(crate) fn password() -> Password {
    Password::new("correct horse battery")
}

/// A request that nobody made before.
pub(crate) fn request() -> RequestId {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    RequestId(id)
}

/// What a person holds: it has seen the URI, and nothing else.
pub(crate) struct Phone {
    totp: Totp,
}

impl Phone {
    pub(crate) fn scan(uri: &str) -> Self {
        let uri = OtpUri::parse(uri).unwrap();
        let OtpKind::Totp { period } = uri.kind() else { panic!("no TOTP key") };
        let parameters =
            TotpParameters { algorithm: uri.algorithm(), digits: uri.digits(), period, t0: UnixTime(0) };
        Self { totp: Totp::new(uri.secret(), parameters).unwrap() }
    }

    pub(crate) fn code(&self, now: UnixTime) -> String {
        self.totp.code_at(now).unwrap().to_string()
    }

    /// A code of the right form that no step near `now` has.
    pub(crate) fn wrong(&self, now: UnixTime) -> String {
        let near: Vec<String> = (0..9).map(|step| self.code(UnixTime(now.0 - 120 + 30 * step))).collect();
        (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
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

/// Whether an audit names the row.
pub(crate) fn is_named(house: &House, row: &RowKey) -> bool {
    let found = house.cabinet.vault().read(zamok_journal::audit).unwrap().findings;
    found.iter().any(|one| one.place == zamok_journal::Place::Row(row.clone()))
}
