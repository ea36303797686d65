//! A cabinet over a store in memory with a clock that the test moves, and a phone that knows only a URI.
#![allow(dead_code, missing_docs, clippy::missing_panics_doc)]

use std::sync::Arc;

use zamok_cabinet::{Begun, Cabinet, Challenge, Enrolment, Error, Password, Policy, RequestId, Session};
use zamok_core::UnixTime;
use zamok_core::otp::{OtpKind, OtpUri, Totp, TotpParameters};
use zamok_core::store::{MemoryStore, Store};
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{ManualClock, Options, Passphrase, Vault};

pub(crate) const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
pub(crate) const NOON: UnixTime = UnixTime(1_800_000_000);

/// The profile `strict`, with an Argon2 cost that a test can pay.
pub(crate) fn light_policy() -> Policy {
    let mut policy = Policy::strict();
    policy.password.cost = LIGHT;
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
