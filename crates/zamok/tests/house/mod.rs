//! A service in a file, its backups and restores, for tests of what comes after a loss.
#![allow(dead_code, missing_docs)]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zamok::account::AccountStep;
use zamok::backup::{
    AccountsReplayed, BackupKey, JournalEnd, Opener, Replay, Restored, Surviving, replay_accounts,
};
use zamok::guessing::{SpendPolicy, Throttle};
use zamok::otp::{Digits, Hotp, HotpParameters, OtpUri, Totp, TotpParameters, Window};
use zamok::{
    Argon2Cost, Clock, CoreError, Credential, Error, ManualClock, NewSlot, Options, OsRandom, Passphrase,
    Password, Policy, Role, Session, Settings, StoreUrl, UnixTime, UnlockPolicy, Vault, Zamok,
};
use zamok_core::Env;
use zamok_core::hash::HashAlgorithm;
use zamok_core::secret::Secret;
use zamok_core::store::{Range, Store, Table};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::{KeyId, KeyState, keys, spend};

pub(crate) const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
pub(crate) const NOON: UnixTime = UnixTime(1_800_000_000);
pub(crate) const SECRET: [u8; 20] = [0x31; 20];

pub(crate) fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

pub(crate) fn auditor() -> Passphrase {
    Passphrase::from("the auditor's own words")
}

pub(crate) fn backup_passphrase() -> Passphrase {
    Passphrase::from("another six random words")
}

pub(crate) fn password() -> Password {
    Password::new("correct horse battery")
}

pub(crate) fn options(now: UnixTime) -> Options {
    // An attempt that was killed is over at once: the clock of these tests stands still.
    let unlock = UnlockPolicy { free: 1000, attempt: 0, ..Options::default().unlock };
    let (clock, settling) = (Arc::new(ManualClock::new(now)), Duration::ZERO);
    Options { clock, cost: CHEAP, unlock, settling, ..Options::default() }
}

pub(crate) fn sqlite(path: &Path) -> Arc<dyn Store> {
    StoreUrl::Sqlite(path.into()).create().unwrap()
}

/// A service in a file: people, a generator, a session, recovery codes, an HOTP token, and a slot for the auditor.
pub(crate) struct House {
    pub folder: tempfile::TempDir,
    pub zamok: Zamok,
    pub clock: ManualClock,
    pub phone: Totp,
    pub session: Session,
    pub token: KeyId,
    pub recovery: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(NOON);
        let mut policy = Policy::strict();
        (policy.password.cost, policy.recovery.cost) = (CHEAP, CHEAP);
        let options = Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() };
        let store = sqlite(&folder.path().join("old.db"));
        let settings = Settings::new("Bank").with_policy(policy).with_options(options.clone());
        let zamok = Zamok::create_in(store.clone(), &passphrase(), settings).unwrap();
        let officer = Vault::unlock_as(Role::Officer, store, &passphrase(), options).unwrap();
        let secret = auditor();
        let secret = Credential::Passphrase(&secret);
        officer.add_slot(&NewSlot { role: Role::Auditor, label: "audit", secret, cost: CHEAP }).unwrap();
        for login in ["ivan", "olga", "boris"] {
            zamok.register(login, &password()).unwrap();
        }
        let enrolment = zamok.begin_enrolment("ivan", &password()).unwrap();
        let offer = zamok.offer_generator(&enrolment).unwrap();
        let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
        let parameters =
            TotpParameters { algorithm: uri.algorithm(), digits: uri.digits(), period: 30, t0: UnixTime(0) };
        let phone = Totp::new(uri.secret(), parameters).unwrap();
        zamok.confirm_generator(&enrolment, &code(&phone, clock.now())).unwrap();
        clock.advance(30);
        let session = zamok.log_in("ivan", &password(), &code(&phone, clock.now())).unwrap();
        let recovery = zamok.new_recovery_codes(&session).unwrap()[0].as_str().to_owned();
        let hotp = ImportedParameters::Hotp { parameters: parameters_of_token(), counter: 7 };
        let secret = Secret::new(&SECRET).unwrap();
        let token =
            zamok.vault().transact(|tx| one_time::import(tx, hotp, &secret, "a token", None)).unwrap();
        for number in 0..40_u16 {
            let _ = zamok.sign(&session, &number.to_be_bytes(), &format!("{number}.txt")).unwrap();
        }
        zamok.vault().checkpoint().unwrap();
        Self { folder, zamok, clock, phone, session, token, recovery }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn backup(&self, name: &str) -> PathBuf {
        backup(&self.zamok, &self.path(name), self.clock.now())
    }
}

pub(crate) fn backup(zamok: &Zamok, path: &Path, now: UnixTime) -> PathBuf {
    let mut random = OsRandom::new().unwrap();
    let env = Env { now, rng: &mut random };
    let key = BackupKey::from_passphrase(&backup_passphrase(), CHEAP, env).unwrap();
    let mut file = File::create_new(path).unwrap();
    zamok.vault().backup(&key, &mut file, &mut |_| {}).unwrap();
    path.into()
}

