//! Signed requests from strangers (RFC 9421). An input is taken apart into fields: whatever they hold, a base is made or
//! refused, and a base that is made is one line for each component; manifests and names of keys are read as they are written. One that
//! begins with 0x80, which no text does, is the plan of a request that is really signed by a registered client: what is covered and
//! what the signature says is right, missing, there twice, or odd. What is accepted covers what must be covered, was signed just now for
//! this service, has just this body, and is good once.
#![no_main]

mod bank;
mod jws;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256, Sha512};
use zamok_core::UnixTime;
use zamok_fuzz::{accepted, parts};
use zamok_protocols::request::{
    ClientKey, ClientKeyId, Clients, Covered, Manifest, Message, NewClientKey, SignedRequests,
    check_content_digest, content_digest, signature_base, target_uri,
};

use bank::{Bank, LOGIN};
use jws::{base64, public_key, sign};

const TAG: &str = "bank";

/// A cabinet with one client, whose key is the one of [`jws`].
static SCENE: LazyLock<(Bank, ClientKey)> = LazyLock::new(|| {
    let bank = Bank::new(|_| ());
    let pem = public_key().to_spki_pem();
    let client = Clients::new(&bank.cabinet).add(LOGIN, &NewClientKey::PublicKeyPem(&pem), None, "a shop");
    (bank, client.expect("its key is new"))
});

static DRAWN: AtomicU64 = AtomicU64::new(0);

#[derive(Arbitrary, Debug)]
struct Plan<'a> {
    method: u8,
    uri: u8,
    body: &'a [u8],
    digest: Digest<'a>,
    fields: Vec<(u8, &'a str)>,
    covered: Vec<Change<'a>>,
    params: Vec<Change<'a>>,
    /// Another signature stands before it in the fields.
    second: Option<&'a str>,
    /// What is done to the fields once they are signed.
    after: After<'a>,
}

#[derive(Arbitrary, Debug)]
enum Digest<'a> {
    Right,
    Long,
    Both,
    OfOther(&'a [u8]),
    Text(&'a str),
    None,
}

/// What is done to a list of components, or of parameters.
#[derive(Arbitrary, Debug)]
enum Change<'a> {
    Drop(u8),
    Twice(u8),
    Swap(u8, u8),
    Put(u8, &'a str),
    /// A time of so many seconds from now for a parameter.
    Time(u8, i16),
    Component(u8),
    Add(&'a str),
}

#[derive(Arbitrary, Debug)]
enum After<'a> {
    Nothing,
    Flip(u16, u8),
    Body(&'a [u8]),
    Label(&'a str),
}

const METHODS: [&str; 3] = ["POST", "GET", "x-own"];
const URIS: [&str; 4] = [
    "https://bank.example/pay?to=anna&to=bob",
    "https://Bank.example:443",
    "zamok:operations/transfer",
    "http://bank.example/a%2Fb?q=%41+b",
];
const FIELDS: [&str; 4] = ["content-type", "date", "x-list", "content-digest"];
const COMPONENTS: [&str; 16] = [
    "\"@authority\"",
    "\"@scheme\"",
    "\"@request-target\"",
    "\"@path\"",
    "\"@query\"",
    "\"@query-param\";name=\"to\"",
    "\"@query-param\";name=\"q\"",
    "\"@status\"",
    "\"content-type\"",
    "\"date\";bs",
    "\"x-list\";sf",
    "\"x-list\";key=\"a\"",
    "\"content-digest\";key=\"sha-256\"",
    "\"content-digest\";sf",
    "\"@method\";req",
    "\"x-list\"",
];

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((0x80, plan)) => {
            if let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(plan)) {
                signed(&plan);
            }
        }
        _ => {
            unsigned(input);
        }
    }
});

