//! The layout of the schema: how it is known, checked, made and brought up to date. Versions only go forward.

use std::time::Instant;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};
use zamok_core::hash::sha256;
use zamok_core::store::StoreFault;
use zamok_core::wire::hex;

use crate::fault::Failure;
use crate::pool::Lent;

/// What each version adds to the one before. A version that was released is never edited.
const MIGRATIONS: [&[&str]; 1] = [&[
    include_str!("../sql/create_layout.sql"),
    include_str!("../sql/create_rows.sql"),
    include_str!("../sql/store_values_plain.sql"),
    include_str!("../sql/create_counters.sql"),
    include_str!("../sql/create_changes.sql"),
    include_str!("../sql/create_require_durable.sql"),
    include_str!("../sql/create_require_primary.sql"),
    include_str!("../sql/create_forget_changes.sql"),
    include_str!("../sql/create_commit_change.sql"),
    include_str!("../sql/create_resolve_change.sql"),
    include_str!("../sql/create_get_row.sql"),
    include_str!("../sql/create_scan_rows.sql"),
    include_str!("../sql/create_counter_sum.sql"),
]];

/// The newest layout that this program knows.
const SUPPORTED: u32 = 1;

/// Everything in a schema of the newest layout, as `describe_schema.sql` tells it; `{name}` stands for the SHA-256 of what the
/// function of that name does, which speaks of the schema by its name.
const EXPECTED: &str = include_str!("layout_1.txt");

/// The oldest server that the tests have seen: major version, as `server_version_num` counts.
const OLDEST_SERVER: i32 = 150_000;

/// What a place is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To become a store when there is none.
    Create,
    /// To be the store that it already is.
    Open,
}

/// A statement with the name of the schema in it. The name is made of lower-case letters, digits and `_` alone.
pub(crate) fn named(statement: &str, schema: &str) -> String {
    statement.replace("{schema}", schema)
}

/// What `describe_schema.sql` tells of a sound schema with this name.
fn expected(schema: &str) -> String {
    let mut text = EXPECTED.to_owned();
    for statement in MIGRATIONS.iter().flat_map(|version| version.iter()) {
        let Some((_, function)) = statement.split_once("CREATE FUNCTION {schema}.") else { continue };
        let (Some((name, _)), Some((_, body))) = (function.split_once('('), function.split_once("$$")) else {
            continue;
        };
        let body = body.split_once("$$").map_or(body, |(body, _)| body);
        let digest = sha256(&[named(body, schema).as_bytes()]);
        text = text.replace(&format!("{{{name}}}"), &hex(&digest));
    }
    text
}

/// Makes sure that there is a sound store of the newest layout on a server that keeps what it acknowledges.
pub(crate) fn prepare(
    link: &mut Lent<'_>,
    purpose: Purpose,
    schema: &str,
    deadline: Instant,
) -> Result<(), StoreFault> {
    let mut layout = Layout { link, schema, deadline };
    let facts = layout.facts()?;
    facts.fit_for_a_store()?;
    let found = if facts.has_layout { Some(layout.version()?) } else { None };
    match (found, purpose) {
        (Some(found), _) if found > SUPPORTED => {
            return Err(StoreFault::Layout { found, supported: SUPPORTED });
        }
        (Some(SUPPORTED), _) => {}
        (None, _) if facts.has_relations => return Err(StoreFault::Foreign),
        (None, Purpose::Open) => return Err(StoreFault::Missing),
        _ => layout.migrate(&facts)?,
    }
    layout.check()
}

/// What the server says of itself and of the place.
struct Facts {
    server: i32,
    is_standby: bool,
    is_careless: bool,
    has_schema: bool,
    has_layout: bool,
    has_relations: bool,
    /// SQL would take the name of the schema for one of its own words.
    is_reserved: bool,
}

impl Facts {
    fn fit_for_a_store(&self) -> Result<(), StoreFault> {
        if self.server < OLDEST_SERVER {
            return Err(StoreFault::Server {
                found: self.server.cast_unsigned() / 10_000,
                needed: OLDEST_SERVER.cast_unsigned() / 10_000,
            });
        }
        if self.is_standby {
            return Err(StoreFault::Standby);
        }
        if self.is_reserved {
            return Err(StoreFault::Url);
        }
        if self.is_careless { Err(StoreFault::NotDurable) } else { Ok(()) }
    }
}

