//! The OTP engine beside RustCrypto's `hmac`, totp-rs and liboath.

use std::ffi::CString;
use std::hint::black_box;

use hmac::{Hmac, KeyInit, Mac};
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{
    Digits, Hotp, HotpParameters, HotpState, Totp, TotpAttempt, TotpParameters, TotpState, Window,
};
use zamok_core::secret::Secret;
use zamok_liboath::Liboath;

use crate::pairs::{Effort, Measured, pair};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "otp-generate",
        work: "one SHA-1 code, key ready",
        peer: "RustCrypto hmac 0.13, cached key",
        unit: "ns a code",
        target: Target::AtMost(0.60),
        run: generate,
    },
    Comparison {
        id: "otp-verify-totp-rs",
        work: "window of 3, miss",
        peer: "totp-rs 6 (default-features = false, alloc)",
        unit: "ns a check",
        target: Target::AtMost(0.30),
        run: verify_totp_rs,
    },
    Comparison {
        id: "otp-verify-liboath",
        work: "window of 3, miss",
        peer: "liboath (oath_totp_validate2)",
        unit: "ns a check",
        target: Target::AtMost(0.12),
        run: verify_liboath,
    },
    Comparison {
        id: "otp-hit-position",
        work: "window of 11, hit at the first step",
        peer: "the same, hit at the last step",
        unit: "ns a check",
        target: Target::Between(0.97, 1.03),
        run: hit_position,
    },
    Comparison {
        id: "otp-batch-sha1",
        work: "a batch of different keys, SHA-1",
        peer: "RustCrypto hmac 0.13, cached keys",
        unit: "ns a code",
        target: Target::AtMost(0.40),
        run: |effort| batch::<Hmac<sha1::Sha1>>(effort, HashAlgorithm::Sha1),
    },
    Comparison {
        id: "otp-batch-sha2-256",
        work: "a batch of different keys, SHA-256",
        peer: "RustCrypto hmac 0.13, cached keys",
        unit: "ns a code",
        target: Target::Report,
        run: |effort| batch::<Hmac<sha2::Sha256>>(effort, HashAlgorithm::Sha256),
    },
    Comparison {
        id: "otp-batch-sha2-512",
        work: "a batch of different keys, SHA-512",
        peer: "RustCrypto hmac 0.13, cached keys",
        unit: "ns a code",
        target: Target::Report,
        run: |effort| batch::<Hmac<sha2::Sha512>>(effort, HashAlgorithm::Sha512),
    },
    Comparison {
        id: "otp-resync",
        work: "resynchronisation over 1,000 counters",
        peer: "liboath generating them",
        unit: "ns a counter",
        target: Target::AtMost(0.08),
        run: resync,
    },
];

const SECRET: &[u8; 20] = b"12345678901234567890";
const NOW: u64 = 1_800_000_000;

fn totp() -> Result<Totp, String> {
    let secret = Secret::new(SECRET).map_err(|error| error.to_string())?;
    Totp::new(&secret, TotpParameters::default()).map_err(|error| error.to_string())
}

fn window(past: u32, future: u32) -> Result<Window, String> {
    Window::steps(past, future).map_err(|error| error.to_string())
}

/// A code that no step near `NOW` has.
fn miss(totp: &Totp) -> Result<String, String> {
    let near: Vec<String> = (0..41).map(|step| totp.code_of_step(NOW / 30 - 20 + step).to_string()).collect();
    (0..1000)
        .map(|number| format!("{number:06}"))
        .find(|code| !near.contains(code))
        .ok_or_else(|| "no miss".into())
}

