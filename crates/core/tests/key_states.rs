//! What is done to a key, and with it, in every state, without each usage, and at each of its dates. The tables here are written
//! by hand, after `docs/formats/record.md`, `docs/formats/wrapped-key.md` and the states of NIST SP 800-57 part 1, §7.

mod harness;

use harness::{NOON, Scene, generous, tell};
use zamok_core::hash::HashAlgorithm;
use zamok_core::mechanism::{Mechanism, Mechanisms};
use zamok_core::otp::{Digits, HotpParameters, OcraSuite, TotpParameters, TotpState};
use zamok_core::secret::Secret;
use zamok_core::signature::{Prepared, RsaBits};
use zamok_core::vault::issued::{self, Binding};
use zamok_core::vault::keys::{self, Narrowing, Template, Usage, Usages};
use zamok_core::vault::one_time::{self, ImportedParameters};
use zamok_core::vault::questions::{self, Matter};
use zamok_core::vault::{
    Flag, Flags, KeyId, KeyInfo, KeyKind, KeyState, Purpose, Transaction, ciphers, importing, macs, signing,
    spend, wrapping,
};
use zamok_core::{Error, UnixTime};

use KeyState::{Active, Compromised, Deactivated, Destroyed, PreActive, Suspended};
use Mechanism as M;

const TEXT: &[u8] = b"text";
const BINDING: Binding = Binding {
    challenge: [1; 16],
    account: [2; 16],
    session: [0; 16],
    purpose: 1,
    operation: [0; 32],
    sending: 1,
};
const STATES: [KeyState; 6] = [PreActive, Active, Suspended, Deactivated, Compromised, Destroyed];
/// To draw one takes long. PKCS#8 in DER.
const RSA_2048: &[u8] = include_bytes!("../src/vault/self_tests/rsa-2048.p8");
/// What a key that came in wrapped is: 128 bits, which every wrapping key may carry.
const TRAVELLER: (KeyKind, Purpose) = (KeyKind::Ed25519, Purpose::Request);

