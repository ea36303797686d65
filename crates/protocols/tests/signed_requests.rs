//! Signed requests: in which order they are checked, what is refused, what is remembered; codes that ride along; batches.
#![allow(missing_docs)]

mod house;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use base64ct::{Base64, Encoding};
use house::{House, NOON, Person, policy, request, write_behind};
use zamok_core::event::EventKind;
use zamok_core::mechanism::{Mechanism, Mechanisms};
use zamok_core::signature::RsaBits;
use zamok_core::store::{Change, ChangeId, CounterKey, MemoryStore, Outcome, Range, RowKey, Store, Table};
use zamok_core::vault::{KeyId, KeyKind, KeyState, Purpose, finding, keys, macs};
use zamok_core::{Error as CoreError, UnixTime};

use zamok_protocols::Error;
use zamok_protocols::request::{
    Client, ClientKey, ClientKeyId, Clients, Covered, Manifest, Message, NewClientKey, SignRequest,
    SignatureAlgorithm, SignedRequests, Signing, VaultKey, content_digest, signature_base,
};
use zamok_store_conformance::Hooked;
use zamok_store_sqlite::SqliteStore;
use zeroize::Zeroizing;

const REJECTED: Error = Error::Cabinet(zamok_cabinet::Error::Core(CoreError::Rejected));
const TAG: &str = "zamok-bank";
const URI: &str = "https://bank.example/answer?language=en";
const BODY: &[u8] = br#"{"code":"123456"}"#;
const NONCES: Table = Table(59);

/// A client with a key of its own, which it keeps in a vault.
struct Sender<'a> {
    house: &'a House,
    key: KeyId,
    registered: ClientKey,
}

impl<'a> Sender<'a> {
    fn new(house: &'a House, login: &str, kind: KeyKind) -> Self {
        let key = house.key(kind, Purpose::Request);
        let pem = house.pem(key);
        let new = NewClientKey::PublicKeyPem(&pem);
        let registered = Clients::new(&house.cabinet).add(login, &new, None, "a client").unwrap();
        Self { house, key, registered }
    }

    fn sign_with(&self, message: Message, body: &[u8], change: impl FnOnce(&mut Signing<'_>)) -> Message {
        let key = self.registered.id.to_string();
        let nonce = self.house.cabinet.vault().transact(|tx| Ok(Signing::draw_nonce(&mut tx.env())));
        let nonce = nonce.unwrap_or_else(|error: CoreError| panic!("{error}"));
        let created = UnixTime(self.house.now());
        let mut signing =
            Signing { label: "sig", key: &key, tag: TAG, created, nonce, also: &["content-type"] };
        change(&mut signing);
        signing.sign(message, body, &VaultKey::new(&self.house.cabinet, self.key)).unwrap()
    }

    fn sign(&self, body: &[u8]) -> Message {
        self.sign_with(message(), body, |_| {})
    }
}

fn message() -> Message {
    Message::request("POST", URI).unwrap().field("Content-Type", "application/json").unwrap()
}

fn checks(house: &House) -> SignedRequests<'_> {
    SignedRequests::new(&house.cabinet, TAG)
}

fn account(house: &House, person: &Person) -> zamok_cabinet::AccountId {
    house.cabinet.account(&person.session).unwrap().id
}

#[test]
fn every_algorithm_signs_and_every_part_is_covered() {
    let house = House::new();
    let person = house.person("ivan");
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, KeyKind::Rsa { bits: RsaBits::Rsa2048 }] {
        let sender = Sender::new(&house, "ivan", kind);
        let signed = sender.sign(BODY);
        let client = checks(&house).check(&signed, BODY).unwrap();
        assert_eq!((client.account, client.key), (account(&house, &person), sender.registered.id));
        assert_eq!(checks(&house).check(&signed, BODY), Err(REJECTED), "a request is good once");
        assert_eq!(checks(&house).check(&sender.sign(BODY), b"{}"), Err(REJECTED), "another body");
        assert!(SignedRequests::new(&house.cabinet, "another").check(&sender.sign(BODY), BODY).is_err());
        // The same signature under another request.
        let fields = ["content-type", "content-digest", "signature-input", "signature"];
        let signed = sender.sign(BODY);
        let moved = |method: &str, uri: &str, kind: &str| {
            let mut message = Message::request(method, uri).unwrap();
            for name in fields {
                let value = if name == "content-type" { kind.to_owned() } else { line(&signed, name) };
                message = message.field(name, value).unwrap();
            }
            checks(&house).check(&message, BODY)
        };
        assert_eq!(moved("GET", URI, "application/json"), Err(REJECTED));
        assert_eq!(moved("POST", "https://bank.example/pay?language=en", "application/json"), Err(REJECTED));
        assert_eq!(
            moved("POST", "https://bank.example/answer?language=de", "application/json"),
            Err(REJECTED)
        );
        assert_eq!(
            moved("POST", "https://shop.example/answer?language=en", "application/json"),
            Err(REJECTED)
        );
        assert_eq!(moved("POST", URI, "text/plain"), Err(REJECTED));
        assert!(moved("POST", URI, "application/json").is_ok(), "nothing of that used the nonce up");
    }
}

