//! Factors that were set aside after a backup: a surviving journal says so, and it is done again (`CRYPTO.md` §5).
#![allow(missing_docs)]

mod harness;

use harness::{House, password};
use zamok_cabinet::{FactorState, PowerKind, Rights, Terms};
use zamok_core::event::EventKind;
use zamok_core::store::{RowKey, Table};
use zamok_host::backup::{Surviving, Told};

const FACTORS: Table = Table(36);

#[test]
fn a_factor_that_was_set_aside_after_the_backup_is_set_aside_again_no_longer_than_it_was() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let ivan = house.cabinet.account_by_login("ivan").unwrap();
    let session = house.login("ivan", &phone).unwrap();
    let at = house.clock_now();
    house.clock.advance(60);
    let row = RowKey::new(FACTORS, house.cabinet.factors_of("ivan").unwrap()[0].id.0);
    let replay = |kinds: &[EventKind]| {
        let told =
            |kind: &EventKind| Told { kind: *kind, time: at, subject: Some(ivan.subject), row: row.clone() };
        let surviving = Surviving { told: kinds.iter().map(told).collect(), ..Surviving::default() };
        let replayed = house.cabinet.replay(&surviving).unwrap();
        let factor = house.cabinet.factors_of("ivan").unwrap().remove(0);
        (replayed.factors, replayed.lost.len(), factor.state, factor.until)
    };
    let (replaced, restored) = (EventKind::FactorReplaced, EventKind::FactorRestored);
    let until = Some(at.plus(house.cabinet.policy().contact.reversible));
    assert_eq!(replay(&[replaced, restored]), (0, 1, FactorState::Active, None), "the last word counts");
    assert!(house.cabinet.session(session.id).is_ok());
    assert_eq!(replay(&[restored, replaced]), (1, 1, FactorState::SetAside, until));
    assert_eq!(replay(&[replaced]), (0, 0, FactorState::SetAside, until), "and once");
    assert!(house.cabinet.session(session.id).is_err());
    assert!(house.cabinet.begin_login("ivan", &password()).is_err(), "nor does the password enrol another");
    assert_eq!(house.cabinet.vault().read(zamok_journal::audit).unwrap().findings, []);
}

#[test]
fn what_was_taken_away_after_the_backup_is_taken_away_again() {
    let house = House::new();
    let phone = house.citizen("ivan");
    house.citizen("olga");
    let session = house.login("ivan", &phone).unwrap();
    let ivan = house.cabinet.account_by_login("ivan").unwrap();
    let device = house.cabinet.trust_device(&session, "phone").unwrap().device();
    let terms = Terms {
        kind: PowerKind::Attorney,
        rights: Rights::ALL,
        scope: vec!["*".into()],
        until: house.clock_now().plus(86_400),
    };
    let power = house.cabinet.give_power(&session, "olga", &terms).unwrap().id;
    let factor = house.cabinet.factors_of("ivan").unwrap()[0].id;
    let told = |kind, table, id: [u8; 16]| Told {
        kind,
        time: house.clock_now(),
        subject: Some(ivan.subject),
        row: RowKey::new(Table(table), id),
    };
    let told = vec![
        told(EventKind::DeviceBlocked, 45, device.0),
        told(EventKind::PowerEnded, 42, power.0),
        told(EventKind::FactorRemoved, 36, factor.0),
    ];
    let surviving = Surviving { told, ..Surviving::default() };
    let replay = || {
        let replayed = house.cabinet.replay(&surviving).unwrap();
        assert_eq!(replayed.lost, []);
        (replayed.devices, replayed.powers, replayed.factors)
    };
    assert_eq!(replay(), (1, 1, 1));
    assert!(house.cabinet.devices_of("ivan").unwrap()[0].is_blocked());
    assert_eq!(house.cabinet.factors_of("ivan").unwrap(), []);
    assert_eq!(replay(), (0, 0, 0), "and once");
}
