//! What rules say of an attempt, and what they remember of it.

use zamok_cabinet::watch::{Answer, Facts, Finding, Occasion, Outcome, Parameter};

use crate::board::Board;
use crate::case::{Case, Key, ROWS, Use, cell};
use crate::cell::{self, SLOTS};
use crate::habits::Habits;
use crate::rules::{Kind, Per, Rule, Rules};

/// What one rule sees in an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What was found, beside what is borne.
    pub found: String,
    /// Whether it is more than is borne.
    pub is_hit: bool,
}

/// Numbers that a rule compares.
enum Seen {
    /// It has nothing to say: the attempt has no device, or nothing is known of its place.
    Nothing,
    Count(u64),
    /// Kilometres and seconds since the last place.
    Way(u64, u64),
    Yes(bool),
}

/// Habits are read once for all rules that ask for them.
struct Memory {
    habits: Option<Habits>,
}

impl Memory {
    fn of<B: Board>(&mut self, board: &mut B, case: &Case<'_>) -> Result<&Habits, B::Error> {
        if self.habits.is_none() {
            self.habits = Some(board.habits(case.facts.account)?);
        }
        Ok(self.habits.get_or_insert_default())
    }
}

impl Rules {
    /// What the rules find in an attempt, before anybody knows how it ends.
    pub(crate) fn judge<B: Board>(&self, board: &mut B, case: &Case<'_>) -> Result<Vec<Finding>, B::Error> {
        let (mut findings, mut memory) = (Vec::new(), Memory { habits: None });
        for rule in self.rules.iter().filter(|rule| rule.is_about(case.facts.occasion)) {
            let seen = self.see(board, &mut memory, rule, case)?;
            if !rule.kind.is_beyond(&seen) {
                continue;
            }
            let mut reason = rule.kind.told(&seen);
            let mut answer = rule.answer;
            if answer == Answer::Delay && !self.is_paused(board, rule, case)? {
                answer = Answer::Allow;
                reason.push_str("; this one is let through");
            }
            findings.push(Finding { rule: rule.name.clone(), answer, reason, is_trial: rule.is_trial });
        }
        Ok(findings)
    }

    /// What each rule sees in an attempt, in their order; `None` for a rule that has nothing to do with it.
    pub(crate) fn look<B: Board>(
        &self,
        board: &mut B,
        case: &Case<'_>,
    ) -> Result<Vec<Option<Look>>, B::Error> {
        let mut memory = Memory { habits: None };
        let look = |rule: &Rule| {
            if !rule.is_about(case.facts.occasion) {
                return Ok(None);
            }
            let seen = self.see(board, &mut memory, rule, case)?;
            Ok(Some(Look { found: rule.kind.told(&seen), is_hit: rule.kind.is_beyond(&seen) }))
        };
        self.rules.iter().map(look).collect()
    }

    /// Remembers how an attempt ended that was looked at.
    pub(crate) fn note<B: Board>(
        &self,
        board: &mut B,
        case: &Case<'_>,
        outcome: Outcome,
    ) -> Result<(), B::Error> {
        let mut memory = Memory { habits: None };
        for rule in self.rules.iter().filter(|rule| rule.is_about(case.facts.occasion)) {
            if rule.answer == Answer::Delay {
                let seen = self.see(board, &mut memory, rule, case)?;
                let key = case.key(rule.kind.per()).filter(|_| rule.kind.is_beyond(&seen));
                self.add(board, rule, key, Use::Pause, rule.pause, case)?;
            }
            let counts = |wanted: Option<Outcome>| wanted.is_none_or(|wanted| wanted == outcome);
            match rule.kind {
                Kind::Frequency { per, outcome, window, .. } if counts(outcome) => {
                    self.add(board, rule, case.key(per), Use::Count, window, case)?;
                }
                Kind::Spraying { per, outcome, window, .. } if counts(outcome) => {
                    self.mark(board, rule, case.key(per), window, case)?;
                }
                _ => {}
            }
        }
        // Whoever has answered a challenge was there, with that client.
        if case.facts.occasion == Occasion::Code && outcome == Outcome::Right && self.have_habits() {
            let mut habits = memory.of(board, case)?.clone();
            habits.used(case.way, case.place, case.facts.time);
            board.keep(case.facts.account, &habits)?;
        }
        Ok(())
    }

