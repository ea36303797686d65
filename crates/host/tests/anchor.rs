//! Anchors in files: what they remember, what they refuse, and a store that was put back.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
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
fn anchored(path: &Path) -> (Arc<MemoryStore>, Options) {
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

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Who else keeps the anchor: user and group of nobody.
#[cfg(unix)]
const OTHER: u32 = 65_534;

#[test]
#[cfg(unix)]
fn a_process_of_another_user() {
    let Ok(folder) = std::env::var("ZAMOK_ANCHOR_FOLDER") else { return };
    let note = fs::read_to_string(Path::new(&folder).join("note")).unwrap();
    let anchor = FileAnchor::at(Path::new(&folder).join("anchor"));
    anchor.keep(&SignedCheckpoint::parse(&note).unwrap()).unwrap();
}

#[test]
#[cfg(unix)]
fn several_users_keep_one_anchor_and_its_file_stays_as_it_was() {
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let (path, lock) = (folder.path().join("anchor"), folder.path().join("anchor.lock"));
    set_mode(folder.path(), 0o777);
    let of = |path: &Path| fs::metadata(path).map(|found| (found.mode() & 0o777, found.uid())).unwrap();
    let vault = vault();
    let anchor = FileAnchor::create(&path).unwrap();
    set_mode(&path, 0o604);
    let own = of(&path).1;
    anchor.keep(&grown(&vault)).unwrap();
    assert_eq!((of(&path), of(&lock)), ((0o604, own), (0o604, own)));
    // As whoever keeps it first may have made it: others read it, and that is all.
    set_mode(&lock, 0o444);
    let second = grown(&vault);
    if own == 0 {
        // From where everybody can start it.
        let program = folder.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::write(folder.path().join("note"), second.to_string()).unwrap();
        let mut other = std::process::Command::new(program);
        other.args(["--exact", "a_process_of_another_user"]).env("ZAMOK_ANCHOR_FOLDER", folder.path());
        let ended = other.current_dir(folder.path()).uid(OTHER).gid(OTHER).output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(of(&path), (0o604, OTHER), "it cannot give files away");
    } else {
        anchor.keep(&second).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), second.to_string());
    let third = grown(&vault);
    let before = of(&path);
    anchor.keep(&third).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), third.to_string());
    assert_eq!(of(&path), before, "whose it was");
}

#[test]
#[cfg(unix)]
fn what_lies_beside_an_anchor_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (path, stranger) = (folder.path().join("anchor"), folder.path().join("stranger"));
    let vault = vault();
    let anchor = FileAnchor::create(&path).unwrap();
    fs::write(&stranger, "something else").unwrap();
    symlink(&stranger, folder.path().join("anchor.new")).unwrap();
    let signed = grown(&vault);
    anchor.keep(&signed).unwrap();
    assert_eq!(fs::read_to_string(&stranger).unwrap(), "something else");
    assert_eq!(fs::read_to_string(&path).unwrap(), signed.to_string());
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    // Nothing is left of what it was written to.
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["anchor", "anchor.lock", "anchor.new", "stranger"]);
}

#[test]
fn of_two_that_keep_an_anchor_at_once_the_newer_checkpoint_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anchor");
    drop(FileAnchor::create(&path).unwrap());
    let vault = vault();
    for _ in 0..50 {
        let (older, newer) = (grown(&vault), grown(&vault));
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for signed in [&older, &newer] {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    let kept = FileAnchor::at(path).keep(signed);
                    assert!(matches!(kept, Ok(()) | Err(Error::LogBehind { .. })), "{kept:?}");
                });
            }
        });
        let remembered = FileAnchor::at(&path).last(vault.origin());
        assert_eq!(remembered, Ok(Some(newer.checkpoint().clone())));
    }
}

/// Remembers what it is told, also behind a handle's back.
#[derive(Debug, Default)]
struct Slate(std::sync::Mutex<Option<Checkpoint>>);

impl Anchor for Slate {
    fn last(&self, _: &str) -> Result<Option<Checkpoint>, Error> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn keep(&self, signed: &SignedCheckpoint) -> Result<(), Error> {
        *self.0.lock().unwrap() = Some(signed.checkpoint().clone());
        Ok(())
    }
}

#[test]
fn a_handle_that_is_open_signs_nothing_that_is_not_what_its_anchor_remembers_or_more() {
    let slate = Arc::new(Slate::default());
    let anchor: Arc<dyn Anchor> = slate.clone();
    let options = Options {
        cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 },
        freshness: Freshness::Anchored(anchor),
        ..Options::default()
    };
    let store = Arc::new(MemoryStore::new());
    let vault = Vault::create(store, &Passphrase::from("a long sentence"), options).unwrap();
    let kept = grown(&vault).checkpoint().clone();
    let mut forked = kept.clone();
    forked.root[0] ^= 1;
    *slate.0.lock().unwrap() = Some(forked);
    assert_eq!(vault.checkpoint().err(), Some(Error::LogForked));
    let mut beyond = kept;
    beyond.size += 100;
    *slate.0.lock().unwrap() = Some(beyond);
    assert!(matches!(vault.checkpoint().err(), Some(Error::LogBehind { .. })));
}

#[test]
fn an_audit_names_the_row_about_the_anchor_that_was_put_back() {
    use zamok_journal::{Fault, Finding, Place};
    let folder = tempfile::tempdir().unwrap();
    let anchor = FileAnchor::create(folder.path().join("anchor")).unwrap();
    let options = Options {
        cost: Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 },
        freshness: Freshness::Anchored(Arc::new(anchor)),
        ..Options::default()
    };
    let store: Arc<MemoryStore> = Arc::default();
    let vault = Vault::create(store.clone(), &Passphrase::from("a long sentence"), options.clone()).unwrap();
    let before = store.get(&anchoring::row()).unwrap().unwrap();
    vault.require_anchor().unwrap();
    drop(vault);
    let now = store.get(&anchoring::row()).unwrap().unwrap();
    assert_eq!((before.version, now.version), (1, 2));
    let mut gone = Change::new(ChangeId([7; 16]));
    gone.delete(anchoring::row(), now.version).unwrap();
    let mut again = Change::new(ChangeId([8; 16]));
    again.insert(anchoring::row(), before.value).unwrap();
    for change in [gone, again] {
        assert_eq!(store.commit(&change), Ok(Outcome::Committed));
    }
    // It opens without its anchor now, and says so.
    let vault = open(&store, Options { freshness: Freshness::Trusting, ..options }).unwrap();
    let found = vault.read(zamok_journal::audit).unwrap().findings;
    let named = Finding { place: Place::Row(anchoring::row()), fault: Fault::Behind };
    assert!(found.contains(&named), "{found:?}");
}
