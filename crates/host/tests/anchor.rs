//! Anchors in files: what they remember, what they refuse, and a store that was put back.

use std::fs;
use std::sync::Arc;

use zamok_core::Error;
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{Change, ChangeId, MemoryStore, Outcome, RowKey, Store, Table};
use zamok_core::vault::anchoring;
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::{FileAnchor, Freshness, Options, Passphrase, Vault};
use zamok_journal::{Anchor, Checkpoint, Journal, SignedCheckpoint};

fn vault() -> Vault {
    let options = Options { cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() };
    Vault::create(Arc::new(MemoryStore::new()), &Passphrase::from("a long sentence"), options).unwrap()
}

fn grown(vault: &Vault) -> SignedCheckpoint {
    let row = RowKey::new(Table(900), *b"row");
    vault.transact(|tx| tx.event(EventKind::CodeAccepted, None, &row, &Detail::new())).unwrap();
    vault.checkpoint().unwrap()
}

#[test]
fn an_anchor_remembers_the_last_checkpoint_and_takes_none_that_is_older_or_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    let vault = vault();
    let (first, second) = (grown(&vault), grown(&vault));
    let anchor = FileAnchor::create(&path).unwrap();
    assert_eq!(anchor.last(vault.origin()), Ok(None));
    anchor.keep(&first).unwrap();
    anchor.keep(&second).unwrap();
    anchor.keep(&second).unwrap();
    let (found, anchored) = (first.checkpoint().size, second.checkpoint().size);
    assert_eq!(anchor.keep(&first), Err(Error::LogBehind { found, anchored }));
    // As long, and rewritten: with the root of another tree.
    let root = |signed: &SignedCheckpoint| signed.to_string().lines().nth(2).map(str::to_owned).unwrap();
    let forked = second.to_string().replacen(&root(&second), &root(&first), 1);
    assert_eq!(anchor.keep(&SignedCheckpoint::parse(&forked).unwrap()), Err(Error::LogForked));
    // As another process reads it.
    let anchor = FileAnchor::at(&path);
    assert_eq!(anchor.last(vault.origin()), Ok(Some(second.checkpoint().clone())));
    assert_eq!(fs::read_to_string(&path).unwrap(), second.to_string());
    let other = self::vault();
    assert_eq!(anchor.keep(&grown(&other)), Err(Error::LogForked));
    assert_eq!(anchor.last(other.origin()), Err(Error::LogForked));
    assert!(FileAnchor::create(&path).is_err(), "what is remembered is not overwritten");
}

/// Remembers whatever it is told to.
#[derive(Debug)]
struct Told(Checkpoint);

impl Anchor for Told {
    fn last(&self, _: &str) -> Result<Option<Checkpoint>, Error> {
        Ok(Some(self.0.clone()))
    }

    fn keep(&self, _: &SignedCheckpoint) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_vault_opens_only_when_its_anchor_agrees_and_gives_it_what_it_signs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    FileAnchor::create(&path).unwrap();
    let store: Arc<MemoryStore> = Arc::default();
    let passphrase = Passphrase::from("a long sentence");
    let options = |anchor: Arc<dyn Anchor>| Options {
        cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 },
        freshness: Freshness::Anchored(anchor),
        ..Options::default()
    };
    let file = || -> Arc<dyn Anchor> { Arc::new(FileAnchor::at(&path)) };
    let vault = Vault::create(store.clone(), &passphrase, options(file())).unwrap();
    let signed = grown(&vault);
    let remembered = file().last(vault.origin()).unwrap().unwrap();
    assert_eq!(&remembered, signed.checkpoint());
    grown(&vault);

    let open = |anchor| Vault::unlock(store.clone(), &passphrase, options(anchor)).map(drop);
    assert_eq!(open(file()), Ok(()));
    let mut beyond = remembered.clone();
    beyond.size += 100;
    assert!(matches!(open(Arc::new(Told(beyond))), Err(Error::LogBehind { .. })));
    let mut rewritten = remembered;
    rewritten.root[0] ^= 1;
    assert_eq!(open(Arc::new(Told(rewritten))), Err(Error::LogForked));
    fs::remove_file(&path).unwrap();
    assert_eq!(open(file()), Err(Error::AnchorMissing));
}

#[test]
fn a_log_that_is_shorter_than_its_anchor_says_so_and_one_that_grew_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let anchor = FileAnchor::create(folder.path().join("anchor")).unwrap();
    let vault = vault();
    anchor.keep(&grown(&vault)).unwrap();
    let remembered = anchor.last(vault.origin()).unwrap().unwrap();
    grown(&vault);
    vault.read(|store, keyring| Journal::new(store, keyring).compare(&remembered)).unwrap();
    let mut beyond = remembered.clone();
    beyond.size += 100;
    let compared = vault.read(|store, keyring| Journal::new(store, keyring).compare(&beyond));
    assert!(matches!(compared, Err(Error::LogBehind { .. })), "{compared:?}");
    let mut rewritten = remembered;
    rewritten.root[0] ^= 1;
    let compared = vault.read(|store, keyring| Journal::new(store, keyring).compare(&rewritten));
    assert_eq!(compared, Err(Error::LogForked));
}

#[test]
fn an_anchor_that_is_gone_or_damaged_is_never_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    assert_eq!(FileAnchor::at(&path).last("zamok/log"), Err(Error::AnchorMissing));
    for damage in [&b"\n"[..], b"zamok/log\n1\n", b"\xff\xfe"] {
        fs::write(&path, damage).unwrap();
        assert_eq!(FileAnchor::at(&path).last("zamok/log"), Err(Error::Refused));
    }
}

