//! Random sequences of all transitions of challenges, sessions, devices and operations end as a plain model says, and every edge
//! of their tables is taken; what belongs to sent codes and devices that approve, `stateful_accounts.rs` takes.
#![allow(missing_docs)]

mod edge_counts;
mod harness;
mod plain_model;

use std::collections::BTreeMap;
use std::io::Write as _;

use edge_counts::Edges;
use harness::{House, Phone, password};
use plain_model::{For, Model, Numbers, Outcome};
use zamok_cabinet::{
    Approach, Begun, Challenge, Content, DeviceToken, Error, OperationId, RequestId, Session, SweepPlace,
    Template, Value, Which,
};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_store_conformance::{Random, Tier};

fn outcome<T>(found: Result<T, Error>) -> (Outcome, Option<T>) {
    let outcome = match found {
        Ok(value) => return (Outcome::Done, Some(value)),
        Err(Error::Core(CoreError::Rejected)) => Outcome::Rejected,
        Err(Error::SessionEnded) => Outcome::SessionEnded,
        Err(Error::FreshAuthenticationNeeded) => Outcome::NotFresh,
        Err(Error::TooManyDevices) => Outcome::TooManyDevices,
        Err(Error::DeviceUnknown) => Outcome::DeviceUnknown,
        Err(Error::OperationUnknown) => Outcome::OperationUnknown,
        Err(Error::OperationOver) => Outcome::OperationOver,
        Err(Error::OperationTaken) => Outcome::OperationTaken,
        Err(Error::OperationNotConfirmed) => Outcome::NotConfirmed,
        Err(error) => panic!("{error}"),
    };
    (outcome, None)
}

fn content(number: u64) -> Content {
    let text = "Turn to page {page}.".into();
    let template = Template { name: "page".into(), version: 1, language: "en".into(), text };
    let page = Value::Number(number.try_into().unwrap());
    Content::new(template, [("page".into(), page)]).unwrap()
}

