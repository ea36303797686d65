//! Older versions of a key do no more than its newest is let: what is taken from a key is taken from all of it, in every
//! operation of every kind, and to destroy it leaves the material of none.

mod harness;

use harness::{OWNER, Scene};
use zamok_core::event::EventKind;
use zamok_core::mechanism::{Mechanism, Mechanisms};
use zamok_core::signature::Prepared;
use zamok_core::store::{Change, ChangeId, Outcome, Range, RowKey, Store};
use zamok_core::vault::keys::{self, KEYS, Narrowing, Template, Usage, Usages, VERSIONS};
use zamok_core::vault::macs::Tagging;
use zamok_core::vault::versions::{self, RotationPolicy};
use zamok_core::vault::{
    Flag, Flags, KeyId, KeyKind, KeyState, Purpose, Transaction, ciphers, importing, macs, signing, wrapping,
};
use zamok_core::{Env, Error, UnixTime};

use KeyState::{Active, Compromised, Deactivated, Destroyed, Suspended};

const FOREVER: RotationPolicy = RotationPolicy { accept: None };

/// Opens, or checks, what a first version protected.
type Use = Box<dyn Fn(&mut Transaction<'_>) -> Result<(), Error>>;

/// A key in its third version, and what its first did.
struct Old {
    name: &'static str,
    key: KeyId,
    operation: Use,
    /// What a compromised key opens still, to be protected anew.
    is_opening: bool,
    /// The caller names the version; elsewhere all of them are tried.
    is_named: bool,
}

const OPERATIONS: usize = 8;

impl Old {
    fn make(scene: &Scene, number: usize) -> Self {
        let generate = |kind, purpose| {
            let mut template = Template::new(kind, purpose).named("a key", Some(OWNER));
            template.flags = Flags::of(&[Flag::Wrappable, Flag::Modifiable, Flag::Destroyable]);
            scene.transact(|tx| keys::generate(tx, &template)).unwrap()
        };
        let (name, key, operation): (_, _, Use) = match number {
            0 | 1 => {
                let (name, mechanism) =
                    [("XAES", Mechanism::XaesGcm), ("AES-GCM", Mechanism::AesGcm)][number];
                let key = generate(KeyKind::Aes256, Purpose::Data);
                let sealed = scene.transact(|tx| ciphers::seal(tx, key, mechanism, b"", b"words")).unwrap();
                (name, key, Box::new(move |tx| ciphers::open(tx, key, mechanism, b"", &sealed).map(drop)))
            }
            2 => {
                let key = generate(KeyKind::Hmac, Purpose::Data);
                let tagged = scene.transact(|tx| macs::tag(tx, key, Mechanism::HmacSha256, b"text")).unwrap();
                (
                    "MAC",
                    key,
                    Box::new(move |tx| macs::check(tx, key, Mechanism::HmacSha256, b"text", &tagged)),
                )
            }
            3 => {
                let key = generate(KeyKind::Generic, Purpose::Data);
                let tagged = scene.transact(|tx| macs::tag(tx, key, Mechanism::HmacSha384, b"text")).unwrap();
                let check = move |tx: &mut Transaction<'_>| {
                    let mut checking = Tagging::begin_check(tx, key, Mechanism::HmacSha384, tagged.version)?;
                    [b"te", b"xt"].into_iter().for_each(|part| checking.update(part));
                    checking.finish(&tagged.tag)
                };
                ("MAC in parts", key, Box::new(check))
            }
            4 | 5 => {
                let (name, kind) = [("signature", KeyKind::Ed25519), ("digest", KeyKind::P256)][number - 4];
                let key = generate(kind, Purpose::Document);
                let made = scene.transact(|tx| signing::sign(tx, key, Purpose::Document, b"text", "a"));
                let signature = made.unwrap().to_der();
                let check = move |tx: &mut Transaction<'_>| {
                    let mut parts = signing::Signing::new(Mechanism::EcdsaSha256)?;
                    parts.update(b"text");
                    let (mechanism, digest) = parts.digest();
                    let (mechanism, prepared) = match kind {
                        KeyKind::P256 => (Some(mechanism), Prepared::Digest(&digest)),
                        _ => (None, Prepared::Message(&b"text"[..])),
                    };
                    signing::verify(tx, key, mechanism, Purpose::Document, prepared, &signature)
                };
                (name, key, Box::new(check))
            }
            6 => {
                let (key, traveller) =
                    (generate(KeyKind::Aes256, Purpose::Wrapping), generate(KeyKind::Hmac, Purpose::Data));
                let wrapped =
                    scene.transact(|tx| wrapping::wrap(tx, key, traveller, Mechanism::AesKeyWrap)).unwrap();
                let template = Template::new(KeyKind::Hmac, Purpose::Data);
                let unwrap = move |tx: &mut Transaction<'_>| {
                    wrapping::unwrap_bare(tx, key, &wrapped, &template).map(drop)
                };
                ("AES key wrap", key, Box::new(unwrap))
            }
            _ => {
                let key = generate(KeyKind::P256Agreement, Purpose::Wrapping);
                let traveller = generate(KeyKind::P256, Purpose::Document);
                let peer = Template::new(KeyKind::PublicKey, Purpose::Wrapping);
                let spki = spki(scene, key);
                let peer = scene.transact(|tx| importing::raw(tx, &peer, spki.clone().into())).unwrap();
                let wrap =
                    |tx: &mut Transaction<'_>| wrapping::wrap(tx, peer, traveller, Mechanism::EnvelopeTo);
                let wrapped = scene.transact(wrap).unwrap();
                let unwrap =
                    move |tx: &mut Transaction<'_>| wrapping::unwrap(tx, key, &wrapped, None).map(drop);
                ("envelope", key, Box::new(unwrap))
            }
        };
        for _ in 0..2 {
            scene.transact(|tx| versions::rotate(tx, key, &FOREVER, "due")).unwrap();
        }
        Self { name, key, operation, is_opening: number < 2, is_named: number < 4 }
    }

    fn try_out(&self, scene: &Scene) -> Result<(), Error> {
        scene.try_out(&self.operation)
    }

    /// With an authorisation for one use, once and once more.
    fn authorised(&self, scene: &Scene) -> [Result<(), Error>; 2] {
        let (chain, mut chance) = (scene.chain(), scene.chance());
        let env = Env { now: scene.now(), rng: &mut chance };
        let mut tx =
            Transaction::begin(&scene.store, &scene.keyring, chain, env).with_authorization(self.key);
        [(); 2].map(|()| (self.operation)(&mut tx))
    }

    fn become_(&self, scene: &Scene, states: &[KeyState]) {
        for next in states {
            scene.transact(|tx| keys::change_state(tx, self.key, *next, "a test")).unwrap();
        }
    }

    fn narrow(&self, scene: &Scene, narrowing: &Narrowing) {
        scene.transact(|tx| keys::narrow(tx, self.key, narrowing)).unwrap();
    }
}

