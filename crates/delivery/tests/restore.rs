//! Messages on their way when a vault is restored or moves: notices are sent, once where that can be known; codes whose challenge
//! has died never are (`CRYPTO.md` §5).
#![allow(missing_docs)]

mod harness;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use harness::{Fake, House, LIGHT, PASSPHRASE, texter, wide};
use zamok_cabinet::{Cabinet, Category, Ending, Error, Evidence, Matched, Receipt, ReceiptState, Session};
use zamok_core::{Env, Error as CoreError};
use zamok_delivery::Why;
use zamok_host::backup::{BackupKey, JournalEnd, Opener, Replay, Surviving};
use zamok_host::{Credential, Options, OsRandom, Passphrase, Vault};
use zamok_store_sqlite::SqliteStore;

const PHONE: &str = "+79161234567";
const MAIL: &str = "ivan@example.org";

struct Town {
    folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
    house: House,
    sms: Arc<Fake>,
    mail: Arc<Fake>,
}

impl Town {
    /// Ivan has a phone that codes go to, and an address. Everything that was told so far has been sent.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::create(folder.path().join("old.db")).unwrap());
        let house = House::over(store.clone(), wide(harness::light_policy()));
        let (sms, mail) = (Fake::with_receipts("a", Evidence::Sms, true), Fake::new("m", Evidence::Email));
        let town = Self { folder, store, house, sms, mail };
        texter(&town.house.cabinet, "ivan", PHONE);
        town.house.cabinet.vouch_contact("ivan", MAIL, "desk").unwrap();
        town.step(&town.house.cabinet);
        town.arrive(&town.house.cabinet, 0);
        assert_eq!(town.house.on_their_way(), []);
        town.house.clock.advance(60);
        town
    }

    fn step(&self, cabinet: &Arc<Cabinet>) {
        let delivery = harness::delivery(cabinet, vec![self.sms.clone(), self.mail.clone()]);
        assert_eq!(delivery.step().unwrap().failed, 0);
    }

    /// Every SMS from this one on arrives, as the carrier tells.
    fn arrive(&self, cabinet: &Cabinet, from: usize) {
        for (place, got) in self.sms.took().iter().enumerate().skip(from) {
            for part in 0..got.parts {
                let (id, state) = (format!("a-{place}-{part}"), ReceiptState::Delivered);
                let receipt = Receipt { carrier: "a", id: &id, state, number: None, reason: "" };
                let matched = cabinet.receipt(&receipt).unwrap();
                let ended = matches!(matched, Matched::Ended(_, Ending::Delivered));
                assert!(ended || part + 1 < got.parts, "{matched:?}");
            }
        }
    }

    fn options(&self) -> Options {
        Options { clock: Arc::new(self.house.clock.clone()), cost: LIGHT, ..Options::default() }
    }

    fn backup(&self) -> Vec<u8> {
        let mut random = OsRandom::new().unwrap();
        let env = Env { now: self.house.cabinet.vault().now(), rng: &mut random };
        let key = BackupKey::from_passphrase(&Passphrase::from("of the backup"), LIGHT, env).unwrap();
        let mut file = Vec::new();
        self.house.cabinet.vault().backup(&key, &mut file, &mut |_| {}).unwrap();
        file
    }

    /// A new store from a backup, with the journal that survived in the old one where that is wanted.
    fn restored(&self, file: &[u8], journal: bool) -> (Arc<Cabinet>, u64) {
        let open = || Opener::new(Cursor::new(file.to_vec()));
        let key = BackupKey::by_passphrase(open().unwrap().header(), &Passphrase::from("of the backup"));
        let target = Arc::new(SqliteStore::create(self.folder.path().join("new.db")).unwrap());
        let secret = Passphrase::from(PASSPHRASE);
        let mut ended = 0;
        let mut above = |vault: &Arc<Vault>, surviving: &Surviving| {
            let cabinet = Cabinet::open(vault.clone()).map_err(|_| CoreError::Refused)?;
            let replayed = cabinet.replay(surviving).map_err(|_| CoreError::Refused)?;
            assert_eq!(replayed.lost, [], "messages are not what the journal cannot do again");
            ended = replayed.messages;
            Ok(())
        };
        let (store, old_secret) = (self.store.clone(), Credential::Passphrase(&secret));
        let replay = Replay { store, secret: old_secret, end: JournalEnd::Vouched, above: &mut above };
        let replay = journal.then_some(replay);
        let restored = Vault::restore_and_replay(
            target,
            &mut || open(),
            &key.unwrap(),
            &secret,
            self.options(),
            replay,
            &mut |_| {},
        );
        let restored = restored.unwrap();
        (Arc::new(Cabinet::open(Arc::new(restored.vault)).unwrap()), ended)
    }

    /// Everything that waits in a cabinet is sent, however often it has to be tried.
    fn drain(&self, cabinet: &Arc<Cabinet>) {
        for _ in 0..5 {
            self.step(cabinet);
            self.house.clock.advance(60);
        }
    }

    fn texts(&self, since: (usize, usize)) -> BTreeMap<String, usize> {
        let sms = self.sms.took().split_off(since.0);
        let mail = self.mail.took().split_off(since.1);
        harness::tally(sms.into_iter().chain(mail).map(|got| got.text.trim().to_owned()))
    }

    fn taken(&self) -> (usize, usize) {
        (self.sms.took().len(), self.mail.took().len())
    }
}

