//! `zamok ocra ask` and `answer`: a question of the vault, and the one response to it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::keys::questions::{self, Inputs, Matter, QuestionId};
use zamok::keys::{self, KeyId, KeyKind};
use zamok::otp::{OcraPassword, OcraSuite};
use zamok::{CoreError, Zamok, hash};

use super::inputs::Others;
use crate::arguments::Shared;
use crate::commands::keys::{id_bytes, key_id};
use crate::failure::{Exit, Failure};
use crate::files;
use crate::moment;
use crate::opening;
use crate::output::Output;
use crate::secrets;

#[derive(Args, Debug)]
pub(super) struct Ask {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
    /// Ask about this file instead of at random: the answer agrees to its SHA-256. Suites with QH64 have the digest itself as their
    /// question; for others say with --shown what the device shows.
    #[arg(long, value_name = "FILE")]
    about: Option<PathBuf>,
    /// What the holder types and the device shows of the file: amount and payee, in the suite's characters.
    #[arg(long, value_name = "TEXT", requires = "about")]
    shown: Option<String>,
    /// Seconds for which a response is taken [default: as the policy has it for challenges].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=7 * 24 * 3600))]
    lifetime: Option<u64>,
}

#[derive(Args, Debug)]
pub(super) struct Answer {
    /// The question's id, as `zamok ocra ask` told it.
    #[arg(value_parser = question_id)]
    question: QuestionId,
    /// What the device shows. Otherwise it is asked for, or read from standard input.
    #[arg(long, value_name = "TEXT")]
    response: Option<String>,
    #[command(flatten)]
    others: Others,
}

/// Reads the id of a question.
fn question_id(text: &str) -> Result<QuestionId, String> {
    id_bytes(text)
        .map(QuestionId)
        .ok_or_else(|| "the id of a question has 32 hexadecimal digits, as `zamok ocra ask` tells it".into())
}

impl Ask {
    pub(super) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let document = self.about.as_deref().map(files::read_document).transpose()?;
        let matter = match &document {
            None => Matter::Presence,
            Some(document) => {
                Matter::Operation { digest: hash::sha256(&[document]), shown: self.shown.as_deref() }
            }
        };
        opening::with_vault(shared, output, |zamok| {
            let lifetime = self.lifetime.unwrap_or(zamok.policy().challenge.lifetime);
            let asked = opening::with_key(zamok, self.key, shared, output, |tx| {
                questions::ask(tx, self.key, matter, lifetime)
            });
            let question = asked.map_err(|failure| match (failure.code, &self.shown) {
                (245, None) => failure.hint(
                    "say with --shown what the device shows of the file; only suites with QH64 ask by digest",
                ),
                _ => failure,
            })?;
            let (id, expires) = (text_of(question.id), moment::text(question.expires));
            output.line(format!("The question, to be typed into the device: {}", question.text))?;
            output.remark(format!("until {expires}: zamok ocra answer {id}"));
            output.object(&json!({
                "question": id,
                "key": self.key.to_string(),
                "text": question.text,
                "expires": question.expires.0,
            }))?;
            Ok(Exit::Done)
        })
    }
}

impl Answer {
    pub(super) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let (key, suite) = self.asked(zamok)?;
            let pin = self.others.pin(&suite, output)?;
            let response = match &self.response {
                Some(response) => response.trim().to_owned(),
                None => secrets::code("The response that the device shows", "--response TEXT", output)?,
            };
            let inputs = Inputs {
                password: pin.as_ref().map(|pin| OcraPassword::Plain(pin)),
                session: self.others.session(),
            };
            let policy = zamok.policy().one_time();
            let answer = opening::with_key(zamok, key, shared, output, |tx| {
                questions::answer(tx, self.question, &response, inputs, &policy)
            });
            let operation = match answer.map_err(|failure| failure.when_rejected(GONE, ASK_AGAIN))? {
                questions::Answer::Accepted(operation) => operation,
                questions::Answer::Rejected => {
                    return Err(Failure::rejected("the response was not accepted").hint(format!(
                        "a question is answered once: ask another with `zamok ocra ask {key}`; after {} failures in a row responses are delayed, and `zamok journal tail` tells why",
                        policy.throttle.free
                    )));
                }
            };
            let digest = operation.map(hex);
            output.line("The response is right. The question is gone, and nothing else answers it.")?;
            if let Some(digest) = &digest {
                output.line(format!("It agrees to the file with the SHA-256 {digest}."))?;
            }
            output.object(&json!({"key": key.to_string(), "accepted": true, "sha256": digest}))?;
            Ok(Exit::Done)
        })
    }

    /// The key that was asked, and what goes into its responses.
    fn asked(&self, zamok: &Zamok) -> Result<(KeyId, OcraSuite), Failure> {
        let found = zamok.vault().transact(|tx| {
            let key = questions::asked(tx, self.question)?;
            match keys::info(tx, key)?.kind {
                KeyKind::Ocra { suite } => Ok((key, suite)),
                _ => Err(CoreError::KeyKind),
            }
        });
        found.map_err(|error| Failure::from(error).when_rejected(GONE, ASK_AGAIN))
    }
}

const GONE: &str = "there is no such question, or not any more";
const ASK_AGAIN: &str = "each question is answered once: ask another with `zamok ocra ask KEY`";

fn text_of(id: QuestionId) -> String {
    hex(id.0)
}

fn hex<const N: usize>(bytes: [u8; N]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
