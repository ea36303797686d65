//! Signed requests from strangers: whatever their fields hold, a base is made or refused, and a base that is made is one line for each
//! component; manifests and names of keys are read as they are written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_fuzz::{accepted, parts};
use zamok_protocols::request::{
    ClientKeyId, Covered, Manifest, Message, check_content_digest, signature_base, target_uri,
};

fuzz_target!(|input: &[u8]| {
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
});

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
