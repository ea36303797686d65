//! Witnesses over real connections: a quorum for a vault's journal, the statuses of C2SP tlog-witness, hostile bytes, and
//! logs that were put back.

use std::io::{Cursor, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use zamok_core::event::{Detail, EventKind};
use zamok_core::signature::VerifyingKey;
use zamok_core::store::{MemoryStore, RowKey, Store, Table};
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::{KeyKind, Purpose, signing};
use zamok_core::{Env, Error, UnixTime};
use zamok_host::backup::{BackupKey, Opener};
use zamok_host::{Freshness, ManualClock, Options, OsRandom, Passphrase, Vault};
use zamok_journal::witness::{AddCheckpoint, Suspicion, Verdict, log_id};
use zamok_journal::{
    Anchor, Journal, NoteSignature, Receipt, SignatureType, TrustPolicy, VerifierKey, cosigned_message,
};
use zamok_store_sqlite::SqliteStore;
use zamok_witness::{Client, Refusal, Running, Server, Service};

const NOW: u64 = 1_800_000_000;

fn options() -> Options {
    let cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
    Options { cost, clock: Arc::new(ManualClock::new(UnixTime(NOW))), ..Options::default() }
}

fn passphrase() -> Passphrase {
    Passphrase::from("a long sentence")
}

/// Under a clock of its own.
fn vault_by(clock: &ManualClock) -> Arc<Vault> {
    let options = Options { clock: Arc::new(clock.clone()), ..options() };
    Arc::new(Vault::create(Arc::new(MemoryStore::new()), &passphrase(), options).unwrap())
}

fn vault_in(store: Arc<dyn Store>) -> Arc<Vault> {
    Arc::new(Vault::create(store, &passphrase(), options()).unwrap())
}

fn vault() -> Arc<Vault> {
    vault_in(Arc::new(MemoryStore::new()))
}

/// Something that the journal tells of.
fn act(vault: &Vault, times: u64) {
    for turn in 0..times {
        let row = RowKey::new(Table(900), turn.to_be_bytes());
        vault.transact(|tx| tx.event(EventKind::CodeAccepted, None, &row, &Detail::new())).unwrap();
    }
}

struct Scene {
    witnesses: Vec<(Running, Arc<Vault>)>,
    policy: TrustPolicy,
}

/// `count` witnesses of a vault's log, and the policy that asks for `threshold` of them.
fn scene(log: &Vault, count: u64, threshold: u64) -> Scene {
    act(log, 3);
    log.checkpoint().unwrap();
    let key = log.log_key().unwrap();
    let mut file = format!("log {key}\n");
    let mut names = String::new();
    let mut witnesses = Vec::new();
    for number in 1..=count {
        let own = vault();
        let vkey = Service::found(&own, &format!("witness.example/w{number}")).unwrap();
        let service = Service::open(own.clone(), TrustPolicy::log(key.clone())).unwrap();
        let running = Server::bind("127.0.0.1:0", service).unwrap().start().unwrap();
        file += &format!("witness w{number} {vkey} http://{}/\n", running.address());
        names += &format!(" w{number}");
        witnesses.push((running, own));
    }
    file += &format!("group g {threshold}{names}\nquorum g\n");
    Scene { witnesses, policy: TrustPolicy::parse(&file).unwrap() }
}

fn post(address: SocketAddr, body: &str) -> (u16, String) {
    send(address, format!("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
}

/// Sends bytes and reads to the end: status and everything that came.
fn send(address: SocketAddr, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may close before it has read all of it.
    let _ = stream.write_all(bytes);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

#[test]
fn two_of_three_witnesses_make_a_receipt_and_a_silent_third_does_not_hinder() {
    let log = vault();
    let mut scene = scene(&log, 3, 2);
    let client = Client::new(scene.policy.clone());
    let all = client.gather(&log).unwrap();
    assert_eq!(
        (all.trusted.witnesses.len(), all.trusted.is_quorum, all.refusals.as_slice()),
        (3, true, &[][..])
    );
    let id = log.read(|store, keyring| Ok(Journal::new(store, keyring).range(0..1)?[0].id)).unwrap();
    let receipt = log.read(|store, keyring| Journal::new(store, keyring).receipt(id)).unwrap().unwrap();
    assert!(matches!(receipt, Receipt::Witnessed { index: 0, .. }), "{receipt:?}");

    act(&log, 200);
    drop(scene.witnesses.remove(1));
    let two = client.gather(&log).unwrap();
    assert_eq!((two.trusted.witnesses.len(), two.trusted.is_quorum), (2, true));
    assert!(
        matches!(two.refusals.as_slice(), [(name, Refusal::Unreachable(_))] if name == "witness.example/w2")
    );
    let proof = log.read(|store, keyring| Journal::new(store, keyring).prove(100)).unwrap();
    proof.verify(&scene.policy).unwrap();

    act(&log, 5);
    drop(scene.witnesses.remove(1));
    let one = client.gather(&log).unwrap();
    assert_eq!((one.trusted.witnesses.len(), one.trusted.is_quorum), (1, false));
    // What was witnessed before still is; the newest entries are covered and no more.
    let last = two.checkpoint.checkpoint().size + 4;
    let proof = log.read(|store, keyring| Journal::new(store, keyring).prove(last)).unwrap();
    assert_eq!(proof.verify(&scene.policy), Err(Error::Unwitnessed));
    // Another client knows nothing of what the witness remembers, and asks.
    assert_eq!(Client::new(scene.policy.clone()).gather(&log).unwrap().trusted.witnesses.len(), 1);
}

#[test]
fn statuses_and_bodies_are_those_of_the_protocol() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    let address = scene.witnesses[0].0.address();
    let first = log.checkpoint().unwrap();
    act(&log, 4);
    let second = log.checkpoint().unwrap();
    let prove = |old: u64| {
        log.read(|store, keyring| Journal::new(store, keyring).consistency(old, second.checkpoint())).unwrap()
    };
    let request =
        |old: u64, path: Vec<[u8; 32]>, checkpoint| AddCheckpoint { old, path, checkpoint }.to_string();
    let size = first.checkpoint().size;
    let (status, answer) = post(address, &request(0, vec![], first.clone()));
    assert_eq!(status, 200);
    assert!(answer.contains("\r\n\r\n\u{2014} witness.example/w1 ") && answer.ends_with('\n'), "{answer}");
    let (status, answer) = post(address, &request(0, vec![], second.clone()));
    assert_eq!(status, 409);
    assert!(
        answer.contains("Content-Type: text/x.tlog.size\r\n")
            && answer.ends_with(&format!("\r\n\r\n{size}\n"))
    );
    assert_eq!(post(address, &request(size, vec![], second.clone())).0, 422);
    assert_eq!(post(address, &request(1 << 40, vec![], second.clone())).0, 400);
    let strange = request(size, prove(size), second.clone()).replace("zamok.example", "other.example");
    let strange = strange.replace(log.origin(), "other.example/log");
    assert_eq!(post(address, &strange).0, 404);
    let unsigned = request(size, prove(size), second.clone());
    let (head, _) = unsigned.trim_end().rsplit_once(' ').unwrap();
    let other =
        "JlrLFZ0fGAiS7+CHaqpyghuT7toqz5cH7EFe6zILo1LNZugsOPwZGCngDYc0yiaxzcJg+SUnPzelAx/SOB35tp81VA0=";
    assert_eq!(post(address, &format!("{head} {other}\n")).0, 403);
    assert_eq!(post(address, "").0, 400);
    assert_eq!(post(address, "old 0\n\nnot a checkpoint\n").0, 400);
    assert_eq!(post(address, &request(size, prove(size), second)).0, 200);
    let id: String = log_id(log.origin()).iter().map(|byte| format!("{byte:02x}")).collect();
    let get = |path: &str| {
        send(address, format!("GET {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n").as_bytes())
    };
    assert_eq!(get(&format!("/latest/{id}")).0, 200);
    // RFC 9112 §3.2.2: the absolute form is another way to say it.
    for server in ["http://w", "HTTPS://w:8443"] {
        assert_eq!(get(&format!("{server}/latest/{id}")).0, 200, "{server}");
    }
    for (path, status) in [
        ("/", 404),
        ("/latest/", 404),
        ("/latest/zz", 404),
        ("/add-checkpoint", 405),
        ("http://w/add-checkpoint", 405),
        ("http://w", 404),
        ("http://w?/add-checkpoint", 404),
        ("http:///add-checkpoint", 404),
        ("ftp://w/add-checkpoint", 404),
    ] {
        let (found, answer) = get(path);
        assert_eq!((found, answer.contains("\r\nAllow: POST\r\n")), (status, status == 405), "{path}");
    }
    let (status, answer) = get(&format!("/latest/{}", "0".repeat(64)));
    assert_eq!(status, 404);
    assert!(answer.ends_with("\r\n\r\nthis witness knows nothing of this log\n"), "{answer}");
}

#[test]
fn hostile_bytes_get_a_status_or_nothing_and_the_witness_goes_on() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    let address = scene.witnesses[0].0.address();
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    for (bytes, status) in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".as_slice(), 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST /add-checkpoint HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", 417),
        (b"POST /add-checkpoint HTTP/1.1\r\n\r\n", 411),
        (b"POST /add-checkpoint HTTP/1.0\r\nContent-Length: 4\r\n\r\n\xff\xfe\xfd\xfc", 400),
        (long.as_bytes(), 431),
    ] {
        assert_eq!(send(address, bytes).0, status, "{}", String::from_utf8_lossy(bytes).escape_debug());
    }
    // Two requests in one piece are two requests.
    let one = "GET /one HTTP/1.1\r\nHost: w\r\n\r\n";
    let two = "GET /two HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n";
    assert_eq!(send(address, [one, two].concat().as_bytes()).1.matches("HTTP/1.1 404").count(), 2);
    // More connections than are served at once, none of which says anything.
    let idle: Vec<_> = (0..80).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut refused = idle.last().unwrap();
    refused.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0; 12];
    refused.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    drop(idle);
    for _ in 0..100 {
        if Client::new(scene.policy.clone()).gather(&log).unwrap().trusted.is_quorum {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the witness did not go on");
}

/// RFC 9112 §3.2 and §6.3, RFC 9110 §5.6.3: what two servers on one way could read as different requests is none.
#[test]
fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    let address = scene.witnesses[0].0.address();
    for (head, status) in [
        ("GET /x HTTP/1.1\r\nHost: w\r\n", 404),
        ("GET /x HTTP/1.0\r\n", 404),
        ("GET /x HTTP/1.1\r\n", 400),
        ("GET /x HTTP/1.1\r\nHost: w\r\nhost: w\r\n", 400),
        ("GET /x HTTP/1.0\r\nHost: w\r\nHost: v\r\n", 400),
        ("GET /x HTTP/1.1\r\nHost: w\r\nContent-Length:\t0 \r\n", 404),
        ("GET /x HTTP/1.1\r\nHost: w\r\nContent-Length: 0\u{a0}\r\n", 400),
        ("GET /x HTTP/1.1\r\nHost: w\r\nContent-Length: \u{3000}0\r\n", 400),
        ("GET /x HTTP/1.1\r\nHost: w\r\nContent-Length: 0, 0\r\n", 400),
    ] {
        let request = format!("{head}Connection: close\r\n\r\n");
        assert_eq!(send(address, request.as_bytes()).0, status, "{}", head.escape_debug());
    }
}

