//! Factors that were set aside after a backup: a surviving journal says so, and it is done again (`CRYPTO.md` §5).
#![allow(missing_docs)]

mod harness;

use harness::{House, password};
use zamok_cabinet::FactorState;
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
