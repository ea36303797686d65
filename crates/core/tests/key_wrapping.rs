//! Keys that left, wrapped, and what becomes of them when they come back, are brought twice, under another name, as something else,
//! or from somebody who made them up (`docs/formats/wrapped-key.md`, decision 24).

mod harness;

use harness::{NOON, OWNER, Scene, generous, rows};
use zamok_core::aead;
use zamok_core::event::EventKind;
use zamok_core::hash::{HashAlgorithm, sha256};
use zamok_core::mac::hmac_sha256;
use zamok_core::mechanism::Mechanism;
use zamok_core::otp::{Digits, Hotp, HotpParameters, OcraSuite, Totp, TotpParameters, TotpState, Verdict};
use zamok_core::secret::Secret;
use zamok_core::store::{Change, ChangeId, Outcome, RowKey, Store};
use zamok_core::vault::ciphers;
use zamok_core::vault::departed::DEPARTED;
use zamok_core::vault::keys::{self, KEYS, KeyInfo, Narrowing, Template, Usage, Usages, VERSIONS};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::spend;
use zamok_core::vault::versions::{self, RotationPolicy};
use zamok_core::vault::{Flag, Flags, KeyId, KeyKind, KeyState, Purpose, importing, signing, wrapping};
use zamok_core::wire::Writer;
use zamok_core::{Error, UnixTime};

use KeyState::{Active, Compromised, Deactivated, Destroyed, Suspended};

const HOTP: HotpParameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
/// 128 bits: what an agreement on P-256 may carry.
const SECRET: &[u8; 16] = b"1234567890123456";

fn info(scene: &Scene, key: KeyId) -> KeyInfo {
    scene.transact(|tx| keys::info(tx, key)).unwrap()
}

fn become_(scene: &Scene, key: KeyId, states: &[KeyState]) {
    for next in states {
        scene.transact(|tx| keys::change_state(tx, key, *next, "test")).unwrap();
    }
}

/// A key that may leave, and what else its template says.
fn movable(scene: &Scene, kind: KeyKind, purpose: Purpose, also: &[Flag]) -> KeyId {
    let mut template = Template::new(kind, purpose).named("a traveller", Some(OWNER));
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable])).or(Flags::of(also));
    scene.transact(|tx| keys::generate(tx, &template)).unwrap()
}

fn movable_hotp(scene: &Scene) -> KeyId {
    let kind = KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits };
    let mut template = Template::new(kind, Purpose::OneTimeCode).named("a token", Some(OWNER));
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let parameters = ImportedParameters::Hotp { parameters: HOTP, counter: 0 };
    let secret = Secret::new(SECRET).unwrap();
    scene.transact(|tx| one_time::import_from(tx, parameters, &secret, &template)).unwrap()
}

fn trusted(scene: &Scene) -> KeyId {
    let template = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    let wrapper = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    scene.by_officer(|tx| keys::trust(tx, wrapper, "ceremony")).unwrap();
    wrapper
}

fn wrap(scene: &Scene, by: KeyId, key: KeyId, mechanism: Mechanism) -> Result<Vec<u8>, Error> {
    scene.transact(|tx| wrapping::wrap(tx, by, key, mechanism))
}

fn unwrap(scene: &Scene, by: KeyId, bytes: &[u8]) -> Result<KeyId, Error> {
    scene.transact(|tx| wrapping::unwrap(tx, by, bytes, Some(OWNER)))
}

fn is_right(scene: &Scene, key: KeyId, counter: u64) -> bool {
    let code = Hotp::new(&Secret::new(SECRET).unwrap(), HOTP).code(counter).to_string();
    matches!(scene.verify(key, &code, &generous()).unwrap(), Verdict::Accepted { .. })
}

/// A key to which others wrap keys, in a vault, and its public key, trusted in another.
fn recipient(of: &Scene, seen_by: &Scene) -> (KeyId, KeyId) {
    let own = Template::new(KeyKind::P256Agreement, Purpose::Wrapping);
    let own = of.transact(|tx| keys::generate(tx, &own)).unwrap();
    let template = Template::new(KeyKind::PublicKey, Purpose::Wrapping);
    let spki = spki(of, own);
    let peer = seen_by.transact(|tx| importing::raw(tx, &template, spki.clone().into())).unwrap();
    seen_by.by_officer(|tx| keys::trust(tx, peer, "met in person")).unwrap();
    (own, peer)
}

fn spki(scene: &Scene, key: KeyId) -> Vec<u8> {
    use p256::pkcs8::DecodePublicKey as _;
    use p256::pkcs8::EncodePublicKey as _;
    let pem = scene.transact(|tx| signing::spki_pem(tx, key)).unwrap();
    let key = p256::PublicKey::from_public_key_pem(&pem).unwrap();
    key.to_public_key_der().unwrap().into_vec()
}

