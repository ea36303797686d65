//! Random offers, acceptances and ends of powers among three people end as a plain model says, and every edge of their table is taken
//! (R73).
#![allow(missing_docs)]

mod edge_counts;
mod harness;

use edge_counts::Edges;
use harness::House;
use zamok_cabinet::{Error, Power, PowerKind, Right, Rights, Session, Terms};
use zamok_core::UnixTime;
use zamok_store_conformance::{Random, Tier};

const PEOPLE: [&str; 3] = ["ivan", "olga", "boris"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Offered,
    Active,
    Ended,
}

struct Given {
    principal: usize,
    agent: usize,
    until: u64,
    stands: Stands,
}

/// What has ended, or run out, leaves a list with the next power that is entered there.
#[derive(Default)]
struct Model {
    now: u64,
    given: Vec<Given>,
    listed: [Vec<usize>; 3],
}

impl Model {
    fn offer(&mut self, principal: usize, agent: usize, until: u64) -> bool {
        if principal == agent {
            return false;
        }
        let (id, now) = (self.given.len(), self.now);
        self.given.push(Given { principal, agent, until, stands: Stands::Offered });
        let given = &self.given;
        for person in [principal, agent] {
            self.listed[person].retain(|id| given[*id].stands != Stands::Ended && now < given[*id].until);
            self.listed[person].push(id);
        }
        true
    }

    fn accept(&mut self, who: usize, id: usize) -> bool {
        let power = &mut self.given[id];
        let may = self.listed[who].contains(&id) && power.agent == who && self.now < power.until;
        let may = may && power.stands == Stands::Offered;
        if may {
            power.stands = Stands::Active;
        }
        may
    }

    fn end(&mut self, who: usize, id: usize) -> bool {
        let power = &mut self.given[id];
        let may = self.listed[who].contains(&id) && power.stands != Stands::Ended;
        if may {
            power.stands = Stands::Ended;
        }
        may
    }

    fn may(&self, agent: usize, owner: usize) -> bool {
        self.listed[agent].iter().any(|id| {
            let power = &self.given[*id];
            power.principal == owner && power.stands == Stands::Active && self.now < power.until
        })
    }
}

fn town() -> (House, Vec<Session>) {
    let mut house = House::new();
    let mut policy = house.cabinet.policy().clone();
    let session = &mut policy.session;
    (session.idle, session.longest, session.fresh) = (u64::MAX / 4, u64::MAX / 4, u64::MAX / 4);
    house.cabinet = house.cabinet.with_policy(policy);
    let enter = |login| {
        let phone = house.citizen(login);
        house.login(login, &phone).unwrap()
    };
    let sessions = PEOPLE.into_iter().map(enter).collect();
    (house, sessions)
}

fn walk(seed: u64) {
    let (house, sessions) = town();
    let cabinet = &house.cabinet;
    let (mut model, mut powers): (Model, Vec<Power>) = (Model::default(), Vec::new());
    let mut random = Random::new(seed);
    let mut below = |limit: usize| usize::try_from(random.below(u64::try_from(limit).unwrap())).unwrap();
    for number in 0..500 {
        // No more offers in an hour than one account makes.
        house.clock.advance(240 + u64::try_from(below(300)).unwrap());
        model.now = house.clock_now().0;
        let (who, choice) = (below(3), below(4));
        let told = format!("step {number} of walk {seed}");
        if choice == 0 || powers.is_empty() {
            let (agent, until) = (below(3), model.now + 1 + u64::try_from(below(7_200)).unwrap());
            let terms = Terms {
                kind: PowerKind::Attorney,
                rights: Rights::of(&[Right::View]),
                scope: vec!["tax".into()],
                until: UnixTime(until),
            };
            let found = cabinet.give_power(&sessions[who], PEOPLE[agent], &terms);
            assert_eq!(found.is_ok(), model.offer(who, agent, until), "{told}: {found:?}");
            powers.extend(found);
            continue;
        }
        let id = powers.len() - 1 - below(powers.len().min(5));
        let found = match choice {
            1 => {
                // Mostly whom it was offered to.
                let who = if below(4) > 0 { model.given[id].agent } else { who };
                (cabinet.accept_power(&sessions[who], powers[id].id), model.accept(who, id))
            }
            2 => (cabinet.end_power(&sessions[who], powers[id].id), model.end(who, id)),
            _ => {
                let owner = (who + 1 + below(2)) % 3;
                let found =
                    cabinet.authorise(&sessions[who], Right::View, sessions[owner].account, "tax", None);
                let expected = if model.may(who, owner) { None } else { Some(Error::NotAllowed) };
                assert_eq!(found.err(), expected, "{told}");
                continue;
            }
        };
        let expected = if found.1 { None } else { Some(Error::PowerUnusable) };
        assert_eq!(found.0.err(), expected, "{told}");
    }
}

#[test]
fn random_powers_end_as_a_plain_model_says() {
    let steps = Tier::pick(2_000, 10_000, 1_000_000);
    let edges = Edges::default();
    tracing::subscriber::with_default(edges.clone(), || (1..=steps / 500).for_each(walk));
    edges.each_was_taken(&["power"], Tier::pick(0, 1, 100), |_, _, _| false);
}
