//! What one transaction puts, as a row of `recent` holds it (`docs/formats/store-sqlite.md`, "Recent rows").

use zamok_core::store::{Change, Row, RowKey, Table};

/// Bytes of a row beside its key and its value.
const FIXED: usize = 2 + 1 + 8 + 4;

/// Appends one row.
pub(crate) fn write(batch: &mut Vec<u8>, key: &RowKey, version: u64, value: &[u8]) {
    // The limits of a change keep both lengths within their fields.
    let key_length = u8::try_from(key.key.len()).unwrap_or(u8::MAX);
    let value_length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    batch.reserve(FIXED + key.key.len() + value.len());
    batch.extend(key.table.0.to_be_bytes());
    batch.push(key_length);
    batch.extend(version.to_be_bytes());
    batch.extend(value_length.to_be_bytes());
    batch.extend(&key.key);
    batch.extend(value);
}

/// The rows of a batch; `None` for what is no batch.
pub(crate) fn read(mut batch: &[u8]) -> Option<Vec<(RowKey, Row)>> {
    let mut rows = Vec::new();
    while !batch.is_empty() {
        let table = Table(u16::from_be_bytes(take(&mut batch)?));
        let [key_length] = take(&mut batch)?;
        let version = u64::from_be_bytes(take(&mut batch)?);
        let value_length = usize::try_from(u32::from_be_bytes(take(&mut batch)?)).ok()?;
        if table > Table::LAST || value_length > Change::MAX_VALUE {
            return None;
        }
        let (key, rest) = batch.split_at_checked(key_length.into())?;
        let (value, rest) = rest.split_at_checked(value_length)?;
        rows.push((RowKey::new(table, key), Row { version, value: value.to_vec() }));
        batch = rest;
    }
    Some(rows)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_reads_as_it_was_written_and_a_cut_one_not_at_all() {
        let rows = [
            (3_u16, &b"key"[..], 7_u64, &b"value"[..]),
            (1023, b"", u64::MAX, b""),
            (0, &[9; 255], 1, &[1; 300]),
        ];
        let mut batch = Vec::new();
        for (table, key, version, value) in rows {
            write(&mut batch, &RowKey::new(Table(table), key), version, value);
        }
        let expected = rows.map(|(table, key, version, value)| {
            (RowKey::new(Table(table), key), Row { version, value: value.to_vec() })
        });
        assert_eq!(read(&batch), Some(expected.to_vec()));
        let ends: Vec<usize> = (0..=batch.len()).filter(|end| read(&batch[..*end]).is_some()).collect();
        assert_eq!(ends, [0, 23, 38, batch.len()], "between rows alone");
        let mut beyond = batch.clone();
        beyond[..2].copy_from_slice(&1024_u16.to_be_bytes());
        assert_eq!(read(&beyond), None, "no such table");
    }
}
