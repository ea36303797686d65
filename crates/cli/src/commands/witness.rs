//! `zamok witness`: a witness of other people's logs.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;
use zamok::witness::{Evidence, Server, Service, Suspicion, is_key_name};
use zamok::{Argon2Cost, Freshness, Options, Vault, journal::TrustPolicy};

use super::journal::policy;
use crate::arguments::Shared;
use crate::credentials::Held;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// Watch logs: cosign their checkpoints as long as they only grow (C2SP tlog-witness).
///
/// The witness has a vault of its own, named by --store, which holds its key, the latest checkpoint of each log, and the
/// evidence of logs that forked.
#[derive(Args, Debug)]
pub(crate) struct Witness {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the vault of a new witness.
    Init {
        /// The name that stands in its cosignatures, best an address without a scheme: witness.example/w1.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Memory that each guess at the passphrase costs, in MiB [default: 256].
        #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=2048))]
        argon2_memory: Option<u32>,
    },
    /// Serve, in plain HTTP: put it behind something that ends TLS.
    Serve {
        /// Where to listen.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7380")]
        listen: SocketAddr,
        /// A file that names the logs to watch (C2SP tlog-policy).
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
    /// Show what is kept of logs that forked; exits with 1 when there is any.
    Evidence,
}

impl Witness {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        match &self.what {
            What::Init { name, argon2_memory } => init(shared, name, *argon2_memory, output),
            What::Serve { listen, policy: file } => serve(shared, *listen, policy(file)?, output),
            What::Evidence => evidence(shared, output),
        }
    }
}

fn init(shared: &Shared, name: &str, memory: Option<u32>, output: &Output) -> Result<Exit, Failure> {
    if !is_key_name(name) {
        return Err(Failure::usage("a witness's name has no blanks and no plus sign in it"));
    }
    let place = opening::place(shared)?;
    // First the secret, so that nothing is left behind when there is none.
    let held = Held::read_for_new(shared, output)?;
    let mut options = Options::default();
    if let Some(mebibytes) = memory {
        options.cost = Argon2Cost { memory_kib: mebibytes << 10, ..options.cost };
    }
    let anchor = opening::new_anchor(shared)?;
    if let Some(anchor) = &anchor {
        options.freshness = Freshness::Anchored(anchor.clone());
    }
    let vault = Vault::create(opening::new_store(&place)?, held.credential(), options)?;
    let key = Service::found(&vault, name)?;
    let anchored = opening::anchored(&vault, anchor.as_ref(), output);
    output.line(format!("{place} holds a witness now. Its key, for the policies of others:"))?;
    output.line(key.to_string())?;
    output.object(&json!({
        "store": place.to_string(),
        "name": name,
        "key": key.to_string(),
        "anchored": matches!(anchored, Ok(true)),
    }))?;
    // What was made is told whatever becomes of the anchor: it is there.
    anchored.map(|_| Exit::Done)
}

fn open(shared: &Shared, output: &Output) -> Result<Arc<Vault>, Failure> {
    let store = opening::store(shared)?;
    let options = Options { idle: None, ..opening::options(shared)? };
    let held = Held::read(shared, output)?;
    let vault = Vault::unlock(store.clone(), held.credential(), options.clone())
        .map_err(|error| opening::unopened(error, &*store, &held, &options))?;
    Ok(Arc::new(vault))
}

fn serve(shared: &Shared, listen: SocketAddr, policy: TrustPolicy, output: &Output) -> Result<Exit, Failure> {
    let logs = policy.logs().len();
    let service = Service::open(open(shared, output)?, policy)?;
    let key = service.key()?;
    let unusable = |error| Failure::file(format!("cannot listen at {listen}: {error}"));
    let server = Server::bind(listen, service).map_err(unusable)?;
    let address = server.address().map_err(unusable)?;
    output.line(format!("{key} watches {logs} logs at http://{address}/"))?;
    output.object(&json!({"key": key.to_string(), "address": address.to_string(), "logs": logs}))?;
    server.run();
    Ok(Exit::Done)
}

fn evidence(shared: &Shared, output: &Output) -> Result<Exit, Failure> {
    let vault = open(shared, output)?;
    let kept = vault.read(zamok::witness::evidence)?;
    for Evidence { suspicion, time, remembered, refused } in &kept {
        let sure = match suspicion {
            Suspicion::Fork => "signed two trees of one size",
            Suspicion::Unproved => "did not prove that it only grew",
        };
        let origin = &refused.checkpoint().origin;
        output.line(format!(
            "{} {origin} {sure}: the one that was cosigned, and the other",
            moment::text(*time)
        ))?;
        if !output.is_for_programs() {
            // Whoever signed them may be who is suspected: what they say goes to no terminal as it is.
            for line in format!("{remembered}\n{refused}").lines() {
                output.line(line)?;
            }
        }
    }
    let pieces: Vec<_> = kept
        .iter()
        .map(|piece| {
            json!({
                "fork": piece.suspicion == Suspicion::Fork,
                "time": piece.time.0,
                "remembered": piece.remembered.to_string(),
                "refused": piece.refused.to_string(),
            })
        })
        .collect();
    output.object(&json!({ "evidence": pieces }))?;
    if kept.is_empty() {
        output.line("nothing was found wrong with any log")?;
    }
    Ok(if kept.is_empty() { Exit::Done } else { Exit::Rejected })
}