fn spki(scene: &Scene, key: KeyId) -> Vec<u8> {
    use p256::pkcs8::DecodePublicKey as _;
    use p256::pkcs8::EncodePublicKey as _;
    let pem = scene.transact(|tx| signing::spki_pem(tx, key)).unwrap();
    p256::PublicKey::from_public_key_pem(&pem).unwrap().to_public_key_der().unwrap().into_vec()
}

/// Material in the rows of a key, the newest version last.
fn materials(scene: &Scene, key: KeyId) -> Vec<usize> {
    let older = scene.store.scan(VERSIONS, &Range::prefix(&key.0), usize::MAX, None).unwrap().rows;
    let rows = older.into_iter().map(|(row, _)| RowKey::new(VERSIONS, row)).chain([RowKey::new(KEYS, key.0)]);
    let length = |row: RowKey| {
        let opened = scene.keyring.open(&row, &scene.row(&row)).unwrap();
        // The last three lengths of the attributes: label, material, public key.
        let end = opened.attributes.len();
        usize::from(u16::from_be_bytes(opened.attributes[end - 4..end - 2].try_into().unwrap()))
    };
    rows.map(length).collect()
}

/// How many ends of keys the journal tells of.
fn ends(scene: &Scene) -> usize {
    scene.journal().into_iter().filter(|told| told.leaf.kind == EventKind::KeyDestroyed).count()
}

#[test]
fn the_state_of_the_newest_version_binds_what_older_ones_do() {
    let scene = Scene::new("states");
    for number in 0..OPERATIONS {
        for (states, refused) in [
            (&[][..], None),
            (&[Suspended], Some(Suspended)),
            (&[Suspended, Active], None),
            (&[Deactivated], None),
            (&[Compromised], Some(Compromised)),
            (&[Deactivated, Destroyed], Some(Destroyed)),
            (&[Compromised, Destroyed], Some(Destroyed)),
        ] {
            let old = Old::make(&scene, number);
            old.become_(&scene, states);
            let refused = refused.filter(|state| !(old.is_opening && *state == Compromised));
            let expected = refused.map_or(Ok(()), |state| Err(Error::KeyState(state)));
            assert_eq!(old.try_out(&scene), expected, "{}: {states:?}", old.name);
        }
    }
}