#[test]
fn what_left_bare_comes_back_as_what_it_was_and_as_nothing_else() {
    let scene = Scene::new("bare");
    let wrapper = trusted(&scene);
    let key = movable(&scene, KeyKind::Ed25519, Purpose::Document, &[Flag::AlwaysAuthenticate]);
    let token = movable_hotp(&scene);
    let bytes = wrap(&scene, wrapper, key, Mechanism::AesKeyWrap).unwrap();
    let code = wrap(&scene, wrapper, token, Mechanism::AesKeyWrap).unwrap();
    let bare = |bytes: &[u8], template: &Template<'_>| {
        scene.transact(|tx| wrapping::unwrap_bare(tx, wrapper, bytes, template))
    };
    // Data would be read, a MAC key would compute codes: nothing is told of its bytes, or computed with them.
    for kind in [KeyKind::Data, KeyKind::Certificate, KeyKind::PublicKey, KeyKind::Hmac, KeyKind::Generic] {
        for purpose in [Purpose::Data, Purpose::Document] {
            for bytes in [&bytes, &code] {
                assert_eq!(
                    bare(bytes, &Template::new(kind, purpose)),
                    Err(Error::KeyKind),
                    "{}",
                    kind.name()
                );
            }
        }
    }
    assert_eq!(
        bare(&code, &Template::new(info(&scene, token).kind, Purpose::OneTimeCode)),
        Err(Error::KeyKind)
    );
    let token_key = Template::new(KeyKind::Ed25519, Purpose::Token);
    assert_eq!(bare(&bytes, &token_key), Err(Error::KeyPurpose));
    // Whatever the template asks for, no more than the key itself may.
    let mut wide = Template::new(KeyKind::Ed25519, Purpose::Document);
    wide.flags = Flags::of(&[Flag::Copyable, Flag::Modifiable, Flag::Destroyable]);
    let back = info(&scene, bare(&bytes, &wide).unwrap());
    for flag in [Flag::AlwaysAuthenticate, Flag::Audited, Flag::WrapWithTrusted] {
        assert!(back.flags.contains(flag), "{flag}");
    }
    for flag in [Flag::Local, Flag::AlwaysSensitive, Flag::NeverExtracted, Flag::Wrappable] {
        assert!(!back.flags.contains(flag), "{flag}");
    }
    let usages = Some(Usages::of(&[Usage::Verify]));
    let narrowing = Narrowing { usages, valid_to: Some(UnixTime(NOON + 60)), ..Narrowing::default() };
    scene.transact(|tx| keys::narrow(tx, key, &narrowing)).unwrap();
    let back = info(&scene, bare(&bytes, &wide).unwrap());
    assert_eq!((Some(back.usages), back.dates.valid_to), (usages, Some(UnixTime(NOON + 60))));
    let signing = Template { usages: Usages::of(&[Usage::Sign]), ..wide.clone() };
    assert_eq!(bare(&bytes, &signing), Err(Error::KeyUsage));
    become_(&scene, key, &[Compromised]);
    assert_eq!(bare(&bytes, &wide), Err(Error::KeyState(Compromised)));
}

#[test]
fn bare_bytes_of_which_it_does_not_stand_what_they_were_are_refused() {
    let scene = Scene::new("without its note");
    let wrapper = trusted(&scene);
    let key = movable(&scene, KeyKind::Aes256, Purpose::Data, &[]);
    let bytes = wrap(&scene, wrapper, key, Mechanism::AesKeyWrap).unwrap();
    let note = rows(&scene.store).into_iter().find(|(row, _)| row.table == DEPARTED).unwrap().0;
    // The journal names the note, so that its audit misses it.
    let told = scene.journal();
    assert!(told.iter().any(|told| told.leaf.kind == EventKind::KeyWrapped && told.leaf.row == note));
    scene.store.plant(&note, None);
    let template = Template::new(KeyKind::Aes256, Purpose::Data);
    let back = scene.transact(|tx| wrapping::unwrap_bare(tx, wrapper, &bytes, &template));
    assert_eq!(back, Err(Error::KeyKind));
}

