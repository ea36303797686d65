//! One rule as its text says it, and whether that makes sense.

use serde::Deserialize;
use zamok_cabinet::watch::{Answer, Occasion, Outcome};
use zamok_core::hash;

use super::DAYS;
use super::faults::Faults;
use crate::rules::{Kind, Per, Rule, roles_named};

const WEEK: u64 = 7 * 24 * 3600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RuleText {
    pub(super) name: String,
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

/// What a rule of each kind takes beside name, kind, answer, on, pause, dry-run and source.
pub(super) const TAKES: &[(&str, &[&str], &[Occasion])] = {
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
    pub(super) fn judge(&self, faults: &mut Faults) -> Rule {
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
