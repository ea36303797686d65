//! `zamok delivery`: messages on their way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zamok::delivery::{Archived, Config, Delivery as Worker, MessageKind, Outcome, Standing, Templates};
use zamok::{Cabinet, MessageId};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::moment;
use crate::opening;
use crate::output::Output;
use crate::signals;

/// Deliver messages: SMS, e-mail and push, as a configuration says (docs/delivery.md).
#[derive(Args, Debug)]
pub(crate) struct Delivery {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Send what is due and note receipts, until SIGTERM or an interrupt; then what carriers have in hand is noted, which takes
    /// two thirds of `delivery.lease` at most, and it ends with 0. Any number of them may run, here and elsewhere; one that is
    /// killed loses nothing.
    Run {
        /// The configuration, in TOML.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Stop after so many seconds.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=CENTURY))]
        seconds: Option<u64>,
    },
    /// Show what is on its way, or what became of one message: never a text.
    Status {
        /// A message, by its transaction id; otherwise everything that is on its way.
        id: Option<String>,
    },
    /// Try a message that waits now, instead of after its pause.
    Retry {
        /// The message, by its transaction id.
        id: String,
    },
    /// Show what a message would say, and what it would cost as an SMS. Without --config, with the templates that ship.
    Preview {
        /// The kind, such as login-code; all kinds otherwise.
        kind: Option<String>,
        /// The language, such as ru.
        #[arg(long, default_value = "en")]
        language: String,
        /// The configuration whose templates are shown.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Fields: NAME=VALUE, such as text="Pay 5". A code is always 123456.
        #[arg(long, value_name = "NAME=VALUE")]
        field: Vec<String>,
        /// The name of the service.
        #[arg(long, default_value = "Zamok")]
        service: String,
    },
}

impl Delivery {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        match &self.what {
            What::Run { config, seconds } => run(&read(config)?, *seconds, shared, output),
            What::Status { id } => status(id.as_deref(), shared, output),
            What::Retry { id } => {
                let id = transaction(id)?;
                opening::with_vault(shared, output, |zamok| {
                    if !zamok.retry(id)? {
                        return Err(Failure::rejected("no message of this id waits"));
                    }
                    output.line("It is tried now.")?;
                    output.object(&json!({"retried": id.to_string()}))?;
                    Ok(Exit::Done)
                })
            }
            What::Preview { kind, language, config, field, service } => {
                let templates = match config {
                    Some(file) => read(file)?.templates(service).map_err(|fault| wrong(file, &fault))?,
                    None => Templates::new(service, "", "en", 255)
                        .map_err(|fault| Failure::usage(fault.to_string()))?,
                };
                preview(&templates, kind.as_deref(), language, field, output)
            }
        }
    }
}

fn wrong(file: &Path, fault: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {fault}", file.display()))
}

fn read(file: &Path) -> Result<Config, Failure> {
    let text = files::read_text(file)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    Config::from_toml(&text, folder).map_err(|fault| wrong(file, &fault))
}

fn transaction(text: &str) -> Result<MessageId, Failure> {
    MessageId::parse(text).ok_or_else(|| Failure::usage("a transaction id has 32 hexadecimal digits"))
}

/// The longest that a worker can be told to run, in seconds.
const CENTURY: u64 = 100 * 365 * 24 * 60 * 60;
/// How long a signal, or the end of the time, may go unnoticed.
const LOOK: Duration = Duration::from_millis(100);

fn run(config: &Config, seconds: Option<u64>, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
    let stop = signals::end_asked()?;
    opening::with_lasting_vault(shared, output, |zamok| {
        let cabinet = Arc::new(Cabinet::open(zamok.vault().clone())?);
        let worker = Worker::new(cabinet, config).map_err(|fault| Failure::usage(fault.to_string()))?;
        output.line(format!("Worker {} delivers.", worker.worker()))?;
        if let Some(address) = worker.receipts_at() {
            output.line(format!("Receipts are taken at http://{address}/receipts/CARRIER"))?;
        }
        std::thread::scope(|scope| {
            if let Some(seconds) = seconds {
                let until = Instant::now() + Duration::from_secs(seconds);
                let stop = &stop;
                scope.spawn(move || {
                    while Instant::now() < until && !stop.load(Ordering::SeqCst) {
                        std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
                    }
                    stop.store(true, Ordering::SeqCst);
                });
            }
            worker.run(&stop);
        });
        opening::integrate(zamok, output)?;
        counted(&worker, output)?;
        Ok(Exit::Done)
    })
}

fn counted(worker: &Worker, output: &Output) -> Result<(), Failure> {
    let metrics = worker.metrics();
    let counts = [
        ("sent", Outcome::Sent),
        ("delivered", Outcome::Delivered),
        ("rejected", Outcome::Rejected),
        ("expired", Outcome::Expired),
        ("put_off", Outcome::PutOff),
    ];
    let counts = counts.map(|(name, outcome)| (name, metrics.total(outcome)));
    output.line(counts.map(|(name, count)| format!("{count} {}", name.replace('_', " "))).join(", "))?;
    output.object(&counts.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect::<Value>())
}

