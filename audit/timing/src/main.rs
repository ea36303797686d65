//! dudect (Reparaz, Balasch, Verbauwhede: "dude, is my code constant time?") over what must take the same time whatever the
//! secret is: two classes of inputs, a million measurements, Welch's t-test. `cargo xtask ct --timing` runs it and judges: below
//! a t of 5 nothing was seen; the planted comparison has to lie far above.
//!
//! Memcheck sees branches and addresses. This sees time, on the instructions that the machine really runs, SHA extensions and
//! AVX-512 included; and it sees noise. A single high value on a busy machine proves nothing; run it again.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Once;

use dudect_bencher::{BenchRng, Class, CtRunner, ctbench_main};
use rand::{Rng, RngExt};
use subtle::ConstantTimeEq;
use zamok_core::Env;
use zamok_core::UnixTime;
use zamok_core::hash::{HashAlgorithm, sha256};
use zamok_core::mac::{hmac_sha256, verify_hmac_sha256};
use zamok_core::otp::{Code, Digits, Totp, TotpParameters, TotpState, Window};
use zamok_core::secret::{HeapMemory, Secret};
use zamok_core::signature::{Algorithm, Backend, Portable, Prepared};
use zamok_core::store::{MemoryStore, Range, Row, RowKey, Store, Table};
use zamok_core::vault::one_time::{self, MovingFactor, OtpParameters};
use zamok_core::vault::{Committed, DataKeyId, Keyring, Role, Transaction, VaultId, VaultKeys, Writer};

const SAMPLES: usize = 1_000_000;
/// So many calls are measured together, since a clock ticks slower than one takes.
const TOGETHER: usize = 8;
const NOW: UnixTime = UnixTime(1_800_000_010);

fn side(rng: &mut BenchRng) -> Class {
    if rng.random::<bool>() { Class::Left } else { Class::Right }
}

/// Six digits, where they lie beside those of the other class and like them.
type Digits6 = [u8; 6];

/// Runs the check over texts of two classes, each with its time.
fn totp(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    algorithm: HashAlgorithm,
    text: impl Fn(&Totp, u64, Class, &mut BenchRng) -> Digits6,
) {
    restrict();
    let parameters = TotpParameters { algorithm, ..TotpParameters::default() };
    let totp = Totp::new(&Secret::new(b"12345678901234567890").expect("twenty bytes"), parameters)
        .expect("a period");
    let window = Window::steps(1, 1).expect("narrow");
    let inputs: Vec<(Class, UnixTime, Digits6)> = (0..SAMPLES)
        .map(|_| {
            let now = UnixTime(NOW.0 + u64::from(rng.random::<u32>()));
            let (class, step) = (side(rng), totp.step_at(now).expect("after T0"));
            let text = text(&totp, step, class, rng);
            (class, now, text)
        })
        .collect();
    for (class, now, text) in inputs {
        let state = TotpState { last_step: totp.step_at(now).ok().map(|step| step - 2), drift: 0 };
        let text = std::str::from_utf8(&text).expect("digits");
        runner.run_one(class, || {
            for _ in 0..TOGETHER {
                let _ = black_box(totp.check(black_box(text), now, window, &state, 2));
            }
        });
    }
}

fn code(totp: &Totp, step: u64) -> Digits6 {
    totp.code_of_step(step).as_str().as_bytes().try_into().expect("six digits")
}

/// Left: the code of the first step of the window. Right: that of the last. Both are right: whether a code was is told anyway.
fn place(totp: &Totp, step: u64, class: Class, _: &mut BenchRng) -> Digits6 {
    code(totp, if matches!(class, Class::Left) { step - 1 } else { step + 1 })
}

/// Left: a code that is wrong in its last digit alone. Right: one that is wrong in every digit. Neither is right.
fn nearness(totp: &Totp, step: u64, class: Class, rng: &mut BenchRng) -> Digits6 {
    let (mut text, first) = (code(totp, step), if matches!(class, Class::Left) { 5 } else { 0 });
    for digit in &mut text[first..] {
        *digit = b'0' + (*digit - b'0' + 1 + (rng.random::<u32>() % 9) as u8) % 10;
    }
    text
}

