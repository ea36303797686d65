//! The log as files: what was written is verified without a key of the vault, every changed byte is found and named, and
//! what grows keeps what it wrote.

mod log;

use std::collections::BTreeMap;
use std::sync::Mutex;

use log::{Log, ORIGIN, tier};
use zamok_core::Error;
use zamok_core::event::Leaf;
use zamok_core::wire::Writer;
use zamok_journal::tiles::{Edge, TileName};
use zamok_journal::witness::{AddCheckpoint, Verdict, decide, found};
use zamok_journal::{
    Entries, Fault, Files, Finding, Head, Journal, Place, SignedCheckpoint, TrustPolicy, bundled,
    sign_checkpoint, tree, verify_files,
};

/// Files in memory.
#[derive(Clone, Default)]
struct Folder(BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.get(path).cloned())
    }
}

impl Folder {
    fn write(&mut self, log: &Log, signed: &SignedCheckpoint, entries: Entries, from: u64) -> usize {
        let written = Mutex::new(0);
        let journal = Journal::new(&log.store, &log.keyring);
        journal
            .write_files(signed, entries, from, |path, bytes| {
                *written.lock().unwrap() += 1;
                self.0.insert(path.to_owned(), bytes.to_vec());
                Ok::<_, Error>(())
            })
            .unwrap();
        written.into_inner().unwrap()
    }

    fn findings(&self, policy: &TrustPolicy) -> Vec<Finding> {
        verify_files(self, policy).unwrap().report.findings
    }
}

fn written(seed: u64, leaves: u64, entries: Entries) -> (Log, TrustPolicy, Folder) {
    let mut log = Log::new(seed);
    log.fill(3, leaves);
    log.drain();
    let signed = log.sign();
    let policy = log.policy();
    let mut folder = Folder::default();
    folder.write(&log, &signed, entries, 0);
    (log, policy, folder)
}

#[test]
fn files_are_those_of_the_specification() {
    let (_, policy, folder) = written(1, 513, Entries::Included);
    let names: Vec<_> = folder.0.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "checkpoint",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/1",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/1"
        ]
    );
    let report = verify_files(&folder, &policy).unwrap();
    assert_eq!((report.leaves, report.report.findings.as_slice()), (513, &[][..]));
    assert_eq!(folder.0["tile/0/000"].len(), 8192);
    assert_eq!(folder.0["tile/1/000.p/2"].len(), 64);
    // The tree alone, for those who may not read entries.
    let (_, policy, folder) = written(1, 513, Entries::Withheld);
    assert!(folder.0.keys().all(|name| !name.contains("entries")));
    let report = verify_files(&folder, &policy).unwrap();
    assert_eq!((report.leaves, report.report.findings.as_slice()), (0, &[][..]));
    assert_eq!(TileName { level: 3, index: 1_234_067 }.path(256), "tile/3/x001/x234/067");
}

#[test]
fn every_changed_byte_of_every_file_is_found_and_named() {
    for entries in [Entries::Included, Entries::Withheld] {
        let (_, policy, folder) = written(2, 600, entries);
        let step = tier(211, 37, 1);
        for (name, bytes) in &folder.0 {
            for byte in (0..bytes.len()).step_by(if bytes.len() > 1000 { step } else { 1 }) {
                let mut altered = folder.clone();
                altered.0.get_mut(name).unwrap()[byte] ^= 1 << (byte % 8);
                let report = verify_files(&altered, &policy);
                if name == "checkpoint" {
                    assert!(
                        matches!(report, Err(Error::Refused | Error::Rejected)),
                        "byte {byte}: {report:?}"
                    );
                    continue;
                }
                let found = report.unwrap().report.findings;
                let first = found.first().unwrap_or_else(|| panic!("byte {byte} of {name} is not found"));
                let named = match (
                    &first.place,
                    name.strip_prefix("tile/").unwrap().split(['/', '.']).collect::<Vec<_>>().as_slice(),
                ) {
                    (Place::Leaf(index), ["entries", number, ..]) => index / 256 == number.parse().unwrap(),
                    (Place::Bundle(index), ["entries", number, ..]) => {
                        *index == number.parse::<u64>().unwrap()
                    }
                    (Place::Tile(tile), [level, number, ..]) => {
                        (tile.level.to_string(), tile.index) == ((*level).to_owned(), number.parse().unwrap())
                    }
                    _ => false,
                };
                // Where the lowest tiles stand for the leaves, the hash above or the root tells that one is wrong.
                let above =
                    entries == Entries::Withheld && matches!(first.place, Place::Tile(_) | Place::Head);
                assert!(named || above, "byte {byte} of {name}: {found:?}");
            }
        }
    }
}

