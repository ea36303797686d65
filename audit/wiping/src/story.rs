//! What the process does with secrets: everything that a service does in a day, with secrets that are known by name.

use std::sync::{Arc, Mutex, PoisonError};

use zamok::keys::{self, KeyKind, Mechanism, Purpose, Template, ciphers, importing};
use zamok::otp::{Hotp, HotpParameters, OtpUri, Totp};
use zamok::protocols::token::{Grant, Shown};
use zamok::secret::{Secret, SecretMemory, SecretRegion};
use zamok::store::MemoryStore;
use zamok::{
    Approach, Argon2Cost, Clock, CoreError, ManualClock, Options, Passphrase, Password, Pin, Session,
    Settings, UnixTime, Zamok,
};
use zeroize::Zeroizing;

use crate::needles::{Needle, masked, plain};

/// How the story ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything is dropped.
    Dropped,
    /// The vault stays open; what the caller gave was dropped.
    Open,
}

const PASSPHRASE: [u8; 32] = masked(b"seven zebras juggle violet lamps");
const WRONG_PASSPHRASE: [u8; 28] = masked(b"seven zebras juggle no lamps");
const PASSWORD: [u8; 30] = masked(b"Marigold-quartz-umbrella-19-ok");
const AES_KEY: [u8; 32] = masked(b"\x8f\x11\x6e\xd3\x90\x2c\x57\xb1\x0a\xe4\x7b\x38\xcc\x95\x21\xf6\x4d\xa0\x19\x83\xde\x72\x3f\x5c\xe8\x06\xbb\x41\x97\x2a\xd5\x60");
const P256_KEY: [u8; 32] = masked(b"\x31\x9c\x44\xe7\x02\x5d\xb8\x6f\x13\xca\x79\x20\xf5\x8e\x3b\xd4\x61\x0f\x96\xaa\x57\xec\x08\xb3\x4e\xd9\x25\x70\xfb\x84\x1d\x62");
const OTP_SECRET: [u8; 64] = masked(b"an imported secret of a token that is as long as its hash asks..");
const MESSAGE: [u8; 40] = masked(b"the plain text that nobody else may read");

/// The secrets that are known before the story begins.
#[must_use]
pub fn known() -> Vec<Needle> {
    vec![
        Needle::new("passphrase", &PASSPHRASE),
        Needle::new("wrong passphrase", &WRONG_PASSPHRASE),
        Needle::new("password", &PASSWORD),
        Needle::new("AES key", &AES_KEY),
        Needle::new("P-256 key", &P256_KEY),
        Needle::new("imported one-time-password secret", &OTP_SECRET),
        Needle::new("plain text", &MESSAGE),
    ]
}

fn passphrase(masked: &[u8]) -> Passphrase {
    Passphrase::from(plain(masked).to_vec())
}

fn password() -> Password {
    Password::new(String::from_utf8(plain(&PASSWORD).to_vec()).expect("text"))
}

/// Memory for the keys of the vault as it is by default, that keeps a needle of each: they never come out otherwise.
struct Noting {
    inner: Arc<dyn SecretMemory>,
    held: Mutex<Vec<Needle>>,
}

impl SecretMemory for Noting {
    fn hold(&self, bytes: &[u8]) -> Result<Box<dyn SecretRegion>, CoreError> {
        let needle = Needle::of("key of the vault", bytes);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.contains(&needle) {
            held.push(needle);
        }
        self.inner.hold(bytes)
    }
}

