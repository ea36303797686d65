//! The text of a proof: what is read, what is refused, and what a proof still says after it was altered.

mod log;

use log::{Log, ORIGIN};
use proptest::prelude::*;
use zamok_core::Error;
use zamok_journal::{InclusionProof, Journal, TrustPolicy};

/// A proof, and what trusts its log.
fn proof(leaves: u64, index: u64) -> (InclusionProof, TrustPolicy) {
    let mut log = Log::new(leaves);
    let mut writer = log.writer();
    // All in one second: nothing but the ids of their entries tells them apart.
    (0..leaves).for_each(|_| {
        log.write(&mut writer, 1);
    });
    log.drain();
    log.sign();
    (Journal::new(&log.store, &log.keyring).prove(index).unwrap(), log.policy())
}

#[test]
fn a_proof_needs_nothing_but_its_text_and_the_key_of_the_log() {
    let (proof, policy) = proof(300, 257);
    let text = proof.to_text();
    let proof = InclusionProof::from_text(&text).unwrap();
    let (leaf, trusted) = proof.verify(&policy).unwrap();
    assert_eq!((proof.index(), proof.size(), proof.origin()), (257, 300, ORIGIN));
    assert_eq!(leaf.encode().unwrap(), proof.leaf());
    assert_eq!((trusted.witnesses.len(), trusted.is_quorum), (0, true));
    assert_eq!(proof.to_text(), text);
}

#[test]
fn a_proof_is_worth_nothing_to_whoever_trusts_another_log() {
    let (proof, _) = proof(5, 1);
    let mut other = Log::new(99);
    other.fill(1, 3);
    other.drain();
    other.sign();
    assert_eq!(proof.verify(&other.policy()), Err(Error::Rejected));
}

#[test]
fn a_proof_names_one_entry_among_events_that_differ_in_nothing_else() {
    let mut log = Log::new(8);
    let mut writers = [log.writer(), log.writer()];
    let mut ids: Vec<_> = (0..10).map(|turn| log.write(&mut writers[turn % 2], 1)).collect();
    log.drain();
    log.sign();
    ids.sort();
    let journal = Journal::new(&log.store, &log.keyring);
    let proofs: Vec<_> = (0..10).map(|index| journal.prove(index).unwrap()).collect();
    let named: Vec<_> = proofs.iter().map(|proof| proof.leaf_of_root().unwrap().entry).collect();
    assert_eq!(named, ids);
    let line = |proof: &InclusionProof| proof.to_text().lines().nth(1).unwrap().to_owned();
    for (index, proof) in proofs.iter().enumerate() {
        for other in proofs.iter().enumerate().filter(|(place, _)| *place != index).map(|(_, other)| other) {
            let exchanged = proof.to_text().replace(&line(proof), &line(other));
            let read = InclusionProof::from_text(&exchanged).unwrap();
            assert_eq!(read.leaf_of_root(), Err(Error::Refused));
        }
    }
}

#[test]
fn no_changed_character_goes_unnoticed() {
    let (proof, policy) = proof(11, 6);
    let text = proof.to_text();
    for place in 0..text.len() {
        for other in [b'A', b'0', b'9', b'/', b' ', b'\n', b'=', text.as_bytes()[place] ^ 1] {
            let mut altered = text.clone().into_bytes();
            if altered[place] == other {
                continue;
            }
            altered[place] = other;
            let Ok(altered) = String::from_utf8(altered) else { continue };
            let read = InclusionProof::from_text(&altered);
            let accepted = read.is_ok_and(|read| read.verify(&policy).is_ok());
            assert!(!accepted, "character {place} became {other}: {altered}");
        }
    }
}

#[test]
fn text_that_is_cut_anywhere_is_refused() {
    let text = proof(11, 6).0.to_text();
    for length in (0..text.len()).filter(|length| text.is_char_boundary(*length)) {
        let read = InclusionProof::from_text(&text[..length]);
        assert!(read.is_err(), "{length} of {} characters", text.len());
    }
}

#[test]
fn signatures_of_strangers_are_left_alone_and_none_stands_in_for_the_log() {
    let (proof, policy) = proof(5, 1);
    let text = proof.to_text();
    let line = "\u{2014} zamok.example/test-log Az3grlgtzPICa5OS8npVmf1Myq/5IZni\n";
    let read = |text: &str| InclusionProof::from_text(text);
    read(&format!("{text}{line}")).unwrap().verify(&policy).unwrap();
    let (body, own) = text.rsplit_once("\n\n").unwrap();
    assert_eq!(read(&format!("{body}\n\n{line}")).unwrap().verify(&policy), Err(Error::Rejected));
    read(&format!("{body}\n\n{}{own}", line.repeat(3))).unwrap().verify(&policy).unwrap();
    for lines in ["", "\n", "- not a signature\n", &format!("{line}\n"), &line[..20]] {
        assert_eq!(read(&format!("{text}{lines}")).is_err(), !lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn numbers_have_one_form() {
    let text = proof(5, 1).0.to_text();
    for (from, to) in [
        ("index 1\n", "index 01\n"),
        ("index 1\n", "index +1\n"),
        ("index 1\n", "index  1\n"),
        ("index 1\n", "index 18446744073709551617\n"),
        ("\n5\n", "\n05\n"),
        ("\n5\n", "\n\n"),
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v2\n"),
        ("extra ", "extra"),
        ("\n", "\r\n"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text);
        assert_eq!(InclusionProof::from_text(&other), Err(Error::Refused), "{to:?}");
    }
}

#[test]
fn a_proof_for_another_log_is_refused() {
    let text = proof(5, 1).0.to_text().replace(ORIGIN, "zamok.example/another-log");
    assert_eq!(InclusionProof::from_text(&text).unwrap().leaf_of_root(), Err(Error::Refused));
}

#[test]
fn a_proof_is_made_under_the_checkpoint_that_covers_the_leaf_and_stays_good() {
    let mut log = Log::new(3);
    log.fill(2, 9);
    log.integrate(8);
    assert_eq!(Journal::new(&log.store, &log.keyring).prove(2), Err(Error::Uncovered));
    log.sign();
    let policy = log.policy();
    let proof = Journal::new(&log.store, &log.keyring).prove(2).unwrap();
    log.drain();
    // Integrated, and in no checkpoint yet.
    assert_eq!(Journal::new(&log.store, &log.keyring).prove(8), Err(Error::Uncovered));
    assert_eq!(Journal::new(&log.store, &log.keyring).prove(2).unwrap(), proof);
    log.sign();
    for index in [2, 8] {
        let later = Journal::new(&log.store, &log.keyring).prove(index).unwrap();
        assert!(later.size() > 8);
        later.verify(&policy).unwrap();
    }
    proof.verify(&policy).unwrap();
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(c2sp\\.org/tlog-proof@v1\n)?(extra )?[ -~\n\u{2014}]{0,200}") {
        let _ = InclusionProof::from_text(&text).map(|proof| proof.leaf_of_root());
    }
}