/// A vault that asks for the anchor in this file, and how it is opened.
fn anchored(path: &std::path::Path) -> (Arc<MemoryStore>, Options) {
    let anchor = FileAnchor::create(path).unwrap();
    let options = Options {
        cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 },
        freshness: Freshness::Anchored(Arc::new(anchor)),
        ..Options::default()
    };
    let store: Arc<MemoryStore> = Arc::default();
    let vault = Vault::create(store.clone(), &Passphrase::from("a long sentence"), options.clone()).unwrap();
    vault.require_anchor().unwrap();
    (store, options)
}

fn open(store: &Arc<MemoryStore>, options: Options) -> Result<Vault, Error> {
    Vault::unlock(store.clone(), &Passphrase::from("a long sentence"), options)
}

#[test]
fn an_anchor_that_was_emptied_opens_nothing_and_is_begun_again_only_by_whoever_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    let (store, options) = anchored(&path);
    let vault = open(&store, options.clone()).unwrap();
    grown(&vault);
    fs::write(&path, "").unwrap();
    assert_eq!(open(&store, options.clone()).err(), Some(Error::AnchorMissing));
    // Nor does a handle that is open fill it with whatever the store says now.
    assert_eq!(vault.checkpoint().err(), Some(Error::AnchorMissing));
    assert_eq!(vault.require_anchor(), Err(Error::AnchorMissing));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    let begins =
        Options { freshness: Freshness::Beginning(Arc::new(FileAnchor::at(&path))), ..options.clone() };
    let signed = open(&store, begins.clone()).unwrap().checkpoint().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), signed.to_string());
    open(&store, options).unwrap();
    // What it knows it is asked all the same.
    let other = self::vault();
    fs::write(&path, grown(&other).to_string()).unwrap();
    assert_eq!(open(&store, begins).err(), Some(Error::LogForked));
}

#[test]
fn an_anchor_is_asked_for_once_it_remembers_what_the_vault_is() {
    /// Takes everything and remembers nothing.
    #[derive(Debug)]
    struct Sieve;
    impl Anchor for Sieve {
        fn last(&self, _: &str) -> Result<Option<Checkpoint>, Error> {
            Ok(None)
        }
        fn keep(&self, _: &SignedCheckpoint) -> Result<(), Error> {
            Ok(())
        }
    }
    let store: Arc<MemoryStore> = Arc::default();
    let plain = Options { cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, ..Options::default() };
    let options = Options { freshness: Freshness::Anchored(Arc::new(Sieve)), ..plain.clone() };
    let vault = Vault::create(store.clone(), &Passphrase::from("a long sentence"), options).unwrap();
    assert_eq!(vault.require_anchor(), Err(Error::AnchorMissing));
    drop(vault);
    assert_eq!(open(&store, plain).unwrap().anchoring(), Ok((false, false)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    let (store, options) = anchored(&path);
    assert!(!fs::read_to_string(&path).unwrap().is_empty(), "it remembers before it is asked for");
    assert_eq!(open(&store, options).unwrap().anchoring(), Ok((true, true)));
}

#[test]
fn a_vault_whose_row_about_its_anchor_was_deleted_opens_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (store, options) = anchored(&folder.path().join("anchor"));
    let without = Options { freshness: Freshness::Trusting, ..options.clone() };
    assert_eq!(open(&store, without.clone()).err(), Some(Error::AnchorMissing));
    let row = store.get(&anchoring::row()).unwrap().unwrap();
    let mut change = Change::new(ChangeId([7; 16]));
    change.delete(anchoring::row(), row.version).unwrap();
    assert_eq!(store.commit(&change), Ok(Outcome::Committed));
    for options in [options, without.clone()] {
        assert_eq!(open(&store, options).err(), Some(Error::Refused));
    }
    // Every vault has it, also one that asks for none.
    let store: Arc<MemoryStore> = Arc::default();
    drop(Vault::create(store.clone(), &Passphrase::from("a long sentence"), without.clone()).unwrap());
    open(&store, without.clone()).unwrap();
    let mut change = Change::new(ChangeId([8; 16]));
    change.delete(anchoring::row(), 1).unwrap();
    assert_eq!(store.commit(&change), Ok(Outcome::Committed));
    assert_eq!(open(&store, without).err(), Some(Error::Refused));
}

#[test]
fn an_anchor_that_is_down_costs_no_attempt_at_the_slot() {
    let folder = tempfile::tempdir().unwrap();
    let (path, away) = (folder.path().join("anchor"), folder.path().join("away"));
    let (store, options) = anchored(&path);
    let failures = || {
        let slots = Vault::slots(&*store, &options).unwrap();
        slots.iter().map(|slot| slot.failures).collect::<Vec<_>>()
    };
    let wrong = Vault::unlock(store.clone(), &Passphrase::from("a wrong one"), options.clone());
    assert_eq!(wrong.err(), Some(Error::Rejected));
    assert_eq!(failures(), [0, 1]);
    fs::rename(&path, &away).unwrap();
    // More than a slot has attempts.
    for _ in 0..30 {
        assert_eq!(open(&store, options.clone()).err(), Some(Error::AnchorMissing));
    }
    assert_eq!(failures(), [0, 1], "nor does it forgive others");
    fs::rename(&away, &path).unwrap();
    let vault = open(&store, options.clone()).unwrap();
    assert_eq!(failures(), [0, 0]);
    vault.integrate().unwrap();
    let told = vault.read(|store, keyring| Journal::new(store, keyring).range(0..u64::MAX)).unwrap();
    let failed = told.iter().filter(|entry| entry.leaf.kind == EventKind::UnlockFailed).count();
    assert_eq!(failed, 1, "the wrong one is told");
}