#[test]
fn entries_that_are_dropped_reordered_repeated_or_exchanged_are_found() {
    let (_, policy, folder) = written(3, 600, Entries::Included);
    let split = |bytes: &[u8]| {
        let (mut rest, mut leaves) = (bytes, Vec::new());
        while let Some((length, more)) = rest.split_first_chunk::<2>() {
            let (leaf, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
            leaves.push([&length[..], leaf].concat());
            rest = more;
        }
        leaves
    };
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut altered = folder.clone();
        let mut leaves = split(&altered.0["tile/entries/001"]);
        change(&mut leaves);
        altered.0.insert("tile/entries/001".into(), leaves.concat());
        altered.findings(&policy)
    };
    assert_eq!(changed(&|_| {}), []);
    let bundle = [Finding { place: Place::Bundle(1), fault: Fault::Differs }];
    assert_eq!(changed(&|leaves| drop(leaves.remove(9)))[..1], bundle);
    let swapped = changed(&|leaves| leaves.swap(9, 200));
    assert!(swapped.iter().any(|finding| finding.place == Place::Leaf(256 + 9)), "{swapped:?}");
    assert!(swapped.iter().any(|finding| finding.place == Place::Leaf(256 + 200)), "{swapped:?}");
    let repeated = changed(&|leaves| leaves[10] = leaves[9].clone());
    assert!(repeated.iter().any(|finding| finding.place == Place::Leaf(256 + 10)), "{repeated:?}");
    let mut gone = folder.clone();
    gone.0.remove("tile/entries/001");
    assert_eq!(gone.findings(&policy)[0], Finding { place: Place::Bundle(1), fault: Fault::Missing });
    let mut gone = folder.clone();
    gone.0.remove("tile/0/001");
    let tile = TileName { level: 0, index: 1 };
    assert_eq!(gone.findings(&policy), [Finding { place: Place::Tile(tile), fault: Fault::Missing }]);
}

#[test]
fn a_log_that_grows_writes_what_is_new_and_old_partial_files_may_stay_or_go() {
    let (mut log, policy, mut folder) = written(4, 300, Entries::Included);
    let old = folder.clone();
    log.fill(2, 500);
    log.drain();
    let signed = log.sign();
    let size = signed.checkpoint().size;
    let wrote = folder.write(&log, &signed, Entries::Included, 300);
    assert!(wrote < folder.0.len());
    assert_eq!(folder.findings(&policy), []);
    for (name, bytes) in old.0.iter().filter(|(name, _)| *name != "checkpoint") {
        assert_eq!(&folder.0[name], bytes, "{name} changed");
    }
    // A reader with the older checkpoint needs only full files where the partial ones were swept away.
    let mut older = folder.clone();
    older.0.insert("checkpoint".into(), old.0["checkpoint"].clone());
    older.0.retain(|name, _| !name.contains(".p/") || name.starts_with("tile/1"));
    let report = verify_files(&older, &policy).unwrap();
    assert_eq!((report.leaves, report.report.findings), (300, vec![]));
    assert_eq!(verify_files(&folder, &policy).unwrap().leaves, size);
}

#[test]
fn files_that_nobody_trusted_signed_are_not_looked_at() {
    let (_, _, folder) = written(5, 20, Entries::Included);
    let (_, other, _) = written(6, 20, Entries::Included);
    assert_eq!(verify_files(&folder, &other).unwrap_err(), Error::Rejected);
    assert_eq!(verify_files(&Folder::default(), &other).unwrap_err(), Error::Refused);
}

/// Files of a log whose keeper wrote what he liked into its tree, and signed that.
fn doctored(leaves: &[Vec<u8>]) -> (TrustPolicy, Folder) {
    let mut edge = Edge::new();
    leaves.iter().for_each(|leaf| edge.push(tree::leaf(leaf), |_, _| {}));
    let mut body = Writer::new();
    body.u8(1).text(ORIGIN).unwrap().u64(edge.size()).raw(&edge.root()).u64(0).u64(0);
    let mut log = Log::new(8);
    log.transact(0, |tx| tx.put_state(&Head::row(), body.as_slice())).unwrap();
    let signed = log.transact(1, sign_checkpoint).unwrap();
    let mut folder = Folder::default();
    let count = leaves.len();
    let tile: Vec<u8> = leaves.iter().flat_map(|leaf| tree::leaf(leaf)).collect();
    let bundle = leaves.iter().flat_map(|leaf| {
        let length = u16::try_from(leaf.len()).unwrap().to_be_bytes();
        [&length[..], leaf].concat()
    });
    folder.0.insert("checkpoint".into(), signed.to_string().into_bytes());
    folder.0.insert(format!("tile/0/000.p/{count}"), tile);
    folder.0.insert(format!("tile/entries/000.p/{count}"), bundle.collect());
    (log.policy(), folder)
}

