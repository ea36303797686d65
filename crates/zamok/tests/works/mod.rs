//! A vault at work beside the logins: keys that rotate and leave, messages that are counted, questions, operations, powers, tokens,
//! clients that sign, a secret that was taken in, a witness, and details that went because of their age.
#![allow(missing_docs)]

use std::error::Error;
use std::sync::Arc;

use zamok::account::{PowerKind, Right, Rights, Terms};
use zamok::guessing::SpendPolicy;
use zamok::hash::HashAlgorithm;
use zamok::journal::TrustPolicy;
use zamok::keys::ciphers::{self, Sealed};
use zamok::keys::one_time::{self, ImportedParameters};
use zamok::keys::questions::{self, Answer, Inputs, Matter, QuestionId};
use zamok::keys::versions::{self, RotationPolicy};
use zamok::keys::{
    self, Flag, Flags, KeyId, KeyKind, KeyState, Mechanism, Mechanisms, Purpose, Template, signing, wrapping,
};
use zamok::otp::{Digits, HotpParameters, Ocra, OcraChallenge, OcraInput, OcraSuite, Window};
use zamok::protocols::request::{
    ClientKeyId, Clients, Message, NewClientKey, SignedRequests, Signing, VaultKey,
};
use zamok::protocols::token::{Grant, Shown, use_token_key};
use zamok::secret::Secret;
use zamok::store::Table;
use zamok::{Clock, Content, CoreError, ManualClock, OperationId, Policy, SessionId, UnixTime, Value, Zamok};
use zamok_cabinet::Preferences;
use zamok_exchange::{TokenKind, TokenRecord};
use zamok_journal::expire_details;
use zamok_journal::witness::{self, AddCheckpoint, Verdict};

use super::planted::{Planted, Rows, dump};
use super::{Counts, Found, code, counts, enrolled, is_named, judged, open, password, service};

const ANSWERED: &str = "11111111";
const WAITING: &str = "22222222";

/// A store with a history, as it lay on the disk at two moments: where rows of a table change, they did so in between.
pub(crate) struct Works {
    pub(crate) early: Rows,
    pub(crate) rows: Rows,
    now: UnixTime,
    counts: Counts,
    session: SessionId,
    /// A key with an older version, and what was sealed under that.
    rotated: KeyId,
    sealed: Sealed,
    /// A key whose nonces are counted.
    counted: KeyId,
    /// A key that has left, wrapped by another.
    wrapper: KeyId,
    left: KeyId,
    /// A device, a question that it has answered, and one that waits.
    device: Ocra,
    answered: QuestionId,
    waiting: QuestionId,
    token: TokenRecord,
    /// The log that the witness knows.
    log: [u8; 32],
    operation: OperationId,
    refresh: String,
    /// A client's key, and how it is registered.
    client: (KeyId, ClientKeyId),
}

impl Works {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("zamok.db");
        let clock = ManualClock::new(UnixTime(1_800_000_000));
        let zamok = service(&file, &clock);
        let vault = zamok.vault();
        let phone = enrolled(&zamok, "ivan", clock.now());
        zamok.register("olga", &password()).unwrap();
        clock.advance(30);
        let session = zamok.log_in("ivan", &password(), &code(&phone, clock.now())).unwrap();

        let data = Template {
            mechanisms: Mechanisms::of(&[Mechanism::XaesGcm]),
            ..Template::new(KeyKind::Aes256, Purpose::Data)
        };
        let make = |template: &Template<'_>| vault.transact(|tx| keys::generate(tx, template)).unwrap();
        let rotated = make(&data);
        let counted = make(&Template { mechanisms: Mechanisms::of(&[Mechanism::AesGcm]), ..data.clone() });
        let wrapper = make(&Template::new(KeyKind::Aes256, Purpose::Wrapping));
        let left = make(&Template { flags: Flags::of(&[Flag::Wrappable]), ..data.clone() });
        let seal = |key, mechanism| {
            vault.transact(|tx| ciphers::seal(tx, key, mechanism, b"", b"a message")).unwrap()
        };
        let sealed = seal(rotated, Mechanism::XaesGcm);
        let forever = RotationPolicy { accept: None };
        vault.transact(|tx| versions::rotate(tx, rotated, &forever, "due")).unwrap();
        let _first = seal(counted, Mechanism::AesGcm);
        let wrapped = vault.transact(|tx| wrapping::wrap(tx, wrapper, left, Mechanism::AesKeyWrap)).unwrap();

        let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
        let secret = Secret::new(b"12345678901234567890").unwrap();
        let parameters = ImportedParameters::Ocra { suite, counter: 0 };
        let asked = vault.transact(|tx| one_time::import(tx, parameters, &secret, "a device", None)).unwrap();
        let device = Ocra::new(&secret, suite);
        let ask = |text: &str| {
            let matter = Matter::Operation { digest: [7; 32], shown: Some(text) };
            vault.transact(|tx| questions::ask(tx, asked, matter, 3600)).unwrap().id
        };
        let answered = ask(ANSWERED);
        let parameters = HotpParameters { algorithm: HashAlgorithm::Sha1, digits: Digits::SIX };
        let kind = TokenKind::Hotp { parameters, counter: 0 };
        let token = TokenRecord::new("a serial number", "ivan", kind, Secret::new(&[0x31; 20]).unwrap());
        let _taken = vault.transact(|tx| token.import(tx, None)).unwrap();