    fn see<B: Board>(
        &self,
        board: &mut B,
        memory: &mut Memory,
        rule: &Rule,
        case: &Case<'_>,
    ) -> Result<Seen, B::Error> {
        let facts = case.facts;
        Ok(match &rule.kind {
            Kind::Frequency { per, window, .. } => match case.key(*per) {
                Some(key) => Seen::Count(self.count(board, rule, key, Use::Count, *window, case)?),
                None => Seen::Nothing,
            },
            Kind::Spraying { per, window, .. } => match case.key(*per) {
                Some(key) => Seen::Count(self.distinct(board, rule, key, *window, case)?),
                None => Seen::Nothing,
            },
            Kind::Parameter { field, above, equals } => {
                let parameter = facts.parameters.iter().find(|(name, _)| name == field);
                match parameter.map(|(_, value)| value) {
                    None => Seen::Nothing,
                    Some(Parameter::Number(number)) => Seen::Yes(above.is_some_and(|above| *number > above)),
                    Some(Parameter::Text(text)) => Seen::Yes(equals.iter().any(|other| other == text)),
                }
            }
            Kind::Travel { .. } => match (case.place, memory.of(board, case)?.last) {
                // A clock that had jumped ahead does not tell how long the way took.
                (Some(here), Some((there, then))) if !then.is_ahead_of(facts.time) => {
                    Seen::Way(there.kilometres_to(here), facts.time.since(then))
                }
                _ => Seen::Nothing,
            },
            Kind::NewDevice => {
                let habits = memory.of(board, case)?;
                // The first client of an account is no new one.
                Seen::Yes(facts.device.is_none() && !habits.is_new() && !habits.knows(&case.way))
            }
            Kind::Hours { roles, from, until, days, offset } => {
                let concerned = facts.roles.meet(*roles);
                Seen::Yes(concerned && !is_office_time(facts, *from, *until, *days, *offset))
            }
        })
    }

    /// The lesser of the counts in both rows.
    fn count<B: Board>(
        &self,
        board: &B,
        rule: &Rule,
        key: Key,
        used: Use,
        span: u64,
        case: &Case<'_>,
    ) -> Result<u64, B::Error> {
        let mut least = u64::MAX;
        for row in 0..ROWS {
            let value = board.cell(&cell(self, rule, key, row, used))?;
            least = least.min(cell::counted(value, case.facts.time.0, span));
        }
        Ok(least)
    }

    fn add<B: Board>(
        &self,
        board: &mut B,
        rule: &Rule,
        key: Option<Key>,
        used: Use,
        span: u64,
        case: &Case<'_>,
    ) -> Result<(), B::Error> {
        let Some(key) = key else { return Ok(()) };
        for row in 0..ROWS {
            let cell = cell(self, rule, key, row, used);
            if let Some(step) = cell::count(board.cell(&cell)?, case.facts.time.0, span) {
                board.add(&cell, step);
            }
        }
        Ok(())
    }

    /// Whether one was let through within the pause of a rule.
    fn is_paused<B: Board>(&self, board: &B, rule: &Rule, case: &Case<'_>) -> Result<bool, B::Error> {
        let Some(key) = case.key(rule.kind.per()) else { return Ok(false) };
        Ok(self.count(board, rule, key, Use::Pause, rule.pause, case)? > 0)
    }