#[test]
fn a_wrapped_token_is_in_one_place_and_no_code_is_accepted_again_however_often_it_comes_back() {
    let scene = Scene::new("once");
    let wrapper = trusted(&scene);
    let first = movable_hotp(&scene);
    let bytes = wrap(&scene, wrapper, first, Mechanism::Envelope).unwrap();
    // The note as the page says: HOTP, SHA-1, six digits.
    let (row, note) = rows(&scene.store).into_iter().find(|(row, _)| row.table == DEPARTED).unwrap();
    assert_eq!(row.key, hmac_sha256(SECRET, &[b"zamok/departed/v1", &[1, 1, 6]]));
    let body = scene.keyring.verify(&row, &note).unwrap();
    assert_eq!(body, [&[1, 1][..], &first.0, &[0, 0, 0, 1]].concat());
    assert!(is_right(&scene, first, 1));
    assert_eq!(unwrap(&scene, wrapper, &bytes), Err(Error::KeyKind), "it is here");
    become_(&scene, first, &[Deactivated, Destroyed]);
    let second = unwrap(&scene, wrapper, &bytes).unwrap();
    assert!(!is_right(&scene, second, 1) && is_right(&scene, second, 3));
    // Guesses are not forgotten on the way either.
    for _ in 0..3 {
        assert!(!is_right(&scene, second, 3));
    }
    assert_eq!(unwrap(&scene, wrapper, &bytes), Err(Error::KeyKind), "it is here under another name");
    become_(&scene, second, &[Deactivated, Destroyed]);
    let third = unwrap(&scene, wrapper, &bytes).unwrap();
    assert_eq!(scene.state(third).in_a_row, 3);
    assert!(!is_right(&scene, third, 3) && is_right(&scene, third, 4));
    become_(&scene, third, &[Compromised, Destroyed]);
    assert_eq!(unwrap(&scene, wrapper, &bytes), Err(Error::KeyState(Compromised)));
}

#[test]
fn a_token_that_was_in_another_vault_comes_back_with_what_was_spent_in_both() {
    let (home, abroad) = (Scene::new("home"), Scene::new("abroad"));
    let (own_abroad, to_abroad) = recipient(&abroad, &home);
    let (own_home, to_home) = recipient(&home, &abroad);
    let first = movable_hotp(&home);
    let out = wrap(&home, to_abroad, first, Mechanism::EnvelopeTo).unwrap();
    assert!(is_right(&home, first, 5), "after it was wrapped");
    let there = unwrap(&abroad, own_abroad, &out).unwrap();
    assert_eq!(unwrap(&abroad, own_abroad, &out), Err(Error::KeyKind), "once, where nobody knows its name");
    assert!(is_right(&abroad, there, 2));
    let back = wrap(&abroad, to_home, there, Mechanism::EnvelopeTo).unwrap();
    assert_eq!(unwrap(&home, own_home, &back), Err(Error::KeyKind), "it is still at home");
    become_(&home, first, &[Deactivated, Destroyed]);
    let again = unwrap(&home, own_home, &back).unwrap();
    for spent in 0..=5 {
        assert!(!is_right(&home, again, spent), "{spent}");
    }
    assert!(is_right(&home, again, 6));
    become_(&abroad, there, &[Deactivated, Destroyed]);
    let once_more = unwrap(&abroad, own_abroad, &out).unwrap();
    assert!(!is_right(&abroad, once_more, 2) && is_right(&abroad, once_more, 3));
}

#[test]
fn a_secret_for_codes_is_not_shown_again_after_a_journey() {
    let scene = Scene::new("shown");
    let wrapper = trusted(&scene);
    let kind = KeyKind::Totp { algorithm: HOTP.algorithm, digits: HOTP.digits, period: 30, t0: 0 };
    let mut template = Template::new(kind, Purpose::OneTimeCode);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let key = scene.transact(|tx| one_time::generate_from(tx, &template, 0)).unwrap();
    let bytes = wrap(&scene, wrapper, key, Mechanism::Envelope).unwrap();
    scene.provision(key).unwrap();
    become_(&scene, key, &[Destroyed]);
    let back = unwrap(&scene, wrapper, &bytes).unwrap();
    assert_eq!(info(&scene, back).state, KeyState::PreActive);
    assert_eq!(scene.provision(back).map(drop), Err(Error::KeyUsage));
}

#[test]
fn a_key_whose_asked_questions_would_stay_behind_does_not_leave() {
    let scene = Scene::new("questions");
    let wrapper = trusted(&scene);
    let ocra = |suite: &str| {
        let suite = OcraSuite::parse(suite).unwrap();
        let mut template = Template::new(KeyKind::Ocra { suite }, Purpose::OneTimeCode);
        template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
        scene.transact(|tx| one_time::generate_from(tx, &template, 0)).unwrap()
    };
    let alone = ocra("OCRA-1:HOTP-SHA1-6:QN08");
    for mechanism in [Mechanism::Envelope, Mechanism::AesKeyWrap] {
        assert_eq!(wrap(&scene, wrapper, alone, mechanism), Err(Error::KeyNotWrappable));
    }
    for suite in ["OCRA-1:HOTP-SHA1-6:C-QN08", "OCRA-1:HOTP-SHA1-6:QN08-T1M"] {
        assert!(wrap(&scene, wrapper, ocra(suite), Mechanism::Envelope).is_ok());
    }
}