/// The value of a field, as `Debug` shows a message: tests are no part of the crate.
fn line(message: &Message, name: &str) -> String {
    let covered = format!("(\"{name}\")");
    let base = signature_base(message, &Covered::parse(&covered).unwrap());
    let base = String::from_utf8(base.unwrap()).unwrap();
    base.lines().next().unwrap().split_once(": ").unwrap().1.to_owned()
}

struct Secret<'a>(&'a [u8]);

impl SignRequest for Secret<'_> {
    fn algorithm(&self) -> Result<SignatureAlgorithm, Error> {
        Ok(SignatureAlgorithm::HmacSha256)
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(macs::hmac(Mechanism::HmacSha256, self.0, base)?)
    }
}

#[test]
fn a_shared_secret_signs_until_it_is_revoked() {
    let house = House::new();
    let person = house.person("ivan");
    let clients = Clients::new(&house.cabinet);
    let short = NewClientKey::Secret(Zeroizing::new(vec![7; 31]));
    assert_eq!(clients.add("ivan", &short, None, "").unwrap_err(), Error::ClientUnusable);
    let new = NewClientKey::Secret(Zeroizing::new(vec![7; 32]));
    assert_eq!(format!("{new:?}"), "NewClientKey::Secret(redacted)");
    let registered = clients.add("ivan", &new, None, "a machine").unwrap();
    let sign = |secret: &[u8], nonce: &str| {
        let signing = Signing {
            label: "sig",
            key: &registered.id.to_string(),
            tag: TAG,
            created: UnixTime(house.now()),
            nonce: nonce.into(),
            also: &[],
        };
        signing.sign(message(), BODY, &Secret(secret)).unwrap()
    };
    let client = checks(&house).check(&sign(&[7; 32], "nonce number one"), BODY).unwrap();
    assert_eq!(client.account, account(&house, &person));
    assert_eq!(checks(&house).check(&sign(&[8; 32], "nonce number two"), BODY), Err(REJECTED));
    clients.revoke(registered.id, "a test").unwrap();
    assert_eq!(checks(&house).check(&sign(&[7; 32], "nonce number three"), BODY), Err(REJECTED));
}

#[test]
fn what_is_missing_is_named_and_nothing_is_looked_up() {
    let house = House::new();
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let signed = sender.sign(BODY);
    let input = line(&signed, "signature-input");
    let with = |input: &str| {
        let message = message()
            .field("content-digest", content_digest(BODY))
            .unwrap()
            .field("signature-input", input)
            .unwrap()
            .field("signature", line(&signed, "signature"))
            .unwrap();
        checks(&house).check(&message, BODY)
    };
    let named = |input: &str| match with(input) {
        Err(Error::Unsigned(what)) => what,
        other => panic!("{input}: {other:?}"),
    };
    for component in ["\"@method\" ", "\"@target-uri\" ", "\"content-digest\" "] {
        assert!(named(&input.replace(component, "")).contains("must be covered"), "{component}");
    }
    assert!(named(&input.replace("\"content-digest\"", "\"content-digest\";sf")).contains("must be covered"));
    for (parameter, words) in
        [(";created=", "created"), (";nonce=", "nonce"), (";keyid=", "keyid"), (";tag=", "tag")]
    {
        let renamed = input.replace(parameter, &parameter.replace('=', "x="));
        assert!(named(&renamed).contains(words), "{parameter}");
    }
    let short = input.replace(&format!(";nonce=\"{}", nonce_of(&input)), ";nonce=\"short");
    assert!(named(&short).contains("nonce"));
    assert!(named(&format!("{input}, other={}", input.strip_prefix("sig=").unwrap())).contains("several"));
    assert!(named(&input.replacen("sig=", "else=", 1)).contains("labels"));
    for unreadable in
        ["", "sig", "sig=1", "sig=(", "sig=()", "=()", "sig=(\"@method\" \"@method\");tag=\"zamok-bank\""]
    {
        named(unreadable);
    }
    // What can be read and is not right says only that.
    assert_eq!(with(&input.replace("alg=\"ecdsa-p256-sha256\"", "alg=\"ed25519\"")), Err(REJECTED));
    assert_eq!(with(&input.replace("alg=\"ecdsa-p256-sha256\"", "alg=\"none\"")), Err(REJECTED));
    assert_eq!(with(&input.replace("keyid=\"", "keyid=\"../")), Err(REJECTED));
    assert_eq!(
        with(&input.replace(&sender.registered.id.to_string(), &ClientKeyId([9; 32]).to_string())),
        Err(REJECTED)
    );
    let long = vec![0; house.cabinet.policy().request.body + 1];
    assert!(matches!(checks(&house).check(&signed, &long), Err(Error::TooLarge { .. })));
    assert!(with(&input).is_ok());
}

