//! `zamok delivery`: what a message says and costs, a worker that runs, what became of what it sent.

mod harness;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use harness::{Desk, Phone};
use serde_json::{Value, json};

#[test]
fn a_preview_shows_words_and_their_cost() {
    let desk = Desk::empty();
    let preview = |arguments: &[&str]| {
        let mut all = vec!["delivery", "preview", "--json", "--service", "Bank"];
        all.extend(arguments);
        desk.zamok(all)
    };
    let all = preview(&[]).done().json();
    assert_eq!(all["messages"].as_array().unwrap().len(), 25);
    let one = |arguments: &[&str]| preview(arguments).done().json()["messages"][0].clone();
    let english = one(&["login-code"]);
    assert_eq!((&english["alphabet"], &english["segments"]), (&json!("GSM 03.38"), &json!(1)));
    assert_eq!(english["sms"], "123456 is your code for Bank. Tell it to nobody.");
    let russian = one(&[
        "operation-code",
        "--language",
        "ru-RU",
        "--field",
        "text=Перевод 5 000 ₽ на счёт 4081781099910004312",
    ]);
    assert_eq!((&russian["alphabet"], &russian["segments"]), (&json!("UCS-2"), &json!(2)));
    assert!(russian["sms"].as_str().unwrap().contains("Перевод 5 000 ₽"), "{russian}");
    preview(&["fax"]).failed(2, 900, "usage");
    preview(&["notice", "--field", "text"]).failed(2, 900, "usage");
}

#[test]
fn a_worker_sends_what_waits_and_status_tells_what_became_of_it() {
    let (desk, phone): (Desk, Phone) = Desk::enrolled("ivan");
    let vouched =
        desk.zamok(["accounts", "vouch", "ivan", "+79161234567", "--reason", "desk", "--json"]).done().json();
    assert_eq!(vouched["contact"]["masked"], "+7···4567");
    // A login from a device that nobody knows is announced.
    desk.zamok(["login", "ivan", "--code", &phone.code(1), "--json"]).done();
    let waiting =
        |desk: &Desk| desk.zamok(["delivery", "status", "--json"]).done().json()["messages"].clone();
    let before = waiting(&desk);
    let ids: Vec<&Value> = before.as_array().unwrap().iter().map(|message| &message["id"]).collect();
    assert!(!ids.is_empty() && before[0]["state"] == "queued", "{before}");
    let config = "language = \"ru\"\npoll_ms = 20\nmetrics_file = \"counts\"\n[channels]\nsms = [\"paper\"]\n[carriers.paper]\n\
                  kind = \"log\"\nfile = \"messages\"\nchannel = \"sms\"\neven_in_release = true\n";
    fs::write(desk.path("delivery.toml"), config).unwrap();
    let run = desk
        .zamok(["delivery", "run", "--config", "delivery.toml", "--seconds", "5", "--json"])
        .done()
        .json();
    assert!(run["sent"].as_u64().unwrap() >= 1, "{run}");
    let sent = fs::read_to_string(desk.path("messages")).unwrap();
    let sent: Vec<Value> = sent.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(sent.iter().all(|message| message["to"] == "+79161234567"), "{sent:?}");
    // One tells of the generator that was added, another of the login.
    let of = |words: &str| sent.iter().find(|message| message["text"].as_str().unwrap().contains(words));
    assert!(of("добавлен вход с помощью генератора кодов").is_some(), "{sent:?}");
    let sent = of("вошли с нового устройства").unwrap_or_else(|| panic!("{sent:?}"));
    assert!(fs::read_to_string(desk.path("counts")).unwrap().contains("carrier=\"paper\",outcome=\"sent\""));
    let id = sent["transaction"].as_str().unwrap();
    let told = desk.zamok(["delivery", "status", id, "--json"]).done().json();
    assert_eq!(
        (&told["state"], &told["carrier"], &told["address"]),
        (&json!("handed over"), &json!("paper"), &json!("+79161234567"))
    );
    assert_eq!(waiting(&desk), json!([]));
    desk.zamok(["delivery", "retry", id, "--json"]).failed(1, 100, "rejected");
    desk.zamok(["delivery", "status", "0123", "--json"]).failed(2, 900, "usage");
    desk.zamok(["audit", "rows"]).done();
    desk.zamok(["delivery", "run", "--config", "nowhere.toml", "--json"]).failed(5, 901, "file");
    fs::write(desk.path("delivery.toml"), config.replace("paper\"]", "fax\"]")).unwrap();
    desk.zamok(["delivery", "run", "--config", "delivery.toml", "--json"]).failed(2, 900, "usage");
}

/// A gateway that hears messages, and answers them when it is told to.
struct Gateway {
    port: u16,
    state: Arc<(Mutex<(usize, bool)>, Condvar)>,
}

impl Gateway {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new((Mutex::new((0, false)), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || Self::serve(&stream, &state));
            }
        });
        Self { port, state }
    }

    fn serve(mut stream: &TcpStream, state: &(Mutex<(usize, bool)>, Condvar)) {
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).expect("the message");
        let (heard, changed) = state;
        let mut heard = heard.lock().expect("the count");
        heard.0 += 1;
        changed.notify_all();
        while !heard.1 {
            heard = changed.wait(heard).expect("the word");
        }
        drop(heard);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    }

    /// Waits until it has heard so many messages.
    fn hears(&self, count: usize) {
        let (heard, changed) = &*self.state;
        let enough =
            changed.wait_timeout_while(heard.lock().expect("the count"), Duration::from_secs(60), |heard| {
                heard.0 < count
            });
        assert!(!enough.expect("the count").1.timed_out(), "nobody sends");
    }

    fn answers(&self) {
        self.state.0.lock().expect("the word").1 = true;
        self.state.1.notify_all();
    }
}