/// A login by a code that is read from what the phone got.
fn log_in(cabinet: &Arc<Cabinet>, town: &Town) -> Session {
    let challenge = harness::begin(cabinet, "ivan");
    town.step(cabinet);
    let text = town.sms.took().pop().unwrap().text;
    cabinet.answer(&challenge, harness::code_in(&text), harness::request()).unwrap()
}

#[test]
fn after_a_restore_notices_are_sent_and_codes_of_challenges_that_died_are_not() {
    let town = Town::new();
    let from = town.taken().0;
    let session = log_in(&town.house.cabinet, &town);
    town.drain(&town.house.cabinet);
    town.arrive(&town.house.cabinet, from);
    let mut preferences = town.house.cabinet.preferences(&session).unwrap();
    preferences.channels.insert((Category::News, Evidence::Email), false);
    preferences.language = "ru".into();
    town.house.cabinet.set_preferences(&session, &preferences).unwrap();

    // One that the carrier has and will tell of, one that was put off, one that nobody has looked at, and a code.
    town.house.urgent("ivan", "sent");
    town.step(&town.house.cabinet);
    let waits_for_receipt = town.sms.took().len() - 1;
    town.sms.fail(Why::Busy);
    town.house.urgent("ivan", "put off");
    town.step(&town.house.cabinet);
    town.house.urgent("ivan", "fresh");
    let challenge = harness::begin(&town.house.cabinet, "ivan");
    assert_eq!(town.house.cabinet.outbox(10).unwrap().len(), 3);
    let (file, before) = (town.backup(), town.taken());
    let (archived, feed) = (town.house.archive().len(), feed_of(&town.house.cabinet, &session));

    let (cabinet, _) = town.restored(&file, false);
    town.drain(&cabinet);
    let texts = town.texts(before);
    let meant = [("Zamok Bank: put off", 1), ("Zamok Bank: fresh", 1), ("put off", 0), ("fresh", 1)];
    for (text, count) in meant {
        assert_eq!(texts.get(text).copied().unwrap_or_default(), count, "{text}: {texts:?}");
    }
    assert_eq!(texts.values().sum::<usize>(), 3, "and no code: {texts:?}");
    let archive = harness::archive(&cabinet);
    assert!(archive.len() > archived, "what the archive remembered it remembers");
    let dead = archive.iter().find(|entry| entry.reason == "its code does not count any more");
    assert_eq!(dead.map(|entry| (entry.ending, entry.attempts)), Some((Ending::Expired, 0)), "{archive:?}");
    assert_eq!(
        cabinet.answer(&challenge, "123456", harness::request()),
        Err(Error::Core(CoreError::Rejected))
    );
    // Receipts find the message that they are about, in the new store as well.
    town.arrive(&cabinet, waits_for_receipt);
    assert_eq!(cabinet.on_their_way(10, None).unwrap().0, []);
    // What people have decided and were told is theirs.
    let session = log_in(&cabinet, &town);
    assert_eq!(cabinet.preferences(&session).unwrap(), preferences);
    assert!(feed_of(&cabinet, &session) >= feed, "the feed");
    assert!(cabinet.vault().read(zamok_journal::audit).unwrap().is_clean());
    assert_eq!(cabinet.audit_indexes(10).unwrap(), []);
}

