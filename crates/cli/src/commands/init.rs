//! `zamok init`: a store, a vault in it, a cabinet over it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use zamok::policy::Profile;
use zamok::{Argon2Cost, Cabinet, Freshness, Options, Settings, Vault};

use crate::arguments::Shared;
use crate::commands::policy;
use crate::credentials::Held;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

/// Make a store and a vault in it.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The name of the service, as authenticator apps and tokens show it.
    #[arg(long, value_name = "NAME", default_value = "Zamok")]
    issuer: String,
    /// The policy (passwords, lifetimes, windows, attempts): `strict`, `seeds`, `nist-aal2`, or a file as `zamok policy show`
    /// prints it.
    #[arg(long, value_name = "PROFILE|FILE", default_value = "strict", alias = "profile")]
    policy: PathBuf,
    /// Memory that each guess at the passphrase costs, in MiB [default: 256]. Less than 64 is for machines that have
    /// no more, and for tests.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=2048))]
    argon2_memory: Option<u32>,
    /// Passes over that memory [default: 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    argon2_passes: Option<u32>,
}

impl Init {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let place = opening::place(shared)?;
        let policy = policy::named(&self.policy)?;
        Cabinet::judge(&self.issuer, &policy)?;
        let mut options = Options::default();
        let default = options.cost;
        options.cost = Argon2Cost {
            memory_kib: self.argon2_memory.map_or(default.memory_kib, |mebibytes| mebibytes << 10),
            passes: self.argon2_passes.unwrap_or(default.passes),
            ..default
        };
        let profile = policy.profile;
        // First the secret, so that nothing is left behind when there is none.
        let held = Held::read_for_new(shared, output)?;
        let anchor = opening::new_anchor(shared)?;
        if let Some(anchor) = &anchor {
            options.freshness = Freshness::Anchored(anchor.clone());
        }
        let settings = Settings::new(self.issuer.as_str()).with_policy(policy).with_options(options);
        let zamok = opening::create(&place, &held, settings)?;
        let anchored = opening::anchored(zamok.vault(), anchor.as_ref(), output);
        // As the slot has it: where an interrupted `init` is finished, that is what was asked for then.
        let slots = Vault::slots(&**zamok.vault().store(), &Options::default());
        let slots = slots.map_err(|error| Failure::from(error).afterwards())?;
        let cost = slots.iter().find_map(|slot| slot.method.cost());
        let cost = cost.map(|cost| (cost.memory_kib >> 10, cost.passes));
        output.line(format!("{place} holds a vault now, for the service “{}”.", self.issuer))?;
        if let (Held::Passphrase(_), Some((memory, passes))) = (&held, cost) {
            output.line(format!(
                "Each guess at its passphrase costs Argon2id with {memory} MiB, passes: {passes}."
            ))?;
        }
        match &shared.opening.anchor {
            Some(_) if anchored.is_err() => {}
            Some(file) => {
                output.remark(format!("it opens only with its anchor: --anchor {}", file.display()))
            }
            None if profile == Profile::Strict => output.remark(
                "no anchor: if the store is put back to an older copy as a whole, nothing will notice; \
                 `zamok journal anchor FILE`, on another disk, begins one",
            ),
            None => {}
        }
        output.remark("next: zamok register LOGIN");
        output.object(&json!({
            "store": place.to_string(),
            "origin": zamok.vault().origin(),
            "issuer": self.issuer,
            "profile": profile.name(),
            "anchored": matches!(anchored, Ok(true)),
            // Nothing is guessed where a key opens it.
            "argon2": cost.map(|(memory, passes)| json!({"memory_mib": memory, "passes": passes})),
        }))?;
        // What was made is told whatever becomes of the anchor: it is there.
        anchored.map(|_| Exit::Done)
    }
}
