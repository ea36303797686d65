//! `docs/errors.md`: every error has a number that never changes and is never used again, a name, and a message.

mod harness;

use std::collections::BTreeSet;

use harness::{page, table, tell};
use zamok_core::Error;
use zamok_core::error::{BackupFault, OcraFault, ShareFault, TokenFault, UriFault};
use zamok_core::store::StoreFault;
use zamok_core::vault::KeyState;

/// Number, name, and an error with the values that the page's message shows.
fn errors() -> Vec<(u16, &'static str, Error)> {
    vec![
        (100, "Rejected", Error::Rejected),
        (101, "Refused", Error::Refused),
        (201, "Digits", Error::Digits(5)),
        (202, "PeriodZero", Error::PeriodZero),
        (203, "SecretTooShort", Error::SecretTooShort(10)),
        (204, "SecretTooLong", Error::SecretTooLong(129)),
        (205, "CodeLength", Error::CodeLength { expected: 6, found: 5 }),
        (206, "CodeCharacter", Error::CodeCharacter(3)),
        (207, "CounterExhausted", Error::CounterExhausted),
        (208, "WindowTooWide", Error::WindowTooWide { steps: 129, limit: 128 }),
        (209, "TimeBeforeT0", Error::TimeBeforeT0),
        (210, "Base32", Error::Base32(4)),
        (211, "Randomness", Error::Randomness),
        (220, "Uri(Scheme)", Error::Uri(UriFault::Scheme)),
        (221, "Uri(Type)", Error::Uri(UriFault::Type)),
        (222, "Uri(Encoding)", Error::Uri(UriFault::Encoding)),
        (223, "Uri(SecretMissing)", Error::Uri(UriFault::SecretMissing)),
        (224, "Uri(Algorithm)", Error::Uri(UriFault::Algorithm)),
        (225, "Uri(Number)", Error::Uri(UriFault::Number)),
        (226, "Uri(CounterMissing)", Error::Uri(UriFault::CounterMissing)),
        (227, "Uri(Conflict)", Error::Uri(UriFault::Conflict)),
        (228, "Uri(TooLong)", Error::Uri(UriFault::TooLong)),
        (229, "Uri(T0)", Error::Uri(UriFault::T0)),
        (230, "Uri(Label)", Error::Uri(UriFault::Label)),
        (231, "Uri(Parameter)", Error::Uri(UriFault::Parameter)),
        (240, "Ocra(Version)", Error::Ocra(OcraFault::Version)),
        (241, "Ocra(CryptoFunction)", Error::Ocra(OcraFault::CryptoFunction)),
        (242, "Ocra(DataInput)", Error::Ocra(OcraFault::DataInput)),
        (243, "Ocra(Missing)", Error::Ocra(OcraFault::Missing)),
        (244, "Ocra(Surplus)", Error::Ocra(OcraFault::Surplus)),
        (245, "Ocra(QuestionLength)", Error::Ocra(OcraFault::QuestionLength)),
        (246, "Ocra(QuestionCharacter)", Error::Ocra(OcraFault::QuestionCharacter)),
        (247, "Ocra(PasswordLength)", Error::Ocra(OcraFault::PasswordLength)),
        (248, "Ocra(SessionLength)", Error::Ocra(OcraFault::SessionLength)),
        (249, "Ocra(Mode)", Error::Ocra(OcraFault::Mode)),
        (301, "UnknownKey", Error::UnknownKey),
        (302, "KeyKind", Error::KeyKind),
        (303, "KeyUsage", Error::KeyUsage),
        (304, "KeyPurpose", Error::KeyPurpose),
        (305, "KeyState", Error::KeyState(KeyState::Suspended)),
        (306, "TooLong", Error::TooLong { what: "a key's label", given: 257, limit: 256 }),
        (307, "KeyMechanism", Error::KeyMechanism),
        (308, "KeyWidened", Error::KeyWidened),
        (309, "KeyNotWrappable", Error::KeyNotWrappable),
        (310, "KeyNotTrusted", Error::KeyNotTrusted),
        (311, "KeyTooWeak", Error::KeyTooWeak { wrapping: 128, wrapped: 256 }),
        (312, "KeyNotValid", Error::KeyNotValid),
        (313, "KeyFixed", Error::KeyFixed),
        (314, "KeyUnauthorised", Error::KeyUnauthorised),
        (315, "KeyMaterial", Error::KeyMaterial),
        (316, "KeyUnsupported", Error::KeyUnsupported),
        (317, "SelfTest", Error::SelfTest("ecdsa-sha256")),
        (318, "KeyExhausted", Error::KeyExhausted),
        (401, "Locked", Error::Locked),
        (402, "UnlockNotBefore", Error::UnlockNotBefore(1_800_000_030)),
        (403, "SlotDisabled", Error::SlotDisabled),
        (404, "VaultExists", Error::VaultExists),
        (405, "NoVault", Error::NoVault),
        (406, "Format", Error::Format { found: 2, supported: 1 }),
        (407, "Role", Error::Role(zamok_core::vault::Role::Auditor)),
        (408, "NoSlot", Error::NoSlot(7)),
        (409, "LastSlot", Error::LastSlot(zamok_core::vault::Role::Officer)),
        (410, "SlotsFull", Error::SlotsFull),
        (411, "SlotMethod", Error::SlotMethod),
        (412, "NoDataKey", Error::NoDataKey(7)),
        (413, "DataKeyInUse", Error::DataKeyInUse(7)),
        (414, "PutBack", Error::PutBack),
        (415, "Token(Failed)", Error::Token(TokenFault::Failed)),
        (416, "Token(Module)", Error::Token(TokenFault::Module)),
        (417, "Token(Absent)", Error::Token(TokenFault::Absent)),
        (418, "Token(Ambiguous)", Error::Token(TokenFault::Ambiguous)),
        (419, "Token(NoKey)", Error::Token(TokenFault::NoKey)),
        (420, "Token(Pin)", Error::Token(TokenFault::Pin)),
        (421, "Token(PinLocked)", Error::Token(TokenFault::PinLocked)),
        (422, "Token(PinUnset)", Error::Token(TokenFault::PinUnset)),
        (423, "Token(KeyUnfit)", Error::Token(TokenFault::KeyUnfit)),
        (424, "Token(KeyExists)", Error::Token(TokenFault::KeyExists)),
        (425, "Token(Uri)", Error::Token(TokenFault::Uri("it does not begin with pkcs11:"))),
        (430, "Share(Length)", Error::Share(ShareFault::Length { given: 139, expected: 140 })),
        (431, "Share(Line)", Error::Share(ShareFault::Line(3))),
        (432, "Share(Few)", Error::Share(ShareFault::Few { given: 2, needed: 3 })),
        (433, "Share(Mixed)", Error::Share(ShareFault::Mixed)),
        (434, "Share(Twice)", Error::Share(ShareFault::Twice(2))),
        (435, "Share(Split)", Error::Share(ShareFault::Split { threshold: 1, count: 5 })),
        (450, "LogForked", Error::LogForked),
        (451, "LogBehind", Error::LogBehind { found: 7, anchored: 9 }),
        (452, "Uncovered", Error::Uncovered),
        (453, "Unwitnessed", Error::Unwitnessed),
        (454, "AnchorMissing", Error::AnchorMissing),
        (436, "RowStays", Error::RowStays(33)),
        (440, "Backup(File)", Error::Backup(BackupFault::File)),
        (441, "Backup(Foreign)", Error::Backup(BackupFault::Foreign)),
        (442, "Backup(Damaged)", Error::Backup(BackupFault::Damaged)),
        (443, "Backup(NotEmpty)", Error::Backup(BackupFault::NotEmpty)),
        (444, "Backup(NoSnapshot)", Error::Backup(BackupFault::NoSnapshot)),
        (445, "Backup(Unfinished)", Error::Backup(BackupFault::Unfinished)),
        (446, "Backup(Moved)", Error::Backup(BackupFault::Moved)),
        (447, "Backup(Changed)", Error::Backup(BackupFault::Changed)),
        (501, "Busy", Error::Busy),
        (502, "Capped", Error::Capped),
        (503, "Store(Unlocked)", Error::Store(StoreFault::Unlocked)),
        (504, "Store(Exists)", Error::Store(StoreFault::Exists)),
        (506, "Store(Server)", Error::Store(StoreFault::Server { found: 14, needed: 15 })),
        (507, "Store(Standby)", Error::Store(StoreFault::Standby)),
        (508, "Store(Untrusted)", Error::Store(StoreFault::Untrusted)),
        (510, "Store(Unavailable)", Error::Store(StoreFault::Unavailable)),
        (511, "Store(OutcomeUnknown)", Error::Store(StoreFault::OutcomeUnknown)),
        (512, "Store(Corrupt)", Error::Store(StoreFault::Corrupt)),
        (513, "Store(Full)", Error::Store(StoreFault::Full)),
        (514, "Store(ReadOnly)", Error::Store(StoreFault::ReadOnly)),
        (515, "Store(Gone)", Error::Store(StoreFault::Gone)),
        (516, "Store(Missing)", Error::Store(StoreFault::Missing)),
        (517, "Store(Denied)", Error::Store(StoreFault::Denied)),
        (518, "Store(Contended)", Error::Store(StoreFault::Contended)),
        (519, "Store(Layout)", Error::Store(StoreFault::Layout { found: 2, supported: 1 })),
        (520, "Store(NotDurable)", Error::Store(StoreFault::NotDurable)),
        (521, "Store(Url)", Error::Store(StoreFault::Url)),
        (522, "Store(Foreign)", Error::Store(StoreFault::Foreign)),
    ]
}

