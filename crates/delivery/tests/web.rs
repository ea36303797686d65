//! E-mail, an SMS gateway and a push service, each in a process that others' code makes up: what they took is checked there, by
//! their own means (R57–R59).
#![allow(missing_docs, clippy::print_stdout)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use harness::{Certificates, House, Peer, entries, eventually, notify, python, wide};
use serde_json::{Value, json};
use zamok_cabinet::{
    Begun, Category, Ending, Evidence, Password, Priority, RequestId, Session, Subscription,
};
use zamok_core::UnixTime;
use zamok_core::otp::{OtpKind, OtpUri, Totp, TotpParameters};
use zamok_core::store::MemoryStore;
use zamok_core::vault::{KeyKind, Purpose, signing};
use zamok_delivery::{Config, Delivery};
use zamok_servers::{Mishap, Proxy, Schedule};

fn peer(script: &str, certificates: &Certificates, more: Value) -> Peer {
    let mut all = json!({"key": certificates.file("server.key"), "cert": certificates.file("server.pem")});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut command = python(script);
    command.arg(all.to_string());
    Peer::start(command, &certificates.file("log"))
}

fn config(certificates: &Certificates, text: &str) -> Config {
    Config::from_toml(text, certificates.folder.path()).unwrap()
}

fn mail_config(certificates: &Certificates, port: u16) -> Config {
    config(certificates, &mail_text(certificates, port))
}

fn mail_text(certificates: &Certificates, port: u16) -> String {
    std::fs::write(certificates.file("password"), "secret\n").unwrap();
    std::fs::create_dir_all(certificates.file("bounces")).unwrap();
    format!(
        "poll_ms = 50\n[channels]\nemail = [\"mail\"]\n[carriers.mail]\nkind = \"smtp\"\nhost = \"localhost\"\nport = {port}\n\
         roots_file = \"root.pem\"\nuser = \"zamok\"\npassword_file = \"password\"\n\
         from = \"Zamok Bank <codes@bank.example>\"\nhello = \"bank.example\"\nbounces_to = \"bounces@bank.example\"\n\
         bounces = \"bounces\"\n"
    )
}

fn events(certificates: &Certificates, event: &str) -> Vec<Value> {
    entries(&certificates.file("log")).into_iter().filter(|entry| entry["event"] == event).collect()
}

