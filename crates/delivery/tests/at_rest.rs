//! Nothing readable at rest: the bytes of every table, and of the files beneath, are searched for numbers, addresses, names,
//! texts and codes, in every encoding in use, at every stage of a message's life. What is planted is found (R35).
#![allow(missing_docs)]

mod harness;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64ct::{Base64Unpadded, Base64UrlUnpadded, Encoding as _};
use harness::{Fake, citizen, light_policy, wide};
use zamok_cabinet::{Cabinet, Category, Evidence, Notice, Priority, Receipt, ReceiptState};
use zamok_core::store::{Range, Store, Table};
use zamok_core::wire::hex;
use zamok_delivery::Segments;
use zamok_host::{Options, Passphrase, Vault};
use zamok_store_sqlite::SqliteStore;

const PHONE: &str = "+79161234567";
const MAIL: &str = "ivan.petrov@example.org";
const LOGIN: &str = "ivan-petrov";
const TEXT: &str = "Ваша выписка 4081781099910004312 готова";
const TITLE: &str = "Выписка по счёту";
const LATIN: &str = "Your statement 30101810400000000225 is ready";

/// A secret in every form in which a program might let it slip: also as the segments of an SMS.
fn forms(secret: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = secret.as_bytes();
    let utf16 = |big: bool| -> Vec<u8> {
        let octets = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        secret.encode_utf16().flat_map(octets).collect()
    };
    let base32: String = base32(bytes);
    let mut forms = vec![
        ("UTF-8".into(), bytes.to_vec()),
        ("UTF-16, big endian".into(), utf16(true)),
        ("UTF-16, little endian".into(), utf16(false)),
        ("hex".into(), hex(bytes).into_bytes()),
        ("hex, upper case".into(), hex(bytes).to_uppercase().into_bytes()),
        ("base32".into(), base32.clone().into_bytes()),
        ("base32, lower case".into(), base32.to_lowercase().into_bytes()),
        ("JSON".into(), serde_json::to_string(secret).unwrap().trim_matches('"').as_bytes().to_vec()),
        ("percent".into(), bytes.iter().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect()),
    ];
    // Base64 looks different at each of three places of a longer text: what is between its ends is always there.
    for skipped in 0..3 {
        let shifted = [&[b'x'; 3][..skipped], bytes].concat();
        for (name, text) in [
            ("base64", Base64Unpadded::encode_string(&shifted)),
            ("base64url", Base64UrlUnpadded::encode_string(&shifted)),
        ] {
            let inner = text.as_bytes()[skipped + usize::from(skipped > 0)..text.len() - 1].to_vec();
            forms.push((format!("{name}, {skipped}"), inner));
        }
    }
    if let Ok(segments) = Segments::of(secret, 8) {
        forms.extend(segments.parts().map(|part| ("a segment".into(), part.to_vec())));
    }
    forms
}

fn base32(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let letter = |chunk: &[u8]| {
        let value = chunk.iter().fold(0, |value, bit| value << 1 | bit) << (5 - chunk.len());
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(value)])
    };
    bits.chunks(5).map(letter).collect()
}

fn secrets() -> Vec<(&'static str, String)> {
    let words = [PHONE, &PHONE[1..], MAIL, "ivan.petrov", LOGIN, TEXT, TITLE, LATIN, "4081781099910004312"];
    words.into_iter().map(|word| ("secret", word.to_owned())).collect()
}

/// Everything that a store holds, and the files beneath it: key by key, value by value.
fn haystacks(store: &dyn Store, folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for table in 0..=1023 {
        let mut after = None;
        loop {
            let page = store.scan(Table(table), &Range::all(), 256, after.as_ref()).unwrap();
            for (key, row) in page.rows {
                found.push((format!("a key of table {table}"), key));
                found.push((format!("a row of table {table}"), row.value));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            // By another process: closing a file drops this process's own locks on it (POSIX), and the store notices.
            let output = Command::new("cat").arg(&path).output().unwrap();
            assert!(output.status.success());
            found.push((path.display().to_string(), output.stdout));
        }
    }
    found
}

/// Bytes as letters of their numbers: texts are searched fast, also in a test build.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn search(haystacks: &[(String, Vec<u8>)], secrets: &[(&str, String)]) -> Vec<String> {
    let mut found = Vec::new();
    let haystacks: Vec<_> = haystacks.iter().map(|(place, bytes)| (place, letters(bytes))).collect();
    for (_, secret) in secrets {
        for (form, needle) in forms(secret) {
            assert!(needle.len() >= 8, "{secret} as {form} would be found by chance");
            let needle = letters(&needle);
            for (place, text) in &haystacks {
                if text.contains(&needle) {
                    found.push(format!("{secret} as {form} in {place}"));
                }
            }
        }
    }
    found
}

