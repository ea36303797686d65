//! The layout of the schema: how it is known, checked, made and brought up to date. Versions only go forward.
//!
//! All of it is one transaction with a search path of its own: nothing that somebody has put into another schema, `public` say, is
//! called or looked at by whoever opens a store.

use std::time::Instant;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};
use zamok_core::hash::sha256;
use zamok_core::store::StoreFault;
use zamok_core::wire::hex;

use crate::fault::Failure;
use crate::pool::Lent;

/// What each version adds to the one before. A version that was released is never edited.
const MIGRATIONS: [&[&str]; 3] = [
    &[
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
    ],
    &[
        include_str!("../sql/replace_require_durable.sql"),
        include_str!("../sql/replace_require_primary.sql"),
        include_str!("../sql/replace_forget_changes.sql"),
        include_str!("../sql/replace_commit_change.sql"),
        include_str!("../sql/replace_resolve_change.sql"),
        include_str!("../sql/replace_get_row.sql"),
        include_str!("../sql/replace_scan_rows.sql"),
        include_str!("../sql/replace_counter_sum.sql"),
    ],
    &[include_str!("../sql/rename_waiting.sql")],
];

/// The newest layout that this program knows.
const SUPPORTED: u32 = 3;

/// Everything in a schema of each layout, as `describe_schema.sql` tells it; `{name}` stands for the SHA-256 of what the
/// function of that name does, which speaks of the schema by its name.
const EXPECTED: [&str; 3] =
    [include_str!("layout_1.txt"), include_str!("layout_2.txt"), include_str!("layout_2.txt")];

/// Waits for nobody's view, and calls nothing of anybody else's.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL search_path = pg_catalog, pg_temp";

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

/// What `describe_schema.sql` tells of a sound schema with this name and of this version; `None` where there is no such version.
fn expected(schema: &str, version: u32) -> Option<String> {
    let version = usize::try_from(version).ok()?;
    let mut text = (*EXPECTED.get(version.checked_sub(1)?)?).to_owned();
    // The latest word on a function counts.
    for statement in MIGRATIONS.iter().take(version).rev().flat_map(|version| version.iter()) {
        let Some((_, function)) = statement.split_once("FUNCTION {schema}.") else { continue };
        let (Some((name, _)), Some((_, body))) = (function.split_once('('), function.split_once("$$")) else {
            continue;
        };
        let body = body.split_once("$$").map_or(body, |(body, _)| body);
        let digest = sha256(&[named(body, schema).as_bytes()]);
        text = text.replace(&format!("{{{name}}}"), &hex(&digest));
    }
    Some(text)
}