const HOTP: KeyKind = KeyKind::Hotp { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
const TOTP: KeyKind =
    KeyKind::Totp { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX, period: 30, t0: 0 };

/// OCRA with neither counter nor time: what is spent of it stands in the vault that asked.
fn ocra() -> KeyKind {
    KeyKind::Ocra { suite: OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap() }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sort {
    /// Counts codes: pre-active at first.
    Code,
    /// Asks questions, and so does not leave.
    Question,
    /// Has no public key, and wraps nothing.
    Secret,
    /// AES for data.
    Cipher,
    /// AES for other keys.
    Wrapper,
    Signer,
    /// Signs for the journal.
    LogSigner,
    /// A pair for which others wrap keys.
    Agreement,
    Kept,
    /// Somebody else's public key, to check signatures with.
    Verifier,
    /// Somebody else's public key, to wrap keys for.
    Recipient,
}

fn table() -> Vec<(KeyKind, Purpose, Sort)> {
    vec![
        (HOTP, Purpose::OneTimeCode, Sort::Code),
        (TOTP, Purpose::OneTimeCode, Sort::Code),
        (ocra(), Purpose::OneTimeCode, Sort::Question),
        (KeyKind::Issued, Purpose::IssuedCode, Sort::Secret),
        (KeyKind::Hmac, Purpose::Data, Sort::Secret),
        (KeyKind::Generic, Purpose::Data, Sort::Secret),
        (KeyKind::Aes256, Purpose::Data, Sort::Cipher),
        (KeyKind::Aes256, Purpose::Wrapping, Sort::Wrapper),
        (KeyKind::P256, Purpose::Token, Sort::Signer),
        (KeyKind::P384, Purpose::Document, Sort::Signer),
        (KeyKind::Ed25519, Purpose::Request, Sort::Signer),
        (KeyKind::Rsa { bits: RsaBits::Rsa2048 }, Purpose::Certificate, Sort::Signer),
        #[cfg(feature = "ml-dsa")]
        (KeyKind::MlDsa65, Purpose::Document, Sort::Signer),
        (KeyKind::Ed25519, Purpose::Checkpoint, Sort::LogSigner),
        (KeyKind::X25519, Purpose::Wrapping, Sort::Agreement),
        (KeyKind::P256Agreement, Purpose::Wrapping, Sort::Agreement),
        (KeyKind::Data, Purpose::Data, Sort::Kept),
        (KeyKind::Certificate, Purpose::Data, Sort::Kept),
        (KeyKind::PublicKey, Purpose::Document, Sort::Verifier),
        (KeyKind::PublicKey, Purpose::Wrapping, Sort::Recipient),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    /// Another key leaves under this one.
    Wrap(Mechanism),
    /// This key leaves under another.
    Leave,
    /// A key comes in under this one.
    Unwrap(Mechanism),
    Copy,
    Trust,
    SpkiPem,
    Narrow,
    Rename,
}

fn operations() -> Vec<Operation> {
    let wraps = Mechanism::ALL.iter().map(|mechanism| Operation::Wrap(*mechanism));
    let unwraps = [M::Envelope, M::AesKeyWrap, M::EnvelopeTo].map(Operation::Unwrap);
    let others = [
        Operation::Leave,
        Operation::Copy,
        Operation::Trust,
        Operation::SpkiPem,
        Operation::Narrow,
        Operation::Rename,
    ];
    wraps.chain(unwraps).chain(others).collect()
}

/// Whether a key of this sort wraps (or unwraps) so at all; its kind and mechanism are looked at before its usage, and that before
/// its state.
fn fits(sort: Sort, usage: Usage, mechanism: Mechanism) -> Result<(), Error> {
    let symmetric = [M::Envelope, M::AesKeyWrap].contains(&mechanism);
    if !symmetric && mechanism != M::EnvelopeTo {
        return Err(Error::KeyMechanism);
    }
    match sort {
        Sort::Wrapper | Sort::Cipher if !symmetric => Err(Error::KeyMechanism),
        Sort::Agreement | Sort::Verifier | Sort::Recipient if symmetric => Err(Error::KeyMechanism),
        Sort::Wrapper => Ok(()),
        Sort::Agreement if usage == Usage::Unwrap => Ok(()),
        Sort::Recipient if usage == Usage::Wrap => Ok(()),
        Sort::Cipher | Sort::Agreement | Sort::Verifier | Sort::Recipient => Err(Error::KeyUsage),
        _ => Err(Error::KeyKind),
    }
}

/// What a key of this sort shall answer.
fn expected(sort: Sort, state: KeyState, operation: Operation) -> Result<(), Error> {
    let refused = Err(Error::KeyState(state));
    let only_in = |states: &[KeyState]| if states.contains(&state) { Ok(()) } else { refused };
    match operation {
        // It protects something new.
        Operation::Wrap(mechanism) => fits(sort, Usage::Wrap, mechanism).and_then(|()| only_in(&[Active])),
        // It opens what was protected before.
        Operation::Unwrap(mechanism) => {
            fits(sort, Usage::Unwrap, mechanism).and_then(|()| only_in(&[Active, Deactivated]))
        }
        Operation::Leave => match sort {
            Sort::Question
            | Sort::Wrapper
            | Sort::Agreement
            | Sort::Kept
            | Sort::Verifier
            | Sort::Recipient => Err(Error::KeyNotWrappable),
            _ => only_in(&[PreActive, Active, Suspended, Deactivated]),
        },
        Operation::Copy => match sort {
            Sort::Code | Sort::Question => Err(Error::KeyKind),
            Sort::LogSigner | Sort::Wrapper | Sort::Agreement | Sort::Recipient => Err(Error::KeyPurpose),
            _ => only_in(&[Active]),
        },
        Operation::Trust => match sort {
            Sort::Wrapper | Sort::Recipient => only_in(&[Active]),
            _ => Err(Error::KeyKind),
        },
        Operation::SpkiPem => match sort {
            Sort::Signer | Sort::LogSigner | Sort::Agreement | Sort::Verifier | Sort::Recipient => {
                if state == Destroyed { refused } else { Ok(()) }
            }
            _ => Err(Error::KeyKind),
        },
        Operation::Narrow | Operation::Rename if state == Destroyed => refused,
        Operation::Narrow | Operation::Rename => Ok(()),
    }
}

/// A vault, and what others need to work with its keys.
struct World {
    scene: Scene,
    /// A key that may leave under every other.
    traveller: KeyId,
    /// The officer trusts it.
    safe: KeyId,
    /// A pair for which somebody wraps.
    pair: KeyId,
}

/// The traveller as it comes in.
struct Came {
    envelope: Vec<u8>,
    bare: Vec<u8>,
    to: Vec<u8>,
}

impl World {
    fn new(seed: &str) -> Self {
        let scene = Scene::new(seed);
        let mut template = Template::new(TRAVELLER.0, TRAVELLER.1);
        // Not for trusted keys alone.
        template.flags = Flags::of(&[Flag::Wrappable, Flag::Modifiable, Flag::Destroyable]);
        let traveller = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
        let safe = generate(&scene, KeyKind::Aes256, Purpose::Wrapping);
        scene.by_officer(|tx| keys::trust(tx, safe, "the officer")).unwrap();
        let pair = generate(&scene, KeyKind::P256Agreement, Purpose::Wrapping);
        Self { scene, traveller, safe, pair }
    }

    fn wrap(&self, by: KeyId, mechanism: Mechanism) -> Vec<u8> {
        self.scene.transact(|tx| wrapping::wrap(tx, by, self.traveller, mechanism)).unwrap()
    }

    /// Under this key, or under others where it takes nothing in so.
    fn came(&self, key: KeyId, kind: KeyKind, purpose: Purpose) -> Came {
        let is_wrapper = kind == KeyKind::Aes256 && purpose == Purpose::Wrapping;
        let by = if is_wrapper { key } else { self.safe };
        let is_pair = matches!(kind, KeyKind::X25519 | KeyKind::P256Agreement);
        let recipient = theirs(&self.scene, if is_pair { key } else { self.pair }, Purpose::Wrapping);
        Came {
            envelope: self.wrap(by, M::Envelope),
            bare: self.wrap(by, M::AesKeyWrap),
            to: self.wrap(recipient, M::EnvelopeTo),
        }
    }

    fn info(&self, key: KeyId) -> KeyInfo {
        self.scene.transact(|tx| keys::info(tx, key)).unwrap()
    }

    fn narrow(&self, key: KeyId, narrowing: &Narrowing) -> Result<(), Error> {
        self.scene.transact(|tx| keys::narrow(tx, key, narrowing))
    }
}

fn generate(scene: &Scene, kind: KeyKind, purpose: Purpose) -> KeyId {
    scene.transact(|tx| keys::generate(tx, &Template::new(kind, purpose))).unwrap()
}

/// The public key of a pair, as somebody else's.
fn theirs(scene: &Scene, pair: KeyId, purpose: Purpose) -> KeyId {
    let pem = scene.transact(|tx| signing::spki_pem(tx, pair)).unwrap();
    let spki = importing::spki_pem(&pem).unwrap();
    let template = Template::new(KeyKind::PublicKey, purpose);
    scene.transact(|tx| importing::raw(tx, &template, spki.clone())).unwrap()
}

/// Takes in a one-time-password key that was in use elsewhere.
fn imported(scene: &Scene, template: &Template<'_>) -> KeyId {
    let secret = Secret::new(b"12345678901234567890").unwrap();
    let parameters = match template.kind {
        KeyKind::Hotp { algorithm, digits } => {
            ImportedParameters::Hotp { parameters: HotpParameters { algorithm, digits }, counter: 0 }
        }
        KeyKind::Totp { algorithm, digits, period, t0 } => {
            let parameters = TotpParameters { algorithm, digits, period, t0: UnixTime(t0) };
            ImportedParameters::Totp { parameters, state: TotpState::default() }
        }
        KeyKind::Ocra { suite } => ImportedParameters::Ocra { suite, counter: 0 },
        kind => panic!("{} makes no codes", kind.name()),
    };
    scene.transact(|tx| one_time::import_from(tx, parameters, &secret, template)).unwrap()
}

/// Makes a key, and leads it into this state once others came in under it; `None` where no such key can be.
fn make(world: &World, kind: KeyKind, purpose: Purpose, state: KeyState) -> Option<(KeyId, Came)> {
    let scene = &world.scene;
    let mut template = Template::new(kind, purpose).named("a key", None);
    if purpose != Purpose::Wrapping {
        template.flags = template.flags.or(Flags::of(&[Flag::Wrappable]));
    }
    let raw =
        |bytes: &[u8]| scene.transact(|tx| importing::raw(tx, &template, bytes.to_vec().into())).unwrap();
    let key = match kind {
        KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. } if state == PreActive => {
            scene.transact(|tx| one_time::generate_from(tx, &template, 0)).unwrap()
        }
        _ if state == PreActive => return None,
        KeyKind::Hotp { .. } | KeyKind::Totp { .. } | KeyKind::Ocra { .. } => imported(scene, &template),
        KeyKind::Rsa { .. } => raw(RSA_2048),
        KeyKind::Data => raw(b"some data"),
        KeyKind::Certificate => raw(&[0x30, 0x00]),
        KeyKind::PublicKey if purpose == Purpose::Wrapping => theirs(scene, world.pair, purpose),
        KeyKind::PublicKey => theirs(scene, world.traveller, purpose),
        _ => scene.transact(|tx| keys::generate(tx, &template)).unwrap(),
    };
    let came = world.came(key, kind, purpose);
    let way: &[KeyState] = match state {
        PreActive | Active => &[],
        Suspended => &[Suspended],
        Deactivated => &[Deactivated],
        Compromised => &[Compromised],
        Destroyed => &[Deactivated, Destroyed],
    };
    for next in way {
        scene.transact(|tx| keys::change_state(tx, key, *next, "test")).unwrap();
    }
    assert_eq!(world.info(key).state, state);
    Some((key, came))
}

fn perform(world: &World, key: KeyId, operation: Operation, came: &Came) -> Result<(), Error> {
    let end = Narrowing { accept_until: Some(UnixTime(NOON + 1000)), ..Narrowing::default() };
    let done = |tx: &mut Transaction<'_>| match operation {
        Operation::Wrap(mechanism) => wrapping::wrap(tx, key, world.traveller, mechanism).map(drop),
        Operation::Leave => wrapping::wrap(tx, world.safe, key, M::Envelope).map(drop),
        Operation::Unwrap(M::AesKeyWrap) => {
            let template = Template::new(TRAVELLER.0, TRAVELLER.1);
            wrapping::unwrap_bare(tx, key, &came.bare, &template).map(drop)
        }
        Operation::Unwrap(M::Envelope) => wrapping::unwrap(tx, key, &came.envelope, None).map(drop),
        Operation::Unwrap(_) => wrapping::unwrap(tx, key, &came.to, None).map(drop),
        Operation::Copy => keys::copy(tx, key, &Narrowing::default(), "a copy", None).map(drop),
        Operation::Trust => keys::trust(tx, key, "the officer"),
        Operation::SpkiPem => signing::spki_pem(tx, key).map(drop),
        Operation::Narrow => keys::narrow(tx, key, &end),
        Operation::Rename => keys::rename(tx, key, "another label", None),
    };
    if matches!(operation, Operation::Trust) {
        world.scene.by_officer(done)
    } else {
        world.scene.try_out(done)
    }
}

#[test]
fn what_is_done_to_a_key_of_any_kind_is_allowed_in_its_states_or_gives_the_precise_misuse() {
    let world = World::new("states");
    let (mut keys, mut allowed, mut refused) = (0, 0, 0);
    for (kind, purpose, sort) in table() {
        for state in STATES {
            let Some((key, came)) = make(&world, kind, purpose, state) else { continue };
            keys += 1;
            for operation in operations() {
                let wanted = expected(sort, state, operation);
                let found = perform(&world, key, operation, &came);
                let name = kind.name();
                assert_eq!(found, wanted, "{operation:?} on a {state} {name} key for {}", purpose.name());
                if wanted.is_ok() { allowed += 1 } else { refused += 1 }
            }
        }
    }
    tell(&format!("{keys} keys: {allowed} operations allowed, {refused} refused"));
    // Five states each, and a sixth of those that make codes.
    assert_eq!(keys, table().len() * 5 + 3);
    let ml_dsa = if cfg!(feature = "ml-dsa") { 1 } else { 0 };
    assert_eq!((allowed, refused), (253 + 16 * ml_dsa, 2_981 + 149 * ml_dsa));
}

type Done = Box<dyn Fn(&mut Transaction<'_>) -> Result<(), Error>>;

/// Something that is done by one usage of a key.
struct Deed {
    name: &'static str,
    usage: Usage,
    done: Done,
}

fn deed(
    name: &'static str,
    usage: Usage,
    done: impl Fn(&mut Transaction<'_>) -> Result<(), Error> + 'static,
) -> Deed {
    Deed { name, usage, done: Box::new(done) }
}

const KEYS: usize = 17;

/// A new key of one sort, and all that is done with it. What has to be made before it is checked or opened, is made here.
fn deeds(world: &World, number: usize) -> (KeyId, Vec<Deed>) {
    let (scene, traveller) = (&world.scene, world.traveller);
    let data = |kind, bytes: &[u8]| {
        let template = Template::new(kind, Purpose::Data);
        scene.transact(|tx| importing::raw(tx, &template, bytes.to_vec().into())).unwrap()
    };
    let both_ways = |kind| {
        let mut template = Template::new(kind, Purpose::OneTimeCode);
        template.usages = Usages::of(&[Usage::VerifyCode, Usage::GenerateCode]);
        imported(scene, &template)
    };
    let read = |key: KeyId| deed("read", Usage::Read, move |tx| importing::read(tx, key).map(drop));
    match number {
        0..=2 => {
            let kind = [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519][number];
            let key = generate(scene, kind, Purpose::Document);
            (key, vec![sign(key), verify(scene, key, key)])
        }
        3 => {
            let pair = generate(scene, KeyKind::P256, Purpose::Document);
            let key = theirs(scene, pair, Purpose::Document);
            (key, vec![verify(scene, key, pair), read(key)])
        }
        4 | 5 => {
            let key = generate(scene, [KeyKind::Hmac, KeyKind::Generic][number - 4], Purpose::Data);
            let made = scene.transact(|tx| macs::tag(tx, key, M::HmacSha256, TEXT)).unwrap();
            let tag = move |tx: &mut Transaction<'_>| macs::tag(tx, key, M::HmacSha256, TEXT).map(drop);
            let check = move |tx: &mut Transaction<'_>| macs::check(tx, key, M::HmacSha256, TEXT, &made);
            (key, vec![deed("mac", Usage::Mac, tag), deed("check", Usage::VerifyMac, check)])
        }
        6 => {
            let mut template = Template::new(KeyKind::Aes256, Purpose::Data);
            template.mechanisms = Mechanisms::of(&[M::AesGcm, M::AesGcmCallerNonce, M::XaesGcm]);
            let key = scene.transact(|tx| keys::generate(tx, &template)).unwrap();
            let made = scene.transact(|tx| ciphers::seal(tx, key, M::AesGcm, b"with", TEXT)).unwrap();
            let with_nonce = move |tx: &mut Transaction<'_>| {
                ciphers::seal_with_nonce(tx, key, &[4; 12], b"with", TEXT).map(drop)
            };
            let open = move |tx: &mut Transaction<'_>| {
                ciphers::open(tx, key, M::AesGcm, b"with", &made)
                    .map(|plain| assert_eq!(plain.as_slice(), TEXT))
            };
            let deeds = vec![
                seal(key, M::AesGcm),
                seal(key, M::XaesGcm),
                deed("seal with a nonce", Usage::Encrypt, with_nonce),
                deed("open", Usage::Decrypt, open),
            ];
            (key, deeds)
        }
        7..=9 => {
            let kind = [KeyKind::Aes256, KeyKind::X25519, KeyKind::P256Agreement][number - 7];
            let key = generate(scene, kind, Purpose::Wrapping);
            let Came { envelope, bare, to } = world.came(key, kind, Purpose::Wrapping);
            if kind != KeyKind::Aes256 {
                let open = move |tx: &mut Transaction<'_>| wrapping::unwrap(tx, key, &to, None).map(drop);
                return (key, vec![deed("unwrap", Usage::Unwrap, open)]);
            }
            let open = move |tx: &mut Transaction<'_>| wrapping::unwrap(tx, key, &envelope, None).map(drop);
            let open_bare = move |tx: &mut Transaction<'_>| {
                let template = Template::new(TRAVELLER.0, TRAVELLER.1);
                wrapping::unwrap_bare(tx, key, &bare, &template).map(drop)
            };
            let deeds = vec![
                wrap(key, traveller, M::Envelope),
                wrap(key, traveller, M::AesKeyWrap),
                deed("unwrap", Usage::Unwrap, open),
                deed("unwrap bare", Usage::Unwrap, open_bare),
            ];
            (key, deeds)
        }
        10 => {
            let key = theirs(scene, world.pair, Purpose::Wrapping);
            (key, vec![wrap(key, traveller, M::EnvelopeTo), read(key)])
        }
        11 => {
            let key = data(KeyKind::Data, b"some data");
            (key, vec![read(key)])
        }
        12 => {
            let key = data(KeyKind::Certificate, &[0x30, 0x00]);
            (key, vec![read(key)])
        }
        13 => issuing(scene),
        14 | 15 => {
            let key = both_ways([HOTP, TOTP][number - 14]);
            let check =
                move |tx: &mut Transaction<'_>| spend::verify(tx, key, "000000", &generous()).map(|_| ());
            let generate = move |tx: &mut Transaction<'_>| spend::generate_code(tx, key).map(drop);
            let deeds = vec![
                deed("verify a code", Usage::VerifyCode, check),
                deed("generate a code", Usage::GenerateCode, generate),
            ];
            (key, deeds)
        }
        _ => {
            let key = imported(scene, &Template::new(ocra(), Purpose::OneTimeCode));
            let ask = move |tx: &mut Transaction<'_>| questions::ask(tx, key, Matter::Presence, 60).map(drop);
            (key, vec![deed("ask", Usage::VerifyCode, ask)])
        }
    }
}