fn unsigned(input: &[u8]) {
    let [uri, covered, value, body] = parts(input);
    let (Ok(uri), Ok(covered), Ok(value)) =
        (str::from_utf8(uri), str::from_utf8(covered), str::from_utf8(value))
    else {
        return;
    };
    reading(value, body);
    let Ok(covered) = Covered::parse(covered) else {
        let _ = target_uri(uri);
        return;
    };
    let target =
        Message::request("POST", uri).or_else(|_| Message::request("POST", "https://bank.example/a?b=c"));
    let Ok(message) = target.and_then(|message| message.field("content-digest", value)) else { return };
    let Ok(message) = message.field("x", value) else { return };
    if let Ok(base) = signature_base(&message, &covered) {
        accepted("base");
        let base = String::from_utf8(base).expect("a base is ASCII");
        assert!(base.is_ascii());
        let last = base.lines().last().expect("there is a last line");
        assert!(last.starts_with("\"@signature-params\": ("));
        let read =
            Covered::parse(last.split_once(": ").expect("a line has a value").1).expect("what was written");
        assert_eq!(signature_base(&message, &read).expect("as before"), base.as_bytes());
    }
    if check_content_digest(&message, body).is_ok() {
        accepted("digest");
    }
}

fn reading(value: &str, body: &[u8]) {
    if let Ok(manifest) = Manifest::parse(body) {
        accepted("manifest");
        assert_eq!(manifest.encode(), body);
    }
    if let Some(id) = ClientKeyId::parse(value) {
        accepted("name of a key");
        assert_eq!(id.to_string(), value);
    }
}

impl Digest<'_> {
    fn field(&self, body: &[u8]) -> Option<String> {
        let long = || format!("sha-512=:{}:", base64(&Sha512::digest(body)));
        Some(match self {
            Self::Right => content_digest(body),
            Self::Long => long(),
            Self::Both => format!("{}, {}", content_digest(body), long()),
            Self::OfOther(other) => content_digest(other),
            Self::Text(text) => (*text).into(),
            Self::None => return None,
        })
    }
}

