//! Keys through the facade: codes that are computed here, never by a key that verifies them unless both were asked for by
//! name; copies that can do no more; nobody sets a counter back; a suspend in one process stops the next use in another.
#![allow(missing_docs)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zamok::event::EventKind;
use zamok::guessing::{SpendPolicy, Throttle};
use zamok::journal::Journal;
use zamok::keys::one_time::{self, ImportedParameters};
use zamok::keys::{
    self, Flag, Flags, KeyId, KeyKind, KeyState, Mechanism, Mechanisms, Narrowing, Purpose, Template,
    Transaction, Usage, Usages, finding, macs, signing, spend, versions, wrapping,
};
use zamok::otp::{Digits, Hotp, HotpParameters, OtpUri, Totp, TotpParameters, TotpState, Verdict, Window};
use zamok::secret::Secret;
use zamok::signature::Prepared;
use zamok::store::{MemoryStore, Store};
use zamok::{Argon2Cost, Clock, CoreError as Error, ManualClock, Options, Passphrase, Role, UnixTime, Vault};
use zamok_core::hash::HashAlgorithm;
use zamok_core::vault::keys::KEYS;
use zamok_store_conformance::Hooked;
use zamok_store_sqlite::SqliteStore;

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
const NOON: UnixTime = UnixTime(1_800_000_000);
const SECRET: &[u8] = b"12345678901234567890";
const HOTP: HotpParameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
const TOTP: TotpParameters =
    TotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX, period: 30, t0: UnixTime(0) };

struct House {
    store: Arc<MemoryStore>,
    clock: ManualClock,
    vault: Vault,
}

impl House {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::new(NOON));
        let options = options(&clock);
        let vault = Vault::create(store.clone(), &passphrase(), options).unwrap();
        Self { store, clock, vault }
    }

    fn open(&self, role: Role) -> Vault {
        Vault::unlock_as(role, self.store.clone(), &passphrase(), options(&self.clock)).unwrap()
    }

    fn import(&self, usages: &[Usage]) -> Result<KeyId, Error> {
        let kind = KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits };
        let mut template = Template::new(kind, Purpose::OneTimeCode).named("a token", None);
        template.usages = Usages::of(usages);
        let parameters = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
        let secret = Secret::new(SECRET).unwrap();
        self.vault.transact(|tx| one_time::import_from(tx, parameters, &secret, &template))
    }

    fn code(&self, key: KeyId) -> Result<String, Error> {
        self.vault.transact(|tx| spend::generate_code(tx, key)).map(|code| code.as_str().to_owned())
    }

    fn verify(&self, key: KeyId, code: &str) -> Result<Verdict, Error> {
        self.vault.transact(|tx| spend::verify(tx, key, code, &policy()))
    }
}

fn passphrase() -> Passphrase {
    Passphrase::from("six random words or more")
}

fn options(clock: &ManualClock) -> Options {
    Options { clock: Arc::new(clock.clone()), cost: CHEAP, ..Options::default() }
}

