//! SMS through a message centre that throttles without end, and writes what cannot be read: neither keeps a thread, nor takes the line
//! down (R57).
#![allow(missing_docs)]

mod harness;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::{archive, cabinet_over, citizen, light_policy, notify, run_until, wide};
use zamok_cabinet::{Cabinet, Category, Ending, Evidence, Priority};
use zamok_core::store::MemoryStore;
use zamok_delivery::{Config, Delivery};

/// What SMPP 3.4 §5.1.2.1 calls them.
const SUBMIT_SM: u32 = 4;
const DELIVER_SM: u32 = 5;
const BIND_TRANSCEIVER: u32 = 9;
const GENERIC_NACK: u32 = 0x8000_0000;
const ANSWERS: u32 = 0x8000_0000;

/// A PDU as it came: what it is, and its sequence number.
type Came = (u32, u32);

/// A message centre in this process, in plain.
struct Centre {
    port: u16,
    came: Arc<Mutex<Vec<Came>>>,
}

fn pdu(id: u32, status: u32, number: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap();
    [&[length, id, status, number].map(u32::to_be_bytes).concat()[..], body].concat()
}

/// A receipt whose `receipted_message_id` (0x001e) does not end with a zero.
fn unreadable_receipt(number: u32) -> Vec<u8> {
    let addresses = [&b"\0\x01\x0179161234567\0\x01\x01\0"[..], &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    pdu(DELIVER_SM, 0, number, &[&addresses[..], &[0, 0x1e, 0, 3], b"abc"].concat())
}

impl Centre {
    /// Writes `greeting` after each bind, and answers what is submitted with this status and this body.
    fn new(greeting: Vec<u8>, status: u32, body: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::<Mutex<Vec<Came>>>::default();
        let noted = came.clone();
        std::thread::spawn(move || {
            for line in listener.incoming() {
                let _ = serve(line.unwrap(), &greeting, (status, body), &noted);
            }
        });
        Self { port, came }
    }

    fn count(&self, id: u32) -> usize {
        self.came.lock().unwrap().iter().filter(|(came, _)| *came == id).count()
    }

    fn deliver(&self) -> (Arc<Cabinet>, Delivery) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "secret\n").unwrap();
        let text = format!(
            "poll_ms = 50\nbreaker_failures = 50\n[channels]\nsms = [\"centre\"]\n[carriers.centre]\nkind = \"smpp\"\n\
             host = \"127.0.0.1\"\nport = {}\nallow_plaintext = true\nsystem_id = \"zamok\"\n\
             password_file = \"password\"\nsender = \"ZamokBank\"\nthrottle_ms = 10\n",
            self.port
        );
        let config = Config::from_toml(&text, folder.path()).unwrap();
        let mut policy = wide(light_policy());
        (policy.delivery.retry, policy.delivery.longest_retry) = (1, 1);
        let cabinet = cabinet_over(Arc::new(MemoryStore::new()), policy);
        citizen(&cabinet, "ivan", &["+79161234567"]);
        notify(&cabinet, "ivan", Category::Service, Priority::High, "x");
        let delivery = Delivery::new(cabinet.clone(), &config).unwrap();
        (cabinet, delivery)
    }
}

fn serve(
    mut line: TcpStream,
    greeting: &[u8],
    (status, body): (u32, &[u8]),
    came: &Mutex<Vec<Came>>,
) -> std::io::Result<()> {
    loop {
        let mut header = [0; 16];
        line.read_exact(&mut header)?;
        let word = |place: usize| u32::from_be_bytes(header[4 * place..4 * place + 4].try_into().unwrap());
        let (length, id, number) = (word(0), word(1), word(3));
        line.read_exact(&mut vec![0; length as usize - 16])?;
        came.lock().unwrap().push((id, number));
        match id {
            BIND_TRANSCEIVER => {
                line.write_all(&pdu(id | ANSWERS, 0, number, b"centre\0"))?;
                line.write_all(greeting)?;
            }
            SUBMIT_SM => line.write_all(&pdu(id | ANSWERS, status, number, body))?,
            id if id & ANSWERS == 0 => line.write_all(&pdu(id | ANSWERS, 0, number, b""))?,
            _ => {}
        }
    }
}

fn ended(cabinet: &Cabinet) -> Option<Ending> {
    archive(cabinet).iter().find(|entry| entry.channel == Some(Evidence::Sms)).map(|entry| entry.ending)
}

#[test]
fn a_centre_that_throttles_gives_the_thread_back_and_the_message_waits_in_the_outbox() {
    let centre = Centre::new(Vec::new(), 0x58, b"");
    let (cabinet, delivery) = centre.deliver();
    let began = Instant::now();
    let waits = || {
        let standing = cabinet.on_their_way(10, None).unwrap().0;
        standing.iter().any(|standing| standing.reason == "it throttles")
    };
    run_until(&delivery, "it is put off", || waits() && centre.count(SUBMIT_SM) >= 3);
    let tried = cabinet.on_their_way(10, None).unwrap().0[0].attempts;
    assert!(centre.count(SUBMIT_SM) <= 3 * usize::from(tried), "thrice at a time");
    // Two thirds of a lease are for sending: before, all of it was spent.
    let lease = cabinet.policy().delivery.lease;
    assert!(began.elapsed().as_secs() < lease / 3 * 2, "{:?}", began.elapsed());
}

