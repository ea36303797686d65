//! Notes against the crate `signed_note`: each reads what the other wrote, and both refuse the same.

mod log;
mod peers;

use base64ct::{Base64, Encoding};
use log::{Log, ORIGIN, START, Seeded, tier};
use zamok_core::hash::sha256;
use zamok_core::{Error, UnixTime};
use zamok_journal::witness::{AddCheckpoint, Verdict, decide, found};
use zamok_journal::{
    Checkpoint, Note, NoteSignature, SignatureType, Signed, SignedCheckpoint, TrustPolicy, VerifierKey,
    cosigned_message,
};

fn base64(text: &str) -> String {
    Base64::encode_string(text.as_bytes())
}

fn text_of(base64: &str) -> String {
    String::from_utf8(Base64::decode_vec(base64).unwrap()).unwrap()
}

#[test]
fn it_verifies_the_checkpoints_that_a_vault_signs() {
    let mut questions = Vec::new();
    for seed in 0..20 {
        let mut log = Log::new(seed);
        log.fill(2, 1 + seed * 13);
        log.drain();
        let signed = log.sign();
        let key = log.policy().logs()[0].key.clone();
        questions.push(format!("verify\t{}\t{key}", base64(&signed.to_string())));
    }
    for answer in peers::signed_note(&questions) {
        assert_eq!(answer, format!("ok\t{ORIGIN}"));
    }
}

#[test]
fn we_read_the_notes_and_keys_that_it_makes() {
    let mut rng = Seeded::new(1);
    let texts: Vec<String> = (0..tier(50, 200, 2000))
        .map(|_| {
            let words = [
                "Ognuno sta solo",
                "",
                "sul cuor della terra",
                "\u{2014} not a signature",
                "é\u{2028}名",
                "3",
                "a b c",
            ];
            let lines: Vec<_> = (0..=rng.below(6)).map(|_| words[rng.index(words.len())]).collect();
            lines.join("\n") + "\n"
        })
        .collect();
    let questions: Vec<_> =
        texts.iter().map(|text| format!("sign\tquasimodo.example/salvatore\t{}", base64(text))).collect();
    for (text, answer) in texts.iter().zip(peers::signed_note(&questions)) {
        let (vkey, note) = answer.split_once('\t').unwrap();
        let key = VerifierKey::parse(vkey).unwrap();
        assert_eq!((key.to_string().as_str(), key.kind()), (vkey, SignatureType::Ed25519));
        let written = text_of(note);
        let note = Note::parse(&written).unwrap();
        assert_eq!((note.text(), note.to_string()), (text.as_str(), written));
        assert_eq!(note.signed_by(&key), Ok(Some(Signed::Plainly)));
    }
}

#[test]
fn both_refuse_the_same_notes() {
    let mut log = Log::new(3);
    log.fill(1, 5);
    log.drain();
    let note = log.sign().to_string();
    let key = log.policy().logs()[0].key.clone();
    let mut rng = Seeded::new(2);
    let mut notes = vec![note.clone(), format!("{note}{}", note.lines().last().unwrap())];
    for _ in 0..tier(300, 3000, 30_000) {
        let mut bytes = note.clone().into_bytes();
        let place = rng.index(bytes.len());
        match rng.below(4) {
            0 => bytes[place] ^= 1 << rng.below(7),
            1 => bytes[place] = b"\n +=A\x01"[rng.index(6)],
            2 => drop(bytes.remove(place)),
            _ => bytes.insert(place, b"\n +=A\x01"[rng.index(6)]),
        }
        if let Ok(altered) = String::from_utf8(bytes) {
            notes.push(altered);
        }
    }
    let questions: Vec<_> = notes.iter().map(|note| format!("verify\t{}\t{key}", base64(note))).collect();
    let mut accepted = 0;
    for (note, answer) in notes.iter().zip(peers::signed_note(&questions)) {
        let ours =
            Note::parse(note).is_ok_and(|note| note.signed_by(&key).is_ok_and(|signed| signed.is_some()));
        assert_eq!(ours, answer.starts_with("ok"), "{answer}:\n{note}");
        assert!(!ours || note == &notes[0], "it was altered:\n{note}");
        accepted += usize::from(ours);
    }
    assert!(accepted >= 1 && accepted < notes.len() / 20, "{accepted}");
}

