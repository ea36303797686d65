//! The Python package beside pyotp, measured inside Python: `benches/python/rows.py`, over the wheel that `cargo xtask compare`
//! made in the release profile.

use std::path::Path;
use std::process::Command;

use crate::pairs::{Effort, Measured};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "py-verify",
        work: "Python Totp.verify, window of 3, miss (raises)",
        peer: "pyotp 2.12 TOTP.verify(valid_window=1)",
        unit: "ns a check",
        target: Target::AtMost(0.02),
        run: |effort| measure("py-verify", effort),
    },
    Comparison {
        id: "py-batch",
        work: "Python verify_batch over a buffer, window of 3",
        peer: "a loop of Totp.verify over the same codes",
        unit: "ns a check",
        target: Target::AtMost(0.5),
        run: |effort| measure("py-batch", effort),
    },
];

/// Names the interpreter of the environment with the wheel.
const INTERPRETER: &str = "ZAMOK_WHEEL_PYTHON";

fn measure(row: &str, effort: Effort) -> Result<Measured, String> {
    let interpreter = std::env::var_os(INTERPRETER)
        .ok_or(format!("{INTERPRETER} is not set: run `cargo xtask compare`"))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/rows.py");
    let numbers = [
        effort.rounds.to_string(),
        effort.turn.as_millis().to_string(),
        effort.size(100_000, 10_000).to_string(),
    ];
    let output = Command::new(interpreter).arg(script).arg(row).args(numbers).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let found: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let number = |name: &str| found[name].as_f64().ok_or(format!("no {name}"));
    Ok(Measured {
        ours: number("ours")?,
        theirs: number("theirs")?,
        ratio: number("ratio")?,
        ratio_min: number("ratio_min")?,
        note: found["note"].as_str().unwrap_or_default().to_owned(),
    })
}
