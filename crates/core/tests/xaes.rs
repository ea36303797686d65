//! XAES-256-GCM (C2SP), the accumulated randomized test: 10,000 keys, nonces, texts and associated data, and the hash of what they are
//! sealed to. The random numbers and the hash are SHAKE-128, which Python computes.

mod peers;

use std::process::Command;

use zamok_core::Error;
use zamok_core::aead::{xaes_open, xaes_seal};

const CASES: usize = 10_000;

const DRAW: &str = "
import hashlib
stream = hashlib.shake_128(b'').digest(567 * 10_000)
at = 0
def take(length):
    global at
    at += length
    return stream[at - length:at]
def opaque():
    return take(take(1)[0])
for _ in range(10_000):
    print(take(32).hex(), take(24).hex(), opaque().hex(), opaque().hex(), sep=',')
";

const HASH: &str = "
import hashlib, sys
print(hashlib.shake_128(bytes.fromhex(sys.stdin.read())).hexdigest(32))
";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn python(program: &str, input: &str) -> Vec<String> {
    let python = std::env::var_os("ZAMOK_PYTHON").unwrap_or_else(|| "python3".into());
    peers::lines(Command::new(python).args(["-c", program]), input)
}

#[test]
fn ten_thousand_messages_are_sealed_to_the_hash_of_the_specification() {
    let drawn = python(DRAW, "");
    assert_eq!(drawn.len(), CASES);
    // SHAKE-128 of nothing, as the specification begins it.
    assert!(drawn[0].starts_with("7f9c2ba4e88f827d616045507605853e"));
    let mut all = String::new();
    for line in &drawn {
        let [key, nonce, plain, associated] =
            line.split(',').map(unhex).collect::<Vec<_>>().try_into().unwrap();
        let (key, nonce) = (key.try_into().unwrap(), nonce.try_into().unwrap());
        let sealed = xaes_seal(&key, &nonce, &associated, &plain).unwrap();
        assert_eq!(xaes_open(&key, &nonce, &associated, &sealed).unwrap()[..], plain);
        let other = [&associated[..], b"x"].concat();
        assert_eq!(xaes_open(&key, &nonce, &other, &sealed).unwrap_err(), Error::Rejected);
        all.extend(sealed.iter().map(|byte| format!("{byte:02x}")));
    }
    let expected = "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939";
    assert_eq!(python(HASH, &all), [expected]);
}