#[test]
fn an_email_goes_over_starttls_with_both_parts_and_its_report_comes_back() {
    let certificates = Certificates::new();
    let server = peer("mail_server.py", &certificates, json!({}));
    let house = House::new();
    house.citizen("ivan", &["ivan@example.org"]);
    house.citizen("lost", &["unknown@example.org"]);
    let delivery = Delivery::new(house.cabinet.clone(), &mail_config(&certificates, server.port)).unwrap();
    notify(&house.cabinet, "ivan", Category::Service, Priority::Normal, "Готово: <b>паспорт</b> & more");
    notify(&house.cabinet, "lost", Category::Service, Priority::Normal, "x");
    assert_eq!(delivery.step().unwrap().failed, 0);
    let mails = events(&certificates, "mail");
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!((&mail["from"], &mail["to"][0]), (&json!("bounces@bank.example"), &json!("ivan@example.org")));
    assert_eq!((&mail["tls"], &mail["user"]), (&json!(true), &json!("zamok")));
    assert_eq!((&mail["type"], &mail["subject"]), (&json!("multipart/alternative"), &json!("Something new")));
    assert_eq!(mail["auto"], "auto-generated");
    assert!(mail["date"].as_str().unwrap().contains("15 Jan 2027 08:00:00"), "{}", mail["date"]);
    assert_eq!(mail["parts"]["text/plain"].as_str().unwrap().trim(), "Готово: <b>паспорт</b> & more");
    let html = mail["parts"]["text/html"].as_str().unwrap();
    assert!(html.contains("<p>Готово: &lt;b&gt;паспорт&lt;/b&gt; &amp; more</p>"), "{html}");
    let standing = house.on_their_way();
    assert_eq!((standing.len(), standing[0].sent), (1, true), "its report is waited for");
    let id = standing[0].id.to_string();
    assert_eq!(
        mail["mail_options"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|option| **option == format!("ENVID={id}"))
            .count(),
        1
    );
    assert_eq!(mail["rcpt_options"], json!(["NOTIFY=SUCCESS,FAILURE"]));
    assert_eq!(mail["id"], format!("<{id}@bank.example>"));
    let lost = house.archive().into_iter().find(|entry| entry.ending == Ending::Rejected).unwrap();
    assert_eq!((lost.carrier.as_str(), lost.reason.as_str()), ("mail", "it answered 550"));
    // The report comes as a mail into the folder of bounces, beside one that is none.
    let report = format!(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\
         Content-Type: message/delivery-status\r\n\r\nOriginal-Envelope-Id: {id}\r\n\r\nAction: delivered\r\nStatus: 2.0.0\r\n--x--\r\n"
    );
    std::fs::write(certificates.file("bounces/1.host"), report).unwrap();
    std::fs::write(certificates.file("bounces/2.host"), "Subject: I am away\r\n\r\n").unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| delivery.run(&stop));
        eventually("the report is noted", || house.on_their_way().is_empty());
        stop.store(true, Ordering::SeqCst);
    });
    let delivered = house.archive().into_iter().find(|entry| entry.ending == Ending::Delivered).unwrap();
    assert_eq!((delivered.address.as_str(), delivered.reason.as_str()), ("ivan@example.org", "2.0.0"));
    assert!(!certificates.file("bounces/1.host").exists());
    assert!(certificates.file("bounces/2.host.unread").exists());
}

#[test]
fn no_email_goes_without_tls_or_to_a_server_that_is_not_trusted() {
    let (certificates, strangers) = (Certificates::new(), Certificates::new());
    let house = House::new();
    house.citizen("ivan", &["ivan@example.org"]);
    let plain = peer("mail_server.py", &certificates, json!({"plain": true}));
    let untrusted = peer("mail_server.py", &strangers, json!({}));
    std::fs::copy(certificates.file("root.pem"), strangers.file("other.pem")).unwrap();
    for server in [&plain, &untrusted] {
        notify(&house.cabinet, "ivan", Category::Service, Priority::Normal, "x");
        let delivery =
            Delivery::new(house.cabinet.clone(), &mail_config(&certificates, server.port)).unwrap();
        let step = delivery.step().unwrap();
        assert_eq!((step.sent, step.failed), (0, 0));
    }
    assert_eq!(events(&certificates, "mail"), Vec::<Value>::new());
    assert_eq!(events(&strangers, "mail"), Vec::<Value>::new());
    assert!(house.on_their_way().iter().all(|standing| !standing.sent && standing.attempts == 1));
}

fn gateway_config(certificates: &Certificates, port: u16) -> Config {
    config(certificates, &gateway_text(certificates, port))
}

fn gateway_text(certificates: &Certificates, port: u16) -> String {
    std::fs::write(certificates.file("secret"), "0123456789abcdef-shared\n").unwrap();
    std::fs::write(certificates.file("token"), "Bearer abc\n").unwrap();
    format!(
        "poll_ms = 50\nreceipts_at = \"127.0.0.1:0\"\n[channels]\nsms = [\"gateway\"]\n[carriers.gateway]\nkind = \"http\"\n\
         url = \"https://localhost:{port}/send\"\nroots_file = \"root.pem\"\nsecret_file = \"secret\"\nsender = \"Zamok\"\n\
         answer_id = \"/messages/0/id\"\nheaders_from_files = {{ Authorization = \"token\" }}\n\
         [carriers.gateway.body]\nto = \"{{number}}\"\nmessage = \"{{text}}\"\nref = \"{{transaction}}\"\nttl = \"{{seconds}}\"\nfrom = \"{{sender}}\"\n\
         [carriers.gateway.receipts]\nid = \"/id\"\nstate = \"/status\"\ndelivered = [\"ok\"]\nrejected = [\"failed\"]\nexpired = [\"late\"]\n"
    )
}

