//! `zamok powers`: powers of attorney between accounts, given, accepted and ended by their owners (R18, R73).

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use zamok::account::{Power, PowerId, PowerKind, PowerState, Right, Rights, Terms};
use zamok::{AccountId, UnixTime, Zamok};

use super::keys::id_bytes;
use crate::arguments::{Shared, TokenSource};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// Give another account the right to act for yours, and accept or end what was given.
#[derive(Args, Debug)]
pub(crate) struct Powers {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The powers that your account gave and was given, without those that have ended.
    List {
        #[command(flatten)]
        token: TokenSource,
    },
    /// Offer another account a power over matters of yours; it counts once the other accepts.
    Give {
        /// The login of the other account.
        agent: String,
        #[command(flatten)]
        token: TokenSource,
        /// What may be done, with commas between.
        #[arg(long, value_name = "RIGHTS", value_delimiter = ',', required = true)]
        rights: Vec<RightName>,
        /// In which matters, as the service names them, with commas between; * for all.
        #[arg(long, value_name = "MATTERS", value_delimiter = ',', required = true)]
        scope: Vec<String>,
        /// For how many days.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=36_500))]
        days: u64,
        /// What binds the two.
        #[arg(long, default_value = "attorney")]
        kind: KindName,
    },
    /// Accept a power that was offered to your account.
    Accept {
        /// Its id, as `list` shows it.
        #[arg(value_parser = power_id)]
        power: PowerId,
        #[command(flatten)]
        token: TokenSource,
    },
    /// End a power, from either side; decline one that was offered.
    End {
        /// Its id, as `list` shows it.
        #[arg(value_parser = power_id)]
        power: PowerId,
        #[command(flatten)]
        token: TokenSource,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RightName {
    View,
    Edit,
    Confirm,
}

impl From<RightName> for Right {
    fn from(name: RightName) -> Self {
        match name {
            RightName::View => Self::View,
            RightName::Edit => Self::Edit,
            RightName::Confirm => Self::Confirm,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindName {
    Attorney,
    Family,
}

/// Reads the id of a power.
fn power_id(text: &str) -> Result<PowerId, String> {
    let id = id_bytes(text).map(PowerId);
    id.ok_or_else(|| "the id of a power has 32 hexadecimal digits; `zamok powers list` shows them".into())
}

const DAY: u64 = 24 * 60 * 60;

impl Powers {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| match &self.what {
            What::List { token } => list(zamok, token, output),
            What::Give { agent, token, rights, scope, days, kind } => {
                let session = opening::session(zamok, token, output)?;
                let kind = match kind {
                    KindName::Attorney => PowerKind::Attorney,
                    KindName::Family => PowerKind::Family,
                };
                let rights = Rights::of(&rights.iter().copied().map(Right::from).collect::<Vec<_>>());
                let until = zamok.vault().now().plus(days.saturating_mul(DAY));
                let terms = Terms { kind, rights, scope: scope.clone(), until };
                let power = zamok.give_power(&session, agent, &terms).map_err(|error| {
                    let longest = zamok.policy().power.longest / DAY;
                    let failure = Failure::from(error)
                        .when_rejected("no account has this login", "look at how it is spelled");
                    match failure.name {
                        "power-unusable" => failure.hint(format!(
                            "it lasts at most {longest} days, has 1 to 32 matters of 1 to 64 bytes, and is for another account"
                        )),
                        _ => failure,
                    }
                })?;
                output
                    .line(format!("{agent} is offered the power {}; it counts once accepted.", power.id))?;
                output.remark(format!("next: {agent} runs zamok powers accept {}", power.id));
                output.object(&object(&power, session.account))?;
                Ok(Exit::Done)
            }
            What::Accept { power, token } => {
                let session = opening::session(zamok, token, output)?;
                let power = zamok.accept_power(&session, *power).map_err(|error| not_there(error.into()))?;
                output.line("The power counts from now on.")?;
                output.object(&object(&power, session.account))?;
                Ok(Exit::Done)
            }
            What::End { power, token } => {
                let session = opening::session(zamok, token, output)?;
                let power = zamok.end_power(&session, *power).map_err(|error| not_there(error.into()))?;
                output.line("The power has ended.")?;
                output.object(&object(&power, session.account))?;
                Ok(Exit::Done)
            }
        })
    }
}

fn not_there(failure: Failure) -> Failure {
    match failure.name {
        "power-unusable" => {
            failure.hint("`zamok powers list` shows which are open, and who was offered them")
        }
        _ => failure,
    }
}

fn list(zamok: &Zamok, token: &TokenSource, output: &Output) -> Result<Exit, Failure> {
    let session = opening::session(zamok, token, output)?;
    let powers = zamok.powers(&session)?;
    if powers.is_empty() {
        output.line("The account gave no power, and was given none.")?;
    }
    for power in &powers {
        let Power { terms, .. } = power;
        output.line(format!(
            "{}  {}  {}  {}  may {} in {}  until {}",
            power.id,
            side(power, session.account),
            state(power.state),
            kind(terms.kind),
            terms.rights,
            terms.scope.join(" "),
            moment::text(terms.until),
        ))?;
    }
    let powers: Vec<Value> = powers.iter().map(|power| object(power, session.account)).collect();
    output.object(&json!({"powers": powers}))?;
    Ok(Exit::Done)
}

fn object(power: &Power, own: AccountId) -> Value {
    let UnixTime(until) = power.terms.until;
    json!({
        "power": power.id.to_string(),
        "side": side(power, own),
        "state": state(power.state),
        "kind": kind(power.terms.kind),
        "principal": power.principal.to_string(),
        "agent": power.agent.to_string(),
        "rights": power.terms.rights.to_string(),
        "scope": power.terms.scope,
        "until": until,
    })
}

fn side(power: &Power, own: AccountId) -> &'static str {
    if power.principal == own { "given" } else { "received" }
}

const fn kind(kind: PowerKind) -> &'static str {
    match kind {
        PowerKind::Attorney => "attorney",
        PowerKind::Family => "family",
    }
}

const fn state(state: PowerState) -> &'static str {
    match state {
        PowerState::Absent => "absent",
        PowerState::Offered => "offered",
        PowerState::Active => "active",
        PowerState::Ended => "ended",
    }
}
