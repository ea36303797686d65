//! A town whose people log in, mistype, travel and pay, and attackers among them, each with a story that one rule is meant to
//! notice. What happens is a log of labelled lines, the same for the same seed.
#![allow(dead_code, missing_docs)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde_json::{Value, json};
use zamok_store_conformance::Random;

/// 2027-01-11, a Monday, at midnight.
pub(crate) const MONDAY: u64 = 1_799_625_600;
/// Events of a second: a bank of some hundred thousand customers.
const RATE: u64 = 2;

/// Degrees north and east.
type Place = (f64, f64);

const TOWNS: [Place; 6] =
    [(55.76, 37.62), (59.94, 30.31), (55.03, 82.92), (43.12, 131.89), (55.79, 49.11), (43.60, 39.73)];
const ABROAD: [Place; 4] = [(40.71, -74.01), (6.45, 3.40), (-33.87, 151.21), (14.60, 120.98)];
const CLIENTS: [&str; 5] =
    ["Firefox on Linux", "Chrome on Android", "Safari on iPhone", "Edge on Windows", "app 4.2"];

/// Somebody who lives here.
struct Person {
    name: String,
    town: Place,
    /// Networks from which he comes: at home, at work or on the way.
    networks: Vec<u64>,
    client: &'static str,
    device: Option<String>,
    works: bool,
    last: Option<u64>,
}

/// Somebody who should not be here.
struct Attacker {
    story: &'static str,
    name: String,
    victim: usize,
    network: u64,
    left: u64,
    every: u64,
}

pub(crate) struct Town {
    random: Random,
    people: Vec<Person>,
    attackers: Vec<Attacker>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    recent: Vec<usize>,
}

/// The stories, and how many attempts each has, how many seconds apart at most.
const STORIES: [(&str, u64, u64); 9] = [
    ("guessing-account", 150, 90),
    ("guessing-network", 300, 6),
    ("spraying-network", 250, 40),
    ("busy-device", 150, 12),
    ("request-flood", 600, 1),
    ("large-amount", 2, 600),
    ("impossible-travel", 1, 1),
    ("new-device", 1, 1),
    ("night-desk", 3, 300),
];

fn address(network: u64, host: u64) -> String {
    let [.., a, b, c] = network.to_be_bytes();
    format!("{}.{b}.{c}.{}", 11 + a, host % 254 + 1)
}

impl Town {
    pub(crate) fn new(events: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = (events / 25).clamp(400, 40_000);
        let people = (0..count)
            .map(|number| {
                let mut networks = vec![100_000 + number];
                // A third is on the way: providers put thousands behind a few addresses.
                if random.once_in(3) {
                    networks.push(random.below(40));
                }
                // Offices of 200 behind one address.
                if random.once_in(4) {
                    networks.push(1000 + number / 200);
                }
                Person {
                    name: format!("p{number}"),
                    town: *random.one_of(&TOWNS),
                    networks,
                    client: random.one_of::<&str>(&CLIENTS),
                    device: random.once_in(3).then(|| format!("d{number}")),
                    works: random.once_in(20),
                    last: None,
                }
            })
            .collect();
        let mut town =
            Self { random, people, attackers: Vec::new(), due: BinaryHeap::new(), recent: Vec::new() };
        let (span, rounds) = (events / RATE, (events / 25_000).max(2));
        for round in 0..rounds {
            for (story, attempts, every) in STORIES {
                // Short stories come more often, so that each has its share.
                for copy in 0..(100 / attempts).clamp(1, 30) {
                    let number = town.attackers.len();
                    let victim = town.somebody();
                    let network = 500_000 + number as u64;
                    let name = format!("{story} {round}.{copy}");
                    town.attackers.push(Attacker { story, name, victim, network, left: attempts, every });
                    let begins = MONDAY + span / 10 + town.random.below(span * 6 / 10 + 1);
                    town.due.push(Reverse((begins, number)));
                }
            }
        }
        town
    }