/// A worker over a gateway with one message to send, which it has in hand.
fn in_hand(gateway: &Gateway) -> (Desk, Child, String) {
    // That the generator was added is told to the phone.
    let (desk, _) = Desk::enrolled("ivan");
    desk.write("policy.toml", "profile = \"strict\"\n[delivery]\nlease = 5\n");
    desk.zamok(["policy", "set", "policy.toml"]).done();
    desk.zamok(["accounts", "vouch", "ivan", "+79161234567", "--reason", "desk"]).done();
    desk.write("secret", "0123456789abcdef");
    let config = format!(
        "poll_ms = 20\n[channels]\nsms = [\"web\"]\n[carriers.web]\nkind = \"http\"\nsecret_file = \"secret\"\n\
         url = \"http://127.0.0.1:{}/send\"\nallow_plaintext = true\nbody = {{ to = \"{{number}}\", text = \"{{text}}\" }}\n",
        gateway.port
    );
    desk.write("delivery.toml", config);
    let mut command = desk.command(["delivery", "run", "--config", "delivery.toml", "--json"]);
    let worker = command.stdout(Stdio::piped()).spawn().expect("the program runs");
    gateway.hears(1);
    let waiting = desk.zamok(["delivery", "status", "--json"]).done().json()["messages"].clone();
    assert_eq!(waiting.as_array().map(Vec::len), Some(1), "{waiting}");
    (desk, worker, waiting[0]["id"].as_str().expect("an id").to_owned())
}

fn signal(worker: &Child, name: &str) {
    harness::heard(Command::new("sh").args(["-c", &format!("kill -{name} {}", worker.id())]));
}

/// Its exit code and what it said last.
fn end(worker: Child) -> (Option<i32>, Value) {
    let output = worker.wait_with_output().expect("its end");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    (output.status.code(), last.unwrap_or_else(|| panic!("no object in {text:?}")))
}

#[test]
fn a_worker_that_is_told_to_end_notes_what_a_carrier_has_in_hand() {
    for name in ["TERM", "INT"] {
        let gateway = Gateway::new();
        let (desk, mut worker, id) = in_hand(&gateway);
        signal(&worker, name);
        thread::sleep(Duration::from_millis(300));
        assert!(worker.try_wait().expect("its state").is_none(), "it waits for the answer");
        gateway.answers();
        let (code, said) = end(worker);
        assert_eq!((code, &said["sent"]), (Some(0), &json!(1)), "{name}: {said}");
        let told = desk.zamok(["delivery", "status", &id, "--json"]).done().json();
        assert_eq!((&told["state"], &told["attempts"]), (&json!("handed over"), &json!(1)), "{told}");
        desk.zamok(["audit", "rows"]).done();
    }
}

#[test]
fn a_carrier_that_does_not_answer_holds_the_end_no_longer_than_its_lease() {
    let gateway = Gateway::new();
    let (desk, worker, id) = in_hand(&gateway);
    signal(&worker, "TERM");
    let (code, said) = end(worker);
    assert_eq!((code, &said["sent"], &said["put_off"]), (Some(0), &json!(0), &json!(1)), "{said}");
    let told = desk.zamok(["delivery", "status", &id, "--json"]).done().json()["messages"][0].clone();
    assert_eq!((&told["state"], &told["attempts"]), (&json!("queued"), &json!(1)), "{told}");
    // The next worker sends it, under the same id.
    gateway.answers();
    desk.zamok(["delivery", "run", "--config", "delivery.toml", "--seconds", "4", "--json"]).done();
    let told = desk.zamok(["delivery", "status", &id, "--json"]).done().json();
    assert_eq!((&told["state"], &told["attempts"]), (&json!("handed over"), &json!(2)), "{told}");
}

#[test]
fn a_time_that_no_clock_has_is_refused() {
    let desk = Desk::new();
    let run = ["delivery", "run", "--config", "delivery.toml", "--json", "--seconds", "18446744073709551615"];
    desk.zamok(run).failed(2, 900, "usage");
}

#[test]
fn no_log_tells_the_credentials_of_a_gateway() {
    let gateway = Gateway::new();
    gateway.answers();
    let (desk, _) = Desk::enrolled("ivan");
    desk.zamok(["accounts", "vouch", "ivan", "+79161234567", "--reason", "desk"]).done();
    desk.write("secret", "0123456789abcdef");
    let token = "k".repeat(64);
    desk.write("token", &token);
    let config = format!(
        "poll_ms = 20\n[channels]\nsms = [\"web\"]\n[carriers.web]\nkind = \"http\"\nsecret_file = \"secret\"\n\
         url = \"http://127.0.0.1:{}/send\"\nallow_plaintext = true\nheaders_from_files = {{ Authorization = \"token\" }}\n\
         body = {{ to = \"{{number}}\", text = \"{{text}}\" }}\n",
        gateway.port
    );
    desk.write("delivery.toml", config);
    let mut command = desk.command(["delivery", "run", "--config", "delivery.toml", "--seconds", "4"]);
    let run = harness::run(command.env("ZAMOK_LOG", "trace")).done();
    gateway.hears(1);
    assert!(run.stderr.contains("the vault was unlocked"), "there is a log");
    // A dump has 16 letters in each line.
    assert!(!run.stderr.contains(&token[..16]), "the credentials are told");
}
