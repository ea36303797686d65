//! Rules over a log of what has happened: what they would have answered, and how right they would have been.
//!
//! A log has one JSON object a line:
//!
//! | member | what |
//! |---|---|
//! | `time` | seconds since 1970 |
//! | `event` | `login`, `code`, `recovery`, `operation` or `request` |
//! | `outcome` | `right` or `wrong` |
//! | `account` | its name, or whatever stands for it |
//! | `address`, `device`, `client`, `roles`, `parameters` | what is known of it; each may be missing |
//! | `place` | degrees north and east; may be missing |
//! | `attack`, `attacker` | in a labelled log: the rule, or the kind of rule, that is meant to notice it, and who it is |

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;
use zamok_cabinet::watch::{Answer, Decision, Facts, Occasion, Outcome, Parameter};
use zamok_cabinet::{AccountId, DeviceId, Roles};
use zamok_core::{UnixTime, hash};

use crate::board::InMemory;
use crate::case::Case;
use crate::judge::Look;
use crate::place::Place;
use crate::rules::{Rule, Rules, roles_named};

/// One line of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    time: UnixTime,
    occasion: Occasion,
    outcome: Outcome,
    account: AccountId,
    roles: Roles,
    device: Option<DeviceId>,
    address: Option<IpAddr>,
    client: String,
    place: Option<Place>,
    parameters: Vec<(Cow<'static, str>, Parameter<'static>)>,
    label: Option<Label>,
}

/// What a labelled log says of an attack.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// The rule, or the kind of rule, that is meant to notice it.
    pub attack: String,
    /// Who it is; empty where nobody says.
    pub attacker: String,
}

/// Why a line is none of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineFault(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    time: u64,
    event: String,
    outcome: String,
    account: String,
    #[serde(default)]
    roles: Vec<String>,
    device: Option<String>,
    address: Option<String>,
    #[serde(default)]
    client: String,
    place: Option<(f64, f64)>,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    attack: Option<String>,
    attacker: Option<String>,
}

impl LogEvent {
    /// Longest line, in bytes.
    pub const LONGEST: usize = 16_384;

    /// Reads one line.
    ///
    /// # Errors
    /// [`LineFault`] for what is no JSON, has members that nothing bears, or values that are none.
    pub fn parse(line: &str) -> Result<Self, LineFault> {
        if line.len() > Self::LONGEST {
            return Err(LineFault(format!("it exceeds {} bytes", Self::LONGEST)));
        }
        let line: Line = serde_json::from_str(line).map_err(|error| LineFault(error.to_string()))?;
        let occasion = Occasion::ALL.into_iter().find(|occasion| occasion.name() == line.event);
        let outcome = match line.outcome.as_str() {
            "right" => Outcome::Right,
            "wrong" => Outcome::Wrong,
            other => return Err(LineFault(format!("outcome is {other:?}: right and wrong are there"))),
        };
        let place = match line.place {
            None => None,
            Some((latitude, longitude)) => Some(
                Place::new(latitude, longitude).ok_or_else(|| LineFault("place is none on earth".into()))?,
            ),
        };
        let address = match &line.address {
            None => None,
            Some(text) => {
                Some(text.parse().map_err(|_| LineFault(format!("address is {text:?}, which is none")))?)
            }
        };
        let parameters = line.parameters.into_iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name.into(), Parameter::Text(text.into()))),
            Value::Number(number) if number.is_i64() => {
                Ok((name.into(), Parameter::Number(number.as_i64().unwrap_or_default())))
            }
            _ => Err(LineFault(format!("the parameter {name:?} is neither a text nor a whole number"))),
        });
        let attacker = line.attacker.unwrap_or_default();
        Ok(Self {
            time: UnixTime(line.time),
            occasion: occasion
                .ok_or_else(|| LineFault(format!("event is {:?}, which is none", line.event)))?,
            outcome,
            account: AccountId(id(&line.account)),
            roles: roles_named(&line.roles)
                .map_err(|name| LineFault(format!("roles names {name:?}, which is none")))?,
            device: line.device.map(|device| DeviceId(id(&device))),
            address,
            client: line.client,
            place,
            parameters: parameters.collect::<Result<_, _>>()?,
            label: line.attack.map(|attack| Label { attack, attacker }),
        })
    }

    /// What it is about.
    #[must_use]
    pub const fn occasion(&self) -> Occasion {
        self.occasion
    }

    /// What a labelled log says of it.
    #[must_use]
    pub const fn label(&self) -> Option<&Label> {
        self.label.as_ref()
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            occasion: self.occasion,
            time: self.time,
            account: self.account,
            roles: self.roles,
            device: self.device,
            address: self.address,
            client: &self.client,
            parameters: &self.parameters,
        }
    }
}

fn id(name: &str) -> [u8; 16] {
    let hash = hash::sha256(&[name.as_bytes()]);
    *hash.first_chunk().expect("32 bytes begin with 16")
}