#[test]
fn a_log_that_was_put_back_or_rewritten_is_noticed_by_its_witness() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let log = vault_in(Arc::new(SqliteStore::create(&file).unwrap()));
    let scene = scene(&log, 1, 1);
    let client = Client::new(scene.policy.clone());
    client.gather(&log).unwrap();
    let old = folder.path().join("old.db");
    copy(&log, &file, &old);
    act(&log, 5);
    let newest = client.gather(&log).unwrap().checkpoint;
    let remembered = client.last(log.origin()).unwrap().unwrap();
    assert_eq!(&remembered, newest.checkpoint());

    // An older copy of the store: the witness, asked as an anchor, knows better.
    let behind = Vault::unlock(Arc::new(SqliteStore::open(&old).unwrap()), &passphrase(), options()).unwrap();
    behind.integrate().unwrap();
    let compared = behind.read(|store, keyring| Journal::new(store, keyring).compare(&remembered));
    assert!(matches!(compared, Err(Error::LogBehind { .. })), "{compared:?}");
    let gathered = Client::new(scene.policy.clone()).gather(&behind).unwrap();
    assert!(
        matches!(gathered.refusals[0].1, Refusal::Ahead(size) if size == remembered.size),
        "{gathered:?}"
    );

    // It goes on from there, to a size that the witness knows with another root, and beyond it.
    while behind.read(|store, keyring| Ok(Journal::new(store, keyring).head()?.unwrap().size)).unwrap()
        < remembered.size
    {
        act(&behind, 1);
        behind.integrate().unwrap();
    }
    let compared = behind.read(|store, keyring| Journal::new(store, keyring).compare(&remembered));
    assert_eq!(compared, Err(Error::LogForked));
    let gathered = Client::new(scene.policy.clone()).gather(&behind).unwrap();
    assert!(!gathered.trusted.is_quorum);
    let forked = Client::new(scene.policy.clone());
    act(&behind, 1);
    assert_eq!(forked.gather(&behind).unwrap().refusals, [("witness.example/w1".into(), Refusal::Forked)]);
    let service = Service::open(scene.witnesses[0].1.clone(), scene.policy.clone()).unwrap();
    let kept: Vec<_> = service.evidence().unwrap().iter().map(|piece| piece.suspicion).collect();
    assert!(kept.contains(&Suspicion::Fork) || kept.contains(&Suspicion::Unproved), "{kept:?}");
}