fn nonce_of(input: &str) -> &str {
    input.split(";nonce=\"").nth(1).unwrap().split('"').next().unwrap()
}

#[test]
fn a_request_is_fresh_for_as_long_as_policy_says() {
    let house = House::new();
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::Ed25519);
    let now = house.now();
    let at = |time: u64| {
        let signed = sender.sign_with(message(), BODY, |signing| signing.created = UnixTime(time));
        checks(&house).check(&signed, BODY).map(|_| ())
    };
    assert_eq!([at(now - 60), at(now + 60)], [Ok(()), Ok(())]);
    assert_eq!([at(now - 61), at(now + 61)], [Err(Error::NotFresh), Err(Error::NotFresh)]);
    // A stale request with a wrong signature learns nothing of clocks.
    let stale = sender.sign_with(message(), BODY, |signing| signing.created = UnixTime(now - 61));
    let input = line(&stale, "signature-input").replace("created=", "created=1");
    let forged = message()
        .field("content-digest", content_digest(BODY))
        .and_then(|message| message.field("signature-input", input))
        .and_then(|message| message.field("signature", line(&stale, "signature")))
        .unwrap();
    assert_eq!(checks(&house).check(&forged, BODY), Err(REJECTED));
}

/// RFC 9421 §2.3: `expires` of the signer ends it before policy would, from that very second on.
#[test]
fn a_signature_is_over_in_the_second_that_its_signer_named() {
    let house = House::new();
    house.person("ivan");
    let new = NewClientKey::Secret(Zeroizing::new(vec![7; 32]));
    let registered = Clients::new(&house.cabinet).add("ivan", &new, None, "a machine").unwrap();
    let now = house.now();
    let until = |expires: &str, nonce: &str| {
        let params = format!(
            "(\"@method\" \"@target-uri\" \"content-digest\");created={now};expires={expires};nonce=\"{nonce}\";\
             keyid=\"{}\";alg=\"hmac-sha256\";tag=\"{TAG}\"",
            registered.id
        );
        let message = message().field("content-digest", content_digest(BODY)).unwrap();
        let base = signature_base(&message, &Covered::parse(&params).unwrap()).unwrap();
        let signature = Base64::encode_string(&Secret(&[7; 32]).sign(&base).unwrap());
        let message = message.field("signature-input", format!("sig={params}")).unwrap();
        let message = message.field("signature", format!("sig=:{signature}:")).unwrap();
        checks(&house).check(&message, BODY).map(|_| ())
    };
    assert_eq!(until(&(now + 1).to_string(), "in the last second"), Ok(()));
    assert_eq!(until(&now.to_string(), "in this very second"), Err(Error::NotFresh));
    assert_eq!(until(&(now - 1).to_string(), "before it had begun"), Err(Error::NotFresh));
    for unreadable in ["-1", "1.5", "\"1\"", "?1"] {
        let refused = until(unreadable, "which is no time at all");
        assert!(matches!(refused, Err(Error::Unsigned("expires is no time"))), "{unreadable}: {refused:?}");
    }
}