/// Goes by the kernels that `ZAMOK_VARIANT` names and no others; without it, by those that the machine chooses.
fn restrict() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Ok(name) = std::env::var("ZAMOK_VARIANT") {
            let named = zamok_lanes::variants().find(|variant| variant.to_string() == name);
            zamok_lanes::restrict_to(named.unwrap_or_else(|| panic!("no `{name}` on this machine")));
        }
    });
}

fn totp_sha1_place(runner: &mut CtRunner, rng: &mut BenchRng) {
    totp(runner, rng, HashAlgorithm::Sha1, place);
}

fn totp_sha1_nearness(runner: &mut CtRunner, rng: &mut BenchRng) {
    totp(runner, rng, HashAlgorithm::Sha1, nearness);
}

fn totp_sha256_place(runner: &mut CtRunner, rng: &mut BenchRng) {
    totp(runner, rng, HashAlgorithm::Sha256, place);
}

fn totp_sha256_nearness(runner: &mut CtRunner, rng: &mut BenchRng) {
    totp(runner, rng, HashAlgorithm::Sha256, nearness);
}

fn totp_sha512_place(runner: &mut CtRunner, rng: &mut BenchRng) {
    totp(runner, rng, HashAlgorithm::Sha512, place);
}

fn totp_sha512_nearness(runner: &mut CtRunner, rng: &mut BenchRng) {
    totp(runner, rng, HashAlgorithm::Sha512, nearness);
}

/// Left: codes that are the same. Right: codes that differ in the first digit.
fn code_compare(runner: &mut CtRunner, rng: &mut BenchRng) {
    let parse = |text: &str| Code::parse(text, Digits::SIX).expect("six digits");
    let inputs: Vec<(Class, Code, Code)> = (0..SAMPLES)
        .map(|_| {
            let tail = rng.random::<u32>() % 100_000;
            match side(rng) {
                Class::Left => (Class::Left, parse(&format!("1{tail:05}")), parse(&format!("1{tail:05}"))),
                Class::Right => (Class::Right, parse(&format!("1{tail:05}")), parse(&format!("2{tail:05}"))),
            }
        })
        .collect();
    for (class, one, other) in inputs {
        runner.run_one(class, || {
            for _ in 0..TOGETHER {
                black_box(black_box(&one).ct_eq(black_box(&other)).unwrap_u8());
            }
        });
    }
}

/// Left: a tag that is wrong in its first byte. Right: one that is wrong in its last.
fn tag_verify(runner: &mut CtRunner, rng: &mut BenchRng) {
    let key = [0x0b; 32];
    let right = hmac_sha256(&key, &[b"message"]);
    let inputs: Vec<(Class, [u8; 32])> = (0..SAMPLES)
        .map(|_| {
            let (class, mut tag) = (side(rng), right);
            tag[if matches!(class, Class::Left) { 0 } else { 31 }] ^= 0x40;
            (class, tag)
        })
        .collect();
    for (class, tag) in inputs {
        runner.run_one(class, || {
            let _ = black_box(verify_hmac_sha256(&key, &[b"message"], black_box(&tag)));
        });
    }
}

const DATA_KEY: [u8; 32] = [0x77; 32];

fn keyring() -> Keyring {
    let keys = VaultKeys::alike(&[(DataKeyId(1), &DATA_KEY)]);
    Keyring::new(VaultId([0x5a; 16]), Role::User, keys, &HeapMemory).expect("one key")
}

