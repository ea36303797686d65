//! PSKC against the Python package python-pskc, in both directions: plain, AES in CBC mode, key wrap, PBKDF2.

mod peers;
mod tier;

use base64ct::{Base64, Encoding};
use rand_core::{TryCryptoRng, TryRng};
use std::convert::Infallible;
use std::io::Write as _;
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zamok_core::mac::hmac_sha256;
use zamok_core::otp::{Digits, HotpParameters, TotpParameters};
use zamok_core::secret::Secret;
use zamok_exchange::{
    Fault, Format, KeyUsage, MacHash, PinPolicy, Protection, PskcKey, PskcOptions, PskcReader, PskcWriter,
    TokenKind, TokenPolicy, TokenRecord,
};
use zeroize::Zeroizing;

/// Random bytes that repeat: SplitMix64.
struct Chance(u64);

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.number() >> 32).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.number())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.iter_mut().for_each(|byte| *byte = self.number().to_le_bytes()[0]);
        Ok(())
    }
}

impl TryCryptoRng for Chance {}

impl Chance {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn record(&mut self, number: u64) -> TokenRecord {
        let mut secret = vec![0; usize::try_from(16 + self.number() % 49).unwrap()];
        self.try_fill_bytes(&mut secret).unwrap();
        let algorithm = HashAlgorithm::ALL[usize::try_from(number % 3).unwrap()];
        let digits = Digits::new(6 + u8::try_from(self.number() % 3).unwrap()).unwrap();
        let kind = if number.is_multiple_of(2) {
            TokenKind::Hotp { parameters: HotpParameters { algorithm, digits }, counter: self.number() >> 2 }
        } else {
            let period = 1 + self.number() % 120;
            TokenKind::totp(TotpParameters { algorithm, digits, period, ..TotpParameters::default() })
        };
        let mut record = TokenRecord::new(
            format!("T{number}"),
            format!("user {number} <&>\"é"),
            kind,
            Secret::new(&secret).unwrap(),
        );
        record.issuer = Some("Bank & Sons".to_owned());
        record
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token as one line that both sides can print.
fn line(record: &TokenRecord) -> String {
    let (moving, period) = match record.kind {
        TokenKind::Hotp { counter, .. } => (counter.to_string(), "None".to_owned()),
        TokenKind::Totp { parameters, .. } => ("None".to_owned(), parameters.period.to_string()),
        TokenKind::Ocra { .. } => panic!("no peer for it"),
    };
    let suite = match record.kind.algorithm() {
        HashAlgorithm::Sha1 => "None".to_owned(),
        other => format!("HMAC-{}", other.otpauth_name()),
    };
    let secret = hexadecimal(record.secret.expose());
    format!(
        "{}|{}|{secret}|{moving}|{period}|{suite}|{}",
        record.id,
        record.kind.name(),
        record.kind.digits()
    )
}

const READ: &str = "
import sys
from pskc import PSKC
how, _, xml = sys.stdin.read().partition('\\n')
open_with, _, value = how.partition(' ')
import io
pskc = PSKC(io.BytesIO(xml.encode()))
if open_with == 'key': pskc.encryption.key = bytes.fromhex(value)
if open_with == 'password': pskc.encryption.derive_key(value)
for key in pskc.keys:
    assert key.check() is True
    kind = key.algorithm.rsplit(':', 1)[1].upper()
    print('|'.join(map(str, [key.serial, kind, key.secret.hex(), key.counter, key.time_interval,
                             key.algorithm_suite, key.response_length])))
";

const WRITE: &str = "
import sys, io
from pskc import PSKC
lines = sys.stdin.read().splitlines()
how, value, algorithm, mac, prf, fields = lines[0].split(' ')
pskc = PSKC()
if mac != '-': pskc.mac.algorithm = mac
if how == 'key': pskc.encryption.setup_preshared_key(key=bytes.fromhex(value), algorithm=algorithm, fields=fields.split(','))
if how == 'password':
    pskc.encryption.setup_pbkdf2(value, algorithm=algorithm, iterations=1000, prf=None if prf == '-' else prf,
                                 fields=fields.split(','))
for line in lines[1:]:
    serial, kind, secret, counter, period, suite, digits = line.split('|')
    key = pskc.add_key(id=serial, serial=serial, algorithm='urn:ietf:params:xml:ns:keyprov:pskc:' + kind.lower())
    key.secret = bytes.fromhex(secret)
    if counter != 'None': key.counter = int(counter)
    if period != 'None': key.time_interval = int(period)
    if suite != 'None': key.algorithm_suite = suite
    key.response_length = int(digits)
    key.response_encoding = 'DECIMAL'
out = io.BytesIO()
pskc.write(out)
sys.stdout.write(out.getvalue().decode())
";

fn write(records: &[TokenRecord], protection: &Protection, chance: &mut Chance) -> String {
    let mut writer = PskcWriter::new(Vec::new(), protection, chance).unwrap();
    records.iter().for_each(|record| writer.write(record).unwrap());
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn read(text: &str, key: PskcKey) -> Result<Vec<TokenRecord>, Fault> {
    let options = PskcOptions { key, ..PskcOptions::default() };
    let reader = PskcReader::new(text.as_bytes(), options).map_err(|error| error.fault())?;
    reader.map(|record| record.map_err(|error| error.fault())).collect()
}

fn password(text: &str) -> PskcKey {
    PskcKey::Password(Zeroizing::new(text.as_bytes().to_vec()))
}

#[test]
fn what_we_write_the_peer_reads_plain_with_a_key_and_with_a_password() {
    let count = u64::from(tier::pick(20, 200, 2_000));
    let mut chance = Chance(6030);
    let records: Vec<_> = (0..count).map(|number| chance.record(number)).collect();
    let expected: Vec<_> = records.iter().map(line).collect();
    let key = Zeroizing::new([0x42; 32]);
    let mut cases = vec![(Protection::Plain, "plain".to_owned(), PskcKey::None)];
    for mac in [MacHash::Sha1, MacHash::Sha256, MacHash::Sha512] {
        let name = "our <key> & yours".to_owned();
        let how = format!("key {}", hexadecimal(&key[..]));
        cases.push((
            Protection::PreShared { key: key.clone(), name, mac },
            how,
            PskcKey::PreShared(Zeroizing::new(key.to_vec())),
        ));
        let secret = Zeroizing::new("pass wörd".as_bytes().to_vec());
        cases.push((
            Protection::Password { password: secret, iterations: 1000, mac },
            "password pass wörd".to_owned(),
            password("pass wörd"),
        ));
    }
    for (protection, how, key) in cases {
        let text = write(&records, &protection, &mut chance);
        let theirs = peers::python(READ, &format!("{how}\n{text}"));
        assert_eq!(theirs.lines().collect::<Vec<_>>(), expected, "{protection:?}");
        let ours = read(&text, key).unwrap();
        assert_eq!(ours.iter().map(line).collect::<Vec<_>>(), expected, "{protection:?}");
        for (ours, original) in ours.iter().zip(&records) {
            assert_eq!(
                (&ours.account, &ours.issuer, ours.kind),
                (&original.account, &original.issuer, original.kind)
            );
        }
        if !matches!(protection, Protection::Plain) {
            for record in &records {
                assert!(!text.contains(&hexadecimal(record.secret.expose())));
            }
            assert_eq!(read(&text, PskcKey::None).unwrap_err(), Fault::KeyNeeded);
            // No block of CBC mode of which anybody knows the plaintext: neither of the MAC key nor all padding.
            let values: Vec<_> = ciphertexts(&text).collect();
            assert!(text.contains(&format!("<pskc:MACKey>{WRAP}")) && values.len() == records.len() + 1);
            for (value, record) in values[1..].iter().zip(&records) {
                let wraps = record.secret.expose().len().is_multiple_of(8);
                assert!(
                    text.contains(&format!("{WRAP}<xenc:CipherData><xenc:CipherValue>{value}<")) == wraps
                );
            }
        }
    }
}

const WRAP: &str = "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#kw-aes256\"/>";

/// What is encrypted in a container, the MAC's key first.
fn ciphertexts(text: &str) -> impl Iterator<Item = &str> {
    text.split("CipherValue>").skip(1).step_by(2).filter_map(|text| text.split('<').next())
}

#[test]
fn a_mac_key_that_was_cut_down_to_its_padding_forges_nothing() {
    let mut chance = Chance(7);
    let key = [0x24; 32];
    let how = format!("key {} aes256-cbc hmac-sha256 - secret", hexadecimal(&key));
    let text = peers::python(WRITE, &format!("{how}\n{}", line(&chance.record(0))));
    let opener = || PskcKey::PreShared(Zeroizing::new(key.to_vec()));
    assert!(read(&text, opener()).is_ok());
    let [mac_key, secret] = ciphertexts(&text).collect::<Vec<_>>()[..] else { panic!("{text}") };
    let (old_key, old_secret) = (Base64::decode_vec(mac_key).unwrap(), Base64::decode_vec(secret).unwrap());
    // The key has 32 bytes: its last block is padding alone, and decrypts to nothing behind the block before it.
    let cut = Base64::encode_string(&old_key[old_key.len() - 32..]);
    let mut forged = old_secret.clone();
    forged[0] ^= 1;
    let tag = |key: &[u8], value: &[u8]| Base64::encode_string(&hmac_sha256(key, &[value]));
    let mac = text.split("ValueMAC>").nth(1).and_then(|text| text.split('<').next()).unwrap();
    let forgery = text
        .replace(mac_key, &cut)
        .replace(secret, &Base64::encode_string(&forged))
        .replace(mac, &tag(b"", &forged));
    assert_ne!(forgery, text);
    assert_eq!(read(&forgery, opener()).unwrap_err(), Fault::Refused);
}

#[test]
fn what_the_peer_writes_we_read_with_every_cipher_mac_and_derivation() {
    let count = u64::from(tier::pick(20, 100, 1_000));
    let mut chance = Chance(3060);
    let records: Vec<_> = (0..count).map(|number| chance.record(number)).collect();
    // The peer's key wrap takes whole blocks alone where it is not the padded one, which it chooses by itself.
    let expected: Vec<_> = records.iter().map(line).collect();
    let mut compared = 0;
    for (algorithm, len) in [
        ("aes128-cbc", 16),
        ("aes192-cbc", 24),
        ("aes256-cbc", 32),
        ("kw-aes128", 16),
        ("kw-aes192", 24),
        ("kw-aes256", 32),
    ] {
        for (mac, prf) in [("-", "-"), ("hmac-sha256", "hmac-sha256"), ("hmac-sha512", "hmac-sha512")] {
            let key = vec![0x24; len];
            let wraps = algorithm.starts_with("kw");
            let fits = |record: &&TokenRecord| !wraps || record.secret.expose().len().is_multiple_of(8);
            let chosen: Vec<_> = records.iter().zip(&expected).filter(|(record, _)| fits(record)).collect();
            let lines: Vec<_> = chosen.iter().map(|(_, line)| line.as_str()).collect();
            for (how, opener) in [
                (format!("key {}", hexadecimal(&key)), PskcKey::PreShared(Zeroizing::new(key.clone()))),
                ("password qwerty".to_owned(), password("qwerty")),
            ] {
                let input = format!("{how} {algorithm} {mac} {prf} secret\n{}", lines.join("\n"));
                let text = peers::python(WRITE, &input);
                assert!(
                    !text.contains("PlainValue") || !text.contains("<pskc:Secret>\n     <pskc:PlainValue")
                );
                let ours =
                    read(&text, opener).unwrap_or_else(|fault| panic!("{algorithm} {mac}: {fault}\n{text}"));
                assert_eq!(ours.iter().map(line).collect::<Vec<_>>(), lines, "{algorithm} {mac} {how}");
                compared += ours.len();
                let wrong = PskcKey::PreShared(Zeroizing::new(vec![0x25; len]));
                let wrong = if how.starts_with("key") { wrong } else { password("qwertz") };
                assert_eq!(read(&text, wrong).unwrap_err(), Fault::Refused, "{algorithm} {mac}");
            }
        }
    }
    let _ = writeln!(std::io::stderr(), "{compared} tokens compared");
    assert!(compared as u64 > count * 18);
}

#[test]
fn encrypted_counters_of_the_peer_are_read() {
    let kind = |counter| TokenKind::Hotp { parameters: HotpParameters::default(), counter };
    for counter in [0_u64, 7, 200, 65_535, 1 << 40, u64::MAX] {
        let record = TokenRecord::new("T", "", kind(counter), Secret::new(&[9; 20]).unwrap());
        let input = format!("key {} aes128-cbc - - secret,counter\n{}", "33".repeat(16), line(&record));
        let text = peers::python(WRITE, &input);
        let ours = read(&text, PskcKey::PreShared(Zeroizing::new(vec![0x33; 16]))).unwrap();
        assert_eq!(ours[0].kind, kind(counter), "{counter}");
    }
}

#[test]
fn equal_secrets_look_different_and_no_two_containers_share_salt_or_mac_key() {
    let kind = TokenKind::Hotp { parameters: HotpParameters::default(), counter: 0 };
    // Twenty bytes are no multiple of eight: CBC mode is taken.
    let records = ["a", "b"].map(|id| TokenRecord::new(id, "", kind, Secret::new(&[9; 20]).unwrap()));
    let mut chance = Chance(17);
    let decoded = |text: &str| -> Vec<Vec<u8>> {
        ciphertexts(text).map(|value| Base64::decode_vec(value).unwrap()).collect()
    };
    let key = Zeroizing::new([0x42; 32]);
    let shared = Protection::PreShared { key, name: "ours".to_owned(), mac: MacHash::Sha256 };
    let [one, other] = [0, 1].map(|_| decoded(&write(&records, &shared, &mut chance)));
    assert_ne!(one[0], other[0], "the key of the MACs");
    let values = [&one[1], &one[2], &other[1], &other[2]];
    for (place, value) in values.iter().enumerate() {
        assert_ne!(value[..16], [0; 16], "an IV is drawn");
        for earlier in &values[..place] {
            assert!(value[..16] != earlier[..16] && value[16..] != earlier[16..], "{place}");
        }
    }
    let secret = Zeroizing::new(b"qwerty".to_vec());
    let by_password = Protection::Password { password: secret, iterations: 1000, mac: MacHash::Sha256 };
    let [one, other] = [0, 1].map(|_| {
        let text = write(&records, &by_password, &mut chance);
        let salt = text.split("<Specified>").nth(1).and_then(|text| text.split('<').next()).unwrap();
        Base64::decode_vec(salt).unwrap()
    });
    assert_eq!((one.len(), other.len()), (16, 16));
    assert!(one != other && one != [0; 16]);
}

#[test]
fn what_an_issuer_allows_comes_back_whichever_part_of_it_there_is() {
    let kind = TokenKind::Hotp { parameters: HotpParameters::default(), counter: 0 };
    let plain = TokenRecord::new("a", "", kind, Secret::new(&[9; 20]).unwrap());
    let usage = vec![KeyUsage::Otp, KeyUsage::ChallengeResponse];
    let pin = PinPolicy {
        key_id: Some("7 <&>\"".into()),
        mode: Some("Local".into()),
        max_failed: Some(3),
        min_length: Some(4),
        max_length: Some(8),
        encoding: Some("DECIMAL".into()),
    };
    let (start, expiry) = (UnixTime(1_146_441_600), UnixTime(1_149_033_600));
    let all = TokenPolicy {
        start: Some(start),
        expiry: Some(expiry),
        usage: usage.clone(),
        transactions: Some(3),
        pin: Some(pin.clone()),
    };
    let policies = [
        TokenPolicy::default(),
        TokenPolicy { start: Some(start), ..TokenPolicy::default() },
        TokenPolicy { expiry: Some(expiry), ..TokenPolicy::default() },
        TokenPolicy { usage, ..TokenPolicy::default() },
        TokenPolicy { transactions: Some(3), ..TokenPolicy::default() },
        TokenPolicy { pin: Some(pin), ..TokenPolicy::default() },
        all,
    ];
    let records = policies.map(|policy| TokenRecord { policy, ..plain.clone() });
    let text = write(&records, &Protection::Plain, &mut Chance(5));
    let found = read(&text, PskcKey::None).unwrap();
    assert_eq!(found.len(), records.len());
    for (found, meant) in found.iter().zip(&records) {
        assert_eq!(found.policy, meant.policy);
    }
}

#[test]
fn a_pin_policy_that_would_not_come_back_as_it_was_is_not_written() {
    let kind = TokenKind::Hotp { parameters: HotpParameters::default(), counter: 0 };
    let plain = TokenRecord::new("a", "", kind, Secret::new(&[9; 20]).unwrap());
    let mut chance = Chance(5);
    let mut writer = PskcWriter::new(Vec::new(), &Protection::Plain, &mut chance).unwrap();
    for text in ["one\ntwo".to_owned(), "x".repeat(1025)] {
        let pin = PinPolicy { key_id: Some(text), ..PinPolicy::default() };
        let policy = TokenPolicy { pin: Some(pin), ..TokenPolicy::default() };
        let error = writer.write(&TokenRecord { policy, ..plain.clone() }).unwrap_err();
        assert!(matches!(error.fault(), Fault::Unrepresentable(_)), "{error}");
    }
}

#[test]
fn of_a_token_that_cannot_be_written_nothing_stands_in_the_container() {
    let totp = |t0| TokenKind::totp(TotpParameters { t0: UnixTime(t0), ..TotpParameters::default() });
    let token = |kind, expiry| TokenRecord {
        policy: TokenPolicy { expiry, ..TokenPolicy::default() },
        ..TokenRecord::new("a", "", kind, Secret::new(&[9; 20]).unwrap())
    };
    let good = token(totp(30), None);
    for wrong in [token(totp(7), None), token(totp(0), Some(UnixTime(u64::MAX)))] {
        assert!(matches!(wrong.fits(Format::Pskc), Err(Fault::Unrepresentable(_))));
        let mut chance = Chance(5);
        let mut writer = PskcWriter::new(Vec::new(), &Protection::Plain, &mut chance).unwrap();
        writer.write(&good).unwrap();
        let error = writer.write(&wrong).unwrap_err();
        assert!(matches!(error.fault(), Fault::Unrepresentable(_)), "{error}");
        let text = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(text, write(std::slice::from_ref(&good), &Protection::Plain, &mut Chance(5)));
    }
    assert_eq!(good.fits(Format::Pskc), Ok(()));
    assert!(matches!(good.fits(Format::Uri), Err(Fault::Token(_))));
    assert!(matches!(good.fits(Format::Migration), Err(Fault::Unrepresentable(_))));
    assert!(matches!(good.fits(Format::Liboath), Err(Fault::Unsupported(_))));
}
