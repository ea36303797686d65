//! A life with the program, from the empty folder to the end of the session, judged by programs of others: codes by
//! oathtool, QR codes by zbarimg, tokens by PyJWT, signatures by openssl.

mod harness;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use harness::{Desk, PASSPHRASE, PASSWORD, Phone, heard, peer, python, scanned};
use serde_json::json;
use zamok::{Argon2Cost, Options, Passphrase, StoreUrl, Vault};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_a_vault_once_and_tells_what_it_made() {
    let desk = Desk::empty();
    let init = ["init", "--issuer", "Bank", "--profile", "seeds", "--argon2-memory", "1", "--json"];
    let made = desk.zamok(init).done().json();
    assert_eq!(made["store"], "sqlite:zamok.db");
    assert_eq!((&made["issuer"], &made["profile"]), (&json!("Bank"), &json!("seeds")));
    assert_eq!(made["argon2"], json!({"memory_mib": 1, "passes": 3}));
    assert!(made["origin"].as_str().is_some_and(|origin| !origin.is_empty()));
    assert_eq!(mode(&desk.path("zamok.db")), 0o600);
    desk.zamok(init).failed(4, 404, "vault-exists");
    // The profile came to stay: this password lacks a class of characters.
    desk.zamok(["register", "ivan", "--json"]).failed(2, 605, "password-classes");
}

#[test]
fn an_init_that_was_interrupted_is_finished_and_tells_the_cost_that_the_slots_have() {
    let desk = Desk::empty();
    let store = StoreUrl::Sqlite(desk.path("zamok.db")).create().unwrap();
    let options =
        Options { cost: Argon2Cost { memory_kib: 2 << 10, passes: 2, lanes: 1 }, ..Options::default() };
    drop(Vault::create(store, &Passphrase::from(PASSPHRASE), options).unwrap());
    let init = ["init", "--issuer", "Bank", "--argon2-memory", "1", "--argon2-passes", "1", "--json"];
    assert_eq!(desk.zamok(init).done().json()["argon2"], json!({"memory_mib": 2, "passes": 2}));
}

#[test]
fn the_qr_code_says_the_uri_in_every_form_and_to_its_owner_alone() {
    let desk = Desk::new();
    desk.zamok(["register", "ivan"]).done();
    for picture in ["qr.svg", "qr.png"] {
        let offered = desk.zamok(["enrol", "ivan", "--json", "--qr", picture]).done().json();
        assert_eq!((&offered["state"], &offered["qr"]), (&json!("offered"), &json!(picture)));
        let uri = offered["uri"].as_str().unwrap();
        assert!(uri.starts_with("otpauth://totp/Bank:ivan?secret="), "{uri}");
        let path = desk.path(picture);
        let picture = if picture.ends_with("svg") {
            let drawn = desk.path("drawn.png");
            heard(peer("rsvg-convert").arg("--output").arg(&drawn).arg(&path));
            drawn
        } else {
            path.clone()
        };
        assert_eq!(scanned(&picture), uri);
        assert_eq!(mode(&path), 0o600);
    }
    // As a terminal shows it: the half-blocks become a picture, which is scanned like the others.
    let shown = desk.zamok(["enrol", "ivan"]).done();
    let (blocks, text): (Vec<_>, Vec<_>) =
        shown.stdout.lines().partition(|line| line.chars().all(|character| " █▀▄".contains(character)));
    draw(&blocks, &desk.path("blocks.png"));
    assert_eq!(scanned(&desk.path("blocks.png")), text.join("\n"));
    assert!(shown.stderr.contains("--confirm CODE"), "without a terminal it says what to do next: {shown:?}");
}

/// Draws the half-blocks of a terminal, light ones as white.
fn draw(lines: &[&str], path: &Path) {
    const SCALE: usize = 6;
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        for half in ['▀', '▄'] {
            let light = |character| if character == '█' || character == half { 255 } else { 0 };
            rows.push(line.chars().flat_map(|character| [light(character); SCALE]).collect());
        }
    }
    let width = u32::try_from(rows[0].len()).unwrap();
    let height = u32::try_from(rows.len() * SCALE).unwrap();
    let pixels: Vec<u8> = rows.iter().flat_map(|row| row.repeat(SCALE)).collect();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