    /// About how many accounts were marked in this half of the span and in the one before.
    fn distinct<B: Board>(
        &self,
        board: &B,
        rule: &Rule,
        key: Key,
        span: u64,
        case: &Case<'_>,
    ) -> Result<u64, B::Error> {
        let half = cell::half(case.facts.time.0, span);
        let mut least = u64::MAX;
        for row in 0..ROWS {
            let mut marks = 0;
            for half in [half, half.saturating_sub(1)] {
                let value = board.cell(&cell(self, rule, key, row, parity(half)))?;
                marks |= cell::marks(value, half);
            }
            least = least.min(cell::distinct(marks));
        }
        Ok(least)
    }

    fn mark<B: Board>(
        &self,
        board: &mut B,
        rule: &Rule,
        key: Option<Key>,
        span: u64,
        case: &Case<'_>,
    ) -> Result<(), B::Error> {
        let Some(key) = key else { return Ok(()) };
        let half = cell::half(case.facts.time.0, span);
        for row in 0..ROWS {
            let cell = cell(self, rule, key, row, parity(half));
            if let Some(step) = cell::mark(board.cell(&cell)?, half, case.slot(rule, row, SLOTS)) {
                board.add(&cell, step);
            }
        }
        Ok(())
    }
}

const fn parity(half: u64) -> Use {
    if half.is_multiple_of(2) { Use::Even } else { Use::Odd }
}

/// Whether it is one of the days and hours; a night belongs to the day on which it began.
fn is_office_time(facts: &Facts<'_>, from: u64, until: u64, days: u8, offset: i64) -> bool {
    const DAY: u64 = 24 * 60;
    let minutes = (facts.time.0 / 60).saturating_add_signed(offset);
    let minute = minutes % DAY;
    let (inside, began_yesterday) = if from <= until {
        ((from..until).contains(&minute), false)
    } else {
        (minute >= from || minute < until, minute < until)
    };
    // The first of January 1970 was a Thursday.
    let day = (minutes / DAY + 3 + if began_yesterday { 6 } else { 0 }) % 7;
    inside && days >> day & 1 == 1
}

impl Kind {
    fn is_beyond(&self, seen: &Seen) -> bool {
        match (self, seen) {
            (Self::Frequency { limit, .. } | Self::Spraying { limit, .. }, Seen::Count(count)) => {
                count >= limit
            }
            (Self::Travel { distance, speed }, Seen::Way(way, seconds)) => {
                way >= distance && way.saturating_mul(3600) > speed.saturating_mul(*seconds)
            }
            (_, Seen::Yes(yes)) => *yes,
            _ => false,
        }
    }

    /// What was seen, beside what is borne.
    fn told(&self, seen: &Seen) -> String {
        match (self, seen) {
            (Self::Frequency { per, window, limit, .. }, Seen::Count(count)) => {
                format!("{count} before it of one {per} within {window} s; {limit} are borne")
            }
            (Self::Spraying { per, window, limit, .. }, Seen::Count(count)) => {
                let about = if *count == u64::MAX { "more than 52".into() } else { format!("about {count}") };
                format!("{about} accounts before it of one {per} within {window} s; {limit} are borne")
            }
            (Self::Travel { distance, speed }, Seen::Way(way, seconds)) => {
                format!(
                    "{way} km from the last place, {seconds} s later; from {distance} km on {speed} km/h are borne"
                )
            }
            (Self::Parameter { .. }, Seen::Yes(true)) => format!("{self}"),
            (Self::NewDevice, Seen::Yes(true)) => {
                "a client and network that the account was not used from before".into()
            }
            (Self::Hours { .. }, Seen::Yes(true)) => format!("{self}"),
            (_, Seen::Yes(_)) => "nothing unusual".into(),
            _ => "not known, or there is none".into(),
        }
    }
}

impl Rule {
    /// Whether it goes by a network.
    pub(crate) const fn is_of_network(&self) -> bool {
        matches!(self.kind.per(), Per::Network)
    }
}
