//! Notes against the crate `signed_note`: each reads what the other wrote, and both refuse the same.

mod log;
mod peers;

use base64ct::{Base64, Encoding};
use log::{Log, ORIGIN, Seeded, tier};
use zamok_core::UnixTime;
use zamok_journal::{
    Checkpoint, Note, NoteSignature, SignatureType, Signed, SignedCheckpoint, VerifierKey, cosigned_message,
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