#[test]
fn a_generator_counts_only_after_its_test_code_and_every_code_once() {
    let desk = Desk::new();
    let registered = desk.zamok(["register", "Ivan", "--json"]).done().json();
    assert_eq!(registered["login"], "ivan");
    desk.zamok(["register", "IVAN", "--json"]).failed(2, 602, "login-taken");
    desk.zamok(["login", "ivan", "--code", "000000", "--json"]).failed(2, 608, "nothing-offered");
    desk.zamok(["enrol", "ivan", "--confirm", "000000", "--json"]).failed(2, 608, "nothing-offered");

    let offered = desk.zamok(["enrol", "ivan", "--json"]).done().json();
    let phone = Phone::scan(offered["uri"].as_str().unwrap());
    desk.zamok(["enrol", "ivan", "--confirm", &phone.wrong_code(), "--json"]).failed(1, 100, "rejected");
    let test_code = phone.code(0);
    let enrolled = desk.zamok(["enrol", "ivan", "--confirm", &test_code, "--json"]).done().json();
    assert_eq!(enrolled, json!({"login": "ivan", "state": "enrolled"}));
    desk.zamok(["enrol", "ivan", "--json"]).failed(2, 607, "factor-exists");

    desk.zamok(["login", "ivan", "--code", &test_code, "--json"]).failed(1, 100, "rejected");
    let next = phone.code(1);
    let login = desk.zamok_reading(&format!("{next}\n"), ["login", "ivan", "--json"]).done().json();
    assert_eq!(login["account"], registered["account"]);
    assert!(login["token"].as_str().is_some_and(|token| token.split('.').count() == 3));
    desk.zamok(["login", "ivan", "--code", &next, "--json"]).failed(1, 100, "rejected");

    let why = desk.zamok(["why", "ivan"]).done().stdout;
    assert_eq!(why.matches("reason: wrong code").count(), 1, "{why}");
    assert_eq!(why.matches("reason: code already used").count(), 2, "{why}");
}

#[test]
fn a_token_is_one_that_pyjwt_accepts() {
    let (desk, phone) = Desk::enrolled("ivan");
    let code = phone.code(1);
    let login =
        ["login", "ivan", "--code", &code, "--audience", "shop.example", "--token-file", "token", "--json"];
    let login = desk.zamok(login).done().json();
    assert_eq!(login["token"], json!(null), "the token is in its file alone");
    assert_eq!(mode(&desk.path("token")), 0o600);
    desk.write("jwks.json", desk.zamok(["jwks"]).done().stdout);
    desk.write(
        "check.py",
        "import json, jwt, sys\n\
         keys = jwt.PyJWKSet.from_json(open('jwks.json').read())\n\
         token = open('token').read().strip()\n\
         header = jwt.get_unverified_header(token)\n\
         key = keys[header['kid']]\n\
         claims = jwt.decode(token, key, algorithms=['ES256'], audience='shop.example', issuer='Bank',\n\
         \x20   options={'require': ['iss', 'sub', 'aud', 'exp', 'iat', 'jti']})\n\
         try:\n\
         \x20   jwt.decode(token, key, algorithms=['ES256'], audience='bank.example')\n\
         \x20   sys.exit('another audience was accepted')\n\
         except jwt.InvalidAudienceError:\n\
         \x20   pass\n\
         head, body, signature = token.split('.')\n\
         forged = '.'.join([head, body, ('B' if signature[0] == 'A' else 'A') + signature[1:]])\n\
         try:\n\
         \x20   jwt.decode(forged, key, algorithms=['ES256'], audience='shop.example')\n\
         \x20   sys.exit('a forged signature was accepted')\n\
         except jwt.InvalidSignatureError:\n\
         \x20   pass\n\
         print(json.dumps({'header': header, 'claims': claims}))\n",
    );
    let heard = heard(peer(python()).arg("check.py").current_dir(desk.folder()));
    let token: serde_json::Value = serde_json::from_str(&heard).unwrap();
    assert_eq!((&token["header"]["alg"], &token["header"]["typ"]), (&json!("ES256"), &json!("at+jwt")));
    let claims = &token["claims"];
    assert_eq!((&claims["sub"], &claims["sid"]), (&login["account"], &login["session"]));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 300);
    // It is meant for the shop, and does not serve here.
    desk.zamok(["journal", "show", "--token-file", "token", "--json"]).failed(1, 100, "rejected");
}

