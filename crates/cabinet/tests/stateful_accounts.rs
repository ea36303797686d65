//! Random sequences of what happens to accounts and their factors (codes that are sent, devices that approve, channels that are
//! changed) end as a plain model says, and every edge of their tables is taken.
#![allow(missing_docs)]

mod edge_counts;
mod harness;
mod plain_account;
mod whole_life;

use std::collections::BTreeMap;
use std::io::Write as _;

use edge_counts::Edges;
use harness::{House, Phone, password, request};
use plain_account::{For, Kind, Model, Outcome, Place, Standing, State};
use whole_life::{DeviceKey, unhex};
use zamok_cabinet::{
    AccountStep, Approach, Begun, Challenge, DeviceAnswer, DeviceId, Enrolment, Error, FactorId, Session,
    Settled, SweepPlace,
};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_store_conformance::{Random, Tier};

fn outcome<T>(found: Result<T, Error>) -> (Outcome, Option<T>) {
    let outcome = match found {
        Ok(value) => return (Outcome::Done, Some(value)),
        Err(Error::Core(CoreError::Rejected)) => Outcome::Rejected,
        Err(Error::SessionEnded) => Outcome::SessionEnded,
        Err(Error::FreshAuthenticationNeeded) => Outcome::NotFresh,
        Err(Error::MethodUnavailable) => Outcome::MethodUnavailable,
        Err(Error::NotAllowed) => Outcome::NotAllowed,
        Err(Error::ResendTooSoon { .. }) => Outcome::TooSoon,
        Err(Error::SupportNeeded) => Outcome::Support,
        Err(Error::LastFactor) => Outcome::LastFactor,
        Err(Error::FactorExists) => Outcome::FactorExists,
        Err(Error::NothingOffered) => Outcome::NothingOffered,
        Err(Error::ApprovalPending) => Outcome::Pending,
        Err(Error::AccountState) => Outcome::AccountState,
        Err(Error::Core(CoreError::KeyState(_))) => Outcome::KeyState,
        Err(error) => panic!("{error}"),
    };
    (outcome, None)
}

/// What the test holds of a challenge.
#[derive(Clone)]
enum Held {
    Challenge(Challenge),
    Enrolment(Enrolment),
}

/// What the test holds of a factor.
struct Thing {
    id: FactorId,
    phone: Option<Phone>,
}