/// Makes sure that there is a sound store of the newest layout on a server that keeps what it acknowledges.
pub(crate) fn prepare(
    link: &mut Lent<'_>,
    purpose: Purpose,
    schema: &str,
    deadline: Instant,
) -> Result<(), StoreFault> {
    let mut layout = Layout { link, schema, deadline };
    layout.tell(BEGIN)?;
    let prepared = layout.prepare(purpose);
    let ended = layout.tell(if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" });
    prepared.and(ended)
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

    fn tell(&mut self, statements: &str) -> Result<(), StoreFault> {
        self.ask(async |client| client.batch_execute(statements).await)
    }

    fn prepare(&mut self, purpose: Purpose) -> Result<(), StoreFault> {
        let facts = self.facts()?;
        facts.fit_for_a_store()?;
        let found = if facts.has_layout { Some(self.version()?) } else { None };
        match (found, purpose) {
            (Some(found), _) if found > SUPPORTED => Err(StoreFault::Layout { found, supported: SUPPORTED }),
            (Some(SUPPORTED), _) => self.check(SUPPORTED),
            (None, _) if facts.has_relations => Err(StoreFault::Foreign),
            (None, Purpose::Open) => Err(StoreFault::Missing),
            _ => self.migrate(),
        }
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

    /// Under a lock: of many that create at once one does, and the others find it done. What is not as the version before was made
    /// is left as it is.
    fn migrate(&mut self) -> Result<(), StoreFault> {
        self.tell(&named(include_str!("../sql/lock_layout.sql"), self.schema))?;
        // Somebody may have been faster while this one waited for the lock.
        let facts = self.facts()?;
        let from = if facts.has_layout { self.version()? } else { 0 };
        if from > 0 {
            self.check(from)?;
        }
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
        self.tell(&statements.join(";\n"))?;
        let put = named(include_str!("../sql/put_layout_version.sql"), self.schema);
        let version = SUPPORTED.cast_signed();
        self.ask(async |client| client.execute_typed(&put, &[(&version, Type::INT4)]).await)?;
        self.check(SUPPORTED)
    }

    /// Compares all that is in the schema with what this version makes: a trigger, a rule, an altered function or a table that
    /// is not logged would change what a commit means.
    fn check(&mut self, version: u32) -> Result<(), StoreFault> {
        let found = self.describe()?;
        let expected = expected(self.schema, version).ok_or(StoreFault::Corrupt)?;
        if found.lines().eq(expected.lines()) { Ok(()) } else { Err(StoreFault::Corrupt) }
    }

    fn describe(&mut self) -> Result<String, StoreFault> {
        let schema = self.schema;
        let statement = include_str!("../sql/describe_schema.sql");
        let rows = self.ask(async |client| client.query_typed(statement, &[(&schema, Type::TEXT)]).await)?;
        let lines = rows.iter().map(|row| row.try_get::<_, String>(0));
        Ok(lines.collect::<Result<Vec<_>, _>>().map_err(|_| StoreFault::Corrupt)?.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was released is never edited: a store that was made by it would be damaged for whoever opens it. A new layout adds
    /// statements, and their lines here.
    #[test]
    fn the_statements_of_a_layout_are_the_ones_that_stores_were_made_by() {
        let pinned = [
            (1, "642e976b986ca5c9d9a071ce0854ffc65d600ab8b54ddcb0f5333caa05f481db"),
            (1, "20321ef7a91dd48aeb6185691b91a4536a5d7bb9a08e0c21ec62eca4487d1510"),
            (1, "1612414650bd1c2d3d1411a48de2cce82440439fbe53eb04ed502c571ac3eeca"),
            (1, "78b852d9e04b5e965cf0d0c3ef207d1e4a0a6b08545cdc616d5375d84d27b4b1"),
            (1, "2444359f8c5b5abcc8ad7a495dc99b5df9f6dedcf9a80f5ad2333be784651e41"),
            (1, "30eb9d974eb081f021a1ce7925c6a1b1b9969a319575389527d44844c9737569"),
            (1, "e217bb514a9c647cc6846ac226007a40dfceb0322ca0121953e4e25784e53657"),
            (1, "1a006d115384fa20c6408de61ec2caf3c2e83949212354e1ae5bef48d0901b72"),
            (1, "05b860ffe19b5b13704dc4eb70ec0088fac03f036bb427e268bafc0f692ee95b"),
            (1, "605fa3e9c1ae88e7f9f53dc9909007b153a95849256bebbedc2cf1220f8fd941"),
            (1, "65cc62fd16598428f377650b875b4497428b0ab10e5cb75df633717d203b9d16"),
            (1, "10e7251a231461b28730a10564fe5a19f2f5f0483eec15c5103cd64c06d0aaed"),
            (1, "644d88feaa9afa00a8528b12af84392f5ffe3e803222a7b5061473e05615afda"),
            (2, "068c735f5c7362d494f39c3fd98cc014f515166732001862c313e2d6e7637925"),
            (2, "ca330211f85c0cf56c57831a3526bd0a75451600868b8e751a1fcf22b1206156"),
            (2, "3ba1dad00e65d7a49404621ea1850485e2e77907b5638a9e7b07061d5d6c42b7"),
            (2, "76a234cd90e691f44958abcafda1ac90e5e6caccc7560217f9a857010c80995b"),
            (2, "54952cb745678857b51b9eb80f6821d03a92ac5e2b3c76e8fc4958e3949ebb23"),
            (2, "e4850ed0d50be3efe5dad060c2fdfd872b5634eeadea5022401f70be5214ba74"),
            (2, "34e3a13dc2fbc2657696d32a4ea44edc42844c77a3c14628a4e558af5cd2a508"),
            (2, "9022c552c31329f3353ccd13a21532b2b964cc56a9f63a6dd69a59ef6e5f7399"),
            (3, "6dcb5fb363573abc2434709e6cc541ad01176935056b32dc77234b65878dd960"),
        ];
        let found: Vec<(usize, String)> = MIGRATIONS
            .iter()
            .zip(1..)
            .flat_map(|(statements, version)| {
                statements.iter().map(move |statement| (version, hex(&sha256(&[statement.as_bytes()]))))
            })
            .collect();
        assert_eq!(found, pinned.map(|(version, digest)| (version, digest.to_owned())));
        assert_eq!(usize::try_from(SUPPORTED), Ok(MIGRATIONS.len()));
    }

    #[test]
    fn every_function_of_the_newest_layout_is_known_by_what_it_does() {
        let expected = expected("any", SUPPORTED).expect("the newest layout");
        assert_eq!(expected.lines().filter(|line| line.starts_with("function ")).count(), 8);
        assert!(!expected.contains("{commit") && !expected.contains("{schema}"));
        assert_eq!((super::expected("any", 0), super::expected("any", SUPPORTED + 1)), (None, None));
    }
}
