//! The C interface: our shared library as a C program calls it, beside the call from Rust and beside liboath.

use std::ffi::{CString, OsString};
use std::hint::black_box;

use zamok_core::UnixTime;
use zamok_core::otp::{Totp, TotpParameters, Window};
use zamok_core::secret::Secret;
use zamok_liboath::Liboath;
use zamok_libzamok::Libzamok;

use crate::pairs::{Effort, Measured, pair};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "c-verify",
        work: "C zamok_totp_verify, window of 3, miss",
        peer: "the same call from Rust",
        unit: "ns a check",
        target: Target::AtMost(1.10),
        run: beside_rust,
    },
    Comparison {
        id: "c-verify-liboath",
        work: "C zamok_totp_verify, window of 3, miss",
        peer: "liboath (oath_totp_validate2)",
        unit: "ns a check",
        target: Target::AtMost(0.12),
        run: beside_liboath,
    },
];

const SECRET: &[u8] = b"12345678901234567890";
const NOW: u64 = 1_800_000_000;

/// The key in Rust and in C, and a code that belongs to no step of the window; both agree on what belongs there.
fn keys() -> Result<(Totp, Libzamok, String), String> {
    let path: OsString = std::env::var_os("ZAMOK_C_LIBRARY")
        .ok_or("ZAMOK_C_LIBRARY does not name the shared library: use `cargo xtask compare`")?;
    let secret = Secret::new(SECRET).map_err(|error| error.to_string())?;
    let rust = Totp::new(&secret, TotpParameters::default()).map_err(|error| error.to_string())?;
    let c = Libzamok::load(&path, SECRET)?;
    let right = rust.code_at(UnixTime(NOW)).map_err(|error| error.to_string())?.to_string();
    let miss = (0..1000)
        .map(|number| format!("{number:06}"))
        .find(|code| !c.totp_verify(code, NOW, 1, 1))
        .ok_or("every code is right")?;
    if !c.totp_verify(&right, NOW, 1, 1) || rust.verify(&miss, UnixTime(NOW), three()?).is_ok() {
        return Err("the two disagree".into());
    }
    Ok((rust, c, miss))
}

fn three() -> Result<Window, String> {
    Window::steps(1, 1).map_err(|error| error.to_string())
}

fn beside_rust(effort: Effort) -> Result<Measured, String> {
    let ((rust, c, miss), three) = (keys()?, three()?);
    Ok(pair(
        effort,
        (1, 1),
        || {
            black_box(c.totp_verify(black_box(&miss), black_box(NOW), 1, 1));
        },
        || {
            let _ = black_box(rust.verify(black_box(&miss), UnixTime(black_box(NOW)), three));
        },
    ))
}

fn beside_liboath(effort: Effort) -> Result<Measured, String> {
    let ((_, c, miss), oath) = (keys()?, Liboath::load()?);
    let terminated = CString::new(miss.as_str()).map_err(|error| error.to_string())?;
    let now = i64::try_from(NOW).map_err(|error| error.to_string())?;
    if oath.totp_validate(SECRET, now, 1, &terminated) {
        return Err("the two disagree".into());
    }
    Ok(pair(
        effort,
        (1, 1),
        || {
            black_box(c.totp_verify(black_box(&miss), black_box(NOW), 1, 1));
        },
        || {
            black_box(oath.totp_validate(SECRET, black_box(now), 1, black_box(&terminated)));
        },
    ))
}
