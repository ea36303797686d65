//! Telling operators (R34): not each attempt, but what has come together since they were told last.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zamok_cabinet::watch::{Answer, Facts, Finding};
use zamok_core::UnixTime;

use crate::case::network_text;
use crate::rules::{Rule, Rules};

/// Who is told. Called outside of any transaction, by the thread that made the last attempt: what takes long belongs into a
/// thread of its own.
pub trait Alert: Send + Sync + fmt::Debug {
    /// Takes a summary.
    fn alert(&self, summary: &Summary);
}

/// What has come together of attempts that were looked at, or refused by a rule. What came to no look is none:
/// a question whether a device has approved, the making of a hash, what a delay or a full sum refused. Attempts
/// that were looked at again, because others were faster, are counted again; the journal has each once, and
/// refusals summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// When the first of it happened.
    pub since: UnixTime,
    /// When the last of it did.
    pub until: UnixTime,
    /// By rules, in order of their names.
    pub rules: Vec<RuleSummary>,
}

/// What one rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSummary {
    /// Its name.
    pub rule: Arc<str>,
    /// Whether it is only tried out.
    pub is_trial: bool,
    /// How often it answered what, mildest first.
    pub answers: BTreeMap<Answer, u64>,
    /// The last reason.
    pub reason: String,
    /// Some of the accounts, or of the networks where the rule goes by them: as many as the rules say.
    pub examples: Vec<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.until.since(self.since);
        for (place, rule) in self.rules.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "\n" })?;
            let answers: Vec<_> =
                rule.answers.iter().map(|(answer, count)| format!("{} {count}", answer.name())).collect();
            let trial = if rule.is_trial { " (dry run)" } else { "" };
            write!(f, "{}{trial}: {} within {seconds} s", rule.rule, answers.join(", "))?;
            write!(f, "; last: {}; such as {}", rule.reason, rule.examples.join(", "))?;
        }
        Ok(())
    }
}

/// What waits to be told: at most one entry a rule.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    rules: BTreeMap<Arc<str>, RuleSummary>,
    since: UnixTime,
    until: UnixTime,
    told: Option<UnixTime>,
}

impl Waiting {
    pub(crate) fn add(&mut self, rules: &Rules, facts: &Facts<'_>, findings: &[Finding]) {
        if self.rules.is_empty() {
            self.since = facts.time;
        }
        self.until = facts.time;
        for finding in findings {
            let entry = self.rules.entry(finding.rule.clone()).or_insert_with(|| RuleSummary {
                rule: finding.rule.clone(),
                is_trial: finding.is_trial,
                answers: BTreeMap::new(),
                reason: String::new(),
                examples: Vec::new(),
            });
            *entry.answers.entry(finding.answer).or_default() += 1;
            entry.reason.clone_from(&finding.reason);
            if entry.examples.len() < rules.alert_examples {
                let of_network =
                    rules.rules.iter().any(|rule| rule.name == finding.rule && Rule::is_of_network(rule));
                let example = match facts.address.filter(|_| of_network) {
                    Some(address) => network_text(address, rules),
                    None => facts.account.to_string(),
                };
                if !entry.examples.contains(&example) {
                    entry.examples.push(example);
                }
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What is to be told now: at once after a time of rest, then once in a while.
    pub(crate) fn due(&mut self, now: UnixTime, every: u64) -> Option<Summary> {
        // A clock that was set back waits for nothing.
        let rests = self.told.is_some_and(|told| now >= told && now.since(told) < every);
        if self.rules.is_empty() || rests { None } else { self.all(now) }
    }

    /// All that waits.
    pub(crate) fn all(&mut self, now: UnixTime) -> Option<Summary> {
        let rules: Vec<_> = std::mem::take(&mut self.rules).into_values().collect();
        if rules.is_empty() {
            return None;
        }
        self.told = Some(now);
        Some(Summary { since: self.since, until: self.until, rules })
    }
}
