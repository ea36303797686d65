//! Rotation and attributes: older versions verify and open as long as policy says, attributes only shrink, labels are
//! found.

mod harness;

use harness::{OWNER, Scene};
use zamok_core::event::EventKind;
use zamok_core::mechanism::{Mechanism, Mechanisms};
use zamok_core::signature::Prepared;
use zamok_core::store::{Range, RowKey, Store, Table};
use zamok_core::vault::keys::{self, KeyKind, Narrowing, Purpose, Template};
use zamok_core::vault::versions::{self, RotationPolicy};
use zamok_core::vault::{
    Flag, Flags, KeyId, KeyState, Role, ciphers, finding, importing, issued, macs, signing, wrapping,
};
use zamok_core::{Error, UnixTime};

const FOREVER: RotationPolicy = RotationPolicy { accept: None };

#[test]
fn a_rotated_key_signs_anew_and_verifies_what_it_signed_before() {
    let scene = Scene::new("rotated");
    let key = scene.signer(Purpose::Document);
    let sign =
        || scene.transact(|tx| signing::sign(tx, key, Purpose::Document, b"text", "a")).unwrap().to_der();
    let verify = |signature: &[u8]| {
        scene.try_out(|tx| {
            signing::verify(tx, key, None, Purpose::Document, Prepared::Message(b"text"), signature)
        })
    };
    let (_, first) = scene.transact(|tx| signing::public_key(tx, key)).unwrap();
    let old = sign();
    scene.wait(10);
    let policy = RotationPolicy { accept: Some(100) };
    assert_eq!(scene.transact(|tx| versions::rotate(tx, key, &policy, "yearly")), Ok(2));
    let (info, second) = scene.transact(|tx| signing::public_key(tx, key)).unwrap();
    assert_ne!(first, second);
    assert_eq!((info.version, info.state, info.label.as_str()), (2, KeyState::Active, "a signer"));
    let new = sign();
    assert_eq!(second.verify_der(b"text", &new), Ok(()));
    assert_eq!((verify(&old), verify(&new)), (Ok(()), Ok(())));
    let listed = scene.transact(|tx| versions::list(tx, key)).unwrap();
    assert_eq!(
        listed.iter().map(|info| (info.version, info.state)).collect::<Vec<_>>(),
        [(2, KeyState::Active), (1, KeyState::Deactivated)]
    );
    assert_eq!(scene.transact(|tx| signing::public_keys(tx, key)).unwrap().len(), 2);
    scene.wait(100);
    assert_eq!((verify(&old), verify(&new)), (Err(Error::Rejected), Ok(())), "policy has ended it");
    assert_eq!(scene.transact(|tx| signing::public_keys(tx, key)).unwrap().len(), 1);
}

#[test]
fn a_version_that_is_compromised_or_destroyed_verifies_nothing_and_the_newest_goes_on() {
    let scene = Scene::new("one version");
    let key = scene.signer(Purpose::Token);
    let old = scene.transact(|tx| signing::sign(tx, key, Purpose::Token, b"m", "")).unwrap().to_der();
    scene.transact(|tx| versions::rotate(tx, key, &FOREVER, "yearly")).unwrap();
    let verify =
        || scene.try_out(|tx| signing::verify(tx, key, None, Purpose::Token, Prepared::Message(b"m"), &old));
    assert_eq!(verify(), Ok(()));
    scene.transact(|tx| keys::change_version_state(tx, key, 1, KeyState::Compromised, "found")).unwrap();
    assert_eq!(verify(), Err(Error::Rejected));
    scene.transact(|tx| keys::change_version_state(tx, key, 1, KeyState::Destroyed, "over")).unwrap();
    assert_eq!(scene.transact(|tx| keys::info(tx, key)).unwrap().state, KeyState::Active);
    assert!(scene.transact(|tx| signing::sign(tx, key, Purpose::Token, b"m", "")).is_ok());
    // A version that is deleted is missed.
    scene.store.plant(&RowKey::new(Table(4), [&key.0[..], &[0, 0, 0, 1]].concat()), None);
    assert_eq!(scene.try_out(|tx| versions::list(tx, key)), Err(Error::Refused));
}