#[test]
fn an_envelope_gives_nothing_back_that_was_taken_from_its_key() {
    let scene = Scene::new("narrowed");
    let wrapper = trusted(&scene);
    let made = || {
        let key = movable(&scene, KeyKind::P256, Purpose::Document, &[]);
        (key, wrap(&scene, wrapper, key, Mechanism::Envelope).unwrap())
    };
    let came = |bytes: &[u8]| unwrap(&scene, wrapper, bytes).map(|key| info(&scene, key));
    for states in [&[Compromised][..], &[Compromised, Destroyed]] {
        let (key, bytes) = made();
        become_(&scene, key, states);
        assert_eq!(came(&bytes).map(drop), Err(Error::KeyState(Compromised)));
    }
    for (states, expected) in [
        (&[][..], Active),
        (&[Suspended], Suspended),
        (&[Deactivated], Deactivated),
        (&[Deactivated, Destroyed], Deactivated),
    ] {
        let (key, bytes) = made();
        become_(&scene, key, states);
        let back = came(&bytes).unwrap();
        assert_eq!((back.state, back.dates.deactivated), (expected, info(&scene, key).dates.deactivated));
    }
    let (key, bytes) = made();
    let flags = info(&scene, key).flags.without(Flags::of(&[Flag::Wrappable, Flag::Copyable]));
    let flags = flags.or(Flags::of(&[Flag::AlwaysAuthenticate]));
    let narrowing = Narrowing {
        usages: Some(Usages::of(&[Usage::Verify])),
        flags: Some(flags),
        valid_from: Some(UnixTime(7)),
        valid_to: Some(UnixTime(NOON + 7)),
        accept_until: Some(UnixTime(NOON + 77)),
        ..Narrowing::default()
    };
    scene.transact(|tx| keys::narrow(tx, key, &narrowing)).unwrap();
    let (now, back) = (info(&scene, key), came(&bytes).unwrap());
    assert_eq!(back.usages, now.usages);
    assert_eq!(
        (back.dates.valid_from, back.dates.valid_to, back.dates.accept_until),
        (now.dates.valid_from, now.dates.valid_to, now.dates.accept_until)
    );
    assert!(back.flags.is_within(now.flags) && back.flags.contains(Flag::AlwaysAuthenticate));
    // A version that was rotated away verifies, as long as it would have, and the newest one's narrowing counts.
    let (key, bytes) = made();
    let policy = RotationPolicy { accept: Some(600) };
    scene.transact(|tx| versions::rotate(tx, key, &policy, "due")).unwrap();
    let usages = Some(Usages::of(&[Usage::Verify]));
    scene.transact(|tx| keys::narrow(tx, key, &Narrowing { usages, ..Narrowing::default() })).unwrap();
    let back = came(&bytes).unwrap();
    assert_eq!((back.state, back.dates.accept_until), (Deactivated, Some(scene.now().plus(600))));
    assert_eq!(Some(back.usages), usages);
    scene.transact(|tx| keys::change_version_state(tx, key, 1, Compromised, "seen")).unwrap();
    assert_eq!(came(&bytes).map(drop), Err(Error::KeyState(Compromised)));
    // So does what became of the newest.
    for (states, expected) in [
        (&[Suspended][..], Err(Error::KeyState(Suspended))),
        (&[Suspended, Active], Ok(Deactivated)),
        (&[Compromised], Err(Error::KeyState(Compromised))),
        (&[Compromised, Destroyed], Err(Error::KeyState(Compromised))),
        (&[Deactivated, Destroyed], Ok(Deactivated)),
    ] {
        let (key, bytes) = made();
        scene.transact(|tx| versions::rotate(tx, key, &policy, "due")).unwrap();
        become_(&scene, key, states);
        assert_eq!(came(&bytes).map(|info| info.state), expected, "{states:?}");
    }
}