fn sign(key: KeyId) -> Deed {
    deed("sign", Usage::Sign, move |tx| signing::sign(tx, key, Purpose::Document, TEXT, "a text").map(drop))
}

/// Checks what the pair signs now.
fn verify(scene: &Scene, key: KeyId, pair: KeyId) -> Deed {
    let made =
        scene.transact(|tx| signing::sign(tx, pair, Purpose::Document, TEXT, "a text")).unwrap().to_der();
    deed("verify", Usage::Verify, move |tx| {
        signing::verify(tx, key, None, Purpose::Document, Prepared::Message(TEXT), &made)
    })
}

fn seal(key: KeyId, mechanism: Mechanism) -> Deed {
    deed("seal", Usage::Encrypt, move |tx| ciphers::seal(tx, key, mechanism, b"with", TEXT).map(drop))
}

fn wrap(key: KeyId, traveller: KeyId, mechanism: Mechanism) -> Deed {
    deed("wrap", Usage::Wrap, move |tx| wrapping::wrap(tx, key, traveller, mechanism).map(drop))
}

/// A key of codes that are sent.
fn issuing(scene: &Scene) -> (KeyId, Vec<Deed>) {
    let key = scene.transact(|tx| issued::generate(tx, "codes")).unwrap();
    let text = scene.transact(|tx| issued::code(tx, key, &BINDING, Digits::SIX)).unwrap().to_string();
    let given = scene.transact(|tx| issued::token(tx, key, &[7; 32])).unwrap();
    let code = move |tx: &mut Transaction<'_>| issued::code(tx, key, &BINDING, Digits::SIX).map(drop);
    let check = move |tx: &mut Transaction<'_>| issued::check(tx, key, &BINDING, Digits::SIX, &text);
    let token = move |tx: &mut Transaction<'_>| issued::token(tx, key, &[7; 32]).map(drop);
    let check_token = move |tx: &mut Transaction<'_>| issued::check_token(tx, key, &[7; 32], &given);
    let deeds = vec![
        deed("issue", Usage::IssueCode, code),
        deed("check", Usage::IssueCode, check),
        deed("issue a token", Usage::IssueCode, token),
        deed("check a token", Usage::IssueCode, check_token),
    ];
    (key, deeds)
}