#[test]
fn what_was_sealed_before_a_rotation_is_opened_after_it() {
    let scene = Scene::new("sealed");
    let key =
        scene.transact(|tx| keys::generate(tx, &Template::new(KeyKind::Aes256, Purpose::Data))).unwrap();
    let seal = || scene.transact(|tx| ciphers::seal(tx, key, Mechanism::XaesGcm, b"", b"words")).unwrap();
    let old = seal();
    scene.transact(|tx| versions::rotate(tx, key, &FOREVER, "yearly")).unwrap();
    let new = seal();
    assert_eq!((old.version, new.version), (1, 2));
    for sealed in [&old, &new] {
        let plain = scene.transact(|tx| ciphers::open(tx, key, Mechanism::XaesGcm, b"", sealed)).unwrap();
        assert_eq!(plain.as_slice(), b"words");
    }
    let crossed = ciphers::Sealed { version: 2, bytes: old.bytes };
    let found = scene.try_out(|tx| ciphers::open(tx, key, Mechanism::XaesGcm, b"", &crossed).map(|_| ()));
    assert_eq!(found, Err(Error::Rejected));
}

#[test]
fn messages_under_random_nonces_are_counted_from_the_first_and_none_is_sealed_without_the_count() {
    let scene = Scene::new("counted");
    let mut template = Template::new(KeyKind::Aes256, Purpose::Data);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    let seal = |key| {
        scene
            .transact(|tx| ciphers::seal(tx, key, Mechanism::AesGcm, b"", b"words"))
            .map(|sealed| sealed.version)
    };
    let row = |key: KeyId, version: u32| {
        RowKey::new(ciphers::NONCES, [&key.0[..], &version.to_be_bytes()].concat())
    };
    let count = |key, version| {
        let (row, found) = (row(key, version), scene.row(&row(key, version)));
        scene.keyring.verify(&row, &found).unwrap().to_vec()
    };
    assert_eq!(count(key, 1), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((seal(key), seal(key)), (Ok(1), Ok(1)));
    // The bound is one for a secret: a copy opens what the original sealed, and seals nothing that is counted, nor does its copy.
    let sealed = scene.transact(|tx| ciphers::seal(tx, key, Mechanism::AesGcm, b"", b"words")).unwrap();
    let copy = |key| scene.transact(|tx| keys::copy(tx, key, &Narrowing::default(), "", None)).unwrap();
    let first = copy(key);
    for copy in [first, copy(first)] {
        assert_eq!(seal(copy), Err(Error::KeyExhausted));
        let plain = scene.transact(|tx| ciphers::open(tx, copy, Mechanism::AesGcm, b"", &sealed)).unwrap();
        assert_eq!(plain.as_slice(), b"words");
        scene.transact(|tx| ciphers::seal(tx, copy, Mechanism::XaesGcm, b"", b"words")).unwrap();
    }
    // So does one that left and came back.
    let wrapper = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    let wrapper = scene.transact(|tx| keys::generate(tx, &wrapper)).unwrap();
    scene.by_officer(|tx| keys::trust(tx, wrapper, "the officer")).unwrap();
    let bytes = scene.transact(|tx| wrapping::wrap(tx, wrapper, key, Mechanism::Envelope)).unwrap();
    assert_eq!(seal(key), Ok(1));
    let back = scene.transact(|tx| wrapping::unwrap(tx, wrapper, &bytes, None)).unwrap();
    assert_eq!(seal(back), Err(Error::KeyExhausted));
    assert_eq!(count(key, 1), [1, 0, 0, 0, 0, 0, 0, 0, 4]);
    // The next version has a secret of its own, and a count.
    for key in [first, back] {
        scene.transact(|tx| versions::rotate(tx, key, &FOREVER, "due")).unwrap();
        assert_eq!(seal(key), Ok(2));
    }
    scene.transact(|tx| versions::rotate(tx, key, &FOREVER, "yearly")).unwrap();
    assert_eq!(count(key, 2), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    scene.store.plant(&row(key, 2), None);
    assert_eq!(seal(key), Err(Error::Refused));
}

#[test]
fn an_officer_rotates_no_key_of_the_users() {
    let scene = Scene::new("an officer");
    let key = scene.signer(Purpose::Token);
    let rotated = scene.by_officer(|tx| versions::rotate(tx, key, &FOREVER, "yearly"));
    assert_eq!(rotated, Err(Error::Role(Role::Officer)));
}

#[test]
fn an_otp_key_is_not_rotated_and_a_suspended_one_is_not_either() {
    let scene = Scene::new("not rotated");
    let (otp, _) = scene.totp();
    let signer = scene.signer(Purpose::Token);
    scene.transact(|tx| keys::change_state(tx, signer, KeyState::Suspended, "night")).unwrap();
    let rotate = |key| scene.try_out(|tx| versions::rotate(tx, key, &FOREVER, ""));
    assert_eq!(rotate(otp), Err(Error::KeyKind));
    assert_eq!(rotate(signer), Err(Error::KeyState(KeyState::Suspended)));
}

#[test]
fn attributes_are_taken_away_and_never_given_back() {
    let scene = Scene::new("narrowed");
    let key = scene.signer(Purpose::Document);
    let narrow = |narrowing: Narrowing| scene.transact(|tx| keys::narrow(tx, key, &narrowing));
    let flags = scene.transact(|tx| keys::info(tx, key)).unwrap().flags;
    let wider = |flag| Narrowing { flags: Some(flags.or(Flags::of(&[flag]))), ..Narrowing::default() };
    let fewer = |flag| Narrowing { flags: Some(flags.without(Flags::of(&[flag]))), ..Narrowing::default() };
    for flag in [Flag::Wrappable, Flag::Trusted, Flag::Provisioned] {
        assert_eq!(narrow(wider(flag)), Err(Error::KeyWidened), "{flag}");
    }
    // What forbids stays, and the past is not changed by hand.
    for flag in [Flag::Audited, Flag::WrapWithTrusted, Flag::Local, Flag::NeverExtracted] {
        assert_eq!(narrow(fewer(flag)), Err(Error::KeyWidened), "{flag}");
    }
    let until = |seconds| Narrowing { valid_to: Some(scene.now().plus(seconds)), ..Narrowing::default() };
    assert_eq!(narrow(until(100)), Ok(()));
    assert_eq!(narrow(until(101)), Err(Error::KeyWidened));
    assert_eq!(narrow(until(50)), Ok(()));
    let accepted =
        |seconds| Narrowing { accept_until: Some(scene.now().plus(seconds)), ..Narrowing::default() };
    assert_eq!(narrow(accepted(1000)), Ok(()));
    assert_eq!(narrow(accepted(1001)), Err(Error::KeyWidened));
    let later = |seconds| Narrowing { valid_from: Some(scene.now().plus(seconds)), ..Narrowing::default() };
    let earlier = Narrowing { valid_from: Some(UnixTime(scene.now().0 - 2)), ..Narrowing::default() };
    assert_eq!((narrow(later(0)), narrow(earlier)), (Ok(()), Err(Error::KeyWidened)));
    let sign = || scene.try_out(|tx| signing::sign(tx, key, Purpose::Document, b"", "").map(|_| ()));
    assert_eq!(sign(), Ok(()));
    scene.wait(50);
    assert_eq!(sign(), Err(Error::KeyNotValid));
    assert_eq!(narrow(fewer(Flag::Destroyable)), Ok(()));
    assert_eq!(narrow(wider(Flag::Destroyable)), Err(Error::KeyWidened));
    scene.transact(|tx| keys::change_state(tx, key, KeyState::Deactivated, "")).unwrap();
    let destroy = scene.try_out(|tx| keys::change_state(tx, key, KeyState::Destroyed, ""));
    assert_eq!(destroy, Err(Error::KeyFixed));
    let flags = scene.transact(|tx| keys::info(tx, key)).unwrap().flags;
    let fixed =
        Narrowing { flags: Some(flags.without(Flags::of(&[Flag::Modifiable]))), ..Narrowing::default() };
    assert_eq!(narrow(fixed), Ok(()));
    assert_eq!(narrow(until(10)), Err(Error::KeyFixed));
    assert_eq!(scene.try_out(|tx| keys::rename(tx, key, "other", None)), Err(Error::KeyFixed));
}

#[test]
fn keys_are_found_by_label_and_owner_also_after_a_change_and_no_label_lies_in_the_store() {
    let scene = Scene::new("found");
    let made: Vec<_> = (0..20).map(|_| scene.signer(Purpose::Token)).collect();
    let labelled = |label: &str| -> Vec<_> {
        let found = scene.transact(|tx| finding::by_label(tx, label, 100)).unwrap();
        found.into_iter().map(|info| info.id).collect()
    };
    let mut sorted = made.clone();
    sorted.sort_unstable();
    assert_eq!(labelled("a signer"), sorted);
    assert_eq!(scene.transact(|tx| finding::by_owner(tx, OWNER, 100)).unwrap().len(), 20);
    scene.transact(|tx| keys::rename(tx, made[3], "the third", None)).unwrap();
    assert_eq!((labelled("the third"), labelled("a signer").len()), (vec![made[3]], 19));
    scene.transact(|tx| keys::rename(tx, made[3], "a signer", Some(OWNER))).unwrap();
    assert_eq!((labelled("the third"), labelled("a signer")), (vec![], sorted.clone()));
    assert_eq!(labelled("a signe"), []);
    // A hint that somebody plants leads to a key that says otherwise.
    let index = scene.store.scan(Table(5), &Range::all(), 1, None).unwrap().rows[0].0.clone();
    let planted = [&index[..32], &[9; 16]].concat();
    scene
        .store
        .plant(&RowKey::new(Table(5), planted), Some(zamok_core::store::Row { version: 1, value: vec![] }));
    assert_eq!(labelled("a signer"), sorted);
    for (row, stored) in scene.rows() {
        let shown = stored.value.windows(8).any(|window| window == b"a signer");
        assert!(!shown, "in table {}", row.table.0);
    }
    let (page, next) = scene.transact(|tx| finding::list(tx, 7, None)).unwrap();
    assert_eq!((page.len(), next), (7, Some(page[6].id)));
    let (rest, end) = scene.transact(|tx| finding::list(tx, 100, next)).unwrap();
    assert_eq!((rest.len(), end), (13, None));
}

#[test]
fn a_key_that_asks_for_an_authorisation_is_used_once_for_each() {
    let scene = Scene::new("authorised");
    let mut template = Template::new(KeyKind::P256, Purpose::Token);
    template.flags = template.flags.or(Flags::of(&[Flag::AlwaysAuthenticate]));
    let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    let sign = |tx: &mut zamok_core::vault::Transaction<'_>| {
        signing::sign(tx, key, Purpose::Token, b"m", "").map(|_| ())
    };
    assert_eq!(scene.try_out(|tx| sign(tx)), Err(Error::KeyUnauthorised));
    let (chain, mut chance) = (scene.chain(), scene.chance());
    let env = zamok_core::Env { now: scene.now(), rng: &mut chance };
    let mut tx = zamok_core::vault::Transaction::begin(&scene.store, &scene.keyring, chain, env)
        .with_authorization(key);
    assert_eq!(sign(&mut tx), Ok(()));
    assert_eq!(sign(&mut tx), Err(Error::KeyUnauthorised));
}

#[test]
fn a_mechanism_that_was_taken_away_does_not_come_back() {
    let scene = Scene::new("mechanisms");
    let template = Template::new(KeyKind::Aes256, Purpose::Data);
    let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    let only =
        |left: &[Mechanism]| Narrowing { mechanisms: Some(Mechanisms::of(left)), ..Narrowing::default() };
    let narrow = |left: &[Mechanism]| scene.transact(|tx| keys::narrow(tx, key, &only(left)));
    let nonces_of_others = [Mechanism::XaesGcm, Mechanism::AesGcmCallerNonce];
    assert_eq!(narrow(&nonces_of_others), Err(Error::KeyWidened), "it never had it");
    assert_eq!(narrow(&[Mechanism::XaesGcm]), Ok(()));
    let both = [Mechanism::XaesGcm, Mechanism::AesGcm];
    assert_eq!(narrow(&both), Err(Error::KeyWidened));
    let copied = scene.try_out(|tx| keys::copy(tx, key, &only(&both), "", None));
    assert_eq!(copied, Err(Error::KeyWidened));
}

#[test]
fn each_use_of_an_audited_key_is_told() {
    let scene = Scene::new("audited");
    let make = |kind: KeyKind| {
        let mut template = Template::new(kind, Purpose::Data);
        template.flags = template.flags.or(Flags::of(&[Flag::Audited]));
        scene.transact(|tx| keys::generate(tx, &template)).unwrap()
    };
    let told = |key: KeyId| {
        let used = |told: &&harness::Told| told.leaf.kind == EventKind::KeyUsed && told.leaf.row.key == key.0;
        scene.journal().iter().filter(used).count()
    };
    let (cipher, mac) = (make(KeyKind::Aes256), make(KeyKind::Hmac));
    let sealed = scene.transact(|tx| ciphers::seal(tx, cipher, Mechanism::XaesGcm, b"", b"words")).unwrap();
    assert_eq!(told(cipher), 1);
    scene.transact(|tx| ciphers::open(tx, cipher, Mechanism::XaesGcm, b"", &sealed).map(drop)).unwrap();
    assert_eq!(told(cipher), 2);
    let tagged = scene.transact(|tx| macs::tag(tx, mac, Mechanism::HmacSha256, b"text")).unwrap();
    assert_eq!(told(mac), 1);
    scene.transact(|tx| macs::check(tx, mac, Mechanism::HmacSha256, b"text", &tagged)).unwrap();
    assert_eq!(told(mac), 2);
    let mut template = Template::new(KeyKind::P256, Purpose::Document);
    template.flags = template.flags.or(Flags::of(&[Flag::Audited]));
    let signer = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    let message = Prepared::Message(b"text");
    let signed =
        scene.transact(|tx| signing::sign(tx, signer, Purpose::Document, b"text", "a")).unwrap().to_der();
    assert_eq!(told(signer), 0, "a signature is told of by a kind of its own");
    scene.transact(|tx| signing::verify(tx, signer, None, Purpose::Document, message, &signed)).unwrap();
    assert_eq!(told(signer), 1);
}

#[test]
fn a_key_that_was_made_not_to_be_changed_is_not_rotated() {
    let scene = Scene::new("fixed");
    let mut template = Template::new(KeyKind::P256, Purpose::Token);
    template.flags = template.flags.without(Flags::of(&[Flag::Modifiable]));
    let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    assert_eq!(scene.try_out(|tx| versions::rotate(tx, key, &FOREVER, "due")), Err(Error::KeyFixed));
}

#[test]
fn a_key_seals_as_many_messages_under_random_nonces_as_nist_says_and_not_one_more() {
    let scene = Scene::new("the last nonce");
    let template = Template::new(KeyKind::Aes256, Purpose::Data);
    let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    let row = |key: KeyId| RowKey::new(ciphers::NONCES, [&key.0[..], &[0, 0, 0, 1]].concat());
    let stored = |key| scene.keyring.verify(&row(key), &scene.row(&row(key))).unwrap().to_vec();
    // docs/formats/state.md: 2³² of them.
    let most: u64 = 1 << 32;
    let count = |count: u64| [&[1][..], &count.to_be_bytes()].concat();
    scene.transact(|tx| tx.put_state(&row(key), &count(most - 1))).unwrap();
    let seal = || scene.transact(|tx| ciphers::seal(tx, key, Mechanism::AesGcm, b"", b"words")).map(drop);
    assert_eq!((seal(), seal()), (Ok(()), Err(Error::KeyExhausted)));
    assert_eq!(stored(key), count(most));
    let copy = scene.transact(|tx| keys::copy(tx, key, &Narrowing::default(), "", None)).unwrap();
    assert_eq!(stored(copy), count(most));
}

#[test]
fn a_hint_that_leads_to_a_key_of_another_label_or_owner_finds_nothing() {
    let scene = Scene::new("false hints");
    let key = scene.signer(Purpose::Token);
    let hint = |field: &str, value: &[u8]| {
        let blind = scene.keyring.blind_indexes(field, value).unwrap()[0];
        RowKey::new(Table(5), [&blind[..], &key.0].concat())
    };
    for row in [hint("key/label", b"another label"), hint("key/owner", &[0x0b; 16])] {
        scene.store.plant(&row, Some(zamok_core::store::Row { version: 1, value: vec![] }));
    }
    let stranger = zamok_core::event::Subject([0x0b; 16]);
    assert_eq!(scene.transact(|tx| finding::by_label(tx, "another label", 10)).unwrap().len(), 0);
    assert_eq!(scene.transact(|tx| finding::by_owner(tx, stranger, 10)).unwrap().len(), 0);
    assert_eq!(scene.transact(|tx| finding::by_label(tx, "a signer", 10)).unwrap().len(), 1);
}

#[test]
fn what_is_read_issued_or_unwrapped_by_an_audited_key_is_told_as_well() {
    let scene = Scene::new("audited elsewhere");
    let audited = |kind: KeyKind, purpose: Purpose| {
        let mut template = Template::new(kind, purpose);
        template.flags = template.flags.or(Flags::of(&[Flag::Audited]));
        template
    };
    let told = |key: KeyId| {
        let used = |told: &&harness::Told| told.leaf.kind == EventKind::KeyUsed && told.leaf.row.key == key.0;
        scene.journal().iter().filter(used).count()
    };
    let template = audited(KeyKind::Data, Purpose::Data);
    let words = scene.transact(|tx| importing::raw(tx, &template, b"kept words".to_vec().into())).unwrap();
    scene.transact(|tx| importing::read(tx, words).map(drop)).unwrap();
    assert_eq!(told(words), 1, "read");

    let template = audited(KeyKind::Issued, Purpose::IssuedCode);
    let issuing = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    scene.transact(|tx| issued::token(tx, issuing, &[7; 32]).map(drop)).unwrap();
    assert_eq!(told(issuing), 1, "issued");

    let template = audited(KeyKind::Aes256, Purpose::Wrapping);
    let wrapper = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    scene.by_officer(|tx| keys::trust(tx, wrapper, "ceremony")).unwrap();
    let mut template = Template::new(KeyKind::Hmac, Purpose::Data);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    let bytes = scene.transact(|tx| wrapping::wrap(tx, wrapper, key, Mechanism::Envelope)).unwrap();
    let before = told(wrapper);
    scene.transact(|tx| wrapping::unwrap(tx, wrapper, &bytes, None).map(drop)).unwrap();
    assert_eq!(told(wrapper), before + 1, "unwrapped");
}

#[test]
fn what_is_kept_is_read_after_its_validity_and_not_after_it_is_accepted_no_more() {
    let scene = Scene::new("read late");
    let template = Template::new(KeyKind::Data, Purpose::Data);
    let words = scene.transact(|tx| importing::raw(tx, &template, b"kept words".to_vec().into())).unwrap();
    let ends = Narrowing {
        valid_to: Some(scene.now().plus(50)),
        accept_until: Some(scene.now().plus(100)),
        ..Narrowing::default()
    };
    scene.transact(|tx| keys::narrow(tx, words, &ends)).unwrap();
    let read = || scene.try_out(|tx| importing::read(tx, words).map(drop));
    scene.wait(50);
    assert_eq!(read(), Ok(()));
    scene.wait(50);
    assert_eq!(read(), Err(Error::KeyNotValid));
}

#[test]
fn a_mac_of_a_version_that_there_is_not_is_rejected_like_any_wrong_one() {
    let scene = Scene::new("no such version");
    let key = scene.transact(|tx| keys::generate(tx, &Template::new(KeyKind::Hmac, Purpose::Data))).unwrap();
    let made = scene.transact(|tx| macs::tag(tx, key, Mechanism::HmacSha256, b"text")).unwrap();
    for version in [0, 2, u32::MAX] {
        let forged = macs::Tagged { version, tag: made.tag.clone() };
        let found = scene.try_out(|tx| macs::check(tx, key, Mechanism::HmacSha256, b"text", &forged));
        assert_eq!(found, Err(Error::Rejected), "{version}");
    }
    // What is no key, or no key for this, is told as such, whatever version is named.
    let aes =
        scene.transact(|tx| keys::generate(tx, &Template::new(KeyKind::Aes256, Purpose::Data))).unwrap();
    for version in [1, 2] {
        let forged = macs::Tagged { version, tag: made.tag.clone() };
        let check = |id| scene.try_out(|tx| macs::check(tx, id, Mechanism::HmacSha256, b"text", &forged));
        assert_eq!(check(KeyId([9; 16])), Err(Error::UnknownKey), "{version}");
        assert_eq!(check(aes), Err(Error::KeyKind), "{version}");
        let sealed = ciphers::Sealed { version, bytes: vec![0; 60] };
        let open = |id| scene.try_out(|tx| ciphers::open(tx, id, Mechanism::AesGcm, b"", &sealed).map(drop));
        assert_eq!(open(KeyId([9; 16])), Err(Error::UnknownKey), "{version}");
        assert_eq!(open(key), Err(Error::KeyKind), "{version}");
        assert_eq!(open(aes), Err(Error::Rejected), "{version}");
    }
}

#[test]
fn keys_of_a_label_are_read_page_by_page_each_once_whatever_is_planted() {
    let scene = Scene::new("pages");
    let mut made: Vec<_> = (0..20).map(|_| scene.signer(Purpose::Token)).collect();
    made.sort_unstable();
    let rows = scene.store.scan(Table(5), &Range::all(), 100, None).unwrap().rows;
    let mut fields: Vec<_> = rows.into_iter().map(|(key, _)| key[..32].to_vec()).collect();
    fields.dedup();
    for field in fields {
        // It stands at the end, and leads to the beginning.
        let planted = [&field[..], &[0xff; 16], &made[0].0].concat();
        let row = zamok_core::store::Row { version: 1, value: vec![] };
        scene.store.plant(&RowKey::new(Table(5), planted), Some(row));
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = scene.transact(|tx| finding::by_label_after(tx, "a signer", 7, after)).unwrap();
        found.extend(page.iter().map(|info| info.id));
        assert!(found.len() <= made.len(), "a page comes again");
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(found, made);
}
