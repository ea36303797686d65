//! `compare --plot DIR`: what a window costs by its width, for each hash, drawn as an SVG beside the figures.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;

use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::otp::{Totp, TotpParameters, Window};
use zamok_core::secret::Secret;

use crate::pairs::{Effort, alone};

/// Steps before and after the present one: windows of 1, 3, 5 … 65.
const SIDES: [u32; 12] = [0, 1, 2, 3, 4, 5, 7, 10, 13, 16, 24, 32];
const COLOURS: [&str; 3] = ["#1b6ca8", "#c1440e", "#3b7a3b"];
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 60.0;

struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Measures and writes `window.svg` into a folder.
pub(crate) fn write(folder: &Path, effort: Effort) -> Result<(), String> {
    let lines =
        HashAlgorithm::ALL.into_iter().map(|hash| line(hash, effort)).collect::<Result<Vec<_>, _>>()?;
    let file = folder.join("window.svg");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, draw(&lines)))
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

fn draw(lines: &[Line]) -> String {
    let largest = |of: fn(&(f64, f64)) -> f64| {
        lines.iter().flat_map(|line| &line.points).map(of).fold(1.0_f64, f64::max)
    };
    let (most_steps, most_time) = (largest(|point| point.0), largest(|point| point.1));
    let x = |steps: f64| MARGIN + steps / most_steps * (WIDTH - 2.0 * MARGIN);
    let y = |time: f64| HEIGHT - MARGIN - time / most_time * (HEIGHT - 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    // Writing to a `String` cannot fail.
    let mut put = |text: String| {
        let _ = writeln!(svg, "{text}");
    };
    put(format!(
        "<text x=\"{MARGIN}\" y=\"30\" font-size=\"15\">Checking a TOTP code: nanoseconds by steps of the window</text>"
    ));
    for tick in 0..=4 {
        let time = most_time / 4.0 * f64::from(tick);
        let (left, right, height) = (MARGIN, WIDTH - MARGIN, y(time));
        put(format!(
            "<line x1=\"{left}\" y1=\"{height:.1}\" x2=\"{right}\" y2=\"{height:.1}\" stroke=\"#ddd\"/>"
        ));
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{time:.0} ns</text>",
            left - 6.0,
            height + 4.0
        ));
    }
    for side in SIDES.into_iter().filter(|side| [0, 5, 10, 16, 24, 32].contains(side)) {
        let steps = f64::from(2 * side + 1);
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{steps}</text>",
            x(steps),
            HEIGHT - 36.0
        ));
    }
    for (index, (line, colour)) in lines.iter().zip(COLOURS).enumerate() {
        let path: Vec<String> =
            line.points.iter().map(|(steps, time)| format!("{:.1},{:.1}", x(*steps), y(*time))).collect();
        put(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        ));
        for point in &line.points {
            put(format!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                x(point.0),
                y(point.1)
            ));
        }
        let height = 60.0 + 18.0 * f64::from(u8::try_from(index).unwrap_or_default());
        put(format!("<text x=\"{}\" y=\"{height}\" fill=\"{colour}\">{}</text>", MARGIN + 16.0, line.name));
    }
    svg.push_str("</svg>\n");
    svg
}