/// One house with one citizen, and what the test holds of it, under the same numbers as the model.
struct Walk {
    house: House,
    phone: Phone,
    model: Model,
    random: Random,
    challenges: Vec<Challenge>,
    sessions: Vec<Session>,
    tokens: Vec<DeviceToken>,
    names: u64,
    /// A challenge that was just opened for an operation: answered next, mostly.
    asked: Option<usize>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut house = House::new();
        let mut policy = house.cabinet.policy().clone();
        // Throttling has tests of its own; here nothing shall be delayed.
        for throttle in [&mut policy.generator.throttle, &mut policy.password.throttle] {
            (throttle.free, throttle.disable_after, throttle.recent_limit) = (u32::MAX, u32::MAX, u32::MAX);
        }
        let budget = &mut policy.budget;
        (budget.device, budget.strangers, budget.everyone) = (u32::MAX, u32::MAX, u32::MAX);
        policy.challenge.per_hour = u32::MAX;
        (policy.session.most, policy.device.most) = (4, 3);
        (policy.device.trusted, policy.operation.remembered) = (7_200, 3_600);
        house.cabinet = house.cabinet.with_policy(policy.clone());
        let phone = house.citizen("ivan");
        let now = house.clock_now().0;
        let numbers = Numbers {
            challenge: policy.challenge.lifetime,
            tries: policy.challenge.tries,
            idle: policy.session.idle,
            longest: policy.session.longest,
            touch: policy.session.touch,
            fresh: policy.session.fresh,
            sessions: 4,
            trusted: 7_200,
            devices: 3,
            operation: policy.operation.lifetime,
            remembered: 3_600,
        };
        let model = Model::new(now, now / 30 - 1, numbers);
        let (challenges, sessions, tokens) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            house,
            phone,
            model,
            random: Random::new(seed),
            challenges,
            sessions,
            tokens,
            names: 0,
            asked: None,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.below(u64::try_from(limit).unwrap())).unwrap()
    }

    /// One of the latest, mostly.
    fn pick(&mut self, length: usize) -> Option<usize> {
        let back = if self.below(4) == 0 { self.below(length.max(1)) } else { self.below(3) };
        length.checked_sub(1 + back.min(length.saturating_sub(1)))
    }

    fn wait(&mut self, seconds: u64) {
        self.model.now += seconds;
        // A step whose digits are also those of a step near it would be ambiguous.
        loop {
            let codes: Vec<String> =
                (0..5).map(|step| self.phone.code(UnixTime(self.model.now + 30 * step - 60))).collect();
            if codes.iter().filter(|code| **code == codes[2]).count() == 1 {
                break;
            }
            self.model.now += 30;
        }
        self.house.clock.set(UnixTime(self.model.now));
    }

    /// A code that is right or wrong, under a new name or the one before.
    fn attempt(&mut self) -> (String, bool, u64) {
        let right = self.below(3) > 0;
        if self.below(8) > 0 {
            self.names += 1;
        }
        let now = UnixTime(self.model.now);
        (if right { self.phone.code(now) } else { self.phone.wrong(now) }, right, self.names)
    }

    fn request(name: u64) -> RequestId {
        RequestId((u128::from(name) << 1 | 1).to_be_bytes())
    }

    fn operation_id(id: usize) -> OperationId {
        OperationId((id as u128 + 1).to_be_bytes())
    }

    /// One step: what was done, what the cabinet answered, what the model says.
    fn step(&mut self) -> (&'static str, Outcome, Outcome) {
        let (sessions, challenges) = (self.sessions.len(), self.challenges.len());
        let choice = self.below(100);
        let session = self.pick(sessions);
        let operation = self.pick(self.model.operations.len());
        let cabinet = &self.house.cabinet;
        match (choice, session, operation) {
            (0..24, ..) => {
                let seconds = match self.below(160) {
                    0 | 1 => 150_000,
                    2..4 => 4_000,
                    4..16 => 400,
                    _ => 31,
                };
                let seconds = self.random.below(seconds);
                self.wait(seconds);
                ("wait", Outcome::Done, Outcome::Done)
            }
            (24..34, ..) => {
                let device = if self.below(2) == 0 { self.pick(self.tokens.len()) } else { None };
                let token = device.map(|id| self.tokens[id].clone());
                let approach = Approach { device: token, ..Approach::default() };
                let begun = self.house.cabinet.begin_login_from("ivan", &password(), &approach).unwrap();
                let Begun::Code(challenge) = begun else { panic!("the account has a factor") };
                self.challenges.push(challenge);
                self.model.log_in(device);
                ("log in", Outcome::Done, Outcome::Done)
            }
            (34..52, ..) if challenges > 0 => {
                let id = self.asked.take().unwrap_or(self.pick(challenges).unwrap());
                let (code, right, name) = self.attempt();
                let (challenge, request) = (self.challenges[id], Self::request(name));
                let what = self.model.challenges[id].what;
                // Mostly to whom it was meant for.
                let session = if self.below(8) == 0 { session } else { self.model.challenges[id].session };
                let cabinet = &self.house.cabinet;
                match (what, session) {
                    (For::Again, Some(asking)) => {
                        let found = cabinet.answer_again(&self.sessions[asking], &challenge, &code, request);
                        let expected = self.model.answer_again(asking, id, right, name);
                        ("answer again", outcome(found).0, expected)
                    }
                    (For::Operation(..), Some(asking)) => {
                        let found = cabinet.confirm(&self.sessions[asking], &challenge, &code, request);
                        let expected = self.model.confirm(asking, id, right, name);
                        ("confirm", outcome(found).0, expected)
                    }
                    _ => {
                        let before = self.model.sessions.len();
                        let (found, opened) = outcome(cabinet.answer(&challenge, &code, request));
                        let expected = self.model.answer(id, right, name);
                        if self.model.sessions.len() > before {
                            self.sessions.extend(opened);
                        }
                        ("answer", found, expected)
                    }
                }
            }
            (52..55, Some(id), _) => {
                let found = outcome(cabinet.session(self.sessions[id].id)).0;
                ("use", found, self.model.use_session(id))
            }
            (55, Some(id), _) => {
                let found = outcome(cabinet.end_session(self.sessions[id].id, "test")).0;
                ("log out", found, self.model.end_session(id))
            }
            (56..58, Some(id), _) => {
                let other = self.pick(sessions).unwrap();
                let cabinet = &self.house.cabinet;
                let found = outcome(cabinet.revoke_session(&self.sessions[id], self.sessions[other].id)).0;
                ("revoke", found, self.model.revoke(id, other))
            }
            (58, Some(id), _) => {
                let spare = self.below(2) == 0;
                let which = if spare { Which::Others } else { Which::All };
                let found = outcome(self.house.cabinet.end_sessions(&self.sessions[id], which)).0;
                ("end sessions", found, self.model.end_all(id, spare))
            }
            (59..64, Some(id), _) => {
                let (found, challenge) = outcome(cabinet.begin_again(&self.sessions[id], None));
                self.challenges.extend(challenge);
                ("begin again", found, self.model.begin_again(id))
            }
            (64..68, Some(id), _) => {
                let (found, token) = outcome(cabinet.trust_device(&self.sessions[id], "a phone"));
                let known =
                    |token: &DeviceToken| self.tokens.iter().any(|other| other.device() == token.device());
                let token = token.filter(|token| !known(token));
                self.tokens.extend(token);
                ("trust", found, self.model.trust(id))
            }
            (68..71, Some(id), _) if !self.tokens.is_empty() => {
                let device = self.pick(self.tokens.len()).unwrap();
                let (cabinet, named) = (&self.house.cabinet, self.tokens[device].device());
                if choice == 68 {
                    let found = outcome(cabinet.block_device(&self.sessions[id], named)).0;
                    ("block", found, self.model.block(id, device))
                } else {
                    let found = outcome(cabinet.remove_device(&self.sessions[id], named)).0;
                    ("remove", found, self.model.remove(id, device))
                }
            }
            (71..79, Some(id), _) => {
                let known = self.model.operations.len();
                let new = self.below(4) > 0;
                let (place, number) = (operation.filter(|_| !new).unwrap_or(known), self.random.below(2));
                let found = self.house.cabinet.propose(
                    &self.sessions[id],
                    Self::operation_id(place),
                    &content(number),
                );
                ("propose", outcome(found).0, self.model.propose(id, place, number))
            }
            (79..82, Some(id), Some(place)) => {
                let number = self.random.below(3);
                let named = Self::operation_id(place);
                let found = self.house.cabinet.change_operation(&self.sessions[id], named, &content(number));
                ("change", outcome(found).0, self.model.change(id, place, number))
            }
            (82..84, Some(id), Some(place)) => {
                let found = cabinet.cancel_operation(&self.sessions[id], Self::operation_id(place));
                ("cancel", outcome(found).0, self.model.cancel(id, place))
            }
            (84..92, Some(id), Some(place)) => {
                let named = Self::operation_id(place);
                let (found, challenge) = outcome(cabinet.begin_confirmation(&self.sessions[id], named, None));
                self.asked = challenge.is_some().then_some(self.challenges.len());
                self.challenges.extend(challenge);
                ("begin confirmation", found, self.model.begin_confirmation(id, place))
            }
            (92..98, _, Some(place)) => {
                let found = cabinet.execute(Self::operation_id(place), |_, _| Ok(vec![1]));
                ("execute", outcome(found).0, self.model.execute(place))
            }
            (98.., ..) => {
                let mut next = Some(SweepPlace::default());
                while let Some(place) = next {
                    next = cabinet.sweep(&place).unwrap().next;
                }
                self.model.sweep();
                ("sweep", Outcome::Done, Outcome::Done)
            }
            _ => ("nothing", Outcome::Done, Outcome::Done),
        }
    }
}

const NOUNS: [&str; 4] = ["challenge", "session", "device", "operation"];

#[test]
fn random_sequences_of_all_transitions_end_as_a_plain_model_says() {
    let steps = Tier::pick(2_000, 10_000, 1_000_000);
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
            }
        }
    });
    let mut output = std::io::stdout().lock();
    for (what, count) in &seen {
        writeln!(output, "{count:>8} {what}").unwrap();
    }
    drop(output);
    edges.each_was_taken(&NOUNS, Tier::pick(0, 1, 100), |noun, from, on| {
        noun == "challenge" && (["Send", "Approve", "Decline"].contains(&on) || from == "Approved")
    });
}