struct Walk {
    house: House,
    model: Model,
    random: Random,
    login: String,
    accounts: u64,
    phones: u64,
    key: DeviceKey,
    device: Option<DeviceId>,
    held: Vec<Held>,
    /// What was sent last for a challenge: a code, or a request.
    sent: Vec<String>,
    things: Vec<Thing>,
    sessions: Vec<Session>,
    /// A challenge that a device has just approved.
    approved: Option<usize>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut house = House::new();
        let mut policy = house.cabinet.policy().clone();
        let throttle = &mut policy.generator.throttle;
        (throttle.free, throttle.disable_after, throttle.recent_limit) = (u32::MAX, 3, u32::MAX);
        policy.password.throttle.free = u32::MAX;
        let budget = &mut policy.budget;
        (budget.device, budget.strangers, budget.everyone) = (u32::MAX, u32::MAX, u32::MAX);
        (policy.issued.per_hour, policy.issued.per_day, policy.push.per_hour) =
            (u32::MAX, u32::MAX, u32::MAX);
        (policy.challenge.per_hour, policy.contact.most, policy.factor.most) = (u32::MAX, u32::MAX, 1000);
        policy.session.fresh = 3_000;
        let session = &mut policy.session;
        (session.idle, session.longest, session.most) = (u64::MAX / 4, u64::MAX / 4, 10_000);
        policy.device.trusted = u64::MAX / 4;
        policy.contact.old_channel_confirms = false;
        house.cabinet = house.cabinet.with_policy(policy);
        let model = Model::new(house.clock_now().0);
        let mut walk = Self {
            house,
            model,
            random: Random::new(seed),
            login: String::new(),
            accounts: 0,
            phones: 0,
            key: DeviceKey::new(9),
            device: None,
            held: Vec::new(),
            sent: Vec::new(),
            things: Vec::new(),
            sessions: Vec::new(),
            approved: None,
        };
        walk.register();
        walk
    }

    fn register(&mut self) {
        self.accounts += 1;
        self.login = format!("ivan{}", self.accounts);
        self.house.cabinet.register(&self.login, &password()).unwrap();
        self.model = Model::new(self.model.now);
        (self.device, self.held, self.sent) = (None, Vec::new(), Vec::new());
        (self.things, self.sessions, self.approved) = (Vec::new(), Vec::new(), None);
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.below(u64::try_from(limit).unwrap())).unwrap()
    }

    /// One of the latest, mostly.
    fn pick(&mut self, length: usize) -> Option<usize> {
        let back = if self.below(4) == 0 { self.below(length.max(1)) } else { self.below(2) };
        length.checked_sub(1 + back.min(length.saturating_sub(1)))
    }

    /// Keeps what was sent by the last call for this challenge.
    fn keep_sent(&mut self, id: usize) {
        self.sent.resize(self.held.len(), String::new());
        for message in self.house.cabinet.outbox(100).unwrap() {
            if let Some(found) = message.field("code").or(message.field("request")) {
                found.clone_into(&mut self.sent[id]);
            }
            self.house.cabinet.settle(&message, Settled::HandedOver).unwrap();
        }
    }

    /// The answer to a challenge by its factor, or a wrong one.
    fn answer(&mut self, id: usize, right: bool) -> Option<String> {
        let now = UnixTime(self.model.now);
        let factor = self.model.challenges[id].factor.or_else(|| self.model.waiting());
        let Some(factor) = factor else { return Some("123456".into()) };
        match (&self.things[factor].phone, self.model.factors[factor].kind) {
            (Some(phone), _) => {
                let code = phone.code(now);
                let near = |step: u64| UnixTime(now.0 + 30 * step - 120);
                // Digits that a step near it shows as well are another guess.
                let alone = (0..9).filter(|step| phone.code(near(*step)) == code).count() == 1;
                alone.then(|| if right { code } else { phone.wrong(now) })
            }
            (None, Kind::Sms) if right => Some(self.sent[id].clone()),
            (None, Kind::Sms) => Some(if self.sent[id] == "000000" { "000001" } else { "000000" }.into()),
            (None, _) => Some(String::new()),
        }
    }

    #[allow(clippy::too_many_lines)]
    fn step(&mut self) -> (&'static str, Outcome, Outcome) {
        const NOTHING: (&str, Outcome, Outcome) = ("nothing", Outcome::Done, Outcome::Done);
        let choice = self.below(100);
        let challenge = self.pick(self.held.len());
        let session = self.pick(self.sessions.len());
        let factor = self.pick(self.things.len());
        let officer = self.below(12) == 0;
        let suspended = self.model.standing == Standing::Suspended;
        let disabled = factor.is_some_and(|id| self.model.factors[id].disabled);
        // What was just approved is sometimes not what is wanted any more.
        if let Some(id) = self.approved.take() {
            match &self.held[id] {
                Held::Enrolment(_) if choice.is_multiple_of(3) => return self.offer(id),
                // Seldom approved, and taken back only for another factor that counts.
                Held::Challenge(_) if !choice.is_multiple_of(4) => {
                    let count = |factor: &usize| self.model.factors[*factor].place == Place::Active;
                    let active: Vec<usize> = (0..self.things.len()).filter(count).collect();
                    if let Some(chosen) = self.pick(active.len()) {
                        return self.switch(id, active[chosen]);
                    }
                }
                _ => {}
            }
        }
        match (choice, challenge, session, factor) {
            (0..18, ..) => {
                let most = match self.below(40) {
                    0 | 1 => 900_000,
                    2..4 => 1_000,
                    4..10 => 200,
                    _ => 65,
                };
                self.model.now += self.random.below(most);
                self.house.clock.set(UnixTime(self.model.now));
                ("wait", Outcome::Done, Outcome::Done)
            }
            (18..30, ..) => {
                let (found, begun) = outcome(self.house.cabinet.begin_login(&self.login, &password()));
                if let Some(begun) = begun {
                    self.held.push(match begun {
                        Begun::Code(challenge) => Held::Challenge(challenge),
                        Begun::Enrol(enrolment) => Held::Enrolment(enrolment),
                    });
                    self.keep_sent(self.held.len() - 1);
                }
                ("log in", found, self.model.log_in())
            }
            (30..34, ..) => {
                let begun = self.house.cabinet.begin_undo(&self.login, &password(), &Approach::default());
                let (found, begun) = outcome(begun);
                if let Some(challenge) = begun {
                    self.held.push(Held::Challenge(challenge));
                    self.keep_sent(self.held.len() - 1);
                }
                ("begin to undo", found, self.model.begin_undo())
            }
            (34..58, Some(id), ..) => self.go_on(id),
            (58..61, Some(id), ..) => {
                let found = match &self.held[id] {
                    Held::Challenge(challenge) => self.house.cabinet.send_again(challenge),
                    Held::Enrolment(enrolment) => self.house.cabinet.send_enrolment_again(enrolment),
                };
                let found = outcome(found).0;
                self.keep_sent(id);
                ("send again", found, self.model.resend(id))
            }
            (61..65, Some(id), _, Some(factor)) => self.switch(id, factor),
            (65..70, Some(id), ..) => self.approve(id),
            (70..75, Some(id), ..) => self.offer(id),
            (75..86, _, Some(session), factor) => {
                let replaces = factor.filter(|_| choice < 83);
                let cabinet = &self.house.cabinet;
                let own = &self.sessions[session];
                let begun = match replaces {
                    Some(factor) => {
                        cabinet.begin_change(own, self.things[factor].id).map(|change| change.enrolment)
                    }
                    None => cabinet.begin_factor(own),
                };
                let (found, begun) = outcome(begun);
                self.held.extend(begun.map(Held::Enrolment));
                self.sent.resize(self.held.len(), String::new());
                ("begin a factor", found, self.model.begin_factor(session, replaces))
            }
            (86, _, Some(session), Some(factor)) => {
                let found = self.house.cabinet.drop_factor(&self.sessions[session], self.things[factor].id);
                ("drop", outcome(found).0, self.model.drop_factor(session, factor))
            }
            (87, _, Some(session), Some(factor)) => {
                let found = self.house.cabinet.prefer_factor(&self.sessions[session], self.things[factor].id);
                ("prefer", outcome(found).0, self.model.prefer(session, factor))
            }
            (88..90, _, _, Some(factor)) if officer || disabled => {
                let found = self.house.cabinet.remove_factor(&self.login, self.things[factor].id, "test");
                ("remove", outcome(found).0, self.model.remove(factor))
            }
            (93, ..) => {
                let found = self.house.cabinet.let_enrol(&self.login, "test");
                ("let enrol", outcome(found).0, self.model.let_enrol())
            }
            (90..93, _, _, Some(factor)) => {
                let found = self.house.cabinet.resume_factor(&self.login, self.things[factor].id, "test");
                ("resume a factor", outcome(found).0, self.model.resume_factor(factor))
            }
            (94, ..) if officer => {
                let found = self.house.cabinet.suspend_account(&self.login, AccountStep::Suspend, "test");
                ("suspend", outcome(found).0, self.model.moved(Standing::Open, Standing::Suspended))
            }
            (95, ..) => {
                let found = self.house.cabinet.suspend_account(&self.login, AccountStep::Resume, "test");
                ("resume", outcome(found).0, self.model.moved(Standing::Suspended, Standing::Open))
            }
            (96, ..) if officer => {
                let found = self.house.cabinet.set_attribute(&self.login, "tax", Some("confirmed"));
                ("change", outcome(found).0, self.model.moved(Standing::Open, Standing::Open))
            }
            (97, ..) if suspended || officer => {
                let (found, erased) = outcome(self.house.cabinet.erase_account(&self.login, "test"));
                let expected = self.model.erase();
                if erased.is_some() {
                    self.register();
                }
                ("erase", found, expected)
            }
            (98.., ..) => {
                let mut next = Some(SweepPlace::default());
                while let Some(place) = next {
                    next = self.house.cabinet.sweep(&place).unwrap().next;
                }
                self.model.sweep();
                ("sweep", Outcome::Done, Outcome::Done)
            }
            _ => NOTHING,
        }
    }

    /// What comes next in a challenge: mostly what leads on, and sometimes an answer too early.
    fn go_on(&mut self, id: usize) -> (&'static str, Outcome, Outcome) {
        let challenge = &self.model.challenges[id];
        let (state, what) = (challenge.state, challenge.what);
        let factor = challenge.factor.filter(|factor| self.model.listed.contains(factor));
        let push = factor.is_some_and(|factor| self.model.factors[factor].kind == Kind::Push);
        if self.below(5) > 0 {
            match what {
                For::Enrol { .. } if factor.is_none() => return self.offer(id),
                _ if push && state == State::Open => return self.approve(id),
                _ => {}
            }
        }
        let right = self.below(3) > 0;
        let Some(code) = self.answer(id, right) else { return ("nothing", Outcome::Done, Outcome::Done) };
        let cabinet = &self.house.cabinet;
        match (self.held[id].clone(), self.model.challenges[id].what) {
            (Held::Enrolment(enrolment), _) => {
                let found = outcome(cabinet.confirm_factor(&enrolment, &code)).0;
                ("confirm", found, self.model.confirm(id, right))
            }
            (Held::Challenge(challenge), what) => {
                let answered = match what {
                    For::Undo => cabinet.undo_change(&challenge, &code, request()),
                    _ => cabinet.answer(&challenge, &code, request()),
                };
                let (found, session) = outcome(answered);
                let expected = self.model.answer(id, right);
                // Taking a change back forgets a device that became known since.
                self.device = self.device.filter(|_| self.model.device.is_some());
                if let Some(session) = session {
                    if self.device.is_none() {
                        let token = cabinet.trust_device(&session, "phone").unwrap();
                        (self.device, self.model.device) = (Some(token.device()), Some(self.model.now));
                    }
                    self.sessions.push(session);
                }
                ("answer", found, expected)
            }
        }
    }

    /// Answers with another factor.
    fn switch(&mut self, id: usize, factor: usize) -> (&'static str, Outcome, Outcome) {
        let Held::Challenge(challenge) = self.held[id].clone() else {
            return ("nothing", Outcome::Done, Outcome::Done);
        };
        let (found, begun) = outcome(self.house.cabinet.switch_method(&challenge, self.things[factor].id));
        if let Some(challenge) = begun {
            self.held.push(Held::Challenge(challenge));
            self.keep_sent(self.held.len() - 1);
        }
        ("switch", found, self.model.switch(id, factor))
    }

    /// The device that was asked for a challenge last answers.
    fn approve(&mut self, id: usize) -> (&'static str, Outcome, Outcome) {
        let push = |factor: usize| self.model.factors[factor].kind == Kind::Push;
        if !self.model.challenges[id].factor.is_some_and(push) {
            return ("nothing", Outcome::Done, Outcome::Done);
        }
        let (asked, cabinet) = (unhex(&self.sent[id]), &self.house.cabinet);
        let shown = match &self.held[id] {
            Held::Challenge(challenge) => cabinet.number_to_show(challenge),
            Held::Enrolment(enrolment) => cabinet.enrolment_number(enrolment),
        };
        // What is over shows no number; whoever has seen it before might still type it.
        let shown = shown.unwrap_or_else(|_| "00".into());
        let right = match self.random.below(8) {
            0 => None,
            1 => Some(false),
            _ => Some(true),
        };
        let found = match right {
            None => cabinet.decline(&asked, &self.key.sign(&DeviceAnswer::Decline.message(&asked, ""))),
            Some(right) => {
                let number = match (right, shown.as_str()) {
                    (true, number) => number.to_owned(),
                    (false, "11") => "12".into(),
                    (false, _) => "11".into(),
                };
                cabinet.approve(
                    &asked,
                    &number,
                    &self.key.sign(&DeviceAnswer::Approve.message(&asked, &number)),
                )
            }
        };
        let (found, expected) = (outcome(found).0, self.model.approve(id, right));
        self.approved = (right == Some(true) && found == Outcome::Done).then_some(id);
        ("approve", found, expected)
    }

    fn offer(&mut self, id: usize) -> (&'static str, Outcome, Outcome) {
        let Held::Enrolment(enrolment) = self.held[id].clone() else {
            return ("nothing", Outcome::Done, Outcome::Done);
        };
        let kind = match (self.random.below(4), self.device) {
            (0, _) => Kind::Generator,
            (1 | 2, Some(_)) => Kind::Push,
            _ => Kind::Sms,
        };
        let cabinet = &self.house.cabinet;
        let mut phone = None;
        let found = match kind {
            Kind::Generator => cabinet.offer_generator(&enrolment).map(|offer| {
                phone = Some(Phone::scan(offer.uri.as_str()));
            }),
            Kind::Sms => {
                self.phones += 1;
                cabinet.offer_channel(&enrolment, &format!("+7{:010}", self.phones))
            }
            Kind::Push => {
                cabinet.offer_push(&enrolment, self.device.unwrap(), &self.key.public_key(), "phone")
            }
        };
        let (found, offered) = outcome(found);
        if offered.is_some() {
            let id = cabinet.factors_of(&self.login).unwrap().last().unwrap().id;
            self.things.push(Thing { id, phone });
        }
        self.keep_sent(id);
        ("offer", found, self.model.offer(id, kind))
    }

    /// Whether the account has the factors that the model says, in its order.
    fn agrees(&self) {
        if self.model.standing == Standing::Erased {
            return;
        }
        let found: Vec<_> = self.house.cabinet.factors_of(&self.login).unwrap();
        let found: Vec<_> =
            found.iter().map(|factor| (factor.id, factor.until.map(|until| until.0))).collect();
        let expected = self.model.listed.iter().map(|id| {
            let until = match self.model.factors[*id].place {
                Place::Aside { until, .. } => Some(until),
                _ => None,
            };
            (self.things[*id].id, until)
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
        let over = self.model.challenges.iter().filter(|challenge| challenge.state == State::Over).count();
        assert!(over <= self.held.len());
    }
}

const NOUNS: [&str; 3] = ["account", "factor", "challenge"];

#[test]
fn random_lives_of_accounts_and_factors_end_as_a_plain_model_says() {
    let steps = Tier::pick(2_000, 20_000, 1_000_000);
    let edges = Edges::default();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    tracing::subscriber::with_default(edges.clone(), || {
        let (mut done, mut seed) = (0, 0);
        while done < steps {
            seed += 1;
            let mut walk = Walk::new(seed);
            for number in 0..500 {
                let (what, found, expected) = walk.step();
                assert_eq!(found, expected, "{what}, step {number} of walk {seed}: {:#?}", walk.model);
                *seen.entry(format!("{what}: {found:?}")).or_default() += 1;
                done += 1;
                if number % 50 == 0 {
                    walk.agrees();
                }
            }
        }
    });
    let mut output = std::io::stdout().lock();
    for (what, count) in &seen {
        writeln!(output, "{count:>8} {what}").unwrap();
    }
    drop(output);
    // Repetitions of an answer, and what a code of an operation replaces, `stateful.rs` takes.
    edges.each_was_taken(&NOUNS, Tier::pick(0, 1, 100), |noun, _, on| noun == "challenge" && on == "Repeat");
}
