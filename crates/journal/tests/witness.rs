//! What a witness cosigns, what it refuses with which status, and what it keeps of a log that forked.

mod log;

use base64ct::{Base64, Encoding};
use log::{Log, ORIGIN, START, Seeded, transact_over};
use zamok_core::event::EventKind;
use zamok_core::store::{MemoryStore, Range, RowKey, Store};
use zamok_core::vault::{Committed, Transaction, Writer};
use zamok_core::{Env, Error, UnixTime};
use zamok_journal::witness::{
    AddCheckpoint, EVIDENCE, Evidence, Suspicion, Verdict, WITNESSED, decide, evidence, found, key, latest,
    log_id,
};
use zamok_journal::{
    CHECKPOINTS, Fault, Finding, Journal, NoteSignature, Place, SignatureType, SignedCheckpoint, TrustPolicy,
    VerifierKey, audit, keep_cosigned, log_key, sign_checkpoint, tree,
};

const NAME: &str = "witness.example/w1";

/// A witness with a vault of its own.
struct Witness {
    log: Log,
    key: VerifierKey,
    policy: TrustPolicy,
    time: u64,
}

impl Witness {
    fn of(policy: TrustPolicy) -> Self {
        let mut log = Log::new(1000);
        let key = log.transact(0, |tx| found(tx, NAME)).unwrap();
        Self { log, key, policy, time: 0 }
    }

    fn decide(&mut self, request: &AddCheckpoint) -> Verdict {
        self.time += 1;
        let policy = self.policy.clone();
        self.log.transact(self.time, |tx| decide(tx, &policy, request)).unwrap()
    }

    fn evidence(&self) -> Vec<Evidence> {
        evidence(&self.log.store, &self.log.keyring).unwrap()
    }

    fn remembers(&self) -> Option<u64> {
        let latest = latest(&self.log.store, &self.log.keyring, &log_id(ORIGIN)).unwrap();
        latest.map(|signed| signed.checkpoint().size)
    }
}

/// A log that grows, and its checkpoint after each step.
fn grown(seed: u64, steps: &[u64]) -> (Log, TrustPolicy, Vec<SignedCheckpoint>) {
    let mut log = Log::new(seed);
    let mut writer = log.writer();
    let mut signed = Vec::new();
    let mut time = 0;
    for step in steps {
        for _ in 0..*step {
            time += 1;
            log.write(&mut writer, time);
        }
        log.drain();
        signed.push(log.sign());
    }
    let policy = log.policy();
    (log, policy, signed)
}

fn request(log: &Log, old: u64, checkpoint: &SignedCheckpoint) -> AddCheckpoint {
    let path = Journal::new(&log.store, &log.keyring).consistency(old, checkpoint.checkpoint()).unwrap();
    AddCheckpoint { old, path, checkpoint: checkpoint.clone() }
}

fn size(signed: &SignedCheckpoint) -> u64 {
    signed.checkpoint().size
}

#[test]
fn a_log_that_grows_is_cosigned_and_the_cosignature_is_over_time_and_text() {
    let (log, policy, signed) = grown(1, &[5, 7, 300]);
    let mut witness = Witness::of(policy.clone());
    let mut old = 0;
    for mut checkpoint in signed.clone() {
        let Verdict::Cosigned(line) = witness.decide(&request(&log, old, &checkpoint)) else { panic!() };
        checkpoint.cosign(&witness.key, line).unwrap();
        old = size(&checkpoint);
        assert_eq!(witness.remembers(), Some(old));
        let vkey = witness.key.to_string();
        let quorum = format!("witness w {vkey}\nquorum w\nlog {}\n", policy.logs()[0].key);
        let trusted = TrustPolicy::parse(&quorum).unwrap().require(&checkpoint).unwrap();
        assert_eq!(trusted.witnesses, [(NAME.to_owned(), UnixTime(START + witness.time))]);
    }
    // Once more for the same: a fresh time, and nothing else changes.
    let Verdict::Cosigned(line) = witness.decide(&request(&log, old, &signed[2])) else { panic!() };
    signed[2].clone().cosign(&witness.key, line.clone()).unwrap();
    assert_eq!(signed[1].clone().cosign(&witness.key, line), Err(Error::Rejected));
    assert_eq!(witness.evidence(), []);
    assert_eq!(witness.log.transact(0, key).unwrap(), witness.key);
}

