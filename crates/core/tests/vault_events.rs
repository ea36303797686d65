//! What the journal is told: each operation writes just its events, in its own commit, into one unbroken chain.

mod harness;

use harness::{NOON, OWNER, Scene, Told, generous, strict, wrong};
use zamok_core::Error;
use zamok_core::event::EventKind;
use zamok_core::hash::sha256;
use zamok_core::otp::Verdict;
use zamok_core::store::{EntryId, RowKey, Table};
use zamok_core::vault::one_time::MovingFactor;
use zamok_core::vault::{Entry, KeyId, KeyState, Purpose, keys, signing};
use zamok_core::wire::hex;

const KEYS: u16 = 2;
const STATES: u16 = 3;

/// An expected event: kind, table and revision of its row, fields of its detail.
type Expected<'a> = (EventKind, u16, u64, &'a [(&'a str, &'a str)]);

/// A scene of which the journal has been read up to here.
struct Reader {
    scene: Scene,
    read: usize,
}

impl Reader {
    fn new(seed: &str) -> Self {
        Self { scene: Scene::new(seed), read: 0 }
    }

    fn news(&mut self) -> Vec<Told> {
        let mut all = self.scene.journal();
        let news = all.split_off(self.read);
        self.read += news.len();
        news
    }

    /// The news are just these, all of the owner's key and of now.
    fn told(&mut self, key: KeyId, expected: &[Expected<'_>]) {
        let news = self.news();
        let found: Vec<_> = news
            .iter()
            .map(|told| {
                assert_eq!((told.leaf.time, told.leaf.origin.as_str()), (self.scene.now(), "log"));
                assert_eq!((told.leaf.subject, told.leaf.row.key.as_slice()), (Some(OWNER), &key.0[..]));
                let fields: Vec<_> = told.detail.fields().collect();
                (told.leaf.kind, told.leaf.row.table.0, told.leaf.revision, fields)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(kind, table, revision, fields)| (*kind, *table, *revision, fields.to_vec()))
            .collect();
        assert_eq!(found, expected);
        for told in &news {
            // The leaf names the version that the row has now: nothing else wrote it since.
            let row = self.scene.row(&told.leaf.row);
            assert!(row.version >= told.leaf.revision);
        }
    }
}

#[test]
fn each_operation_on_an_otp_key_tells_just_its_own_events() {
    let mut reader = Reader::new("otp events");
    let key = reader.scene.generate(MovingFactor::Time { period: 30 });
    let made = [("kind", "TOTP"), ("purpose", "one-time code"), ("label", "a label")];
    reader.told(key, &[(EventKind::KeyCreated, KEYS, 1, &made)]);

    let uri = reader.scene.provision(key).unwrap();
    reader.told(key, &[(EventKind::KeyProvisioned, KEYS, 2, &[])]);
    let totp = zamok_core::otp::Totp::new(uri.secret(), uri.totp_parameters().unwrap()).unwrap();

    assert_eq!(reader.scene.activate(key, &wrong(&totp, reader.scene.now())), Ok(Verdict::Rejected));
    reader.told(key, &[(EventKind::CodeRejected, STATES, 2, &[("reason", "wrong code")])]);

    let code = totp.code_at(reader.scene.now()).unwrap().to_string();
    reader.scene.confirm(key, &code);
    let step = (NOON / 30).to_string();
    let accepted = [("step", step.as_str()), ("drift", "0")];
    reader.told(
        key,
        &[(EventKind::CodeAccepted, STATES, 3, &accepted), (EventKind::KeyActivated, KEYS, 3, &[])],
    );

    assert_eq!(reader.scene.verify(key, &code, &strict()), Ok(Verdict::Rejected));
    reader.told(key, &[(EventKind::CodeRejected, STATES, 4, &[("reason", "code already used")])]);
    assert_eq!(reader.scene.verify(key, "x", &strict()), Ok(Verdict::Rejected));
    reader.told(key, &[(EventKind::CodeRejected, STATES, 5, &[("reason", "not a code")])]);

    for (revision, (next, kind)) in (4..).zip([
        (KeyState::Suspended, EventKind::KeySuspended),
        (KeyState::Active, EventKind::KeyResumed),
        (KeyState::Deactivated, EventKind::KeyDeactivated),
        (KeyState::Compromised, EventKind::KeyCompromised),
        (KeyState::Destroyed, EventKind::KeyDestroyed),
    ]) {
        reader.scene.transact(|tx| keys::change_state(tx, key, next, "because")).unwrap();
        reader.told(key, &[(kind, KEYS, revision, &[("reason", "because")])]);
    }
    assert_eq!(reader.read, 12);
}

#[test]
fn a_delayed_key_tells_one_summary_a_minute_and_a_disabled_one_its_end() {
    let mut reader = Reader::new("delayed events");
    let (key, totp) = reader.scene.totp();
    let mut policy = strict();
    (policy.throttle.free, policy.throttle.disable_after) = (1, 2);
    policy.throttle.first_delay = 100;
    let code = wrong(&totp, reader.scene.now());
    reader.news();
    reader.scene.verify(key, &code, &policy).unwrap().accepted().unwrap_err();
    reader.told(key, &[(EventKind::CodeRejected, STATES, 3, &[("reason", "wrong code")])]);
    reader.scene.verify(key, &code, &policy).unwrap().accepted().unwrap_err();
    reader.told(key, &[(EventKind::CodeRefusedWhileDelayed, STATES, 4, &[("refusals", "1")])]);
    for _ in 0..9 {
        reader.scene.wait(6);
        let rows = reader.scene.rows();
        reader.scene.verify(key, &code, &policy).unwrap().accepted().unwrap_err();
        assert_eq!(reader.scene.rows(), rows, "junk buys no write");
    }
    reader.told(key, &[]);
    reader.scene.wait(6);
    reader.scene.verify(key, &code, &policy).unwrap().accepted().unwrap_err();
    reader.told(key, &[(EventKind::CodeRefusedWhileDelayed, STATES, 5, &[("refusals", "1")])]);
    reader.scene.wait(40);
    let code = wrong(&totp, reader.scene.now());
    reader.scene.verify(key, &code, &policy).unwrap().accepted().unwrap_err();
    reader.told(
        key,
        &[
            (EventKind::CodeRejected, STATES, 6, &[("reason", "wrong code")]),
            (EventKind::CodeDisabled, KEYS, 4, &[("failures", "2")]),
        ],
    );
    assert_eq!(reader.scene.verify(key, &code, &policy), Err(Error::KeyState(KeyState::Suspended)));
    reader.told(key, &[]);
}

#[test]
fn a_document_signature_is_told_and_a_token_signature_is_not() {
    let mut reader = Reader::new("signature events");
    let document = reader.scene.signer(Purpose::Document);
    let made = [("kind", "P-256"), ("purpose", "document"), ("label", "a signer")];
    reader.told(document, &[(EventKind::KeyCreated, KEYS, 1, &made)]);
    reader.scene.transact(|tx| signing::sign(tx, document, Purpose::Document, b"text", "a.txt")).unwrap();
    let digest = hex(&sha256(&[b"text"]));
    let signed = [
        ("purpose", "document"),
        ("mechanism", "ecdsa-sha256"),
        ("digest", digest.as_str()),
        ("document", "a.txt"),
    ];
    reader.told(document, &[(EventKind::SignatureMade, KEYS, 1, &signed)]);

    let token = reader.scene.signer(Purpose::Token);
    reader.news();
    reader.scene.transact(|tx| signing::sign(tx, token, Purpose::Token, b"claims", "")).unwrap();
    reader.told(token, &[]);
}

#[test]
fn misuse_and_reading_tell_nothing() {
    let mut reader = Reader::new("misuse events");
    let (key, _) = reader.scene.totp();
    let signer = reader.scene.signer(Purpose::Token);
    reader.news();
    let scene = &reader.scene;
    scene.verify(signer, "000000", &generous()).unwrap_err();
    scene.activate(key, "000000").unwrap_err();
    scene.provision(key).unwrap_err();
    scene.transact(|tx| signing::sign(tx, signer, Purpose::Document, b"", "")).unwrap_err();
    scene.transact(|tx| keys::change_state(tx, key, KeyState::Destroyed, "")).unwrap_err();
    scene.transact(|tx| keys::info(tx, key)).unwrap();
    scene.transact(|tx| signing::public_key(tx, signer)).unwrap();
    assert!(reader.news().is_empty());
}

#[test]
fn the_chain_of_a_writer_has_no_gap_and_each_entry_holds_the_mac_before_it() {
    let scene = Scene::new("chain");
    let (key, _) = scene.totp();
    for _ in 0..5 {
        scene.verify(key, "", &generous()).unwrap().accepted().unwrap_err();
    }
    let journal = scene.journal();
    let mut before = [0; 32];
    for (sequence, told) in (1..).zip(&journal) {
        assert_eq!((told.id.writer, told.id.sequence), (journal[0].id.writer, sequence));
        assert_eq!((told.entry.id, told.entry.previous), (told.id, before));
        before = told.entry.mac;
    }
    assert_eq!(journal.len(), 9);

    // Under another number, or with another vault's keys, an entry is refused.
    let row = scene.row(&journal[3].id.row());
    let renumbered = EntryId { sequence: 5, ..journal[3].id };
    assert_eq!(Entry::open(&scene.keyring, renumbered, &row.value), Err(Error::Refused));
    let other = zamok_core::vault::Keyring::new(
        harness::VAULT_ID,
        zamok_core::vault::Role::User,
        zamok_core::vault::VaultKeys::alike(&[(zamok_core::vault::DataKeyId(1), &[0x78; 32])]),
        &zamok_core::secret::HeapMemory,
    )
    .unwrap();
    assert_eq!(Entry::open(&other, journal[3].id, &row.value), Err(Error::Refused));
}

#[test]
fn the_id_that_is_handed_out_and_the_one_in_the_state_row_are_the_entrys_own() {
    let scene = Scene::new("ids");
    let key = scene.generate(MovingFactor::Counter(0));
    let made = scene.journal().pop().unwrap();
    assert_eq!((made.leaf.kind, made.id), (EventKind::KeyCreated, scene.state(key).entry));

    let (key, totp) = scene.totp();
    for (code, kind) in [
        (totp.code_at(scene.now()).unwrap().to_string(), EventKind::CodeAccepted),
        (wrong(&totp, scene.now()), EventKind::CodeRejected),
    ] {
        let _ = scene.verify(key, &code, &generous()).unwrap();
        let told = scene.journal().pop().unwrap();
        assert_eq!((told.leaf.kind, told.id), (kind, scene.state(key).entry));
        assert_eq!(told.leaf.revision, scene.row(&told.leaf.row).version);
    }
    let ids = scene
        .transact(|tx| {
            let row = RowKey::new(Table(60), *b"row");
            tx.put_plain(&row, vec![])?;
            (0..3)
                .map(|_| {
                    let next = tx.next_entry();
                    let id = tx.event(EventKind::SessionEnded, None, &row, &Default::default())?;
                    assert_eq!(id, next);
                    Ok(id)
                })
                .collect::<Result<Vec<_>, Error>>()
        })
        .unwrap();
    let journal = scene.journal();
    let last: Vec<EntryId> = journal[journal.len() - 3..].iter().map(|told| told.id).collect();
    assert_eq!(ids, last);
    assert_eq!(journal.last().unwrap().leaf.subject, None);
}