#[test]
fn a_signature_is_one_that_openssl_verifies_and_no_other_document_has_it() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    for (document, content) in [("promise.txt", &b"I owe the bank 100 roubles.\n"[..]), ("empty", b"")] {
        desk.write(document, content);
        let sign =
            ["sign", document, "--token-file", "token", "--public-key", "ivan.pem", "--overwrite", "--json"];
        let signed = desk.zamok(sign).done().json();
        assert_eq!(signed["signature"], format!("{document}.sig"));
        assert!(signed["entry"].is_u64(), "the entry is integrated: {signed}");
        let openssl = |document: &str, signature: &str| {
            let mut openssl = peer("openssl");
            openssl.args(["dgst", "-sha256", "-verify", "ivan.pem", "-signature", signature, document]);
            openssl.current_dir(desk.folder()).output().expect("openssl is there").status.success()
        };
        assert!(openssl(document, &format!("{document}.sig")));
        for signer in [["--public-key", "ivan.pem"], ["--login", "ivan"]] {
            let verified = desk.zamok(["verify", document, signer[0], signer[1], "--json"]).done().json();
            assert_eq!(verified, json!({"file": document, "valid": true}));
        }
        let mut changed = content.to_vec();
        changed.push(b' ');
        desk.write("changed", changed);
        let signature = format!("{document}.sig");
        assert!(!openssl("changed", &signature));
        let verify = ["verify", "changed", "--signature", &signature, "--public-key", "ivan.pem", "--json"];
        desk.zamok(verify).failed(1, 100, "rejected");
    }
    // Somebody else's key does not fit.
    desk.zamok(["register", "anna"]).done();
    desk.zamok(["verify", "promise.txt", "--login", "anna", "--json"]).failed(1, 100, "rejected");
}

#[test]
fn the_owner_reads_the_journal_and_keeps_a_proof_that_holds_without_the_vault() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.zamok(["login", "ivan", "--code", &phone.wrong_code()]);
    desk.log_in("ivan", &phone);
    desk.write("note", "text");
    let signed = desk.zamok(["sign", "note", "--token-file", "token", "--json"]).done().json();
    let index = signed["entry"].as_u64().unwrap().to_string();

    let page =
        desk.zamok(["journal", "show", "--token-file", "token", "--limit", "1000", "--json"]).done().json();
    let entries = page["entries"].as_array().unwrap();
    let events: Vec<_> = entries.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!((events[0], *events.last().unwrap()), ("signature.made", "key.created"));
    assert!(events.contains(&"code.rejected"));
    assert!(
        !page.to_string().contains("reason"),
        "the owner's screen does not say which codes were used: {page}"
    );
    let order: Vec<_> = entries.iter().map(|entry| entry["index"].as_u64().unwrap()).collect();
    assert!(order.is_sorted_by(|newer, older| newer > older), "{order:?}");
    assert_eq!(page["next"], json!(null));

    // Pages hold the same entries, each once.
    let (mut paged, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut arguments = vec![
            "journal".into(),
            "show".into(),
            "--token-file=token".into(),
            "--limit=2".into(),
            "--json".into(),
        ];
        arguments.extend(after.map(|after| format!("--after={after}")));
        let page = desk.zamok(&arguments).done().json();
        paged.extend(page["entries"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = Some(next.into()),
            None => break,
        }
    }
    assert_eq!(&paged, entries);

    let prove = ["journal", "prove", &index, "--token-file", "token", "--output", "proof", "--json"];
    let proved = desk.zamok(prove).done().json();
    let alone = Desk::empty();
    alone.write("proof", desk.read("proof"));
    let checked = alone.zamok(["check-proof", "proof", "--json"]).done().json();
    assert_eq!((&checked["valid"], &checked["event"]), (&json!(true), &json!("signature.made")));
    assert_eq!((&checked["root"], &checked["index"]), (&proved["root"], &signed["entry"]));
    let root = proved["root"].as_str().unwrap();
    alone.zamok(["check-proof", "proof", "--root", root]).done();
    for other in ["00", "", &root[..8]] {
        alone.zamok(["check-proof", "proof", "--root", other, "--json"]).failed(1, 100, "rejected");
    }
    let forged = String::from_utf8(desk.read("proof")).unwrap().replace(&format!("index {index}"), "index 1");
    alone.write("forged", forged);
    alone.zamok(["check-proof", "forged", "--json"]).failed(1, 100, "rejected");

    // The first entry of a log is the vault's own.
    let prove = ["journal", "prove", "0", "--token-file", "token", "--json"];
    desk.zamok(prove).failed(2, 900, "usage");
}

#[test]
fn the_operator_sees_the_delay_that_the_owner_does_not() {
    let (desk, phone) = Desk::enrolled("ivan");
    let quiet = desk.zamok(["why", "ivan", "--json"]).done().json();
    assert_eq!(quiet["refusals"], json!([]));
    assert_eq!(
        quiet["generator"],
        json!({"state": "enrolled", "failures_in_a_row": 0, "delayed_until": null})
    );
    for _ in 0..5 {
        let mut wrong = desk.command(["login", "ivan", "--code", "000000", "--json"]);
        harness::run(wrong.env("ZAMOK_PASSWORD", "a password of somebody else")).failed(1, 100, "rejected");
    }
    // Even what is right is refused now, in the same words.
    let right = ["login", "ivan", "--code", &phone.code(1), "--json"];
    desk.zamok(right).failed(1, 100, "rejected");
    let why = desk.zamok(["why", "ivan", "--json"]).done().json();
    assert_eq!(why["password"]["failures_in_a_row"], 5);
    let newest = &why["refusals"][1];
    let until = why["password"]["delayed_until"].as_u64().expect("the delay has an end");
    assert_eq!(until, newest["time"].as_u64().unwrap() + 30, "{why}");
    assert_eq!(newest["detail"]["reason"], "wrong password");
    assert_eq!(why["refusals"][0]["event"], "login.refused-while-delayed");
    desk.zamok(["why", "anna", "--json"]).failed(1, 100, "rejected");
}