#[test]
fn every_refusal_has_its_status_and_moves_nothing() {
    let (log, policy, signed) = grown(2, &[5, 7]);
    let (first, second) = (&signed[0], &signed[1]);
    let mut witness = Witness::of(policy);
    assert_eq!(witness.decide(&request(&log, 0, first)).status(), 200);
    let right = request(&log, size(first), second);

    let elsewhere = right.to_string().replace(ORIGIN, "zamok.example/another-log");
    let elsewhere = AddCheckpoint::parse(&elsewhere).unwrap();
    assert_eq!(witness.decide(&elsewhere), Verdict::UnknownLog);

    let text = right.to_string();
    let (body, line) = text.trim_end().rsplit_once(' ').unwrap();
    let other = if line.ends_with("A=") { "B=" } else { "A=" };
    let forged = format!("{body} {}{other}\n", &line[..line.len() - 2]);
    let verdicts: Vec<_> =
        AddCheckpoint::parse(&forged).into_iter().map(|forged| witness.decide(&forged)).collect();
    assert!(verdicts.is_empty() || verdicts == [Verdict::Unsigned], "{verdicts:?}");
    let stranger =
        TrustPolicy::parse(&format!("log {}\nquorum none\n", grown(3, &[1]).1.logs()[0].key)).unwrap();
    let mut other = Witness::of(stranger);
    assert_eq!(other.decide(&right), Verdict::Unsigned);
    assert_eq!(other.remembers(), None);

    let beyond = AddCheckpoint { old: size(second) + 1, ..right.clone() };
    assert_eq!(witness.decide(&beyond), Verdict::Shrunk);
    for old in [0, 1, size(second)] {
        let wrong = AddCheckpoint { old, ..right.clone() };
        assert_eq!(witness.decide(&wrong), Verdict::Conflict(size(first)), "{old}");
    }
    for place in 0..right.path.len() {
        let mut wrong = right.clone();
        wrong.path[place][7] ^= 1;
        assert_eq!(witness.decide(&wrong), Verdict::Inconsistent);
        wrong.path.remove(place);
        assert_eq!(witness.decide(&wrong), Verdict::Inconsistent);
    }
    assert_eq!(witness.remembers(), Some(size(first)), "nothing was taken up");
    assert_eq!(witness.decide(&right).status(), 200);
    // It went on: the earlier one is not cosigned any more.
    assert_eq!(witness.decide(&request(&log, size(first), first)), Verdict::Conflict(size(second)));
    // A proof where none belongs.
    let padded = AddCheckpoint { old: size(second), path: vec![[0; 32]], checkpoint: second.clone() };
    assert_eq!(witness.decide(&padded), Verdict::Inconsistent);
}

/// Two histories of one vault: a copy of its store went on by itself, with the same key.
fn fork() -> (Log, Log, TrustPolicy, [SignedCheckpoint; 3]) {
    let (mut log, policy, signed) = grown(4, &[6]);
    let mut copy = Log::new(77);
    for table in [1, 2, 16, 17, 18, 19, 20, 21, 22, 23, 24] {
        copy_rows(&log.store, &copy.store, table);
    }
    let mut writer = log.writer();
    for time in 50..53 {
        log.write(&mut writer, time);
    }
    log.drain();
    let mut writer = copy.writer();
    for time in 60..63 {
        copy.write(&mut writer, time);
    }
    copy.drain();
    let both = [signed[0].clone(), log.sign(), copy.sign()];
    assert_eq!(size(&both[1]), size(&both[2]));
    assert_ne!(both[1].checkpoint().root, both[2].checkpoint().root);
    (log, copy, policy, both)
}

/// Copies rows with their versions, as somebody with the disk does.
fn copy_rows(from: &MemoryStore, to: &MemoryStore, table: u16) {
    use zamok_core::store::{Change, ChangeId, Outcome, Table};
    let rows = from.scan(Table(table), &Range::all(), 10_000, None).unwrap().rows;
    for (key, row) in rows {
        for version in 1..=row.version {
            let id = zamok_core::hash::sha256(&[&table.to_be_bytes(), &key, &version.to_be_bytes()]);
            let mut change = Change::new(ChangeId(id[..16].try_into().unwrap()));
            let key = RowKey::new(Table(table), key.clone());
            match version {
                1 => change.insert(key, row.value.clone()).unwrap(),
                _ => change.update(key, version - 1, row.value.clone()).unwrap(),
            }
            assert_eq!(to.commit(&change).unwrap(), Outcome::Committed);
        }
    }
}

