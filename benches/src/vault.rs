//! Keys of the vault: looked up, checked and used through the handle, beside SoftHSM, OpenSSL and totp-rs.
//!
//! SoftHSM is loaded as a PKCS#11 module into this process. It reads where its tokens lie from `SOFTHSM2_CONF`: `main`
//! starts the program again with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism as Pkcs11Mechanism, MechanismType};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Digits, Totp, TotpParameters, TotpState, Window};
use zamok_core::secret::Secret;
use zamok_core::signature::{Backend, Portable, RsaBits};
use zamok_core::store::MemoryStore;
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::{self, SpendPolicy, Throttle};
use zamok_core::vault::{Committed, KeyId, KeyKind, Purpose, Transaction, Writer, finding, keys, signing};
use zamok_core::{Env, UnixTime};
use zamok_host::{AwsLc, ManualClock, Options, OsRandom, Passphrase, Vault};

use crate::house::text;
use crate::pairs::{Effort, Measured, interleaved, now};
use crate::{Comparison, Target};

/// Where Debian puts the module of SoftHSM.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The variable by which SoftHSM finds its configuration.
pub(crate) const CONFIGURATION: &str = "SOFTHSM2_CONF";
const MESSAGE: &[u8; 32] = b"a digest, or a message like one.";
const NOON: u64 = 1_800_000_000;
const SECRET: &[u8; 20] = b"12345678901234567890";

const fn row(
    id: &'static str,
    work: &'static str,
    peer: &'static str,
    target: Target,
    run: fn(Effort) -> Result<Measured, String>,
) -> Comparison {
    Comparison { id, work, peer, unit: "ns each", target, run }
}

pub(crate) const COMPARISONS: &[Comparison] = &[
    row("vault-rsa-softhsm", "RSA-2048 PSS, aws-lc", "SoftHSM 2.6", Target::AtLeast(3.0), |effort| {
        softhsm(effort, RSA, Arc::new(AwsLc))
    }),
    row(
        "vault-rsa-softhsm-portable",
        "RSA-2048 PSS, portable",
        "SoftHSM 2.6",
        Target::AtLeast(0.9),
        |effort| softhsm(effort, RSA, Arc::new(Portable)),
    ),
    row("vault-p256-softhsm", "P-256, aws-lc", "SoftHSM 2.6", Target::AtLeast(6.0), |effort| {
        softhsm(effort, KeyKind::P256, Arc::new(AwsLc))
    }),
    row("vault-p256-softhsm-portable", "P-256, portable", "SoftHSM 2.6", Target::AtLeast(1.8), |effort| {
        softhsm(effort, KeyKind::P256, Arc::new(Portable))
    }),
    row("vault-rsa-openssl", "RSA-2048 PSS, aws-lc", "OpenSSL", Target::AtLeast(0.9), |effort| {
        openssl(effort, RSA, Arc::new(AwsLc))
    }),
    row("vault-rsa-openssl-portable", "RSA-2048 PSS, portable", "OpenSSL", Target::Report, |effort| {
        openssl(effort, RSA, Arc::new(Portable))
    }),
    row("vault-p256-openssl", "P-256, aws-lc", "OpenSSL", Target::AtLeast(0.9), |effort| {
        openssl(effort, KeyKind::P256, Arc::new(AwsLc))
    }),
    row("vault-p256-openssl-portable", "P-256, portable", "OpenSSL", Target::Report, |effort| {
        openssl(effort, KeyKind::P256, Arc::new(Portable))
    }),
    row(
        "vault-verify-cold",
        "verify and spend, key sealed",
        "totp-rs 6, bare check",
        Target::AtMost(5.0),
        cold,
    ),
    row(
        "vault-verify-warm",
        "verify and spend, key kept",
        "totp-rs 6, bare check",
        Target::AtMost(4.0),
        warm,
    ),
    row("vault-find", "by label among 100,000", "SoftHSM among 1,000", Target::AtMost(0.01), find),
];

const RSA: KeyKind = KeyKind::Rsa { bits: RsaBits::Rsa2048 };