#[test]
fn emails_and_posts_come_through_lines_that_stall_cut_and_repeat() {
    let certificates = Certificates::new();
    let mail = peer("mail_server.py", &certificates, json!({}));
    let web = peer("web_server.py", &certificates, json!({"secret": certificates.file("secret")}));
    let cabinet = harness::cabinet_over(Arc::new(MemoryStore::new()), wide(harness::light_policy()));
    harness::citizen(&cabinet, "ivan", &["+79161234567", "ivan@example.org"]);
    let texts: BTreeSet<String> = (0..30).map(|number| format!("number {number:02} \u{2014} я")).collect();
    for text in &texts {
        notify(&cabinet, "ivan", Category::Service, Priority::High, text);
    }
    let schedules = [Schedule::drawn(1, 9, 3_000), Schedule::drawn(2, 9, 1_500)];
    schedules.iter().for_each(|schedule| println!("{schedule}"));
    let proxies = [Proxy::to(mail.port, &schedules[0]), Proxy::to(web.port, &schedules[1])];
    // Both carriers of the other tests, at one worker.
    let (mails, posts) =
        (mail_text(&certificates, proxies[0].port()), gateway_text(&certificates, proxies[1].port()));
    let carriers =
        |text: &str| text.split_once("[carriers.").map(|(_, rest)| format!("[carriers.{rest}")).unwrap();
    let text = format!(
        "poll_ms = 50\nbreaker_failures = 20\n[channels]\nsms = [\"gateway\"]\nemail = [\"mail\"]\n{}{}",
        carriers(&mails),
        carriers(&posts)
    );
    let delivery = Delivery::new(cabinet.clone(), &config(&certificates, &text)).unwrap();
    // Receipts are waited for, and none comes.
    harness::run_until(&delivery, "all are handed over", || {
        let standing = cabinet.on_their_way(1000, None).unwrap().0;
        standing.len() == 2 * texts.len() && standing.iter().all(|standing| standing.sent)
    });
    assert_eq!([proxies[0].left(), proxies[1].left()], [0, 0], "everything that was to go wrong did");
    let cuts = schedules[0].turns().iter().filter(|turn| turn.mishap == Mishap::Cut).count();
    for (event, id, said) in [("mail", "/id", "/parts/text~1plain"), ("send", "/key", "/body/message")] {
        let mut under: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let came = events(&certificates, event);
        for entry in &came {
            let at = |place: &str| entry.pointer(place).unwrap().as_str().unwrap().trim().to_owned();
            under.entry(at(id)).or_default().insert(at(said).replace("Zamok Bank: ", ""));
        }
        assert!(under.values().all(|texts| texts.len() == 1), "one text under each id: {under:?}");
        assert_eq!(under.values().flatten().cloned().collect::<BTreeSet<_>>(), texts, "{event}");
        assert_eq!(under.len(), texts.len(), "{event}: what comes again comes under its id");
        // What was taken and not answered comes again: at most what was on a line that was cut.
        println!("{event}: {} came, {} cuts", came.len(), cuts);
        assert!(came.len() <= texts.len() + cuts * 8, "eight are sent at a time");
    }
}

/// Posts a receipt as the gateway would.
fn post(port: u16, path: &str, body: &str, time: UnixTime, secret: &str) -> u16 {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let mac = aws_lc_rs::hmac::sign(&key, format!("{}.{body}", time.0).as_bytes());
    let signature = format!("t={},v1={}", time.0, zamok_core::wire::hex(mac.as_ref()));
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent
        .post(format!("http://127.0.0.1:{port}{path}"))
        .header("X-Zamok-Signature", signature)
        .send(body);
    answer.unwrap().status().as_u16()
}