#[test]
fn a_fork_is_refused_and_both_sides_of_it_are_kept_as_evidence() {
    let (log, copy, policy, [start, one, other]) = fork();
    let mut witness = Witness::of(policy.clone());
    assert_eq!(witness.decide(&request(&log, 0, &start)).status(), 200);
    assert_eq!(witness.decide(&request(&log, size(&start), &one)).status(), 200);
    // The other history proves that it extends the same start, and still is another one.
    let forked = request(&copy, size(&start), &other);
    tree::verify_consistency(
        (size(&start), &start.checkpoint().root),
        (size(&other), &other.checkpoint().root),
        &forked.path,
    )
    .unwrap();
    for old in [0, size(&start)] {
        assert_eq!(witness.decide(&AddCheckpoint { old, ..forked.clone() }), Verdict::Conflict(size(&one)));
    }
    // C2SP tlog-witness: of the same size, and with another root.
    for path in [Vec::new(), forked.path.clone()] {
        let same = AddCheckpoint { old: size(&one), path, ..forked.clone() };
        assert_eq!(witness.decide(&same).status(), 422);
    }
    let kept = witness.evidence();
    let [Evidence { suspicion: Suspicion::Fork, remembered, refused, .. }] = kept.as_slice() else {
        panic!("one piece of evidence: {kept:?}")
    };
    // Both are signed by the log, so that a third party needs to believe nobody.
    for signed in [remembered, refused] {
        policy.require(signed).unwrap();
    }
    assert_eq!((remembered.checkpoint(), refused.checkpoint()), (one.checkpoint(), other.checkpoint()));
    assert!(matches!(remembered.note().signed_by(&witness.key), Ok(Some(_))));
    assert_eq!(witness.remembers(), Some(size(&one)));
    // Its own journal tells of it, so that evidence does not go away unseen.
    witness.log.drain();
    let journal = Journal::new(&witness.log.store, &witness.log.keyring);
    let told =
        journal.range(0..100).unwrap().into_iter().filter(|entry| entry.leaf.kind == EventKind::ForkKept);
    assert_eq!(told.count(), 1);
}

#[test]
fn a_log_that_was_put_back_or_rewritten_signs_nothing_more() {
    let (mut log, copy, _, [start, one, _]) = fork();
    let sign = |store: &dyn Store, log: &Log| {
        transact_over(store, &log.keyring, START, &mut Seeded::new(1), sign_checkpoint)
    };
    let latest = RowKey::new(CHECKPOINTS, *b"latest");
    // The other history, under the checkpoint that this one signed.
    let mut rewritten = copy.hostile();
    rewritten.put(latest.clone(), log.store.get(&latest).unwrap().unwrap());
    assert_eq!(sign(&rewritten, &log).unwrap_err(), Error::LogForked);
    // An earlier head, with the tree of then, under the newest checkpoint.
    let (earlier, _, signed) = grown(4, &[6]);
    assert_eq!(signed[0], start);
    let mut put_back = earlier.hostile();
    put_back.put(latest, log.store.get(&RowKey::new(CHECKPOINTS, *b"latest")).unwrap().unwrap());
    let behind = Error::LogBehind { found: size(&start), anchored: size(&one) };
    assert_eq!(sign(&put_back, &log).unwrap_err(), behind);
    assert_eq!(log.sign(), one, "nothing was added since");
}

#[test]
fn a_rewritten_log_of_another_size_is_refused_and_kept_as_a_suspicion() {
    let (log, mut copy, policy, [start, one, _]) = fork();
    let mut witness = Witness::of(policy);
    witness.decide(&request(&log, 0, &start));
    witness.decide(&request(&log, size(&start), &one));
    let mut writer = copy.writer();
    copy.write(&mut writer, 99);
    copy.drain();
    let longer = copy.sign();
    assert!(size(&longer) > size(&one));
    let forked = request(&copy, size(&one), &longer);
    assert_eq!(witness.decide(&forked), Verdict::Inconsistent);
    let kept = witness.evidence();
    assert_eq!((kept.len(), kept[0].suspicion, &kept[0].refused), (1, Suspicion::Unproved, &longer));
}

#[test]
fn suspicions_are_bounded_and_junk_crowds_out_no_evidence() {
    let (log, copy, policy, [start, one, other]) = fork();
    let mut witness = Witness::of(policy);
    witness.decide(&request(&log, 0, &start));
    witness.decide(&request(&log, size(&start), &one));
    witness.decide(&request(&copy, size(&start), &other));
    let mut log = log;
    let mut writer = log.writer();
    for time in 0..40 {
        log.write(&mut writer, 200 + time);
        log.drain();
        let junk = AddCheckpoint { old: size(&one), path: vec![[7; 32]], checkpoint: log.sign() };
        assert_eq!(witness.decide(&junk), Verdict::Inconsistent);
    }
    let kept = witness.evidence();
    let count = |suspicion| kept.iter().filter(|piece| piece.suspicion == suspicion).count();
    assert_eq!((count(Suspicion::Fork), count(Suspicion::Unproved)), (1, 16));
    // The latest are those that are kept.
    assert!(
        kept.iter()
            .filter(|piece| piece.suspicion == Suspicion::Unproved)
            .all(|piece| size(&piece.refused) > size(&one) + 20)
    );
}