        let template = zamok::Template {
            name: "payment".into(),
            version: 1,
            language: "en".into(),
            text: "Pay {sum}.".into(),
        };
        let content = Content::new(template, [("sum".into(), Value::Number(1))]).unwrap();
        let operation = OperationId(zamok.request_id().unwrap().0);
        zamok.propose(&session, operation, &content).unwrap();
        let terms = Terms {
            kind: PowerKind::Attorney,
            rights: Rights::of(&[Right::View]),
            scope: vec!["letters".into()],
            until: clock.now().plus(3600),
        };
        let power = zamok.give_power(&session, "olga", &terms).unwrap();
        let speaks = |language: &str| {
            let preferences = Preferences { language: language.into(), ..Preferences::default() };
            zamok.set_preferences(&session, &preferences).unwrap();
        };
        speaks("en");
        let refresh = zamok.tokens("here").grant(&session, &Grant::default()).unwrap().refresh.to_text();
        let client = register(&zamok, "a laptop");
        let (_, lost) = register(&zamok, "a phone");
        request(&zamok, client).unwrap();

        let _name = vault.transact(|tx| witness::found(tx, "witness.example/w1")).unwrap();
        let (log, size) = cosigned(&zamok, 0);
        let forget = || {
            vault.integrate().unwrap();
            let erased = vault.transact(|tx| expire_details(tx, clock.now(), 8)).unwrap();
            assert!(erased.details > 0, "{erased:?}");
        };
        forget();
        vault.integrate().unwrap();
        let early = dump(&file);
        clock.advance(30);

        let compromised = |tx: &mut keys::Transaction<'_>| {
            keys::change_version_state(tx, rotated, 1, KeyState::Compromised, "it leaked")
        };
        vault.transact(compromised).unwrap();
        let _second = seal(counted, Mechanism::AesGcm);
        let _back = vault.transact(|tx| wrapping::unwrap_bare(tx, wrapper, &wrapped, &data)).unwrap();
        let answer = respond(&zamok, &device, answered, ANSWERED);
        assert_eq!(answer, Ok(Answer::Accepted(Some([7; 32]))));
        let waiting = ask(WAITING);
        let challenge = zamok.begin_confirmation(&session, operation, None).unwrap();
        let answering = zamok.request_id().unwrap();
        zamok.confirm(&session, &challenge, &code(&phone, clock.now()), answering).unwrap();
        zamok.execute(operation, |_, _| Ok(b"done".to_vec())).unwrap();
        zamok.end_power(&session, power.id).unwrap();
        speaks("ru");
        let signs = vault.transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "tokens", None));
        use_token_key(&zamok, signs.unwrap()).unwrap();
        let granted = zamok.tokens("here").refresh(&refresh, &Shown::NOTHING).unwrap();
        let refresh = granted.refresh.to_text().as_str().to_owned();
        Clients::new(&zamok).revoke(lost, "stolen").unwrap();
        register(&zamok, "another phone");
        request(&zamok, client).unwrap();
        let (_, size) = cosigned(&zamok, size);
        zamok.sign(&session, b"text", "a.txt").map(drop).unwrap();
        let unproved = AddCheckpoint { old: size, path: Vec::new(), checkpoint: vault.checkpoint().unwrap() };
        assert_eq!(shown(&zamok, &unproved), Verdict::Inconsistent);
        forget();
        clock.advance(30);

        let counts = counts(&zamok);
        let session = session.id;
        drop(zamok);
        let rows = dump(&file);
        let now = clock.now();
        Self {
            early,
            rows,
            now,
            counts,
            session,
            rotated,
            sealed,
            counted,
            wrapper,
            left,
            device,
            answered,
            waiting,
            token,
            log,
            operation,
            refresh,
            client,
        }
    }

    /// What comes of a store in which one row of this table is not what it was.
    pub(crate) fn outcome(&self, table: Table, rows: Rows) -> Found {
        let used = self.work(Arc::new(Planted::new(rows.clone())), table);
        judged(used, || self.audited(rows))
    }

    /// Whether the audit has anything to say of these rows that it has not to say of the store as it is.
    pub(crate) fn audited(&self, rows: Rows) -> Result<bool, zamok::Error> {
        is_named(&open(Arc::new(Planted::new(rows)), self.now)?, self.counts)
    }

    /// Does what rows of this table are there for.
    fn work(&self, store: Arc<Planted>, table: Table) -> Result<(), Box<dyn Error>> {
        let zamok = open(store, self.now)?;
        let vault = zamok.vault();
        match table.0 {
            4 => {
                let (mechanism, sealed) = (Mechanism::XaesGcm, &self.sealed);
                let opened = vault.transact(|tx| ciphers::open(tx, self.rotated, mechanism, b"", sealed))?;
                assert_eq!(opened.as_slice(), b"a message");
            }
            6 => {
                let (key, mechanism) = (self.counted, Mechanism::AesGcm);
                let _third = vault.transact(|tx| ciphers::seal(tx, key, mechanism, b"", b"a message"))?;
            }
            7 | 8 => {
                match respond(&zamok, &self.device, self.waiting, WAITING)? {
                    Answer::Accepted(about) => assert_eq!(about, Some([7; 32])),
                    Answer::Rejected => return Err(CoreError::Rejected.into()),
                }
                // What was answered is over, whichever of its rows is there again.
                let again = respond(&zamok, &self.device, self.answered, ANSWERED);
                assert!(!matches!(again, Ok(Answer::Accepted(_))), "{again:?}");
            }
            9 => {
                let (by, mechanism) = (self.wrapper, Mechanism::AesKeyWrap);
                let _bytes = vault.transact(|tx| wrapping::wrap(tx, by, self.left, mechanism))?;
            }
            25 | 26 => {
                let _evidence = vault.read(|store, keyring| {
                    witness::latest(store, keyring, &self.log)?;
                    witness::evidence(store, keyring)
                })?;
            }
            27 => {
                let _erased = vault.transact(|tx| expire_details(tx, UnixTime(1), 8))?;
            }
            42 => {
                let _powers = zamok.powers(&zamok.session(self.session)?)?;
            }
            48 => {
                let _import = vault.transact(|tx| self.token.import(tx, None))?;
            }
            52 => {
                let receipt = zamok.execute(self.operation, |_, _| panic!("executed once more"))?;
                assert_eq!(receipt, b"done");
            }
            55 | 56 => {
                let _granted = zamok.tokens("here").refresh(&self.refresh, &Shown::NOTHING)?;
            }
            57..=59 => {
                request(&zamok, self.client)?;
                let _listed = Clients::new(&zamok).list("ivan")?;
            }
            66 => {
                let _preferences = zamok.preferences(&zamok.session(self.session)?)?;
            }
            other => panic!("nobody has a use for rows of table {other}"),
        }
        Ok(())
    }
}