fn vault(backend: Arc<dyn Backend>, clock: &ManualClock) -> Result<Vault, String> {
    let cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let options = Options { cost, backend, clock: Arc::new(clock.clone()), ..Options::default() };
    Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a sentence"), options).map_err(text)
}

/// One turn of a piece of work: nanoseconds of this thread on the processor, each.
fn timed(effort: Effort, mut work: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let begun = now();
    let mut times = 0_u32;
    // The clock is asked after some calls: asking takes as long as a short piece of work.
    while times < 3 || now() - begun < 4 * effort.turn {
        for _ in 0..16 {
            work()?;
        }
        times += 16;
    }
    Ok((now() - begun).as_secs_f64() * 1e9 / f64::from(times))
}

/// Ratios of [`interleaved`] are of rates; where less time is the aim, they are turned over.
fn of_times(mut measured: Measured) -> Measured {
    (measured.ratio, measured.ratio_min) = (1.0 / measured.ratio, 1.0 / measured.ratio_min);
    measured
}

/// Our side of the signatures: a stored key, signing through the handle.
fn signer(kind: KeyKind, backend: Arc<dyn Backend>) -> Result<impl FnMut() -> Result<(), String>, String> {
    let vault = vault(backend, &ManualClock::new(UnixTime(NOON)))?;
    let key = vault.transact(|tx| signing::generate(tx, kind, Purpose::Token, "", None)).map_err(text)?;
    Ok(move || {
        let signed = vault.transact(|tx| signing::sign(tx, key, Purpose::Token, MESSAGE, ""));
        signed.map(|_| ()).map_err(text)
    })
}

fn softhsm(effort: Effort, kind: KeyKind, backend: Arc<dyn Backend>) -> Result<Measured, String> {
    let mut ours = signer(kind, backend)?;
    let token = Token::new()?;
    let (key, mechanism) = token.pair(kind)?;
    interleaved(
        effort,
        || timed(effort, &mut ours),
        || timed(effort, || token.session.sign(&mechanism, key, MESSAGE).map(|_| ()).map_err(text)),
    )
}

fn openssl(effort: Effort, kind: KeyKind, backend: Arc<dyn Backend>) -> Result<Measured, String> {
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::PKey;
    use openssl::rsa::{Padding, Rsa};
    use openssl::sign::{RsaPssSaltlen, Signer};
    let mut ours = signer(kind, backend)?;
    let key = if kind == RSA {
        Rsa::generate(2048).and_then(PKey::from_rsa).map_err(text)?
    } else {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).map_err(text)?;
        EcKey::generate(&group).and_then(PKey::from_ec_key).map_err(text)?
    };
    let theirs = || {
        let mut signer = Signer::new(MessageDigest::sha256(), &key).map_err(text)?;
        if kind == RSA {
            signer.set_rsa_padding(Padding::PKCS1_PSS).map_err(text)?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).map_err(text)?;
        }
        signer.sign_oneshot_to_vec(MESSAGE).map(|_| ()).map_err(text)
    };
    interleaved(effort, || timed(effort, &mut ours), || timed(effort, theirs))
}

/// A key with its codes in advance, one step after the other.
struct Codes {
    clock: ManualClock,
    vault: Vault,
    key: KeyId,
    codes: Vec<String>,
    next: usize,
}

impl Codes {
    /// Seconds before the first code.
    const FIRST: u64 = NOON;

    fn new(count: usize) -> Result<Self, String> {
        let clock = ManualClock::new(UnixTime(Self::FIRST));
        let vault = vault(Arc::new(AwsLc), &clock)?;
        let parameters = TotpParameters {
            algorithm: HashAlgorithm::Sha1,
            digits: Digits::SIX,
            period: 30,
            t0: UnixTime(0),
        };
        let secret = Secret::new(SECRET).map_err(text)?;
        let imported = ImportedParameters::Totp { parameters, state: TotpState::default() };
        let key = vault.transact(|tx| one_time::import(tx, imported, &secret, "", None)).map_err(text)?;
        let phone = Totp::new(&secret, parameters).map_err(text)?;
        let first = Self::FIRST / 30 + 1;
        let codes = (0..count as u64).map(|step| phone.code_of_step(first + step).to_string()).collect();
        Ok(Self { clock, vault, key, codes, next: 0 })
    }

