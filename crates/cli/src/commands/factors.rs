//! `zamok factors`: the factors of an account.

pub(crate) mod adding;
pub(crate) mod offering;
mod own;
mod token;

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::account::{FactorId, FactorState};

use super::keys::id_bytes;
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// List the factors of an account, add and change them, hand out hardware tokens, take factors back into use or away.
#[derive(Args, Debug)]
pub(crate) struct Factors {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the factors of an account.
    List {
        /// Its login.
        login: String,
    },
    /// Hand a hardware token that counts (RFC 4226) out to an account; it counts once `confirm` has seen a code of it.
    Assign(token::Assign),
    /// End the handing out of a token with a code that it shows, which is spent.
    Confirm(token::Confirm),
    /// Find a token that has run ahead by two codes in a row, its owner being there.
    Resync(token::Resync),
    /// Take a factor that failures have disabled back into use, after you have made sure who asks.
    Resume {
        /// The login of the account.
        login: String,
        /// The id, as `zamok factors list` shows it.
        #[arg(value_parser = factor_id)]
        id: FactorId,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// As the owner of an account: add a factor, or put it in the place of another; it counts once `test` was right.
    Add(adding::Add),
    /// As the owner of an account: answer as the factor, or the contact, that is to be replaced.
    Agree(adding::Agree),
    /// End an enrolment with its test: the code that was sent or that the app shows, the PIN once more, a signature, or the approval
    /// of the device. What answers it is spent.
    Test(adding::Test),
    /// As the owner of an account: ask for this factor first at a login.
    Prefer(own::Prefer),
    /// As the owner of an account: give a factor another label.
    Rename(own::Rename),
    /// As the owner of an account: take a factor away; every other session ends.
    Drop(own::Drop),
    /// Let the password of an account that has lost its last factor open an enrolment once more, for a short while, after you have made
    /// sure who asks.
    LetEnrol {
        /// The login of the account.
        login: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
    /// Take a factor away; the sessions of the account end.
    Remove {
        /// The login of the account.
        login: String,
        /// The id, as `zamok factors list` shows it.
        id: String,
        /// Why, for the journal.
        #[arg(long)]
        reason: String,
    },
}

impl Factors {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            match &self.what {
                What::List { login } => {
                    let factors = zamok.factors_of(login).map_err(|error| nobody(error.into()))?;
                    let mut listed = Vec::new();
                    for factor in factors {
                        let state = match factor.state {
                            FactorState::SetAside => "set aside".to_owned(),
                            state => format!("{state:?}").to_lowercase(),
                        };
                        let (kind, added) = (factor.kind.name(), moment::text(factor.added));
                        let used = factor.last_used.map_or_else(
                            || "never used".to_owned(),
                            |at| format!("last used {}", moment::text(at)),
                        );
                        output.line(format!(
                            "{}  {kind}  {state}  since {added}  {used}  {}{}",
                            factor.id,
                            factor.label,
                            factor.hint.as_ref().map(|hint| format!("  {hint}")).unwrap_or_default(),
                        ))?;
                        listed.push(json!({
                            "id": factor.id.to_string(), "kind": kind, "state": state, "label": factor.label,
                            "added": factor.added.0, "last_used": factor.last_used.map(|at| at.0),
                            "contact": factor.hint, "until": factor.until.map(|at| at.0),
                        }));
                    }
                    output.object(&json!({"login": login, "factors": listed}))?;
                }
                What::Assign(assign) => assign.run(zamok, output)?,
                What::Confirm(confirm) => confirm.run(zamok, output)?,
                What::Resync(resync) => resync.run(zamok, output)?,
                What::Resume { login, id, reason } => {
                    zamok.resume_factor(login, *id, reason).map_err(|error| match error.into() {
                        failure @ Failure { name: "key-state", .. } => {
                            Failure { message: "the factor is not disabled".into(), ..failure }.hint(
                                "`zamok factors list` shows the states, `zamok why LOGIN` what was refused",
                            )
                        }
                        failure => nobody(failure),
                    })?;
                    output.line(
                        "The factor counts again, and its failures are forgiven. The journal says why.",
                    )?;
                    output.object(&json!({"login": login, "resumed": id.to_string()}))?;
                }
                What::Add(add) => add.run(zamok, output)?,
                What::Agree(agree) => agree.run(zamok, output)?,
                What::Test(test) => test.run(zamok, output)?,
                What::Prefer(prefer) => prefer.run(zamok, output)?,
                What::Rename(rename) => rename.run(zamok, output)?,
                What::Drop(drop) => drop.run(zamok, output)?,
                What::LetEnrol { login, reason } => {
                    let until = zamok.let_enrol(login, reason).map_err(|error| nobody(error.into()))?;
                    output.line(format!(
                        "The password of {login} opens an enrolment until {}. The journal says why.",
                        moment::text(until)
                    ))?;
                    output.remark(format!("next: zamok enrol {login}"));
                    output.object(&json!({"login": login, "until": until.0}))?;
                }
                What::Remove { login, id, reason } => {
                    let factors = zamok.factors_of(login).map_err(|error| nobody(error.into()))?;
                    let factor = factors
                        .into_iter()
                        .find(|factor| factor.id.to_string() == *id)
                        .ok_or_else(|| Failure::rejected("the account has no factor with this id"))?;
                    zamok.remove_factor(login, factor.id, reason)?;
                    output.line("The factor is gone, and the sessions of the account have ended.")?;
                    output.object(&json!({"login": login, "removed": id}))?;
                }
            }
            Ok(Exit::Done)
        })
    }
}

/// Reads the id of a factor.
fn factor_id(text: &str) -> Result<FactorId, String> {
    let id = id_bytes(text).map(FactorId);
    id.ok_or_else(|| "the id of a factor has 32 hexadecimal digits; `zamok factors list` shows them".into())
}

fn nobody(failure: Failure) -> Failure {
    failure.when_rejected(
        "there is no such account or factor",
        "look at how the login is spelled; `zamok factors list LOGIN` shows the factors",
    )
}