#[test]
fn a_bad_signature_never_charges_the_code_that_rides_along() {
    let house = House::new();
    let person = house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    house.person("mallory");
    let mallory = Sender::new(&house, "mallory", KeyKind::P256);
    house.clock.advance(30);
    let challenge = house.challenge("ivan");
    let rejections = || house.events(EventKind::CodeRejected).len();
    let before = rejections();
    let code = person.code(&house);
    let body = format!("{{\"code\":\"{code}\"}}");
    let answer = |signed: &Message, body: &[u8], code: &str| {
        checks(&house).answer(signed, body, &challenge, code, request())
    };
    // More bad requests than a challenge has tries: unsigned, another body, used, of somebody else.
    let signed = sender.sign(body.as_bytes());
    for _ in 0..10 {
        assert!(matches!(answer(&message(), body.as_bytes(), "000000"), Err(Error::Unsigned(_))));
        assert_eq!(answer(&signed, b"{}", "000000"), Err(REJECTED));
        assert_eq!(answer(&mallory.sign(body.as_bytes()), body.as_bytes(), "000000"), Err(REJECTED));
    }
    assert_eq!(rejections(), before, "no attempt was charged");
    let session = answer(&signed, body.as_bytes(), &code).unwrap();
    assert_eq!(session.account, account(&house, &person));
    // A right signature with a wrong code costs an attempt, as everywhere.
    house.clock.advance(30);
    let challenge = house.challenge("ivan");
    let wrong = if person.code(&house) == "000000" { "000001" } else { "000000" };
    let signed = sender.sign(body.as_bytes());
    let refused = checks(&house).answer(&signed, body.as_bytes(), &challenge, wrong, request());
    assert_eq!(refused, Err(REJECTED));
    assert_eq!(rejections(), before + 1);
}

#[test]
fn what_a_request_asks_for_is_done_only_if_it_is_right() {
    let house = House::new();
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let mut done = 0;
    let mut act = |signed: &Message, body: &[u8]| {
        checks(&house).then(signed, body, |_: &Client| {
            done += 1;
            Ok::<(), Error>(())
        })
    };
    assert!(act(&message(), BODY).is_err());
    assert!(act(&sender.sign(BODY), b"other").is_err());
    let signed = sender.sign(BODY);
    assert!(act(&signed, BODY).is_ok());
    assert!(act(&signed, BODY).is_err());
    assert_eq!(done, 1);
}

