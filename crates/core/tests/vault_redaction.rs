//! What holds a secret shows none in `Debug`, to the exact text, and is wiped when it is dropped.

mod harness;

use harness::{Chance, Scene, VAULT_ID};
use zamok_core::env::UnixTime;
use zamok_core::otp::OtpUri;
use zamok_core::secret::{HeapMemory, Secret, SecretMemory};
use zamok_core::store::{RowKey, Table, Write};
use zamok_core::vault::slot::Key32;
use zamok_core::vault::{DataKeyId, Keyring, Transaction, VaultKeys};
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Env, Error};
use zeroize::ZeroizeOnDrop;

#[test]
fn debug_shows_lengths_and_names_and_nothing_that_is_secret() {
    let secret = Secret::new(&[0x53; 20]).unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(20 bytes, redacted)");
    assert_eq!(format!("{:#?}", Some(&secret)), "Some(\n    Secret(20 bytes, redacted),\n)");

    let mut writer = Writer::new();
    writer.raw(secret.expose());
    assert_eq!(format!("{writer:?}"), "Writer(20 bytes, redacted)");
    assert_eq!(format!("{:?}", Reader::new(secret.expose())), "Reader(20 bytes left)");
    assert_eq!(format!("{:?}", Write::Put(vec![0x53; 20])), "Put(20 bytes)");
    assert_eq!(format!("{:?}", Write::Delete), "Delete");

    let keys = [(DataKeyId(1), &[1; 32]), (DataKeyId(2), &[2; 32])];
    let keyring =
        Keyring::new(VAULT_ID, zamok_core::vault::Role::User, VaultKeys::alike(&keys), &HeapMemory).unwrap();
    assert_eq!(format!("{keyring:?}"), "Keyring(user, 2 data keys, redacted)");

    let uri = OtpUri::totp(Some("Bank"), "anna", &secret, Default::default()).unwrap();
    let shown = format!("{uri:?}");
    assert!(!shown.contains("KNJVG") && !shown.contains("83"), "{shown}");
    let text = uri.to_uri();
    assert_eq!(format!("{text:?}"), format!("UriText({} bytes, redacted)", text.as_str().len()));
}

#[test]
fn debug_of_what_is_under_way_shows_names_of_rows_and_no_values() {
    let scene = Scene::new("redacted");
    let mut chance = Chance::new("redacted", 0);
    let env = Env { now: UnixTime(7), rng: &mut chance };
    assert_eq!(format!("{env:?}"), "Env { now: UnixTime(7), .. }");
    let mut tx = Transaction::begin(&scene.store, &scene.keyring, scene.chain(), env);
    let shown = format!("{tx:?}");
    assert!(shown.starts_with("Transaction { id: ChangeId(["), "{shown}");
    assert!(shown.ends_with("]), rows: 0, .. }"), "{shown}");

    let row = RowKey::new(Table(60), *b"row");
    tx.put_record(&row, b"attributes", &[0x53; 20]).unwrap();
    let opened = tx.record(&row).unwrap().unwrap();
    assert_eq!(format!("{opened:?}"), "Opened(20 bytes, redacted)");
    let pending = tx.prepare("the outcome").unwrap();
    let shown = format!("{pending:?}");
    let row = "RowKey { table: Table(60), key: [114, 111, 119] }";
    let length = 4 + 2 + 1 + 16 + 2 + (2 + 3) + 4 + 8 + (2 + 10) + 32 + 32 + 20 + 16;
    let rest = format!(
        "rows: [Part {{ key: {row}, expect: Absent, write: Some(Put({length} bytes)) }}], adds: {{}} }} }}, .. }}"
    );
    assert!(shown.starts_with("Pending { change: Change { id: ChangeId(["), "{shown}");
    assert!(shown.ends_with(&rest), "{shown}");
}

#[test]
fn errors_are_small_copies_without_secrets() {
    const fn is_copy<T: Copy + Send + Sync + 'static>() {}
    is_copy::<Error>();
    assert!(size_of::<Error>() <= 40, "{}", size_of::<Error>());
}

#[test]
fn secrets_are_of_types_that_are_wiped_when_dropped() {
    const fn is_wiped<T: ZeroizeOnDrop>() {}
    is_wiped::<Secret>();
    is_wiped::<Key32>();
    // The region that holds long-lived keys shows what it was given, and no more.
    let region = HeapMemory.hold(&[7; 32]).unwrap();
    assert_eq!(region.expose().unwrap(), [7; 32]);
}

#[test]
fn a_writer_that_grows_keeps_what_it_wrote() {
    let mut writer = Writer::new();
    let mut expected = Vec::new();
    for length in [1000, 24, 1, 5000, 0, 70_000] {
        let bytes = vec![u8::try_from(length % 251).unwrap(); length];
        writer.raw(&bytes);
        expected.extend_from_slice(&bytes);
        assert_eq!(writer.as_slice(), expected);
    }
}

#[test]
fn a_keyring_without_keys_is_none_and_a_wiped_region_locks() {
    struct Gone;
    impl zamok_core::secret::SecretRegion for Gone {
        fn expose(&self) -> Result<&[u8], Error> {
            Err(Error::Locked)
        }
    }
    struct GoneMemory;
    impl SecretMemory for GoneMemory {
        fn hold(&self, _: &[u8]) -> Result<Box<dyn zamok_core::secret::SecretRegion>, Error> {
            Ok(Box::new(Gone))
        }
    }
    assert_eq!(
        Keyring::new(VAULT_ID, zamok_core::vault::Role::User, VaultKeys::alike(&[]), &HeapMemory).err(),
        Some(Error::NoVault)
    );
    let locked = Keyring::new(
        VAULT_ID,
        zamok_core::vault::Role::User,
        VaultKeys::alike(&[(DataKeyId(1), &[1; 32])]),
        &GoneMemory,
    )
    .unwrap();
    assert_eq!(locked.blind_index("login", b"anna"), Err(Error::Locked));
    let scene = Scene::over(harness::TestStore::default(), locked, "locked");
    let row = RowKey::new(Table(60), *b"row");
    assert_eq!(scene.transact(|tx| tx.put_record(&row, &[], &[])), Err(Error::Locked));
    assert_eq!(scene.transact(|tx| tx.put_state(&row, &[])), Err(Error::Locked));
    assert!(scene.rows().is_empty());
}