    fn somebody(&mut self) -> usize {
        usize::try_from(self.random.below(self.people.len() as u64)).unwrap()
    }

    /// Tells so many events, about, in order of time.
    pub(crate) fn each(mut self, events: u64, mut tell: impl FnMut(&Value)) {
        let mut told = 0;
        let mut out = Vec::new();
        while told < events {
            let now = MONDAY + told / RATE;
            while let Some(Reverse((time, number))) =
                self.due.peek().copied().filter(|Reverse((time, _))| *time <= now)
            {
                self.due.pop();
                self.attack(number, now, &mut out);
                if self.attackers[number].left > 0 {
                    let next = time + 1 + self.random.below(self.attackers[number].every);
                    self.due.push(Reverse((next, number)));
                }
            }
            // By night fewer come; what is left to the night is told by day.
            let hour = now / 3600 % 24;
            if (6..23).contains(&hour) || self.random.once_in(4) {
                self.visit(now, hour, &mut out);
            } else {
                out.push(self.request(now));
            }
            told += out.len() as u64;
            out.drain(..).for_each(|event| tell(&event));
        }
    }

    fn event(&self, now: u64, who: usize, kind: &str, outcome: &str, network: u64, host: u64) -> Value {
        let person = &self.people[who];
        let mut event = json!({
            "time": now, "event": kind, "outcome": outcome, "account": person.name, "client": person.client,
            "address": address(network, host), "roles": [if person.works { "employee" } else { "citizen" }],
        });
        if let Some(device) = &person.device {
            event["device"] = json!(device);
        }
        event
    }

    /// One who is at it all day asks for something.
    fn request(&mut self, now: u64) -> Value {
        let who = self.somebody();
        let network = self.people[who].networks[0];
        self.event(now, who, "request", "right", network, 7)
    }

    /// Somebody comes, logs in, and looks at something or pays.
    fn visit(&mut self, now: u64, hour: u64, out: &mut Vec<Value>) {
        let mut who = self.somebody();
        // Those who work here come by day; a few stay late.
        let day = (now / 86_400 + 3) % 7;
        if self.people[who].works && !((7..21).contains(&hour) && day < 5) && !self.random.once_in(300) {
            who = (0..self.people.len()).find(|other| !self.people[*other].works).unwrap();
            let shift = self.somebody();
            who = (who + shift) % self.people.len();
            if self.people[who].works {
                return out.push(self.request(now));
            }
        }
        let networks = self.people[who].networks.clone();
        let mut network = *self.random.one_of(&networks);
        let mut place = self.people[who].town;
        let mut client = None;
        let since = self.people[who].last.map(|last| now - last);
        if self.random.once_in(400) {
            // A new phone, or another's network.
            (client, network) = (Some("a new phone"), 200_000 + self.random.below(100_000));
        } else if self.random.once_in(300) && since.is_none_or(|since| since > 12 * 3600) {
            // Somewhere else, after time enough to get there.
            place = *self.random.one_of(&TOWNS);
        } else if self.random.once_in(20_000) {
            // Through a tunnel that comes out abroad.
            place = *self.random.one_of(&ABROAD);
        }
        let host = who as u64;
        let placed = |mut event: Value| {
            event["place"] = json!([place.0, place.1]);
            if let Some(client) = client {
                event["client"] = json!(client);
                event.as_object_mut().unwrap().remove("device");
            }
            event
        };
        // One in twelve mistypes, and one in two hundred has forgotten what it was.
        let wrong = if self.random.once_in(200) {
            3 + self.random.below(9)
        } else {
            u64::from(self.random.once_in(12)) * (1 + self.random.below(2))
        };
        for _ in 0..wrong {
            out.push(placed(self.event(now, who, "login", "wrong", network, host)));
        }
        if wrong > 5 {
            return;
        }
        out.push(placed(self.event(now, who, "login", "right", network, host)));
        if self.random.once_in(25) {
            out.push(placed(self.event(now, who, "code", "wrong", network, host)));
        }
        out.push(placed(self.event(now, who, "code", "right", network, host)));
        self.people[who].last = Some(now);
        self.recent.push(who);
        if self.recent.len() > 2000 {
            self.recent.drain(..1000);
        }
        for _ in 0..self.random.below(4) {
            out.push(placed(self.event(now, who, "request", "right", network, host)));
        }
        if self.random.once_in(6) {
            // Most pay little; one in a thousand buys a flat.
            let amount = if self.random.once_in(1000) {
                20_000_000 + self.random.below(500_000_000)
            } else {
                let most = *self.random.one_of(&[100_000, 100_000, 1_000_000, 9_000_000]);
                100 + self.random.below(most)
            };
            let mut event = placed(self.event(now, who, "operation", "right", network, host));
            event["parameters"] = json!({"template": "payment", "amount": amount});
            out.push(event);
        }
    }

