//! Rules as TOML. What is wrong with them is told all at once, each with its place and what would be right.

use serde::Deserialize;
use zamok_cabinet::watch::{Answer, Occasion, Outcome};
use zamok_core::hash;

use super::{Kind, Per, Rule, Rules, roles_named};

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
const WEEK: u64 = 7 * 24 * 3600;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleText {
    name: String,
    kind: String,
    answer: String,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    source: String,
    on: Option<Vec<String>>,
    pause: Option<i64>,
    per: Option<String>,
    outcome: Option<String>,
    window: Option<i64>,
    limit: Option<i64>,
    field: Option<String>,
    above: Option<i64>,
    equals: Option<Vec<String>>,
    distance: Option<i64>,
    speed: Option<i64>,
    roles: Option<Vec<String>>,
    from: Option<String>,
    until: Option<String>,
    days: Option<Vec<String>>,
    utc_offset: Option<i64>,
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

/// What was found wrong, under the name of what is being read.
#[derive(Default)]
struct Faults {
    at: String,
    found: Vec<String>,
}

impl Faults {
    fn add(&mut self, fault: impl std::fmt::Display) {
        self.found.push(format!("{}{fault}", self.at));
    }

    /// A number within its bounds.
    fn number(&mut self, name: &str, value: Option<i64>, least: i64, most: i64) -> u64 {
        match value {
            Some(value) if (least..=most).contains(&value) => return value.unsigned_abs(),
            Some(value) => self.add(format_args!("{name} is {value}: {least} to {most} can be")),
            None => self.add(format_args!("{name} is missing: {least} to {most} can be")),
        }
        least.unsigned_abs()
    }

    /// One of a few names; `first` where there is none.
    fn choice<T: Copy>(&mut self, name: &str, value: Option<&str>, known: &[(&str, T)], first: T) -> T {
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
    fn clock(&mut self, name: &str, value: Option<&str>) -> u64 {
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

/// What a rule of each kind takes beside name, kind, answer, on, pause, dry-run and source.
const TAKES: &[(&str, &[&str], &[Occasion])] = {
    use Occasion::{Code, Login, Operation, Recovery, Request};
    &[
        ("frequency", &["per", "outcome", "window", "limit"], &[Login, Code, Recovery]),
        ("spraying", &["per", "outcome", "window", "limit"], &[Login, Recovery]),
        ("parameter", &["field", "above", "equals"], &[Operation, Request]),
        ("travel", &["distance", "speed"], &[Login]),
        ("new-device", &[], &[Login]),
        ("hours", &["roles", "from", "until", "days", "utc-offset"], &[Login]),
    ]
};

impl RuleText {
    fn judge(&self, faults: &mut Faults) -> Rule {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            faults.add("a name has 1 to 64 of a-z, 0-9 and -");
        }
        let answers = Answer::ALL.map(|answer| (answer.name(), answer));
        let answer = faults.choice("answer", Some(&self.answer), &answers, Answer::Allow);
        let pause = match (answer, self.pause) {
            (Answer::Delay, pause) => faults.number("pause", pause, 30, 86_400),
            (_, None) => 0,
            (_, Some(_)) => {
                faults.add("pause means something with the answer delay alone");
                0
            }
        };
        let known = TAKES.iter().find(|(kind, ..)| *kind == self.kind);
        let Some((_, takes, occasions)) = known else {
            let kinds: Vec<_> = TAKES.iter().map(|(kind, ..)| *kind).collect();
            faults.add(format_args!("kind is {:?}: {} are there", self.kind, kinds.join(", ")));
            return self.rule(answer, pause, Vec::new(), Kind::NewDevice);
        };
        for (name, _) in self.given().iter().filter(|(name, given)| *given && !takes.contains(name)) {
            faults.add(format_args!("{name} means nothing to a rule of the kind {}", self.kind));
        }
        let on = self.occasions(faults, occasions);
        // There is nothing more to ask for than the code itself.
        let late = on.iter().any(|occasion| matches!(occasion, Occasion::Code | Occasion::Recovery));
        if answer == Answer::StepUp && late {
            faults.add("step-up can be answered on login, operation and request alone");
        }
        let kind = self.kind(faults);
        kind.finds_something(&on, faults);
        self.rule(answer, pause, on, kind)
    }

    fn rule(&self, answer: Answer, pause: u64, on: Vec<Occasion>, kind: Kind) -> Rule {
        // Whoever changes what is counted counts anew.
        let told = hash::sha256(&[self.name.as_bytes(), b"\n", kind.to_string().as_bytes()]);
        let seed = u64::from_be_bytes(*told.first_chunk().expect("32 bytes begin with 8"));
        let source = self.source.clone();
        Rule { name: (*self.name).into(), on, answer, pause, is_trial: self.dry_run, source, seed, kind }
    }

    /// What stands there, beside what every rule takes.
    fn given(&self) -> [(&'static str, bool); 14] {
        [
            ("per", self.per.is_some()),
            ("outcome", self.outcome.is_some()),
            ("window", self.window.is_some()),
            ("limit", self.limit.is_some()),
            ("field", self.field.is_some()),
            ("above", self.above.is_some()),
            ("equals", self.equals.is_some()),
            ("distance", self.distance.is_some()),
            ("speed", self.speed.is_some()),
            ("roles", self.roles.is_some()),
            ("from", self.from.is_some()),
            ("until", self.until.is_some()),
            ("days", self.days.is_some()),
            ("utc-offset", self.utc_offset.is_some()),
        ]
    }

    fn occasions(&self, faults: &mut Faults, usual: &[Occasion]) -> Vec<Occasion> {
        let Some(names) = &self.on else { return usual.to_vec() };
        let known = Occasion::ALL.map(|occasion| (occasion.name(), occasion));
        let mut on = Vec::new();
        for name in names {
            let occasion = faults.choice("on", Some(name), &known, Occasion::Login);
            if !on.contains(&occasion) {
                on.push(occasion);
            }
        }
        if on.is_empty() {
            faults.add("on names nothing");
        }
        on
    }

    fn kind(&self, faults: &mut Faults) -> Kind {
        match self.kind.as_str() {
            "frequency" => Kind::Frequency {
                per: self.per(
                    faults,
                    &[("account", Per::Account), ("network", Per::Network), ("device", Per::Device)],
                ),
                outcome: self.outcome(faults, None),
                window: faults.number("window", self.window, 60, WEEK.cast_signed()),
                limit: faults.number("limit", self.limit, 1, 200_000),
            },
            "spraying" => Kind::Spraying {
                // A device is known to one account, and a stranger at every other: it never tries several.
                per: self.per(faults, &[("network", Per::Network)]),
                outcome: self.outcome(faults, Some(Outcome::Wrong)),
                window: faults.number("window", self.window, 120, WEEK.cast_signed()),
                limit: faults.number("limit", self.limit, 2, 40),
            },
            "parameter" => self.parameter(faults),
            "travel" => Kind::Travel {
                distance: faults.number("distance", self.distance, 50, 20_000),
                speed: faults.number("speed", self.speed, 100, 20_000),
            },
            "hours" => self.hours(faults),
            _ => Kind::NewDevice,
        }
    }

    fn per(&self, faults: &mut Faults, known: &[(&str, Per)]) -> Per {
        if self.per.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            faults.add(format_args!("per is missing: {} can be", names.join(", ")));
        }
        faults.choice("per", self.per.as_deref(), known, Per::Account)
    }

    fn outcome(&self, faults: &mut Faults, usual: Option<Outcome>) -> Option<Outcome> {
        let known = [("any", None), ("right", Some(Outcome::Right)), ("wrong", Some(Outcome::Wrong))];
        faults.choice("outcome", self.outcome.as_deref(), &known, usual)
    }

    fn parameter(&self, faults: &mut Faults) -> Kind {
        let equals = self.equals.clone().unwrap_or_default();
        let field = self.field.clone().unwrap_or_default();
        if !(1..=64).contains(&field.len()) {
            faults.add("field is to name a parameter, in 1 to 64 bytes");
        }
        if self.above.is_none() && equals.is_empty() {
            faults.add("above or equals is needed");
        }
        if equals.len() > 64 || equals.iter().any(|text| text.is_empty() || text.len() > 512) {
            faults.add("equals has 64 texts at most, of 1 to 512 bytes");
        }
        Kind::Parameter { field, above: self.above, equals }
    }

    fn hours(&self, faults: &mut Faults) -> Kind {
        let names = self.roles.clone().unwrap_or_else(|| vec!["employee".into()]);
        let roles = roles_named(&names).unwrap_or_else(|name| {
            faults.add(format_args!("roles names {name:?}, which is none"));
            zamok_cabinet::Roles::default()
        });
        let mut days = 0_u8;
        for name in self.days.as_deref().unwrap_or(&["mon", "tue", "wed", "thu", "fri"].map(String::from)) {
            match DAYS.iter().position(|day| day == name) {
                Some(day) => days |= 1 << day,
                None => faults.add(format_args!("days names {name:?}: {} are there", DAYS.join(", "))),
            }
        }
        if names.is_empty() {
            faults.add("roles is empty: the rule would be about nobody");
        }
        if self.days.as_ref().is_some_and(Vec::is_empty) {
            faults.add("days is empty: it would never be office time");
        }
        let times = (self.from.as_deref(), self.until.as_deref());
        if self.from.is_some() && self.from == self.until || times == (Some("24:00"), Some("00:00")) {
            faults.add("from and until are one time: it would never be office time");
        }
        if times == (Some("00:00"), Some("24:00")) && days == 0x7f {
            faults.add("from, until and days are the whole week: it would always be office time");
        }
        let offset = self.utc_offset.unwrap_or(0);
        if !(-14 * 60..=14 * 60).contains(&offset) {
            faults.add(format_args!("utc-offset is {offset}: -840 to 840 minutes can be"));
        }
        Kind::Hours {
            roles,
            from: faults.clock("from", self.from.as_deref()),
            until: faults.clock("until", self.until.as_deref()),
            days,
            offset,
        }
    }
}

impl Kind {
    /// Tells what is never found on these occasions: such a rule would look as if it guarded something.
    fn finds_something(&self, on: &[Occasion], faults: &mut Faults) {
        use Occasion::{Operation, Recovery, Request};
        let all = |those: &[Occasion]| !on.is_empty() && on.iter().all(|occasion| those.contains(occasion));
        match self {
            Self::Parameter { .. } => {
                for occasion in on.iter().filter(|occasion| !matches!(occasion, Operation | Request)) {
                    faults.add(format_args!("on names {}, which has no parameters", occasion.name()));
                }
            }
            Self::Frequency { outcome: Some(Outcome::Wrong), .. }
            | Self::Spraying { outcome: Some(Outcome::Wrong), .. }
                if all(&[Operation, Request]) =>
            {
                faults.add("outcome is wrong, which an operation or a request never is");
            }
            Self::Frequency { per: Per::Device, .. } if all(&[Recovery]) => {
                faults.add("per is device, and a recovery comes from none");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
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
