//! What PostgreSQL, a pooler or the way to them report, as faults of a store.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity};
use zamok_core::store::StoreFault;

/// How a question ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server took the transaction back, and says why.
    Refused(StoreFault),
    /// The server took it back because others were in its way: it may be tried again.
    Again,
    /// The function raised what it had found out after it had written, with these numbers.
    Raised(String),
    /// The connection ended, or no answer came in time: whether something happened is not known.
    Lost,
}

impl Failure {
    /// Whether another connection may fare better: this one is lost, or it is to a server that became a standby, or its session has
    /// settings or rights that were others when it began. Nobody is to get it again.
    pub(crate) fn stays_with_the_connection(&self) -> bool {
        *self == Self::Lost || *self == Self::Refused(StoreFault::Denied) || self.is_of_the_server()
    }

    /// Whether the server took the question back for being what it is, or for what the session was told when it began.
    pub(crate) fn is_of_the_server(&self) -> bool {
        matches!(self, Self::Refused(StoreFault::Standby | StoreFault::ReadOnly | StoreFault::NotDurable))
    }
}

/// Raised by `commit_change` with outcome and place.
const RAISED: &str = "ZK001";

/// The failure behind an error after a question was sent.
pub(crate) fn of_question(error: &Error) -> Failure {
    let Some(reported) = error.as_db_error().filter(|reported| is_certain(reported)) else {
        return Failure::Lost;
    };
    match reported.code().code() {
        RAISED => Failure::Raised(reported.detail().unwrap_or_default().to_owned()),
        "40001" | "40P01" => Failure::Again,
        code => Failure::Refused(of_code(code)),
    }
}

/// Whether the server says that it took the transaction back. Only an `ERROR` says so: after what is fatal, and after what a
/// pooler says of a server that it lost (class 08), anything may have happened.
fn is_certain(reported: &DbError) -> bool {
    reported.parsed_severity() == Some(Severity::Error)
        && !reported.code().code().starts_with("08")
        && !reported.code().code().starts_with("57P")
}

fn of_code(code: &str) -> StoreFault {
    match code {
        "ZK507" => StoreFault::Standby,
        "ZK520" => StoreFault::NotDurable,
        "25006" => StoreFault::ReadOnly,
        "42501" => StoreFault::Denied,
        "53100" => StoreFault::Full,
        // Somebody held a row for too long, or so many held the server that a statement took too long.
        "55P03" | "57014" => StoreFault::Contended,
        // The schema, a table or a function is not there any more.
        "3F000" | "42P01" | "42883" => StoreFault::Gone,
        _ if ["22", "23", "42", "P0"].contains(&&code[..2]) || ["XX001", "XX002"].contains(&code) => {
            StoreFault::Corrupt
        }
        _ => StoreFault::Unavailable,
    }
}

/// Whether the server is there, and all the connections that it gives are taken.
pub(crate) fn is_crowded(error: &Error) -> bool {
    error.as_db_error().is_some_and(|reported| reported.code().code() == "53300")
}

/// The fault behind an error of connecting; `None` where trying again may help.
pub(crate) fn of_connecting(error: &Error) -> Option<StoreFault> {
    if let Some(reported) = error.as_db_error() {
        return match reported.code().code() {
            code if code.starts_with("28") || code == "42501" => Some(StoreFault::Denied),
            "3D000" => Some(StoreFault::Missing),
            // Starting, stopping, too many connections, a pooler without a server.
            _ => None,
        };
    }
    let cause = error.source()?;
    match cause.downcast_ref::<io::Error>() {
        Some(failed) if failed.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            Some(StoreFault::Untrusted)
        }
        // Of several hosts none may be written.
        Some(failed) if failed.to_string() == "database does not allow writes" => Some(StoreFault::Standby),
        Some(_) => None,
        // No TLS where it is asked for, a channel that cannot be bound, no password where one is needed.
        None if error.to_string().contains("TLS") => Some(StoreFault::Untrusted),
        None => Some(StoreFault::Denied),
    }
}