/// A sealed record as a vault writes it, of a key for codes, with its place.
fn sealed(rng: &mut BenchRng) -> (RowKey, Row) {
    let (store, keyring, mut stream) = (MemoryStore::new(), keyring(), Stream(rng));
    let mut env = Env { now: NOW, rng: &mut stream };
    let chain = Writer::new("log", &mut env);
    let mut tx = Transaction::begin(&store, &keyring, chain, env);
    let factor = MovingFactor::Time { period: 30 };
    let parameters = OtpParameters { factor, algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
    let made = one_time::generate(&mut tx, parameters, "a label", None).expect("a key");
    let pending = tx.prepare(made).expect("a change");
    assert!(matches!(pending.commit(), Ok(Committed::Done(..))));
    let mut rows = (0..64).map(Table).flat_map(|table| {
        let page = store.scan(table, &Range::all(), 100, None).expect("in memory");
        page.rows.into_iter().map(move |(key, row)| (RowKey::new(table, key), row))
    });
    rows.find(|(place, row)| keyring.open(place, row).is_ok()).expect("a record that opens")
}

/// Left: the commitment is wrong in its first byte. Right: in its last. Neither is opened.
fn unseal(runner: &mut CtRunner, rng: &mut BenchRng) {
    let keyring = keyring();
    let (place, row) = sealed(rng);
    // `docs/formats/record.md`: the header ends with the attributes; a salt of 32 bytes and the commitment follow.
    let attributes = keyring.open(&place, &row).expect("it opens as it was written").attributes;
    let length = u16::from_be_bytes([row.value[LENGTH_AT], row.value[LENGTH_AT + 1]]);
    let start = LENGTH_AT + 2 + usize::from(length);
    assert_eq!(row.value[LENGTH_AT + 2..start], attributes, "the header is laid out as the page says");
    let inputs: Vec<(Class, Row)> = (0..SAMPLES)
        .map(|_| {
            let (class, mut value) = (side(rng), row.value.clone());
            value[start + if matches!(class, Class::Left) { 32 } else { 63 }] ^= 0x40;
            (class, Row { version: row.version, value })
        })
        .collect();
    for (class, row) in inputs {
        runner.run_one(class, || {
            assert!(black_box(keyring.open(&place, black_box(&row))).is_err());
        });
    }
}

/// Where the length of the attributes stands: behind the magic, the format, the suite, the vault, the table, the row's key of 16 bytes with its
/// length, the key's number and the revision.
const LENGTH_AT: usize = 4 + 3 + 16 + 2 + 2 + 16 + 4 + 8;

struct Stream<'a>(&'a mut BenchRng);

impl rand::TryRng for Stream<'_> {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0.next_u32())
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0.next_u64())
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl rand::TryCryptoRng for Stream<'_> {}

/// Left: one private key. Right: another for each signature.
fn p256_sign(runner: &mut CtRunner, rng: &mut BenchRng) {
    let key = |seed: u64| {
        let scalar = sha256(&[b"a private key", &seed.to_be_bytes()]);
        Portable.signer(Algorithm::P256, &scalar).expect("it is done here").expect("a key")
    };
    // A pool, since making a key takes longer than signing. Both classes lie mixed in it: of two pools that differ in nothing but their
    // place, one took longer than the other (a t of 5.6 after half a million signatures).
    let pool: Vec<_> = (0..2048)
        .map(|number| match side(rng) {
            Class::Left => (Class::Left, key(0)),
            Class::Right => (Class::Right, key(1 + number)),
        })
        .collect();
    for (class, signer) in pool.iter().cycle().take(SAMPLES) {
        let mut stream = Stream(rng);
        // What is measured is called by `Fn`.
        let env = RefCell::new(Env { now: NOW, rng: &mut stream });
        runner.run_one(*class, || {
            let env = &mut *env.borrow_mut();
            black_box(signer.sign(Algorithm::P256.mechanism(), Prepared::Message(b"message"), env))
                .expect("a signature");
        });
    }
}

/// An ordinary comparison: the leak that has to be seen.
fn planted_compare(runner: &mut CtRunner, rng: &mut BenchRng) {
    let secret = [0x5c_u8; 256];
    let inputs: Vec<(Class, [u8; 256])> = (0..SAMPLES / 4)
        .map(|_| {
            let (class, mut guess) = (side(rng), secret);
            guess[if matches!(class, Class::Left) { 0 } else { 255 }] ^= 0x40;
            (class, guess)
        })
        .collect();
    for (class, guess) in inputs {
        runner.run_one(class, || {
            for _ in 0..TOGETHER {
                black_box(secret.iter().zip(black_box(&guess)).all(|(one, other)| one == other));
            }
        });
    }
}

ctbench_main!(
    totp_sha1_place,
    totp_sha1_nearness,
    totp_sha256_place,
    totp_sha256_nearness,
    totp_sha512_place,
    totp_sha512_nearness,
    code_compare,
    tag_verify,
    unseal,
    p256_sign,
    planted_compare
);