#[test]
fn where_the_journal_survived_nothing_is_sent_a_second_time() {
    let town = Town::new();
    for text in ["one", "two"] {
        town.house.urgent("ivan", text);
    }
    let (file, before) = (town.backup(), town.taken());
    // Both leave after the backup.
    town.step(&town.house.cabinet);
    assert_eq!(town.texts(before).values().sum::<usize>(), 4);
    let before = town.taken();
    let (cabinet, ended) = town.restored(&file, true);
    assert_eq!(ended, 2);
    town.drain(&cabinet);
    assert_eq!(town.taken(), before);
    assert_eq!(cabinet.on_their_way(10, None).unwrap().0, []);
    let endings = harness::tally(harness::archive(&cabinet).iter().map(|entry| entry.reason.clone()));
    assert_eq!(endings["the surviving journal says so"], 2);
}

#[test]
fn what_was_spread_and_had_not_left_is_sent_after_a_restore() {
    let town = Town::new();
    town.house.urgent("ivan", "one");
    let file = town.backup();
    town.sms.fail(Why::Busy);
    town.step(&town.house.cabinet);
    let before = town.taken();
    let (cabinet, ended) = town.restored(&file, true);
    assert_eq!(ended, 0, "the SMS would be lost");
    town.drain(&cabinet);
    assert_eq!(town.texts(before), BTreeMap::from([("Zamok Bank: one".into(), 1), ("one".into(), 1)]));
}

#[test]
fn a_vault_that_moves_takes_its_messages_along() {
    let town = Town::new();
    let session = log_in(&town.house.cabinet, &town);
    let mut preferences = town.house.cabinet.preferences(&session).unwrap();
    preferences.language = "ru".into();
    town.house.cabinet.set_preferences(&session, &preferences).unwrap();
    town.drain(&town.house.cabinet);
    town.house.urgent("ivan", "one");
    let challenge = harness::begin(&town.house.cabinet, "ivan");
    let before = town.taken();
    let new = Arc::new(SqliteStore::create(town.folder.path().join("new.db")).unwrap());
    let secret = Passphrase::from(PASSPHRASE);
    // Nobody else has it open.
    let options = Options { settling: Duration::ZERO, ..town.options() };
    let moved =
        Vault::relocate(town.store.clone(), new, "sqlite:new.db", &secret, options, &mut |_| {}).unwrap();
    let cabinet = Arc::new(Cabinet::open(Arc::new(moved.vault)).unwrap());
    town.step(&cabinet);
    let texts = town.texts(before);
    assert_eq!(texts.values().sum::<usize>(), 3, "two of the notice, and the code: {texts:?}");
    let code = texts.keys().find(|text| text.contains(char::is_numeric)).unwrap();
    let session = cabinet.answer(&challenge, harness::code_in(code), harness::request()).unwrap();
    assert_eq!(cabinet.preferences(&session).unwrap(), preferences);
}

fn feed_of(cabinet: &Cabinet, session: &Session) -> usize {
    let filter = zamok_cabinet::FeedFilter::default();
    cabinet.feed(session, &filter, 100, None).unwrap().entries.len()
}
