//! `docs/formats/operation.md`: its vectors, which another program computed, are what the cabinet encodes, shows and digests.
#![allow(missing_docs)]

mod harness;

use std::path::Path;

use harness::House;
use zamok_cabinet::{Content, Operation, OperationId, Template, Value};
use zamok_core::{UnixTime, hash};

fn vector(page: &str, name: &str) -> Vec<u8> {
    let begin = format!("```vector {name}");
    let lines = page.lines().skip_while(|line| *line != begin).skip(1).take_while(|line| *line != "```");
    let digits: String = lines.collect();
    assert!(!digits.is_empty() && digits.len().is_multiple_of(2), "no vector named {name}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn template(name: &str, version: u16, language: &str, text: &str) -> Template {
    Template { name: name.into(), version, language: language.into(), text: text.into() }
}

fn contents() -> [(&'static str, Content); 2] {
    let text = |text: &str| Value::Text(text.into());
    let roubles = |minor| Value::Amount { minor, places: 2, currency: *b"RUB" };
    let payment = Content::new(
        template("payment", 1, "en", "Pay {amount} to {payee}."),
        [("amount".into(), roubles(123_456)), ("payee".into(), text("Vodokanal"))],
    );
    let reading = Content::new(
        template("meter-reading", 3, "ru", "Счётчик {meter}: {value} на {time}, долг {debt}."),
        [
            ("value".into(), Value::Number(-42)),
            ("time".into(), Value::Time(UnixTime(1_800_000_000))),
            ("meter".into(), text("ХВС-1")),
            ("debt".into(), roubles(-5)),
        ],
    );
    [("payment", payment.unwrap()), ("reading", reading.unwrap())]
}

#[test]
fn the_vectors_are_shown_and_confirmed_as_the_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/operation.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (id, account): (Vec<u8>, Vec<u8>) = ((0x10..0x20).collect(), (0x30..0x40).collect());
    for (name, content) in contents() {
        assert_eq!(content.to_bytes(), vector(&page, &format!("{name}-content")), "{name}");
        assert_eq!(content.text().as_bytes(), vector(&page, &format!("{name}-text")), "{name}");
        let parts: [&[u8]; 4] = [b"zamok/operation/v1", &id, &account, &content.to_bytes()];
        assert_eq!(hash::sha256(&parts).to_vec(), vector(&page, &format!("{name}-digest")), "{name}");
        assert_eq!(Content::from_bytes(&content.to_bytes()), Ok(content), "{name}");
    }
}

#[test]
fn the_digest_of_an_operation_is_over_its_id_its_account_and_its_bytes() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let [(_, content), _] = contents();
    let operation: Operation = house.cabinet.propose(&session, OperationId([9; 16]), &content).unwrap();
    let bytes = content.to_bytes();
    let parts: [&[u8]; 4] = [b"zamok/operation/v1", &[9; 16], &session.account.0, &bytes];
    assert_eq!(operation.digest(), hash::sha256(&parts));
}