/// Makes a vault, enrols and logs in a person, who uses a PIN, tokens and a recovery code, splits a key, uses imported keys. The needles of
/// what was made on the way come back: the one-time-password secret, the proofs of the device's token and of the refresh token, a recovery code,
/// and the key that was split with a share of it, in their forms, and the keys of the vault.
///
/// # Errors
/// Whatever the cabinet and the vault report.
pub fn tell(ending: Ending) -> Result<(Vec<Needle>, Option<Zamok>), zamok::Error> {
    let clock = Arc::new(ManualClock::new(UnixTime(1_800_000_000)));
    let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let noting = Arc::new(Noting { inner: Options::default().memory, held: Mutex::default() });
    let memory = noting.clone();
    let options = Options { clock: clock.clone(), memory, cost, idle: None, ..Options::default() };
    let mut policy = zamok::Policy::strict();
    policy.password.cost = cost;
    // The estimator of new passwords is a dependency that wipes nothing: SECURITY.md says so, and it is not looked at here.
    policy.password.strength = 0;
    policy.recovery.cost = cost;
    let store = Arc::new(MemoryStore::new());
    let settings = Settings::new("Bank").with_policy(policy).with_options(options.clone());
    drop(Zamok::create_in(store.clone(), &passphrase(&PASSPHRASE), settings)?);
    assert!(Zamok::open_in(store.clone(), &passphrase(&WRONG_PASSPHRASE), options.clone()).is_err());
    let zamok = Zamok::open_in(store, &passphrase(&PASSPHRASE), options)?;

    let mut needles = Vec::new();
    zamok.register("ivan", &password())?;
    let enrolment = zamok.begin_enrolment("ivan", &password())?;
    let offer = zamok.offer_generator(&enrolment)?;
    {
        let uri = OtpUri::parse(offer.uri.as_str())?;
        needles.push(Needle::of("one-time-password secret", uri.secret().expose()));
        let text = offer.uri.as_str();
        let base32 = text.split_once("secret=").map(|(_, rest)| rest.split('&').next().unwrap_or(rest));
        needles.push(Needle::of("one-time-password secret in base32", base32.unwrap_or(text).as_bytes()));
        let phone = Totp::new(uri.secret(), uri.totp_parameters().expect("the generator counts time"))?;
        zamok.confirm_generator(&enrolment, phone.code_at(clock.now())?.as_str())?;
        clock.advance(30);
        let session = zamok.log_in("ivan", &password(), phone.code_at(clock.now())?.as_str())?;
        zamok.sign(&session, b"I owe you 100.", "note.txt")?;
        personal(&zamok, &session, &mut needles)?;
    }
    drop(offer);
    shares(&zamok, &mut needles)?;
    // Behind a pointer: what is dropped there stays in the heap as it is left.
    let secret = Box::new(Secret::new(&plain(&OTP_SECRET))?);
    let token = Box::new(Hotp::new(&secret, HotpParameters::default()));
    assert_eq!(token.code(7).as_str().len(), 6);
    drop((secret, token));

    zamok.vault().transact(|tx| {
        let template = Template::new(KeyKind::Aes256, Purpose::Data).named("imported", None);
        let key = importing::raw(tx, &template, plain(&AES_KEY))?;
        let sealed = ciphers::seal(tx, key, Mechanism::XaesGcm, b"", &plain(&MESSAGE))?;
        let opened = ciphers::open(tx, key, Mechanism::XaesGcm, b"", &sealed)?;
        assert_eq!(opened.len(), MESSAGE.len());
        let template = Template::new(KeyKind::P256, Purpose::Document).named("imported too", None);
        let key = importing::raw(tx, &template, plain(&P256_KEY))?;
        keys::signing::sign(tx, key, Purpose::Document, b"a message", "a name").map(|_| ())
    })?;
    needles.append(&mut noting.held.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((needles, (ending == Ending::Open).then_some(zamok)))
}

/// What a person holds besides: a known device with a PIN, a refresh token, recovery codes, of which one is used. The parts of their
/// texts that name things are no secrets, and are left out.
fn personal(zamok: &Zamok, session: &Session, needles: &mut Vec<Needle>) -> Result<(), zamok::Error> {
    // A PIN is too short to be searched for; the token is what guards it.
    let device = zamok.trust_device(session, "phone")?;
    {
        let text = device.to_text();
        let digits = &text[text.len() - 64..];
        needles.push(Needle::of("token of a device", digits.as_bytes()));
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        let proof = Zeroizing::new((0..64).step_by(2).map(byte).collect::<Vec<u8>>());
        needles.push(Needle::of("proof of a device", &proof));
    }
    let session = zamok.session(session.id)?;
    let enrolment = zamok.begin_factor(&session)?;
    zamok.offer_pin(&session, &enrolment, &Pin::new("190357"))?;
    zamok.confirm_factor(&enrolment, "190357")?;
    let challenge = zamok.begin_login_by_device(&device, &Approach::default())?;
    let session = zamok.answer(&challenge, "190357", zamok.request_id()?)?;
    drop(device);

    let tokens = zamok.tokens("https://api.example");
    let first = tokens.grant(&session, &Grant::default()).expect("a family").refresh.to_text();
    let second = tokens.refresh(&first, &Shown::NOTHING).expect("the next").refresh.to_text();
    for token in [&first, &second] {
        // Behind the prefix, the family and the generation: 20 bytes, 27 characters.
        needles.push(Needle::of("refresh token", &token.as_bytes()[14 + 27..]));
    }
    drop((first, second));

    let codes = zamok.new_recovery_codes(&session)?;
    let code = codes[0].as_str();
    needles.push(Needle::of("recovery code", code.as_bytes()));
    needles.push(Needle::of("recovery code without hyphens", &letters(&code[2..])));
    zamok.recover("ivan", &password(), code)?;
    Ok(())
}

/// What is left of a text that people read, without what only makes it easier; it never grows out of its place.
fn letters(text: &str) -> Zeroizing<Vec<u8>> {
    let mut kept = Zeroizing::new(Vec::with_capacity(text.len()));
    kept.extend(text.bytes().filter(u8::is_ascii_alphanumeric));
    kept
}

/// A key that several people hold together, put together again from two of three shares.
fn shares(zamok: &Zamok, needles: &mut Vec<Needle>) -> Result<(), zamok::Error> {
    let (key, shares) = zamok.vault().new_shares(2, 3)?;
    needles.push(Needle::of("key that was split", key.expose()));
    let text = shares[1].to_text();
    // The last two of five lines are nothing but the share's value.
    let value = text.trim_end().match_indices('\n').nth(2).map_or("", |(at, _)| &text[at + 1..]);
    needles.push(Needle::of("share", value.as_bytes()));
    needles.push(Needle::of("share without blanks", &letters(value)));
    let read = [zamok::shares::Share::parse(&text)?, zamok::shares::Share::parse(&shares[2].to_text())?];
    assert_eq!(zamok::SecretKey::from_shares(&read)?.expose(), key.expose());
    Ok(())
}