#[test]
fn a_gateway_gets_signed_messages_and_its_signed_receipts_end_them() {
    let certificates = Certificates::new();
    let server = peer("web_server.py", &certificates, json!({"secret": certificates.file("secret")}));
    let house = House::new();
    house.citizen("ivan", &["+79161234567"]);
    house.citizen("busy", &["+79160000001"]);
    house.citizen("bad", &["+79160000002"]);
    let delivery = Delivery::new(house.cabinet.clone(), &gateway_config(&certificates, server.port)).unwrap();
    for login in ["ivan", "busy", "bad"] {
        house.urgent(login, "{number} is \"quoted\"\u{2014}я");
    }
    assert_eq!(delivery.step().unwrap().failed, 0);
    let sends = events(&certificates, "send");
    assert_eq!(sends.len(), 3);
    for send in &sends {
        assert_eq!((&send["right"], &send["token"]), (&json!(true), &json!("Bearer abc")));
        assert_eq!(send["body"]["ref"], send["key"]);
        assert_eq!(
            send["body"]["message"], "Zamok Bank: {number} is \"quoted\"\u{2014}я",
            "what a value holds is no place"
        );
        assert_eq!((&send["body"]["from"], &send["body"]["ttl"]), (&json!("Zamok"), &json!("86400")));
    }
    let standing = house.on_their_way();
    assert_eq!(standing.iter().filter(|standing| standing.sent).count(), 1);
    assert_eq!(standing.iter().filter(|standing| standing.reason == "status 429").count(), 1);
    assert!(
        house.archive().iter().any(|entry| entry.reason == "status 400" && entry.ending == Ending::Rejected)
    );
    let (port, now, secret) =
        (delivery.receipts_at().unwrap().port(), house.cabinet.vault().now(), "0123456789abcdef-shared");
    let stop = AtomicBool::new(false);
    let mut early = 0;
    let slow = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let answered = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| delivery.run(&stop));
        let body = r#"{"id": "gw-0", "status": "ok"}"#;
        let path = "/receipts/gateway";
        assert_eq!(post(port, path, body, now, "another secret of others"), 401);
        assert_eq!(post(port, path, body, UnixTime(now.0 - 3600), secret), 401, "too old");
        assert_eq!(post(port, path, body, UnixTime(now.0 - 301), secret), 401, "a second too old");
        early = post(port, path, body, UnixTime(now.0 + 3600), secret);
        assert_eq!(post(port, "/receipts/other", body, now, secret), 404);
        assert_eq!(post(port, path, "{}", now, secret), 400);
        // Somebody who never comes to an end holds nobody up.
        scope.spawn(|| {
            while !answered.load(Ordering::SeqCst) && (&slow).write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        assert_eq!(post(port, path, body, now, secret), 204);
        assert_eq!(post(port, path, body, now, secret), 204, "again");
        slow.set_nonblocking(true).unwrap();
        let waits = (&slow).read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(waits, Err(io::ErrorKind::WouldBlock), "it is not answered before the others");
        answered.store(true, Ordering::SeqCst);
        slow.shutdown(Shutdown::Both).unwrap();
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(early, 401, "of a time to come");
    let delivered = house.archive().into_iter().find(|entry| entry.ending == Ending::Delivered).unwrap();
    assert_eq!(
        (delivered.channel, delivered.parts.as_slice()),
        (Some(Evidence::Sms), &["gw-0".to_owned()][..])
    );
}

#[test]
fn a_push_is_sealed_for_the_device_and_signed_for_the_service() {
    let certificates = Certificates::new();
    let server = peer("web_server.py", &certificates, json!({"secret": "none"}));
    let policy = wide(harness::light_policy());
    // Tokens are judged by the clock of the machine.
    let cabinet = harness::cabinet_over(Arc::new(MemoryStore::new()), policy);
    harness::citizen(&cabinet, "ivan", &[]);
    let key = cabinet
        .vault()
        .transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "push", None))
        .unwrap();
    let host = format!("localhost:{}", server.port);
    let text = format!(
        "[channels]\npush = [\"push\"]\n[carriers.push]\nkind = \"webpush\"\ncontact = \"mailto:admin@bank.example\"\n\
         hosts = [\"{host}\"]\nkey = \"{key}\"\nroots_file = \"root.pem\"\n"
    );
    let delivery = Delivery::new(cabinet.clone(), &config(&certificates, &text)).unwrap();
    let session = session_of_known_device(&cabinet, "ivan");
    let announced = events(&certificates, "subscription").remove(0);
    let raw = |name: &str| Base64UrlUnpadded::decode_vec(announced[name].as_str().unwrap()).unwrap();
    let subscription = |endpoint: &str| Subscription::new(endpoint, &raw("p256dh"), &raw("auth"));
    assert!(subscription("http://localhost/push").is_err(), "never in plain");
    assert!(subscription("https://user@localhost/push").is_err());
    assert!(Subscription::new("https://x/", &raw("p256dh")[1..], &raw("auth")).is_err());
    cabinet.subscribe(&session, &subscription(&format!("https://{host}/push")).unwrap()).unwrap();
    notify(&cabinet, "ivan", Category::Payment, Priority::Normal, "Счёт оплачен");
    assert_eq!(delivery.step().unwrap().failed, 0);
    let pushed = events(&certificates, "push");
    let pushed = pushed.iter().find(|push| push["text"].as_str().unwrap().contains("Счёт оплачен")).unwrap();
    let body: Value = serde_json::from_str(pushed["text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["title"], &body["body"]),
        (&json!("Something new"), &json!("Zamok Bank: Счёт оплачен"))
    );
    assert_eq!(
        (&pushed["claims"]["sub"], &pushed["encoding"]),
        (&json!("mailto:admin@bank.example"), &json!("aes128gcm"))
    );
    assert!((1..=86_400).contains(&pushed["left"].as_i64().unwrap()));
    // A day, less what has passed since the message was made.
    let ttl: u32 = pushed["ttl"].as_str().unwrap().parse().unwrap();
    assert!((86_300..=86_400).contains(&ttl), "{ttl}");
    assert_eq!(pushed["topic"], body["id"]);
    // A device that is asked to approve reads words, and its app gets what it signs.
    let enrolment = cabinet.begin_factor(&session).unwrap();
    cabinet.offer_push(&enrolment, session.device.unwrap(), &public_key(&certificates), "phone").unwrap();
    assert_eq!(delivery.step().unwrap().failed, 0);
    let pushed = events(&certificates, "push");
    let asked = pushed.iter().find(|push| push["text"].as_str().unwrap().contains("\"request\"")).unwrap();
    let body: Value = serde_json::from_str(asked["text"].as_str().unwrap()).unwrap();
    assert_eq!(body["body"], "Zamok Bank asks for your approval: an unknown device.");
    let request = body["request"].as_str().unwrap();
    assert_eq!(
        (request.len(), &request[..32]),
        (170, zamok_core::wire::hex(&enrolment.reference()).as_str())
    );
    assert_eq!(asked["urgency"], "high", "somebody waits");
    // Another host than those on the list is not asked; one that is gone is forgotten.
    cabinet.subscribe(&session, &subscription("https://127.0.0.1/push").unwrap()).unwrap();
    notify(&cabinet, "ivan", Category::Payment, Priority::Normal, "x");
    delivery.step().unwrap();
    assert!(
        harness::archive(&cabinet)
            .iter()
            .any(|entry| entry.reason == "its host is not on the list of push services")
    );
    cabinet.subscribe(&session, &subscription(&format!("https://{host}/gone")).unwrap()).unwrap();
    for _ in 0..2 {
        notify(&cabinet, "ivan", Category::Payment, Priority::Normal, "x");
        delivery.step().unwrap();
    }
    let archive = harness::archive(&cabinet);
    let gone = archive.iter().filter(|entry| entry.reason == "the device has unsubscribed").count();
    assert_eq!(gone, 1, "and not asked a second time");
}