#[test]
fn of_racing_requests_with_one_nonce_one_is_taken() {
    let rounds = zamok_store_conformance::Tier::pick(5, 20, 500);
    let house = House::new();
    house.person("ivan");
    let another = house.another(policy());
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    for _ in 0..rounds {
        let signed = sender.sign(BODY);
        let start = Barrier::new(4);
        let taken: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = [&house, &another, &house, &another]
                .into_iter()
                .map(|house| {
                    let (start, signed) = (&start, &signed);
                    scope.spawn(move || {
                        start.wait();
                        match checks(house).check(signed, BODY) {
                            Ok(_) => 1,
                            Err(error) => {
                                assert_eq!(error, REJECTED);
                                0
                            }
                        }
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(taken, 1);
    }
}

#[test]
fn nonces_survive_a_restart_and_a_flood_is_refused_and_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::create(&path).unwrap());
    let house = House::over(store, NOON);
    house.person("ivan");
    house.person("olga");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let other = Sender::new(&house, "olga", KeyKind::P256);
    let first = sender.sign(BODY);
    checks(&house).check(&first, BODY).unwrap();
    // A flood by one key, then by all.
    let mut small = policy();
    (small.request.per_key, small.request.everyone) = (4, 6);
    let flooded = house.another(small.clone());
    let flood = |sender: &Sender<'_>, house: &House| {
        (0..10).map(|_| checks(house).check(&sender.sign(BODY), BODY)).take_while(Result::is_ok).count()
    };
    assert_eq!(flood(&sender, &flooded), 3, "four of one key, with the one before");
    assert_eq!(checks(&flooded).check(&sender.sign(BODY), BODY), Err(Error::Full));
    assert_eq!(flood(&other, &flooded), 2, "six of all");
    let waiting = other.sign(BODY);
    assert_eq!(checks(&flooded).check(&waiting, BODY), Err(Error::Full));
    // Nothing was forgotten to make room.
    assert_eq!(checks(&flooded).check(&first, BODY), Err(REJECTED));
    assert_eq!(flooded.store.scan(NONCES, &Range::all(), 100, None).unwrap().rows.len(), 6);
    let (clock, now) = (house.clock.clone(), house.now());
    let (first, waiting) = (first.clone(), waiting.clone());
    drop((sender, other, flooded));
    drop(house);
    // Another process, from the file.
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
    let house = House::again(store, clock, policy());
    assert_eq!(house.now(), now);
    assert_eq!(checks(&house).check(&first, BODY), Err(REJECTED));
    assert!(
        checks(&house).check(&waiting, BODY).is_ok(),
        "what was refused for want of room was not used up"
    );
}

#[test]
fn fifty_windows_leave_as_many_counters_as_one() {
    let added = Arc::new(Mutex::new(BTreeSet::<CounterKey>::new()));
    let store = {
        let added = added.clone();
        Hooked::over(Arc::new(MemoryStore::new())).on_commit(move |store, change| {
            let counters = change.adds().map(|(key, _)| key.clone());
            added.lock().unwrap().extend(counters.filter(|key| key.0.starts_with(b"nonces/")));
            store.commit(change)
        })
    };
    let house = House::over(Arc::new(store), NOON);
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let mut small = policy();
    (small.request.per_key, small.request.everyone) = (2, 10);
    let few = house.another(small);
    for window in 0..50 {
        for _ in 0..2 {
            let taken = checks(&few).check(&sender.sign(BODY), BODY).map(|_| ());
            assert_eq!(taken, Ok(()), "{window}: the sum of the window before is over");
        }
        assert_eq!(checks(&few).check(&sender.sign(BODY), BODY), Err(Error::Full), "{window}");
        house.clock.advance(few.cabinet.policy().request.remembered);
    }
    assert_eq!(added.lock().unwrap().len(), 2, "one of all keys, and one of this");
}

#[test]
fn a_sum_that_others_move_on_after_it_was_read_is_read_again() {
    // To what others bring the sums that are read next, right afterwards.
    let others = Arc::new(AtomicU64::new(0));
    let store = {
        let others = others.clone();
        Hooked::over(Arc::new(MemoryStore::new())).on_counters(move |store, keys| {
            let found = store.counters(keys)?;
            let moved = others.swap(0, Ordering::SeqCst);
            if moved > 0 {
                let mut change = Change::new(ChangeId(request().0));
                for (key, found) in keys.iter().zip(&found) {
                    change.add(key.clone(), moved - found, u64::MAX).unwrap();
                }
                assert_eq!(store.commit(&change), Ok(Outcome::Committed));
            }
            Ok(found)
        })
    };
    let house = House::over(Arc::new(store), NOON);
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let mut small = policy();
    (small.request.per_key, small.request.everyone) = (3, 3);
    let few = house.another(small);
    // What a counter holds of the present window (`docs/formats/tables.md`).
    let remembered = few.cabinet.policy().request.remembered;
    let sum = |count: u64| ((house.now() / remembered % (1 << 16)) << 33) | count;
    let check = || checks(&few).check(&sender.sign(BODY), BODY).map(|_| ());
    assert_eq!(check(), Ok(()));
    house.clock.advance(remembered);
    others.store(sum(2), Ordering::SeqCst);
    assert_eq!(check(), Ok(()), "there is room for a third one");
    assert_eq!(others.load(Ordering::SeqCst), 0, "they came in between");
    assert_eq!(check(), Err(Error::Full), "and for no fourth");
    house.clock.advance(remembered);
    let waiting = sender.sign(BODY);
    others.store(sum(3), Ordering::SeqCst);
    assert_eq!(checks(&few).check(&waiting, BODY), Err(Error::Full), "they have filled them");
    assert!(checks(&house).check(&waiting, BODY).is_ok(), "it was not used up");
}

#[test]
fn of_racing_requests_in_a_new_window_as_many_are_taken_as_fit_in() {
    let house = House::new();
    house.person("ivan");
    let mut small = policy();
    (small.request.per_key, small.request.everyone) = (3, 3);
    let handles = [house.another(small.clone()), house.another(small)];
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    for _ in 0..20 {
        house.clock.advance(house.cabinet.policy().request.remembered);
        let signed: [Message; 6] = std::array::from_fn(|_| sender.sign(BODY));
        let start = Barrier::new(signed.len());
        let answers: Vec<_> = std::thread::scope(|scope| {
            let racers: Vec<_> = signed
                .iter()
                .zip(handles.iter().cycle())
                .map(|(signed, handle)| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        checks(handle).check(signed, BODY).map(|_| ())
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let of = |answer: Result<(), Error>| answers.iter().filter(|given| **given == answer).count();
        assert_eq!((of(Ok(())), of(Err(Error::Full))), (3, 3), "{answers:?}");
    }
}

#[test]
fn keys_are_registered_once_listed_and_revoked_for_good() {
    let house = House::new();
    house.person("ivan");
    house.person("olga");
    let clients = Clients::new(&house.cabinet);
    let key = house.key(KeyKind::P256, Purpose::Request);
    let pem = house.pem(key);
    let new = NewClientKey::PublicKeyPem(&pem);
    assert_eq!(clients.add("nobody", &new, None, ""), Err(REJECTED));
    assert_eq!(
        clients.add("ivan", &new, Some(SignatureAlgorithm::Ed25519), "").unwrap_err(),
        Error::ClientUnusable
    );
    assert_eq!(clients.add("ivan", &new, None, "a\nb").unwrap_err(), Error::ClientUnusable);
    assert_eq!(
        clients.add("ivan", &NewClientKey::PublicKeyPem("x"), None, "").unwrap_err(),
        Error::ClientUnusable
    );
    assert_eq!(
        clients.add("ivan", &NewClientKey::Certificate(b"x"), None, "").unwrap_err(),
        Error::ClientUnusable
    );
    let added = clients.add("ivan", &new, None, "the gateway").unwrap();
    assert_eq!(ClientKeyId::parse(&added.id.to_string()), Some(added.id));
    assert_eq!(clients.add("ivan", &new, None, "").unwrap_err(), Error::ClientTaken);
    assert_eq!(clients.add("olga", &new, None, "").unwrap_err(), Error::ClientTaken, "one key, one account");
    assert_eq!(clients.list("ivan").unwrap(), std::slice::from_ref(&added));
    assert_eq!(clients.list("olga").unwrap(), []);
    clients.revoke(added.id, "lost").unwrap();
    clients.revoke(added.id, "lost").unwrap();
    assert_eq!(clients.add("ivan", &new, None, "").unwrap_err(), Error::ClientTaken, "for good");
    assert!(clients.list("ivan").unwrap()[0].revoked);
    assert_eq!(clients.revoke(ClientKeyId([1; 32]), "").unwrap_err(), Error::ClientUnknown);
    let events = house.events(EventKind::ClientKeyRevoked);
    assert_eq!((events.len(), events[0].get("reason")), (1, Some("lost")));
    // As many as policy says; those that were revoked do not count.
    let limit = house.cabinet.policy().access.client_keys;
    for _ in 0..limit {
        let pem = house.pem(house.key(KeyKind::Ed25519, Purpose::Request));
        clients.add("ivan", &NewClientKey::PublicKeyPem(&pem), None, "").unwrap();
    }
    let pem = house.pem(house.key(KeyKind::Ed25519, Purpose::Request));
    let full = zamok_cabinet::Error::TooMany { what: "keys of clients", limit };
    assert_eq!(clients.add("ivan", &NewClientKey::PublicKeyPem(&pem), None, ""), Err(Error::Cabinet(full)));
}

#[test]
fn an_account_that_is_to_be_erased_leaves_no_key_and_no_name_of_one() {
    let house = House::new();
    house.person("ivan");
    let clients = Clients::new(&house.cabinet);
    let pem = house.pem(house.key(KeyKind::P256, Purpose::Request));
    let public = clients.add("ivan", &NewClientKey::PublicKeyPem(&pem), None, "Ivan's laptop").unwrap();
    let secret = NewClientKey::Secret(vec![7; 32].into());
    let secret = clients.add("ivan", &secret, None, "Ivan's server").unwrap();
    clients.revoke(public.id, "lost").unwrap();
    for _ in 0..2 {
        clients.forget("ivan", "asked for it").unwrap();
    }
    let left = clients.list("ivan").unwrap();
    assert!(left.len() == 2 && left.iter().all(|key| key.revoked && key.label.is_empty()), "{left:?}");
    let named = |label: &str| house.cabinet.vault().transact(|tx| finding::by_label(tx, label, 1));
    assert!(named("Ivan's server").is_ok_and(|found: Vec<_>| found.is_empty()), "{}", secret.id);
    assert_eq!(house.events(EventKind::ClientKeyRevoked).len(), 2);
    house.cabinet.erase_account("ivan", "asked for it").unwrap();
}

#[test]
fn a_secret_that_was_compromised_or_destroyed_before_keeps_no_account_from_being_erased() {
    for steps in [
        &[KeyState::Compromised][..],
        &[KeyState::Deactivated],
        &[KeyState::Deactivated, KeyState::Destroyed],
    ] {
        let house = House::new();
        house.person("ivan");
        let clients = Clients::new(&house.cabinet);
        let secret = NewClientKey::Secret(vec![7; 32].into());
        clients.add("ivan", &secret, None, "Ivan's server").unwrap();
        let find = || house.cabinet.vault().transact(|tx| finding::by_label(tx, "Ivan's server", 1));
        let found: Result<Vec<_>, CoreError> = find();
        let key = found.unwrap()[0].id;
        let step = |next| house.cabinet.vault().transact(|tx| keys::change_state(tx, key, next, "leaked"));
        steps.iter().for_each(|next| step(*next).unwrap_or_else(|error: CoreError| panic!("{error}")));
        clients.forget("ivan", "asked for it").unwrap();
        let left = clients.list("ivan").unwrap();
        assert!(left.iter().all(|key| key.revoked && key.label.is_empty()), "{left:?}");
        let state = house.cabinet.vault().transact(|tx| Ok::<_, CoreError>(keys::info(tx, key)?.state));
        assert_eq!(state.unwrap(), KeyState::Destroyed, "{steps:?}");
        house.cabinet.erase_account("ivan", "asked for it").unwrap();
    }
}

#[test]
fn a_client_of_an_account_that_is_put_aside_signs_nothing() {
    let house = House::new();
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let signed = sender.sign(BODY);
    house.cabinet.suspend_account("ivan", zamok_cabinet::AccountStep::Suspend, "a test").unwrap();
    assert_eq!(checks(&house).check(&signed, BODY), Err(REJECTED));
    house.cabinet.suspend_account("ivan", zamok_cabinet::AccountStep::Resume, "a test").unwrap();
    assert!(checks(&house).check(&signed, BODY).is_ok());
}

#[test]
fn blocks_are_taken_in_order_and_each_only_as_it_was_signed() {
    let house = House::new();
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let blocks: [&[u8]; 3] = [b"first", b"second", b""];
    let manifest = Manifest::of(blocks).unwrap();
    let body = manifest.encode();
    assert_eq!(Manifest::parse(&body), Ok(manifest));
    let requests = checks(&house);
    let mut receiving = requests.receive(&sender.sign(&body), &body).unwrap();
    assert_eq!(receiving.manifest().count(), 3);
    assert_eq!(receiving.accept(b"second"), Err(REJECTED), "order counts");
    assert_eq!(receiving.accept(b"First"), Err(REJECTED));
    assert_eq!(receiving.accept(b"first"), Ok(()));
    assert_eq!(receiving.accept(b"first"), Err(REJECTED), "no block twice");
    assert_eq!(receiving.accept(b"second"), Ok(()));
    assert_eq!(receiving.accept(b""), Ok(()));
    assert!(matches!(receiving.accept(b""), Err(Error::Batch(_))));
    assert!(receiving.finish().is_ok());
    // R29: a mismatch is an incident.
    assert_eq!(house.events(EventKind::BlockRefused).len(), 3);
    let receiving = requests.receive(&sender.sign(&body), &body).unwrap();
    assert!(matches!(receiving.finish(), Err(Error::Batch(_))), "a batch that is cut short is none");
    // A manifest without its signature says nothing.
    let other = Manifest::of([&b"other"[..]]).unwrap().encode();
    assert_eq!(requests.receive(&sender.sign(&body), &other).map(|_| ()), Err(REJECTED));
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("cut", body[..body.len() - 1].to_vec()),
        ("longer", [&body[..], &[0]].concat()),
        ("no block", [&body[..5], &[0; 4]].concat()),
        ("endless", [&body[..5], &[0xff; 4]].concat()),
        ("version", [&body[..4], &[2], &body[5..]].concat()),
    ] {
        assert!(matches!(Manifest::parse(&bytes), Err(Error::Batch(_))), "{what}");
    }
    assert!(Manifest::of(std::iter::repeat_n(&b""[..], Manifest::MOST + 1)).is_err());
}

#[test]
fn a_caller_without_http_signs_the_same_record() {
    let house = House::new();
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::Ed25519);
    let call = Message::request("CALL", "zamok:operations/transfer").unwrap();
    let signed = sender.sign_with(call, BODY, |signing| signing.also = &[]);
    assert!(checks(&house).check(&signed, BODY).is_ok());
}

/// Signs with a secret, and says that it is a signature of Ed25519.
struct Misnamed<'a>(&'a [u8]);

impl SignRequest for Misnamed<'_> {
    fn algorithm(&self) -> Result<SignatureAlgorithm, Error> {
        Ok(SignatureAlgorithm::Ed25519)
    }

    fn sign(&self, base: &[u8]) -> Result<Vec<u8>, Error> {
        Secret(self.0).sign(base)
    }
}