pub(crate) fn parameters_of_token() -> HotpParameters {
    HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX }
}

pub(crate) fn token_code(counter: u64) -> String {
    Hotp::new(&Secret::new(&SECRET).unwrap(), parameters_of_token()).code(counter).to_string()
}

/// Whether the code of this counter is taken.
pub(crate) fn takes(vault: &Vault, token: KeyId, counter: u64) -> Result<bool, CoreError> {
    let throttle = Throttle {
        free: 100,
        first_delay: 1,
        longest_delay: 1,
        disable_after: 1000,
        recent_limit: 1000,
        recent_span: 60,
    };
    let (window, look_ahead) = (Window::steps(1, 1)?, Window::look_ahead(10)?);
    let policy = SpendPolicy { window, drift_limit: 2, look_ahead, throttle };
    let verdict = vault.transact(|tx| spend::verify(tx, token, &token_code(counter), &policy))?;
    Ok(matches!(verdict, zamok::otp::Verdict::Accepted { .. }))
}

pub(crate) fn code(phone: &Totp, now: UnixTime) -> String {
    phone.code_at(now).unwrap().to_string()
}

pub(crate) fn opener(path: &Path) -> Result<Opener<BufReader<File>>, CoreError> {
    Opener::new(BufReader::new(File::open(path).unwrap()))
}

pub(crate) fn restore(target: Arc<dyn Store>, from: &Path, now: UnixTime) -> Result<Restored, CoreError> {
    let key = BackupKey::by_passphrase(opener(from)?.header(), &backup_passphrase())?;
    Vault::restore(target, &mut || opener(from), &key, &passphrase(), options(now), &mut |_| {})
}

pub(crate) fn restore_and_replay(
    target: Arc<dyn Store>,
    from: &Path,
    journal: Arc<dyn Store>,
    secret: &Passphrase,
    now: UnixTime,
) -> Result<(Restored, AccountsReplayed), CoreError> {
    restore_to(target, from, journal, secret, JournalEnd::Vouched, now)
}

pub(crate) fn restore_to(
    target: Arc<dyn Store>,
    from: &Path,
    journal: Arc<dyn Store>,
    secret: &Passphrase,
    end: JournalEnd,
    now: UnixTime,
) -> Result<(Restored, AccountsReplayed), CoreError> {
    let key = BackupKey::by_passphrase(opener(from)?.header(), &backup_passphrase())?;
    let mut accounts = AccountsReplayed::default();
    let mut above = |vault: &Arc<Vault>, surviving: &Surviving| {
        accounts = replay_accounts(vault, surviving).map_err(|error| match error {
            Error::Core(error) => error,
            other => panic!("{other}"),
        })?;
        Ok(())
    };
    let replay = Replay { store: journal, secret: Credential::Passphrase(secret), end, above: &mut above };
    let restored = Vault::restore_and_replay(
        target,
        &mut || opener(from),
        &key,
        &passphrase(),
        options(now),
        Some(replay),
        &mut |_| {},
    )?;
    Ok((restored, accounts))
}

pub(crate) fn open(path: &Path, now: UnixTime) -> Zamok {
    Zamok::open_in(sqlite(path), &passphrase(), options(now)).unwrap()
}

pub(crate) fn is_sound(zamok: &Zamok) {
    zamok.vault().integrate().unwrap();
    let report = zamok.audit_rows().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert!(zamok.audit_indexes(10).unwrap().is_empty());
}

pub(crate) fn count(store: &dyn Store, table: Table) -> usize {
    store.scan(table, &Range::all(), usize::MAX, None).unwrap().rows.len()
}

/// The file as one moment had it.
pub(crate) fn copied(from: &Path, to: &Path) -> PathBuf {
    let file = rusqlite::Connection::open(from).unwrap();
    file.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
    to.into()
}

/// What happens between the backup and the loss.
pub(crate) fn live_on(house: &House) -> KeyId {
    let zamok = &house.zamok;
    house.clock.advance(60);
    assert_eq!(takes(zamok.vault(), house.token, 8), Ok(true));
    assert_eq!(takes(zamok.vault(), house.token, 8), Ok(false));
    zamok.log_in("ivan", &password(), &code(&house.phone, house.clock.now())).unwrap();
    zamok.erase_account("olga", "asked for it").unwrap();
    zamok.suspend_account("boris", AccountStep::Suspend, "under suspicion").unwrap();
    zamok.register("anna", &password()).unwrap();
    let ivan = zamok.account_by_login("ivan").unwrap();
    let leaked = ivan.document_key;
    let change = |tx: &mut zamok::keys::Transaction<'_>| {
        keys::change_state(tx, leaked, KeyState::Compromised, "it leaked")
    };
    zamok.vault().transact(change).unwrap();
    // Some of it waits, and was never integrated.
    leaked
}
