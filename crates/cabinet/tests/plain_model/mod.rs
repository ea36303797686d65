//! A plain model of one account's challenges, sessions, devices and operations: lists and clocks, nothing of the cabinet.

/// What a call amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Rejected,
    SessionEnded,
    NotFresh,
    TooManyDevices,
    DeviceUnknown,
    OperationUnknown,
    OperationOver,
    OperationTaken,
    NotConfirmed,
}

use Outcome::{
    DeviceUnknown, Done, NotConfirmed, NotFresh, OperationOver, OperationTaken, OperationUnknown, Rejected,
    SessionEnded, TooManyDevices,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Login,
    Again,
    Operation(usize, u64),
}

/// The numbers of the policy that the model knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) challenge: u64,
    pub(crate) tries: u32,
    pub(crate) idle: u64,
    pub(crate) longest: u64,
    pub(crate) touch: u64,
    pub(crate) fresh: u64,
    pub(crate) sessions: usize,
    pub(crate) trusted: u64,
    pub(crate) devices: usize,
    pub(crate) operation: u64,
    pub(crate) remembered: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) what: For,
    pub(crate) session: Option<usize>,
    device: Option<usize>,
    opened: u64,
    expires: u64,
    epoch: u64,
    open: bool,
    wrong: u32,
    last: Option<u64>,
    answered: bool,
    outcome: Option<usize>,
    gone: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    opened: u64,
    used: u64,
    shown: u64,
    epoch: u64,
    ended: bool,
    gone: bool,
    device: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Device {
    expires: u64,
    blocked: bool,
    gone: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) content: u64,
    expires: u64,
    epoch: u64,
    challenge: Option<usize>,
    confirmed: bool,
    executed: bool,
    cancelled: bool,
    gone: bool,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now: u64,
    numbers: Numbers,
    epoch: u64,
    last_step: u64,
    pub(crate) challenges: Vec<Challenge>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) devices: Vec<Device>,
    pub(crate) operations: Vec<Operation>,
    /// Sessions that were opened and not ended, oldest first.
    doors: Vec<usize>,
}

impl Model {
    pub(crate) fn new(now: u64, last_step: u64, numbers: Numbers) -> Self {
        let (challenges, sessions, devices) = (Vec::new(), Vec::new(), Vec::new());
        let (operations, doors) = (Vec::new(), Vec::new());
        Self { now, numbers, epoch: 0, last_step, challenges, sessions, devices, operations, doors }
    }

    /// Whether the code of the present step is not spent.
    pub(crate) fn code_is_good(&self) -> bool {
        self.now / 30 > self.last_step
    }

    fn is_live(&self, id: usize) -> bool {
        let session = &self.sessions[id];
        let in_time = self.now < session.opened + self.numbers.longest;
        let in_use = self.now - session.used < self.numbers.idle;
        !session.ended && !session.gone && in_time && in_use && session.epoch == self.epoch
    }

    fn is_fresh(&self, id: usize) -> bool {
        self.now - self.sessions[id].shown < self.numbers.fresh
    }

    fn touch(&mut self, id: usize) {
        let (now, touch) = (self.now, self.numbers.touch);
        let used = &mut self.sessions[id].used;
        if now - *used >= touch {
            *used = now;
        }
    }

    fn known(&self, id: usize) -> bool {
        let device = &self.devices[id];
        !device.gone && !device.blocked && self.now < device.expires
    }

    fn open(&mut self, what: For, session: Option<usize>, device: Option<usize>) -> usize {
        let device = device.filter(|id| self.known(*id));
        self.challenges.push(Challenge {
            what,
            session,
            device,
            opened: self.now,
            expires: self.now + self.numbers.challenge,
            epoch: self.epoch,
            open: true,
            wrong: 0,
            last: None,
            answered: false,
            outcome: None,
            gone: false,
        });
        self.challenges.len() - 1
    }

    pub(crate) fn log_in(&mut self, device: Option<usize>) {
        self.open(For::Login, None, device);
    }

    /// Rules about an answer: `None` when it is right and the caller finishes.
    fn rule(
        &mut self,
        id: usize,
        what: fn(For) -> bool,
        session: Option<usize>,
        right: bool,
        name: u64,
    ) -> Ruled {
        let (now, tries, good) = (self.now, self.numbers.tries, right && self.code_is_good());
        let gone_device = self.challenges[id].device.is_some_and(|device| !self.known(device));
        let challenge = &mut self.challenges[id];
        let alive = !challenge.gone && now < challenge.expires && challenge.epoch == self.epoch;
        if !alive || !what(challenge.what) || challenge.session != session {
            return Ruled::Rejected;
        }
        if challenge.answered && challenge.last == Some(name) {
            return Ruled::Repeated;
        }
        if !challenge.open || challenge.last == Some(name) || gone_device {
            return Ruled::Rejected;
        }
        if good {
            return Ruled::Right;
        }
        challenge.last = Some(name);
        challenge.wrong += 1;
        challenge.open = challenge.wrong < tries;
        Ruled::Rejected
    }