fn change(list: &mut Vec<String>, changes: &[Change<'_>], now: UnixTime) {
    for change in changes {
        let count = list.len().max(1);
        let place = |at: u8| usize::from(at) % count;
        match *change {
            Change::Add(text) => list.push(text.into()),
            Change::Component(at) => list.push(COMPONENTS[usize::from(at) % COMPONENTS.len()].into()),
            _ if list.is_empty() => {}
            Change::Drop(at) => drop(list.remove(place(at))),
            Change::Twice(at) => list.push(list[place(at)].clone()),
            Change::Swap(one, other) => list.swap(place(one), place(other)),
            Change::Put(at, text) => list[place(at)] = text.into(),
            Change::Time(at, seconds) => {
                let item = &mut list[place(at)];
                let name = item.split('=').next().unwrap_or_default();
                *item = format!("{name}={}", now.0.saturating_add_signed(seconds.into()));
            }
        }
    }
}

fn signed(plan: &Plan<'_>) {
    let (bank, client) = &*SCENE;
    let now = bank.now();
    let pick = |list: &[&'static str], at: u8| list[usize::from(at) % list.len()];
    let (method, uri) = (pick(&METHODS, plan.method), pick(&URIS, plan.uri));
    let mut message = Message::request(method, uri).expect("a token and a URI");
    if let Some(digest) = plan.digest.field(plan.body) {
        let Ok(with) = message.field("content-digest", digest) else { return };
        message = with;
    }
    for (name, value) in &plan.fields {
        let Ok(with) = message.field(pick(&FIELDS, *name), value) else { return };
        message = with;
    }
    let mut covered = ["\"@method\"", "\"@target-uri\"", "\"content-digest\""].map(str::to_owned).to_vec();
    change(&mut covered, &plan.covered, now);
    let nonce = format!("nonce-{:016x}", DRAWN.fetch_add(1, Ordering::Relaxed));
    let mut params = vec![
        format!("created={}", now.0),
        format!("expires={}", now.0 + 10),
        format!("nonce=\"{nonce}\""),
        format!("keyid=\"{}\"", client.id),
        "alg=\"ed25519\"".into(),
        format!("tag=\"{TAG}\""),
    ];
    change(&mut params, &plan.params, now);
    let params: String = params.iter().map(|param| format!(";{param}")).collect();
    let text = format!("({}){params}", covered.join(" "));
    // What has no base is refused before anything is looked up, whatever was signed.
    let base = Covered::parse(&text).ok().and_then(|covered| signature_base(&message, &covered).ok());
    let mut signature = sign(base.as_deref().unwrap_or(text.as_bytes()));
    let (mut label, mut body) = ("sig", plan.body);
    match plan.after {
        After::Nothing => {}
        After::Flip(at, bit) => {
            let at = usize::from(at) % signature.len();
            signature[at] ^= 1 << (bit % 8);
        }
        After::Body(other) => body = other,
        After::Label(other) => label = other,
    }
    let before = plan.second.map(|text| format!("{text}, ")).unwrap_or_default();
    let Ok(message) = message.field("signature-input", format!("{before}sig={text}")) else { return };
    let Ok(message) = message.field("signature", format!("{label}=:{}:", base64(&signature))) else { return };

    let requests = SignedRequests::new(&bank.cabinet, TAG);
    match requests.check(&message, body) {
        Err(error) => {
            let is_right = plan.covered.is_empty()
                && plan.params.is_empty()
                && plan.fields.is_empty()
                && plan.second.is_none()
                && matches!(plan.digest, Digest::Right | Digest::Long | Digest::Both)
                && matches!(plan.after, After::Nothing);
            assert!(!is_right, "a right request was refused: {error}");
        }
        Ok(found) => {
            accepted("request");
            assert!(found.key == client.id && found.account == client.account);
            assert!(!matches!(plan.after, After::Flip(..)), "another signature");
            let base = base.expect("what was accepted has a base");
            believed(&String::from_utf8(base).expect("a base is ASCII"), method, uri, body, now);
            assert!(requests.check(&message, body).is_err(), "a request is good once");
            // What is remembered of it is forgotten once its time is over.
            bank.clock.advance(1);
        }
    }
}

/// Reads the base as RFC 9421 §2.5 writes it: what must be covered is, and what the signature says of itself is right.
fn believed(base: &str, method: &str, uri: &str, body: &[u8], now: UnixTime) {
    let (bank, client) = &*SCENE;
    let has = |line: &str| base.lines().any(|found| found == line);
    assert!(has(&format!("\"@method\": {method}")) && has(&format!("\"@target-uri\": {uri}")));
    let digest = base.lines().find_map(|line| line.strip_prefix("\"content-digest\": ")).expect("covered");
    // Padding may be left out, and the bits beside the bytes may be anything (RFC 8941 §4.2.7).
    let is_of = |digest: &str, hash: &[u8]| digest.contains(&format!(":{}", &base64(hash)[..42]));
    assert!(is_of(digest, &Sha256::digest(body)) || is_of(digest, &Sha512::digest(body)), "{digest}");
    let last = base.lines().last().and_then(|line| line.strip_prefix("\"@signature-params\": "));
    let params = params(last.expect("the last line"));
    let get = |name: &str| params.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let time = |name: &str| get(name).map(|time| time.parse::<u64>().expect("a time"));
    let created = time("created").expect("it says when it was made");
    assert!(created.abs_diff(now.0) <= bank.cabinet.policy().request.tolerance, "{created}");
    assert!(time("expires").is_none_or(|expires| now.0 < expires));
    assert!(get("nonce").is_some_and(|nonce| (18..=130).contains(&nonce.len())));
    assert_eq!(get("keyid"), Some(&*format!("\"{}\"", client.id)));
    assert_eq!(get("tag"), Some(&*format!("\"{TAG}\"")));
    assert!(get("alg").is_none_or(|algorithm| algorithm == "\"ed25519\""));
}

/// The parameters of an inner list in its one form, behind the parenthesis that closes it.
fn params(list: &str) -> Vec<(String, String)> {
    let (mut is_quoted, mut is_escaped, mut is_behind) = (false, false, false);
    let mut params: Vec<String> = Vec::new();
    for character in list.chars() {
        let is_bare = !is_quoted;
        match character {
            ')' if is_bare && !is_behind => is_behind = true,
            ';' if is_bare && is_behind => params.push(String::new()),
            _ => params.last_mut().into_iter().for_each(|param| param.push(character)),
        }
        if character == '"' && !is_escaped {
            is_quoted = is_bare;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    let pair = |param: &String| {
        let (name, value) = param.split_once('=').unwrap_or((param, "?1"));
        (name.to_owned(), value.to_owned())
    };
    params.iter().map(pair).collect()
}