#[test]
fn usages_mechanisms_and_dates_of_the_newest_version_bind_what_older_ones_do() {
    let scene = Scene::new("narrowed");
    let now = scene.now();
    let both = Narrowing::default();
    let opening = [Usage::Decrypt, Usage::VerifyMac, Usage::Verify, Usage::Unwrap];
    for number in 0..OPERATIONS {
        let usages = Old::make(&scene, number);
        let left =
            scene.transact(|tx| keys::info(tx, usages.key)).unwrap().usages.without(Usages::of(&opening));
        let cases = [
            (Narrowing { usages: Some(left), ..both }, Error::KeyUsage),
            (Narrowing { mechanisms: Some(Mechanisms::NONE), ..both }, Error::KeyMechanism),
            (Narrowing { accept_until: Some(now), ..both }, Error::KeyNotValid),
            (Narrowing { valid_from: Some(now.plus(1)), ..both }, Error::KeyNotValid),
        ];
        for (narrowing, expected) in cases {
            let old = Old::make(&scene, number);
            old.narrow(&scene, &narrowing);
            assert_eq!(old.try_out(&scene), Err(expected), "{}: {narrowing:?}", old.name);
        }
        // What ends only what is protected anew ends nothing of this.
        let old = Old::make(&scene, number);
        old.narrow(&scene, &Narrowing { valid_to: Some(UnixTime(1)), ..both });
        assert_eq!(old.try_out(&scene), Ok(()), "{}", old.name);
    }
}

#[test]
fn an_authorisation_is_asked_for_and_is_enough_for_the_version_that_fits() {
    let scene = Scene::new("asked");
    for number in 0..OPERATIONS {
        let old = Old::make(&scene, number);
        let flags = scene.transact(|tx| keys::info(tx, old.key)).unwrap().flags;
        let flags = Some(flags.or(Flags::of(&[Flag::AlwaysAuthenticate])));
        old.narrow(&scene, &Narrowing { flags, ..Narrowing::default() });
        assert_eq!(old.try_out(&scene), Err(Error::KeyUnauthorised), "{}", old.name);
        assert_eq!(old.authorised(&scene), [Ok(()), Err(Error::KeyUnauthorised)], "{}", old.name);
        // Also where the flag is as old as the version.
        scene.transact(|tx| versions::rotate(tx, old.key, &FOREVER, "due")).unwrap();
        assert_eq!(old.authorised(&scene), [Ok(()), Err(Error::KeyUnauthorised)], "{}", old.name);
    }
}

#[test]
fn a_version_that_is_compromised_or_destroyed_alone_ends_alone() {
    let scene = Scene::new("alone");
    for number in 0..OPERATIONS {
        for version in [1, 2] {
            let old = Old::make(&scene, number);
            for state in [Compromised, Destroyed] {
                scene
                    .transact(|tx| keys::change_version_state(tx, old.key, version, state, "a test"))
                    .unwrap();
                let goes_on = version == 2 || (old.is_opening && state == Compromised);
                let refused = if old.is_named { Error::KeyState(state) } else { Error::Rejected };
                let expected = if goes_on { Ok(()) } else { Err(refused) };
                assert_eq!(old.try_out(&scene), expected, "{}: {state}", old.name);
            }
            let states = scene.transact(|tx| versions::list(tx, old.key)).unwrap();
            let states: Vec<_> = states.into_iter().map(|info| info.state).collect();
            let expected = [Active, Deactivated, Deactivated];
            let place = 3 - version as usize;
            assert!(
                states
                    .iter()
                    .enumerate()
                    .all(|(at, state)| { *state == if at == place { Destroyed } else { expected[at] } })
            );
        }
    }
}

#[test]
fn to_destroy_a_key_destroys_the_material_of_every_version_in_the_same_commit() {
    let scene = Scene::new("all of it");
    for number in 0..OPERATIONS {
        let old = Old::make(&scene, number);
        assert!(materials(&scene, old.key).iter().all(|length| *length > 0), "{}", old.name);
        // One has ended before, and one was rotated away in the same commit.
        scene.transact(|tx| keys::change_version_state(tx, old.key, 2, Compromised, "found")).unwrap();
        scene.transact(|tx| keys::change_version_state(tx, old.key, 2, Destroyed, "over")).unwrap();
        let told = ends(&scene);
        scene
            .transact(|tx| {
                versions::rotate(tx, old.key, &FOREVER, "due")?;
                keys::change_state(tx, old.key, Deactivated, "over")?;
                keys::change_state(tx, old.key, Destroyed, "over")
            })
            .unwrap();
        assert_eq!(materials(&scene, old.key), [0; 4], "{}", old.name);
        let states = scene.transact(|tx| versions::list(tx, old.key)).unwrap();
        assert!(states.iter().all(|info| info.state == Destroyed), "{}", old.name);
        assert_eq!(ends(&scene) - told, 3, "the journal tells of each");
    }
}

