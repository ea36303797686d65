//! The door for fuzzers to what the watch keeps: habits, as if their seal were right, and cells, which a store may make up;
//! under `--cfg fuzzing` alone.

use zamok_core::vault::fuzzing::Form;
use zamok_core::wire::Reader;

use crate::cell;
use crate::habits::Habits;

/// Every form of the watch.
pub const FORMS: &[Form] = &[
    Form::exact("habits of an account", |body| Some(Habits::decode(body).ok()?.encode().to_vec())),
    Form::loose("cell of a rule", |bytes| {
        cells(&mut Reader::new(bytes)).ok()?;
        Some(bytes.to_vec())
    }),
];

/// A counter as a store gives it, a time, a span: whatever they are, what is added is added below its ceiling.
fn cells(reader: &mut Reader<'_>) -> Result<(), zamok_core::Error> {
    // Stores keep signed numbers.
    let (value, time) = (reader.u64()? >> 1, reader.u64()?);
    let span = u64::from(reader.u32()?).max(2);
    let slot = u64::from(reader.u8()?) % cell::SLOTS;
    let half = cell::half(time, span);
    let _ = (cell::counted(value, time, span), cell::marks(value, half));
    for step in [cell::count(value, time, span), cell::mark(value, half, slot)].into_iter().flatten() {
        let sum = value.checked_add(step.delta).expect("it fits");
        assert!(sum <= step.ceiling && i64::try_from(step.ceiling).is_ok());
    }
    Ok(())
}
