//! A cabinet in memory with a clock that is moved by hand, and one account that is logged in.
#![allow(dead_code)]

use std::sync::Arc;

use zamok_cabinet::{Begun, Cabinet, Password, Policy, RequestId, Session};
use zamok_core::UnixTime;
use zamok_core::otp::{OtpUri, Totp, TotpParameters};
use zamok_core::store::MemoryStore;
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{ManualClock, Options, Passphrase, Vault};

/// The name of the service, which its tokens bear as their issuer.
pub const ISSUER: &str = "Bank";
/// The login of the account.
pub const LOGIN: &str = "anna";

const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

pub struct Bank {
    pub cabinet: Cabinet,
    pub clock: ManualClock,
}

impl Bank {
    pub fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let clock = ManualClock::new(UnixTime(1_800_000_000));
        let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
        let (store, passphrase) = (Arc::new(MemoryStore::new()), Passphrase::from("a long passphrase"));
        let vault = Vault::create(store, &passphrase, options).expect("a vault in memory");
        let mut policy = Policy::strict();
        policy.password.cost = LIGHT;
        policy.recovery.cost = LIGHT;
        change(&mut policy);
        let cabinet = Cabinet::create(Arc::new(vault), ISSUER, policy).expect("a cabinet in memory");
        cabinet.register(LOGIN, &password()).expect("nobody has this login");
        Self { cabinet, clock }
    }

    /// The present time.
    pub fn now(&self) -> UnixTime {
        self.cabinet.vault().now()
    }

    /// Enrols a generator for the account, and logs in with it.
    pub fn log_in(&self) -> Session {
        let begun = self.cabinet.begin_login(LOGIN, &password()).expect("the password is right");
        let Begun::Enrol(enrolment) = begun else { panic!("it has no factor yet") };
        let offer = self.cabinet.offer_generator(&enrolment).expect("a generator");
        let uri = OtpUri::parse(offer.uri.as_str()).expect("a URI");
        let totp = Totp::new(uri.secret(), TotpParameters::default()).expect("a period");
        let code = || totp.code_at(self.now()).expect("the time is positive").to_string();
        self.cabinet.confirm_generator(&enrolment, &code()).expect("the code is right");
        self.clock.advance(30);
        let begun = self.cabinet.begin_login(LOGIN, &password()).expect("the password is right");
        let Begun::Code(challenge) = begun else { panic!("it has a factor") };
        self.cabinet.answer(&challenge, &code(), RequestId([1; 16])).expect("the code is right")
    }
}

fn password() -> Password {
    Password::new("correct horse battery")
}