/// Rules that are led through a log.
#[derive(Debug)]
pub struct Replay {
    rules: Rules,
    board: InMemory,
    events: u64,
    attacks: u64,
    answers: BTreeMap<Answer, u64>,
    scores: Vec<RuleScore>,
    /// By attacker and rule: events so far, and whether one was noticed.
    attackers: HashMap<(usize, Label), (u64, bool)>,
}

/// How right rules were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// Lines of the log.
    pub events: u64,
    /// Those that are labelled as attacks.
    pub attacks: u64,
    /// What was answered how often, of the rules that are not only tried out.
    pub answers: BTreeMap<Answer, u64>,
    /// Each rule, in their order.
    pub rules: Vec<RuleScore>,
}

/// How right one rule was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleScore {
    /// Its name.
    pub rule: String,
    /// What it noticed.
    pub hits: u64,
    /// Of that, what is labelled as an attack, of whatever sort.
    pub right: u64,
    /// What is labelled for this rule.
    pub meant: u64,
    /// Of that, what it noticed.
    pub met: u64,
    /// Attackers that are labelled for this rule.
    pub attackers: u64,
    /// Of them, those that it noticed.
    pub caught: u64,
    /// Attempts that those made before they were first noticed.
    pub before: u64,
}

impl RuleScore {
    /// Of what it noticed, the share that was an attack; `None` when it noticed nothing.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.hits)
    }

    /// Of what it is meant to notice, the share that it noticed, attempts before the limit included; `None` when the log has
    /// nothing for it.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.met, self.meant)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Replay {
    /// Begins with rules that have seen nothing.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let named = |rule: &Rule| RuleScore { rule: rule.name().into(), ..RuleScore::default() };
        let scores = rules.rules().iter().map(named).collect();
        Self {
            rules,
            board: InMemory::default(),
            events: 0,
            attacks: 0,
            answers: BTreeMap::new(),
            scores,
            attackers: HashMap::new(),
        }
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What each rule sees in an event, in their order; `None` for a rule that has nothing to do with it.
    pub fn look(&mut self, event: &LogEvent) -> Vec<Option<Look>> {
        let facts = event.facts();
        let case = Case::new(&facts, event.place, &self.rules, &[0; 32]);
        let Ok(looks) = self.rules.look(&mut self.board, &case);
        looks
    }

    /// Takes the next event. What a rule refuses is not looked at, as in a service: it is not counted.
    pub fn feed(&mut self, event: &LogEvent) -> Decision {
        let facts = event.facts();
        let case = Case::new(&facts, event.place, &self.rules, &[0; 32]);
        let Ok(findings) = self.rules.judge(&mut self.board, &case);
        let decision = Decision::from(findings);
        if !decision.answer().refuses() {
            let Ok(()) = self.rules.note(&mut self.board, &case, event.outcome);
        }
        self.events += 1;
        self.attacks += u64::from(event.label.is_some());
        *self.answers.entry(decision.answer()).or_default() += 1;
        for (place, rule) in self.rules.rules().iter().enumerate() {
            let hit = decision.findings().iter().any(|finding| *finding.rule == *rule.name());
            let meant = event
                .label
                .as_ref()
                .filter(|label| label.attack == rule.name() || label.attack == rule.kind());
            let score = &mut self.scores[place];
            score.hits += u64::from(hit);
            score.right += u64::from(hit && event.label.is_some());
            let Some(label) = meant else { continue };
            score.meant += 1;
            score.met += u64::from(hit);
            let (events, caught) = self.attackers.entry((place, label.clone())).or_insert_with(|| {
                score.attackers += 1;
                (0, false)
            });
            if hit && !*caught {
                *caught = true;
                score.caught += 1;
                score.before += *events;
            }
            *events += 1;
        }
        decision
    }

    /// How right the rules were so far.
    #[must_use]
    pub fn score(&self) -> Score {
        Score {
            events: self.events,
            attacks: self.attacks,
            answers: self.answers.clone(),
            rules: self.scores.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whole_or_refused_with_a_reason() {
        let whole = r#"{"time":1800000000,"event":"operation","outcome":"right","account":"ivan","roles":["employee"],
            "device":"d1","address":"192.0.2.1","client":"phone","place":[55.76,37.62],
            "parameters":{"amount":5,"payee":"x"},"attack":"parameter","attacker":"a"}"#;
        let event = LogEvent::parse(whole).unwrap();
        assert_eq!(
            (event.time, event.occasion, event.outcome),
            (UnixTime(1_800_000_000), Occasion::Operation, Outcome::Right)
        );
        assert_eq!(event.parameters[0], ("amount".into(), Parameter::Number(5)));
        assert_eq!(event.label().unwrap().attacker, "a");
        assert!(LogEvent::parse(r#"{"time":1,"event":"login","outcome":"wrong","account":""}"#).is_ok());
        for (from, to, fault) in [
            ("\"operation\"", "\"dance\"", "event is \"dance\", which is none"),
            ("\"right\"", "\"late\"", "outcome is \"late\": right and wrong are there"),
            ("employee", "boss", "roles names \"boss\", which is none"),
            ("192.0.2.1", "here", "address is \"here\", which is none"),
            ("[55.76,37.62]", "[91,0]", "place is none on earth"),
            (":5,", ":5.5,", "the parameter \"amount\" is neither a text nor a whole number"),
        ] {
            assert_eq!(LogEvent::parse(&whole.replace(from, to)), Err(LineFault(fault.into())));
        }
        for (from, to) in [("\"time\"", "\"moment\""), ("1800000000", "-1"), ("}", "")] {
            assert!(LogEvent::parse(&whole.replacen(from, to, 1)).is_err(), "{from}");
        }
        assert!(LogEvent::parse(&" ".repeat(LogEvent::LONGEST + 1)).is_err());
    }

    #[test]
    fn a_score_counts_what_was_noticed_and_what_was_meant() {
        let rules = "[[rule]]\nname = \"guess\"\nkind = \"frequency\"\nper = \"account\"\noutcome = \"wrong\"\nwindow = 600\nlimit = 3\nanswer = \"block\"";
        let mut replay = Replay::new(Rules::from_toml(rules).unwrap());
        let mut feed = |account: &str, label: &str| {
            let line =
                format!(r#"{{"time":1000,"event":"login","outcome":"wrong","account":"{account}"{label}}}"#);
            replay.feed(&LogEvent::parse(&line).unwrap()).answer()
        };
        for attempt in 0..10 {
            let answer = feed("ivan", r#","attack":"frequency","attacker":"a""#);
            assert_eq!(answer, if attempt < 3 { Answer::Allow } else { Answer::Block }, "{attempt}");
        }
        for attempt in 0..4 {
            assert_eq!(feed("olga", "").refuses(), attempt == 3);
        }
        feed("peter", r#","attack":"guess","attacker":"b""#);
        feed("peter", r#","attack":"travel","attacker":"c""#);
        let score = replay.score();
        assert_eq!((score.events, score.attacks), (16, 12));
        assert_eq!(score.answers, BTreeMap::from([(Answer::Allow, 8), (Answer::Block, 8)]));
        let expected = RuleScore {
            rule: "guess".into(),
            hits: 8,
            right: 7,
            meant: 11,
            met: 7,
            attackers: 2,
            caught: 1,
            before: 3,
        };
        assert_eq!(score.rules, [expected]);
        assert_eq!(score.rules[0].precision(), Some(7.0 / 8.0));
        assert_eq!(score.rules[0].recall(), Some(7.0 / 11.0));
    }

    #[test]
    fn two_services_that_pause_for_different_times_wear_no_cell_of_each_other_out() {
        let rules = |pause: u64| {
            let rule = "name = \"slow\"\nkind = \"frequency\"\nper = \"network\"\nwindow = 3600\nlimit = 1\nanswer = \"delay\"";
            Rules::from_toml(&format!("[[rule]]\n{rule}\npause = {pause}")).unwrap()
        };
        let (short, long) = (rules(30), rules(60));
        let mut board = InMemory::default();
        let mut refused = |rules: &Rules, time: u64| {
            let line = format!(
                r#"{{"time":{time},"event":"login","outcome":"wrong","account":"a","address":"10.0.0.1"}}"#
            );
            let event = LogEvent::parse(&line).unwrap();
            let facts = event.facts();
            let case = Case::new(&facts, None, rules, &[0; 32]);
            let Ok(findings) = rules.judge(&mut board, &case);
            let refused = Decision::from(findings).answer().refuses();
            if !refused {
                let Ok(()) = rules.note(&mut board, &case, Outcome::Wrong);
            }
            refused
        };
        for second in 0..200 {
            refused(if second % 2 == 0 { &short } else { &long }, 1_800_000_000 + second);
        }
        for (rules, begin) in [(&long, 1_800_001_000_u64), (&short, 1_800_002_000)] {
            let count = (0..60_u64).filter(|second| refused(rules, begin + second)).count();
            assert!(count >= 57, "{count} of 60 were refused");
        }
    }

    #[test]
    fn what_is_counted_takes_no_more_room_than_its_table() {
        let rules = "cells = 256\n[[rule]]\nname = \"spray\"\nkind = \"spraying\"\nper = \"network\"\nwindow = 600\nlimit = 40\nanswer = \"allow\"\n\
            [[rule]]\nname = \"guess\"\nkind = \"frequency\"\nper = \"account\"\nwindow = 60\nlimit = 1\nanswer = \"delay\"\npause = 30";
        let mut replay = Replay::new(Rules::from_toml(rules).unwrap());
        for number in 0..20_000_u32 {
            let line = format!(
                r#"{{"time":{number},"event":"login","outcome":"wrong","account":"{number}","address":"10.{}.{}.1"}}"#,
                number % 199,
                number % 211
            );
            replay.feed(&LogEvent::parse(&line).unwrap());
        }
        // Two rows of 256: for both halves of a span, for counts, and for pauses.
        let cells = replay.board.len();
        assert!((800..=256 * 2 * 4).contains(&cells), "{cells}");
    }
}