    fn close(&mut self, id: usize, name: u64) {
        self.last_step = self.now / 30;
        let challenge = &mut self.challenges[id];
        (challenge.open, challenge.answered, challenge.last) = (false, true, Some(name));
    }

    pub(crate) fn answer(&mut self, id: usize, right: bool, name: u64) -> Outcome {
        match self.rule(id, |what| what == For::Login, None, right, name) {
            Ruled::Rejected => Rejected,
            Ruled::Repeated => {
                let session = self.challenges[id].outcome.expect("an answered login");
                self.use_session(session)
            }
            Ruled::Right => {
                let now = self.now;
                let device = self.challenges[id].device.filter(|device| self.known(*device));
                let (epoch, new) = (self.epoch, self.sessions.len());
                self.sessions.push(Session {
                    opened: now,
                    used: now,
                    shown: now,
                    epoch,
                    ended: false,
                    gone: false,
                    device,
                });
                let longest = self.numbers.longest;
                let sessions = &self.sessions;
                self.doors
                    .retain(|old| sessions[*old].epoch == epoch && now < sessions[*old].opened + longest);
                self.doors.push(new);
                while self.doors.len() > self.numbers.sessions {
                    let oldest = self.doors.remove(0);
                    self.sessions[oldest].ended = true;
                }
                self.challenges[id].outcome = Some(new);
                self.close(id, name);
                Done
            }
        }
    }

    pub(crate) fn use_session(&mut self, id: usize) -> Outcome {
        if !self.is_live(id) {
            return SessionEnded;
        }
        self.touch(id);
        Done
    }

    pub(crate) fn end_session(&mut self, id: usize) -> Outcome {
        if self.sessions[id].gone {
            return SessionEnded;
        }
        self.sessions[id].ended = true;
        self.doors.retain(|other| *other != id);
        Done
    }

    pub(crate) fn revoke(&mut self, asking: usize, id: usize) -> Outcome {
        if !self.is_live(asking) || self.sessions[id].gone {
            return SessionEnded;
        }
        self.touch(asking);
        self.end_session(id)
    }

    pub(crate) fn end_all(&mut self, asking: usize, spare: bool) -> Outcome {
        if !self.is_live(asking) {
            return SessionEnded;
        }
        self.touch(asking);
        self.epoch += 1;
        for id in std::mem::take(&mut self.doors) {
            self.sessions[id].ended |= !(spare && id == asking);
        }
        if spare {
            self.sessions[asking].epoch = self.epoch;
            self.doors.push(asking);
        }
        Done
    }

    pub(crate) fn begin_again(&mut self, session: usize) -> Outcome {
        if !self.is_live(session) {
            return SessionEnded;
        }
        self.touch(session);
        let device = self.sessions[session].device;
        self.open(For::Again, Some(session), device);
        Done
    }

    pub(crate) fn answer_again(&mut self, session: usize, id: usize, right: bool, name: u64) -> Outcome {
        if !self.is_live(session) {
            return SessionEnded;
        }
        self.touch(session);
        match self.rule(id, |what| what == For::Again, Some(session), right, name) {
            Ruled::Rejected => Rejected,
            Ruled::Repeated => Done,
            Ruled::Right => {
                self.sessions[session].shown = self.now;
                self.close(id, name);
                Done
            }
        }
    }

    fn ready(&self, session: usize, fresh: bool) -> Outcome {
        match () {
            () if !self.is_live(session) => SessionEnded,
            () if fresh && !self.is_fresh(session) => NotFresh,
            () => Done,
        }
    }

    pub(crate) fn trust(&mut self, session: usize) -> Outcome {
        let ready = self.ready(session, true);
        if ready != Done {
            return ready;
        }
        // A session of a device that is known stays with it.
        if let Some(device) = self.sessions[session].device.filter(|device| self.known(*device)) {
            self.touch(session);
            self.devices[device].expires = self.now + self.numbers.trusted;
            return Done;
        }
        if self.devices.iter().filter(|device| !device.gone).count() >= self.numbers.devices {
            return TooManyDevices;
        }
        self.touch(session);
        let expires = self.now + self.numbers.trusted;
        self.devices.push(Device { expires, blocked: false, gone: false });
        self.sessions[session].device = Some(self.devices.len() - 1);
        Done
    }

    fn end_those_of(&mut self, device: usize) {
        for id in self.doors.clone() {
            if self.sessions[id].device == Some(device) {
                self.end_session(id);
            }
        }
    }

    pub(crate) fn block(&mut self, session: usize, id: usize) -> Outcome {
        let ready = self.ready(session, false);
        if ready != Done {
            return ready;
        }
        if self.devices[id].gone || self.devices[id].blocked {
            return DeviceUnknown;
        }
        self.touch(session);
        self.devices[id].blocked = true;
        self.end_those_of(id);
        Done
    }

    pub(crate) fn remove(&mut self, session: usize, id: usize) -> Outcome {
        let ready = self.ready(session, true);
        if ready != Done {
            return ready;
        }
        if self.devices[id].gone {
            return DeviceUnknown;
        }
        self.touch(session);
        self.devices[id].gone = true;
        self.end_those_of(id);
        Done
    }

