//! The examples of RFC 9421 appendix B.2: their signature bases and signatures, with the keys of appendix B.1.
#![allow(missing_docs)]

use base64ct::{Base64, Encoding};
use zamok_core::Error as CoreError;
use zamok_core::hash::sha512;
use zamok_core::mechanism::Mechanism;
use zamok_core::signature::{Prepared, Signature, VerifyingKey};
use zamok_core::vault::macs;
use zamok_protocols::Error;
use zamok_protocols::request::{Covered, Message, check_content_digest, signature_base};

const RSA_PSS: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----";

const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----";

const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----";

const SECRET: &str =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

const REQUEST_DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const RESPONSE_DIGEST: &str =
    "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:";

fn with(message: Message, fields: &[(&str, &str)]) -> Message {
    fields.iter().fold(message, |message, (name, value)| message.field(name, value).unwrap())
}

fn request() -> Message {
    let request = Message::request("POST", "https://example.com/foo?param=Value&Pet=dog").unwrap();
    with(
        request,
        &[
            ("Host", "example.com"),
            ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("Content-Type", "application/json"),
            ("Content-Digest", REQUEST_DIGEST),
            ("Content-Length", "18"),
        ],
    )
}

fn response() -> Message {
    with(
        Message::response(200),
        &[
            ("Date", "Tue, 20 Apr 2021 02:07:56 GMT"),
            ("Content-Type", "application/json"),
            ("Content-Digest", RESPONSE_DIGEST),
            ("Content-Length", "23"),
        ],
    )
}

fn verify(pem: &str, mechanism: Mechanism, base: &[u8], signature: &str) -> Result<(), CoreError> {
    let key = VerifyingKey::from_spki_pem(pem).unwrap();
    let signature = Signature::from_fixed(key.algorithm(), &Base64::decode_vec(signature).unwrap())?;
    key.verify(mechanism, Prepared::Message(base), &signature.to_der())
}

/// What is signed, and that the signature of the standard is right for it and wrong for a byte less.
fn example(message: &Message, input: &str, pem: &str, mechanism: Mechanism, signature: &str) -> String {
    let base = signature_base(message, &Covered::parse(input).unwrap()).unwrap();
    assert_eq!(verify(pem, mechanism, &base, signature), Ok(()), "{input}");
    assert!(verify(pem, mechanism, &base[..base.len() - 1], signature).is_err());
    String::from_utf8(base).unwrap()
}

#[test]
fn b_2_1_minimal_signature_with_rsa_pss() {
    let input = r#"();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#;
    let signature = "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==";
    let base = example(&request(), input, RSA_PSS, Mechanism::RsaPssSha512, signature);
    assert_eq!(base, format!("\"@signature-params\": {input}"));
}

#[test]
fn b_2_2_selective_components_with_rsa_pss() {
    let input = r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#;
    let signature = "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==";
    let base = example(&request(), input, RSA_PSS, Mechanism::RsaPssSha512, signature);
    let expected = format!(
        "\"@authority\": example.com\n\"content-digest\": {REQUEST_DIGEST}\n\"@query-param\";name=\"Pet\": dog\n\"@signature-params\": {input}"
    );
    assert_eq!(base, expected);
}

#[test]
fn b_2_3_full_coverage_with_rsa_pss() {
    let input = r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#;
    let signature = "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==";
    let base = example(&request(), input, RSA_PSS, Mechanism::RsaPssSha512, signature);
    assert!(base.contains("\n\"@query\": ?param=Value&Pet=dog\n"), "{base}");
}