#[test]
fn forks_beyond_the_limit_push_none_out_that_was_kept() {
    let (mut log, policy, signed) = grown(4, &[6]);
    let mut witness = Witness::of(policy);
    witness.decide(&request(&log, 0, &signed[0]));
    let others: Vec<_> = (0..18_u64)
        .map(|number| {
            let mut copy = Log::new(700 + number);
            for table in [1, 2, 16, 17, 18, 19, 20, 21, 22, 23, 24] {
                copy_rows(&log.store, &copy.store, table);
            }
            let mut writer = copy.writer();
            copy.write(&mut writer, 60 + number);
            copy.drain();
            let other = copy.sign();
            (request(&copy, size(&signed[0]), &other), other)
        })
        .collect();
    let mut writer = log.writer();
    log.write(&mut writer, 50);
    log.drain();
    let one = log.sign();
    assert_eq!(witness.decide(&request(&log, size(&signed[0]), &one)).status(), 200);
    for (request, other) in &others {
        assert_eq!(size(other), size(&one));
        assert_eq!(witness.decide(request), Verdict::Conflict(size(&one)));
    }
    let kept: Vec<_> = witness.evidence().into_iter().map(|piece| piece.refused).collect();
    assert_eq!(kept.len(), 16);
    assert!(others[..16].iter().all(|(_, other)| kept.contains(other)), "the first ones stay");
}

#[test]
fn a_key_that_is_named_otherwise_than_the_log_says_nothing_of_it() {
    let (_, policy, signed) = grown(9, &[5]);
    let key = &policy.logs()[0].key;
    let line = signed[0].note().signatures()[0].to_string();
    let bytes = Base64::decode_vec(line.trim_end().rsplit(' ').next().unwrap()).unwrap();
    // The same signature under another name: right over this text, and of a log that has another name.
    let other = VerifierKey::new("zamok.example/another-log", SignatureType::Ed25519, *key.public()).unwrap();
    let renamed = NoteSignature::new(&other, &bytes[4..]).to_string();
    let note = signed[0].to_string().replace(&line, &renamed);
    let renamed = SignedCheckpoint::parse(&note).unwrap();
    assert!(renamed.note().signed_by(&other).unwrap().is_some());
    assert_eq!(TrustPolicy::log(other).check(&renamed), Err(Error::Rejected));
    policy.check(&signed[0]).unwrap();
}

#[test]
fn of_two_requests_at_once_one_is_decided_on_what_the_other_left() {
    let (log, policy, signed) = grown(5, &[4, 4, 4]);
    let mut witness = Witness::of(policy.clone());
    witness.decide(&request(&log, 0, &signed[0]));
    let requests = [&signed[1], &signed[2]].map(|to| request(&log, size(&signed[0]), to));
    let mut rngs = [Seeded::new(1), Seeded::new(2)];
    let (store, keyring) = (&witness.log.store, &witness.log.keyring);
    let pending: Vec<_> = rngs
        .iter_mut()
        .zip(&requests)
        .map(|(rng, request)| {
            let mut env = Env { now: UnixTime(START), rng };
            let writer = Writer::new(ORIGIN, &mut env);
            let mut tx = Transaction::begin(store, keyring, writer, env);
            let verdict = decide(&mut tx, &policy, request).unwrap();
            assert_eq!(verdict.status(), 200, "each would be right alone");
            tx.prepare(verdict).unwrap()
        })
        .collect();
    // The longer one comes first; the shorter must not take it back.
    let outcomes: Vec<_> = pending.into_iter().rev().map(|pending| pending.commit().unwrap()).collect();
    assert!(matches!(outcomes.as_slice(), [Committed::Done(..), Committed::Conflict(_)]));
    assert_eq!(witness.remembers(), Some(size(&signed[2])));
    assert_eq!(witness.decide(&requests[0]), Verdict::Conflict(size(&signed[2])));
}

#[test]
fn an_altered_memory_is_never_taken_for_an_empty_one() {
    let (log, policy, signed) = grown(6, &[4, 4]);
    let mut witness = Witness::of(policy.clone());
    witness.decide(&request(&log, 0, &signed[0]));
    let row = RowKey::new(WITNESSED, log_id(ORIGIN));
    let length = witness.log.store.get(&row).unwrap().unwrap().value.len();
    for byte in 0..length {
        let mut hostile = witness.log.hostile();
        hostile.flip(&row, byte);
        let decided = transact_over(&hostile, &witness.log.keyring, START, &mut Seeded::new(1), |tx| {
            decide(tx, &policy, &request(&log, 0, &signed[1]))
        });
        assert!(matches!(decided, Err(Error::Refused | Error::Format { .. })), "byte {byte}: {decided:?}");
    }
    assert_eq!(witness.log.store.scan(EVIDENCE, &Range::all(), 1, None).unwrap().rows, []);
}