#[test]
fn every_number_is_stable_and_used_once() {
    let errors = errors();
    for (number, name, error) in &errors {
        assert_eq!(error.code(), *number, "{name}");
    }
    let numbers: BTreeSet<u16> = errors.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers.len(), errors.len());
    tell(&format!("{} errors", errors.len()));
}

#[test]
fn the_page_lists_just_these_errors_with_their_names_and_messages() {
    let rows = table(&page("docs/errors.md"), "## Table");
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            assert!(row.len() == 4 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
            (row[0].parse().unwrap(), row[1].trim_matches('`').to_owned(), row[2].clone())
        })
        .collect();
    let expected: Vec<_> = errors()
        .iter()
        .map(|(number, name, error)| (*number, (*name).to_owned(), error.to_string()))
        .collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn no_error_of_the_sources_is_missing_here() {
    let mut numbers = BTreeSet::new();
    for source in ["crates/core/src/error.rs", "crates/core/src/store/fault.rs"] {
        for line in page(source).lines() {
            let number = line.trim().strip_suffix(',').and_then(|line| line.rsplit_once(" => "));
            if let Some(Ok(number)) = number.map(|(_, number)| number.parse::<u16>()) {
                assert!(numbers.insert(number), "{number} is used twice");
            }
        }
    }
    let listed: BTreeSet<u16> = errors().iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, listed, "an error without a row here, or the other way round");
}

#[test]
fn names_are_those_of_the_variants() {
    for (_, name, error) in errors() {
        let shown = format!("{error:?}");
        let plain = name.trim_end_matches(')');
        assert!(shown.starts_with(plain), "{name} is {shown}");
    }
}
