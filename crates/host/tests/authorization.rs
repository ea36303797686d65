//! Keys that ask for an authorisation of their own: each use takes the slot's secret once more, and guesses at it are
//! guesses at the slot (`CRYPTO.md` §8).

use std::sync::Arc;
use std::thread;

use zamok_core::event::{EventKind, Leaf};
use zamok_core::store::{EntryId, MemoryStore, Range};
use zamok_core::vault::attempts::{Attempts, UnlockPolicy};
use zamok_core::vault::keys::{self, Flag, Flags, KeyKind, Purpose, Template};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{Entry, KeyId, Role, Transaction, macs, signing, wrapping};
use zamok_core::{Error, UnixTime, mechanism::Mechanism};
use zamok_host::{ManualClock, NewSlot, Options, Passphrase, SecretKey, Vault};

const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };

struct Scene {
    store: Arc<MemoryStore>,
    clock: ManualClock,
    vault: Vault,
}

impl Scene {
    fn new() -> Self {
        let (store, clock) = (Arc::new(MemoryStore::new()), ManualClock::new(UnixTime(1_000_000)));
        let vault = Vault::create_for(
            store.clone(),
            &Passphrase::from("officer"),
            &Passphrase::from("right"),
            options(&clock),
        )
        .unwrap();
        Self { store, clock, vault }
    }

    fn careful_key(&self, kind: KeyKind, purpose: Purpose) -> KeyId {
        let mut template = Template::new(kind, purpose);
        template.flags = template.flags.or(Flags::of(&[Flag::AlwaysAuthenticate]));
        self.vault.transact(|tx| keys::generate(tx, &template)).unwrap()
    }

    fn failures(&self) -> u64 {
        Attempts::read(&*self.store, 1).unwrap().failures()
    }

    /// How often the journal tells of this.
    fn told(&self, kind: EventKind) -> usize {
        self.vault
            .read(|store, keyring| {
                let mut told = 0;
                for (key, row) in store.scan(EntryId::TABLE, &Range::all(), 1000, None)?.rows {
                    let entry = Entry::open(keyring, EntryId::of_row(&key).unwrap(), &row.value)?;
                    told += usize::from(Leaf::decode(&entry.leaf)?.kind == kind);
                }
                Ok(told)
            })
            .unwrap()
    }
}

fn options(clock: &ManualClock) -> Options {
    let unlock =
        UnlockPolicy { free: 3, first_delay: 30, longest_delay: 3600, disable_after: Some(6), attempt: 10 };
    Options { clock: Arc::new(clock.clone()), cost: CHEAP, unlock, ..Options::default() }
}

#[test]
fn one_authorisation_is_one_use_and_every_mechanism_asks_for_it() {
    let scene = Scene::new();
    let right = Passphrase::from("right");
    let signer = scene.careful_key(KeyKind::P256, Purpose::Document);
    let mac = scene.careful_key(KeyKind::Hmac, Purpose::Data);
    let wrapper = scene.careful_key(KeyKind::Aes256, Purpose::Wrapping);
    let sign =
        |tx: &mut Transaction<'_>| signing::sign(tx, signer, Purpose::Document, b"text", "a.txt").map(|_| ());
    let tag = |tx: &mut Transaction<'_>| macs::tag(tx, mac, Mechanism::HmacSha256, b"text").map(|_| ());
    let unwrap = |tx: &mut Transaction<'_>| {
        wrapping::unwrap_bare(tx, wrapper, &[0; 40], &Template::new(KeyKind::Generic, Purpose::Data))
            .map(|_| ())
    };
    let vault = &scene.vault;
    assert_eq!(vault.transact(sign), Err(Error::KeyUnauthorised));
    assert_eq!(vault.transact(tag), Err(Error::KeyUnauthorised));
    assert_eq!(vault.transact(unwrap), Err(Error::KeyUnauthorised));
    let authorization = vault.authorize(signer, &right).unwrap();
    assert_eq!(
        (authorization.key(), format!("{authorization:?}")),
        (signer, format!("Authorization({signer})"))
    );
    assert_eq!(authorization.transact(sign), Ok(()));
    assert_eq!(vault.transact(sign), Err(Error::KeyUnauthorised), "it was for one use");
    assert_eq!(vault.authorize(mac, &right).unwrap().transact(tag), Ok(()));
    // Wrapped bytes that are none: the key was used, and said so.
    assert_eq!(vault.authorize(wrapper, &right).unwrap().transact(unwrap), Err(Error::Rejected));
    // For one key, for one use within the transaction, and only for that key.
    assert_eq!(vault.authorize(mac, &right).unwrap().transact(sign), Err(Error::KeyUnauthorised));
    let twice = vault.authorize(signer, &right).unwrap().transact(|tx| sign(tx).and_then(|()| sign(tx)));
    assert_eq!(twice, Err(Error::KeyUnauthorised));
    // An authorisation that is not used is gone.
    drop(vault.authorize(signer, &right).unwrap());
    assert_eq!(vault.transact(sign), Err(Error::KeyUnauthorised));
    assert_eq!(scene.told(EventKind::KeyAuthorised), 6);
    assert_eq!(scene.told(EventKind::SignatureMade), 1);
    // What was refused has used nothing up.
    assert_eq!(scene.failures(), 0);
}