/// The vault of a witness in another store, as a move takes it there and as a backup does.
fn elsewhere(witness: &Vault) -> [Vault; 2] {
    let mut random = OsRandom::new().unwrap();
    let env = Env { now: UnixTime(NOW), rng: &mut random };
    let key = BackupKey::from_passphrase(&passphrase(), options().cost, env).unwrap();
    let mut file = Vec::new();
    witness.backup(&key, &mut file, &mut |_| {}).unwrap();
    let open = || Opener::new(Cursor::new(file.clone()));
    let store = || Arc::new(MemoryStore::new());
    let restored =
        Vault::restore(store(), &mut || open(), &key, &passphrase(), options(), &mut |_| {}).unwrap();
    let still = Options { settling: Duration::ZERO, ..options() };
    let old = witness.store().clone();
    let moved = Vault::relocate(old, store(), "memory:new", &passphrase(), still, &mut |_| {}).unwrap();
    [moved.vault, restored.vault]
}

#[test]
fn a_witness_in_another_store_is_who_it_was_and_refuses_forks_of_what_it_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let log = vault_in(Arc::new(SqliteStore::create(&file).unwrap()));
    let Scene { mut witnesses, policy } = scene(&log, 1, 1);
    let client = Client::new(policy.clone());
    client.gather(&log).unwrap();
    drop(log);
    let old = folder.path().join("old.db");
    std::fs::copy(&file, &old).unwrap();
    let [log, fork] = [&file, &old].map(|file| {
        Vault::unlock(Arc::new(SqliteStore::open(file).unwrap()), &passphrase(), options()).unwrap()
    });
    act(&log, 9);
    let remembered = client.gather(&log).unwrap().checkpoint;
    // Another history, beyond what the witness remembers.
    act(&fork, 12);
    assert_eq!(Client::new(policy.clone()).gather(&fork).unwrap().refusals.len(), 1);
    let (running, own) = witnesses.remove(0);
    let service = Service::open(own.clone(), policy.clone()).unwrap();
    let (key, evidence) = (service.key().unwrap(), service.evidence().unwrap());
    assert!(!evidence.is_empty());
    drop((running, service));
    let forged = fork.checkpoint().unwrap();
    for vault in elsewhere(&own) {
        let service = Service::open(Arc::new(vault), policy.clone()).unwrap();
        assert_eq!((service.key(), service.evidence()), (Ok(key.clone()), Ok(evidence.clone())));
        let rewritten = AddCheckpoint { old: 0, path: Vec::new(), checkpoint: forged.clone() };
        let size = remembered.checkpoint().size;
        assert_eq!(service.decide(&rewritten), Ok(Verdict::Conflict(size)));
        let running = Server::bind("127.0.0.1:0", service).unwrap().start().unwrap();
        let url = running.address();
        let file = format!("log {}\nwitness w {key} http://{url}\nquorum w\n", policy.logs()[0].key);
        let client = Client::new(TrustPolicy::parse(&file).unwrap());
        assert_eq!(client.last(log.origin()).as_ref(), Ok(&Some(remembered.checkpoint().clone())));
        assert_eq!(client.gather(&fork).unwrap().refusals, [(key.name().to_owned(), Refusal::Forked)]);
        act(&log, 1);
        assert!(client.gather(&log).unwrap().trusted.is_quorum);
    }
}