#[test]
fn a_memory_that_was_taken_away_is_never_taken_for_an_empty_one() {
    let (log, copy, policy, [start, one, other]) = fork();
    let mut witness = Witness::of(policy.clone());
    assert_eq!(witness.decide(&request(&log, 0, &start)).status(), 200);
    assert_eq!(witness.decide(&request(&log, size(&start), &one)).status(), 200);
    let without = |row: RowKey| {
        let (keyring, fork) = (&witness.log.keyring, request(&copy, 0, &other));
        let mut hostile = witness.log.hostile();
        hostile.drop(row);
        let decided = transact_over(&hostile, keyring, START, &mut Seeded::new(1), |tx| {
            decide(tx, &policy, &fork).map(|verdict| verdict.status())
        });
        // Nor is it told to a vault whose anchor it is that nothing was cosigned.
        (decided, latest(&hostile, keyring, &log_id(ORIGIN)).map(drop))
    };
    assert_eq!(without(RowKey::new(WITNESSED, log_id(ORIGIN))), (Err(Error::Refused), Err(Error::Refused)));
    assert_eq!(without(RowKey::new(WITNESSED, *b"key")), (Err(Error::NoVault), Err(Error::NoVault)));
}

#[test]
fn a_witness_whose_row_is_of_the_first_version_goes_on_and_lists_the_logs_that_it_cosigns() {
    let (log, policy, signed) = grown(6, &[4, 4]);
    let mut witness = Witness::of(policy);
    witness.decide(&request(&log, 0, &signed[0]));
    let row = RowKey::new(WITNESSED, *b"key");
    let (first, listing) = witness
        .log
        .transact(2, |tx| {
            let listing = tx.state(&row)?.unwrap();
            let (first, log) = listing.split_last_chunk::<32>().unwrap();
            assert_eq!((first[0], *log), (2, log_id(ORIGIN)));
            let first = [&[1], &first[1..]].concat();
            tx.put_state(&row, &first)?;
            Ok((first, listing))
        })
        .unwrap();
    assert_eq!(witness.log.transact(2, key).unwrap(), witness.key);
    assert_eq!(witness.decide(&request(&log, size(&signed[0]), &signed[1])).status(), 200);
    assert_eq!(witness.log.transact(2, |tx| tx.state(&row)).unwrap(), Some(listing));
    // It has no list, and nothing behind it.
    let long = [&first[..], &[0; 32]].concat();
    witness.log.transact(2, |tx| tx.put_state(&row, &long)).unwrap();
    assert_eq!(witness.log.transact(2, key), Err(Error::Refused));
}

#[test]
fn of_the_lines_below_a_checkpoint_one_of_each_key_of_its_log_is_kept() {
    let (log, policy, signed) = grown(11, &[5, 4]);
    let public = *grown(12, &[1]).1.logs()[0].key.public();
    let other = VerifierKey::new("zamok.example/another-log", SignatureType::Ed25519, public).unwrap();
    let mut witness = Witness::of(policy.with_log(other.clone()));
    // As many lines as a note can have: of the log twice, and in the name of another log, which did not sign.
    let crowded = |signed: &SignedCheckpoint| {
        let own = signed.note().signatures()[0].to_string();
        let junk: String =
            (0..62).map(|number| NoteSignature::new(&other, [number; 64]).to_string()).collect();
        SignedCheckpoint::parse(&format!("{signed}{own}{junk}")).unwrap()
    };
    let (first, second) = (crowded(&signed[0]), crowded(&signed[1]));
    assert_eq!(witness.decide(&request(&log, 0, &first)).status(), 200);
    let kept = latest(&witness.log.store, &witness.log.keyring, &log_id(ORIGIN)).unwrap().unwrap();
    assert_eq!(kept.note().signatures().len(), 2, "of the log and of the witness");
    let unproved = AddCheckpoint { old: size(&first), path: Vec::new(), checkpoint: second };
    assert_eq!(witness.decide(&unproved), Verdict::Inconsistent);
    assert_eq!(witness.evidence()[0].refused, signed[1]);
}