fn told(standing: &Standing) -> Value {
    json!({
        "id": standing.id.to_string(), "kind": standing.kind.name(), "account": standing.account.to_string(),
        "channel": standing.channel.map(|channel| channel.name()),
        "state": if standing.sent { "sent" } else { "queued" }, "attempts": standing.attempts,
        "created": standing.created.0, "due": standing.due.0, "expires": standing.expires.0,
        "carrier": standing.carrier, "reason": standing.reason,
    })
}

fn remembered(archived: &Archived) -> Value {
    json!({
        "id": archived.id.to_string(), "kind": archived.kind.name(), "account": archived.account.to_string(),
        "channel": archived.channel.map(|channel| channel.name()), "state": archived.ending.name(),
        "attempts": archived.attempts, "created": archived.created.0, "ended": archived.ended.0,
        "carrier": archived.carrier, "reason": archived.reason, "parts": archived.parts,
        "address": archived.address,
    })
}

fn status(id: Option<&str>, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
    let id = id.map(transaction).transpose()?;
    opening::with_vault(shared, output, |zamok| {
        if let Some(id) = id
            && let Some(archived) = zamok.archived(id)?
        {
            let Archived { kind, ending, ended, carrier, reason, address, .. } = &archived;
            output.line(format!("{} {}: {}", moment::text(*ended), kind.name(), ending.name()))?;
            output.line(format!("  to {address:?} by {carrier:?} {reason}"))?;
            output.object(&remembered(&archived))?;
            return Ok(Exit::Done);
        }
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = zamok.on_their_way(256, after.as_ref())?;
            found.extend(page.into_iter().filter(|standing| id.is_none_or(|id| standing.id == id)));
            after = next;
            if after.is_none() {
                break;
            }
        }
        if found.is_empty() && id.is_some() {
            return Err(Failure::rejected("no message has this id, or the archive has forgotten it"));
        }
        for standing in &found {
            let channel = standing.channel.map_or("all contacts", |channel| channel.name());
            let state = if standing.sent { "sent" } else { "queued" };
            output.line(format!(
                "{} {} {} by {channel}: {state}, {} attempts {}",
                standing.id,
                moment::text(standing.created),
                standing.kind.name(),
                standing.attempts,
                standing.reason
            ))?;
        }
        let queued = found.iter().filter(|standing| !standing.sent).count();
        output.line(format!("{queued} queued, {} sent without a receipt yet.", found.len() - queued))?;
        output.object(&json!({"messages": found.iter().map(told).collect::<Vec<_>>()}))?;
        Ok(Exit::Done)
    })
}

fn preview(
    templates: &Templates,
    kind: Option<&str>,
    language: &str,
    fields: &[String],
    output: &Output,
) -> Result<Exit, Failure> {
    let given: Vec<(&str, &str)> = fields
        .iter()
        .map(|field| {
            field.split_once('=').ok_or_else(|| Failure::usage(format!("{field:?} is no NAME=VALUE")))
        })
        .collect::<Result<_, _>>()?;
    let kinds: Vec<(&str, MessageKind)> =
        Templates::kinds().filter(|(name, _)| kind.is_none_or(|kind| kind == *name)).collect();
    if kinds.is_empty() {
        let names: Vec<_> = Templates::kinds().map(|(name, _)| name).collect();
        return Err(Failure::usage(format!("no kind of message is called so: {}", names.join(", "))));
    }
    let mut shown = Vec::new();
    for (name, kind) in kinds {
        let field = |name: &str| {
            let found = given.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
            found.or(match name {
                "code" => Some("123456"),
                "minutes" => Some("5"),
                "text" => Some("TEXT"),
                "client" => Some("CLIENT"),
                "factor" => Some("generator"),
                "reason" => Some("ended by their owner"),
                "device" => Some("DEVICE"),
                "title" => Some("TITLE"),
                _ => None,
            })
        };
        let words = templates.fill(kind, language, field);
        let code = kind.is_code().then_some("123456");
        let sms = templates.sms(&words, code);
        let segments = templates.segments(&sms).map_err(|fault| Failure::usage(fault.to_string()))?;
        let alphabet = segments.alphabet().name();
        output.line(format!(
            "== {name} ({}): {} segments of {alphabet}",
            words.language,
            segments.count()
        ))?;
        for line in sms.lines() {
            output.line(line)?;
        }
        output.line(format!("-- {}", words.subject))?;
        for line in words.long.lines() {
            output.line(line)?;
        }
        shown.push(json!({
            "kind": name, "language": words.language, "segments": segments.count(), "alphabet": alphabet,
            "sms": sms.as_str(), "subject": words.subject, "email": words.long.as_str(),
        }));
    }
    output.object(&json!({"messages": shown}))?;
    Ok(Exit::Done)
}
