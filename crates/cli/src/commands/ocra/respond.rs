//! `zamok ocra respond`: a response from a secret in a file, as a device computes it.

use clap::{Args, ValueEnum};
use serde_json::json;
use zamok::otp::{Ocra, OcraChallenge, OcraInput, OcraPassword, OcraSide, OcraSuite};
use zamok::{Clock, SystemClock, UnixTime};

use super::inputs::Others;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::seed::Seed;

#[derive(Args, Debug)]
pub(super) struct Respond {
    /// What goes into the response, as RFC 6287 §6 writes it: OCRA-1:HOTP-SHA256-8:QN08.
    #[arg(long, value_parser = super::suite)]
    suite: OcraSuite,
    #[command(flatten)]
    seed: Seed,
    /// The question that was asked.
    #[arg(long, value_name = "TEXT", required_unless_present = "client_question")]
    question: Option<String>,
    /// Both sides ask (RFC 6287 §7.2): the question of the client.
    #[arg(long, value_name = "TEXT", conflicts_with = "question", requires_all = ["server_question", "by"])]
    client_question: Option<String>,
    /// Both sides ask: the question of the server.
    #[arg(long, value_name = "TEXT", requires = "client_question")]
    server_question: Option<String>,
    /// Both sides ask: who answers here.
    #[arg(long, requires = "client_question")]
    by: Option<Side>,
    /// For a suite with a counter: its value.
    #[arg(long, value_name = "N")]
    counter: Option<u64>,
    /// For a suite with a time: seconds since 1970 [default: now].
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    #[command(flatten)]
    others: Others,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Client,
    Server,
}

impl Respond {
    pub(super) fn run(&self, output: &Output) -> Result<Exit, Failure> {
        let secret = self.seed.read(output)?;
        let pin = self.others.pin(&self.suite, output)?;
        let time = match (self.suite.time_step(), self.time) {
            (Some(_), None) => Some(SystemClock.now()),
            (_, given) => given.map(UnixTime),
        };
        let input = OcraInput {
            counter: self.counter,
            challenge: self.challenge()?,
            password: pin.as_ref().map(|pin| OcraPassword::Plain(pin)),
            session: self.others.session(),
            time,
        };
        let response = Ocra::new(&secret, self.suite).response(&input)?;
        output.line(response.as_str())?;
        output.object(&json!({"suite": self.suite.as_str(), "response": response.as_str()}))?;
        Ok(Exit::Done)
    }

    fn challenge(&self) -> Result<OcraChallenge<'_>, Failure> {
        match (&self.question, &self.client_question, &self.server_question, self.by) {
            (Some(question), ..) => Ok(OcraChallenge::OneWay(question)),
            (None, Some(client), Some(server), Some(by)) => {
                let by = if by == Side::Server { OcraSide::Server } else { OcraSide::Client };
                Ok(OcraChallenge::Mutual { client, server, by })
            }
            _ => Err(Failure::usage("give --question, or --client-question, --server-question and --by")),
        }
    }
}