/// The example of C2SP tlog-cosignature; its keys are not given there, so the form alone can be compared.
#[test]
fn the_examples_of_the_specifications_are_read() {
    let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let signed = SignedCheckpoint::parse(note).unwrap();
    let Checkpoint { origin, size, .. } = signed.checkpoint();
    assert_eq!((origin.as_str(), *size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(signed.to_string(), note);
    let message = cosigned_message(UnixTime(1_679_315_147), signed.note().text());
    assert!(message.starts_with("cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"));
    // 0x641850cb is that time.
    assert!(NoteSignature::parse_lines(note.split("\n\n").nth(1).unwrap()).is_ok());
    let salvatore = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
        \u{2014} quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    assert!(Note::parse(salvatore).unwrap().text().ends_with("\n\ned è subito sera.\n"));
}

/// C2SP signed-note: at least 16 signatures, and post-quantum ones of nearly 5 kB each.
#[test]
fn sixteen_long_signatures_have_room_in_a_note_and_in_a_request_to_a_witness() {
    let mut log = Log::new(5);
    log.fill(1, 5);
    log.drain();
    let signed = log.sign();
    let line = |bytes: usize| {
        let line = format!("\u{2014} {} {}\n", "n".repeat(200), Base64::encode_string(&vec![7; bytes]));
        assert_eq!(NoteSignature::parse_lines(&line).unwrap().len(), 1);
        line
    };
    // ML-DSA-87 has signatures of 4,627 bytes; key id and time come before.
    let note = format!("{signed}{}", line(4 + 8 + 4627).repeat(15));
    assert_eq!(Note::parse(&note).unwrap().signatures().len(), 16);
    let hash = "39EUfp05N95fw2zwXmyn2gWkjOjEn/5MDUj+ehzld5A=\n";
    let request = format!("old 1\n{}\n{note}", hash.repeat(63));
    assert_eq!(AddCheckpoint::parse(&request).unwrap().checkpoint.to_string(), note);
    let longer = format!("{signed}{}", line(4 + 8 + 4627).repeat(25));
    assert_eq!(Note::parse(&longer), Err(Error::Refused));
}

#[test]
fn a_cosignature_from_beyond_the_time_that_the_format_has_is_refused() {
    let mut log = Log::new(6);
    log.fill(1, 5);
    log.drain();
    let (signed, policy) = (log.sign(), log.policy());
    for (time, expected) in [((1 << 63) - 1, Ok(())), (1 << 63, Err(Error::Rejected))] {
        let mut vault = Log::new(7);
        let key = vault.transact(0, |tx| found(tx, "witness.example/w1")).unwrap();
        let request = AddCheckpoint { old: 0, path: vec![], checkpoint: signed.clone() };
        let verdict = vault.transact(time - START, |tx| decide(tx, &policy, &request)).unwrap();
        let Verdict::Cosigned(line) = verdict else { panic!("{verdict:?}") };
        assert_eq!(signed.clone().cosign(&key, line), expected, "{time}");
    }
}

/// A vkey with a key of 1,312 bytes that is none.
fn ml_dsa(name: &str, fill: u8, kind: u8) -> String {
    let key = [vec![kind], vec![fill; 1312]].concat();
    let [a, b, c, d, ..] = sha256(&[name.as_bytes(), b"\n", &key]);
    format!("{name}+{a:02x}{b:02x}{c:02x}{d:02x}+{}", Base64::encode_string(&key))
}

#[test]
fn a_witness_of_ml_dsa_stands_in_a_policy_and_counts_for_no_quorum() {
    let mut log = Log::new(8);
    log.fill(1, 5);
    log.drain();
    let (mut signed, trusted) = (log.sign(), log.policy());
    let mut vault = Log::new(9);
    let known = vault.transact(0, |tx| found(tx, "witness.example/w1")).unwrap();
    let request = AddCheckpoint { old: 0, path: vec![], checkpoint: signed.clone() };
    let Verdict::Cosigned(line) = vault.transact(1, |tx| decide(tx, &trusted, &request)).unwrap() else {
        panic!()
    };
    signed.cosign(&known, line).unwrap();
    let other = ml_dsa("witness.example/pq", 1, 6);
    let file = |quorum: &str| {
        let log = &trusted.logs()[0].key;
        let members = format!("witness w {known}\nwitness pq {other} https://pq.example\n");
        format!("log {log}\n{members}group either any w pq\ngroup both all w pq\nquorum {quorum}\n")
    };
    // A name stands in one group.
    let either = TrustPolicy::parse(&file("either").replace("group both all w pq\n", "")).unwrap();
    assert!(either.require(&signed).is_ok() && either.witnesses().count() == 1);
    for quorum in ["pq", "both"] {
        let policy = file(quorum).replace("group either any w pq\n", "");
        let policy = TrustPolicy::parse(&policy).unwrap();
        assert_eq!(policy.require(&signed), Err(Error::Unwitnessed), "{quorum}");
    }
    let alone = |witness: &str| TrustPolicy::parse(&format!("{witness}\nquorum none\n"));
    assert!(alone(&format!("witness a {other}")).is_ok());
    for wrong in [
        format!("log {other}"),
        format!("witness a {}", ml_dsa("witness.example/pq", 1, 7)),
        format!("witness a {}", other.replacen('+', "x+", 1)),
        format!("witness a {}", other.replace("pq+", "p q+")),
    ] {
        assert_eq!(alone(&wrong), Err(1), "{wrong}");
    }
    assert_eq!(alone(&format!("witness a {other}\nwitness b {other}")), Err(2), "one key, twice");
}

#[test]
fn keys_that_no_key_can_be_are_refused() {
    let mut log = Log::new(4);
    log.fill(1, 1);
    log.drain();
    log.sign();
    let right = log.policy().logs()[0].key.to_string();
    let (name, rest) = right.split_once('+').unwrap();
    let (id, key) = rest.split_once('+').unwrap();
    VerifierKey::parse(&right).unwrap();
    for wrong in [
        String::new(),
        "a".into(),
        format!("{name}+{id}"),
        format!("+{id}+{key}"),
        format!("a b+{id}+{key}"),
        format!("{name}x+{id}+{key}"),
        format!("{name}+00000000+{key}"),
        format!("{name}+{}+{key}", id.to_uppercase()),
        format!("{name}+{id}+{}", &key[..40]),
        format!("{name}+{id}+{}", key.replacen('A', "E", 1)),
        format!("{name}+{id}+{key} "),
    ] {
        // An id of digits alone has no other case.
        if wrong != right {
            assert!(VerifierKey::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
