//! Bringing `rows` up to date: what stands in `recent`, and what the present transaction writes on top of it.

use rusqlite::Connection;
use zamok_core::store::Row;

use crate::apply::Draft;
use crate::recent::Recent;
use crate::sql;

/// Writes every row once, in its latest state, and empties `recent`. Where both hold many, in the order of keys: rows that
/// lie in one page are written together.
pub(crate) fn merge(connection: &Connection, recent: &Recent, draft: &Draft<'_>) -> rusqlite::Result<()> {
    for (key, Row { version, value }) in recent.rows() {
        if !draft.rows.contains_key(key) {
            match version {
                // Its deletion would have merged: it was never in `rows`.
                1 => sql::insert_row(connection, key, value)?,
                _ => sql::put_row(connection, key, *version, value)?,
            }
        }
    }
    for (key, written) in &draft.rows {
        match written {
            Some((version, value)) => sql::put_row(connection, key, *version, value)?,
            // It was never in `rows`.
            None if recent.get(key).is_some_and(|row| row.version == 1) => {}
            None => sql::delete_row(connection, key)?,
        }
    }
    if recent.is_merged() { Ok(()) } else { sql::clear_recent(connection) }
}
