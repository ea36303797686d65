//! A plain model of accounts and their factors: lists and clocks, nothing of the cabinet.

/// What a call amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Rejected,
    SessionEnded,
    NotFresh,
    MethodUnavailable,
    TooSoon,
    Support,
    LastFactor,
    FactorExists,
    NotAllowed,
    NothingOffered,
    Pending,
    AccountState,
    KeyState,
}

use Outcome::{
    AccountState, Done, FactorExists, KeyState, LastFactor, MethodUnavailable, NotAllowed, NotFresh,
    NothingOffered, Pending, Rejected, SessionEnded, Support, TooSoon,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Generator,
    Sms,
    Push,
}

impl Kind {
    /// How much it withstands.
    fn strength(self) -> u8 {
        if self == Self::Sms { 2 } else { 3 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Offered,
    Active,
    Aside { at: u64, until: u64, by: usize },
}

#[derive(Clone, Debug)]
pub(crate) struct Factor {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    wrong: u32,
    pub(crate) disabled: bool,
    last_step: u64,
    last_sent: u64,
    added: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Login,
    Undo,
    Enrol { session: Option<usize>, replaces: Option<usize> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Approved,
    Over,
}

#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) what: For,
    pub(crate) factor: Option<usize>,
    pub(crate) state: State,
    epoch: u64,
    life: u64,
    opened: u64,
    wrong: u32,
    sent: u32,
    last_sent: u64,
    offers: u32,
    gone: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    epoch: u64,
    shown: u64,
    strength: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Open,
    Suspended,
    Erased,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now: u64,
    pub(crate) standing: Standing,
    epoch: u64,
    /// Whether a factor has ever counted, and until when an officer lets the password alone enrol the next.
    enrolled: bool,
    leave: u64,
    /// When the device became known.
    pub(crate) device: Option<u64>,
    /// In the account's order.
    pub(crate) listed: Vec<usize>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) challenges: Vec<Challenge>,
    pub(crate) sessions: Vec<Session>,
}

const TRIES: u32 = 3;
const FRESH: u64 = 3_000;
const WEEK: u64 = 604_800;

impl Model {
    pub(crate) fn new(now: u64) -> Self {
        let (listed, factors, challenges, sessions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (enrolled, leave) = (false, 0);
        Self {
            now,
            standing: Standing::Open,
            epoch: 0,
            enrolled,
            leave,
            device: None,
            listed,
            factors,
            challenges,
            sessions,
        }
    }

    fn is(&self, id: usize, place: Place) -> bool {
        self.listed.contains(&id) && self.factors[id].place == place
    }

    fn aside(&self, by: usize) -> Place {
        Place::Aside { at: self.now, until: self.now + WEEK, by }
    }

    fn active(&self) -> Vec<usize> {
        self.listed.iter().copied().filter(|id| self.is(*id, Place::Active)).collect()
    }

    fn life(&self, factor: usize) -> u64 {
        if self.factors[factor].kind == Kind::Push { 120 } else { 300 }
    }

    fn begin(&mut self, what: For, factor: Option<usize>, life: u64) -> usize {
        self.challenges.push(Challenge {
            what,
            factor,
            state: State::Open,
            epoch: self.epoch,
            life,
            opened: self.now,
            wrong: 0,
            sent: 0,
            last_sent: 0,
            offers: 0,
            gone: false,
        });
        self.challenges.len() - 1
    }

    /// Whether something can be sent for a factor by a new challenge.
    fn may_send(&self, factor: usize) -> bool {
        let factor = &self.factors[factor];
        factor.kind == Kind::Generator || factor.last_sent == 0 || self.now - factor.last_sent >= 60
    }

    fn sent(&mut self, id: usize) {
        let Some(factor) = self.challenges[id].factor else { return };
        if self.factors[factor].kind != Kind::Generator {
            self.factors[factor].last_sent = self.now;
            self.challenges[id].sent += 1;
            self.challenges[id].last_sent = self.now;
        }
    }

    fn open_by(&mut self, what: For, factor: usize) -> Outcome {
        if !self.may_send(factor) {
            return TooSoon;
        }
        let id = self.begin(what, Some(factor), self.life(factor));
        self.sent(id);
        Done
    }

    /// A right login and password. What was begun is the last challenge.
    pub(crate) fn log_in(&mut self) -> Outcome {
        if self.standing != Standing::Open {
            return Rejected;
        }
        match self.active().first() {
            Some(factor) => self.open_by(For::Login, *factor),
            // What once had a factor is not given another for its password alone.
            None if self.enrolled && self.now >= self.leave => MethodUnavailable,
            None => {
                self.begin(For::Enrol { session: None, replaces: None }, None, 900);
                Done
            }
        }
    }

    /// An officer lets the password lead to an enrolment again.
    pub(crate) fn let_enrol(&mut self) -> Outcome {
        match self.standing {
            Standing::Open if !self.active().is_empty() => FactorExists,
            Standing::Open => {
                self.leave = self.now + 900;
                Done
            }
            Standing::Suspended => AccountState,
            Standing::Erased => Rejected,
        }
    }

    pub(crate) fn begin_undo(&mut self) -> Outcome {
        if self.standing != Standing::Open {
            return Rejected;
        }
        let mut first: Option<(u64, u64, usize)> = None;
        for id in self.listed.iter().rev() {
            if let Place::Aside { at, until, .. } = self.factors[*id].place
                && self.now < until
                && first.is_none_or(|(added, other, _)| (self.factors[*id].added, at) < (added, other))
            {
                first = Some((self.factors[*id].added, at, *id));
            }
        }
        match first {
            Some((_, _, factor)) => self.open_by(For::Undo, factor),
            None => MethodUnavailable,
        }
    }

    fn alive(&self, id: usize) -> bool {
        let challenge = &self.challenges[id];
        let in_time = self.now < challenge.opened + challenge.life;
        !challenge.gone && challenge.state != State::Over && in_time && challenge.epoch == self.epoch
    }

    fn charge(&mut self, id: usize, tries: u32) {
        let challenge = &mut self.challenges[id];
        challenge.wrong += 1;
        if challenge.wrong >= tries {
            challenge.state = State::Over;
        }
    }

    /// Answers a challenge of a login, or of an undoing. A session that it opens is the last.
    pub(crate) fn answer(&mut self, id: usize, right: bool) -> Outcome {
        if !self.alive(id) {
            return Rejected;
        }
        let (what, state) = (self.challenges[id].what, self.challenges[id].state);
        let factor = self.challenges[id].factor.unwrap();
        let place = match self.factors[factor].place {
            Place::Active => what == For::Login,
            Place::Aside { until, .. } => what == For::Undo && self.now < until,
            Place::Offered => false,
        };
        let step = self.now / 30;
        let (found, counts) = (&mut self.factors[factor], place && self.listed.contains(&factor));
        let accepted = match found.kind {
            _ if !counts || found.disabled => false,
            Kind::Push if state != State::Approved => return Pending,
            Kind::Push => true,
            Kind::Sms => right,
            Kind::Generator if right && step > found.last_step => {
                (found.last_step, found.wrong) = (step, 0);
                true
            }
            Kind::Generator => {
                found.wrong += 1;
                found.disabled = found.wrong >= 3;
                false
            }
        };
        if !accepted {
            self.charge(id, TRIES);
            return Rejected;
        }
        self.challenges[id].state = State::Over;
        if what == For::Undo {
            self.undo(factor);
            self.epoch += 1;
        }
        let strength = self.factors[factor].kind.strength();
        self.sessions.push(Session { epoch: self.epoch, shown: self.now, strength });
        Done
    }

    /// What was set aside is back, and what was set aside later; what came in since is gone.
    fn undo(&mut self, factor: usize) {
        let Place::Aside { at, until, mut by } = self.factors[factor].place else { unreachable!() };
        let (own, mut first) = (self.factors[factor].added, at);
        let since = |added: u64| added > own && added + (until - at) > at;
        let mut gone = Vec::new();
        while self.listed.contains(&by) {
            gone.push(by);
            let Place::Aside { by: next, .. } = self.factors[by].place else { break };
            by = next;
        }
        for other in self.listed.clone() {
            let added = self.factors[other].added;
            if gone.contains(&other) || since(added) {
                first = first.min(added);
                self.listed.retain(|listed| *listed != other);
            }
        }
        for other in self.listed.clone() {
            let later =
                |place| matches!(place, Place::Aside { at, until, .. } if at >= first && self.now < until);
            if other == factor || later(self.factors[other].place) {
                self.factors[other].place = Place::Active;
            }
        }
        self.device = self.device.filter(|trusted| !since(*trusted));
    }

    pub(crate) fn resend(&mut self, id: usize) -> Outcome {
        let challenge = &self.challenges[id];
        let sends = challenge.factor.is_some_and(|factor| {
            self.listed.contains(&factor) && self.factors[factor].kind != Kind::Generator
        });
        if !self.alive(id) || challenge.state != State::Open || !sends {
            return Rejected;
        }
        if challenge.sent >= 3 {
            return Support;
        }
        // The pause is that of the phone or the device, whatever else was sent there.
        if self.now - challenge.last_sent < 60
            || !challenge.factor.is_some_and(|factor| self.may_send(factor))
        {
            return TooSoon;
        }
        self.sent(id);
        Done
    }

    /// Chooses another factor for a login. What is begun is the last challenge.
    pub(crate) fn switch(&mut self, id: usize, factor: usize) -> Outcome {
        let what = self.challenges[id].what;
        if !self.alive(id) || matches!(what, For::Enrol { .. }) {
            return Rejected;
        }
        if what != For::Login || !self.is(factor, Place::Active) {
            return MethodUnavailable;
        }
        let before = self.challenges[id].clone();
        // What was sent to the same factor counts on.
        let sent = if before.factor == Some(factor) { before.sent } else { 0 };
        if sent >= 3 {
            return Support;
        }
        let begun = self.open_by(For::Login, factor);
        if begun == Done {
            let challenge = self.challenges.last_mut().unwrap();
            (challenge.wrong, challenge.opened) = (before.wrong, before.opened);
            challenge.sent += sent;
            // It lives as long as any that could have been begun in the place of the first.
            challenge.life = (self.now - before.opened + challenge.life).min(300);
            self.challenges[id].state = State::Over;
        }
        begun
    }

    /// A device that was asked approves with the right number, or with another one, or declines.
    pub(crate) fn approve(&mut self, id: usize, right: Option<bool>) -> Outcome {
        let challenge = &self.challenges[id];
        let listed = challenge.factor.is_some_and(|factor| self.listed.contains(&factor));
        if !self.alive(id) || challenge.state != State::Open || !listed {
            return Rejected;
        }
        match right {
            Some(true) => self.challenges[id].state = State::Approved,
            Some(false) => {
                self.charge(id, 1);
                return Rejected;
            }
            None => self.challenges[id].state = State::Over,
        }
        Done
    }

    fn live(&self, id: usize) -> bool {
        self.sessions[id].epoch == self.epoch
    }

    fn fresh(&self, id: usize) -> Outcome {
        match (self.live(id), self.now - self.sessions[id].shown < FRESH) {
            (false, _) => SessionEnded,
            (true, false) => NotFresh,
            (true, true) => Done,
        }
    }

    fn raise(&mut self, spared: Option<usize>) {
        self.epoch += 1;
        if let Some(id) = spared {
            self.sessions[id].epoch = self.epoch;
        }
    }

    pub(crate) fn begin_factor(&mut self, session: usize, replaces: Option<usize>) -> Outcome {
        match self.fresh(session) {
            Done => {}
            other => return other,
        }
        if replaces.is_some_and(|old| !self.is(old, Place::Active)) {
            return Rejected;
        }
        self.begin(For::Enrol { session: Some(session), replaces }, None, 900);
        Done
    }

    fn enrolling(&self, id: usize) -> Outcome {
        let challenge = &self.challenges[id];
        let For::Enrol { session, .. } = challenge.what else { return Rejected };
        if challenge.gone || challenge.state == State::Over {
            return Rejected;
        }
        if session.is_some_and(|session| !self.live(session)) {
            return SessionEnded;
        }
        if self.alive(id) { Done } else { Rejected }
    }

    /// Offers a factor. It is the last.
    pub(crate) fn offer(&mut self, id: usize, kind: Kind) -> Outcome {
        match self.enrolling(id) {
            Done => {}
            other => return other,
        }
        if self.challenges[id].offers >= TRIES {
            return Rejected;
        }
        let factors = &self.factors;
        self.listed.retain(|other| factors[*other].place != Place::Offered);
        let (place, factor) = (Place::Offered, self.factors.len());
        self.factors.push(Factor {
            kind,
            place,
            wrong: 0,
            disabled: false,
            last_step: 0,
            last_sent: 0,
            added: self.now,
        });
        self.listed.push(factor);
        let challenge = &mut self.challenges[id];
        challenge.offers += 1;
        (challenge.state, challenge.factor, challenge.sent) = (State::Open, Some(factor), 0);
        self.sent(id);
        Done
    }

    /// A generator that was offered and never tested: whichever enrolment goes on tests it.
    pub(crate) fn waiting(&self) -> Option<usize> {
        let waits = |id: &usize| {
            self.factors[*id].place == Place::Offered && self.factors[*id].kind == Kind::Generator
        };
        self.listed.iter().copied().rfind(waits)
    }

    pub(crate) fn confirm(&mut self, id: usize, right: bool) -> Outcome {
        match self.enrolling(id) {
            Done => {}
            other => return other,
        }
        let factor = match self.challenges[id].factor {
            Some(factor) => Some(factor).filter(|factor| self.listed.contains(factor)),
            None => self.waiting(),
        };
        let Some(factor) = factor else { return NothingOffered };
        let right = match self.factors[factor].kind {
            Kind::Push if self.challenges[id].state != State::Approved => return Pending,
            Kind::Push => true,
            Kind::Sms => right,
            // Wrong test codes count for the key, whichever enrolment they come by: another one is no way to go on guessing.
            Kind::Generator => {
                let found = &mut self.factors[factor];
                let accepted = right && !found.disabled;
                found.wrong = if accepted { 0 } else { found.wrong + 1 };
                found.disabled = found.wrong >= 3;
                accepted
            }
        };
        if !right {
            self.charge(id, TRIES);
            return Rejected;
        }
        let For::Enrol { session, replaces } = self.challenges[id].what else { unreachable!() };
        self.challenges[id].state = State::Over;
        self.factors[factor].place = Place::Active;
        (self.enrolled, self.leave) = (true, 0);
        self.factors[factor].last_step = self.now / 30;
        self.factors[factor].added = self.now;
        if let Some(old) = replaces {
            self.factors[old].place = self.aside(factor);
            self.listed.retain(|other| *other != factor);
            let place = self.listed.iter().position(|other| *other == old).unwrap();
            self.listed.insert(place, factor);
        }
        self.raise(session);
        Done
    }

    pub(crate) fn drop_factor(&mut self, session: usize, factor: usize) -> Outcome {
        match self.fresh(session) {
            Done => {}
            other => return other,
        }
        if !self.listed.contains(&factor) {
            return Rejected;
        }
        if matches!(self.factors[factor].place, Place::Aside { until, .. } if self.now < until) {
            return NotAllowed;
        }
        if self.active() == [factor] {
            return LastFactor;
        }
        let found = &self.factors[factor];
        if found.place == Place::Active && found.kind.strength() > self.sessions[session].strength {
            self.factors[factor].place = self.aside(usize::MAX);
        } else {
            self.listed.retain(|other| *other != factor);
        }
        self.raise(Some(session));
        Done
    }

    pub(crate) fn prefer(&mut self, session: usize, factor: usize) -> Outcome {
        match self.fresh(session) {
            Done => {}
            other => return other,
        }
        if !self.is(factor, Place::Active) {
            return Rejected;
        }
        self.listed.retain(|other| *other != factor);
        self.listed.insert(0, factor);
        Done
    }

    /// An officer moves an account from one standing to another.
    pub(crate) fn moved(&mut self, from: Standing, to: Standing) -> Outcome {
        match self.standing {
            Standing::Erased => Rejected,
            standing if standing != from => AccountState,
            _ => {
                self.standing = to;
                self.epoch += 1;
                Done
            }
        }
    }

    pub(crate) fn erase(&mut self) -> Outcome {
        if self.standing == Standing::Erased {
            return Rejected;
        }
        self.standing = Standing::Erased;
        self.listed.clear();
        self.epoch += 1;
        Done
    }

    pub(crate) fn remove(&mut self, factor: usize) -> Outcome {
        if self.standing == Standing::Erased || !self.listed.contains(&factor) {
            return Rejected;
        }
        self.listed.retain(|other| *other != factor);
        self.epoch += 1;
        Done
    }

    pub(crate) fn resume_factor(&mut self, factor: usize) -> Outcome {
        if self.standing == Standing::Erased || !self.listed.contains(&factor) {
            return Rejected;
        }
        let found = &mut self.factors[factor];
        if found.place != Place::Active || !found.disabled {
            return KeyState;
        }
        (found.disabled, found.wrong) = (false, 0);
        Done
    }

    pub(crate) fn sweep(&mut self) {
        for challenge in &mut self.challenges {
            challenge.gone |= self.now >= challenge.opened + 2 * challenge.life;
        }
        let (now, factors) = (self.now, &self.factors);
        self.listed.retain(|id| !matches!(factors[*id].place, Place::Aside { until, .. } if now >= until));
    }
}
