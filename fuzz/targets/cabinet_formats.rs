//! What the cabinet reads: hashes of passwords by others, phones and addresses, contents of operations, tokens of devices. What is
//! read is in its normal form, or written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_cabinet::{ContactKind, Content, DeviceToken, ImportedPassword};
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    if let Ok(content) = Content::from_bytes(input) {
        accepted("content");
        assert_eq!(content.to_bytes(), input);
        assert!(!content.text().is_empty());
    }
    let Ok(text) = str::from_utf8(input) else { return };
    if ImportedPassword::parse(text).is_ok() {
        accepted("hash");
    }
    // Keycloak's two columns, one a line.
    if let Some((credential, secret)) = text.split_once('\n')
        && ImportedPassword::keycloak(credential, secret).is_ok()
    {
        accepted("keycloak");
    }
    if let Ok((kind, address)) = ContactKind::parse(text) {
        match kind {
            ContactKind::Phone => accepted("phone"),
            ContactKind::Email => accepted("e-mail"),
        }
        assert_eq!(ContactKind::parse(&address).expect("a normal form is one"), (kind, address));
    }
    if let Some(token) = DeviceToken::parse(text) {
        accepted("token of a device");
        assert!(token.to_text().eq_ignore_ascii_case(text.trim()));
    }
});