#[test]
fn what_was_taken_away_holds_no_end_up_and_comes_back_to_nothing() {
    let scene = Scene::new("taken away");
    let old = Old::make(&scene, 0);
    let row = RowKey::new(VERSIONS, [&old.key.0[..], &[0, 0, 0, 1]].concat());
    let kept = scene.row(&row);
    let mut taken = Change::new(ChangeId([7; 16]));
    taken.delete(row.clone(), kept.version).unwrap();
    assert_eq!(scene.store.commit(&taken), Ok(Outcome::Committed));
    old.become_(&scene, &[Deactivated, Destroyed]);
    scene.store.plant(&row, Some(kept));
    assert_eq!(old.try_out(&scene), Err(Error::KeyState(Destroyed)));
}

/// Nor does what was altered; and what stayed of a key that is destroyed goes when it is destroyed once more.
#[test]
fn what_was_altered_holds_no_end_up_and_goes_with_the_next() {
    let scene = Scene::new("altered");
    let old = Old::make(&scene, 0);
    let row = RowKey::new(VERSIONS, [&old.key.0[..], &[0, 0, 0, 1]].concat());
    let mut altered = scene.row(&row);
    *altered.value.last_mut().unwrap() ^= 1;
    scene.store.plant(&row, Some(altered));
    old.become_(&scene, &[Deactivated, Destroyed]);
    scene.store.restore();
    let again = || scene.transact(|tx| keys::change_state(tx, old.key, Destroyed, "once more"));
    assert_eq!(again(), Ok(()));
    assert_eq!(materials(&scene, old.key), [0, 0, 0]);
    assert_eq!(again(), Err(Error::KeyState(Destroyed)));
}

#[test]
fn a_key_that_may_not_be_destroyed_keeps_its_older_versions() {
    let scene = Scene::new("kept");
    let old = Old::make(&scene, 0);
    let flags = scene.transact(|tx| keys::info(tx, old.key)).unwrap().flags;
    let flags = Some(flags.without(Flags::of(&[Flag::Destroyable])));
    old.narrow(&scene, &Narrowing { flags, ..Narrowing::default() });
    old.become_(&scene, &[Deactivated]);
    let destroy =
        |version| scene.transact(|tx| keys::change_version_state(tx, old.key, version, Destroyed, "a test"));
    assert_eq!([1, 2, 3].map(destroy), [(); 3].map(|()| Err(Error::KeyFixed)));
    assert_eq!(old.try_out(&scene), Ok(()));
}

#[test]
fn public_keys_are_those_that_verify() {
    let scene = Scene::new("public keys");
    let without = Usages::of(&[Usage::Sign]);
    for (states, usages, count) in [
        (&[][..], None, 3),
        (&[Deactivated], None, 3),
        (&[], Some(without), 1),
        (&[Suspended], None, 1),
        (&[Compromised], None, 1),
    ] {
        let old = Old::make(&scene, 5);
        old.narrow(&scene, &Narrowing { usages, ..Narrowing::default() });
        old.become_(&scene, states);
        let found = scene.transact(|tx| signing::public_keys(tx, old.key)).unwrap();
        assert_eq!(found.len(), count, "{states:?} {usages:?}");
        assert!(found.iter().all(|(info, _)| usages.is_none_or(|usages| info.usages == usages)));
    }
}

#[test]
fn a_key_has_as_many_versions_as_one_commit_destroys() {
    let scene = Scene::new("many");
    let key =
        scene.transact(|tx| keys::generate(tx, &Template::new(KeyKind::Aes256, Purpose::Data))).unwrap();
    let rotate = || scene.transact(|tx| versions::rotate(tx, key, &FOREVER, "hourly"));
    for version in 2..=versions::MOST {
        assert_eq!(rotate().map(|version| version as usize), Ok(version));
    }
    let (given, limit) = (versions::MOST + 1, versions::MOST);
    assert_eq!(rotate(), Err(Error::TooLong { what: "the number of a key's versions", given, limit }));
    // One that is gone makes room for another.
    scene.transact(|tx| keys::change_version_state(tx, key, 1, Destroyed, "long ago")).unwrap();
    assert_eq!(rotate().map(|version| version as usize), Ok(given));
    assert!(rotate().is_err());
    for state in [Deactivated, Destroyed] {
        scene.transact(|tx| keys::change_state(tx, key, state, "over")).unwrap();
    }
    assert_eq!(materials(&scene, key), vec![0; given]);
}
