//! `zamok risk`: the rules of the watch, over a log of what has happened.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zamok::risk::{LogEvent, Look, Replay, Rule, RuleScore, Rules};

use crate::failure::{Exit, Failure};
use crate::files;
use crate::output::Output;

/// Show what the rules of the watch notice, and how right they are over a log (docs/risk.md).
///
/// Rules are a TOML file; without --rules, those that ship. A log has one JSON object a line. No vault is opened.
#[derive(Args, Debug)]
pub(crate) struct Risk {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print each rule with its source; with --log and --line, why an event gets its answer.
    Explain {
        /// The rules, in TOML.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
        /// A log that ends with, or goes beyond, the event.
        #[arg(long, value_name = "FILE", requires = "line")]
        log: Option<PathBuf>,
        /// The line of the event, from 1.
        #[arg(long, value_name = "N", requires = "log", value_parser = clap::value_parser!(u64).range(1..))]
        line: Option<u64>,
    },
    /// Lead the rules through a log: what they would have answered, and where events are labelled, how right that is.
    Replay {
        /// The log: one JSON object a line.
        log: PathBuf,
        /// The rules, in TOML.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
    },
}

impl Risk {
    pub(crate) fn run(&self, output: &Output) -> Result<Exit, Failure> {
        match &self.what {
            What::Explain { rules, log: Some(log), line: Some(line) } => {
                explain(Replay::new(read(rules.as_deref())?), log, *line, output)
            }
            What::Explain { rules, .. } => list(&read(rules.as_deref())?, output),
            What::Replay { log, rules } => replay(Replay::new(read(rules.as_deref())?), log, output),
        }
    }
}

fn read(file: Option<&Path>) -> Result<Rules, Failure> {
    let Some(file) = file else { return Ok(Rules::default()) };
    let text = files::read_text(file)?;
    Rules::from_toml(&text).map_err(|fault| Failure::usage(format!("{}: {fault}", file.display())))
}

fn told(rule: &Rule) -> Value {
    json!({
        "rule": rule.name(), "kind": rule.kind(), "answer": rule.answer().name(), "dry_run": rule.is_trial(),
        "notices": rule.to_string(), "source": rule.source(),
    })
}

fn list(rules: &Rules, output: &Output) -> Result<Exit, Failure> {
    for rule in rules.rules() {
        output.line(format!("{}: {rule}", rule.name()))?;
        if !rule.source().is_empty() {
            output.line(format!("    {}", rule.source()))?;
        }
    }
    output.object(&json!({"rules": rules.rules().iter().map(told).collect::<Vec<_>>()}))?;
    Ok(Exit::Done)
}

/// Reads a log to its end, or to one of its lines; calls with each event and its number.
fn each(
    log: &Path,
    until: u64,
    mut take: impl FnMut(&LogEvent, u64) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let failed = |error: &std::io::Error| Failure::file(format!("{}: {error}", log.display()));
    let mut lines = BufReader::new(File::open(log).map_err(|error| failed(&error))?);
    let (mut number, mut line) = (0, String::new());
    while number < until {
        line.clear();
        // A line that never ends is not read to its end.
        let most = u64::try_from(LogEvent::LONGEST + 2).unwrap_or(u64::MAX);
        if lines.by_ref().take(most).read_line(&mut line).map_err(|error| failed(&error))? == 0 {
            break;
        }
        number += 1;
        let event = LogEvent::parse(line.trim_end_matches(['\r', '\n']));
        let event =
            event.map_err(|fault| Failure::usage(format!("{}: line {number}: {fault}", log.display())))?;
        take(&event, number)?;
    }
    Ok(number)
}

fn explain(mut replay: Replay, log: &Path, line: u64, output: &Output) -> Result<Exit, Failure> {
    let mut last = None;
    let read = each(log, line, |event, number| {
        let looks = if number == line { replay.look(event) } else { Vec::new() };
        last = Some((looks, replay.feed(event), event.occasion()));
        Ok(())
    })?;
    let Some((looks, decision, occasion)) = last.filter(|_| read == line) else {
        return Err(Failure::usage(format!("{} has {read} lines", log.display())));
    };
    output.line(format!("{}: {}", occasion.name(), decision.answer().name()))?;
    let mut seen = Vec::new();
    for (rule, look) in replay.rules().rules().iter().zip(&looks) {
        let finding = decision.findings().iter().find(|finding| *finding.rule == *rule.name());
        let answer = finding.map(|finding| finding.answer.name());
        let told = match (look, answer) {
            (None, _) => "is about something else".to_owned(),
            (Some(Look { found, .. }), None) => format!("says nothing: {found}"),
            (Some(Look { found, .. }), Some(answer)) => {
                format!("{answer}{}: {found}", if rule.is_trial() { " (dry run)" } else { "" })
            }
        };
        output.line(format!("  {}: {told}", rule.name()))?;
        seen.push(json!({
            "rule": rule.name(), "dry_run": rule.is_trial(), "answer": answer,
            "found": look.as_ref().map(|look| look.found.as_str()), "hit": look.as_ref().map(|look| look.is_hit),
        }));
    }
    output.object(&json!({
        "line": line, "event": occasion.name(), "answer": decision.answer().name(), "rules": seen,
    }))?;
    Ok(Exit::Done)
}

fn replay(mut replay: Replay, log: &Path, output: &Output) -> Result<Exit, Failure> {
    each(log, u64::MAX, |event, number| {
        replay.feed(event);
        output.progress(number, || format!("{number} events"));
        Ok(())
    })?;
    output.progress_ends();
    let score = replay.score();
    output.line(format!("{} events, {} of attackers", score.events, score.attacks))?;
    for (answer, count) in &score.answers {
        output.line(format!("  {}: {count}", answer.name()))?;
    }
    output.line(format!(
        "{:<20} {:>9} {:>9} {:>9} {:>10}  {:>8}",
        "rule", "hits", "precision", "recall", "attackers", "before"
    ))?;
    for rule in &score.rules {
        output.line(row(rule))?;
    }
    let answers: serde_json::Map<_, _> =
        score.answers.iter().map(|(answer, count)| (answer.name().to_owned(), json!(count))).collect();
    let rules = score.rules.iter().map(|rule| {
        json!({
            "rule": rule.rule, "hits": rule.hits, "right": rule.right, "meant": rule.meant, "met": rule.met,
            "precision": rule.precision(), "recall": rule.recall(), "attackers": rule.attackers,
            "caught": rule.caught, "before": rule.before,
        })
    });
    output.object(&json!({
        "events": score.events, "attacks": score.attacks, "answers": answers, "rules": rules.collect::<Vec<_>>(),
    }))?;
    Ok(Exit::Done)
}

fn row(rule: &RuleScore) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "–".into(), |share| format!("{share:.4}"));
    let caught = format!("{}/{}", rule.caught, rule.attackers);
    // Attempts of an attacker before the first that was noticed, on average.
    let before = match rule.caught {
        0 => "–".into(),
        caught => format!("{:.1}", rule.before as f64 / caught as f64),
    };
    let (precision, recall) = (share(rule.precision()), share(rule.recall()));
    format!("{:<20} {:>9} {precision:>9} {recall:>9} {caught:>10}  {before:>8}", rule.rule, rule.hits)
}