fn spending() -> SpendPolicy {
    let (window, look_ahead) = (Window::steps(1, 1).unwrap(), Window::look_ahead(10).unwrap());
    SpendPolicy { window, drift_limit: 2, look_ahead, throttle: Policy::strict().pin.throttle }
}

/// Answers a question as the device does that was shown this text.
fn respond(zamok: &Zamok, device: &Ocra, id: QuestionId, text: &str) -> Result<Answer, CoreError> {
    let response = device.response(&OcraInput::new(OcraChallenge::OneWay(text)))?;
    let (inputs, policy) = (Inputs::default(), spending());
    zamok.vault().transact(|tx| questions::answer(tx, id, response.as_str(), inputs, &policy))
}

/// A key of a client, which here lies in the same vault.
fn register(zamok: &Zamok, label: &str) -> (KeyId, ClientKeyId) {
    let made = zamok.vault().transact(|tx| {
        let key = signing::generate(tx, KeyKind::P256, Purpose::Request, label, None)?;
        Ok::<_, CoreError>((key, signing::spki_pem(tx, key)?))
    });
    let (key, pem) = made.unwrap();
    let added = Clients::new(zamok).add("ivan", &NewClientKey::PublicKeyPem(&pem), None, label).unwrap();
    (key, added.id)
}

/// Signs a request by this key, and checks it.
fn request(zamok: &Zamok, (key, id): (KeyId, ClientKeyId)) -> Result<(), zamok::protocols::Error> {
    let vault = zamok.vault();
    let nonce = vault.transact(|tx| Ok::<_, CoreError>(Signing::draw_nonce(&mut tx.env())))?;
    let (name, created, body) = (id.to_string(), vault.now(), b"{}");
    let signs = Signing { label: "sig", key: &name, tag: "bank", created, nonce, also: &[] };
    let message = Message::request("POST", "https://bank.example/pay")?;
    let signed = signs.sign(message, body, &VaultKey::new(zamok, key))?;
    SignedRequests::new(zamok, "bank").check(&signed, body).map(|_| ())
}

/// Shows the witness what the log has come to since it had this size: which log it is, and how large.
fn cosigned(zamok: &Zamok, old: u64) -> ([u8; 32], u64) {
    let checkpoint = zamok.vault().checkpoint().unwrap();
    let path = zamok.journal(|journal| journal.consistency(old, checkpoint.checkpoint())).unwrap();
    let request = AddCheckpoint { old, path, checkpoint };
    let verdict = shown(zamok, &request);
    assert!(matches!(verdict, Verdict::Cosigned(_)), "{verdict:?}");
    let signed = request.checkpoint.checkpoint();
    (witness::log_id(&signed.origin), signed.size)
}

fn shown(zamok: &Zamok, request: &AddCheckpoint) -> Verdict {
    let trust = TrustPolicy::log(zamok.vault().log_key().unwrap());
    zamok.vault().transact(|tx| witness::decide(tx, &trust, request)).unwrap()
}