/// Copies the file of an open store as somebody with the disk does, with nothing under way.
fn copy(vault: &Vault, from: &std::path::Path, to: &std::path::Path) {
    let _ = vault;
    for suffix in ["", "-wal"] {
        let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
        if std::path::Path::new(&name(from)).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

/// A witness of another maker: it answers every request so.
fn stranger(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut block) = (Vec::new(), [0; 4096]);
            // The head, and as much of the body as it says.
            let whole = |request: &[u8]| {
                let text = String::from_utf8_lossy(request).into_owned();
                let (head, body) = text.split_once("\r\n\r\n")?;
                let head = head.to_lowercase();
                let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
                (body.len() >= length.map_or(0, |length| length.parse().unwrap())).then_some(())
            };
            while whole(&request).is_none() {
                match stream.read(&mut block) {
                    Ok(count @ 1..) => request.extend_from_slice(&block[..count]),
                    _ => break,
                }
            }
            let (status, body) = answer(&String::from_utf8_lossy(&request));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close", body.len());
            let _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
        }
    });
    address
}

/// A policy of one witness of ours and two with these addresses, if any.
fn with_strangers(log: &Vault, scene: &Scene, urls: [&str; 2]) -> TrustPolicy {
    let own = &scene.policy.witnesses().next().unwrap();
    let mut file =
        format!("log {}\nwitness w1 {} {}\n", log.log_key().unwrap(), own.key, own.url.as_deref().unwrap());
    for (number, url) in (2..).zip(urls) {
        let key = Service::found(&vault(), &format!("witness.example/w{number}")).unwrap();
        file += &format!("witness w{number} {key} {url}\n");
    }
    TrustPolicy::parse(&format!("{file}group g 1 w1 w2 w3\nquorum g\n")).unwrap()
}