#[test]
fn a_key_signs_by_the_algorithm_that_it_was_registered_with_and_no_request_says_otherwise() {
    let house = House::new();
    house.person("ivan");
    let clients = Clients::new(&house.cabinet);
    // The vault signs with it by PKCS #1 v1.5, and it is registered for PSS.
    let key = house.cabinet.vault().transact(|tx| {
        let mut template = keys::Template::new(KeyKind::Rsa { bits: RsaBits::Rsa2048 }, Purpose::Request);
        template.mechanisms = Mechanisms::of(&[Mechanism::RsaPkcs1Sha256]);
        keys::generate(tx, &template)
    });
    let key = key.unwrap_or_else(|error: CoreError| panic!("{error}"));
    let pem = house.pem(key);
    let registered = clients.add("ivan", &NewClientKey::PublicKeyPem(&pem), None, "").unwrap();
    assert_eq!(registered.algorithm, SignatureAlgorithm::RsaPssSha512);
    let sender = Sender { house: &house, key, registered };
    assert_eq!(checks(&house).check(&sender.sign(BODY), BODY), Err(REJECTED));
    let secret = NewClientKey::Secret(Zeroizing::new(vec![7; 32]));
    let registered = clients.add("ivan", &secret, None, "a machine").unwrap();
    let signing = Signing {
        label: "sig",
        key: &registered.id.to_string(),
        tag: TAG,
        created: UnixTime(house.now()),
        nonce: "nonce of a misnamed".into(),
        also: &[],
    };
    let signed = signing.sign(message(), BODY, &Misnamed(&[7; 32])).unwrap();
    assert_eq!(checks(&house).check(&signed, BODY), Err(REJECTED));
    assert!(checks(&house).check(&signing.sign(message(), BODY, &Secret(&[7; 32])).unwrap(), BODY).is_ok());
}