#[test]
fn each_usage_that_is_taken_away_ends_what_is_done_by_it_and_nothing_else() {
    let world = World::new("usages");
    let (mut seen, mut taken) = (Usages::NONE, 0);
    for number in 0..KEYS {
        let (key, _) = deeds(&world, number);
        let had = world.info(key).usages;
        for usage in had.iter() {
            let (key, deeds) = deeds(&world, number);
            let name = world.info(key).kind.name();
            assert!(deeds.iter().any(|deed| deed.usage == usage), "{usage} of {name}");
            for deed in &deeds {
                assert_eq!(world.scene.try_out(&deed.done), Ok(()), "{} by {name}", deed.name);
            }
            let set = |usages| Narrowing { usages: Some(usages), ..Narrowing::default() };
            assert_eq!(world.narrow(key, &set(had.without(Usages::of(&[usage])))), Ok(()));
            for deed in &deeds {
                let wanted = if deed.usage == usage { Err(Error::KeyUsage) } else { Ok(()) };
                let found = world.scene.try_out(&deed.done);
                assert_eq!(found, wanted, "{} by {name} without {usage}", deed.name);
            }
            assert_eq!(world.narrow(key, &set(had)), Err(Error::KeyWidened));
            seen = seen.or(Usages::of(&[usage]));
            taken += 1;
        }
    }
    // Two usages each, but for pairs of agreement, what is kept, issued codes and OCRA.
    assert_eq!((seen, taken), (Usages::of(Usage::ALL), 11 * 2 + 6));
}