    pub(crate) fn propose(&mut self, session: usize, id: usize, content: u64) -> Outcome {
        if !self.is_live(session) {
            return SessionEnded;
        }
        let (expires, epoch) = (self.now + self.numbers.operation, self.epoch);
        let new = Operation {
            content,
            expires,
            epoch,
            challenge: None,
            confirmed: false,
            executed: false,
            cancelled: false,
            gone: false,
        };
        match self.operations.get(id) {
            Some(known) if !known.gone && known.content != content => return OperationTaken,
            Some(known) if !known.gone => {}
            Some(_) => self.operations[id] = new,
            None => self.operations.push(new),
        }
        self.touch(session);
        Done
    }

    fn is_open(&self, id: usize) -> bool {
        let operation = &self.operations[id];
        let over = operation.executed || operation.cancelled || self.now >= operation.expires;
        !over && operation.epoch == self.epoch
    }

    fn with_operation(&self, session: usize, id: usize) -> Outcome {
        match () {
            () if !self.is_live(session) => SessionEnded,
            () if self.operations[id].gone => OperationUnknown,
            () if !self.is_open(id) => OperationOver,
            () => Done,
        }
    }

    fn kill_challenge(&mut self, id: usize) {
        if let Some(challenge) = self.operations[id].challenge.take() {
            self.challenges[challenge].open = false;
        }
    }

    pub(crate) fn change(&mut self, session: usize, id: usize, content: u64) -> Outcome {
        let ready = self.with_operation(session, id);
        if ready != Done {
            return ready;
        }
        self.touch(session);
        if self.operations[id].content != content {
            self.kill_challenge(id);
            (self.operations[id].content, self.operations[id].confirmed) = (content, false);
        }
        Done
    }

    pub(crate) fn cancel(&mut self, session: usize, id: usize) -> Outcome {
        let ready = self.with_operation(session, id);
        if ready == Done {
            self.touch(session);
            self.kill_challenge(id);
            self.operations[id].cancelled = true;
        }
        ready
    }

    pub(crate) fn begin_confirmation(&mut self, session: usize, id: usize) -> Outcome {
        let ready = self.with_operation(session, id);
        if ready != Done {
            return ready;
        }
        // Confirmed already: there is nothing to ask for.
        if self.operations[id].confirmed {
            return OperationOver;
        }
        self.touch(session);
        self.kill_challenge(id);
        let device = self.sessions[session].device;
        let what = For::Operation(id, self.operations[id].content);
        self.operations[id].challenge = Some(self.open(what, Some(session), device));
        Done
    }

    pub(crate) fn confirm(&mut self, session: usize, id: usize, right: bool, name: u64) -> Outcome {
        if !self.is_live(session) {
            return SessionEnded;
        }
        let before = self.sessions[session].used;
        self.touch(session);
        match self.rule(id, |what| matches!(what, For::Operation(..)), Some(session), right, name) {
            Ruled::Rejected => Rejected,
            Ruled::Repeated => {
                let For::Operation(operation, _) = self.challenges[id].what else { unreachable!() };
                if !self.operations[operation].gone {
                    return Done;
                }
                self.sessions[session].used = before;
                OperationUnknown
            }
            Ruled::Right => {
                let For::Operation(operation, _) = self.challenges[id].what else { unreachable!() };
                let ready = self.with_operation(session, operation);
                if ready != Done {
                    // Nothing is committed, and so nothing spent.
                    self.sessions[session].used = before;
                    return ready;
                }
                (self.operations[operation].confirmed, self.operations[operation].challenge) = (true, None);
                self.close(id, name);
                Done
            }
        }
    }

    pub(crate) fn execute(&mut self, id: usize) -> Outcome {
        match () {
            () if self.operations[id].gone => OperationUnknown,
            () if self.operations[id].executed => Done,
            () if !self.is_open(id) => OperationOver,
            () if !self.operations[id].confirmed => NotConfirmed,
            () => {
                self.operations[id].executed = true;
                Done
            }
        }
    }

    pub(crate) fn sweep(&mut self) {
        let (now, numbers) = (self.now, self.numbers);
        for challenge in &mut self.challenges {
            challenge.gone |= now >= challenge.expires + (challenge.expires - challenge.opened);
        }
        for id in 0..self.sessions.len() {
            let session = &mut self.sessions[id];
            let end = session.opened + numbers.longest;
            if now >= end + numbers.longest {
                (session.ended, session.gone) = (true, true);
                self.doors.retain(|other| *other != id);
            } else if !session.ended && now >= end.min(session.used + numbers.idle) {
                session.ended = true;
                self.doors.retain(|other| *other != id);
            }
        }
        for id in 0..self.devices.len() {
            if !self.devices[id].gone && now >= self.devices[id].expires {
                self.devices[id].gone = true;
                self.end_those_of(id);
            }
        }
        for operation in &mut self.operations {
            let kept = if operation.executed { numbers.remembered } else { numbers.operation };
            operation.gone |= now >= operation.expires + kept;
        }
    }
}

enum Ruled {
    Rejected,
    Repeated,
    Right,
}