    fn attack(&mut self, number: usize, now: u64, out: &mut Vec<Value>) {
        let (story, network, victim) = {
            let attacker = &mut self.attackers[number];
            attacker.left -= 1;
            (attacker.story, attacker.network, attacker.victim)
        };
        let tool = |mut event: Value| {
            event["client"] = json!("curl");
            event.as_object_mut().unwrap().remove("device");
            event
        };
        let event = match story {
            // A botnet: each attempt from another network.
            "guessing-account" => {
                let network = 300_000 + self.random.below(100_000);
                tool(self.event(now, victim, "login", "wrong", network, 9))
            }
            // A few accounts from one place.
            "guessing-network" => {
                let who = (victim + usize::try_from(self.random.below(8)).unwrap()) % self.people.len();
                tool(self.event(now, who, "login", "wrong", network, 9))
            }
            "spraying-network" => {
                let who = self.somebody();
                tool(self.event(now, who, "login", "wrong", network, 9))
            }
            // A stolen phone, whose thief tries codes.
            "busy-device" => {
                let mut event = self.event(now, victim, "code", "wrong", network, 9);
                event["device"] = json!(format!("stolen {number}"));
                event
            }
            "request-flood" => {
                for _ in 0..4 {
                    let mut event = self.event(now, victim, "request", "right", network, 9);
                    self.label(number, &mut event);
                    out.push(event);
                }
                self.event(now, victim, "request", "right", network, 9)
            }
            "large-amount" => {
                let mut event = self.event(now, victim, "operation", "right", network, 9);
                event["parameters"] =
                    json!({"template": "payment", "amount": 15_000_000 + self.random.below(90_000_000)});
                event
            }
            // The password of somebody who was here a moment ago, on another continent.
            "impossible-travel" => {
                let Some(who) = self.recent.iter().rev().nth(5).copied() else { return };
                let mut event = tool(self.event(now, who, "login", "right", network, 9));
                let place = *self.random.one_of(&ABROAD);
                event["place"] = json!([place.0, place.1]);
                event
            }
            "new-device" => {
                let Some(who) = self.recent.iter().rev().nth(50).copied() else { return };
                tool(self.event(now, who, "login", "right", network, 9))
            }
            // The desk of an employee, at three in the morning.
            _ => {
                let working = (0..self.people.len()).cycle().skip(victim);
                let who =
                    working.take(self.people.len()).find(|who| self.people[*who].works).unwrap_or(victim);
                let night = now / 86_400 * 86_400 + 3 * 3600;
                let mut event = self.event(night.max(MONDAY), who, "login", "right", network, 9);
                event["client"] = json!("a desk");
                event
            }
        };
        let mut event = event;
        self.label(number, &mut event);
        out.push(event);
    }

    fn label(&self, number: usize, event: &mut Value) {
        let attacker = &self.attackers[number];
        event["attack"] = json!(attacker.story);
        event["attacker"] = json!(attacker.name);
    }
}
