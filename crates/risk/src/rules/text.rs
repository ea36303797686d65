//! Rules as TOML. What is wrong with them is told all at once, each with its place and what would be right.

mod faults;
mod rule;

use serde::Deserialize;

use super::{Rule, Rules};
use faults::Faults;
use rule::RuleText;

/// Why a text is no set of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesFault {
    /// It is no TOML, has a name that nothing bears, or a value of the wrong type.
    #[error("not a set of rules: {0}")]
    Syntax(String),
    /// These values are missing, mean nothing where they stand, or are out of bounds.
    #[error("{}", .0.join("; "))]
    Unsound(Vec<String>),
}

/// The days of a week, as rules name them.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Longest set of rules, in bytes.
const LONGEST: usize = 1 << 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Text {
    network: Network,
    alerts: Alerts,
    cells: i64,
    rule: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Network {
    ipv4: i64,
    ipv6: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Alerts {
    every: i64,
    examples: i64,
}

impl Default for Text {
    fn default() -> Self {
        Self { network: Network::default(), alerts: Alerts::default(), cells: 16_384, rule: Vec::new() }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self { ipv4: 24, ipv6: 48 }
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self { every: 300, examples: 5 }
    }
}

pub(super) fn read(text: &str) -> Result<Rules, RulesFault> {
    if text.len() > LONGEST {
        return Err(RulesFault::Syntax(format!("it exceeds {LONGEST} bytes")));
    }
    let text: Text = toml::from_str(text).map_err(|error| RulesFault::Syntax(error.message().to_owned()))?;
    let mut faults = Faults::default();
    let bits = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    let ipv4 = bits(faults.number("network.ipv4", Some(text.network.ipv4), 8, 32));
    let ipv6 = bits(faults.number("network.ipv6", Some(text.network.ipv6), 16, 128));
    let alert_every = faults.number("alerts.every", Some(text.alerts.every), 10, 86_400);
    let examples = faults.number("alerts.examples", Some(text.alerts.examples), 0, 100);
    let cells = faults.number("cells", Some(text.cells), 256, 1 << 20);
    if text.rule.len() > Rules::MOST {
        faults.add(format_args!("there are {} rules: {} can be", text.rule.len(), Rules::MOST));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for rule in &text.rule {
        faults.at = format!("rule {:?}: ", rule.name);
        if rules.iter().any(|known| *known.name == *rule.name) {
            faults.add("another rule has this name");
        }
        rules.push(rule.judge(&mut faults));
    }
    if !faults.found.is_empty() {
        return Err(RulesFault::Unsound(faults.found));
    }
    let cells = u32::try_from(cells).unwrap_or(u32::MAX);
    let alert_examples = usize::try_from(examples).unwrap_or(0);
    Ok(Rules { rules, ipv4, ipv6, cells, alert_every, alert_examples })
}

#[cfg(test)]
mod tests {
    use super::rule::TAKES;
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        match read(text) {
            Err(RulesFault::Unsound(faults)) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_ships_is_sound_and_says_where_its_numbers_come_from() {
        let rules = Rules::default();
        let kinds: std::collections::BTreeSet<_> = rules.rules.iter().map(Rule::kind).collect();
        assert_eq!(kinds.len(), TAKES.len(), "one of each kind at least");
        assert!(rules.rules.iter().all(|rule| !rule.source().is_empty()));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let found = faults(
            r#"
            cells = 1
            network.ipv4 = 33
            [[rule]]
            name = "One"
            kind = "frequency"
            answer = "step-up"
            window = 5
            speed = 900
            outcome = "none"
            [[rule]]
            name = "two"
            kind = "hours"
            answer = "delay"
            roles = ["boss"]
            from = "8:00"
            until = "24:00"
            days = ["monday"]
            [[rule]]
            name = "two"
            kind = "guess"
            answer = "shout"
            pause = 60
            "#,
        );
        let told = [
            "network.ipv4 is 33: 8 to 32 can be",
            "cells is 1: 256 to 1048576 can be",
            "rule \"One\": a name has 1 to 64 of a-z, 0-9 and -",
            "rule \"One\": speed means nothing to a rule of the kind frequency",
            "rule \"One\": step-up can be answered on login, operation and request alone",
            "rule \"One\": per is missing: account, network, device can be",
            "rule \"One\": outcome is \"none\": any, right, wrong are there",
            "rule \"One\": window is 5: 60 to 604800 can be",
            "rule \"One\": limit is missing: 1 to 200000 can be",
            "rule \"two\": pause is missing: 30 to 86400 can be",
            "rule \"two\": roles names \"boss\", which is none",
            "rule \"two\": days names \"monday\": mon, tue, wed, thu, fri, sat, sun are there",
            "rule \"two\": from is to be a time as \"08:30\"",
            "rule \"two\": another rule has this name",
            "rule \"two\": answer is \"shout\": allow, step-up, delay, block are there",
            "rule \"two\": pause means something with the answer delay alone",
            "rule \"two\": kind is \"guess\": frequency, spraying, parameter, travel, new-device, hours are there",
        ];
        assert_eq!(found, told);
    }

    #[test]
    fn names_that_nothing_bears_and_other_types_are_refused() {
        for text in [
            "rules = 1",
            "cells = \"many\"",
            "[[rule]]\nname = \"a\"",
            "[[rule]]\nname = \"a\"\nkind = \"new-device\"\nanswer = \"block\"\nlimits = 3",
            "= nothing",
        ] {
            assert!(matches!(read(text), Err(RulesFault::Syntax(_))), "{text}");
        }
        assert!(read(&" ".repeat(LONGEST + 1)).is_err());
        assert_eq!(read("").unwrap().rules, vec![]);
    }

    #[test]
    fn a_rule_is_told_in_words() {
        let rules = read(
            r#"
            [[rule]]
            name = "large"
            kind = "parameter"
            field = "amount"
            above = 5
            equals = ["all"]
            answer = "delay"
            pause = 60
            dry-run = true
            [[rule]]
            name = "night"
            kind = "hours"
            answer = "block"
            roles = ["employee", "operator"]
            from = "07:30"
            until = "20:00"
            days = ["mon", "sun"]
            utc-offset = 180
            "#,
        );
        let told: Vec<_> = rules.unwrap().rules.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "amount above 5 or one of all, on operation request: delay, one let through in 60 s (dry run)",
                "employee operator outside of 07:30 to 20:00 on mon sun, +180 min from UTC, on login: block",
            ]
        );
    }

    #[test]
    fn whoever_changes_what_is_counted_counts_anew() {
        let rule = |window| {
            let text = format!(
                "[[rule]]\nname = \"a\"\nkind = \"frequency\"\nper = \"account\"\nlimit = 3\nanswer = \"block\"\nwindow = {window}"
            );
            read(&text).unwrap().rules[0].seed
        };
        assert_eq!(rule(60), rule(60));
        assert_ne!(rule(60), rule(120));
    }

    #[test]
    fn a_rule_of_hours_is_about_somebody_and_some_time() {
        let hours = |more: &str| {
            let usual = "from = \"08:00\"\nuntil = \"18:00\"\n";
            let times = if more.contains("from") { "" } else { usual };
            read(&format!("[[rule]]\nname = \"x\"\nkind = \"hours\"\nanswer = \"block\"\n{times}{more}\n"))
        };
        assert!(hours("").is_ok());
        let week = "days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
        let always = format!("from = \"00:00\"\nuntil = \"24:00\"\n{week}");
        for nothing in [
            "roles = []",
            "days = []",
            "from = \"00:00\"\nuntil = \"00:00\"",
            "from = \"24:00\"\nuntil = \"00:00\"",
            &always,
        ] {
            assert!(
                matches!(hours(nothing), Err(RulesFault::Unsound(faults)) if faults.len() == 1),
                "{nothing}"
            );
        }
        assert!(hours("from = \"00:00\"\nuntil = \"24:00\"").is_ok(), "on weekdays");
        assert!(hours(week).is_ok(), "from eight to six");
    }

    #[test]
    fn a_rule_that_could_never_find_anything_is_refused() {
        let told = |kind: &str, more: &str| {
            let counts = if kind == "parameter" { "" } else { "window = 600\nlimit = 10\n" };
            let text =
                format!("[[rule]]\nname = \"x\"\nanswer = \"block\"\nkind = \"{kind}\"\n{counts}{more}");
            read(&text).map_err(|fault| fault.to_string()).err()
        };
        let amount = "field = \"amount\"\nabove = 5\n";
        for (kind, more, fault) in [
            ("spraying", "per = \"device\"".to_owned(), "per is \"device\": network is there"),
            (
                "spraying",
                "per = \"network\"\non = [\"request\"]".to_owned(),
                "outcome is wrong, which an operation or a request never is",
            ),
            (
                "frequency",
                "per = \"account\"\noutcome = \"wrong\"\non = [\"operation\", \"request\"]".to_owned(),
                "outcome is wrong, which an operation or a request never is",
            ),
            (
                "frequency",
                "per = \"device\"\non = [\"recovery\"]".to_owned(),
                "per is device, and a recovery comes from none",
            ),
            (
                "parameter",
                format!("{amount}on = [\"login\", \"operation\"]"),
                "on names login, which has no parameters",
            ),
        ] {
            assert_eq!(told(kind, &more), Some(format!("rule \"x\": {fault}")), "{more}");
        }
        for (kind, more) in [
            ("spraying", "per = \"network\"\noutcome = \"any\"\non = [\"request\"]".to_owned()),
            ("frequency", "per = \"account\"\noutcome = \"wrong\"\non = [\"login\", \"request\"]".to_owned()),
            ("frequency", "per = \"device\"".to_owned()),
            ("parameter", format!("{amount}on = [\"request\"]")),
        ] {
            assert_eq!(told(kind, &more), None, "{more}");
        }
    }
}