#[test]
fn requests_are_read_as_they_are_written_and_nothing_else_is_a_request() {
    let (log, _, signed) = grown(7, &[5, 9]);
    let right = request(&log, size(&signed[0]), &signed[1]);
    let text = right.to_string();
    assert_eq!(AddCheckpoint::parse(&text).unwrap(), right);
    for (from, to) in [
        ("old ", "Old "),
        ("old 5", "old 05"),
        ("old 5", "old -5"),
        ("old 5", "old 5 "),
        ("old 5\n", "old 5\n\n"),
        ("\n", "\r\n"),
        ("\n\n", "\n"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from:?}");
        assert!(AddCheckpoint::parse(&other).is_err(), "{to:?}");
    }
    let hash = "39EUfp05N95fw2zwXmyn2gWkjOjEn/5MDUj+ehzld5A=\n";
    let long = text.replacen("\n", &format!("\n{}", hash.repeat(64 - right.path.len())), 1);
    assert_eq!(AddCheckpoint::parse(&long), Err(Error::Refused), "64 lines are one too many");
    for length in (0..text.len()).filter(|length| text.is_char_boundary(*length)) {
        assert!(AddCheckpoint::parse(&text[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_quorum_is_counted_by_witnesses_and_not_by_lines() {
    let (mut log, policy, signed) = grown(8, &[5]);
    let mut checkpoint = signed[0].clone();
    let mut own = Vec::new();
    for number in 1..=3_u64 {
        let mut vault = Log::new(500 + number);
        let name = format!("witness.example/w{number}");
        let key = vault.transact(0, |tx| found(tx, &name)).unwrap();
        own.push((vault, key));
    }
    let file = format!(
        "# two of three\nlog {}\nwitness a {}\nwitness b {}\nwitness c {}\ngroup g 2 a b c\nquorum g\n",
        policy.logs()[0].key,
        own[0].1,
        own[1].1,
        own[2].1
    );
    let quorum = TrustPolicy::parse(&file).unwrap();
    let cosign = |vault: &mut Log, time: u64, checkpoint: &SignedCheckpoint| -> NoteSignature {
        let request = AddCheckpoint { old: 0, path: vec![], checkpoint: checkpoint.clone() };
        match vault.transact(time, |tx| decide(tx, &policy, &request)).unwrap() {
            Verdict::Cosigned(line) => line,
            // It remembers it by now.
            Verdict::Conflict(size) => {
                let request = AddCheckpoint { old: size, ..request };
                match vault.transact(time, |tx| decide(tx, &policy, &request)).unwrap() {
                    Verdict::Cosigned(line) => line,
                    other => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(quorum.require(&checkpoint), Err(Error::Unwitnessed));
    // The same witness twice is one witness.
    for time in [1, 2] {
        let line = cosign(&mut own[0].0, time, &checkpoint);
        checkpoint.cosign(&own[0].1, line).unwrap();
    }
    assert_eq!(checkpoint.note().signatures().len(), 2, "one line of each, the latest");
    assert_eq!(quorum.require(&checkpoint), Err(Error::Unwitnessed));
    let kept = log.transact(3, |tx| keep_cosigned(tx, &quorum, &checkpoint)).unwrap();
    assert_eq!((kept.witnesses.len(), kept.is_quorum), (1, false));
    let receipt = |log: &Log| {
        let journal = Journal::new(&log.store, &log.keyring);
        let id = journal.range(0..1).unwrap()[0].id;
        journal.receipt(id).unwrap().unwrap()
    };
    assert_eq!(receipt(&log), zamok_journal::Receipt::Covered { index: 0, size: size(&checkpoint) });
    let line = cosign(&mut own[2].0, 5, &checkpoint);
    checkpoint.cosign(&own[2].1, line).unwrap();
    let trusted = quorum.require(&checkpoint).unwrap();
    let names: Vec<_> = trusted.witnesses.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["witness.example/w1", "witness.example/w3"]);
    // The time is that of the latest cosignature.
    assert_eq!(trusted.witnesses[0].1, UnixTime(START + 2));
    log.transact(6, |tx| keep_cosigned(tx, &quorum, &checkpoint)).unwrap();
    assert_eq!(receipt(&log), zamok_journal::Receipt::Witnessed { index: 0, size: size(&checkpoint) });
    let proof = Journal::new(&log.store, &log.keyring).prove(2).unwrap();
    proof.verify(&quorum).unwrap();
    // A log at rest is cosigned again and again: its rows do not grow, and no cosigning hinders the next.
    for time in 10..100 {
        let mut latest = log.sign();
        assert!(latest.note().signatures().len() <= 3, "{time}");
        let line = cosign(&mut own[0].0, time, &latest);
        latest.cosign(&own[0].1, line).unwrap();
        let kept = log.transact(time, |tx| keep_cosigned(tx, &quorum, &latest)).unwrap();
        assert_eq!((kept.is_quorum, kept.witnesses[0].1), (true, UnixTime(START + time)));
    }
    // What comes late is no step back.
    let line = cosign(&mut own[0].0, 50, &checkpoint);
    let mut late = checkpoint.clone();
    late.cosign(&own[0].1, line).unwrap();
    let kept = log.transact(100, |tx| keep_cosigned(tx, &quorum, &late)).unwrap();
    assert_eq!(kept.witnesses[0].1, UnixTime(START + 99));
    // A line that claims to be of a known witness and is not spoils the note, also one that is whole without it.
    let false_line = NoteSignature::new(&own[1].1, [7; 72]).to_string();
    let spoilt = SignedCheckpoint::parse(&format!("{checkpoint}{false_line}")).unwrap();
    assert_eq!(quorum.require(&spoilt), Err(Error::Rejected));
    let forged = checkpoint.to_string().replacen("w3 ", "w1 ", 1);
    assert!(SignedCheckpoint::parse(&forged).is_ok_and(|forged| quorum.require(&forged).is_err()));
}

#[test]
fn what_is_kept_of_cosignatures_goes_not_back_and_has_no_lines_of_strangers() {
    let (mut log, policy, mut signed) = grown(9, &[5, 7]);
    let mut witness = Witness::of(policy.clone());
    let mut old = 0;
    for checkpoint in &mut signed {
        let Verdict::Cosigned(line) = witness.decide(&request(&log, old, checkpoint)) else { panic!() };
        checkpoint.cosign(&witness.key, line).unwrap();
        old = size(checkpoint);
    }
    // A witness that is not among those of the policy has cosigned the later one as well.
    let mut stranger = Log::new(1001);
    let key = stranger.transact(0, |tx| found(tx, "witness.example/w2")).unwrap();
    let asked = request(&log, 0, &signed[1]);
    let verdict = stranger.transact(1, |tx| decide(tx, &policy, &asked)).unwrap();
    let Verdict::Cosigned(line) = verdict else { panic!("{verdict:?}") };
    let mut crowded = signed[1].clone();
    crowded.cosign(&key, line).unwrap();

    let quorum = format!("log {}\nwitness w {}\nquorum w\n", policy.logs()[0].key, witness.key);
    let quorum = TrustPolicy::parse(&quorum).unwrap();
    // What was cosigned earlier comes late.
    for (time, checkpoint) in [(20, &crowded), (21, &signed[0])] {
        assert!(log.transact(time, |tx| keep_cosigned(tx, &quorum, checkpoint)).unwrap().is_quorum);
        let kept = Journal::new(&log.store, &log.keyring).checkpoints().unwrap();
        for kept in kept.map(Option::unwrap) {
            assert_eq!((size(&kept), kept.note().signatures().len()), (size(&signed[1]), 2), "{time}");
        }
    }
}

#[test]
fn a_policy_has_one_way_into_a_quorum_for_each_witness() {
    let log = grown(10, &[1]).1.logs()[0].key.clone();
    let witness = |number: u64| {
        let mut vault = Log::new(600 + number);
        vault.transact(0, |tx| found(tx, &format!("witness.example/w{number}"))).unwrap()
    };
    let (one, two) = (witness(1), witness(2));
    let head = format!("log {log}\nwitness a {one}\n");
    let parse = |rest: &str| TrustPolicy::parse(&format!("{head}{rest}")).map(drop);
    assert_eq!(parse(&format!("witness b {two}\ngroup g 2 a b\nquorum g\n")), Ok(()));
    let refused = [
        format!("witness b {one}\ngroup g 2 a b\nquorum g\n"),
        format!("log {log}\nquorum none\n"),
        format!("witness a {two}\nquorum a\n"),
        "group g 2 a a\nquorum g\n".to_owned(),
        format!("group g any a\nwitness b {two}\ngroup h all a b\nquorum h\n"),
        "group g 0 a\nquorum g\n".to_owned(),
        "group g 2 a\nquorum g\n".to_owned(),
        "group g any\nquorum g\n".to_owned(),
        "group g any b\nquorum g\n".to_owned(),
        "group none any a\nquorum none\n".to_owned(),
        "quorum a\nquorum a\n".to_owned(),
    ];
    let lines = [3, 3, 3, 3, 5, 3, 3, 3, 3, 3, 4];
    for (text, line) in refused.iter().zip(lines) {
        assert_eq!(parse(text), Err(line), "{text}");
    }
    assert_eq!(parse(""), Err(4), "no quorum");
}

#[test]
fn an_audit_names_the_checkpoint_that_a_rewritten_log_has_signed_before() {
    let (log, copy, _, [_, one, other]) = fork();
    assert_eq!(size(&one), size(&other));
    let latest = RowKey::new(CHECKPOINTS, *b"latest");
    let named = Finding { place: Place::Checkpoint("latest"), fault: Fault::Differs };
    let found = audit(&copy.store, &copy.keyring).unwrap().findings;
    assert!(!found.contains(&named), "{found:?}");
    // The other history, under the checkpoint that this one signed: of the same size, and of a smaller one.
    let mut rewritten = copy.hostile();
    rewritten.put(latest.clone(), log.store.get(&latest).unwrap().unwrap());
    let found = audit(&rewritten, &copy.keyring).unwrap().findings;
    assert!(found.contains(&named), "{found:?}");
    let mut longer = copy;
    let mut writer = longer.writer();
    longer.write(&mut writer, 99);
    longer.drain();
    let mut rewritten = longer.hostile();
    rewritten.put(latest.clone(), log.store.get(&latest).unwrap().unwrap());
    let found = audit(&rewritten, &longer.keyring).unwrap().findings;
    assert!(found.contains(&named), "{found:?}");
}

#[test]
fn a_log_whose_last_checkpoint_was_taken_away_signs_nothing_and_an_audit_names_it() {
    let (mut log, _, _) = grown(16, &[5]);
    let mut writer = log.writer();
    log.write(&mut writer, 50);
    log.drain();
    let mut hostile = log.hostile();
    hostile.drop(RowKey::new(CHECKPOINTS, *b"latest"));
    let signed = transact_over(&hostile, &log.keyring, START, &mut Seeded::new(1), sign_checkpoint);
    assert_eq!(signed, Err(Error::Refused));
    let missing = Finding { place: Place::Checkpoint("latest"), fault: Fault::Missing };
    let found = audit(&hostile, &log.keyring).unwrap().findings;
    assert!(found.contains(&missing), "{found:?}");
}

#[test]
fn a_log_that_has_signed_makes_no_other_key_when_the_row_of_its_own_was_taken_away() {
    let (mut log, _, _) = grown(15, &[5]);
    let mut writer = log.writer();
    log.write(&mut writer, 50);
    log.drain();
    let mut hostile = log.hostile();
    hostile.drop(RowKey::new(CHECKPOINTS, *b"key"));
    let told = transact_over(&hostile, &log.keyring, START, &mut Seeded::new(1), log_key);
    assert_eq!(told, Err(Error::Refused));
    let signed = transact_over(&hostile, &log.keyring, START, &mut Seeded::new(1), sign_checkpoint);
    assert_eq!(signed, Err(Error::Refused));
    let missing = Finding { place: Place::Checkpoint("key"), fault: Fault::Missing };
    let found = audit(&hostile, &log.keyring).unwrap().findings;
    assert!(found.contains(&missing), "{found:?}");
}

#[test]
fn a_log_that_has_lost_its_key_and_its_checkpoint_makes_no_other_key() {
    let (log, _, _) = grown(16, &[5]);
    let mut hostile = log.hostile();
    hostile.drop(RowKey::new(CHECKPOINTS, *b"key"));
    hostile.drop(RowKey::new(CHECKPOINTS, *b"latest"));
    let signed = transact_over(&hostile, &log.keyring, START, &mut Seeded::new(1), sign_checkpoint);
    assert_eq!(signed, Err(Error::Refused));
}

#[test]
fn what_no_witness_cosigned_is_not_kept_as_witnessed_and_hinders_no_quorum() {
    let (mut log, policy, mut signed) = grown(17, &[5]);
    let key = &policy.logs()[0].key;
    let nobody = TrustPolicy::parse(&format!("log {key}\nquorum none\n")).unwrap();
    assert!(log.transact(20, |tx| keep_cosigned(tx, &nobody, &signed[0])).unwrap().is_quorum);
    let witnessed = |log: &Log| Journal::new(&log.store, &log.keyring).checkpoints().unwrap()[1].clone();
    assert_eq!(witnessed(&log), None);
    let mut witness = Witness::of(policy.clone());
    let Verdict::Cosigned(line) = witness.decide(&request(&log, 0, &signed[0])) else { panic!() };
    signed[0].cosign(&witness.key, line).unwrap();
    let quorum = format!("log {key}\nwitness w {}\nquorum w\n", witness.key);
    let quorum = TrustPolicy::parse(&quorum).unwrap();
    assert!(log.transact(21, |tx| keep_cosigned(tx, &quorum, &signed[0])).unwrap().is_quorum);
    assert_eq!(witnessed(&log).map(|signed| signed.note().signatures().len()), Some(2));
    Journal::new(&log.store, &log.keyring).prove(2).unwrap().verify(&quorum).unwrap();
}
