//! `zamok why`: the operator's view of an account, with the reasons that its owner is not told.

use clap::Args;
use serde_json::json;
use zamok::account::{FactorId, FactorInfo, FactorKind, FactorState};
use zamok::event::EventKind;
use zamok::guessing::Failures;
use zamok::journal::Recorded;
use zamok::{UnixTime, Zamok};

use crate::arguments::Shared;
use crate::events::{self, Eyes};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// Tell the operator why an account was refused: wrong codes, used codes, delays.
#[derive(Args, Debug)]
pub(crate) struct Why {
    /// The login of the account.
    login: String,
    /// How many refusals to show.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// Entries that are read at most.
const MOST: usize = 100_000;

impl Why {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            opening::integrate(zamok, output)?;
            let account = zamok.account_by_login(&self.login).map_err(|error| {
                Failure::from(error).when_rejected("no account has this login", "look at how it is spelled")
            })?;
            let entries = read(zamok, &self.login)?;
            let standing = Standing::of(&self.login, zamok)?;
            let now = zamok.vault().now();
            output.line(format!("{}, registered {}", account.login, moment::text(account.registered)))?;
            output.line(format!("password:  {}", told(&standing.password, now)))?;
            output.line(format!("generator: {}", standing.generator(now)))?;
            let refusals: Vec<_> =
                entries.iter().filter(|entry| is_refusal(entry.leaf.kind)).take(self.limit.into()).collect();
            let none = if refusals.is_empty() { "nothing was refused" } else { "refusals, newest first:" };
            output.line(none)?;
            for entry in &refusals {
                output.line(events::line(entry, Eyes::Operator))?;
            }
            let refusals: Vec<_> =
                refusals.into_iter().map(|entry| events::object(entry, Eyes::Operator)).collect();
            output.object(&json!({
                "login": account.login,
                "account": account.id.to_string(),
                "registered": account.registered.0,
                "password": object(&standing.password, now),
                "generator": standing.generator_object(now),
                "refusals": refusals,
            }))?;
            Ok(Exit::Done)
        })
    }
}

/// The whole history of an account, newest first.
fn read(zamok: &Zamok, login: &str) -> Result<Vec<Recorded>, Failure> {
    const PAGE: usize = 256;
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let listing = zamok.history_of(login, PAGE, after.as_ref())?;
        entries.extend(listing.entries);
        match listing.next {
            Some(next) if entries.len() < MOST => after = Some(next),
            _ => break,
        }
    }
    events::sort(&mut entries);
    Ok(entries)
}

const fn is_refusal(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::CodeRejected
            | EventKind::CodeRefusedWhileDelayed
            | EventKind::CodeDisabled
            | EventKind::FactorDisabled
            | EventKind::PasswordRejected
            | EventKind::LoginRefusedWhileDelayed
            | EventKind::ChallengeRejected
    )
}

/// How strangers stand at an account. A known device has failures of its own, and clears none of these.
#[derive(Debug)]
struct Standing {
    password: Failures,
    /// Of several generators and tokens that are as far as [`Self::phase`], at the one that is delayed longest.
    code: Failures,
    phase: Phase,
}

/// How far the generator or the token is with which an account would answer; of several, the one that is farthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Absent,
    Offered,
    Disabled,
    Enrolled,
}

impl Phase {
    fn of(factor: &FactorInfo) -> Self {
        if !matches!(factor.kind, FactorKind::Generator | FactorKind::Token) {
            return Self::Absent;
        }
        match factor.state {
            FactorState::Active => Self::Enrolled,
            FactorState::Disabled => Self::Disabled,
            FactorState::Offered => Self::Offered,
            // It answers for nothing but its own return.
            FactorState::SetAside | FactorState::Absent => Self::Absent,
        }
    }
}

impl Standing {
    fn of(login: &str, zamok: &Zamok) -> Result<Self, Failure> {
        let factors = zamok.factors_of(login)?;
        let (password, guessed) = zamok.failures_of(login)?;
        let phase = factors.iter().map(Phase::of).max().unwrap_or(Phase::Absent);
        // One that is disabled waits for no time, and delays nobody where another answers.
        let answers = |id: FactorId| {
            phase != Phase::Absent
                && factors.iter().any(|factor| factor.id == id && Phase::of(factor) == phase)
        };
        let codes = guessed.into_iter().filter(|(id, _)| answers(*id)).map(|(_, failures)| failures);
        let code = codes.max_by_key(|failures| (failures.not_before.0, failures.in_a_row));
        Ok(Self { password, code: code.unwrap_or_default(), phase })
    }

    fn generator(&self, now: UnixTime) -> String {
        match self.phase {
            Phase::Absent => "none enrolled".into(),
            Phase::Offered => format!("offered, not confirmed; {}", told(&self.code, now)),
            Phase::Enrolled => told(&self.code, now),
            Phase::Disabled => format!(
                "disabled after too many wrong codes; {}; `zamok resume` takes it back into use",
                told(&self.code, now)
            ),
        }
    }

    fn generator_object(&self, now: UnixTime) -> serde_json::Value {
        let mut object = object(&self.code, now);
        object["state"] = json!(match self.phase {
            Phase::Absent => "absent",
            Phase::Offered => "offered",
            Phase::Enrolled => "enrolled",
            Phase::Disabled => "disabled",
        });
        object
    }
}

fn told(failures: &Failures, now: UnixTime) -> String {
    let in_a_row = match failures.in_a_row {
        0 => "no failure since the last success".into(),
        1 => "1 failure since the last success".into(),
        count => format!("{count} failures since the last success"),
    };
    if is_delayed(failures, now) {
        format!("{in_a_row}; delayed until {}", moment::text(failures.not_before))
    } else {
        in_a_row
    }
}

fn object(failures: &Failures, now: UnixTime) -> serde_json::Value {
    json!({
        "failures_in_a_row": failures.in_a_row,
        "delayed_until": is_delayed(failures, now).then_some(failures.not_before.0),
    })
}

/// Whether attempts are refused for a while; what failures have ended waits for no time.
fn is_delayed(failures: &Failures, now: UnixTime) -> bool {
    failures.delayed(now) && !failures.exhausted()
}
