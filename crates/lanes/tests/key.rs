//! What a key shows, and what is left of it.

use core::mem::MaybeUninit;

use zamok_lanes::{Hash, KeyTooLong, MacKey, Sha1, Sha256, Sha512, tag};

#[test]
fn debug_shows_no_key() {
    let key = b"12345678901234567890";
    assert_eq!(format!("{:?}", MacKey::<Sha1>::new(key).expect("short")), "MacKey<SHA-1>(redacted)");
    assert_eq!(format!("{:?}", MacKey::<Sha256>::new(key).expect("short")), "MacKey<SHA-256>(redacted)");
    assert_eq!(format!("{:#?}", MacKey::<Sha512>::new(key).expect("short")), "MacKey<SHA-512>(redacted)");
}

#[test]
fn a_key_longer_than_a_block_is_refused_with_its_length() {
    let error = MacKey::<Sha1>::new(&[7; 65]).expect_err("a byte too long");
    assert_eq!(error, KeyTooLong { length: 65, limit: 64 });
    assert_eq!(error.to_string(), "a key of 65 bytes, where a block holds 64");
    assert!(MacKey::<Sha256>::new(&[7; 65]).is_err());
    assert!(MacKey::<Sha512>::new(&[7; 128]).is_ok());
    assert!(MacKey::<Sha512>::new(&[7; 129]).is_err());
}

#[test]
fn a_clone_is_the_same_key_and_outlives_the_first() {
    let key = MacKey::<Sha256>::new(b"key").expect("short");
    let (clone, expected) = (key.clone(), tag(&key, 7));
    drop(key);
    assert_eq!(tag(&clone, 7), expected);
}

fn dropped_key_is_zero<H: Hash>(size: usize) {
    assert_eq!(size_of::<MacKey<H>>(), size);
    let mut place = MaybeUninit::new(MacKey::<H>::new(b"a key to be forgotten").expect("short"));
    let bytes = |place: &MaybeUninit<MacKey<H>>| -> Vec<u8> {
        // SAFETY: the place is initialised, and a key is integers without padding: two states of `size / 2`
        // bytes.
        unsafe { core::slice::from_raw_parts(place.as_ptr().cast::<u8>(), size) }.to_vec()
    };
    let before = bytes(&place);
    assert!(before.chunks(4).all(|word| word != [0; 4]), "a key to be wiped");
    // SAFETY: the key is initialised, and nothing takes it for a key afterwards.
    unsafe { place.assume_init_drop() };
    assert_eq!(bytes(&place), vec![0; size]);
}

#[test]
fn a_dropped_key_is_zero() {
    dropped_key_is_zero::<Sha1>(40);
    dropped_key_is_zero::<Sha256>(64);
    dropped_key_is_zero::<Sha512>(128);
}