/// RFC 4226 §5.3 as anyone would write it over a finished HMAC.
fn truncate(tag: &[u8]) -> u32 {
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let bytes = [tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 1_000_000
}

fn rustcrypto<M: Mac + Clone>(key: &M, counter: u64) -> u32 {
    let mut mac = key.clone();
    mac.update(&counter.to_be_bytes());
    truncate(&mac.finalize().into_bytes())
}

fn generate(effort: Effort) -> Result<Measured, String> {
    let secret = Secret::new(SECRET).map_err(|error| error.to_string())?;
    let ours = Hotp::new(&secret, HotpParameters::default());
    let theirs = Hmac::<sha1::Sha1>::new_from_slice(SECRET).map_err(|error| error.to_string())?;
    if ours.code(7).to_string() != format!("{:06}", rustcrypto(&theirs, 7)) {
        return Err("the two disagree".into());
    }
    let (mut here, mut there) = (0, 0);
    Ok(pair(
        effort,
        (1, 1),
        || {
            here += 1;
            black_box(ours.code(black_box(here)));
        },
        || {
            there += 1;
            black_box(rustcrypto(&theirs, black_box(there)));
        },
    ))
}

fn verify_totp_rs(effort: Effort) -> Result<Measured, String> {
    let (ours, three) = (totp()?, window(1, 1)?);
    let code = miss(&ours)?;
    let theirs = totp_rs::Builder::new()
        .with_secret(SECRET.to_vec())
        .with_skew(1)
        .build()
        .map_err(|error| format!("{error:?}"))?;
    let right = ours.code_of_step(NOW / 30).to_string();
    if theirs.check(&right, NOW).is_none() || theirs.check(&code, NOW).is_some() {
        return Err("the two disagree".into());
    }
    Ok(pair(
        effort,
        (1, 1),
        || {
            let _ = black_box(ours.verify(black_box(&code), UnixTime(black_box(NOW)), three));
        },
        || {
            black_box(theirs.check(black_box(&code), black_box(NOW)));
        },
    ))
}

fn verify_liboath(effort: Effort) -> Result<Measured, String> {
    let (ours, three, theirs) = (totp()?, window(1, 1)?, Liboath::load()?);
    let code = miss(&ours)?;
    let terminated = CString::new(code.as_str()).map_err(|error| error.to_string())?;
    let right = CString::new(ours.code_of_step(NOW / 30).to_string()).map_err(|error| error.to_string())?;
    let now = i64::try_from(NOW).map_err(|error| error.to_string())?;
    if !theirs.totp_validate(SECRET, now, 1, &right) || theirs.totp_validate(SECRET, now, 1, &terminated) {
        return Err("the two disagree".into());
    }
    Ok(pair(
        effort,
        (1, 1),
        || {
            let _ = black_box(ours.verify(black_box(&code), UnixTime(black_box(NOW)), three));
        },
        || {
            black_box(theirs.totp_validate(SECRET, black_box(now), 1, black_box(&terminated)));
        },
    ))
}

fn hit_position(effort: Effort) -> Result<Measured, String> {
    let (totp, eleven) = (totp()?, window(5, 5)?);
    let [first, last] = [NOW / 30 - 5, NOW / 30 + 5].map(|step| totp.code_of_step(step).to_string());
    let state = TotpState::default();
    let check = |code: &str| {
        black_box(totp.check(black_box(code), UnixTime(black_box(NOW)), eleven, black_box(&state), 2))
    };
    if check(&first).verdict.accepted().is_err() || check(&last).verdict.accepted().is_err() {
        return Err("a hit was missed".into());
    }
    let both = || {
        let _ = check(&first);
    };
    Ok(pair(effort, (1, 1), both, || {
        let _ = check(&last);
    }))
}

fn batch<M: Mac + KeyInit + Clone>(effort: Effort, algorithm: HashAlgorithm) -> Result<Measured, String> {
    /// Attempts that are made and checked together: few enough to stay in the nearest cache.
    const TOGETHER: usize = 64;
    let count = effort.size(1_000_000, 100_000);
    let length = algorithm.output_len();
    let (mut ours, mut theirs) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for number in 0..count {
        let mut secret = vec![0; length];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        let parameters = TotpParameters { algorithm, digits: Digits::SIX, ..TotpParameters::default() };
        let shared = Secret::new(&secret).map_err(|error| error.to_string())?;
        ours.push(Totp::new(&shared, parameters).map_err(|error| error.to_string())?);
        theirs.push(<M as KeyInit>::new_from_slice(&secret).map_err(|error| error.to_string())?);
    }
    let step = NOW / 30;
    let expected = rustcrypto(&theirs[count - 1], step);
    if ours[count - 1].code_of_step(step).to_string() != format!("{expected:06}") {
        return Err("the two disagree".into());
    }
    let (now, state) = (UnixTime(NOW), TotpState::default());
    let long = Effort { rounds: effort.rounds.min(15), ..effort };
    let mut measured = pair(
        long,
        (count, count),
        || {
            let mut attempts = Vec::with_capacity(TOGETHER);
            let mut later = ours.chunks(TOGETHER).skip(1);
            for keys in ours.chunks(TOGETHER) {
                later.next().unwrap_or_default().iter().for_each(Totp::prefetch);
                attempts.clear();
                attempts.extend(
                    keys.iter().map(|key| TotpAttempt::new(key, "123456", now, Window::EXACT, state, 2)),
                );
                Totp::verify_batch(&mut attempts);
                black_box(&attempts);
            }
        },
        || {
            for key in &theirs {
                black_box(rustcrypto(key, black_box(step)) == 123_456);
            }
        },
    );
    measured.note = format!("{count} keys");
    Ok(measured)
}

fn resync(effort: Effort) -> Result<Measured, String> {
    const COUNTERS: u32 = 1000;
    let secret = Secret::new(SECRET).map_err(|error| error.to_string())?;
    let (ours, theirs) = (Hotp::new(&secret, HotpParameters::default()), Liboath::load()?);
    let (first, second, state) =
        (ours.code(u64::from(COUNTERS) - 2), ours.code(u64::from(COUNTERS) - 1), HotpState::default());
    let found = |first: &str, second: &str| ours.resynchronise(first, second, COUNTERS - 2, &state);
    match found(first.as_str(), second.as_str()) {
        Ok(checked) if checked.verdict.accepted().is_ok() => {}
        other => return Err(format!("not found: {other:?}")),
    }
    let counters = 0..u64::from(COUNTERS);
    Ok(pair(
        effort,
        (COUNTERS as usize, COUNTERS as usize),
        || {
            let _ = black_box(found(black_box(first.as_str()), black_box(second.as_str())));
        },
        || {
            for counter in counters.clone() {
                black_box(theirs.hotp_generate(SECRET, black_box(counter)));
            }
        },
    ))
}