#[test]
fn what_cannot_be_read_is_answered_as_such_and_the_line_stays() {
    let centre = Centre::new([unreadable_receipt(77), pdu(0x15, 0, 78, b"")].concat(), 0, b"17\0");
    let (cabinet, delivery) = centre.deliver();
    run_until(&delivery, "it is sent", || {
        cabinet.on_their_way(10, None).unwrap().0.iter().any(|standing| standing.sent)
    });
    let came = centre.came.lock().unwrap();
    assert!(came.contains(&(GENERIC_NACK, 77)) && came.contains(&(0x15 | ANSWERS, 78)), "{came:?}");
    drop(came);
    assert_eq!((centre.count(BIND_TRANSCEIVER), centre.count(SUBMIT_SM)), (1, 1));
}

#[test]
fn a_message_whose_answer_names_no_id_is_taken_and_no_receipt_is_waited_for() {
    // One that does not end, one that is empty, and none.
    for body in [&b"17"[..], b"\0", b""] {
        let centre = Centre::new(Vec::new(), 0, body);
        let (cabinet, delivery) = centre.deliver();
        run_until(&delivery, "it is over", || ended(&cabinet).is_some());
        assert_eq!(ended(&cabinet), Some(Ending::HandedOver));
        assert_eq!((centre.count(BIND_TRANSCEIVER), centre.count(SUBMIT_SM)), (1, 1), "{body:?}");
    }
}

#[test]
fn a_line_is_one_of_tls_unless_plain_text_is_allowed_also_without_roots_of_its_own() {
    for (more, begins) in [("", 0x16), ("allow_plaintext = true\n", 0)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "secret\n").unwrap();
        let text = format!(
            "[channels]\nsms = [\"centre\"]\n[carriers.centre]\nkind = \"smpp\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             system_id = \"zamok\"\npassword_file = \"password\"\nsender = \"ZamokBank\"\npatience = 1\n{more}"
        );
        let config = Config::from_toml(&text, folder.path()).unwrap();
        let cabinet = cabinet_over(Arc::new(MemoryStore::new()), wide(light_policy()));
        let delivery = Delivery::new(cabinet, &config).unwrap();
        let (mut line, _) = listener.accept().unwrap();
        let mut first = [0xff];
        line.read_exact(&mut first).unwrap();
        // A handshake of TLS begins with 22 (RFC 8446 §5.1), a PDU with the highest byte of its length.
        assert_eq!(first, [begins], "{more}");
        drop((line, listener));
        drop(delivery);
    }
}

#[test]
fn a_centre_that_asks_without_end_and_reads_nothing_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (binds, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, ends) = (binds.clone(), over.clone());
    std::thread::spawn(move || {
        for line in listener.incoming().map_while(Result::ok) {
            let (counted, ends) = (counted.clone(), ends.clone());
            std::thread::spawn(move || floods(line, &counted, &ends));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "secret\n").unwrap();
    let text = format!(
        "[channels]\nsms = [\"centre\"]\n[carriers.centre]\nkind = \"smpp\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         allow_plaintext = true\nsystem_id = \"zamok\"\npassword_file = \"password\"\nsender = \"ZamokBank\"\npatience = 1\n"
    );
    let config = Config::from_toml(&text, folder.path()).unwrap();
    let cabinet = cabinet_over(Arc::new(MemoryStore::new()), wide(light_policy()));
    let delivery = Delivery::new(cabinet, &config).unwrap();
    // A test that fails ends: whoever drops the carrier waits for its line.
    struct Ends(Arc<AtomicBool>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let _ends = Ends(over);
    run_until(&delivery, "it is bound again", || binds.load(Ordering::SeqCst) >= 2);
}

/// Takes the bind, and then asks whether we live, without ever reading an answer.
fn floods(mut line: TcpStream, binds: &AtomicUsize, over: &AtomicBool) {
    let mut header = [0; 16];
    if line.read_exact(&mut header).is_err() {
        return;
    }
    let length = u32::from_be_bytes(header[..4].try_into().unwrap()) as usize;
    if line.read_exact(&mut vec![0; length - 16]).is_err() {
        return;
    }
    line.write_all(&pdu(BIND_TRANSCEIVER | ANSWERS, 0, 1, b"centre\0")).unwrap();
    binds.fetch_add(1, Ordering::SeqCst);
    line.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let (asks, mut at) = (pdu(0x15, 0, 7, b"").repeat(1000), 0);
    while !over.load(Ordering::SeqCst) {
        match line.write(&asks[at..]) {
            Ok(count) => at = (at + count) % asks.len(),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}
