//! What held a secret is given back without it: buffers that grow, regions, secrets behind a pointer.
#![allow(missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::convert::Infallible;
use std::hint::black_box;
use std::slice;

use rand_core::{TryCryptoRng, TryRng};
use zamok::DeviceToken;
use zamok_core::otp::{Ocra, OcraChallenge, OcraInput, OcraSuite, TotpParameters};
use zamok_core::secret::{HeapMemory, Secret, SecretMemory as _};
use zamok_core::vault::VaultId;
use zamok_core::vault::backup::{Begin, Item, Items};
use zamok_core::vault::shares::ShareSet;
use zamok_core::vault::slot::Key32;
use zamok_core::wire::Writer;
use zamok_core::{Env, UnixTime};
use zamok_exchange::{Format, TokenKind, TokenRecord, WeakSecrets, read_migration, write_migration};

const SECRET: &[u8] = b"thirty-two bytes of key material";

thread_local! {
    /// How many blocks held the secret; `None` while nobody asks.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    /// What is looked for.
    static SOUGHT: Cell<&'static [u8]> = const { Cell::new(SECRET) };
}

/// The system's allocator, which looks at what is given back.
struct Watching;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

// SAFETY: every call goes on to the system's allocator; what is looked at besides is a block that its owner gives back.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is handed on. Zeros, so that every byte may be read later.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(left) = LEFT.get() {
            // SAFETY: the block began as zeros, has this length, and is nobody else's until it was given back.
            let block = unsafe { slice::from_raw_parts(pointer, layout.size()) };
            let sought = SOUGHT.get();
            let found = block.windows(sought.len()).any(|window| window == sought);
            LEFT.set(Some(left + u64::from(found)));
        }
        // SAFETY: the pointer came from `System` with this layout, since `alloc` took it there.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// In how many blocks the work left the secret.
fn left_by(work: impl FnOnce()) -> u64 {
    LEFT.set(Some(0));
    work();
    LEFT.replace(None).unwrap_or_default()
}

#[test]
fn a_planted_copy_is_seen() {
    assert_eq!(left_by(|| drop(black_box(SECRET.to_vec()))), 1);
    assert_eq!(left_by(|| ()), 0);
}

#[test]
fn a_writer_that_grows_leaves_nothing_where_it_was() {
    let left = left_by(|| {
        let mut writer = Writer::new();
        writer.raw(SECRET);
        for _ in 0..10 {
            writer.raw(&[7; 1000]);
        }
        assert!(black_box(&writer).as_slice().starts_with(SECRET));
    });
    assert_eq!(left, 0);
}

#[test]
fn what_is_held_for_a_while_is_gone_when_it_is_given_back() {
    assert_eq!(left_by(|| drop(black_box(HeapMemory.hold(SECRET).unwrap()))), 0, "a region");
    assert_eq!(left_by(|| drop(black_box(Box::new(Secret::new(SECRET).unwrap())))), 0, "a secret");
    let left = left_by(|| {
        let mut items = Items::default();
        items.feed(SECRET);
        items.feed(&[7; 100]);
        drop(black_box(items));
    });
    assert_eq!(left, 0, "items of a backup");
}

/// Nothing but zeros: polynomials are constant, and every share is the key.
struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Zeros {}

#[test]
fn a_key_that_many_hold_together_is_in_no_block_that_was_given_back() {
    let key = Key32::new(SECRET.try_into().unwrap());
    let left = left_by(|| {
        let mut env = Env { now: UnixTime(0), rng: &mut Zeros };
        let (_, shares) = ShareSet::split(VaultId([1; 16]), &key, 2, 5, &mut env).unwrap();
        drop(black_box(shares));
    });
    assert_eq!(left, 0);
}

#[test]
fn tokens_that_were_read_leave_no_secret_in_the_lists_that_they_stood_in() {
    let token = || {
        let secret = Secret::new(SECRET).unwrap();
        TokenRecord::new("", "anna", TokenKind::totp(TotpParameters::default()), secret)
    };
    let made: Vec<TokenRecord> = (0..6).map(|_| token()).collect();
    let uris = write_migration(&made, 7).unwrap();
    let left = left_by(|| {
        for record in read_migration(&uris[0], WeakSecrets::Refuse).unwrap() {
            drop(black_box(record.unwrap()));
        }
    });
    assert_eq!(left, 0);
}

#[test]
fn keys_in_a_backup_that_is_read_are_in_no_list_that_was_given_back() {
    let begin = Begin { origin: "a log".into(), size: 0, root: [0; 32], time: UnixTime(0) };
    let mut bytes = Writer::new();
    Item::Begin(begin).write(&mut bytes).unwrap();
    // Tag 2, the number, the key (docs/formats/backup.md).
    bytes.u32(37).u8(2).u32(1).raw(SECRET);
    for index in 0..4 {
        Item::Leaf { index, leaf: vec![7; 8] }.write(&mut bytes).unwrap();
    }
    let left = left_by(|| {
        let mut items = Items::default();
        items.feed(bytes.as_slice());
        for item in items.take().unwrap() {
            drop(black_box(item));
        }
    });
    assert_eq!(left, 0);
}

#[test]
fn the_token_of_a_device_is_written_without_a_second_copy() {
    const DIGITS: &str = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    SOUGHT.set(DIGITS.as_bytes());
    let token = DeviceToken::parse(&format!("zamok-device-{}{DIGITS}", "07".repeat(16))).unwrap();
    assert_eq!(left_by(|| drop(black_box(token.to_text()))), 0);
}

#[test]
fn a_file_that_is_cut_within_a_character_is_recognised_without_a_copy() {
    let head = [b"HOTP anna - ", SECRET, b"\xd0"].concat();
    assert_eq!(left_by(|| assert_eq!(Format::detect(&head), Some(Format::Liboath))), 0);
}

#[test]
fn a_whole_response_behind_a_pointer_is_gone_when_it_is_given_back() {
    let suite = OcraSuite::parse("OCRA-1:HOTP-SHA1-0:QN08").unwrap();
    let ocra = Ocra::new(&Secret::new(SECRET).unwrap(), suite);
    let input = OcraInput::new(OcraChallenge::OneWay("12345678"));
    let shown = ocra.response(&input).unwrap().as_str().to_owned();
    SOUGHT.set(shown.leak().as_bytes());
    assert_eq!(left_by(|| drop(black_box(Box::new(ocra.response(&input).unwrap())))), 0);
}
