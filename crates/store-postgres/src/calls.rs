//! The statements of `sql/`, one function each: Rust's types in and out. Each is one question and one transaction, and neither
//! side remembers anything of it, so that a pooler may hand each to another session.
//!
//! **What writes is one message**, with its values as literals: the server begins when it has all of it, and the
//! transaction ends with it. (Sent with parameters, a question is five messages; were the connection to
//! stall between the fourth and the fifth, its transaction would stay open and hold its rows, for hours.) What reads is sent
//! with parameters and their types.

use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};
use zamok_core::store::{
    Change, ChangeId, CounterKey, Cursor, Expect, Outcome, Page, Range, Resolution, Row, RowKey, Table, Write,
};

use crate::literal;

/// The statements, with the name of the schema in them.
#[derive(Clone)]
pub(crate) struct Calls {
    commit_change: String,
    resolve_change: String,
    get_row: String,
    scan_rows: String,
    counter_sum: String,
}

/// An answer as the server gave it: `None` stands for one that this program does not understand.
type Understood<T> = Option<T>;

impl Calls {
    /// What writes is given up by the server itself, and surely, after this time.
    pub(crate) fn new(schema: &str, patience: Duration) -> Self {
        let patience = patience.as_millis().to_string();
        let named =
            |statement: &str| crate::layout::named(statement, schema).replace("{patience}", &patience);
        Self {
            commit_change: named(include_str!("../sql/commit_change.sql")),
            resolve_change: named(include_str!("../sql/resolve_change.sql")),
            get_row: named(include_str!("../sql/get_row.sql")),
            scan_rows: named(include_str!("../sql/scan_rows.sql")),
            counter_sum: named(include_str!("../sql/counter_sum.sql")),
        }
    }

    pub(crate) async fn commit(
        &self,
        client: &Client,
        change: &Change,
    ) -> Result<Understood<Outcome>, Error> {
        let question = self.commit_question(change);
        let answer = client.simple_query(&question).await?;
        Ok(only_row(&answer).and_then(|row| {
            let place = row.get(1).and_then(|place| place.parse().ok());
            understood(change, row.get(0)?.parse().ok()?, place)
        }))
    }

    fn commit_question(&self, change: &Change) -> String {
        let rows = || change.expectations();
        let mut writes = change.writes().peekable();
        // Both are in order of keys, and every write has an expectation.
        let written: Vec<Option<&Write>> = rows()
            .map(|(key, _)| writes.next_if(|(written, _)| *written == key).map(|(_, write)| write))
            .collect();
        let versions = rows().map(|(_, expect)| match expect {
            Expect::Absent => None,
            Expect::Version(version) => Some(version.cast_signed()),
        });
        let actions = written.iter().map(|write| match write {
            None => Some(0),
            Some(Write::Put(_)) => Some(1),
            Some(Write::Delete) => Some(2),
        });
        let values = written.iter().map(|write| match write {
            Some(Write::Put(value)) => Some(value.as_slice()),
            _ => None,
        });
        let parameters = [
            ("$id", literal::bytes(&change.id().0)),
            ("$tables", literal::numbers(rows().map(|(key, _)| Some(key.table.0)))),
            ("$keys", literal::byte_strings(rows().map(|(key, _)| Some(key.key.as_slice())))),
            ("$versions", literal::numbers(versions)),
            ("$actions", literal::numbers(actions)),
            ("$new_values", literal::byte_strings(values)),
            ("$counters", literal::byte_strings(change.adds().map(|(key, _)| Some(key.0.as_slice())))),
            ("$deltas", literal::numbers(change.adds().map(|(_, add)| Some(add.delta)))),
            ("$ceilings", literal::numbers(change.adds().map(|(_, add)| Some(add.ceiling)))),
        ];
        literal::put_into(&self.commit_change, &parameters)
    }

    pub(crate) async fn resolve(
        &self,
        client: &Client,
        id: ChangeId,
    ) -> Result<Understood<Resolution>, Error> {
        let question = literal::put_into(&self.resolve_change, &[("$id", literal::bytes(&id.0))]);
        let answer = client.simple_query(&question).await?;
        Ok(match only_row(&answer).and_then(|row| row.get(0)) {
            Some("1") => Some(Resolution::Committed),
            Some("2") => Some(Resolution::Aborted),
            _ => None,
        })
    }

    pub(crate) async fn get(&self, client: &Client, key: &RowKey) -> Result<Option<Row>, Error> {
        let table = i32::from(key.table.0);
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&table, Type::INT4), (&key.key.as_slice(), Type::BYTEA)];
        let answer = client.query_typed_one(&self.get_row, &parameters).await?;
        Ok(match (answer.try_get::<_, Option<i64>>(0)?, answer.try_get(1)?) {
            (Some(version), Some(value)) => Some(Row { version: version.cast_unsigned(), value }),
            _ => None,
        })
    }

    pub(crate) async fn scan(
        &self,
        client: &Client,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, Error> {
        // The first key after k is k followed by a zero byte.
        let next_key = after.map(|cursor| [cursor.0.as_slice(), &[0]].concat()).unwrap_or_default();
        let start = range.start.as_slice().max(&next_key);
        // One more than asked for tells whether something is left.
        let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&i32::from(table.0), Type::INT4),
            (&start, Type::BYTEA),
            (&range.end, Type::BYTEA),
            (&most, Type::INT8),
        ];
        let answer = client.query_typed(&self.scan_rows, &parameters).await?;
        let is_cut = answer.len() > limit;
        let rows = answer.iter().take(limit).map(|row| {
            let version: i64 = row.try_get(1)?;
            Ok((row.try_get(0)?, Row { version: version.cast_unsigned(), value: row.try_get(2)? }))
        });
        let rows = rows.collect::<Result<Vec<(Vec<u8>, Row)>, Error>>()?;
        let next = rows.last().filter(|_| is_cut).map(|(key, _)| Cursor(key.clone()));
        Ok(Page { rows, next })
    }

    pub(crate) async fn counter(&self, client: &Client, key: &CounterKey) -> Result<Understood<u64>, Error> {
        let answer = client.query_typed_one(&self.counter_sum, &[(&key.0.as_slice(), Type::BYTEA)]).await?;
        Ok(answer.try_get::<_, &str>(0)?.parse().ok())
    }
}

fn only_row(answer: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    let mut rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.next().filter(|_| rows.next().is_none())
}

/// The outcome that the function's numbers stand for: `raised` is the detail of what it raised after it had written.
pub(crate) fn raised(change: &Change, raised: &str) -> Understood<Outcome> {
    let mut numbers = raised.split(' ').map(str::parse);
    let outcome = numbers.next()?.ok()?;
    understood(change, outcome, numbers.next().and_then(Result::ok))
}

fn understood(change: &Change, outcome: i32, place: Option<i32>) -> Understood<Outcome> {
    // Arrays of SQL begin at 1.
    let place = || usize::try_from(place?).ok()?.checked_sub(1);
    match outcome {
        1 => Some(Outcome::Committed),
        2 => Some(Outcome::Fenced),
        3 => change.expectations().nth(place()?).map(|(key, _)| Outcome::Conflict(key.clone())),
        4 => change.adds().nth(place()?).map(|(key, _)| Outcome::Capped(key.clone())),
        _ => None,
    }
}