fn policy() -> SpendPolicy {
    SpendPolicy {
        window: Window::steps(1, 1).unwrap(),
        drift_limit: 2,
        look_ahead: Window::look_ahead(5).unwrap(),
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

#[test]
fn codes_are_computed_as_rfc_4226_has_them_and_each_counter_is_used_once() {
    let house = House::new();
    let key = house.import(&[Usage::GenerateCode]).unwrap();
    // RFC 4226 appendix D.
    for expected in
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    {
        assert_eq!(house.code(key).as_deref(), Ok(expected));
    }
    // Of threads that ask at once, each gets a counter of its own.
    let mut codes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| house.code(key).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let token = Hotp::new(&Secret::new(SECRET).unwrap(), HOTP);
    let mut expected: Vec<_> = (10..18).map(|counter| token.code(counter).as_str().to_owned()).collect();
    codes.sort();
    expected.sort();
    assert_eq!(codes, expected);
    // RFC 6238 appendix B has the same secret: time 59 and SHA-1 give 94287082, of which six digits are 287082.
    let template = Template {
        usages: Usages::of(&[Usage::GenerateCode]),
        ..Template::new(
            KeyKind::Totp { algorithm: TOTP.algorithm, digits: TOTP.digits, period: 30, t0: 0 },
            Purpose::OneTimeCode,
        )
    };
    let parameters = ImportedParameters::Totp { parameters: TOTP, state: TotpState::default() };
    let secret = Secret::new(SECRET).unwrap();
    let timed = house.vault.transact(|tx| one_time::import_from(tx, parameters, &secret, &template)).unwrap();
    let phone = Totp::new(&secret, TOTP).unwrap();
    assert_eq!(house.code(timed).unwrap(), phone.code_at(house.clock.now()).unwrap().as_str());
    let other = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
    let mixed = house.vault.transact(|tx| one_time::import_from(tx, other, &secret, &template));
    assert_eq!(mixed, Err(Error::KeyKind), "the template is of another kind");
}

#[test]
fn verifying_and_computing_exclude_each_other_unless_both_are_asked_for_by_name() {
    let house = House::new();
    let secret = Secret::new(SECRET).unwrap();
    let usual = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
    let usual = house.vault.transact(|tx| one_time::import(tx, usual, &secret, "", None)).unwrap();
    assert_eq!(house.code(usual), Err(Error::KeyUsage), "an operator mints no codes of users");
    let token = house.import(&[Usage::GenerateCode]).unwrap();
    assert_eq!(house.verify(token, "755224"), Err(Error::KeyUsage));
    let both = house.import(&[Usage::GenerateCode, Usage::VerifyCode]).unwrap();
    // Two counters: what is computed is not spent, what is spent is not computed twice.
    assert_eq!(house.code(both).as_deref(), Ok("755224"));
    assert_eq!(house.code(both).as_deref(), Ok("287082"));
    assert!(matches!(house.verify(both, "755224"), Ok(Verdict::Accepted { step: 0, .. })));
    assert_eq!(house.verify(both, "755224"), Ok(Verdict::Rejected));
    assert_eq!(house.code(both).as_deref(), Ok("359152"));
    // What was taken away does not come back, and nothing is added to what never was there.
    let only = |usage| Narrowing { usages: Some(Usages::of(&[usage])), ..Narrowing::default() };
    house.vault.transact(|tx| keys::narrow(tx, both, &only(Usage::VerifyCode))).unwrap();
    assert_eq!(house.code(both), Err(Error::KeyUsage));
    for key in [both, usual] {
        let widened = house.vault.transact(|tx| keys::narrow(tx, key, &only(Usage::GenerateCode)));
        assert_eq!(widened, Err(Error::KeyWidened));
    }
}

#[test]
fn a_key_that_is_made_to_compute_codes_is_shown_once_and_taken_into_use_by_hand() {
    let house = House::new();
    let kind = KeyKind::Totp { algorithm: TOTP.algorithm, digits: TOTP.digits, period: 30, t0: 0 };
    let mut template = Template::new(kind, Purpose::OneTimeCode);
    template.usages = Usages::of(&[Usage::GenerateCode]);
    let key = house.vault.transact(|tx| one_time::generate_from(tx, &template, 0)).unwrap();
    assert_eq!(house.code(key), Err(Error::KeyState(KeyState::PreActive)));
    let uri = house.vault.transact(|tx| one_time::provision(tx, key, "Bank", "vault")).unwrap();
    let uri = OtpUri::parse(uri.as_str()).unwrap();
    let activate =
        |tx: &mut Transaction<'_>| keys::change_state(tx, key, KeyState::Active, "the other side has it");
    house.vault.transact(activate).unwrap();
    let other_side = Totp::new(uri.secret(), TOTP).unwrap();
    assert_eq!(house.code(key).unwrap(), other_side.code_at(house.clock.now()).unwrap().as_str());
    let again = house.vault.transact(|tx| one_time::provision(tx, key, "Bank", "vault"));
    assert_eq!(again.map(drop), Err(Error::KeyState(KeyState::Active)), "never shown after it is in use");
}

#[test]
fn a_copy_can_do_what_is_left_of_the_original_and_no_more() {
    let house = House::new();
    let mut template = Template::new(KeyKind::Hmac, Purpose::Data).named("the original", None);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let key = house.vault.transact(|tx| keys::generate(tx, &template)).unwrap();
    let original = house.vault.transact(|tx| keys::info(tx, key)).unwrap();
    let narrowing = Narrowing {
        usages: Some(Usages::of(&[Usage::VerifyMac])),
        mechanisms: Some(Mechanisms::of(&[Mechanism::HmacSha256])),
        flags: Some(original.flags.without(Flags::of(&[Flag::Wrappable])).or(Flags::of(&[Flag::Audited]))),
        ..Narrowing::default()
    };
    house.clock.advance(5);
    let copy = house.vault.transact(|tx| keys::copy(tx, key, &narrowing, "the copy", None)).unwrap();
    let copied = house.vault.transact(|tx| keys::info(tx, copy)).unwrap();
    assert_eq!((copied.label.as_str(), copied.version, copied.state), ("the copy", 1, KeyState::Active));
    assert_eq!(copied.dates.created.0, original.dates.created.0 + 5);
    assert!(copied.flags.contains(Flag::NeverExtracted) && copied.flags.contains(Flag::Local), "its past");
    let found = house.vault.transact(|tx| finding::by_label(tx, "the copy", 10)).unwrap();
    assert_eq!(found.iter().map(|info| info.id).collect::<Vec<_>>(), [copy]);
    // The same secret: what one made, the other checks; and it makes nothing.
    let tagged = house.vault.transact(|tx| macs::tag(tx, key, Mechanism::HmacSha256, b"text")).unwrap();
    house.vault.transact(|tx| macs::check(tx, copy, Mechanism::HmacSha256, b"text", &tagged)).unwrap();
    let made = house.vault.transact(|tx| macs::tag(tx, copy, Mechanism::HmacSha256, b"text"));
    assert_eq!(made.map(drop), Err(Error::KeyUsage));
    let other = house.vault.transact(|tx| macs::check(tx, copy, Mechanism::HmacSha512, b"text", &tagged));
    assert_eq!(other, Err(Error::KeyMechanism));
    // A copy of the copy gives nothing back.
    let wider = Narrowing { usages: Some(original.usages), ..Narrowing::default() };
    assert_eq!(house.vault.transact(|tx| keys::copy(tx, copy, &wider, "", None)), Err(Error::KeyWidened));
    let wrappable = Narrowing { flags: Some(original.flags), ..Narrowing::default() };
    assert_eq!(house.vault.transact(|tx| keys::copy(tx, copy, &wrappable, "", None)), Err(Error::KeyWidened));
    // Each has a life of its own.
    house.vault.transact(|tx| keys::change_state(tx, copy, KeyState::Suspended, "test")).unwrap();
    house.vault.transact(|tx| macs::tag(tx, key, Mechanism::HmacSha256, b"text")).unwrap();
}

#[test]
fn what_may_not_be_copied_is_not() {
    let house = House::new();
    let copy = |key| house.vault.transact(|tx| keys::copy(tx, key, &Narrowing::default(), "", None));
    let make = |template: &Template<'_>| house.vault.transact(|tx| keys::generate(tx, template)).unwrap();
    // A code would be accepted once by each.
    assert_eq!(copy(house.import(&[Usage::VerifyCode]).unwrap()), Err(Error::KeyKind));
    let mut fixed = Template::new(KeyKind::P256, Purpose::Token);
    fixed.flags = fixed.flags.without(Flags::of(&[Flag::Copyable]));
    assert_eq!(copy(make(&fixed)), Err(Error::KeyFixed));
    assert_eq!(copy(make(&Template::new(KeyKind::Ed25519, Purpose::Checkpoint))), Err(Error::KeyPurpose));
    assert_eq!(copy(KeyId([9; 16])), Err(Error::UnknownKey));
    let key = make(&Template::new(KeyKind::P256, Purpose::Token));
    let long = house.vault.transact(|tx| keys::copy(tx, key, &Narrowing::default(), &"a".repeat(257), None));
    assert!(matches!(long, Err(Error::TooLong { given: 257, .. })));
    for state in [KeyState::Suspended, KeyState::Deactivated, KeyState::Compromised, KeyState::Destroyed] {
        house.vault.transact(|tx| keys::change_state(tx, key, state, "test")).unwrap();
        assert_eq!(copy(key), Err(Error::KeyState(state)));
    }
    let officer = house.open(Role::Officer);
    let key = make(&Template::new(KeyKind::P256, Purpose::Token));
    let copied = officer.transact(|tx| keys::copy(tx, key, &Narrowing::default(), "", None));
    assert_eq!(copied, Err(Error::Role(Role::Officer)));
    // Trust is given to one key, which has no copies.
    let (wrapper, other) = (Template::new(KeyKind::Aes256, Purpose::Wrapping), KeyKind::X25519);
    let (wrapper, untrusted) = (make(&wrapper), make(&wrapper));
    assert_eq!(copy(make(&Template::new(other, Purpose::Wrapping))), Err(Error::KeyPurpose));
    officer.transact(|tx| keys::trust(tx, wrapper, "test")).unwrap();
    assert_eq!(copy(wrapper), Err(Error::KeyPurpose));
    let mut wrappable = Template::new(KeyKind::Hmac, Purpose::Data);
    wrappable.flags = wrappable.flags.or(Flags::of(&[Flag::Wrappable]));
    let secret = make(&wrappable);
    let wrap = |by| house.vault.transact(|tx| wrapping::wrap(tx, by, secret, Mechanism::Envelope)).map(drop);
    assert_eq!(wrap(untrusted), Err(Error::KeyNotTrusted));
    assert_eq!(wrap(wrapper), Ok(()));
}

#[test]
fn a_suspend_in_one_handle_stops_the_next_use_in_another_with_a_warm_cache() {
    let house = House::new();
    let other = house.open(Role::User);
    let token = house.import(&[Usage::VerifyCode]).unwrap();
    let signer =
        house.vault.transact(|tx| keys::generate(tx, &Template::new(KeyKind::P256, Purpose::Token))).unwrap();
    let sign =
        |vault: &Vault| vault.transact(|tx| signing::sign(tx, signer, Purpose::Token, b"x", "")).map(drop);
    let phone = Hotp::new(&Secret::new(SECRET).unwrap(), HOTP);
    // Warm in both.
    for vault in [&house.vault, &other] {
        for _ in 0..3 {
            sign(vault).unwrap();
        }
    }
    assert!(matches!(house.verify(token, phone.code(0).as_str()), Ok(Verdict::Accepted { .. })));
    for (key, state) in [(signer, KeyState::Suspended), (token, KeyState::Suspended)] {
        other.transact(|tx| keys::change_state(tx, key, state, "lost")).unwrap();
    }
    assert_eq!(sign(&house.vault), Err(Error::KeyState(KeyState::Suspended)));
    assert_eq!(house.verify(token, phone.code(1).as_str()), Err(Error::KeyState(KeyState::Suspended)));
    other.transact(|tx| keys::change_state(tx, signer, KeyState::Active, "found")).unwrap();
    assert_eq!(sign(&house.vault), Ok(()));
    // So does a rotation: the next signature is the new version's.
    other
        .transact(|tx| versions::rotate(tx, signer, &versions::RotationPolicy { accept: None }, "due"))
        .unwrap();
    let signature = house.vault.transact(|tx| signing::sign(tx, signer, Purpose::Token, b"x", "")).unwrap();
    let (info, newest) = other.transact(|tx| signing::public_key(tx, signer)).unwrap();
    assert_eq!(info.version, 2);
    newest.verify(Mechanism::EcdsaSha256, Prepared::Message(b"x"), &signature.to_der()).unwrap();
}

#[test]
fn nobody_sets_a_counter_back_the_officer_included() {
    let house = House::new();
    let phone = Hotp::new(&Secret::new(SECRET).unwrap(), HOTP);
    let key = house.import(&[Usage::VerifyCode]).unwrap();
    let spent = |counter: u64| {
        assert_eq!(house.verify(key, phone.code(counter).as_str()), Ok(Verdict::Rejected), "{counter}");
    };
    for counter in [0, 1, 4] {
        assert!(matches!(house.verify(key, phone.code(counter).as_str()), Ok(Verdict::Accepted { .. })));
    }
    // Suspended and taken back by the officer, with its failures forgiven.
    let officer = house.open(Role::Officer);
    officer.transact(|tx| keys::change_state(tx, key, KeyState::Suspended, "test")).unwrap();
    officer.transact(|tx| spend::resume(tx, key, "test")).unwrap();
    (0..=4).for_each(spent);
    // Resynchronised with codes that are spent.
    let resynchronise = |vault: &Vault, first: u64| {
        let codes = [phone.code(first), phone.code(first + 1)];
        let codes = [codes[0].as_str(), codes[1].as_str()];
        vault.transact(|tx| spend::resynchronise(tx, key, codes, 100, &policy().throttle))
    };
    house.clock.advance(7200);
    assert_eq!(resynchronise(&house.vault, 2), Ok(Verdict::Rejected));
    assert_eq!(resynchronise(&officer, 9), Err(Error::Role(Role::Officer)), "who uses nobody's keys");
    house.clock.advance(7200);
    assert!(matches!(resynchronise(&house.vault, 9), Ok(Verdict::Accepted { .. })));
    house.clock.advance(7200);
    spent(9);
    house.clock.advance(7200);
    spent(10);
    assert!(matches!(house.verify(key, phone.code(11).as_str()), Ok(Verdict::Accepted { .. })));
    // Rewrapped under a new key, and read by another handle.
    officer.rotate(zamok::Family::Data).unwrap();
    officer.rewrap(&mut |_| {}).unwrap();
    house.clock.advance(7200);
    spent(11);
    // Rotated: the next version has a secret of its own, and the old codes are nobody's.
    let rotated = house
        .vault
        .transact(|tx| versions::rotate(tx, key, &versions::RotationPolicy { accept: None }, "due"));
    assert!(rotated.is_err(), "an OTP key is enrolled anew: {rotated:?}");
    // Wrapped out and in again, where that is allowed, it comes with what it has spent.
    let mut template =
        Template::new(KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits }, Purpose::OneTimeCode);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let parameters = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
    let secret = Secret::new(SECRET).unwrap();
    let movable =
        house.vault.transact(|tx| one_time::import_from(tx, parameters, &secret, &template)).unwrap();
    assert!(matches!(house.verify(movable, phone.code(3).as_str()), Ok(Verdict::Accepted { .. })));
    let wrapper = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    let by = house.vault.transact(|tx| keys::generate(tx, &wrapper)).unwrap();
    officer.transact(|tx| keys::trust(tx, by, "test")).unwrap();
    let wrapped = house.vault.transact(|tx| wrapping::wrap(tx, by, movable, Mechanism::Envelope)).unwrap();
    // Not while it is here, and not without what was spent of it after it was wrapped.
    assert!(matches!(house.verify(movable, phone.code(4).as_str()), Ok(Verdict::Accepted { .. })));
    let unwrap = || house.vault.transact(|tx| wrapping::unwrap(tx, by, &wrapped, None));
    assert_eq!(unwrap(), Err(Error::KeyKind));
    for end in [KeyState::Deactivated, KeyState::Destroyed] {
        house.vault.transact(|tx| keys::change_state(tx, movable, end, "it has left")).unwrap();
    }
    let back = unwrap().unwrap();
    for counter in 0..=4 {
        assert_eq!(house.verify(back, phone.code(counter).as_str()), Ok(Verdict::Rejected), "{counter}");
    }
    house.clock.advance(7200);
    assert!(matches!(house.verify(back, phone.code(5).as_str()), Ok(Verdict::Accepted { .. })));
}

/// What a child process is to open, and the token whose codes it verifies there.
const PLACE: &str = "ZAMOK_KEYS_PLACE";
const TOKEN: &str = "ZAMOK_KEYS_TOKEN";
/// Begins each line that is meant for the parent: the test harness prints lines of its own.
const MARK: &str = "child: ";
/// Processes that guess at once, and guesses of each.
const PROCESSES: u32 = 4;
const EACH: u32 = 8;

/// A policy by which nothing is delayed, and the guess after all of theirs is one too many in a row.
fn patient() -> SpendPolicy {
    let policy = policy();
    let throttle = Throttle {
        free: u32::MAX,
        disable_after: PROCESSES * EACH + 1,
        recent_limit: u32::MAX,
        ..policy.throttle
    };
    SpendPolicy { throttle, ..policy }
}

/// A vault in a file that other processes open as well, with a token.
struct FileHouse {
    vault: Vault,
    token: KeyId,
    folder: tempfile::TempDir,
}

impl FileHouse {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::create(folder.path().join("vault.db")).unwrap());
        let vault = Vault::create(store, &passphrase(), options(&ManualClock::new(NOON))).unwrap();
        let parameters = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
        let secret = Secret::new(SECRET).unwrap();
        let token = vault.transact(|tx| one_time::import(tx, parameters, &secret, "a token", None)).unwrap();
        Self { vault, token, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    fn state(&self) -> KeyState {
        self.vault.transact(|tx| keys::info(tx, self.token)).unwrap().state
    }
}

/// In a process that a test has started: verifies the codes that it is told, one a line, and tells after how many looks at the rows
/// of the key what came of each. In any other process nothing, and `false`.
fn verified_for_its_parent() -> bool {
    let (Some(path), Ok(token)) = (std::env::var_os(PLACE), std::env::var(TOKEN)) else { return false };
    let token = KeyId(token.parse::<u128>().unwrap().to_be_bytes());
    let looks = Arc::new(AtomicU64::new(0));
    let counted = looks.clone();
    let store = Hooked::over(Arc::new(SqliteStore::open(path).unwrap())).on_get(move |store, key| {
        if [KEYS, spend::STATES].contains(&key.table) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        store.get(key)
    });
    let vault = Vault::unlock(Arc::new(store), &passphrase(), options(&ManualClock::new(NOON))).unwrap();
    tell("open");
    for line in std::io::stdin().lines() {
        let code = line.unwrap();
        let before = looks.load(Ordering::SeqCst);
        let verdict = loop {
            match vault.transact(|tx| spend::verify(tx, token, &code, &patient())) {
                // Other processes were faster all the time, and nothing was done: it asks again.
                Err(Error::Busy) => {}
                verdict => break verdict,
            }
        };
        let looks = looks.load(Ordering::SeqCst) - before;
        let answer = match verdict {
            Ok(Verdict::Accepted { .. }) => "accepted".to_owned(),
            Ok(Verdict::Rejected) => "rejected".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        tell(&format!("{looks} {answer}"));
    }
    true
}

/// Tells the parent, at once.
fn tell(line: &str) {
    let mut output = std::io::stdout().lock();
    // The harness may have left a line open.
    write!(output, "\n{MARK}{line}\n").and_then(|()| output.flush()).unwrap();
}

/// A child as its parent sees it; killed and reaped with this handle.
struct Other {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Other {
    /// The test of this name in a new process, once it has the vault open.
    fn start(test: &str, path: &Path, token: KeyId) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
        command.env(PLACE, path).env(TOKEN, u128::from_be_bytes(token.0).to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut other = Self { child, input, output };
        assert_eq!(other.hear(), "open");
        other
    }

    fn say(&mut self, code: &str) {
        writeln!(self.input, "{code}").unwrap();
    }

    /// What the child tells next.
    fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the child has ended");
            if let Some(told) = line.trim_end().strip_prefix(MARK) {
                return told.to_owned();
            }
        }
    }

    /// After how many looks at the rows of the key what came of a code.
    fn answer(&mut self) -> (u64, String) {
        let told = self.hear();
        let (looks, answer) = told.split_once(' ').unwrap();
        (looks.parse().unwrap(), answer.to_owned())
    }

    fn verify(&mut self, code: &str) -> (u64, String) {
        self.say(code);
        self.answer()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_suspend_in_one_process_stops_the_next_verification_in_another_with_a_warm_cache() {
    const NAME: &str = "a_suspend_in_one_process_stops_the_next_verification_in_another_with_a_warm_cache";
    if verified_for_its_parent() {
        return;
    }
    let house = FileHouse::new();
    let phone = Hotp::new(&Secret::new(SECRET).unwrap(), HOTP);
    let mut other = Other::start(NAME, &house.path(), house.token);
    let (looks, answer) = other.verify(phone.code(0).as_str());
    assert!(looks > 0 && answer == "accepted", "{looks} {answer}");
    assert_eq!(other.verify(phone.code(1).as_str()), (0, "accepted".to_owned()), "its cache is warm");
    house.vault.transact(|tx| keys::change_state(tx, house.token, KeyState::Suspended, "lost")).unwrap();
    let (looks, answer) = other.verify(phone.code(2).as_str());
    assert_eq!(answer, format!("{:?}", Error::KeyState(KeyState::Suspended)));
    assert!(looks > 0, "what it had in its cache was not believed");
    // Nothing else has stopped it, and the code was not spent.
    house.vault.transact(|tx| spend::resume(tx, house.token, "found")).unwrap();
    assert_eq!(other.verify(phone.code(2).as_str()).1, "accepted");
}

#[test]
fn parallel_wrong_guesses_of_several_processes_are_charged_one_by_one() {
    const NAME: &str = "parallel_wrong_guesses_of_several_processes_are_charged_one_by_one";
    // No code of the token that is looked at: RFC 4226 appendix D has the first ones.
    const WRONG: &str = "000000";
    if verified_for_its_parent() {
        return;
    }
    let house = FileHouse::new();
    let start = |_| Other::start(NAME, &house.path(), house.token);
    let mut others: Vec<Other> = (0..PROCESSES).map(start).collect();
    for other in &mut others {
        (0..EACH).for_each(|_| other.say(WRONG));
    }
    for other in &mut others {
        for _ in 0..EACH {
            assert_eq!(other.answer().1, "rejected");
        }
    }
    house.vault.integrate().unwrap();
    let read = house.vault.read(|store, keyring| Journal::new(store, keyring).range(0..u64::MAX));
    let told = read.unwrap();
    let rejected = told.iter().filter(|entry| entry.leaf.kind == EventKind::CodeRejected).count();
    assert_eq!(u32::try_from(rejected), Ok(PROCESSES * EACH), "each is in the journal");
    // So many failures in a row, and no other number: the next one, and it alone, is one too many.
    assert_eq!(house.state(), KeyState::Active);
    let next = house.vault.transact(|tx| spend::verify(tx, house.token, WRONG, &patient()));
    assert_eq!((next, house.state()), (Ok(Verdict::Rejected), KeyState::Suspended));
}