#[test]
fn guesses_are_charged_to_the_slot_before_they_are_looked_at_delayed_and_disabled() {
    let scene = Scene::new();
    let key = scene.careful_key(KeyKind::P256, Purpose::Document);
    let (right, wrong) = (Passphrase::from("right"), Passphrase::from("wrong"));
    let authorize = |secret| scene.vault.authorize(key, secret).map(drop);
    for charged in 1..=3 {
        assert_eq!(authorize(&wrong), Err(Error::Rejected));
        assert_eq!(scene.failures(), charged);
    }
    assert_eq!(authorize(&right), Ok(()));
    assert_eq!((scene.failures(), scene.told(EventKind::UnlockFailed)), (0, 1));
    for _ in 0..4 {
        assert_eq!(authorize(&wrong), Err(Error::Rejected));
    }
    // Delayed: the right one is refused as well, and so is opening the vault through that slot.
    let delayed = Err(Error::UnlockNotBefore(1_000_030));
    assert_eq!(authorize(&right), delayed);
    let open = || Vault::unlock(scene.store.clone(), &right, options(&scene.clock)).map(drop);
    assert_eq!(open(), delayed);
    scene.clock.advance(30);
    assert_eq!(authorize(&wrong), Err(Error::Rejected));
    scene.clock.advance(60);
    assert_eq!(authorize(&wrong), Err(Error::Rejected));
    assert_eq!(authorize(&right), Err(Error::SlotDisabled));
    // The officer forgives, and is told of it; keys that ask for nothing went on all the time.
    let officer = Passphrase::from("officer");
    let officer =
        Vault::unlock_as(Role::Officer, scene.store.clone(), &officer, options(&scene.clock)).unwrap();
    officer.reset_slot(1).unwrap();
    assert_eq!(authorize(&right), Ok(()));
    assert_eq!(officer.authorize(key, &right).map(drop), Err(Error::Role(Role::Officer)));
}

#[test]
fn parallel_guesses_are_charged_one_by_one() {
    let scene = Scene::new();
    let key = scene.careful_key(KeyKind::P256, Purpose::Document);
    let answers: Vec<_> = thread::scope(|scope| {
        let guess = || scene.vault.authorize(key, &Passphrase::from("wrong")).map(drop);
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(guess)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let rejected = answers.iter().filter(|answer| **answer == Err(Error::Rejected)).count();
    // Four are looked at; the fifth would be too soon.
    assert_eq!(rejected, 4, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(Error::Rejected | Error::UnlockNotBefore(_) | Error::Busy)))
    );
    assert_eq!(scene.failures(), 4);
}

#[test]
fn an_unknown_key_another_sort_of_secret_and_a_slot_that_is_gone_use_nothing_up() {
    let scene = Scene::new();
    let key = scene.careful_key(KeyKind::P256, Purpose::Document);
    let right = Passphrase::from("right");
    assert_eq!(scene.vault.authorize(KeyId([7; 16]), &right).map(drop), Err(Error::UnknownKey));
    let raw = SecretKey::from([1; 32]);
    let other = scene.vault.authorize(key, zamok_host::Credential::Key(&raw)).map(drop);
    assert_eq!(other, Err(Error::SlotMethod));
    assert_eq!(scene.failures(), 0);
    let officer = Passphrase::from("officer");
    let officer =
        Vault::unlock_as(Role::Officer, scene.store.clone(), &officer, options(&scene.clock)).unwrap();
    let new = NewSlot { role: Role::User, label: "", secret: (&raw).into(), cost: CHEAP };
    officer.add_slot(&new).unwrap();
    officer.remove_slot(1).unwrap();
    assert_eq!(scene.vault.authorize(key, &right).map(drop), Err(Error::Locked));
}