/// Usages that open and check what was protected before: a recipient's (NIST SP 800-57 part 1, §5.3.5).
const RECIPIENT: [Usage; 5] = [Usage::Verify, Usage::VerifyMac, Usage::Decrypt, Usage::Unwrap, Usage::Read];

/// Seconds after noon, and whether a key then protects anything new, and whether it opens and checks what it protected.
const MOMENTS: [(u64, bool, bool); 7] = [
    (0, false, false),
    (99, false, false),
    (100, true, true),
    (199, true, true),
    (200, false, true),
    (299, false, true),
    (300, false, false),
];

fn dates() -> Narrowing {
    let at = |seconds| Some(UnixTime(NOON + seconds));
    Narrowing { valid_from: at(100), valid_to: at(200), accept_until: at(300), ..Narrowing::default() }
}

#[test]
fn each_use_of_a_key_begins_and_ends_with_its_dates() {
    let world = World::new("dates");
    let made: Vec<(KeyId, Vec<Deed>)> = (0..KEYS).map(|number| deeds(&world, number)).collect();
    for (key, _) in &made {
        assert_eq!(world.narrow(*key, &dates()), Ok(()));
    }
    for (after, protects, opens) in MOMENTS {
        world.scene.set(NOON + after);
        for (key, deeds) in &made {
            for deed in deeds {
                let serves = if RECIPIENT.contains(&deed.usage) { opens } else { protects };
                let wanted = if serves { Ok(()) } else { Err(Error::KeyNotValid) };
                let found = world.scene.try_out(&deed.done);
                let name = world.info(*key).kind.name();
                assert_eq!(found, wanted, "{} by {name} after {after} seconds", deed.name);
            }
        }
    }
}

