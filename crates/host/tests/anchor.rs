//! Anchors in files: what they remember, what they refuse, and a store that was put back.

use std::fs;
use std::sync::Arc;

use zamok_core::Error;
use zamok_core::event::{Detail, EventKind};
use zamok_core::store::{MemoryStore, RowKey, Table};
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