#[test]
fn witnesses_that_offer_no_such_call_or_have_no_address_have_not_answered() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    let bare = format!("http://{}", stranger(|_| (404, String::new())));
    let page = format!("http://{}", stranger(|_| (404, "<html>Not Found</html>".into())));
    for urls in [["", ""], [&bare, &bare], [&bare, &page], ["", &page]] {
        let policy = with_strangers(&log, &scene, urls);
        assert_eq!(Client::new(policy).last(log.origin()), Err(Error::Unwitnessed), "{urls:?}");
    }
    // Nor do they become the anchor of a vault, or open one.
    let store = Arc::new(MemoryStore::new());
    let anchored = |policy: &TrustPolicy| Options {
        freshness: Freshness::Anchored(Arc::new(Client::new(policy.clone()))),
        ..options()
    };
    let mute = with_strangers(&log, &scene, [&bare, &page]);
    let vault = Vault::create(store.clone(), &passphrase(), anchored(&mute)).unwrap();
    assert_eq!(vault.require_anchor(), Err(Error::Unwitnessed));
    drop(vault);
    assert!(matches!(Vault::unlock(store.clone(), &passphrase(), anchored(&mute)), Err(Error::Unwitnessed)));
    // Witnesses that know nothing of the log yet do, once they were asked to cosign it.
    let vault = Vault::unlock(store.clone(), &passphrase(), anchored(&scene.policy)).unwrap();
    assert_eq!(vault.require_anchor(), Err(Error::AnchorMissing));
    drop(vault);
    assert!(Vault::unlock(store, &passphrase(), options()).is_ok(), "nothing asks for an anchor");
}

