//! What is wrong with a set of rules, gathered while it is read; and values that are held against what they can be.

/// What was found wrong, under the name of what is being read.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) at: String,
    pub(super) found: Vec<String>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: impl std::fmt::Display) {
        self.found.push(format!("{}{fault}", self.at));
    }

    /// A number within its bounds.
    pub(super) fn number(&mut self, name: &str, value: Option<i64>, least: i64, most: i64) -> u64 {
        match value {
            Some(value) if (least..=most).contains(&value) => return value.unsigned_abs(),
            Some(value) => self.add(format_args!("{name} is {value}: {least} to {most} can be")),
            None => self.add(format_args!("{name} is missing: {least} to {most} can be")),
        }
        least.unsigned_abs()
    }

    /// One of a few names; `first` where there is none.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &str,
        value: Option<&str>,
        known: &[(&str, T)],
        first: T,
    ) -> T {
        let Some(value) = value else { return first };
        let found = known.iter().find(|(other, _)| *other == value);
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            let are = if names.len() == 1 { "is" } else { "are" };
            self.add(format_args!("{name} is {value:?}: {} {are} there", names.join(", ")));
        }
        found.map_or(first, |(_, choice)| *choice)
    }

    /// A time of the day in minutes, as `08:30`.
    pub(super) fn clock(&mut self, name: &str, value: Option<&str>) -> u64 {
        let read = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let two = |part: &str, below: u64| -> Option<u64> {
                let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
                part.parse().ok().filter(|number| digits && *number < below)
            };
            // The end of a day has a name.
            if text == "24:00" { Some(24 * 60) } else { Some(two(hour, 24)? * 60 + two(minute, 60)?) }
        };
        let minute = value.and_then(read);
        if minute.is_none() {
            self.add(format_args!("{name} is to be a time as \"08:30\""));
        }
        minute.unwrap_or(0)
    }
}
