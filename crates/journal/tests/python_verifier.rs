//! The page of Python in `examples/python/verify_proof.py`, which shares no code with ours: it accepts what we accept,
//! says the same of it, and refuses what we refuse.

mod log;
mod peers;

use base64ct::{Base64, Encoding};
use log::{Log, ORIGIN, Seeded, tier};
use zamok_core::wire::Writer;
use zamok_journal::tree::{self, Hash};
use zamok_journal::witness::{AddCheckpoint, Verdict, decide, found};
use zamok_journal::{
    Head, InclusionProof, Journal, TrustPolicy, VerifierKey, keep_cosigned, sign_checkpoint,
};

const PROGRAM: &str = r"
import base64, sys
from verify_proof import verify, vkey
for line in sys.stdin:
    proof, log, quorum, *witnesses = line.rstrip('\n').split('\t')
    try:
        proof = base64.b64decode(proof).decode()
        print('ok', verify(proof, vkey(log), int(quorum), [vkey(key) for key in witnesses]))
    except Exception as wrong:
        print('no', type(wrong).__name__)
";

/// A log under a quorum of two of three, whose last leaves are covered and not witnessed.
struct Scene {
    log: Log,
    key: VerifierKey,
    witnesses: Vec<VerifierKey>,
    policy: TrustPolicy,
    size: u64,
}

fn scene(seed: u64, leaves: u64) -> Scene {
    let mut log = Log::new(seed);
    log.fill(3, leaves);
    log.drain();
    let mut signed = log.sign();
    let key = log.policy().logs()[0].key.clone();
    let mut file = format!("log {key}\n");
    let mut keys = Vec::new();
    for number in 0..3_u64 {
        let mut vault = Log::new(seed * 100 + number);
        let vkey = vault.transact(0, |tx| found(tx, &format!("witness.example/w{number}"))).unwrap();
        let request = AddCheckpoint { old: 0, path: vec![], checkpoint: signed.clone() };
        let trusted = TrustPolicy::log(key.clone());
        if number != 1 {
            let verdict = vault.transact(number, |tx| decide(tx, &trusted, &request)).unwrap();
            let Verdict::Cosigned(line) = verdict else { panic!("{verdict:?}") };
            signed.cosign(&vkey, line).unwrap();
        }
        file += &format!("witness w{number} {vkey}\n");
        keys.push(vkey);
    }
    file += "group g 2 w0 w1 w2\nquorum g\n";
    let policy = TrustPolicy::parse(&file).unwrap();
    assert!(log.transact(0, |tx| keep_cosigned(tx, &policy, &signed)).unwrap().is_quorum);
    let size = signed.checkpoint().size;
    Scene { log, key, witnesses: keys, policy, size }
}

impl Scene {
    fn question(&self, proof: &str) -> String {
        let witnesses: Vec<_> = self.witnesses.iter().map(ToString::to_string).collect();
        format!("{}\t{}\t2\t{}", Base64::encode_string(proof.as_bytes()), self.key, witnesses.join("\t"))
    }
}

#[test]
fn it_accepts_every_proof_and_says_what_we_say_of_it() {
    let mut compared = 0;
    for (seed, leaves) in [(1, 1), (2, 2), (3, 255), (4, 256), (5, 257), (6, 700)] {
        let scene = scene(seed, leaves);
        let journal = Journal::new(&scene.log.store, &scene.log.keyring);
        let proofs: Vec<_> = (0..scene.size).map(|index| journal.prove(index).unwrap()).collect();
        let questions: Vec<_> = proofs.iter().map(|proof| scene.question(&proof.to_text())).collect();
        for (proof, answer) in proofs.iter().zip(peers::python(PROGRAM, &questions)) {
            let (leaf, _) = proof.verify(&scene.policy).unwrap();
            let writer: String = leaf.entry.writer.iter().map(|byte| format!("{byte:02x}")).collect();
            let expected = format!(
                "ok entry {} of {} in {ORIGIN}: event {} at {}, {} of writer {writer}",
                proof.index(),
                scene.size,
                leaf.kind.number(),
                leaf.time.0,
                leaf.entry.sequence
            );
            assert_eq!(answer, expected);
            compared += 1;
        }
    }
    assert!(compared > 1400, "{compared}");
}

