//! The leaf and its detail as bytes: what is written is read back, numbers never change, and hostile bytes are refused.

mod harness;

use std::borrow::Cow;

use harness::tier;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use zamok_core::event::{Detail, EventKind, Leaf, SpentCode, Subject};
use zamok_core::store::{EntryId, RowKey, Table};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error, UnixTime};

#[test]
fn numbers_and_names_of_events_are_stable_and_used_once() {
    let table = [
        (1, "vault.created"),
        (2, "vault.unlocked"),
        (3, "vault.unlock-failed"),
        (4, "vault.slot-added"),
        (5, "vault.slot-removed"),
        (6, "vault.slot-changed"),
        (7, "vault.slot-reset"),
        (8, "vault.key-rotated"),
        (9, "vault.key-retired"),
        (10, "vault.restored"),
        (11, "vault.moved-in"),
        (12, "vault.moved-out"),
        (13, "vault.backed-up"),
        (14, "vault.journal-replayed"),
        (15, "vault.anchor-required"),
        (16, "key.created"),
        (17, "key.provisioned"),
        (18, "key.activated"),
        (19, "key.suspended"),
        (20, "key.resumed"),
        (21, "key.destroyed"),
        (22, "key.deactivated"),
        (23, "key.compromised"),
        (24, "key.imported"),
        (25, "key.rotated"),
        (26, "key.narrowed"),
        (27, "key.renamed"),
        (28, "key.trusted"),
        (29, "key.wrapped"),
        (30, "key.unwrapped"),
        (31, "code.generated"),
        (32, "code.accepted"),
        (33, "code.rejected"),
        (34, "code.refused-while-delayed"),
        (35, "code.disabled"),
        (36, "code.failures-forgiven"),
        (48, "signature.made"),
        (49, "key.used"),
        (50, "question.asked"),
        (51, "key.authorised"),
        (52, "key.copied"),
        (64, "account.registered"),
        (65, "factor.enrolled"),
        (66, "factor.offered"),
        (67, "factor.test-failed"),
        (68, "factor.withdrawn"),
        (69, "policy.changed"),
        (70, "account.password-changed"),
        (71, "account.rights-changed"),
        (72, "account.erased"),
        (73, "account.attribute-changed"),
        (74, "account.suspended"),
        (75, "account.resumed"),
        (76, "contact.verified"),
        (77, "contact.removed"),
        (78, "person.erased"),
        (79, "account.acted-for"),
        (80, "login.started"),
        (81, "login.password-rejected"),
        (82, "login.session-opened"),
        (83, "login.challenge-rejected"),
        (84, "login.refused-while-delayed"),
        (85, "login.session-ended"),
        (86, "challenge.code-sent"),
        (87, "session.authenticated-again"),
        (88, "login.new-device"),
        (89, "login.sessions-ended"),
        (90, "device.trusted"),
        (91, "device.blocked"),
        (92, "device.removed"),
        (93, "operation.proposed"),
        (94, "operation.changed"),
        (95, "operation.confirmed"),
        (96, "operation.executed"),
        (97, "operation.cancelled"),
        (98, "operation.rejected"),
        (99, "message.handed-over"),
        (100, "message.rejected"),
        (101, "message.expired"),
        (102, "factor.disabled"),
        (103, "challenge.answered"),
        (112, "witness.fork-kept"),
        (113, "journal.details-expired"),
        (114, "journal.details-erased"),
        (115, "message.sent"),
        (116, "message.delivered"),
        (117, "message.queued"),
        (118, "account.preferences-changed"),
        (119, "device.push-subscribed"),
        (128, "power.offered"),
        (129, "power.accepted"),
        (130, "power.ended"),
        (131, "factor.removed"),
        (132, "recovery.codes-made"),
        (133, "recovery.used"),
        (134, "recovery.rejected"),
        (135, "factor.replaced"),
        (136, "factor.restored"),
        (137, "challenge.approved"),
        (138, "challenge.declined"),
        (144, "client.key-added"),
        (145, "client.key-revoked"),
        (146, "token.family-opened"),
        (147, "token.refresh-reused"),
        (148, "token.family-revoked"),
        (149, "token.keys-changed"),
        (150, "token.acting-issued"),
        (151, "request.block-refused"),
        (160, "watch.answered"),
    ];
    let found: Vec<_> = EventKind::ALL.iter().map(|kind| (kind.number(), kind.name())).collect();
    let table = table.map(|(number, name)| (number, Cow::Borrowed(name)));
    assert_eq!(found, table, "a new event gets a row here; a number is never used again");
    for number in 0..=u16::MAX {
        let known = table.iter().any(|(known, _)| *known == number);
        let kind = EventKind::from_number(number);
        assert_eq!((kind.number(), matches!(kind, EventKind::Unknown(_))), (number, !known));
        assert!(known || kind.name() == format!("unknown.{number}"), "{kind}");
        assert_eq!(kind.to_string(), kind.name());
    }
}