struct Layout<'a, 'b> {
    link: &'a mut Lent<'b>,
    schema: &'a str,
    deadline: Instant,
}

impl Layout<'_, '_> {
    fn ask<T>(&mut self, question: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> Result<T, StoreFault> {
        self.link.ask(self.deadline, question).map_err(|failure| match failure {
            Failure::Refused(fault) => fault,
            Failure::Again => StoreFault::Contended,
            Failure::Raised(_) => StoreFault::Corrupt,
            Failure::Lost => StoreFault::Unavailable,
        })
    }

    fn facts(&mut self) -> Result<Facts, StoreFault> {
        let schema = self.schema;
        self.ask(async |client| {
            let statement = include_str!("../sql/server_facts.sql");
            let row = client.query_typed_one(statement, &[(&schema, Type::TEXT)]).await?;
            Ok(Facts {
                server: row.try_get(0)?,
                is_standby: row.try_get(1)?,
                is_careless: row.try_get(2)?,
                has_schema: row.try_get(3)?,
                has_layout: row.try_get(4)?,
                has_relations: row.try_get(5)?,
                is_reserved: row.try_get(6)?,
            })
        })
    }

    fn version(&mut self) -> Result<u32, StoreFault> {
        let statement = named(include_str!("../sql/layout_version.sql"), self.schema);
        let rows = self.ask(async |client| client.query_typed(&statement, &[]).await)?;
        let version = rows.first().and_then(|row| row.try_get::<_, i32>(0).ok());
        version.and_then(|version| u32::try_from(version).ok()).ok_or(StoreFault::Corrupt)
    }

    /// One transaction, under a lock: of many that create at once one does, and the others find it done.
    fn migrate(&mut self, facts: &Facts) -> Result<(), StoreFault> {
        let lock =
            named("BEGIN; SELECT pg_advisory_xact_lock(1516334443, hashtext('{schema}'))", self.schema);
        self.ask(async |client| client.batch_execute(&lock).await)?;
        let migrated = self.migrate_alone(facts);
        let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.ask(async |client| client.batch_execute(end).await);
        migrated.and(ended)
    }

    fn migrate_alone(&mut self, facts: &Facts) -> Result<(), StoreFault> {
        // Somebody may have been faster while this one waited for the lock.
        let from = if self.facts()?.has_layout { self.version()? } else { 0 };
        let mut statements = Vec::new();
        // A schema that somebody made for us may be in a database where we may make none.
        if from == 0 && !facts.has_schema {
            statements.push(named(include_str!("../sql/create_schema.sql"), self.schema));
        }
        let done = usize::try_from(from).map_err(|_| StoreFault::Corrupt)?;
        let missing = MIGRATIONS.iter().skip(done).flat_map(|version| version.iter());
        statements.extend(missing.map(|statement| named(statement, self.schema)));
        if statements.is_empty() {
            return Ok(());
        }
        let ddl = statements.join(";\n");
        self.ask(async |client| client.batch_execute(&ddl).await)?;
        let put = named(include_str!("../sql/put_layout_version.sql"), self.schema);
        let version = SUPPORTED.cast_signed();
        self.ask(async |client| client.execute_typed(&put, &[(&version, Type::INT4)]).await).map(|_| ())
    }

    /// Compares all that is in the schema with what this version makes: a trigger, a rule, an altered function or a table that
    /// is not logged would change what a commit means.
    fn check(&mut self) -> Result<(), StoreFault> {
        let found = self.describe()?;
        if found.lines().eq(expected(self.schema).lines()) { Ok(()) } else { Err(StoreFault::Corrupt) }
    }

    fn describe(&mut self) -> Result<String, StoreFault> {
        let schema = self.schema;
        let statement = include_str!("../sql/describe_schema.sql");
        let rows = self.ask(async |client| client.query_typed(statement, &[(&schema, Type::TEXT)]).await)?;
        let lines = rows.iter().map(|row| row.try_get::<_, String>(0));
        Ok(lines.collect::<Result<Vec<_>, _>>().map_err(|_| StoreFault::Corrupt)?.join("\n"))
    }
}