#[test]
fn it_refuses_what_we_refuse() {
    let scene = scene(7, 90);
    let journal = Journal::new(&scene.log.store, &scene.log.keyring);
    let mut rng = Seeded::new(9);
    let mut texts = Vec::new();
    for _ in 0..tier(300, 3000, 30_000) {
        let mut text = journal.prove(rng.below(scene.size)).unwrap().to_text().into_bytes();
        let place = rng.index(text.len());
        match rng.below(5) {
            0 => {}
            1 => text[place] ^= 1 << rng.below(7),
            2 => text[place] = b"A0+/=\n "[rng.index(7)],
            3 => drop(text.remove(place)),
            _ => {
                // Whole lines in another order, or gone.
                let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let (one, other) = (rng.index(lines.len()), rng.index(lines.len()));
                if rng.below(2) == 0 {
                    lines.swap(one, other)
                } else {
                    drop(lines.remove(one))
                }
                text = lines.join(&b'\n');
            }
        }
        if let Ok(text) = String::from_utf8(text) {
            texts.push(text);
        }
    }
    let questions: Vec<_> = texts.iter().map(|text| scene.question(text)).collect();
    let mut accepted = 0;
    for (text, answer) in texts.iter().zip(peers::python(PROGRAM, &questions)) {
        let ours = InclusionProof::from_text(text).and_then(|proof| proof.verify(&scene.policy));
        assert_eq!(ours.is_ok(), answer.starts_with("ok"), "{ours:?}, {answer}:\n{text}");
        accepted += usize::from(ours.is_ok());
    }
    assert!(accepted > texts.len() / 10 && accepted < texts.len() / 2, "{accepted} of {}", texts.len());
}

#[test]
fn it_wants_the_quorum() {
    let scene = scene(8, 20);
    let proof = Journal::new(&scene.log.store, &scene.log.keyring).prove(3).unwrap().to_text();
    let ask = |quorum: u64, witnesses: &[usize]| {
        let keys: Vec<_> = witnesses.iter().map(|place| scene.witnesses[*place].to_string()).collect();
        let question = format!(
            "{}\t{}\t{quorum}\t{}",
            Base64::encode_string(proof.as_bytes()),
            scene.key,
            keys.join("\t")
        );
        peers::python(PROGRAM, &[question.trim_end().to_owned()]).remove(0).starts_with("ok")
    };
    assert!(ask(0, &[]) && ask(1, &[0, 1]) && ask(2, &[0, 1, 2]));
    assert!(!ask(1, &[1]) && !ask(2, &[0, 0]) && !ask(3, &[0, 1, 2]));
}

/// The one proof that stands on a page, which is also what a former log gives after a restore (`former.rs`).
#[test]
fn it_accepts_the_proof_of_the_page() {
    const PAGE: &str = include_str!("../../../docs/formats/journal.md");
    let block = |fence: &str| {
        let (_, rest) = PAGE.split_once(&format!("```{fence}\n")).expect("it is there");
        rest.split_once("```").expect("it ends").0
    };
    let (proof, key) = (block("tlog-proof"), block("vkey").trim_end());
    let ask = |proof: &str, key: &str| {
        peers::python(PROGRAM, &[format!("{}\t{key}\t0", Base64::encode_string(proof.as_bytes()))]).remove(0)
    };
    let answer = ask(proof, key);
    assert!(
        answer.starts_with(&format!("ok entry 1 of 3 in {ORIGIN}: event 32 at 1700000003, 2 of ")),
        "{answer}"
    );
    assert!(ask(&proof.replace("index 1", "index 2"), key).starts_with("no"));
    assert!(ask(proof, &key.replace("265acb15", "265acb16")).starts_with("no"));
}

