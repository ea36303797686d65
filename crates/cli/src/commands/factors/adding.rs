//! `zamok factors add`, `agree` and `test`: what the owner of an account adds in a session, or puts in another's place.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::account::FactorId;
use zamok::{Challenge, Enrolment, Zamok};

use super::factor_id;
use super::offering::{Kind, Offering};
use crate::arguments::TokenSource;
use crate::challenges::{self, Reply, Shown, challenge, enrolment};
use crate::events::hex;
use crate::failure::Failure;
use crate::opening;
use crate::output::Output;

#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its kind.
    #[arg(value_name = "KIND")]
    kind: Kind,
    #[command(flatten)]
    offering: Offering,
    /// Put it in the place of this factor, as `zamok factors list` shows it. Where policy wants it, that one agrees first.
    #[arg(long, value_name = "ID", value_parser = factor_id)]
    replaces: Option<FactorId>,
    /// Where a device's key agrees to be replaced: write what it has to sign to FILE.
    #[arg(long, value_name = "FILE", requires = "replaces")]
    old_question: Option<PathBuf>,
    #[command(flatten)]
    token: TokenSource,
}

#[derive(Args, Debug)]
pub(crate) struct Agree {
    /// The challenge, as `add --replaces` told it.
    #[arg(value_parser = challenge)]
    challenge: Challenge,
    #[command(flatten)]
    reply: Reply,
    #[command(flatten)]
    token: TokenSource,
}

#[derive(Args, Debug)]
pub(crate) struct Test {
    /// The enrolment, as `add` told it.
    #[arg(value_parser = enrolment)]
    enrolment: Enrolment,
    #[command(flatten)]
    reply: Reply,
}

impl Add {
    pub(super) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        let offer = self.offering.read(self.kind, output)?;
        let old_question = challenges::question_file(self.old_question.as_deref())?;
        let session = opening::session(zamok, &self.token, output)?;
        let (enrolment, agreement) = match self.replaces {
            None => (zamok.begin_factor(&session)?, None),
            Some(old) => {
                let change = zamok.begin_change(&session, old).map_err(|error| {
                    Failure::from(error).when_rejected(
                        "your account has no such factor that counts",
                        "`zamok factors list LOGIN` shows the factors",
                    )
                })?;
                (change.enrolment, change.agreement)
            }
        };
        let mut object = offer.make(zamok, &enrolment, Some(&session), output)?;
        if let Some(agreement) = agreement {
            output.line("The factor that is replaced has to agree.")?;
            object["agreement"] = challenges::show(zamok, &agreement, old_question, output)?;
            output.remark(format!("next: zamok factors agree {}", hex(&agreement.id)));
        }
        output.remark(format!("next: zamok factors test {}", hex(&enrolment.id)));
        output.object(&object)
    }
}

impl Agree {
    pub(crate) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        if self.reply.is_to_be_sent_again() {
            return challenges::send_again(zamok, &self.challenge, output);
        }
        let session = opening::session(zamok, &self.token, output)?;
        let text = self.reply.read(output)?;
        let agreed = zamok.agree(&session, &self.challenge, &text, zamok.request_id()?);
        agreed.map_err(|error| challenges::over(error.into()))?;
        output.line("The change is agreed to.")?;
        output.object(&json!({"challenge": hex(&self.challenge.id), "agreed": true}))
    }
}

impl Test {
    pub(crate) fn run(&self, zamok: &Zamok, output: &Output) -> Result<(), Failure> {
        let id = hex(&self.enrolment.id);
        if self.reply.is_to_be_sent_again() {
            zamok.send_enrolment_again(&self.enrolment).map_err(|error| over(error.into()))?;
            output.line("It was sent again. What was sent before counts no more.")?;
            let mut object = json!({"enrolment": id, "sent": true});
            let number = zamok.enrolment_number(&self.enrolment);
            Shown::after_sending(number, output)?.add_to(&mut object);
            return output.object(&object);
        }
        let text = self.reply.read(output)?;
        zamok.confirm_factor(&self.enrolment, &text).map_err(|error| over(error.into()))?;
        output.line(
            "It counts from now on; what answered is spent. Every other session of the account has ended.",
        )?;
        output.remark("tokens from before are worth nothing: log in again with `zamok login LOGIN`");
        output.object(&json!({"enrolment": id, "state": "active"}))
    }
}

fn over(failure: Failure) -> Failure {
    failure.when_rejected(
        "the test was not right, or the enrolment is over: it does not count yet",
        "an answer serves for one enrolment alone: try again, or begin another with `zamok factors add`",
    )
}
