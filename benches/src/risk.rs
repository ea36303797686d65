//! What a decision of the watch takes, with the rules that ship, in a transaction over a store in memory.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use zamok_cabinet::watch::{Facts, Occasion, Outcome, Watch};
use zamok_cabinet::{AccountId, DeviceId, Error, Role};
use zamok_core::UnixTime;
use zamok_core::store::MemoryStore;
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{ManualClock, Options, Passphrase, Vault};
use zamok_risk::{Locate, Place, Risk, Rules};

use crate::pairs::{Effort, Measured, interleaved};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[Comparison {
    id: "risk-decide",
    work: "a login by the rules that ship, warm",
    peer: "2 µs, the limit",
    unit: "ns each",
    target: Target::AtLeast(1.0),
    run: decide,
}];

const NOON: u64 = 1_800_000_000;
/// Nanoseconds that a decision may take.
const LIMIT: f64 = 2000.0;
/// Accounts that come in turn, each from a network of its own.
const PEOPLE: u8 = 200;
const LIGHT: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// Everybody is in one town.
#[derive(Debug)]
struct Town;

impl Locate for Town {
    fn locate(&self, _: IpAddr) -> Option<Place> {
        Place::new(55.76, 37.62)
    }
}

fn facts(number: u8, occasion: Occasion) -> Facts<'static> {
    Facts {
        occasion,
        time: UnixTime(NOON),
        account: AccountId([number; 16]),
        roles: Role::Citizen.into(),
        device: Some(DeviceId([number; 16])),
        address: Some(Ipv4Addr::new(10, number, 1, 1).into()),
        client: "Firefox on Linux",
        parameters: &[],
    }
}

/// Somebody who has logged in before, after a wrong password: a transaction for each attempt.
fn lived(vault: &Vault, risk: &Risk, number: u8) -> Result<(), Error> {
    vault.transact(|tx| risk.note(tx, &facts(number, Occasion::Login), Outcome::Wrong))?;
    vault.transact(|tx| risk.note(tx, &facts(number, Occasion::Code), Outcome::Right))
}

fn decide(effort: Effort) -> Result<Measured, String> {
    let options =
        Options { clock: Arc::new(ManualClock::new(UnixTime(NOON))), cost: LIGHT, ..Options::default() };
    let vault = Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a long passphrase"), options)
        .map_err(text)?;
    let risk = Risk::new(Rules::default(), Arc::new(Town));
    for number in 0..PEOPLE {
        lived(&vault, &risk, number).map_err(text)?;
    }
    let calls = u32::try_from(effort.size(20_000, 2_000)).map_err(text)?;
    interleaved(
        effort,
        || {
            vault
                .transact(|tx| {
                    let people: Vec<_> = (0..PEOPLE).map(|number| facts(number, Occasion::Login)).collect();
                    // What is measured is a second look: rows are known to the transaction, habits are opened.
                    for facts in &people {
                        risk.decide(tx, facts)?;
                    }
                    let begun = Instant::now();
                    for facts in people.iter().cycle().take(calls as usize) {
                        risk.decide(tx, facts)?;
                    }
                    Ok::<_, Error>(begun.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
                })
                .map_err(text)
        },
        || Ok(LIMIT),
    )
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