#[test]
fn what_came_in_is_held_to_what_became_of_each_that_came_in_before() {
    let (home, abroad) = (Scene::new("sender"), Scene::new("recipient"));
    let (own, peer) = recipient(&abroad, &home);
    let made = || {
        let key = movable(&home, KeyKind::P256, Purpose::Document, &[]);
        wrap(&home, peer, key, Mechanism::EnvelopeTo).unwrap()
    };
    // Nobody abroad knows the name in the envelope.
    for (states, expected) in [
        (&[][..], Ok(Active)),
        (&[Suspended], Ok(Suspended)),
        (&[Deactivated, Destroyed], Ok(Deactivated)),
        (&[Compromised], Err(Error::KeyState(Compromised))),
        (&[Compromised, Destroyed], Err(Error::KeyState(Compromised))),
    ] {
        let bytes = made();
        become_(&abroad, unwrap(&abroad, own, &bytes).unwrap(), states);
        // The next one is held to the first, and the last to both.
        for _ in 0..2 {
            let again = unwrap(&abroad, own, &bytes);
            assert_eq!(again.map(|key| info(&abroad, key).state), expected, "{states:?}");
        }
    }
    let bytes = made();
    let key = unwrap(&abroad, own, &bytes).unwrap();
    let usages = Some(Usages::of(&[Usage::Verify]));
    abroad.transact(|tx| keys::narrow(tx, key, &Narrowing { usages, ..Narrowing::default() })).unwrap();
    let again = unwrap(&abroad, own, &bytes).unwrap();
    assert_eq!(Some(info(&abroad, again).usages), usages);
    // In one vault: of the key that left nothing bad is known.
    let wrapper = trusted(&home);
    let key = movable(&home, KeyKind::Aes256, Purpose::Data, &[]);
    let bytes = wrap(&home, wrapper, key, Mechanism::Envelope).unwrap();
    let second = unwrap(&home, wrapper, &bytes).unwrap();
    for mechanism in [Mechanism::AesGcm, Mechanism::XaesGcm] {
        let sealed = home.transact(|tx| ciphers::seal(tx, second, mechanism, b"", b"one")).map(drop);
        let is_counted = mechanism == Mechanism::AesGcm;
        assert_eq!(sealed, if is_counted { Err(Error::KeyExhausted) } else { Ok(()) }, "who knows how many");
    }
    become_(&home, second, &[Compromised]);
    assert_eq!(unwrap(&home, wrapper, &bytes), Err(Error::KeyState(Compromised)));
}

#[test]
fn what_only_came_in_does_not_come_in_bare_and_64_keys_of_one_secret_are_kept_in_mind() {
    let (home, abroad) = (Scene::new("sender of one"), Scene::new("recipient of many"));
    let (own, peer) = recipient(&abroad, &home);
    let mut template = Template::new(KeyKind::Hmac, Purpose::Data);
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let key = home.transact(|tx| importing::raw(tx, &template, SECRET.to_vec().into())).unwrap();
    let bytes = wrap(&home, peer, key, Mechanism::EnvelopeTo).unwrap();
    let first = unwrap(&abroad, own, &bytes).unwrap();
    let wrapper = trusted(&abroad);
    let row = RowKey::new(KEYS, wrapper.0);
    let opened = abroad.keyring.open(&row, &abroad.row(&row)).unwrap();
    let made_up = aead::key_wrap(opened.body.last_chunk().unwrap(), SECRET).unwrap();
    let template = Template::new(KeyKind::Hmac, Purpose::Data);
    let bare = || abroad.transact(|tx| wrapping::unwrap_bare(tx, wrapper, &made_up, &template));
    assert_eq!(bare(), Err(Error::KeyKind));
    let _ = wrap(&abroad, wrapper, first, Mechanism::AesKeyWrap).unwrap();
    let _ = bare().unwrap();
    for _ in 2..64 {
        let _ = unwrap(&abroad, own, &bytes).unwrap();
    }
    let full = Error::TooLong { what: "the list of keys with one secret", given: 65, limit: 64 };
    assert_eq!(unwrap(&abroad, own, &bytes), Err(full));
    become_(&abroad, first, &[Deactivated, Destroyed]);
    // What was destroyed makes room, and what became of it is handed down.
    for _ in 0..2 {
        let next = unwrap(&abroad, own, &bytes).unwrap();
        assert_eq!(info(&abroad, next).state, Deactivated);
        become_(&abroad, next, &[Destroyed]);
    }
}

#[test]
fn a_wrapping_key_that_left_or_may_leave_is_not_trusted_and_a_trusted_one_stays() {
    let scene = Scene::new("ceremony");
    let trust = |key| scene.by_officer(|tx| keys::trust(tx, key, "ceremony"));
    let untrusted = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    let untrusted = scene.transact(|tx| keys::generate(tx, &untrusted)).unwrap();
    let mut template = Template::new(KeyKind::Aes256, Purpose::Wrapping);
    template.flags = Flags::of(&[Flag::Wrappable, Flag::Modifiable, Flag::Copyable, Flag::Destroyable]);
    let make = || scene.transact(|tx| keys::generate(tx, &template)).unwrap();
    let stay = |key| {
        let flags = info(&scene, key).flags.without(Flags::of(&[Flag::Wrappable]));
        let narrowing = Narrowing { flags: Some(flags), ..Narrowing::default() };
        scene.transact(|tx| keys::narrow(tx, key, &narrowing)).unwrap();
    };
    for mechanism in [Mechanism::Envelope, Mechanism::AesKeyWrap] {
        let left = make();
        wrap(&scene, untrusted, left, mechanism).unwrap();
        assert_eq!(trust(left), Err(Error::KeyWidened), "it may leave");
        stay(left);
        assert_eq!(trust(left), Err(Error::KeyWidened), "it has left");
    }
    let key = make();
    assert_eq!(trust(key), Err(Error::KeyWidened));
    // No second key has its secret, which could leave in its place.
    let copy = scene.try_out(|tx| keys::copy(tx, key, &Narrowing::default(), "", None));
    assert_eq!(copy, Err(Error::KeyPurpose));
    stay(key);
    assert_eq!(trust(key), Ok(()));
    assert_eq!(wrap(&scene, untrusted, key, Mechanism::Envelope), Err(Error::KeyNotWrappable));
}