#[test]
fn b_2_4_a_response_with_ecdsa() {
    let input = r#"("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256""#;
    let signature =
        "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==";
    let base = example(&response(), input, P256, Mechanism::EcdsaSha256, signature);
    assert!(base.starts_with("\"@status\": 200\n"));
    assert_eq!(check_content_digest(&response(), br#"{"message": "good dog"}"#), Ok(()));
}

#[test]
fn b_2_5_hmac() {
    let input = r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let base = signature_base(&request(), &Covered::parse(input).unwrap()).unwrap();
    let secret = Base64::decode_vec(SECRET).unwrap();
    let tag = macs::hmac(Mechanism::HmacSha256, &secret, &base).unwrap();
    assert_eq!(Base64::encode_string(&tag), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
}

#[test]
fn b_2_6_ed25519() {
    let input = r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    let signature =
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    example(&request(), input, ED25519, Mechanism::Ed25519, signature);
}

#[test]
fn content_digest_is_that_of_the_body_and_of_no_other() {
    let body = br#"{"hello": "world"}"#;
    assert_eq!(check_content_digest(&request(), body), Ok(()));
    assert_eq!(sha512(&[body]).len(), 64);
    let rejected = Err(Error::Cabinet(CoreError::Rejected.into()));
    assert_eq!(check_content_digest(&request(), br#"{"hello": "moon"}"#), rejected);
    assert_eq!(check_content_digest(&request(), b""), rejected);
    let of = |value: &str| {
        let message = Message::request("POST", "https://example.com/").unwrap();
        check_content_digest(&with(message, &[("content-digest", value)]), body)
    };
    let right = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    assert_eq!(of(right), Ok(()));
    // RFC 9530 §6.5: broken algorithms count for nothing, wherever they stand.
    assert_eq!(of(&format!("md5=:AAAA:, {right}")), Ok(()));
    assert!(matches!(of("md5=:Sd/dVLAcvNLSq16eXua5uQ==:"), Err(Error::Unsigned(_))));
    assert_eq!(
        of(&format!("{right}, {}", REQUEST_DIGEST.replace("WZ", "XZ"))),
        rejected,
        "one of two is wrong"
    );
    for unreadable in ["", "sha-256", "sha-256=\"x\"", "sha-256=:not base64:", "sha-256=(:AAAA:)"] {
        assert!(matches!(of(unreadable), Err(Error::Unsigned(_))), "{unreadable}");
    }
    assert!(matches!(check_content_digest(&Message::response(200), body), Err(Error::Unsigned(_))));
}

#[test]
fn derived_components_and_fields_are_as_section_2_has_them() {
    let base = |message: &Message, input: &str| {
        let found = signature_base(message, &Covered::parse(input)?)?;
        Ok::<_, Error>(
            String::from_utf8(found).unwrap().split("\n\"@signature-params\"").next().unwrap().to_owned(),
        )
    };
    let of = |uri: &str, component: &str| {
        base(&Message::request("POST", uri).unwrap(), &format!("({component});created=1"))
            .map(|line| line.rsplit_once("\": ").or(line.split_once(": ")).unwrap().1.to_owned())
    };
    // §2.2.2 to §2.2.7.
    let uri = "HTTPS://WWW.Example.com:443/path?param=value";
    assert_eq!(of(uri, "\"@target-uri\"").unwrap(), uri);
    assert_eq!(of(uri, "\"@authority\"").unwrap(), "www.example.com");
    assert_eq!(of("http://www.example.com:8080/", "\"@authority\"").unwrap(), "www.example.com:8080");
    assert_eq!(of(uri, "\"@scheme\"").unwrap(), "https");
    assert_eq!(of(uri, "\"@request-target\"").unwrap(), "/path?param=value");
    assert_eq!(of("https://www.example.com", "\"@path\"").unwrap(), "/");
    assert_eq!(of("https://www.example.com/path", "\"@query\"").unwrap(), "?");
    assert_eq!(of("https://www.example.com/path?", "\"@query\"").unwrap(), "?");
    // §2.2.8.
    let uri = "https://www.example.com/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&q=&twice=1&twice=2";
    let parameter = |name: &str| of(uri, &format!("\"@query-param\";name=\"{name}\""));
    assert_eq!(parameter("var").unwrap(), "this%20is%20a%20big%0Amultiline%20value");
    assert_eq!(parameter("bar").unwrap(), "with%20plus%20whitespace");
    assert_eq!(parameter("fa%C3%A7ade%22%3A%20").unwrap(), "something");
    assert!(parameter("twice").is_err() && parameter("none").is_err());
    // §2.1: white space goes, lines are joined; §2.1.2, §2.1.3.
    let message = with(
        Message::request("GET", "https://www.example.com/").unwrap(),
        &[
            ("X-OWS", "   padded   "),
            ("Cache-Control", "max-age=60"),
            ("cache-control", "    must-revalidate"),
            ("Empty", ""),
            ("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
        ],
    );
    assert_eq!(base(&message, "(\"x-ows\")").unwrap(), "\"x-ows\": padded");
    assert_eq!(
        base(&message, "(\"cache-control\")").unwrap(),
        "\"cache-control\": max-age=60, must-revalidate"
    );
    assert_eq!(base(&message, "(\"empty\")").unwrap(), "\"empty\": ");
    assert_eq!(
        base(&message, "(\"example-dict\";key=\"b\")").unwrap(),
        "\"example-dict\";key=\"b\": 2;x=1;y=2"
    );
    assert_eq!(
        base(&message, "(\"example-dict\";key=\"c\")").unwrap(),
        "\"example-dict\";key=\"c\": (a b c)"
    );
    assert_eq!(
        base(&message, "(\"cache-control\";bs)").unwrap(),
        "\"cache-control\";bs: :bWF4LWFnZT02MA==:, :bXVzdC1yZXZhbGlkYXRl:"
    );
    // §2.5: what cannot be signed without doubt is not signed.
    for refused in [
        "(\"X-OWS\")",
        "(\"x-ows\" \"x-ows\")",
        "(\"missing\")",
        "(\"@status\")",
        "(\"@unknown\")",
        "(\"@method\";key=\"a\")",
        "(\"@method\";req)",
        "(\"x-ows\";tr)",
        "(\"x-ows\";bs;sf)",
        "(\"example-dict\";key=\"z\")",
        "(x-ows)",
        "(1)",
        "\"x-ows\"",
        "(\"x-ows\"), (\"x-ows\")",
        "",
    ] {
        assert!(base(&message, refused).is_err(), "{refused}");
    }
    assert!(Message::request("GET", "/relative").is_err());
    assert!(Message::request("GE T", "https://www.example.com/").is_err());
    assert!(Message::request("GET", "https://www.example.com/\"\n\"x\": y").is_err());
    assert!(Message::response(200).field("x", "a\r\nb").is_err());
}
