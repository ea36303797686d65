//! The text of a proof: what is read, what is refused, and what a proof still says after it was altered.

mod log;

use log::{Log, ORIGIN};
use proptest::prelude::*;
use zamok_core::Error;
use zamok_journal::{InclusionProof, Journal};

fn proof(leaves: u64, index: u64) -> InclusionProof {
    let mut log = Log::new(leaves);
    let mut writer = log.writer();
    // All in one second: nothing but the ids of their entries tells them apart.
    (0..leaves).for_each(|_| {
        log.write(&mut writer, 1);
    });
    log.drain();
    Journal::new(&log.store, &log.keyring).prove(index).unwrap()
}

#[test]
fn a_proof_needs_nothing_but_its_text() {
    let text = proof(300, 257).to_text();
    let proof = InclusionProof::from_text(&text).unwrap();
    let leaf = proof.verify().unwrap();
    assert_eq!((proof.index(), proof.size(), proof.origin()), (257, 300, ORIGIN));
    assert_eq!(leaf.encode().unwrap(), proof.leaf());
    assert_eq!(proof.to_text(), text);
}

#[test]
fn a_proof_names_one_entry_among_events_that_differ_in_nothing_else() {
    let mut log = Log::new(8);
    let mut writers = [log.writer(), log.writer()];
    let mut ids: Vec<_> = (0..10).map(|turn| log.write(&mut writers[turn % 2], 1)).collect();
    log.drain();
    ids.sort();
    let journal = Journal::new(&log.store, &log.keyring);
    let proofs: Vec<_> = (0..10).map(|index| journal.prove(index).unwrap()).collect();
    let named: Vec<_> = proofs.iter().map(|proof| proof.verify().unwrap().entry).collect();
    assert_eq!(named, ids);
    let line = |proof: &InclusionProof| proof.to_text().lines().nth(1).unwrap().to_owned();
    for (index, proof) in proofs.iter().enumerate() {
        for other in proofs.iter().enumerate().filter(|(place, _)| *place != index).map(|(_, other)| other) {
            let exchanged = proof.to_text().replace(&line(proof), &line(other));
            let read = InclusionProof::from_text(&exchanged).unwrap();
            assert_eq!(read.verify(), Err(Error::Refused));
        }
    }
}

#[test]
fn no_changed_character_goes_unnoticed() {
    let proof = proof(11, 6);
    let head = (proof.origin().to_owned(), proof.size(), *proof.root());
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
            let accepted = read.is_ok_and(|read| {
                read.verify().is_ok() && (read.origin().to_owned(), read.size(), *read.root()) == head
            });
            assert!(!accepted, "character {place} became {other}: {altered}");
        }
    }
}

#[test]
fn text_that_is_cut_anywhere_is_refused() {
    let text = proof(11, 6).to_text();
    for length in 0..text.len() {
        let read = InclusionProof::from_text(&text[..length]);
        assert!(read.is_err(), "{length} of {} characters", text.len());
    }
}

#[test]
fn signatures_below_the_checkpoint_are_left_alone() {
    let proof = proof(5, 1);
    let signed = |lines: &str| InclusionProof::from_text(&format!("{}\n{lines}", proof.to_text()));
    let line = "\u{2014} zamok.example/test-log Az3grlgtzPICa5OS8npVmf1Myq/5IZni\n";
    assert_eq!(signed(line).unwrap(), proof);
    assert_eq!(signed(&line.repeat(3)).unwrap(), proof);
    for lines in ["", "\n", "- not a signature\n", &format!("{line}\n"), &line[..20]] {
        assert_eq!(signed(lines), Err(Error::Refused), "{lines:?}");
    }
}

#[test]
fn numbers_have_one_form() {
    let text = proof(5, 1).to_text();
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
    let text = proof(5, 1).to_text().replace(ORIGIN, "zamok.example/another-log");
    assert_eq!(InclusionProof::from_text(&text).unwrap().verify(), Err(Error::Refused));
}

#[test]
fn a_proof_is_refused_under_another_head() {
    let mut log = Log::new(3);
    log.fill(2, 9);
    let old = log.integrate(8).head.unwrap();
    let proof = Journal::new(&log.store, &log.keyring).prove(2).unwrap();
    proof.verify_under(&old).unwrap();
    let new = log.drain().head.unwrap();
    assert_eq!(proof.verify_under(&new), Err(Error::Refused));
    Journal::new(&log.store, &log.keyring).prove(2).unwrap().verify_under(&new).unwrap();
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(c2sp\\.org/tlog-proof@v1\n)?(extra )?[ -~\n\u{2014}]{0,200}") {
        let _ = InclusionProof::from_text(&text).map(|proof| proof.verify());
    }
}