/// An envelope that whoever has the public key makes, after the page: the ephemeral key is the generator itself, so that what is
/// agreed on is the public key's own x coordinate.
fn forged(spki: &[u8], (kind, usages, purpose, mechanisms): (u8, u32, u8, u32), material: &[u8]) -> Vec<u8> {
    const GENERATOR: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                             4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let digits: Vec<char> = GENERATOR.chars().collect();
    let point = digits.chunks(2).map(|two| u8::from_str_radix(&two.iter().collect::<String>(), 16).unwrap());
    let ephemeral = [&spki[..26], &point.collect::<Vec<u8>>()].concat();
    let mut attributes = Writer::new();
    attributes.u8(1).raw(&[0xee; 16]).u32(1).u8(kind).u32(usages).u8(purpose).u32(mechanisms).u32(0);
    attributes.u8(Active as u8).u64(NOON).raw(&[0; 7]).bytes(&[]).unwrap().raw(&[0; 32]);
    attributes.u16(4).u16(u16::try_from(material.len()).unwrap()).u16(0);
    let mut header = Writer::new();
    header.raw(b"ZMKW").u16(1).u8(12).bytes(&sha256(&[spki])).unwrap().bytes(&ephemeral).unwrap();
    header.bytes(attributes.as_slice()).unwrap();
    let mut body = Writer::new();
    body.text("evil").unwrap().bytes(material).unwrap().raw(&[0; 1 + 4 + 8 + 16 + 8]);
    let (header, salt) = (header.as_slice(), [0x5a; 32]);
    // HKDF-SHA-256 (RFC 5869) for 76 bytes.
    let extracted = hmac_sha256(&salt, &[&spki[27..59]]);
    let mut keys = Vec::new();
    for number in 1..=3 {
        let before = keys.len().saturating_sub(32);
        let last = keys[before..].to_vec();
        keys.extend(hmac_sha256(&extracted, &[&last, b"zamok/wrap/v1", &sha256(&[header]), &[number]]));
    }
    let (key, nonce) = (keys[..32].try_into().unwrap(), keys[32..44].try_into().unwrap());
    let sealed = aead::gcm_seal(key, nonce, header, body.as_slice()).unwrap();
    [header, &salt, &keys[44..76], &sealed].concat()
}

#[test]
fn who_knows_a_public_key_alone_brings_in_no_key_under_which_others_would_leave() {
    let scene = Scene::new("made up");
    let own = Template::new(KeyKind::P256Agreement, Purpose::Wrapping);
    let own = scene.transact(|tx| keys::generate(tx, &own)).unwrap();
    let spki = spki(&scene, own);
    let bring = |attributes, material: &[u8]| unwrap(&scene, own, &forged(&spki, attributes, material));
    // An HMAC key of 128 bits comes in, whoever made it: nothing says who wrapped it.
    let hmac = bring((32, 0x30, 7, 0x10), &[7; 16]).unwrap();
    assert!(!info(&scene, hmac).is_local());
    let aes = b"the key that the attacker knows!";
    for usages in [0x100, 0x200, 0x300] {
        assert_eq!(bring((33, usages, 9, 0xc00), aes), Err(Error::KeyPurpose));
    }
    assert_eq!(bring((25, 0x200, 9, 0x1000), &[7; 32]), Err(Error::KeyPurpose));
    // Nor what no vault sends so: a stronger key than its wrap, and what is no secret.
    let too_weak = Error::KeyTooWeak { wrapping: 128, wrapped: 256 };
    assert_eq!(bring((33, 0xc0, 7, 0x280), aes), Err(too_weak));
    assert_eq!(bring((48, 0x400, 7, 0), b"some data"), Err(Error::Rejected));
}

#[test]
fn a_key_of_agreement_that_left_does_not_come_in_again() {
    let scene = Scene::new("agreement");
    let wrapper = trusted(&scene);
    let key = movable(&scene, KeyKind::X25519, Purpose::Wrapping, &[]);
    let bytes = wrap(&scene, wrapper, key, Mechanism::Envelope).unwrap();
    assert_eq!(unwrap(&scene, wrapper, &bytes), Err(Error::KeyPurpose));
}

