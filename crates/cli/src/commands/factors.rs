//! `zamok factors`: the factors of an account.

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::account::FactorState;

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// List the factors of an account, and take them away.
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
            let nobody = |failure: Failure| failure.when_rejected("there is no such account or factor", "");
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
