//! `zamok journal run`: keeps the journal, in the foreground, until it is told to end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use zamok::UnixTime;
use zamok::journal::{Cosigners, Keeping};
use zamok::witness::Client;

use super::policy;
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;
use crate::signals;

/// Keep the journal: integrate what waits, sign what that amounts to, take it to witnesses, as often as policy says
/// (`journal.integrate`, `journal.checkpoint`, `journal.witness`).
///
/// It runs in the foreground until SIGTERM or an interrupt, signs once more, and ends with 0; otherwise with the error
/// that hindered it last. A line tells whenever something was signed or witnessed, or is hindered. Several may run beside
/// each other.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// A file that names witnesses, where they are reached, and how many it takes (C2SP tlog-policy).
    #[arg(long, value_name = "FILE", env = "ZAMOK_WITNESSES")]
    policy: Option<PathBuf>,
}

/// How long a signal may go unnoticed.
const LOOK: Duration = Duration::from_millis(200);

impl Run {
    pub(super) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let witnesses = self.policy.as_deref().map(policy).transpose()?;
        let ended = signals::end_asked()?;
        opening::with_lasting_vault(shared, output, |zamok| {
            let cosigners = witnesses.map(|policy| -> Arc<dyn Cosigners> { Arc::new(Client::new(policy)) });
            let keeper = zamok
                .keep_journal(cosigners)
                .map_err(|error| Failure::file(format!("no thread can be had: {error}")))?;
            let cadence = &zamok.policy().journal;
            output.line(format!(
                "keeping {}: integrated every {} s, signed every {} s, witnessed every {} s",
                zamok.vault().origin(),
                cadence.integrate,
                cadence.checkpoint,
                cadence.witness
            ))?;
            let mut known = Keeping::default();
            while !ended.load(Ordering::SeqCst) && !known.ended {
                let now = keeper.changed(&known, LOOK);
                if is_news(&known, &now) {
                    tell(&now, zamok.vault().now(), output)?;
                }
                known = now;
            }
            let last = keeper.stop();
            if last != known {
                tell(&last, zamok.vault().now(), output)?;
            }
            match last.hindered {
                Some((_, error)) => Err(error.into()),
                None => Ok(Exit::Done),
            }
        })
    }
}

/// Whether people want to know: that the tree grew alone is for programs that ask.
fn is_news(before: &Keeping, now: &Keeping) -> bool {
    let of = |keeping: &Keeping| {
        let sizes = (keeping.signed, keeping.witnessed);
        (sizes, keeping.hindered, keeping.refusals.clone())
    };
    of(before) != of(now)
}

fn tell(keeping: &Keeping, now: UnixTime, output: &Output) -> Result<(), Failure> {
    let Keeping { size, signed, witnessed, witnesses, refusals, hindered, ended } = keeping;
    let upto = |covered: &Option<(u64, UnixTime)>| covered.map_or(0, |(size, _)| size);
    let mut line = format!("{} {size} entries, {} signed", moment::text(now), upto(signed));
    if witnessed.is_some() || *witnesses > 0 || !refusals.is_empty() {
        line += &format!(", {} witnessed ({witnesses} cosigned)", upto(witnessed));
    }
    for refusal in refusals {
        line += &format!("; {refusal}");
    }
    if let Some((step, error)) = hindered {
        line += &format!("; {step} is hindered: {error}");
    }
    output.line(line)?;
    output.object(&json!({
        "time": now.0,
        "size": size,
        "signed": upto(signed),
        "witnessed": upto(witnessed),
        "witnesses": witnesses,
        "refusals": refusals,
        "hindered": hindered.map(|(step, error)| json!({"step": step.to_string(), "code": error.code(), "message": error.to_string()})),
        "ended": ended,
    }))
}