/// That of a key that a device holds, as SubjectPublicKeyInfo in DER.
fn public_key(certificates: &Certificates) -> Vec<u8> {
    let arguments = "pkey -in server.key -pubout -outform DER -out public";
    let mut openssl = std::process::Command::new("openssl");
    let run = openssl.args(arguments.split(' ')).current_dir(certificates.folder.path()).status();
    assert!(run.unwrap().success());
    std::fs::read(certificates.file("public")).unwrap()
}

fn session_of_known_device(cabinet: &zamok_cabinet::Cabinet, login: &str) -> Session {
    let password = Password::new("correct horse battery");
    let Begun::Enrol(enrolment) = cabinet.begin_login(login, &password).unwrap() else { panic!() };
    let offer = cabinet.offer_generator(&enrolment).unwrap();
    let uri = OtpUri::parse(offer.uri.as_str()).unwrap();
    let OtpKind::Totp { period } = uri.kind() else { panic!("no TOTP key") };
    let (algorithm, digits) = (uri.algorithm(), uri.digits());
    let totp =
        Totp::new(uri.secret(), TotpParameters { algorithm, digits, period, t0: UnixTime(0) }).unwrap();
    let now = cabinet.vault().now();
    // The step before and the step of now are both good: one for the test, one for the login.
    let code = |time: u64| totp.code_at(UnixTime(time)).unwrap().to_string();
    cabinet.confirm_generator(&enrolment, &code(now.0 - 30)).unwrap();
    let Begun::Code(challenge) = cabinet.begin_login(login, &password).unwrap() else { panic!() };
    let session = cabinet.answer(&challenge, &code(now.0), RequestId([9; 16])).unwrap();
    let token = cabinet.trust_device(&session, "phone").unwrap();
    let session = cabinet.session(session.id).unwrap();
    assert_eq!(session.device, Some(token.device()));
    session
}