#[test]
fn no_template_claims_trust_or_a_past() {
    let scene = Scene::new("claimed");
    let vaults_own =
        [Flag::Trusted, Flag::Provisioned, Flag::Local, Flag::AlwaysSensitive, Flag::NeverExtracted];
    for flag in vaults_own {
        let claims = Flags::of(&[flag]);
        let mut made = Template::new(KeyKind::Aes256, Purpose::Wrapping);
        made.flags = made.flags.or(claims);
        assert_eq!(scene.transact(|tx| keys::generate(tx, &made)), Err(Error::KeyWidened), "{flag}");
        let mut brought = Template::new(KeyKind::Hmac, Purpose::Data);
        brought.flags = brought.flags.or(claims);
        let brought = scene.transact(|tx| importing::raw(tx, &brought, vec![7; 32].into()));
        assert_eq!(brought, Err(Error::KeyWidened), "{flag}");
    }
}

#[test]
fn what_was_spent_and_minted_after_a_token_was_wrapped_stays_so() {
    let scene = Scene::new("after the wrap");
    let (wrapper, secret) = (trusted(&scene), Secret::new(SECRET).unwrap());
    let take_in = |kind: KeyKind, parameters: ImportedParameters| {
        let mut template = Template::new(kind, Purpose::OneTimeCode).named("a token", Some(OWNER));
        template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
        template.usages = Usages::of(&[Usage::VerifyCode, Usage::GenerateCode]);
        let key = scene.transact(|tx| one_time::import_from(tx, parameters, &secret, &template)).unwrap();
        (key, wrap(&scene, wrapper, key, Mechanism::Envelope).unwrap())
    };
    let parameters =
        TotpParameters { algorithm: HOTP.algorithm, digits: HOTP.digits, period: 30, t0: UnixTime(0) };
    let kind = KeyKind::Totp { algorithm: HOTP.algorithm, digits: HOTP.digits, period: 30, t0: 0 };
    let (key, bytes) = take_in(kind, ImportedParameters::Totp { parameters, state: TotpState::default() });
    let code = Totp::new(&secret, parameters).unwrap().code_at(scene.now()).unwrap().to_string();
    assert!(scene.verify(key, &code, &generous()).unwrap().accepted().is_ok());
    become_(&scene, key, &[Deactivated, Destroyed]);
    let back = unwrap(&scene, wrapper, &bytes).unwrap();
    assert_eq!(scene.verify(back, &code, &generous()), Ok(Verdict::Rejected));

    let kind = KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits };
    let (key, bytes) = take_in(kind, ImportedParameters::Hotp { parameters: HOTP, counter: 0 });
    let minted = |key: KeyId| scene.transact(|tx| spend::generate_code(tx, key)).unwrap().to_string();
    let _ = (minted(key), minted(key));
    become_(&scene, key, &[Deactivated, Destroyed]);
    let back = unwrap(&scene, wrapper, &bytes).unwrap();
    assert_eq!(minted(back), Hotp::new(&secret, HOTP).code(2).to_string());
}

#[test]
fn nothing_leaves_under_a_wrapping_key_that_is_not_in_use() {
    let (scene, elsewhere) = (Scene::new("aside"), Scene::new("elsewhere"));
    let key = movable(&scene, KeyKind::Ed25519, Purpose::Document, &[]);
    for state in [Suspended, Deactivated, Compromised] {
        let (wrapper, peer) = (trusted(&scene), recipient(&elsewhere, &scene).1);
        become_(&scene, wrapper, &[state]);
        become_(&scene, peer, &[state]);
        let refused = Err(Error::KeyState(state));
        assert_eq!(wrap(&scene, wrapper, key, Mechanism::Envelope), refused);
        assert_eq!(wrap(&scene, wrapper, key, Mechanism::AesKeyWrap), refused);
        assert_eq!(wrap(&scene, peer, key, Mechanism::EnvelopeTo), refused);
        let trusted = scene.by_officer(|tx| keys::trust(tx, wrapper, "again"));
        assert_eq!(trusted, Err(Error::KeyState(state)));
    }
}

#[test]
fn nothing_is_wrapped_for_a_point_of_small_order() {
    let scene = Scene::new("small order");
    let key = movable(&scene, KeyKind::Ed25519, Purpose::Document, &[]);
    // RFC 8410 §4, before the 32 bytes of the point; the u coordinates 0 and 1.
    let begin: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];
    for u in [0, 1] {
        let mut spki = [&begin[..], &[0; 32][..]].concat();
        spki[12] = u;
        let template = Template::new(KeyKind::PublicKey, Purpose::Wrapping);
        let peer = scene.transact(|tx| importing::raw(tx, &template, spki.clone().into())).unwrap();
        scene.by_officer(|tx| keys::trust(tx, peer, "never met")).unwrap();
        assert_eq!(wrap(&scene, peer, key, Mechanism::EnvelopeTo), Err(Error::Refused), "{u}");
    }
}

