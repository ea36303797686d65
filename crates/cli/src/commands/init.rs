//! `zamok init`: a store, a vault in it, a cabinet over it.

use clap::{Args, ValueEnum};
use serde_json::json;
use zamok::{Argon2Cost, Options, Policy, Settings};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// Make a store and a vault in it.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The name of the service, as authenticator apps and tokens show it.
    #[arg(long, value_name = "NAME", default_value = "Zamok")]
    issuer: String,
    /// The profile of policy: passwords, lifetimes, windows, attempts.
    #[arg(long, value_enum, default_value_t = Profile::Strict)]
    profile: Profile,
    /// Memory that each guess at the passphrase costs, in MiB [default: 256]. Less than 64 is for machines that have
    /// no more, and for tests.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=2048))]
    argon2_memory: Option<u32>,
    /// Passes over that memory [default: 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    argon2_passes: Option<u32>,
}

/// A profile of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// NIST SP 800-63B-4 and OWASP ASVS 5, stricter where the design decided so.
    Strict,
    /// Passwords of all classes of characters, challenges of one minute.
    Seeds,
}

impl Init {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        let place = opening::place(shared)?;
        let policy = match self.profile {
            Profile::Strict => Policy::strict(),
            Profile::Seeds => Policy::seeds(),
        };
        let mut options = Options::default();
        let default = options.cost;
        options.cost = Argon2Cost {
            memory_kib: self.argon2_memory.map_or(default.memory_kib, |mebibytes| mebibytes << 10),
            passes: self.argon2_passes.unwrap_or(default.passes),
            ..default
        };
        let cost = options.cost;
        let profile = policy.profile;
        // First the secret, so that nothing is left behind when there is none.
        let passphrase = secrets::passphrase(shared, Asked::Twice, output)?;
        let settings = Settings::new(self.issuer.as_str()).with_policy(policy).with_options(options);
        let zamok = opening::create(&place, &passphrase, settings)?;
        opening::integrate(&zamok, output);
        let memory = cost.memory_kib >> 10;
        output.line(format!("{place} holds a vault now, for the service “{}”.", self.issuer))?;
        output.line(format!(
            "Each guess at its passphrase costs Argon2id with {memory} MiB, passes: {}.",
            cost.passes
        ))?;
        output.remark("next: zamok register LOGIN");
        output.object(&json!({
            "store": place.to_string(),
            "origin": zamok.vault().origin(),
            "issuer": self.issuer,
            "profile": profile,
            "argon2": {"memory_mib": memory, "passes": cost.passes},
        }))?;
        Ok(Exit::Done)
    }
}
