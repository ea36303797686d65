//! Checking an access token (ES256) with the key ready, beside the crate jsonwebtoken and npm `jose`, each in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use zamok_cabinet::{Begun, Cabinet, Password, Policy, RequestId};
use zamok_core::UnixTime;
use zamok_core::otp::{OtpUri, Totp, TotpParameters};
use zamok_core::store::MemoryStore;
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{AwsLc, ManualClock, Options, Passphrase, Vault};
use zamok_protocols::token::{AccessTokens, Shown, Verifier};

use crate::pairs::{Effort, Measured, interleaved};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "jwt-verify",
        work: "ES256 access token, key ready, aws-lc",
        peer: "jsonwebtoken 11 (aws-lc)",
        unit: "ns each",
        target: Target::AtLeast(1.0),
        run: |effort| measured(effort, jsonwebtoken),
    },
    Comparison {
        id: "jwt-verify-jose",
        work: "ES256 access token, key ready, aws-lc",
        peer: "npm jose 6",
        unit: "ns each",
        target: Target::AtLeast(1.0),
        run: |effort| measured(effort, jose),
    },
];

const NOON: u64 = 1_800_000_000;
const AUDIENCE: &str = "https://bank.example";
const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// A token for somebody who is logged in, and the set of keys that checks it.
fn token() -> Result<(String, String), String> {
    let clock = ManualClock::new(UnixTime(NOON));
    let options = Options { clock: Arc::new(clock.clone()), cost: LIGHT, ..Options::default() };
    let store = Arc::new(MemoryStore::new());
    let vault = Vault::create(store, &Passphrase::from("a long passphrase"), options).map_err(text)?;
    let mut policy = Policy::strict();
    policy.password.cost = LIGHT;
    let cabinet = Cabinet::create(Arc::new(vault), "Bank", policy).map_err(text)?;
    let password = Password::new("correct horse battery");
    cabinet.register("ivan", &password).map_err(text)?;
    let Begun::Enrol(enrolment) = cabinet.begin_login("ivan", &password).map_err(text)? else {
        return Err("a new account has no factor".into());
    };
    let offer = cabinet.offer_generator(&enrolment).map_err(text)?;
    let uri = OtpUri::parse(offer.uri.as_str()).map_err(text)?;
    let phone = Totp::new(uri.secret(), TotpParameters::default()).map_err(text)?;
    let code = |time: u64| phone.code_at(UnixTime(time)).map(|code| code.to_string()).map_err(text);
    cabinet.confirm_generator(&enrolment, &code(NOON)?).map_err(text)?;
    clock.set(UnixTime(NOON + 30));
    let Begun::Code(challenge) = cabinet.begin_login("ivan", &password).map_err(text)? else {
        return Err("the account has a factor".into());
    };
    let session = cabinet.answer(&challenge, &code(NOON + 30)?, RequestId([1; 16])).map_err(text)?;
    let tokens = AccessTokens::new(&cabinet, AUDIENCE);
    Ok((tokens.issue(&session).map_err(text)?, tokens.jwks().map_err(text)?))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn measured(effort: Effort, peer: fn() -> Result<Command, String>) -> Result<Measured, String> {
    let (token, jwks) = token()?;
    let verifier = Verifier::from_jwks("Bank", AUDIENCE, &jwks).map_err(text)?.with_backend(Arc::new(AwsLc));
    let set: Value = serde_json::from_str(&jwks).map_err(text)?;
    let asked = json!({"jwk": set["keys"][0], "token": token, "audience": AUDIENCE, "issuer": "Bank", "now": NOON + 30});
    let mut peer = Peer::start(peer()?, &asked)?;
    let count = effort.size(2_000, 200);
    let calls = u32::try_from(count).map_err(text)?;
    interleaved(
        effort,
        || {
            let begun = Instant::now();
            for _ in 0..calls {
                verifier.check(&token, &Shown::NOTHING, UnixTime(NOON + 30)).map_err(text)?;
            }
            Ok(begun.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
        },
        || peer.measure(count),
    )
}

/// The crate, built in a workspace of its own.
fn jsonwebtoken() -> Result<Command, String> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = repository.join("target/jsonwebtoken");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--locked", "--manifest-path"])
        .arg(repository.join("audit/jsonwebtoken/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status();
    match built {
        Ok(status) if status.success() => Ok(Command::new(target.join("release/zamok-jsonwebtoken"))),
        other => Err(format!("audit/jsonwebtoken does not build: {other:?}")),
    }
}

fn jose() -> Result<Command, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let npm = std::env::var_os("ZAMOK_NPM").unwrap_or_else(|| folder.join("../target/npm").into());
    let mut command = Command::new("node");
    command.arg(folder.join("jose.mjs")).env("ZAMOK_NPM", npm);
    Ok(command)
}

struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(mut command: Command, asked: &Value) -> Result<Self, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?}: {error}: run cargo xtask setup"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("a peer without pipes".into()) };
        let mut peer = Self { child, input, output: BufReader::new(output) };
        writeln!(peer.input, "{asked}").map_err(text)?;
        Ok(peer)
    }

    fn measure(&mut self, count: usize) -> Result<f64, String> {
        writeln!(self.input, "{count}").and_then(|()| self.input.flush()).map_err(text)?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(text)?;
        line.trim().parse().map_err(|_| "the peer ended".into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