#[test]
fn a_key_whose_record_was_taken_away_does_not_come_back_better_than_it_was() {
    let scene = Scene::new("its record taken away");
    let wrapper = trusted(&scene);
    let take_away = |number: u8, row: RowKey| {
        let version = scene.row(&row).version;
        let mut change = Change::new(ChangeId([number; 16]));
        change.delete(row, version).unwrap();
        assert_eq!(scene.store.commit(&change), Ok(Outcome::Committed));
    };
    let made = || {
        let key = movable(&scene, KeyKind::P256, Purpose::Document, &[]);
        (key, wrap(&scene, wrapper, key, Mechanism::Envelope).unwrap())
    };
    let (key, bytes) = made();
    become_(&scene, key, &[Compromised]);
    assert_eq!(unwrap(&scene, wrapper, &bytes), Err(Error::KeyState(Compromised)));
    take_away(1, RowKey::new(KEYS, key.0));
    assert_eq!(unwrap(&scene, wrapper, &bytes), Err(Error::Refused));
    // Nor when the version that left is gone.
    let (key, bytes) = made();
    scene.transact(|tx| versions::rotate(tx, key, &RotationPolicy { accept: None }, "due")).unwrap();
    scene.transact(|tx| keys::change_version_state(tx, key, 1, Compromised, "seen")).unwrap();
    take_away(2, RowKey::new(VERSIONS, [&key.0[..], &[0, 0, 0, 1]].concat()));
    assert_eq!(unwrap(&scene, wrapper, &bytes), Err(Error::Refused));
}

#[test]
fn a_secret_that_others_know_comes_in_as_no_wrapping_key() {
    let scene = Scene::new("known elsewhere");
    for kind in [KeyKind::Aes256, KeyKind::X25519, KeyKind::P256Agreement] {
        let template = Template::new(kind, Purpose::Wrapping);
        let brought = scene.transact(|tx| importing::raw(tx, &template, vec![7; 32].into()));
        assert_eq!(brought, Err(Error::KeyPurpose), "{}", kind.name());
    }
}

#[test]
fn a_secret_whose_length_is_free_has_16_to_4096_bytes() {
    let scene = Scene::new("lengths");
    for kind in [KeyKind::Hmac, KeyKind::Generic] {
        for (length, expected) in [
            (0, Err(Error::KeyMaterial)),
            (1, Err(Error::KeyMaterial)),
            (15, Err(Error::KeyMaterial)),
            (16, Ok(())),
            (4096, Ok(())),
            (4097, Err(Error::KeyMaterial)),
        ] {
            let template = Template { length: Some(length), ..Template::new(kind, Purpose::Data) };
            let made = scene.try_out(|tx| keys::generate(tx, &template).map(drop));
            let brought = scene.try_out(|tx| importing::raw(tx, &template, vec![7; length].into()).map(drop));
            assert_eq!((made, brought), (expected, expected), "{length} bytes of {}", kind.name());
        }
    }
}

#[test]
fn a_counter_that_was_burned_on_a_journey_stays_burned() {
    let scene = Scene::new("burned elsewhere");
    let wrapper = trusted(&scene);
    // The secret of RFC 4226 shows the same digits at these counters (`otp_collisions.rs`).
    let (first, second): (u64, u64) = (153_567, 153_569);
    let secret = Secret::new(b"12345678901234567890").unwrap();
    let phone = Hotp::new(&secret, HOTP);
    assert_eq!(phone.code(first).as_str(), phone.code(second).as_str());
    let kind = KeyKind::Hotp { algorithm: HOTP.algorithm, digits: HOTP.digits };
    let mut template = Template::new(kind, Purpose::OneTimeCode).named("a token", Some(OWNER));
    template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    let parameters = ImportedParameters::Hotp { parameters: HOTP, counter: first };
    let key = scene.transact(|tx| one_time::import_from(tx, parameters, &secret, &template)).unwrap();
    assert!(scene.verify(key, phone.code(first).as_str(), &generous()).unwrap().accepted().is_ok());
    assert_eq!((scene.state(key).next, scene.state(key).burned), (first + 1, 0b10));
    let bytes = wrap(&scene, wrapper, key, Mechanism::Envelope).unwrap();
    // As if another vault had burned it, and here the code between them had been spent.
    let row = RowKey::new(spend::STATES, key.0);
    let mut body = scene.keyring.verify(&row, &scene.row(&row)).unwrap().to_vec();
    body[26..34].copy_from_slice(&second.to_be_bytes());
    body[34..50].copy_from_slice(&[0; 16]);
    scene.transact(|tx| tx.put_state(&row, &body)).unwrap();
    assert_eq!((scene.state(key).next, scene.state(key).burned), (second, 0));
    become_(&scene, key, &[Deactivated, Destroyed]);
    let back = unwrap(&scene, wrapper, &bytes).unwrap();
    assert_eq!((scene.state(back).next, scene.state(back).burned), (second, 1));
    assert_eq!(scene.verify(back, phone.code(second).as_str(), &generous()), Ok(Verdict::Rejected));
}