struct Site {
    folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
    cabinet: Arc<Cabinet>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::create(folder.path().join("zamok.db")).unwrap());
        let options = Options { cost: harness::LIGHT, ..Options::default() };
        let vault = Vault::create(store.clone(), &Passphrase::from(harness::PASSPHRASE), options).unwrap();
        let cabinet = Arc::new(Cabinet::create(Arc::new(vault), "Bank", wide(light_policy())).unwrap());
        citizen(&cabinet, LOGIN, &[PHONE, MAIL]);
        Self { folder, store, cabinet }
    }

    fn holds_nothing(&self, when: &str) {
        self.holds_none_of(&secrets(), when);
    }

    fn holds_none_of(&self, secrets: &[(&str, String)], when: &str) {
        let haystacks = haystacks(&*self.store, self.folder.path());
        assert!(haystacks.len() > 20, "{when}: there is something to search");
        assert_eq!(search(&haystacks, secrets), Vec::<String>::new(), "{when}");
    }

    fn tell(&self, text: &str) {
        let notice = Notice {
            category: Category::Payment,
            priority: Priority::High,
            title: TITLE,
            text,
            link: "https://bank.example/statements",
            language: "ru",
        };
        self.cabinet.notify(LOGIN, &notice).unwrap();
    }
}

#[test]
fn no_number_address_name_or_text_lies_readable_anywhere_at_any_stage() {
    let site = Site::new();
    site.holds_nothing("before anything was told");
    site.tell(TEXT);
    site.tell(LATIN);
    site.holds_nothing("queued");
    let sms = Fake::with_receipts("a", Evidence::Sms, true);
    let email = Fake::new("m", Evidence::Email);
    let delivery = harness::delivery(&site.cabinet, vec![sms.clone(), email.clone()]);
    sms.fail(zamok_delivery::Why::Busy);
    let step = delivery.step().unwrap();
    assert_eq!((step.sent, step.failed), (3, 0));
    site.holds_nothing("sent, and put off");
    harness::eventually("all are sent", || {
        delivery.step().unwrap();
        sms.took().len() == 2 && email.took().len() == 2
    });
    assert!(sms.took().iter().any(|got| got.text.contains(TEXT)), "the carrier has it in plain");
    let last = sms.took().len() - 1;
    // Which of the two was put off is chance, and the longer one is told of part by part.
    for part in 0..sms.took()[last].parts {
        let receipt = Receipt {
            carrier: "a",
            id: &format!("a-{last}-{part}"),
            state: ReceiptState::Delivered,
            number: Some(PHONE),
            reason: "DELIVRD",
        };
        site.cabinet.receipt(&receipt).unwrap();
    }
    site.cabinet.vault().integrate().unwrap();
    site.holds_nothing("delivered, archived, journalled");
    let archived = harness::archive(&site.cabinet);
    assert!(archived.iter().any(|entry| entry.address == PHONE), "whoever has the keys finds it");
    site.cabinet.erase_account(LOGIN, "asked for it").unwrap();
    let archived = harness::archive(&site.cabinet);
    assert!(archived.iter().all(|entry| entry.address.is_empty()), "and after an erasure nobody");
}

#[test]
fn no_code_lies_readable_anywhere_at_any_stage() {
    let site = Site::new();
    // Of eight digits, so that none is found by chance.
    let mut policy = wide(light_policy());
    (policy.issued.digits, policy.issued.resend) = (8, 0);
    let cabinet = Arc::new(Cabinet::open(site.cabinet.vault().clone()).unwrap().with_policy(policy));
    harness::texter(&cabinet, "maria", "+79167654321");
    let sms = Fake::with_receipts("a", Evidence::Sms, true);
    let delivery = harness::delivery(&cabinet, vec![sms.clone()]);
    delivery.step().unwrap();
    let challenge = harness::begin(&cabinet, "maria");
    let code =
        cabinet.outbox(10).unwrap().iter().find_map(|message| message.field("code").map(str::to_owned));
    let secrets = [("a code", code.unwrap())];
    site.holds_none_of(&secrets, "queued");
    sms.fail(zamok_delivery::Why::Busy);
    delivery.step().unwrap();
    site.holds_none_of(&secrets, "put off");
    let came = || sms.took().into_iter().find(|got| got.text.contains(&secrets[0].1));
    harness::eventually("it is sent", || {
        delivery.step().unwrap();
        came().is_some()
    });
    site.holds_none_of(&secrets, "sent");
    cabinet.answer(&challenge, &secrets[0].1, harness::request()).unwrap();
    cabinet.vault().integrate().unwrap();
    site.holds_none_of(&secrets, "used, journalled");
}

#[test]
fn what_is_planted_is_found_in_every_form() {
    let site = Site::new();
    let mut clean = haystacks(&*site.store, site.folder.path());
    clean.truncate(40);
    for (name, secret) in secrets() {
        for (form, needle) in forms(&secret) {
            let mut planted = clean.clone();
            let place = planted.len() / 2;
            let middle = planted[place].1.len() / 2;
            planted[place].1.splice(middle..middle, needle.iter().copied());
            let found = search(&planted, &[(name, secret.clone())]);
            assert!(found.iter().any(|found| found.contains(&form)), "{secret} as {form}");
        }
    }
    // And in the file of the store itself, behind the program's back.
    std::fs::write(site.folder.path().join("zamok.db-copy"), format!("…{TEXT}…")).unwrap();
    assert!(!search(&haystacks(&*site.store, site.folder.path()), &secrets()).is_empty());
}
