//! `zamok sessions`: who is logged in to an account, and how that is ended.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zamok::{Session, Zamok};

use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::opening;
use crate::output::Output;

/// List the sessions of an account, or end them.
#[derive(Args, Debug)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Who is logged in: the live sessions, latest first.
    List {
        /// The login of the account.
        login: String,
    },
    /// End one session, or with --all every one; its tokens are worthless at once.
    Revoke {
        /// The login of the account.
        login: String,
        /// The session, as `list` shows it; its first eight digits are enough where they are one session's.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        session: Option<String>,
        /// End every session of the account, and every login that is under way.
        #[arg(long)]
        all: bool,
        /// Why, for the journal.
        #[arg(long, default_value = "revoked by an operator")]
        reason: String,
    },
}

impl Sessions {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let done = match &self.action {
                Action::List { login } => list(zamok, login, output),
                Action::Revoke { login, session: Some(session), reason, .. } => {
                    revoke(zamok, login, session, reason, output)
                }
                Action::Revoke { login, reason, .. } => revoke_all(zamok, login, reason, output),
            };
            done.map_err(|failure| {
                failure.when_rejected("no account has this login", "look at how it is spelled")
            })
        })
    }
}

fn revoke_all(zamok: &Zamok, login: &str, reason: &str, output: &Output) -> Result<Exit, Failure> {
    zamok.end_sessions_of(login, reason)?;
    output.line(format!("Every session of {login} has ended; its tokens are worthless here."))?;
    output.object(&json!({"login": login, "ended": "all"}))?;
    Ok(Exit::Done)
}

fn list(zamok: &Zamok, login: &str, output: &Output) -> Result<Exit, Failure> {
    let sessions = zamok.sessions_of(login)?;
    if sessions.is_empty() {
        output.line(format!("Nobody is logged in as {login}."))?;
    }
    for session in &sessions {
        output.line(format!(
            "{}  {}  until {}  {} ({})  {}",
            session.id,
            moment::text(session.opened),
            moment::text(session.expires),
            shown(session).join(" + "),
            session.assurance().name(),
            if session.client.is_empty() { "-" } else { session.client.as_str() },
        ))?;
    }
    let listed: Vec<Value> = sessions
        .iter()
        .map(|session| {
            json!({
                "session": session.id.to_string(),
                "opened": session.opened.0,
                "last_used": session.last_used.0,
                "expires": session.expires.0,
                "factors": shown(session),
                "assurance": session.assurance().name(),
                "device": session.device.map(|device| device.to_string()),
                "client": session.client,
            })
        })
        .collect();
    output.object(&json!({"login": login, "sessions": listed}))?;
    Ok(Exit::Done)
}

fn shown(session: &Session) -> Vec<&'static str> {
    session.evidence.iter().map(|kind| kind.name()).collect()
}

fn revoke(zamok: &Zamok, login: &str, named: &str, reason: &str, output: &Output) -> Result<Exit, Failure> {
    const FEWEST: usize = 8;
    let sessions = zamok.sessions_of(login)?;
    let mut meant =
        sessions.iter().filter(|session| named.len() >= FEWEST && session.id.to_string().starts_with(named));
    let (Some(session), None) = (meant.next(), meant.next()) else {
        return Err(Failure::usage("the account has no such live session, or several that begin so")
            .hint("`zamok sessions list LOGIN` shows them; give at least eight digits"));
    };
    zamok.end_session(session.id, reason)?;
    output.line(format!("The session {} has ended; its tokens are worthless here.", session.id))?;
    output.object(&json!({"login": login, "ended": session.id.to_string()}))?;
    Ok(Exit::Done)
}