#[test]
fn what_is_no_use_of_a_key_waits_for_no_date_and_widens_none() {
    let world = World::new("no dates");
    let scene = &world.scene;
    let wrapper = generate(scene, KeyKind::Aes256, Purpose::Wrapping);
    for key in [world.traveller, wrapper] {
        assert_eq!(world.narrow(key, &dates()), Ok(()));
    }
    let copied = generate(scene, KeyKind::P256, Purpose::Document);
    assert_eq!(world.narrow(copied, &dates()), Ok(()));
    let kept = |key| {
        let found = world.info(key).dates;
        let Narrowing { valid_from, valid_to, accept_until, .. } = dates();
        assert_eq!(
            (found.valid_from, found.valid_to, found.accept_until),
            (valid_from, valid_to, accept_until)
        );
    };
    for (after, protects, _) in MOMENTS {
        scene.set(NOON + after);
        assert_eq!(scene.by_officer(|tx| keys::trust(tx, wrapper, "the officer")), Ok(()), "{after}");
        assert_eq!(scene.try_out(|tx| signing::spki_pem(tx, copied).map(drop)), Ok(()), "{after}");
        assert_eq!(scene.transact(|tx| keys::rename(tx, copied, "another label", None)), Ok(()), "{after}");
        assert_eq!(world.narrow(copied, &Narrowing::default()), Ok(()), "{after}");
        let copy =
            scene.transact(|tx| keys::copy(tx, copied, &Narrowing::default(), "a copy", None)).unwrap();
        kept(copy);
        let signed = scene.try_out(sign(copy).done);
        assert_eq!(signed, if protects { Ok(()) } else { Err(Error::KeyNotValid) }, "{after}");
        // The dates go with a key that leaves, and come back with it.
        let bytes = world.wrap(world.safe, M::Envelope);
        let back = scene.transact(|tx| wrapping::unwrap(tx, world.safe, &bytes, None)).unwrap();
        kept(back);
    }
    for key in [world.traveller, wrapper, copied] {
        kept(key);
    }
}