/// The proof that a log gives which signs whatever it likes: this head, and a leaf with a path.
fn signed_by_a_liar(
    origin: &str,
    size: u64,
    root: &Hash,
    leaf: &[u8],
    path: &[Hash],
) -> (String, VerifierKey) {
    let mut body = Writer::new();
    body.u8(1).text(origin).unwrap().u64(size).raw(root).u64(0).u64(0);
    let mut log = Log::new(60);
    log.transact(0, |tx| tx.put_state(&Head::row(), body.as_slice())).unwrap();
    let signed = log.transact(1, sign_checkpoint).unwrap();
    let key = log.policy().logs()[0].key.clone();
    let lines: String = path.iter().map(|hash| Base64::encode_string(hash) + "\n").collect();
    let extra = Base64::encode_string(leaf);
    (format!("c2sp.org/tlog-proof@v1\nextra {extra}\nindex 0\n{lines}\n{signed}"), key)
}

/// Whether Python takes it, and whether we do.
fn is_taken(proof: &str, key: &VerifierKey) -> (bool, bool) {
    let question = format!("{}\t{key}\t0", Base64::encode_string(proof.as_bytes()));
    let ours =
        InclusionProof::from_text(proof).and_then(|proof| proof.verify(&TrustPolicy::log(key.clone())));
    (peers::python(PROGRAM, &[question]).remove(0).starts_with("ok"), ours.is_ok())
}

#[test]
fn it_refuses_subtrees_leaves_of_other_logs_and_second_ways_of_writing() {
    let mut log = Log::new(61);
    log.fill(1, 2);
    log.drain();
    let leaves: Vec<_> = Journal::new(&log.store, &log.keyring)
        .range(0..2)
        .unwrap()
        .into_iter()
        .map(|entry| entry.bytes)
        .collect();
    let hashes = [tree::leaf(&leaves[0]), tree::leaf(&leaves[1])];
    let root = tree::node(&hashes[0], &hashes[1]);
    let (honest, key) = signed_by_a_liar(ORIGIN, 2, &root, &leaves[0], &hashes[1..]);
    assert_eq!(is_taken(&honest, &key), (true, true));
    // The root of two leaves for that of four: the path ends too early.
    let (subtree, key) = signed_by_a_liar(ORIGIN, 4, &root, &leaves[0], &hashes[1..]);
    assert_eq!(is_taken(&subtree, &key), (false, false));
    // A leaf that was written for another log than the one that signs.
    let (foreign, key) = signed_by_a_liar("zamok.example/another-log", 2, &root, &leaves[0], &hashes[1..]);
    assert_eq!(is_taken(&foreign, &key), (false, false));
    // The same bytes in another base64: its last digit has two bits that mean nothing.
    let line = Base64::encode_string(&hashes[1]);
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = line.as_bytes()[42];
    let next = digits[digits.iter().position(|digit| *digit == last).unwrap() | 1];
    assert_ne!(last, next, "bits that mean nothing are 0");
    let second = honest.replace(&line, &format!("{}{}=", &line[..42], char::from(next)));
    let (_, key) = signed_by_a_liar(ORIGIN, 2, &root, &leaves[0], &hashes[1..]);
    assert_ne!(second, honest);
    assert_eq!(is_taken(&second, &key), (false, false));
}

#[test]
fn it_refuses_lines_below_the_note_that_are_no_signatures() {
    let mut log = Log::new(62);
    log.fill(1, 1);
    log.drain();
    let leaf = Journal::new(&log.store, &log.keyring).range(0..1).unwrap().remove(0).bytes;
    let (honest, key) = signed_by_a_liar(ORIGIN, 1, &tree::leaf(&leaf), &leaf, &[]);
    let with = |lines: &str| is_taken(&format!("{honest}{lines}"), &key);
    assert_eq!(with(""), (true, true));
    assert_eq!(with("\u{2014} w AAAAAAE=\n"), (true, true), "somebody whom nobody knows");
    for line in ["- w AAAAAAE=", "\u{2014} a+b AAAAAAE=", "\u{2014} a\u{a0}b AAAAAAE=", "\u{2014} w AAAAAA=="]
    {
        assert_eq!(with(&format!("{line}\n")), (false, false), "{line}");
    }
    assert_eq!(with(&"\u{2014} w AAAAAAE=\n".repeat(64)), (false, false), "65 lines");
}