    /// The next code, at its time.
    fn step(&mut self) -> Result<String, String> {
        self.clock.advance(30);
        let code = self.codes.get(self.next).cloned().ok_or("the codes are used up")?;
        self.next += 1;
        Ok(code)
    }
}

fn policy() -> Result<SpendPolicy, String> {
    let throttle = Throttle {
        free: 5,
        first_delay: 30,
        longest_delay: 3600,
        disable_after: 20,
        recent_limit: 30,
        recent_span: 30 * 24 * 3600,
    };
    let (window, look_ahead) = (Window::steps(1, 1).map_err(text)?, Window::look_ahead(10).map_err(text)?);
    Ok(SpendPolicy { window, drift_limit: 2, look_ahead, throttle })
}

/// So many codes in each turn.
fn turns(effort: Effort) -> (u32, usize) {
    let each = u32::try_from(effort.size(2_000, 400)).unwrap_or(400);
    (each, 12 * each as usize)
}

fn totp_rs(effort: Effort) -> Result<impl FnMut() -> Result<f64, String>, String> {
    let theirs = totp_rs::Builder::new()
        .with_secret(SECRET.to_vec())
        .with_skew(1)
        .build()
        .map_err(|error| format!("totp-rs: {error}"))?;
    let code = theirs.generate(NOON).to_string();
    Ok(move || {
        timed(effort, || {
            std::hint::black_box(theirs.check(std::hint::black_box(&code), NOON));
            Ok(())
        })
    })
}

fn warm(effort: Effort) -> Result<Measured, String> {
    let (each, count) = turns(effort);
    let (mut codes, policy) = (Codes::new(count)?, policy()?);
    let ours = || {
        let begun = now();
        for _ in 0..each {
            let code = codes.step()?;
            let key = codes.key;
            let verdict = codes.vault.transact(|tx| spend::verify(tx, key, &code, &policy)).map_err(text)?;
            let _spent = verdict.accepted().map_err(text)?;
        }
        Ok((now() - begun).as_secs_f64() * 1e9 / f64::from(each))
    };
    interleaved(effort, ours, totp_rs(effort)?).map(of_times)
}

/// Transactions without a place where keys are kept.
fn cold(effort: Effort) -> Result<Measured, String> {
    let (each, count) = turns(effort);
    let (mut codes, policy) = (Codes::new(count)?, policy()?);
    let mut random = OsRandom::new().map_err(text)?;
    let mut writer = Writer::new("compare", &mut Env { now: UnixTime(NOON), rng: &mut random });
    let ours = || {
        let begun = now();
        for _ in 0..each {
            let code = codes.step()?;
            let (key, chain) = (codes.key, writer.clone());
            let now = codes.vault.now();
            let committed = codes.vault.read(|store, keyring| {
                let env = Env { now, rng: &mut random };
                let mut tx = Transaction::begin(store, keyring, chain, env);
                let verdict = spend::verify(&mut tx, key, &code, &policy)?;
                tx.prepare(verdict)?.commit()
            });
            match committed.map_err(text)? {
                Committed::Done(verdict, advanced) => {
                    let _spent = verdict.accepted().map_err(text)?;
                    writer = advanced;
                }
                other => return Err(format!("{other:?}")),
            }
        }
        Ok((now() - begun).as_secs_f64() * 1e9 / f64::from(each))
    };
    interleaved(effort, ours, totp_rs(effort)?).map(of_times)
}