#[test]
fn witnesses_are_the_anchor_of_a_vault_once_they_have_cosigned_its_log() {
    let store = Arc::new(MemoryStore::new());
    let log = Vault::create(store.clone(), &passphrase(), options()).unwrap();
    let scene = scene(&log, 2, 1);
    let client = Arc::new(Client::new(scene.policy.clone()));
    let anchored = |begins| Options {
        freshness: if begins {
            Freshness::Beginning(client.clone())
        } else {
            Freshness::Anchored(client.clone())
        },
        ..options()
    };
    drop(log);
    let vault = Vault::unlock(store.clone(), &passphrase(), anchored(true)).unwrap();
    client.gather(&vault).unwrap();
    vault.require_anchor().unwrap();
    drop(vault);
    assert!(matches!(Vault::unlock(store.clone(), &passphrase(), options()), Err(Error::AnchorMissing)));
    Vault::unlock(store.clone(), &passphrase(), anchored(false)).unwrap();
    // Others in their place, who have never heard of it, are no permission.
    let strangers = self::scene(&vault_of(&store, anchored(false)), 2, 1);
    let stranger = Options {
        freshness: Freshness::Anchored(Arc::new(Client::new(strangers.policy.clone()))),
        ..options()
    };
    assert!(matches!(Vault::unlock(store, &passphrase(), stranger), Err(Error::AnchorMissing)));
}

fn vault_of(store: &Arc<MemoryStore>, options: Options) -> Vault {
    Vault::unlock(store.clone(), &passphrase(), options).unwrap()
}

#[test]
fn what_a_witness_did_not_cosign_or_the_log_never_signed_is_no_answer() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    Client::new(scene.policy.clone()).gather(&log).unwrap();
    act(&log, 1);
    // Signed by the log, and by no witness.
    let alone = log.checkpoint().unwrap().to_string();
    let url = format!("http://{}", stranger(move |_| (200, alone.clone())));
    let policy = with_strangers(&log, &scene, [&url, &url]);
    assert_eq!(Client::new(policy).last(log.origin()), Err(Error::Unwitnessed));
}

/// A witness's key, and its holder, who signs whatever he likes.
fn liar(name: &str) -> (VerifierKey, impl Fn(UnixTime, &str) -> NoteSignature + Send + 'static) {
    let own = vault();
    let (id, public) = own
        .transact(|tx| {
            let id = signing::generate(tx, KeyKind::Ed25519, Purpose::Token, "evil", None)?;
            Ok::<_, Error>((id, signing::public_key(tx, id)?.1))
        })
        .unwrap();
    let VerifyingKey::Ed25519(public) = public else { panic!() };
    let key = VerifierKey::new(name, SignatureType::Cosignature, public.to_bytes()).unwrap();
    let by = key.clone();
    let sign = move |time: UnixTime, text: &str| {
        let message = cosigned_message(time, text);
        let sign = own.transact(|tx| signing::sign(tx, id, Purpose::Token, message.as_bytes(), ""));
        NoteSignature::cosignature(&by, time, &sign.unwrap().to_fixed().try_into().unwrap())
    };
    (key, sign)
}

#[test]
fn a_witness_that_cosigns_what_the_log_never_signed_shuts_nobody_out() {
    let log = vault();
    let scene = scene(&log, 2, 1);
    let known = Client::new(scene.policy.clone()).gather(&log).unwrap().checkpoint;
    // It is far longer than the log.
    let text = format!("{}\n900000\n{}=\n", log.origin(), "A".repeat(43));
    let (evil, sign) = liar("evil.example/w");
    let line = sign(UnixTime(NOW), &text);
    let note = format!("{text}\n{line}");
    let url = stranger(move |_| (200, note.clone()));
    let mut file = format!("log {}\nwitness evil {evil} http://{url}\n", log.log_key().unwrap());
    for (number, witness) in scene.policy.witnesses().enumerate() {
        file += &format!("witness w{number} {} {}\n", witness.key, witness.url.as_deref().unwrap());
    }
    let client = Client::new(TrustPolicy::parse(&(file + "quorum none\n")).unwrap());
    assert_eq!(client.last(log.origin()).as_ref(), Ok(&Some(known.checkpoint().clone())));
}