/// A mail server that waits before it answers, and has something written behind its answer to STARTTLS.
const ODD_MAIL: &str = r#"
import json, socket, ssl, sys, threading, time
options, log = json.loads(sys.argv[1]), sys.argv[2]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(options["cert"], options["key"])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
ANSWERS = {"EHLO": "250-x\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250 DSN\r\n", "AUTH": "235 ok\r\n", "DATA": "354 go on\r\n"}

def serve(line):
    if options["tls"] == "immediate":
        line = context.wrap_socket(line, server_side=True)
    lines = line.makefile("rb")
    line.sendall(b"220 x\r\n")
    while command := lines.readline():
        word = command.split()[0].decode().upper()
        with open(log, "a") as written:
            written.write(json.dumps({"event": word}) + "\n")
        time.sleep(options["waits"].get(word, 0))
        if word == "STARTTLS":
            line.sendall(b"220 go on\r\n" + options["behind"].encode())
            line = context.wrap_socket(line, server_side=True)
            lines = line.makefile("rb")
            continue
        line.sendall(ANSWERS.get(word, "250 ok\r\n").encode())
        if word == "DATA":
            while lines.readline() not in (b".\r\n", b""):
                pass
            time.sleep(options["waits"].get(".", 0))
            line.sendall(b"250 taken\r\n")

while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
"#;

