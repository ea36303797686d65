//! Factors that their owner adds, changes and answers with through the program: codes that a worker delivers, a device whose key
//! `openssl` holds, a PIN, contacts; and what a stranger would type in their place.
#![allow(missing_docs)]

mod harness;

use std::cell::RefCell;
use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use harness::{Desk, Ivan, PASSWORD, Run, heard, login, peer, run};
use serde_json::{Value, json};

const OLD: &str = "+79161234567";
const NEW: &str = "+79160000002";

/// A worker that delivers everything into a file, and the file.
struct Post<'a> {
    desk: &'a Desk,
    worker: Child,
    /// The transactions that were looked at.
    seen: RefCell<Vec<String>>,
}

impl<'a> Post<'a> {
    fn at(desk: &'a Desk) -> Self {
        let mut config = String::from("poll_ms = 20\n[channels]\n");
        for channel in ["sms", "email", "push"] {
            config += &format!("{channel} = [\"to-{channel}\"]\n");
        }
        for channel in ["sms", "email", "push"] {
            config += &format!(
                "[carriers.to-{channel}]\nkind = \"log\"\nfile = \"messages\"\nchannel = \"{channel}\"\neven_in_release = true\n"
            );
        }
        desk.write("delivery.toml", config);
        desk.write("messages", "");
        let mut command = desk.command(["delivery", "run", "--config", "delivery.toml", "--json"]);
        let worker = command.stdout(Stdio::null()).spawn().expect("the program runs");
        Self { desk, worker, seen: RefCell::default() }
    }

    /// Waits for a message to this address that says something of this sort, and that was not looked at before.
    fn find<T>(&self, to: &str, find: impl Fn(&str) -> Option<T>) -> T {
        // Five minutes: the machine may stand still, but not that long.
        for _ in 0..6_000 {
            let text = fs::read_to_string(self.desk.path("messages")).expect("the file of the worker");
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                let message: Value = serde_json::from_str(line).expect("a line of JSON");
                let id = message["transaction"].as_str().expect("an id").to_owned();
                if message["to"] != to || self.seen.borrow().contains(&id) {
                    continue;
                }
                if let Some(found) = find(message["text"].as_str().expect("a text")) {
                    self.seen.borrow_mut().push(id);
                    return found;
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("nothing of this sort was sent to {to}");
    }

    /// The next code that is sent to this address.
    fn code(&self, to: &str) -> String {
        self.find(to, |text| {
            let mut words = text.split(|character: char| !character.is_ascii_digit());
            words.find(|word| word.len() == 6).map(str::to_owned)
        })
    }

    /// What the device behind this endpoint is asked next.
    fn request(&self, endpoint: &str) -> String {
        self.find(endpoint, |text| {
            let body: Value = serde_json::from_str(text).expect("what is pushed is JSON");
            body["request"].as_str().map(str::to_owned)
        })
    }
}

impl Drop for Post<'_> {
    fn drop(&mut self) {
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}

/// A desk where codes may be sent again as soon as any policy lets them, and every kind of factor is taken.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("policy.toml", "profile = \"strict\"\n[issued]\nresend = 30\n[factor]\nweakest = 1\n");
    desk.zamok(["policy", "set", "policy.toml"]).done();
    desk
}

/// The same command, once nothing was sent to the same place for as long as policy wants.
fn when_sent(desk: &Desk, arguments: &[&str]) -> Run {
    loop {
        let told = desk.zamok(arguments);
        let error = &told.json()["error"];
        if error["name"] != "resend-too-soon" {
            return told;
        }
        assert_eq!((told.exit, &error["code"]), (7, &json!(652)), "{told:?}");
        let message = error["message"].as_str().expect("a message");
        let seconds: Vec<u64> = message.split(' ').filter_map(|word| word.parse().ok()).collect();
        thread::sleep(Duration::from_secs(seconds[0]));
    }
}

/// A device: a key of openssl's.
struct Device<'a>(&'a Desk);