fn find(effort: Effort) -> Result<Measured, String> {
    let (many, few) = (effort.size(100_000, 10_000), effort.size(1_000, 200));
    let vault = vault(Arc::new(AwsLc), &ManualClock::new(UnixTime(NOON)))?;
    let label = |number: usize| format!("key {number}");
    for first in (0..many).step_by(100) {
        let made = vault.transact(|tx| {
            (first..first + 100).try_for_each(|number| {
                let label = label(number);
                let template = keys::Template::new(KeyKind::Hmac, Purpose::Data).named(&label, None);
                keys::generate(tx, &template).map(|_| ())
            })
        });
        made.map_err(text)?;
    }
    let token = Token::new()?;
    for number in 0..few {
        token.data(&label(number))?;
    }
    let (mut ours_at, mut theirs_at) = (0, 0);
    let measured = interleaved(
        effort,
        || {
            timed(effort, || {
                ours_at = (ours_at + 7919) % many;
                let wanted = label(ours_at);
                let found = vault.transact(|tx| finding::by_label(tx, &wanted, 10)).map_err(text)?;
                if found.len() == 1 { Ok(()) } else { Err(format!("{} found", found.len())) }
            })
        },
        || {
            timed(effort, || {
                theirs_at = (theirs_at + 7919) % few;
                let wanted = Attribute::Label(label(theirs_at).into_bytes());
                let found = token.session.find_objects(&[wanted]).map_err(text)?;
                if found.len() == 1 { Ok(()) } else { Err(format!("{} found", found.len())) }
            })
        },
    )?;
    Ok(of_times(measured))
}

/// Writes a configuration of SoftHSM into a folder; the variable names it.
pub(crate) fn configure(folder: &Path) -> Result<PathBuf, String> {
    let tokens = folder.join("tokens");
    std::fs::create_dir(&tokens).map_err(text)?;
    let file = folder.join("softhsm2.conf");
    let lines = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    std::fs::write(&file, lines).map_err(text)?;
    Ok(file)
}

/// A token of SoftHSM, logged in.
struct Token {
    session: Session,
    _module: Pkcs11,
}

impl Token {
    fn new() -> Result<Self, String> {
        let missing = |error| format!("{MODULE}: {error}; `cargo xtask setup` installs it");
        let module = Pkcs11::new(MODULE).map_err(missing)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(text)?;
        let slots = module.get_slots_with_token().map_err(text)?;
        // The last slot is the one without a token yet.
        let slot = *slots.last().ok_or("SoftHSM shows no slot")?;
        let (officer, user) = (AuthPin::new("12345678".into()), AuthPin::new("87654321".into()));
        module.init_token(slot, &officer, "compare").map_err(text)?;
        let session = module.open_rw_session(slot).map_err(text)?;
        session.login(UserType::So, Some(&officer)).map_err(text)?;
        session.init_pin(&user).map_err(text)?;
        session.logout().map_err(text)?;
        session.login(UserType::User, Some(&user)).map_err(text)?;
        Ok(Self { session, _module: module })
    }

    /// A stored key pair, and how it signs.
    fn pair(&self, kind: KeyKind) -> Result<(ObjectHandle, Pkcs11Mechanism<'static>), String> {
        let private = [Attribute::Token(true), Attribute::Private(true), Attribute::Sign(true)];
        let (generation, public, mechanism) = if kind == RSA {
            let parameters = PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: PkcsMgfType::MGF1_SHA256,
                s_len: 32.into(),
            };
            let public = vec![
                Attribute::Token(true),
                Attribute::ModulusBits(2048.into()),
                Attribute::PublicExponent(vec![1, 0, 1]),
            ];
            (Pkcs11Mechanism::RsaPkcsKeyPairGen, public, Pkcs11Mechanism::Sha256RsaPkcsPss(parameters))
        } else {
            // P-256 (RFC 5480 §2.1.1.1). SoftHSM 2.6 knows ECDSA over digests alone.
            let curve = vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
            let public = vec![Attribute::Token(true), Attribute::EcParams(curve)];
            (Pkcs11Mechanism::EccKeyPairGen, public, Pkcs11Mechanism::Ecdsa)
        };
        let made = self.session.generate_key_pair(&generation, &public, &private);
        made.map(|(_, key)| (key, mechanism)).map_err(text)
    }

    fn data(&self, label: &str) -> Result<(), String> {
        let object = [
            Attribute::Class(ObjectClass::DATA),
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Value(vec![7; 32]),
        ];
        self.session.create_object(&object).map(|_| ()).map_err(text)
    }
}
