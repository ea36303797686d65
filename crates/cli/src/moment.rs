//! Times as people and programs read them: UTC in RFC 3339.

use zamok::UnixTime;

/// `2025-11-22 14:32:07Z`.
pub(crate) fn text(time: UnixTime) -> String {
    let (days, seconds) = (time.0 / 86_400, time.0 % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970-01-01 (proleptic Gregorian calendar). Years begin in March here,
/// so that the day that leap years add is the last one.
const fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, in eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + 400 * era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_111_111_109, "2005-03-18 01:58:29Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
            (20_000_000_000, "2603-10-11 11:33:20Z"),
        ] {
            assert_eq!(text(UnixTime(seconds)), expected);
        }
        // The end of time has a date, too.
        assert!(text(UnixTime(u64::MAX)).ends_with(" 07:00:15Z"));
    }
}
