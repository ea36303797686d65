//! PSKC in CBC mode against somebody who has files and no key: MAC keys that are put together of blocks whose plaintext he knows.

use aes::Aes256;
use base64ct::{Base64, Encoding};
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use zamok_core::hash::sha256;
use zamok_core::mac::hmac_sha256;
use zamok_exchange::{Fault, PskcKey, PskcOptions, PskcReader, TokenRecord, Warning};
use zeroize::Zeroizing;

const KEY: [u8; 32] = [0x24; 32];
type Block = [u8; 16];

/// Bytes that repeat.
fn drawn<const N: usize>(what: &str, number: u32) -> [u8; N] {
    sha256(&[what.as_bytes(), &number.to_be_bytes()])[..N].try_into().unwrap()
}

/// What the issuer encrypts: the IV, then the ciphertext.
fn cbc(number: u32, plain: &[u8]) -> Vec<u8> {
    let iv: Block = drawn("an IV", number);
    let mut out = vec![0; plain.len() + 16];
    out[..plain.len()].copy_from_slice(plain);
    let cipher = Encryptor::<Aes256>::new(&KEY.into(), &iv.into());
    let sealed = cipher.encrypt_padded::<Pkcs7>(&mut out, plain.len()).unwrap();
    [&iv[..], sealed].concat()
}

fn value(text: &[u8]) -> String {
    let text = Base64::encode_string(text);
    format!(
        "<x:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes256-cbc\"/>\
         <x:CipherData><x:CipherValue>{text}</x:CipherValue></x:CipherData>"
    )
}

/// A container with a MAC's key, as it is encrypted, and a secret, as it is encrypted, under a MAC.
fn container(mac_key: &[u8], secret: &[u8], mac: &[u8]) -> String {
    format!(
        "<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
         xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:x=\"http://www.w3.org/2001/04/xmlenc#\">\
         <EncryptionKey><d:KeyName>ours</d:KeyName></EncryptionKey>\
         <MACMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\">\
         <MACKey>{}</MACKey></MACMethod>\
         <KeyPackage><Key Id=\"1\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\">\
         <Data><Secret><EncryptedValue>{}</EncryptedValue><ValueMAC>{}</ValueMAC></Secret>\
         <Counter><PlainValue>0</PlainValue></Counter></Data></Key></KeyPackage></KeyContainer>",
        value(mac_key),
        value(secret),
        Base64::encode_string(mac)
    )
}

fn read(text: &str) -> Result<TokenRecord, Fault> {
    let key = PskcKey::PreShared(Zeroizing::new(KEY.to_vec()));
    let mut reader = PskcReader::new(text.as_bytes(), PskcOptions { key, ..PskcOptions::default() }).unwrap();
    reader.next().unwrap().map_err(|error| error.fault())
}

fn exclusive(one: Block, other: Block) -> Block {
    std::array::from_fn(|place| one[place] ^ other[place])
}

/// The last block of a ciphertext, which is padding alone, and what it decrypts to before the block before it is added: the padding and
/// that block are known to everybody.
fn padding_block(sealed: &[u8]) -> (Block, Block) {
    let (rest, last) = sealed.split_last_chunk::<16>().unwrap();
    (*last, exclusive(*rest.last_chunk::<16>().unwrap(), [16; 16]))
}

#[test]
fn what_issuers_write_in_cbc_mode_is_read_with_a_word_on_what_it_is_worth() {
    let secret = cbc(1, b"a secret of 20 bytes");
    for (number, len) in (10..).zip([16, 20, 24, 32, 48, 64]) {
        let mac_key = [drawn::<32>("a key", number), drawn("more", number)].concat();
        let text =
            container(&cbc(number, &mac_key[..len]), &secret, &hmac_sha256(&mac_key[..len], &[&secret]));
        let record = read(&text).unwrap();
        assert_eq!(record.secret.expose(), b"a secret of 20 bytes");
        assert!(record.warnings.contains(&Warning::LooseMacKey));
    }
}

#[test]
fn blocks_of_padding_make_no_mac_key() {
    let mut tried = 0;
    // Two blocks of two files under one key, and one block twice. The first one's IV is his, the second one's plaintext is chance.
    let known: Vec<_> =
        (0..64).map(|number| padding_block(&cbc(number, &drawn::<32>("a key", number)))).collect();
    for (first, opened) in &known {
        for (second, behind) in &known {
            let last = exclusive(*behind, *first);
            let padding = usize::from(last[15]);
            if !(1..=16).contains(&padding) {
                continue;
            }
            let forged = [&[0; 16][..], first, second].concat();
            let mac_key = [&opened[..], &last[..16 - padding]].concat();
            // A value of which he knows nothing but that it is read.
            let secret = cbc(99, b"planted by nobody...");
            let text = container(&forged, &secret, &hmac_sha256(&mac_key, &[&secret]));
            assert_eq!(read(&text).map(drop), Err(Fault::Refused), "{last:?}");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_mac_key_of_blocks_that_stand_twice_or_in_a_value_is_refused() {
    // He knows the secret of a token of his own in the file, whose last block is padding.
    let own = cbc(1, b"his own secret..");
    let (iv, block) = (own.first_chunk::<16>().unwrap(), own[16..].first_chunk::<16>().unwrap());
    let opened = exclusive(*iv, *b"his own secret..");
    let chosen = *b"a key of his own";
    let mac_key = [&exclusive(opened, chosen)[..], block, &own[32..]].concat();
    let text = container(&mac_key, &own, &hmac_sha256(&chosen, &[&own]));
    assert_eq!(read(&text).map(drop), Err(Fault::Refused));
    // Nor may a block of it stand twice, where his token is not in the file.
    let twice = exclusive(opened, *block);
    let mac_key = [&exclusive(opened, chosen)[..], block, block, &own[32..]].concat();
    let secret = cbc(4, b"a secret of 20 bytes");
    let text = container(&mac_key, &secret, &hmac_sha256(&[chosen, twice].concat(), &[&secret]));
    assert_eq!(read(&text).map(drop), Err(Fault::Refused));
    // The issuer's own encryption of equal blocks gives none that are equal.
    let alike = cbc(2, &[7; 32]);
    let secret = cbc(3, b"a secret of 20 bytes");
    assert!(read(&container(&alike, &secret, &hmac_sha256(&[7; 32], &[&secret]))).is_ok());
}