#[test]
fn a_key_that_was_registered_is_told() {
    let house = House::new();
    house.person("ivan");
    let sender = Sender::new(&house, "ivan", KeyKind::P256);
    let told = house.events(EventKind::ClientKeyAdded);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].get("key"), Some(sender.registered.id.to_string().as_str()));
    assert_eq!((told[0].get("kind"), told[0].get("label")), (Some("public key"), Some("a client")));
}

#[test]
fn a_label_that_is_too_long_or_commands_a_terminal_names_no_key() {
    let house = House::new();
    house.person("ivan");
    let pem = house.pem(house.key(KeyKind::P256, Purpose::Request));
    let clients = Clients::new(&house.cabinet);
    let add = |label: &str| clients.add("ivan", &NewClientKey::PublicKeyPem(&pem), None, label).map(drop);
    for label in ["x".repeat(129).as_str(), "a\u{1b}[2J", "a\nb"] {
        assert!(add(label).is_err(), "{label:?}");
    }
    assert_eq!(add(&"x".repeat(128)), Ok(()));
}

#[test]
fn an_erasure_finds_the_keys_of_clients_though_the_list_of_them_was_taken_away() {
    let house = House::new();
    let person = house.person("ivan");
    let clients = Clients::new(&house.cabinet);
    clients.add("ivan", &NewClientKey::Secret(vec![7; 32].into()), None, "Ivan's server").unwrap();
    write_behind(&*house.store, &RowKey::new(Table(58), person.session.account.0), None);
    clients.forget("ivan", "asked for it").unwrap();
    let found: Result<Vec<_>, CoreError> =
        house.cabinet.vault().transact(|tx| finding::by_label(tx, "Ivan's server", 1));
    assert!(found.unwrap().is_empty());
}
