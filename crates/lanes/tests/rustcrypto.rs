//! Every kernel that this machine can run, against RustCrypto's `hmac`, `sha1` and `sha2`.

use hmac::{KeyInit, Mac};
use zamok_lanes::{
    Hash, MacKey, Sha1, Sha256, Sha512, batch, batch_with, tag, variants, window, window_with,
};

/// The peer's HMAC of the same hash.
trait Peer: Hash {
    fn peer_tag(key: &[u8], counter: u64) -> Vec<u8>;
}

macro_rules! peer {
    ($hash:ty, $peer:ty) => {
        impl Peer for $hash {
            fn peer_tag(key: &[u8], counter: u64) -> Vec<u8> {
                let mut mac = hmac::Hmac::<$peer>::new_from_slice(key).expect("any length");
                mac.update(&counter.to_be_bytes());
                mac.finalize().into_bytes().to_vec()
            }
        }
    };
}

peer!(Sha1, sha1::Sha1);
peer!(Sha256, sha2::Sha256);
peer!(Sha512, sha2::Sha512);

/// RFC 4226 §5.3, as the RFC's own Java writes it.
fn truncate(tag: &[u8]) -> u32 {
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    u32::from_be_bytes(tag[offset..offset + 4].try_into().expect("four bytes")) & 0x7fff_ffff
}

/// Marsaglia's xorshift64*: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_be_bytes()[0]).collect()
    }

    /// Counters of every size, so that the upper word is used too.
    fn counter(&mut self) -> u64 {
        let shift = self.next() % 64;
        self.next() >> shift
    }
}

fn every_count_of_counters<H: Peer>() {
    let mut numbers = Numbers(0x7a61_6d6f_6b00 + H::BLOCK as u64);
    let mut compared = 0;
    for count in 0..=67 {
        let length = numbers.next() as usize % (H::BLOCK + 1);
        let bytes = numbers.bytes(length);
        let key = MacKey::<H>::new(&bytes).expect("at most a block");
        let counters: Vec<u64> = (0..count).map(|_| numbers.counter()).collect();
        let expected: Vec<u32> = counters.iter().map(|&c| truncate(&H::peer_tag(&bytes, c))).collect();

        let many: Vec<Vec<u8>> = (0..count).map(|i| numbers.bytes((i + count) % (H::BLOCK + 1))).collect();
        let many_keys: Vec<MacKey<H>> =
            many.iter().map(|b| MacKey::new(b).expect("at most a block")).collect();
        let refs: Vec<&MacKey<H>> = many_keys.iter().collect();
        let each: Vec<u32> = many.iter().zip(&counters).map(|(b, &c)| truncate(&H::peer_tag(b, c))).collect();

        let mut values = vec![0; count];
        window(&key, &counters, &mut values);
        assert_eq!(values, expected, "window of {count}");
        batch(&refs, &counters, &mut values);
        assert_eq!(values, each, "batch of {count}");
        for variant in variants() {
            values.fill(u32::MAX);
            window_with(variant, &key, &counters, &mut values);
            assert_eq!(values, expected, "window of {count} by {variant:?}");
            values.fill(u32::MAX);
            batch_with(variant, &refs, &counters, &mut values);
            assert_eq!(values, each, "batch of {count} by {variant:?}");
            compared += 2 * count;
        }
    }
    assert_eq!(compared, variants().count() * 2 * (67 * 68 / 2));
}

#[test]
fn every_count_of_counters_sha1() {
    every_count_of_counters::<Sha1>();
}

#[test]
fn every_count_of_counters_sha256() {
    every_count_of_counters::<Sha256>();
}

#[test]
fn every_count_of_counters_sha512() {
    every_count_of_counters::<Sha512>();
}

fn every_length_of_key<H: Peer>() {
    let mut numbers = Numbers(0x6b65_7973 + H::BLOCK as u64);
    for length in 0..=H::BLOCK {
        let bytes = numbers.bytes(length);
        let key = MacKey::<H>::new(&bytes).expect("at most a block");
        let counter = numbers.counter();
        let expected = H::peer_tag(&bytes, counter);
        assert_eq!(tag(&key, counter).as_ref(), expected, "a key of {length} bytes");
        for variant in variants() {
            let mut values = [0];
            window_with(variant, &key, &[counter], &mut values);
            assert_eq!(values, [truncate(&expected)], "a key of {length} bytes by {variant:?}");
        }
    }
    assert!(MacKey::<H>::new(&vec![0; H::BLOCK + 1]).is_err());
}

#[test]
fn every_length_of_key_sha1() {
    every_length_of_key::<Sha1>();
}

#[test]
fn every_length_of_key_sha256() {
    every_length_of_key::<Sha256>();
}

#[test]
fn every_length_of_key_sha512() {
    every_length_of_key::<Sha512>();
}

/// Each offset of RFC 4226 §5.3 in each place of a group of lanes.
fn every_offset<H: Peer>() {
    const COUNT: u64 = 67 * 16 * 8;
    let bytes = b"every offset";
    let key = MacKey::<H>::new(bytes).expect("at most a block");
    let counters: Vec<u64> = (0..COUNT).collect();
    let mut seen = [[0; 16]; 16];
    let expected: Vec<u32> = counters
        .iter()
        .map(|&counter| {
            let tag = H::peer_tag(bytes, counter);
            seen[(counter % 16) as usize][usize::from(tag[tag.len() - 1] & 0xf)] += 1;
            truncate(&tag)
        })
        .collect();
    assert!(seen.iter().flatten().all(|&times| times > 0), "{seen:?}");

    let keys = vec![&key; counters.len()];
    for variant in variants() {
        let mut values = vec![0; counters.len()];
        window_with(variant, &key, &counters, &mut values);
        assert!(values == expected, "window by {variant:?}");
        values.fill(0);
        batch_with(variant, &keys, &counters, &mut values);
        assert!(values == expected, "batch by {variant:?}");
    }
}

#[test]
fn every_offset_sha1() {
    every_offset::<Sha1>();
}

#[test]
fn every_offset_sha256() {
    every_offset::<Sha256>();
}

#[test]
fn every_offset_sha512() {
    every_offset::<Sha512>();
}

#[test]
#[should_panic(expected = "as many values as counters")]
fn a_window_without_room_for_its_values_panics() {
    let key = MacKey::<Sha1>::new(b"key").expect("short");
    window(&key, &[1, 2, 3], &mut [0; 2]);
}

#[test]
#[should_panic(expected = "as many keys as counters")]
fn a_batch_without_its_keys_panics() {
    let key = MacKey::<Sha1>::new(b"key").expect("short");
    batch(&[&key], &[1, 2], &mut [0; 2]);
}