fn odd_mail(certificates: &Certificates, tls: &str, waits: Value, behind: &str) -> (Peer, Config) {
    let options = json!({
        "key": certificates.file("server.key"), "cert": certificates.file("server.pem"),
        "tls": tls, "waits": waits, "behind": behind,
    });
    let program = std::env::var("ZAMOK_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut command = std::process::Command::new(program);
    command.args(["-c", ODD_MAIL, &options.to_string()]);
    let server = Peer::start(command, &certificates.file("log"));
    let text = mail_text(certificates, server.port)
        .replace("[carriers.mail]", &format!("[carriers.mail]\ntls = \"{tls}\""));
    (server, config(certificates, &text))
}

#[test]
fn what_somebody_writes_into_the_line_before_tls_is_no_answer() {
    let certificates = Certificates::new();
    let house = House::new();
    house.citizen("ivan", &["ivan@example.org"]);
    let told = "250-y\r\n250-AUTH PLAIN\r\n250 DSN\r\n";
    for (behind, count) in
        [(told, 1), (told, 2), (told, 3), (told, 9), ("250 ok\r\n", 1), ("250 ok\r\n", 2), ("250 ok\r\n", 7)]
    {
        let (_server, config) = odd_mail(&certificates, "starttls", json!({}), &behind.repeat(count));
        notify(&house.cabinet, "ivan", Category::Service, Priority::Normal, "x");
        let step = Delivery::new(house.cabinet.clone(), &config).unwrap().step().unwrap();
        assert_eq!((step.sent, step.failed), (0, 0), "{behind:?} {count} times");
    }
    for secret in ["AUTH", "MAIL"] {
        assert_eq!(events(&certificates, secret), Vec::<Value>::new(), "nothing is told to such a line");
    }
    // The same server, left alone, gets it.
    let (_server, config) = odd_mail(&certificates, "starttls", json!({}), "");
    notify(&house.cabinet, "ivan", Category::Service, Priority::Normal, "x");
    assert_eq!(Delivery::new(house.cabinet.clone(), &config).unwrap().step().unwrap().sent, 1);
}

#[test]
fn a_server_that_takes_its_time_with_every_answer_is_left_in_time() {
    let mut policy = wide(harness::light_policy());
    policy.delivery.lease = 9;
    let patience = Duration::from_secs(6);
    // What each command may wait for is what all of them together have left.
    for (waits, reason, bound) in [
        (json!({"EHLO": 0.8, "AUTH": 1.2, "MAIL": 2, "RCPT": 30}), "it does not answer", ""),
        (json!({"EHLO": 0.8, "AUTH": 1.2, "MAIL": 2, ".": 30}), "it does not answer", "mail"),
    ] {
        let certificates = Certificates::new();
        let house = House::with(policy.clone());
        house.citizen("ivan", &["ivan@example.org"]);
        let (_server, config) = odd_mail(&certificates, "immediate", waits, "");
        notify(&house.cabinet, "ivan", Category::Service, Priority::Normal, "x");
        let delivery = Delivery::new(house.cabinet.clone(), &config).unwrap();
        let began = std::time::Instant::now();
        assert_eq!(delivery.step().unwrap().sent, 0);
        let took = began.elapsed();
        assert!(took < patience + patience / 4, "{took:?}: longer than two thirds of the lease");
        let standing = house.on_their_way();
        assert_eq!((standing[0].reason.as_str(), standing[0].carrier.as_str()), (reason, bound));
    }
}

#[test]
fn only_hosts_on_the_list_and_what_is_below_them_are_pushed_to() {
    use zamok_delivery::Transport as _;
    let cabinet = harness::cabinet_over(Arc::new(MemoryStore::new()), wide(harness::light_policy()));
    let config = zamok_delivery::WebPushConfig {
        contact: "mailto:admin@bank.example".into(),
        hosts: vec!["push.example".into(), "other.example:8443".into()],
        key: "0".repeat(32),
        roots_file: None,
    };
    let push = zamok_delivery::WebPush::new("push", config, cabinet).unwrap();
    let content = zamok_delivery::Content::Push(zeroize::Zeroizing::new(b"{}".to_vec()));
    let is_listed = |host: &str| {
        let subscription = Subscription::new(&format!("https://{host}/x"), &[4; 65], &[7; 16]).unwrap();
        let address = zamok_cabinet::Address::Push(subscription);
        let parcel = zamok_delivery::Parcel {
            id: zamok_cabinet::MessageId([7; 16]),
            address: &address,
            content: &content,
            taken: &[],
            urgent: false,
            now: UnixTime(1),
            expires: UnixTime(2),
            deadline: std::time::Instant::now(),
        };
        push.send(&parcel).unwrap_err().reason != "its host is not on the list of push services"
    };
    for host in ["push.example", "PUSH.example", "a.push.example", "other.example:8443"] {
        assert!(is_listed(host), "{host}");
    }
    for host in [
        "evilpush.example",
        "push.example.evil",
        "example",
        "push.example:8443",
        "other.example",
        "other.example:443",
    ] {
        assert!(!is_listed(host), "{host}");
    }
}

#[test]
fn a_gateway_that_sends_us_elsewhere_is_not_followed() {
    let [gateway, elsewhere] = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [port, other] = [&gateway, &elsewhere].map(|listener| listener.local_addr().unwrap().port());
    let certificates = Certificates::new();
    std::fs::write(certificates.file("secret"), "0123456789abcdef-shared\n").unwrap();
    let text = format!(
        "[channels]\nsms = [\"gateway\"]\n[carriers.gateway]\nkind = \"http\"\nurl = \"http://127.0.0.1:{port}/send\"\n\
         allow_plaintext = true\nsecret_file = \"secret\"\nbody = {{ to = \"{{number}}\", text = \"{{text}}\" }}\n"
    );
    let mut policy = wide(harness::light_policy());
    // Whoever does follow waits no longer than that.
    policy.delivery.lease = 9;
    let house = House::with(policy);
    house.citizen("ivan", &["+79161234567"]);
    house.urgent("ivan", "x");
    let delivery = Delivery::new(house.cabinet.clone(), &config(&certificates, &text)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut line, _) = gateway.accept().unwrap();
            let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
            while !seen.ends_with(b"}") {
                let count = line.read(&mut buffer).unwrap();
                assert!(count > 0, "the body ends with its object");
                seen.extend_from_slice(&buffer[..count]);
            }
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            line.write_all(answer.as_bytes()).unwrap();
        });
        assert_eq!(delivery.step().unwrap().sent, 0);
    });
    elsewhere.set_nonblocking(true).unwrap();
    let came = elsewhere.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(came, Err(io::ErrorKind::WouldBlock), "it was followed");
    assert!(house.on_their_way().iter().any(|standing| standing.reason == "status 302"));
}

#[test]
fn clients_that_say_nothing_give_their_places_back() {
    let certificates = Certificates::new();
    let house = House::new();
    // Nobody is sent anything.
    let delivery = Delivery::new(house.cabinet.clone(), &gateway_config(&certificates, 1)).unwrap();
    let port = delivery.receipts_at().unwrap().port();
    let open = || {
        let line = TcpStream::connect(("127.0.0.1", port)).unwrap();
        line.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        line
    };
    let status = |mut line: &TcpStream| {
        let mut answer = [0; 12];
        line.read_exact(&mut answer).map(|()| String::from_utf8_lossy(&answer).into_owned())
    };
    harness::run_until(&delivery, "all are answered", || {
        // As many as are served at once.
        let silent: Vec<_> = (0..32).map(|_| open()).collect();
        for line in &silent {
            assert_eq!(status(line).unwrap(), "HTTP/1.1 400");
        }
        for _ in 0..40 {
            let mut line = open();
            line.write_all(b"POST /receipts/gateway HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}").unwrap();
            assert_eq!(status(&line).unwrap(), "HTTP/1.1 401");
        }
        true
    });
}