fn kinds() -> impl Strategy<Value = EventKind> {
    prop_oneof![prop::sample::select(EventKind::ALL), any::<u16>().prop_map(EventKind::from_number)]
}

/// Never all zeros, which is how none is written.
fn not_zero<const N: usize>() -> impl Strategy<Value = Option<[u8; N]>> {
    prop::option::of(any::<[u8; N]>().prop_filter("zeros are none", |bytes| *bytes != [0; N]))
}

prop_compose! {
    fn leaves()(
        kind in kinds(),
        time in any::<u64>(),
        (writer, sequence) in any::<([u8; 16], u64)>(),
        origin in ".{0,40}",
        subject in not_zero::<16>(),
        table in any::<u16>(),
        key in prop::collection::vec(any::<u8>(), 0..60),
        revision in any::<u64>(),
        spent in prop::option::of(any::<(u64, i32)>().prop_map(|(step, drift)| SpentCode { step, drift })),
        detail in not_zero::<32>(),
    ) -> Leaf {
        let (time, row) = (UnixTime(time), RowKey::new(Table(table), key));
        let entry = EntryId { writer, sequence };
        Leaf { kind, time, entry, origin, subject: subject.map(Subject), row, revision, spent, detail }
    }
}

fn runner() -> TestRunner {
    let cases = tier(100, 500, 20_000).try_into().unwrap();
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn a_leaf_is_read_back_as_it_was_written_and_refused_when_a_byte_is_missing_or_left_over() {
    runner()
        .run(&leaves(), |leaf| {
            let bytes = leaf.encode().unwrap();
            prop_assert_eq!(Leaf::decode(&bytes), Ok(leaf));
            for length in 0..bytes.len() {
                prop_assert_eq!(Leaf::decode(&bytes[..length]), Err(Error::Refused));
            }
            prop_assert_eq!(Leaf::decode(&[&bytes[..], &[0]].concat()), Err(Error::Refused));
            Ok(())
        })
        .unwrap();
}

#[test]
fn whatever_bytes_are_read_as_a_leaf_are_the_bytes_that_it_writes() {
    let mutations = (leaves(), any::<prop::sample::Index>(), any::<u8>());
    runner()
        .run(&mutations, |(leaf, place, value)| {
            let mut bytes = leaf.encode().unwrap();
            let place = place.index(bytes.len());
            bytes[place] = value;
            match Leaf::decode(&bytes) {
                Ok(leaf) => prop_assert_eq!(leaf.encode().unwrap(), bytes),
                Err(Error::Format { found, supported: 1 }) => {
                    prop_assert!(place == 0 && found == value.into())
                }
                Err(error) => prop_assert_eq!(error, Error::Refused),
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn hostile_bytes_are_no_leaf_no_detail_and_no_panic() {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    runner()
        .run(&bytes, |bytes| {
            let begun = [&[1][..], &bytes].concat();
            for bytes in [&bytes, &begun] {
                if let Ok(leaf) = Leaf::decode(bytes) {
                    prop_assert_eq!(&leaf.encode().unwrap(), bytes);
                }
                if let Ok(detail) = Detail::decode(bytes) {
                    prop_assert_eq!(&detail.encode().unwrap().to_vec(), bytes);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_detail_is_read_back_in_its_order_with_repeated_and_empty_fields() {
    let fields = prop::collection::vec((".{0,20}", ".{0,40}"), 0..8);
    runner()
        .run(&fields, |fields| {
            let detail =
                fields.iter().fold(Detail::new(), |detail, (name, value)| detail.with(name, value.as_str()));
            prop_assert_eq!(detail.is_empty(), fields.is_empty());
            let read = Detail::decode(detail.encode().unwrap().as_slice()).unwrap();
            let found: Vec<_> = read.fields().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(&found, &fields);
            if let Some((name, value)) = fields.first() {
                prop_assert_eq!(read.get(name), Some(value.as_str()));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_too_long_is_named_with_its_length() {
    let too_long = |what, given| Some(Error::TooLong { what, given, limit: 65_535 });
    let long = "x".repeat(65_536);
    assert_eq!(Detail::new().with("a", long.as_str()).encode().err(), too_long("a field", 65_536));
    assert!(Detail::new().with("a", &long[1..]).encode().is_ok());
    let many = (0..65_536).fold(Detail::new(), |detail, _| detail.with("", ""));
    assert_eq!(many.encode().err(), too_long("the number of fields", 65_536));
    let row = RowKey::new(Table(1), vec![]);
    let (kind, time, subject, detail) = (EventKind::VaultCreated, UnixTime(0), None, None);
    let entry = EntryId { writer: [0; 16], sequence: 1 };
    let leaf = Leaf { kind, time, entry, origin: long, subject, row, revision: 0, spent: None, detail };
    assert_eq!(leaf.encode().err(), too_long("a field", 65_536));
}

#[test]
fn an_entry_waits_under_its_sequence_and_then_its_writer() {
    let id = EntryId { writer: [7; 16], sequence: 0x0102_0304_0506_0708 };
    assert_eq!(EntryId::from_bytes(&id.to_bytes()), Some(id));
    let key = [&[1, 2, 3, 4, 5, 6, 7, 8][..], &[7; 16]].concat();
    assert_eq!((id.row(), EntryId::of_row(&key)), (RowKey::new(EntryId::TABLE, key), Some(id)));
    for length in (0..40).filter(|length| *length != 24) {
        assert_eq!(EntryId::from_bytes(&vec![0; length]), None, "{length}");
        assert_eq!(EntryId::of_row(&vec![0; length]), None, "{length}");
    }
}

#[test]
fn fields_are_read_back_and_whatever_is_cut_or_odd_is_refused() {
    let mut writer = Writer::new();
    writer.u8(1).u16(2).u32(3).u64(4).optional_u64(None).optional_u64(Some(5));
    writer.bytes(b"bytes").unwrap().text("текст").unwrap().raw(&[9; 2000]);
    let whole = writer.as_slice().len();
    let read = |bytes: &[u8]| -> Result<(), Error> {
        let mut reader = Reader::new(bytes);
        assert_eq!((reader.u8()?, reader.u16()?, reader.u32()?, reader.u64()?), (1, 2, 3, 4));
        assert_eq!((reader.optional_u64()?, reader.optional_u64()?), (None, Some(5)));
        assert_eq!((reader.bytes()?, reader.text()?), (&b"bytes"[..], "текст"));
        assert_eq!(reader.raw(1999)?, [9; 1999]);
        assert_eq!((reader.array()?, reader.remaining()), ([9], bytes.len() - whole));
        reader.end()
    };
    assert_eq!(read(writer.as_slice()), Ok(()));
    for length in 0..writer.as_slice().len() {
        assert_eq!(read(&writer.as_slice()[..length]), Err(Error::Refused));
    }
    assert_eq!(read(&[writer.as_slice(), &[0]].concat()), Err(Error::Refused));
    assert_eq!(Reader::new(&[2, 0, 0, 0, 0, 0, 0, 0, 0]).optional_u64(), Err(Error::Refused));
    assert_eq!(Reader::new(&[0, 2, 0xff, 0xff]).text(), Err(Error::Refused));
    assert_eq!(writer.to_vec(), writer.as_slice());
}