#[test]
fn the_doctor_finds_a_fresh_vault_well_and_open_files_wrong() {
    let (desk, _) = Desk::enrolled("ivan");
    let sound = desk.zamok(["doctor", "--json"]).done().json();
    assert_eq!(sound["sound"], true);
    let checks = sound["checks"].as_array().unwrap();
    for name in [
        "store file",
        "store log",
        "durability",
        "store structure",
        "memory",
        "core dumps",
        "journal",
        "clock",
    ] {
        assert!(checks.iter().any(|check| check["name"] == name), "{name} is missing in {sound}");
    }
    let dumps = checks.iter().find(|check| check["name"] == "core dumps").unwrap();
    assert_eq!(dumps["grade"], "ok", "{sound}");
    fs::set_permissions(desk.path("zamok.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = desk.zamok(["doctor", "--json"]);
    assert_eq!((open.exit, &open.json()["sound"]), (1, &json!(false)), "{open:?}");
    assert_eq!(mode(&desk.path("zamok.db")), 0o600, "what was found open is closed");
    desk.zamok(["doctor"]).done();
}

#[test]
fn a_session_that_was_ended_serves_no_more() {
    let (desk, phone) = Desk::enrolled("ivan");
    desk.log_in("ivan", &phone);
    desk.zamok(["journal", "show", "--token-file", "token"]).done();
    desk.zamok(["logout", "--token-file", "token"]).done();
    desk.zamok(["journal", "show", "--token-file", "token", "--json"]).failed(1, 609, "session-ended");
}

/// The path of a phone by hand: `zbarimg` reads the QR code, `oathtool` makes the codes, an operator shows the door.
#[test]
fn a_session_is_listed_and_ended_by_an_operator() {
    let (desk, phone) = Desk::enrolled("ivan");
    assert_eq!(desk.zamok(["sessions", "list", "ivan", "--json"]).done().json()["sessions"], json!([]));
    desk.log_in("ivan", &phone);
    let listed = desk.zamok(["sessions", "list", "ivan", "--json"]).done().json();
    let session = &listed["sessions"][0];
    assert_eq!(session["factors"], json!(["password", "generator"]), "{listed}");
    assert_eq!(session["assurance"], "substantial", "{listed}");
    let id = session["session"].as_str().unwrap();
    assert!(desk.zamok(["sessions", "list", "ivan"]).done().stdout.contains(id));
    desk.zamok(["journal", "show", "--token-file", "token"]).done();
    assert_eq!(desk.zamok(["sessions", "revoke", "ivan", &id[..7]]).exit, 2, "too few digits");
    let ended = desk.zamok(["sessions", "revoke", "ivan", &id[..8], "--reason", "lost phone", "--json"]);
    assert_eq!(ended.done().json()["ended"], id);
    desk.zamok(["journal", "show", "--token-file", "token", "--json"]).failed(1, 609, "session-ended");
    assert_eq!(desk.zamok(["sessions", "list", "ivan", "--json"]).done().json()["sessions"], json!([]));
    desk.zamok(["sessions", "revoke", "ivan", "--all"]).done();
}

#[test]
fn nothing_that_is_secret_is_in_the_store_the_log_or_the_output() {
    let (desk, phone) = Desk::enrolled("ivan");
    let mut login = desk.command(["login", "ivan", "--code", &phone.code(1), "--token-file", "token"]);
    let login = harness::run(login.env("ZAMOK_LOG", "trace")).done();
    assert!(login.stderr.contains("the vault was unlocked"), "there is a log: {}", login.stderr);
    let secret = phone.parameter("secret");
    let token = String::from_utf8(desk.read("token")).unwrap();
    let store = desk.read("zamok.db");
    for wanted in [secret, &secret.to_lowercase(), PASSWORD, PASSPHRASE, token.trim()] {
        assert!(!login.stderr.contains(wanted) && !login.stdout.contains(wanted), "{wanted} was told");
        assert!(!store.windows(wanted.len()).any(|bytes| bytes == wanted.as_bytes()), "{wanted} is stored");
    }
}