#[test]
fn a_witness_that_answers_nonsense_or_too_much_hinders_no_quorum() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    let own = scene.policy.witnesses().next().unwrap();
    // As many lines as a note may have, no two alike, right or wrong; and what is no line at all.
    type Lines = fn(&dyn Fn(UnixTime) -> NoteSignature, &VerifierKey) -> String;
    let cases: [(u16, Lines, bool); 6] = [
        (200, |sign, _| (1..=64).map(|time| sign(UnixTime(time)).to_string()).collect(), true),
        (200, |_, key| (1..=64).map(|time| wrong(key, time)).collect(), false),
        (200, |sign, key| format!("{}{}", sign(UnixTime(1)), wrong(key, 2)), false),
        (200, |_, _| "\n".into(), false),
        (200, |_, _| String::new(), false),
        (409, |_, _| "x".into(), false),
    ];
    for (status, lines, is_cosigned) in cases {
        let (key, sign) = liar("witness.example/w2");
        let by = key.clone();
        let url = stranger(move |request| {
            let body = AddCheckpoint::parse(request.split_once("\r\n\r\n").unwrap().1).unwrap();
            (status, lines(&|time| sign(time, body.checkpoint.note().text()), &by))
        });
        let mut file = format!("log {}\nwitness w2 {key} http://{url}\n", log.log_key().unwrap());
        file += &format!("witness w1 {} {}\nquorum w1\n", own.key, own.url.as_deref().unwrap());
        let gathered = Client::new(TrustPolicy::parse(&file).unwrap()).gather(&log).unwrap();
        assert!(gathered.trusted.is_quorum, "{gathered:?}");
        assert_eq!(gathered.refusals.is_empty(), is_cosigned, "{gathered:?}");
    }
}

/// A line of nobody.
fn wrong(key: &VerifierKey, time: u64) -> String {
    NoteSignature::cosignature(key, UnixTime(time), &[7; 64]).to_string()
}

#[test]
fn a_log_at_rest_is_cosigned_as_often_as_one_likes() {
    let log = vault();
    act(&log, 3);
    log.checkpoint().unwrap();
    // A witness whose clock goes on between two requests.
    let clock = ManualClock::new(UnixTime(NOW));
    let own = vault_by(&clock);
    let key = Service::found(&own, "witness.example/w2").unwrap();
    let service = Service::open(own, TrustPolicy::log(log.log_key().unwrap())).unwrap();
    let url = stranger(move |request| {
        clock.advance(1);
        let body = request.split_once("\r\n\r\n").unwrap().1;
        match service.decide(&AddCheckpoint::parse(body).unwrap()).unwrap() {
            Verdict::Cosigned(line) => (200, line.to_string()),
            Verdict::Conflict(size) => (409, format!("{size}\n")),
            other => panic!("{other:?}"),
        }
    });
    let file = format!("log {}\nwitness w2 {key} http://{url}\nquorum w2\n", log.log_key().unwrap());
    let client = Client::new(TrustPolicy::parse(&file).unwrap());
    for turn in 0..80 {
        let gathered = client.gather(&log).unwrap();
        assert!(gathered.trusted.is_quorum && gathered.refusals.is_empty(), "{turn}: {gathered:?}");
        assert_eq!(gathered.checkpoint.note().signatures().len(), 2, "{turn}");
    }
}

#[test]
fn silence_of_the_witnesses_is_no_confirmation() {
    let log = vault();
    let scene = scene(&log, 3, 2);
    let client = Client::new(scene.policy.clone());
    assert_eq!(client.last(log.origin()), Ok(None), "they answer, and know nothing of it yet");
    client.gather(&log).unwrap();
    assert!(client.last(log.origin()).unwrap().is_some());
    let Scene { mut witnesses, .. } = scene;
    witnesses.truncate(1);
    assert_eq!(client.last(log.origin()), Err(Error::Unwitnessed));
}

#[test]
fn half_of_the_witnesses_are_not_most_of_them_nor_are_none_of_none() {
    let log = vault();
    let mut scene = scene(&log, 2, 1);
    let client = Client::new(scene.policy.clone());
    client.gather(&log).unwrap();
    assert!(client.last(log.origin()).unwrap().is_some());
    drop(scene.witnesses.remove(1));
    assert_eq!(client.last(log.origin()), Err(Error::Unwitnessed));
    let nobody = format!("log {}\nquorum none\n", log.log_key().unwrap());
    let nobody = Client::new(TrustPolicy::parse(&nobody).unwrap());
    assert_eq!(nobody.last(log.origin()), Err(Error::Unwitnessed));
}

