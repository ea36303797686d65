//! `compare --plot DIR`: what a window costs by its width, for each hash, drawn as an SVG beside the figures.

use std::hint::black_box;
use std::path::Path;

use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Totp, TotpParameters, Window};
use zamok_core::secret::Secret;

use crate::chart::{Axis, Chart, Line, Scale};
use crate::pairs::{Effort, alone};

/// Steps before and after the present one: windows of 1, 3, 5 … 65.
const SIDES: [u32; 12] = [0, 1, 2, 3, 4, 5, 7, 10, 13, 16, 24, 32];

/// Measures and writes `window.svg` into a folder.
pub(crate) fn write(folder: &Path, effort: Effort) -> Result<(), String> {
    let lines =
        HashAlgorithm::ALL.into_iter().map(|hash| line(hash, effort)).collect::<Result<Vec<_>, _>>()?;
    let file = folder.join("window.svg");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, chart(lines).svg()))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn line(algorithm: HashAlgorithm, effort: Effort) -> Result<Line, String> {
    let told = |error: zamok_core::Error| error.to_string();
    let secret = Secret::new(&vec![7; algorithm.output_len()]).map_err(told)?;
    let totp = Totp::new(&secret, TotpParameters { algorithm, ..TotpParameters::default() }).map_err(told)?;
    let points = SIDES
        .into_iter()
        .map(|side| {
            let window = Window::steps(side, side).map_err(told)?;
            let time = alone(effort, || {
                let _ = black_box(totp.verify(black_box("123456"), UnixTime(1_800_000_000), window));
            });
            Ok((f64::from(window.count()), time))
        })
        .collect::<Result<_, String>>()?;
    Ok(Line { name: algorithm.to_string(), points })
}

fn chart(lines: Vec<Line>) -> Chart {
    let largest = |of: fn(&(f64, f64)) -> f64| {
        lines.iter().flat_map(|line| &line.points).map(of).fold(1.0_f64, f64::max)
    };
    let (most_steps, most_time) = (largest(|point| point.0), largest(|point| point.1));
    let named = SIDES.into_iter().filter(|side| [0, 5, 10, 16, 24, 32].contains(side));
    let steps = named.map(|side| (f64::from(2 * side + 1), (2 * side + 1).to_string()));
    let times =
        (0..=4).map(|tick| most_time / 4.0 * f64::from(tick)).map(|time| (time, format!("{time:.0} ns")));
    Chart {
        title: "Checking a TOTP code: nanoseconds by steps of the window",
        x: Axis { scale: Scale::Linear, range: (0.0, most_steps), ticks: steps.collect() },
        y: Axis { scale: Scale::Linear, range: (0.0, most_time), ticks: times.collect() },
        lines,
    }
}