impl<'a> Device<'a> {
    fn at(desk: &'a Desk) -> Self {
        let device = Self(desk);
        device.key("EC", &["-pkeyopt", "ec_paramgen_curve:P-256"], "device");
        device
    }

    fn openssl(&self, arguments: &[&str]) {
        heard(peer("openssl").args(arguments).current_dir(self.0.folder()));
    }

    /// Makes `NAME.key` and `NAME.pem`.
    fn key(&self, algorithm: &str, options: &[&str], name: &str) {
        let (private, public) = (format!("{name}.key"), format!("{name}.pem"));
        self.openssl(&[&["genpkey", "-algorithm", algorithm, "-out", &private], options].concat());
        self.openssl(&["pkey", "-in", &private, "-pubout", "-out", &public]);
    }

    fn sign(&self, question: &str, signature: &str) {
        self.openssl(&["dgst", "-sha256", "-sign", "device.key", "-out", signature, question]);
    }
}

/// The code in digits of another script.
fn foreign(code: &str) -> String {
    let digit = |digit: char| char::from_u32(0x660 + digit.to_digit(10).unwrap()).unwrap();
    code.chars().map(digit).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

/// What the latest session of an account was opened with.
fn shown(desk: &Desk) -> Value {
    desk.zamok(["sessions", "list", "ivan", "--json"]).done().json()["sessions"][0]["factors"].clone()
}

fn answer(desk: &Desk, challenge: &str, more: &[&str]) -> Run {
    desk.zamok([&["answer", challenge, "--token-file", "token", "--overwrite", "--json"], more].concat())
}

fn test(desk: &Desk, enrolment: &str, more: &[&str]) -> Run {
    desk.zamok([&["factors", "test", enrolment, "--json"], more].concat())
}

#[test]
fn a_phone_is_the_first_factor_and_its_test_code_opens_nothing() {
    let desk = desk();
    let post = Post::at(&desk);
    desk.zamok(["register", "ivan"]).done();
    let enrol = |more: &[&str]| desk.zamok([&["enrol", "ivan", "--json"], more].concat());
    enrol(&["--kind", "sms"]).failed(2, 900, "usage");
    enrol(&["--kind", "sms", "--address", "ivan@example.org"]).failed(2, 614, "contact-unusable");
    enrol(&["--kind", "sms", "--address", &foreign("79161234567")]).failed(2, 614, "contact-unusable");
    enrol(&["--kind", "sms", "--address", &"7".repeat(5000)]).failed(2, 614, "contact-unusable");
    enrol(&["--kind", "pin"]).failed(2, 900, "usage");
    let offered = enrol(&["--kind", "sms", "--address", "+7 916 123-45-67"]).done().json();
    assert_eq!((&offered["kind"], &offered["state"]), (&json!("SMS"), &json!("offered")));
    let enrolment = text(&offered, "enrolment");
    let code = post.code(OLD);
    // As many tries as policy gives, less one.
    test(&desk, enrolment, &["--code", &foreign(&code)]).failed(1, 100, "rejected");
    test(&desk, enrolment, &["--code", &"1".repeat(50_000)]).failed(1, 100, "rejected");
    assert_eq!(test(&desk, enrolment, &["--code", &code]).done().json()["state"], "active");
    test(&desk, enrolment, &["--code", &code]).failed(1, 100, "rejected");

    // Whoever enrols once more learns that there is one, of whatever kind, and nothing is sent for that.
    for kind in ["generator", "sms"] {
        let again = enrol(&["--kind", kind, "--address", OLD]);
        again.failed(2, 607, "factor-exists");
        assert!(again.stdout.contains("a second factor already"), "{again:?}");
    }
    // Neither on its way nor sent; in this order, since it goes from there to here.
    let on_its_way = desk.zamok(["delivery", "status", "--json"]).done().json()["messages"].clone();
    let is_code = |message: &Value| message["kind"] == "login code";
    assert!(!on_its_way.as_array().unwrap().iter().any(is_code), "{on_its_way}");
    assert!(!fs::read_to_string(desk.path("messages")).unwrap().contains("is your code for"));
    // It is no generator, and nobody says that it were.
    let why = desk.zamok(["why", "ivan", "--json"]).done().json();
    assert_eq!(why["generator"]["state"], "absent", "{why}");

    let begun = when_sent(&desk, &["login", "ivan", "--begin", "--json"]).done().json();
    assert_eq!((&begun["by"], &begun["login"]), (&json!("SMS"), &json!("ivan")));
    let challenge = text(&begun, "challenge");
    answer(&desk, challenge, &["--send-again"]).failed(7, 652, "resend-too-soon");
    answer(&desk, challenge, &["--code", &code]).failed(1, 100, "rejected");
    answer(&desk, challenge, &["--take-back", "--code", &code]).failed(1, 100, "rejected");
    let second = post.code(OLD);
    assert_ne!(code, second);
    let told =
        desk.zamok_reading(&format!("{second}\n"), ["answer", challenge, "--token-file", "token", "--json"]);
    assert_eq!((&told.done().json()["login"], shown(&desk)), (&json!("ivan"), json!(["password", "SMS"])));
    answer(&desk, challenge, &["--code", &second]).failed(1, 100, "rejected");
    answer(&desk, &"0".repeat(32), &["--code", &second]).failed(1, 100, "rejected");
    answer(&desk, "junk", &["--code", &second]).failed(2, 900, "usage");
    desk.zamok(["factors", "drop", &"0".repeat(32), "--token-file", "token", "--json"])
        .failed(1, 100, "rejected");
    desk.zamok(["audit", "rows"]).done();
}

#[test]
fn a_phone_alone_lets_in_where_policy_says_so_and_tells_nobody_whether_it_is_known() {
    let desk = desk();
    let post = Post::at(&desk);
    desk.zamok(["register", "ivan"]).done();
    let offered = desk.zamok(["enrol", "ivan", "--json", "--kind", "sms", "--address", OLD]).done().json();
    test(&desk, text(&offered, "enrolment"), &["--code", &post.code(OLD)]).done();
    let by_phone =
        |phone: &str, more: &[&str]| desk.zamok([&["login", phone, "--by-phone", "--json"], more].concat());
    by_phone(OLD, &["--begin"]).failed(1, 616, "not-allowed");
    desk.write("seeds.toml", "profile = \"seeds\"\n[issued]\nresend = 30\n");
    desk.zamok(["policy", "set", "seeds.toml"]).done();
    by_phone(OLD, &["--by", "sms"]).failed(2, 900, "usage");
    by_phone(OLD, &["--take-back"]).failed(2, 900, "usage");
    for unfit in ["12", "ivan", "ivan@example.org", &"7".repeat(5000)] {
        by_phone(unfit, &["--begin"]).failed(2, 614, "contact-unusable");
    }
    // So soon after the last one no code is sent, which is not told either.
    let early = by_phone(OLD, &["--begin"]).done().json();
    thread::sleep(Duration::from_secs(31));
    let begun = by_phone("+7 916 123-45-67", &["--begin"]).done().json();
    let nobody = by_phone(NEW, &["--begin"]).done().json();
    for told in [&early, &begun, &nobody] {
        let names: Vec<_> = told.as_object().unwrap().keys().collect();
        assert_eq!(names, ["by", "challenge", "expires", "number", "phone", "question", "question_file"]);
        assert_eq!(
            (&told["by"], &told["number"], &told["question"]),
            (&json!("SMS"), &Value::Null, &Value::Null)
        );
    }
    let code = post.code(OLD);
    answer(&desk, text(&nobody, "challenge"), &["--code", &code]).failed(1, 100, "rejected");
    answer(&desk, text(&early, "challenge"), &["--code", &code]).failed(1, 100, "rejected");
    answer(&desk, text(&begun, "challenge"), &["--code", &foreign(&code)]).failed(1, 100, "rejected");
    let told = answer(&desk, text(&begun, "challenge"), &["--code", &code]).done().json();
    assert_eq!((&told["login"], shown(&desk)), (&json!("ivan"), json!(["SMS"])));
    answer(&desk, text(&begun, "challenge"), &["--code", &code]).failed(1, 100, "rejected");
}

#[test]
fn a_key_of_a_device_signs_its_test_and_each_login_and_no_signature_serves_twice() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    let device = Device::at(desk);
    ivan.login(PASSWORD, &[]).done();
    let add = |key: &str, more: &[&str]| {
        let command =
            ["factors", "add", "certificate", "--public-key", key, "--token-file", "token", "--json"];
        desk.zamok([&command, more].concat())
    };
    device.key("EC", &["-pkeyopt", "ec_paramgen_curve:P-384"], "longer");
    device.key("RSA", &["-pkeyopt", "rsa_keygen_bits:2048"], "rsa");
    device.key("ED25519", &[], "edwards");
    device.openssl(&["pkey", "-pubin", "-in", "device.pem", "-outform", "DER", "-out", "device.der"]);
    let der = desk.read("device.der");
    desk.write("cut", &der[..der.len() - 1]);
    desk.write("longer.der", [der.as_slice(), b"\0"].concat());
    desk.write("elsewhere", [&der[..der.len() - 64], &[1; 64]].concat());
    desk.write("empty", "");
    desk.write("junk", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    for unfit in [
        "longer.pem",
        "rsa.pem",
        "edwards.pem",
        "device.key",
        "cut",
        "longer.der",
        "elsewhere",
        "empty",
        "junk",
    ] {
        let told = add(unfit, &[]);
        told.failed(2, 667, "public-key-unusable");
    }
    desk.write("long", vec![b'-'; 2 << 20]);
    add("long", &[]).failed(5, 901, "file");
    add("nowhere", &[]).failed(5, 901, "file");
    let offered = add("device.der", &["--label", "laptop", "--question", "question"]).done().json();
    assert_eq!(text(&offered, "question").len(), 2 * desk.read("question").len());
    add("device.pem", &["--question", "question"]).failed(5, 901, "file");
    let enrolment = text(&offered, "enrolment");
    device.sign("question", "signature");
    device.sign("seed", "foreign");
    desk.write("much", vec![0; 73]);
    for unfit in ["much", "empty"] {
        test(desk, enrolment, &["--signature-file", unfit]).failed(2, 900, "usage");
    }
    test(desk, enrolment, &["--signature-file", "foreign"]).failed(1, 100, "rejected");
    test(desk, enrolment, &["--signature-file", "signature"]).done();

    // A signature takes two steps.
    login(desk, PASSWORD, &["--by", "certificate"]).failed(2, 900, "usage");
    let begin = |question: &str| {
        let command = ["login", "ivan", "--by", "certificate", "--begin", "--question", question, "--json"];
        desk.zamok(command).done().json()
    };
    let (first, second) = (begin("first"), begin("second"));
    let (first, second) = (text(&first, "challenge"), text(&second, "challenge"));
    answer(desk, first, &["--signature-file", "signature"]).failed(1, 100, "rejected");
    device.sign("first", "answer");
    answer(desk, second, &["--signature-file", "answer"]).failed(1, 100, "rejected");
    answer(desk, first, &["--signature-file", "answer"]).done();
    assert_eq!(shown(desk), json!(["password", "certificate"]));
    answer(desk, first, &["--signature-file", "answer"]).failed(1, 100, "rejected");

    let listed = desk.zamok(["factors", "list", "ivan", "--json"]).done().json()["factors"].clone();
    assert_eq!((text(&listed[1], "kind"), text(&listed[1], "label")), ("certificate", "laptop"));
    desk.zamok(["factors", "drop", text(&listed[1], "id"), "--token-file", "token"]).done();
    let gone = ["login", "ivan", "--by", "certificate", "--begin", "--json"];
    desk.zamok(gone).failed(2, 650, "method-unavailable");
}

#[test]
fn a_key_of_a_device_is_the_first_factor_of_an_account() {
    let desk = Desk::new();
    let device = Device::at(&desk);
    desk.zamok(["register", "ivan"]).done();
    let enrol = ["enrol", "ivan", "--kind", "certificate", "--public-key", "device.pem", "--question"];
    let offered = desk.zamok([&enrol[..], &["question", "--json"]].concat()).done().json();
    device.sign("question", "signature");
    test(&desk, text(&offered, "enrolment"), &["--signature-file", "signature"]).done();
    let begun = desk.zamok(["login", "ivan", "--begin", "--question", "login", "--json"]).done().json();
    device.sign("login", "signature");
    answer(&desk, text(&begun, "challenge"), &["--signature-file", "signature"]).done();
    assert_eq!(shown(&desk), json!(["password", "certificate"]));
}

#[test]
fn a_device_that_was_asked_approves_with_the_number_or_declines() {
    const ENDPOINT: &str = "https://push.example/ivan";
    let ivan = Ivan::at(desk());
    let desk = &ivan.desk;
    let (device, post) = (Device::at(desk), Post::at(desk));
    ivan.login(PASSWORD, &[]).done();
    let devices = |arguments: &[&str]| desk.zamok([&["devices"], arguments, &["--json"]].concat());
    let subscribe = ["subscribe", "subscription", "--token-file", "token"];
    // A browser's key is the last 65 bytes of its SubjectPublicKeyInfo: an uncompressed point.
    device.openssl(&["pkey", "-pubin", "-in", "device.pem", "-outform", "DER", "-out", "device.der"]);
    desk.write("point", &desk.read("device.der")[26..]);
    device.openssl(&["base64", "-A", "-in", "point", "-out", "point.b64"]);
    let point = String::from_utf8(desk.read("point.b64")).unwrap().replace('+', "-").replace('/', "_");
    let subscription = |endpoint: &str, auth: &str| {
        desk.write(
            "subscription",
            json!({"endpoint": endpoint, "keys": {"p256dh": point, "auth": auth}}).to_string(),
        );
    };
    for (endpoint, auth) in
        [("http://push.example", "AAAAAAAAAAAAAAAAAAAAAA"), (ENDPOINT, "AAAA"), (ENDPOINT, "é")]
    {
        subscription(endpoint, auth);
        devices(&subscribe).failed(2, 682, "subscription-unusable");
    }
    desk.write("subscription", "no JSON");
    devices(&subscribe).failed(2, 682, "subscription-unusable");
    subscription(ENDPOINT, "AAAAAAAAAAAAAAAAAAAAAA");
    devices(&subscribe).failed(2, 657, "device-unknown");
    let trusted = devices(&["trust", "--token-file", "token", "--device-file", "known"]).done().json();
    let id = text(&trusted, "device");
    assert_eq!(devices(&subscribe).done().json(), json!({"device": id, "subscribed": true}));

    let add = |device: &str| {
        let command = ["factors", "add", "push", "--public-key", "device.pem", "--device", device, "--json"];
        desk.zamok([&command[..], &["--token-file", "token"]].concat())
    };
    add(&"0".repeat(32)).failed(2, 657, "device-unknown");
    let offered = add(id).done().json();
    let (enrolment, number) = (text(&offered, "enrolment"), text(&offered, "number"));
    let request = post.request(ENDPOINT);
    test(desk, enrolment, &["--approved"]).failed(7, 663, "approval-pending");
    let approve = |request: &str, number: &str, signature: &str| {
        devices(&["approve", request, "--number", number, "--signature-file", signature])
    };
    let to_sign = |request: &str, more: &[&str], out: &str| {
        devices(&[&["to-sign", request, "--out", out], more].concat()).done();
        device.sign(out, &format!("{out}.sig"));
    };
    to_sign(&request, &["--number", number], "test");
    approve(&request, number, "device.key").failed(2, 900, "usage");
    approve(&request[2..], number, "test.sig").failed(2, 900, "usage");
    approve(&"0".repeat(request.len()), number, "test.sig").failed(1, 100, "rejected");
    approve(&request, &"4".repeat(5000), "test.sig").failed(1, 100, "rejected");
    approve(&request, &foreign(number), "test.sig").failed(1, 100, "rejected");
    let approved = json!({"request": request, "approved": true});
    assert_eq!(approve(&request, number, "test.sig").done().json(), approved);
    approve(&request, number, "test.sig").failed(1, 100, "rejected");
    test(desk, enrolment, &["--approved"]).done();

    // A login waits for the device, and shows the number to whoever began it.
    let begin = ["login", "ivan", "--by", "push", "--begin", "--json"];
    let begun = when_sent(desk, &begin).done().json();
    let (challenge, number) = (text(&begun, "challenge"), text(&begun, "number"));
    let second = post.request(ENDPOINT);
    answer(desk, challenge, &["--approved"]).failed(7, 663, "approval-pending");
    // What was signed for the test approves nothing else.
    approve(&second, number, "test.sig").failed(1, 100, "rejected");
    to_sign(&second, &["--number", number], "login");
    approve(&second, number, "login.sig").done();
    answer(desk, challenge, &["--approved"]).done();
    assert_eq!(shown(desk), json!(["password", "push"]));

    let begun = when_sent(desk, &begin).done().json();
    let third = post.request(ENDPOINT);
    to_sign(&third, &["--decline"], "declined");
    let declined = devices(&["decline", &third, "--signature-file", "declined.sig"]).done().json();
    assert_eq!(declined, json!({"request": third, "declined": true}));
    answer(desk, text(&begun, "challenge"), &["--approved"]).failed(1, 100, "rejected");
    let tail = desk.zamok(["journal", "tail"]).done().stdout;
    assert!(tail.contains("approval"), "{tail}");
}

#[test]
fn a_pin_takes_the_place_of_the_password_on_its_own_device_alone() {
    let ivan = Ivan::new();
    let desk = &ivan.desk;
    ivan.login(PASSWORD, &[]).done();
    let add = |pin: &str| {
        desk.write("new", pin);
        desk.zamok(["factors", "add", "pin", "--new-pin-file", "new", "--token-file", "token", "--json"])
    };
    add("907215").failed(2, 657, "device-unknown");
    desk.zamok(["devices", "trust", "--token-file", "token", "--device-file", "known"]).done();
    for unfit in ["123456", "111111", "9072", "９０７２１５", "90 7215", "abcdef", &"907215".repeat(500)]
    {
        add(unfit).failed(2, 666, "pin-unusable");
    }
    add("").failed(5, 902, "no-secret");
    let offered = add("907215").done().json();
    assert_eq!(text(&offered, "kind"), "PIN");
    let enrolment = text(&offered, "enrolment");
    let by_pin = |pin: &str| {
        desk.write("pin", pin);
        test(desk, enrolment, &["--by-pin", "--pin-file", "pin"])
    };
    by_pin("907216").failed(1, 100, "rejected");
    by_pin("907215").done();

    let enter = |pin: &str, device: &str| {
        let command = [
            "login",
            "ivan",
            "--by",
            "pin",
            "--device-file",
            device,
            "--token-file",
            "token",
            "--overwrite",
            "--json",
        ];
        run(desk.command(command).env("ZAMOK_PIN", pin).env_remove("ZAMOK_PASSWORD"))
    };
    // One wrong PIN after the other: three would begin a delay, in which the right one is none.
    for wrong in ["907216", &foreign("907215"), &"907215".repeat(600)] {
        enter(wrong, "known").failed(1, 100, "rejected");
        enter("907215", "known").done();
    }
    assert_eq!(shown(desk), json!(["known device", "PIN"]));
    // Never among the arguments, and never without its device.
    let code = ["login", "ivan", "--by", "pin", "--device-file", "known", "--code", "907215", "--json"];
    desk.zamok(code).failed(2, 900, "usage");
    let argument = desk.zamok(["login", "ivan", "--pin", "907215", "--json"]);
    argument.failed(2, 900, "usage");
    assert!(!argument.stdout.contains("907215"), "{argument:?}");
    desk.zamok(["login", "ivan", "--by", "pin", "--json"]).failed(2, 900, "usage");
    // A device of somebody else's, whose PIN it is not.
    let phone = desk.enrol("anna");
    desk.zamok(["login", "anna", "--code", &phone.code(1), "--token-file", "hers"]).done();
    desk.zamok(["devices", "trust", "--token-file", "hers", "--device-file", "other"]).done();
    enter("907215", "other").failed(1, 100, "rejected");
    let anna = ["login", "anna", "--by", "pin", "--device-file", "other", "--json"];
    run(desk.command(anna).env("ZAMOK_PIN", "907215")).failed(1, 100, "rejected");
    // A device that was blocked opens nothing, whatever is typed.
    let devices = desk.zamok(["devices", "list", "ivan", "--json"]).done().json();
    let id = text(&devices["devices"][0], "device").to_owned();
    desk.zamok(["devices", "block", "ivan", &id, "--reason", "stolen"]).done();
    enter("907215", "known").failed(1, 100, "rejected");
}

#[test]
fn a_channel_is_changed_when_both_have_answered_and_taken_back_by_the_old_one() {
    let ivan = Ivan::at(desk());
    let desk = &ivan.desk;
    let post = Post::at(desk);
    let mail = "ivan@example.org";
    ivan.login(PASSWORD, &[]).done();
    let add = |arguments: &[&str]| {
        desk.zamok([&["factors", "add"], arguments, &["--token-file", "token", "--json"]].concat())
    };
    let offered = add(&["sms", "--address", OLD]).done().json();
    test(desk, text(&offered, "enrolment"), &["--code", &post.code(OLD)]).done();
    let listed = || desk.zamok(["factors", "list", "ivan", "--json"]).done().json()["factors"].clone();
    let old = text(&listed()[1], "id").to_owned();
    // That of before is worth nothing any more.
    add(&["sms", "--address", NEW]).failed(1, 100, "rejected");
    ivan.login(PASSWORD, &["--by", "token"]).done();
    add(&["e-mail", "--address", mail, "--replaces", &"0".repeat(32)]).failed(1, 100, "rejected");
    add(&["e-mail", "--address", "nobody", "--replaces", &old]).failed(2, 614, "contact-unusable");
    let change = ["factors", "add", "e-mail", "--address", mail, "--replaces", &old, "--token-file", "token"];
    let changing = when_sent(desk, &[&change[..], &["--json"]].concat()).done().json();
    let (enrolment, agreement) = (text(&changing, "enrolment"), text(&changing["agreement"], "challenge"));
    assert_eq!(changing["agreement"]["by"], "SMS");
    let (from_old, from_new) = (post.code(OLD), post.code(mail));
    test(desk, enrolment, &["--code", &from_new]).failed(2, 664, "old-channel-needed");
    let agree = |code: &str| {
        desk.zamok(["factors", "agree", agreement, "--code", code, "--token-file", "token", "--json"])
    };
    agree(&from_new).failed(1, 100, "rejected");
    assert_eq!(agree(&from_old).done().json(), json!({"challenge": agreement, "agreed": true}));
    test(desk, enrolment, &["--code", &from_old]).failed(1, 100, "rejected");
    test(desk, enrolment, &["--code", &from_new]).done();
    let states = |factors: &Value| {
        let of = |factor: &Value| (text(factor, "kind").to_owned(), text(factor, "state").to_owned());
        factors.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let state = |kind: &str, state: &str| (kind.to_owned(), state.to_owned());
    let changed = listed();
    assert_eq!(
        states(&changed),
        [state("token", "active"), state("e-mail", "active"), state("SMS", "set aside")]
    );
    assert!(changed[2]["until"].as_u64().is_some(), "{changed}");
    // The old one is told, opens nothing, and takes it back.
    post.find(OLD, |text| text.contains("replaced").then_some(()));
    login(desk, PASSWORD, &["--by", "sms", "--code", "1"]).failed(2, 650, "method-unavailable");
    let begin = ["login", "ivan", "--take-back", "--begin", "--json"];
    let undo = when_sent(desk, &begin).done().json();
    let (challenge, code) = (text(&undo, "challenge"), post.code(OLD));
    answer(desk, challenge, &["--code", &code]).failed(1, 100, "rejected");
    answer(desk, challenge, &["--take-back", "--code", &foreign(&code)]).failed(1, 100, "rejected");
    answer(desk, challenge, &["--take-back", "--code", &code]).done();
    assert_eq!(states(&listed()), [state("token", "active"), state("SMS", "active")]);
    desk.zamok(begin).failed(2, 650, "method-unavailable");
    desk.zamok(["audit", "rows"]).done();
}

#[test]
fn contacts_are_added_changed_and_dropped_by_their_owner() {
    let ivan = Ivan::at(desk());
    let desk = &ivan.desk;
    let post = Post::at(desk);
    desk.zamok(["accounts", "vouch", "ivan", OLD, "--reason", "desk"]).done();
    ivan.login(PASSWORD, &[]).done();
    let contacts = |arguments: &[&str]| {
        desk.zamok([&["contacts"], arguments, &["--token-file", "token", "--json"]].concat())
    };
    let listed = || contacts(&["list"]).done().json()["contacts"].clone();
    let old = text(&listed()[0], "id").to_owned();
    contacts(&["add", "nobody", "--replaces", &old]).failed(2, 614, "contact-unusable");
    contacts(&["add", NEW, "--replaces", &"0".repeat(32)]).failed(1, 100, "rejected");
    let changing = contacts(&["add", NEW, "--replaces", &old]).done().json();
    let (enrolment, agreement) = (text(&changing, "enrolment"), text(&changing["agreement"], "challenge"));
    let tested = |code: &str| desk.zamok(["contacts", "test", enrolment, "--code", code, "--json"]);
    let (from_old, from_new) = (post.code(OLD), post.code(NEW));
    tested(&from_new).failed(2, 664, "old-channel-needed");
    contacts(&["agree", agreement, "--code", &from_new]).failed(1, 100, "rejected");
    contacts(&["agree", agreement, "--code", &from_old]).done();
    tested(&from_old).failed(1, 100, "rejected");
    tested(&from_new).done();
    ivan.login(PASSWORD, &[]).done();
    let after = listed();
    assert_eq!((text(&after[0], "masked"), text(&after[1], "masked")), ("+7···4567", "+7···0002"));
    assert!(after[0]["until"].as_u64().is_some() && after[1]["until"].is_null(), "{after}");
    let new = text(&after[1], "id");
    assert_eq!(contacts(&["drop", new]).done().json(), json!({"removed": new}));
    contacts(&["drop", &"0".repeat(32)]).failed(1, 100, "rejected");
    contacts(&["drop", "abc"]).failed(2, 900, "usage");
    assert!(listed()[1]["until"].as_u64().is_some(), "it is gone when that cannot be taken back");
}