#[test]
fn connections_that_were_refused_take_no_place_from_those_that_come_later() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    let address = scene.witnesses[0].0.address();
    for round in 0..5 {
        // Sixteen more than are served at once.
        let idle: Vec<_> = (0..80).map(|_| TcpStream::connect(address).unwrap()).collect();
        let mut refused = idle.last().unwrap();
        refused.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = [0; 12];
        refused.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 503");
        drop(idle);
        let is_served = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            Client::new(scene.policy.clone()).gather(&log).unwrap().refusals.is_empty()
        });
        assert!(is_served, "round {round}");
    }
}

#[test]
fn of_what_witnesses_remember_the_longest_counts_whoever_is_asked_first() {
    let log = vault();
    let scene = scene(&log, 2, 1);
    let client = Client::new(scene.policy.clone());
    client.gather(&log).unwrap();
    let own = log.log_key().unwrap();
    let only = |place: usize| {
        let witness = scene.policy.witnesses().nth(place).unwrap();
        let (key, url) = (&witness.key, witness.url.as_deref().unwrap());
        let file = format!("log {own}\nwitness w {key} {url}\nquorum w\n");
        Client::new(TrustPolicy::parse(&file).unwrap())
    };
    // One of both hears of what is new, in turns.
    for ahead in [1, 0, 1] {
        act(&log, 5);
        let newest = only(ahead).gather(&log).unwrap();
        assert!(newest.trusted.is_quorum, "{newest:?}");
        let known = client.last(log.origin());
        assert_eq!(known.as_ref(), Ok(&Some(newest.checkpoint.checkpoint().clone())), "{ahead} is ahead");
    }
}

#[test]
fn a_witness_sends_nobody_elsewhere() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let elsewhere = stranger(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        (404, String::new())
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 8192]);
            let head = format!("HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/\r\n");
            let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(format!("{head}{rest}").as_bytes());
        }
    });
    let policy = with_strangers(&log, &scene, [&url, &url]);
    assert_eq!(Client::new(policy).last(log.origin()), Err(Error::Unwitnessed));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn monitors_find_the_checkpoint_where_the_protocol_has_it() {
    let log = vault();
    let scene = scene(&log, 1, 1);
    Client::new(scene.policy.clone()).gather(&log).unwrap();
    let id: String = log_id(log.origin()).iter().map(|byte| format!("{byte:02x}")).collect();
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n");
        send(scene.witnesses[0].0.address(), request.as_bytes())
    };
    let (status, answer) = get(&format!("/{id}/checkpoint"));
    assert!(
        status == 200 && answer.contains(log.origin()) && answer.contains("witness.example/w1"),
        "{answer}"
    );
    assert_eq!(get(&format!("/{}/checkpoint", "0".repeat(64))).0, 404);
}

#[test]
fn a_client_that_another_one_of_the_same_log_outran_asks_again_with_what_the_log_is_now() {
    let log = vault();
    act(&log, 3);
    log.checkpoint().unwrap();
    let own = vault();
    let key = Service::found(&own, "witness.example/w2").unwrap();
    let service = Service::open(own, TrustPolicy::log(log.log_key().unwrap())).unwrap();
    let (faster, asked) = (log.clone(), AtomicUsize::new(0));
    let url = stranger(move |request| {
        if asked.fetch_add(1, Ordering::SeqCst) == 0 {
            act(&faster, 2);
            let checkpoint = faster.checkpoint().unwrap();
            let verdict = service.decide(&AddCheckpoint { old: 0, path: Vec::new(), checkpoint }).unwrap();
            assert!(matches!(verdict, Verdict::Cosigned(_)), "{verdict:?}");
        }
        let body = request.split_once("\r\n\r\n").unwrap().1;
        match service.decide(&AddCheckpoint::parse(body).unwrap()).unwrap() {
            Verdict::Cosigned(line) => (200, line.to_string()),
            Verdict::Conflict(size) => (409, format!("{size}\n")),
            other => panic!("{other:?}"),
        }
    });
    let file = format!("log {}\nwitness w2 {key} http://{url}\nquorum w2\n", log.log_key().unwrap());
    let gathered = Client::new(TrustPolicy::parse(&file).unwrap()).gather(&log).unwrap();
    assert!(gathered.trusted.is_quorum && gathered.refusals.is_empty(), "{gathered:?}");
}
