//! `cargo xtask compare`: Zamok beside its peers, in one run, through public interfaces alone.
//!
//! `--json` prints one object a line, `--only PATTERN` picks comparisons whose id holds the pattern, `--quick` takes
//! smaller sizes and shorter turns, `--plot DIR` draws what a window costs by its width, `--scaling DIR` what so many accounts take; both compare nothing.
//! Exits with 1 when a ratio misses its target.

mod bare;
mod c_interface;
mod chart;
mod house;
mod journal;
mod login;
mod otp;
mod outbox;
mod pairs;
mod plot;
mod postgres;
mod pskc;
mod python;
mod risk;
mod scaling;
mod store;
mod tokens;
mod vault;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use pairs::{Effort, Measured};
use serde_json::json;

/// What a ratio has to be.
#[derive(Clone, Copy, Debug)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    Between(f64, f64),
    /// Told, not judged.
    Report,
}

impl Target {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
            Self::Between(low, high) => (low..=high).contains(&ratio),
            Self::Report => true,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(limit) => f.pad(&format!("≤ {limit:.2}")),
            Self::AtLeast(limit) => f.pad(&format!("≥ {limit:.2}")),
            Self::Between(low, high) => f.pad(&format!("{low:.2}–{high:.2}")),
            Self::Report => f.pad("report"),
        }
    }
}

/// One row of the table.
struct Comparison {
    id: &'static str,
    work: &'static str,
    peer: &'static str,
    unit: &'static str,
    target: Target,
    run: fn(Effort) -> Result<Measured, String>,
}

struct Arguments {
    json: bool,
    quick: bool,
    only: Option<String>,
    plot: Option<PathBuf>,
    scaling: Option<PathBuf>,
    /// For `store-memory`, which starts this program again.
    touch: Option<usize>,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments =
        Arguments { json: false, quick: false, only: None, plot: None, scaling: None, touch: None };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--json" => arguments.json = true,
            "--quick" => arguments.quick = true,
            "--only" => arguments.only = Some(given.next().ok_or("--only needs a pattern")?),
            "--plot" => arguments.plot = Some(given.next().ok_or("--plot needs a folder")?.into()),
            "--scaling" => arguments.scaling = Some(given.next().ok_or("--scaling needs a folder")?.into()),
            "--touch" => {
                let keys = given.next().and_then(|keys| keys.parse().ok());
                arguments.touch = Some(keys.ok_or("--touch needs a number of keys")?);
            }
            other => {
                let known = "--json --quick --only PATTERN --plot DIR --scaling DIR";
                return Err(format!("unknown argument `{other}`; known: {known}"));
            }
        }
    }
    Ok(arguments)
}

fn main() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            writeln!(io::stderr(), "compare: {problem}")?;
            return Ok(ExitCode::from(2));
        }
    };
    let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
    if let Some(keys) = arguments.touch {
        return match store::touch(keys) {
            Ok(resident) => writeln!(out, "{resident}").map(|()| ExitCode::SUCCESS),
            Err(problem) => writeln!(io::stderr(), "{problem}").map(|()| ExitCode::FAILURE),
        };
    }
    let drawing = match (&arguments.plot, &arguments.scaling) {
        (Some(folder), _) => Some(plot::write(folder, effort)),
        (None, Some(folder)) => Some(
            scaling::write(folder, effort)
                .and_then(|table| writeln!(out, "{table}").map_err(|error| error.to_string())),
        ),
        (None, None) => None,
    };
    if let Some(drawn) = drawing {
        return match drawn {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(problem) => {
                writeln!(io::stderr(), "compare: {problem}")?;
                Ok(ExitCode::FAILURE)
            }
        };
    }
    let chosen = |id: &str| arguments.only.as_ref().is_none_or(|pattern| id.contains(pattern.as_str()));
    let all = otp::COMPARISONS
        .iter()
        .chain(c_interface::COMPARISONS)
        .chain(pskc::COMPARISONS)
        .chain(store::COMPARISONS)
        .chain(postgres::COMPARISONS)
        .chain(login::COMPARISONS)
        .chain(outbox::COMPARISONS)
        .chain(journal::COMPARISONS)
        .chain(vault::COMPARISONS)
        .chain(python::COMPARISONS)
        .chain(tokens::COMPARISONS)
        .chain(risk::COMPARISONS);
    let comparisons: Vec<&Comparison> = all.filter(|row| chosen(row.id)).collect();
    if comparisons.is_empty() {
        writeln!(io::stderr(), "compare: no comparison has this in its id")?;
        return Ok(ExitCode::from(2));
    }
    let asks_softhsm = comparisons.iter().any(|row| row.peer.contains("SoftHSM"));
    if asks_softhsm && std::env::var_os(vault::CONFIGURATION).is_none() {
        return again_with_tokens();
    }
    if !arguments.json {
        head(&mut out, effort)?;
    }
    let mut missed = 0;
    for row in comparisons {
        match (row.run)(effort) {
            Ok(measured) => {
                missed += usize::from(!row.target.holds(measured.ratio));
                if arguments.json {
                    object(&mut out, row, &measured)?
                } else {
                    line(&mut out, row, &measured)?
                }
            }
            Err(problem) => {
                missed += 1;
                writeln!(io::stderr(), "{}: not measured: {problem}", row.id)?;
            }
        }
    }
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs this program once more, with a folder of its own for the tokens of SoftHSM.
fn again_with_tokens() -> io::Result<ExitCode> {
    let folder = tempfile::tempdir()?;
    let configuration = vault::configure(folder.path()).map_err(io::Error::other)?;
    let status = std::process::Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(vault::CONFIGURATION, configuration)
        .status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn head(out: &mut impl Write, effort: Effort) -> io::Result<()> {
    for choice in zamok_lanes::describe() {
        writeln!(out, "lanes: {choice:?}")?;
    }
    let Effort { rounds, turn, quick } = effort;
    let sizes = if quick { "reduced sizes (--quick)" } else { "full sizes" };
    writeln!(
        out,
        "{rounds} rounds, ours and theirs in turns of {turn:?}, {sizes}; times are medians, of processor time unless the row says otherwise\n"
    )?;
    writeln!(
        out,
        "{:<20} {:>11} {:>11} {:>7} {:>7} {:>10}  {:<5} work, peer",
        "id", "ours", "theirs", "ratio", "min", "target", "holds"
    )
}

fn line(out: &mut impl Write, row: &Comparison, measured: &Measured) -> io::Result<()> {
    let Measured { ours, theirs, ratio, ratio_min, note } = measured;
    let holds = if row.target.holds(*ratio) { "yes" } else { "NO" };
    let unit = row.unit.split(' ').next().unwrap_or_default();
    let times = [ours, theirs].map(|measure| format!("{measure:.1} {unit}"));
    writeln!(
        out,
        "{:<20} {:>11} {:>11} {ratio:>7.3} {ratio_min:>7.3} {:>10}  {holds:<5} {} [{}] / {}{}{note}",
        row.id,
        times[0],
        times[1],
        row.target,
        row.work,
        row.unit,
        row.peer,
        if note.is_empty() { "" } else { "; " },
    )
}

fn object(out: &mut impl Write, row: &Comparison, measured: &Measured) -> io::Result<()> {
    let Measured { ours, theirs, ratio, ratio_min, note } = measured;
    let object = json!({
        "id": row.id, "work": row.work, "peer": row.peer, "unit": row.unit, "ours": ours, "theirs": theirs,
        "ratio": ratio, "ratio_min": ratio_min, "target": row.target.to_string(),
        "holds": row.target.holds(*ratio), "note": note,
    });
    writeln!(out, "{object}")
}