/// The tree alone says that these are the leaves that were signed; the chains of their writers say what is wrong with them.
#[test]
fn a_signed_log_with_entries_left_out_taken_twice_out_of_order_or_of_another_log_is_named() {
    let mut log = Log::new(7);
    let mut writers = [log.writer(), log.writer()];
    for time in 0..20_u64 {
        log.write(&mut writers[usize::from(time % 2 == 1)], time);
    }
    log.drain();
    let entries = Journal::new(&log.store, &log.keyring).range(0..20).unwrap();
    let honest: Vec<Vec<u8>> = entries.into_iter().map(|entry| entry.bytes).collect();
    let findings = |leaves: &[Vec<u8>]| {
        let (policy, folder) = doctored(leaves);
        folder.findings(&policy)
    };
    let found = |index: u64, fault| Finding { place: Place::Leaf(index), fault };
    assert_eq!(findings(&honest), []);
    let mut left_out = honest.clone();
    left_out.remove(5);
    // The next one of the same writer stands where the one after it was.
    assert_eq!(findings(&left_out), [found(6, Fault::Gap)]);
    let mut twice = honest.clone();
    twice.insert(9, honest[7].clone());
    assert_eq!(findings(&twice), [found(9, Fault::Repeated)]);
    let mut exchanged = honest.clone();
    exchanged.swap(4, 6);
    assert_eq!(findings(&exchanged), [found(4, Fault::Gap), found(6, Fault::Repeated)]);
    let mut foreign = honest.clone();
    let leaf = Leaf::decode(&honest[19]).unwrap();
    foreign[19] = Leaf { origin: "zamok.example/another-log".into(), ..leaf }.encode().unwrap();
    assert_eq!(findings(&foreign), [found(19, Fault::Foreign)]);
    let mut unreadable = honest;
    unreadable[19] = b"no leaf at all".to_vec();
    assert_eq!(findings(&unreadable), [found(19, Fault::Unreadable)]);
}

#[test]
fn files_without_the_quorum_of_witnesses_that_the_reader_asks_for_are_not_looked_at() {
    let (_, policy, mut folder) = written(9, 20, Entries::Included);
    let mut vault = Log::new(900);
    let key = vault.transact(0, |tx| found(tx, "witness.example/w1")).unwrap();
    let quorum = format!("log {}\nwitness w {key}\nquorum w\n", policy.logs()[0].key);
    let quorum = TrustPolicy::parse(&quorum).unwrap();
    assert_eq!(verify_files(&folder, &quorum).unwrap_err(), Error::Unwitnessed);
    let note = String::from_utf8(folder.0["checkpoint"].clone()).unwrap();
    let mut signed = SignedCheckpoint::parse(&note).unwrap();
    let request = AddCheckpoint { old: 0, path: vec![], checkpoint: signed.clone() };
    let verdict = vault.transact(1, |tx| decide(tx, &policy, &request)).unwrap();
    let Verdict::Cosigned(line) = verdict else { panic!("{verdict:?}") };
    signed.cosign(&key, line).unwrap();
    folder.0.insert("checkpoint".into(), signed.to_string().into_bytes());
    let report = verify_files(&folder, &quorum).unwrap();
    assert!(report.trusted.is_quorum && report.report.is_clean());
}

#[test]
fn entries_that_were_withheld_at_first_are_missed_and_written_later() {
    let (mut log, policy, mut folder) = written(10, 600, Entries::Withheld);
    log.fill(2, 300);
    log.drain();
    let signed = log.sign();
    let tree = folder.clone();
    folder.write(&log, &signed, Entries::Included, 600);
    let found = folder.findings(&policy);
    assert_eq!(found.first(), Some(&Finding { place: Place::Bundle(0), fault: Fault::Missing }));
    let mut folder = tree;
    let from = bundled(600, |path| folder.0.contains_key(path));
    assert_eq!(from, 0);
    folder.write(&log, &signed, Entries::Included, from);
    assert_eq!(folder.findings(&policy), []);
    assert_eq!(verify_files(&folder, &policy).unwrap().leaves, signed.checkpoint().size);
    assert_eq!(bundled(600, |path| folder.0.contains_key(path)), 512);
}
