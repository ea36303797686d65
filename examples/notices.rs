//! Telling people something, as a service does it: a notice, a worker, what its owner decides, the feed.
//!
//! `cargo run --package zamok-examples --bin notices`

use std::sync::{Arc, Mutex};
use std::time::Duration;

use zamok::delivery::{
    Category, Content, Delivery, Ending, Failed, Limits, Notice, Parcel, Priority, Taken, Templates,
    Transport,
};
use zamok::{Cabinet, Evidence, Passphrase, Password, Settings, Zamok};

/// A carrier of one's own: here it only keeps what it was given. Those that ship speak SMPP, HTTP, SMTP and Web Push.
#[derive(Debug, Default)]
struct Drawer(Mutex<Vec<String>>);

impl Transport for Drawer {
    fn name(&self) -> &str {
        "drawer"
    }

    fn channel(&self) -> Evidence {
        Evidence::Sms
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        if let Content::Sms { text, segments } = parcel.content {
            let mut drawer = self.0.lock().expect("nobody panicked");
            drawer.push(format!("{} ({} segments)", text.as_str(), segments.count()));
        }
        Ok(Taken { parts: vec![parcel.id.to_string()], receipts: false })
    }
}

fn notices() -> Result<(), Box<dyn std::error::Error>> {
    let bank =
        Zamok::create("memory:", &Passphrase::from("six random words or more"), Settings::new("Bank"))?;
    bank.register("ivan", &Password::new("a garden behind the station"))?;
    bank.vouch_contact("ivan", "+79161234567", "shown at the desk")?;

    // The service tells something: sealed in the outbox, and in the feed of the account, in one commit.
    let notice = Notice {
        category: Category::Payment,
        priority: Priority::High,
        title: "Счёт оплачен",
        text: "Счёт 17 оплачен.",
        link: "https://bank.example/bills/17",
        language: "ru",
    };
    bank.notify("ivan", &notice)?;

    // A worker delivers: as a thread, or as `zamok delivery run`, as many as are wanted.
    let cabinet = Arc::new(Cabinet::open(bank.vault().clone())?);
    let drawer = Arc::new(Drawer::default());
    let templates = Templates::new("Bank", "bank.example", "ru", 8)?;
    let limits = Limits { failures: 5, pause: Duration::from_secs(30) };
    let carriers: Vec<Arc<dyn Transport>> = vec![drawer.clone()];
    let worker = Delivery::over(cabinet, templates, limits, |_| carriers);
    worker.step()?;
    let drawer = drawer.0.lock().expect("nobody panicked");
    assert_eq!(*drawer, ["Bank: Счёт 17 оплачен. https://bank.example/bills/17 (1 segments)"]);

    // Its text is gone; what became of it is remembered.
    assert!(bank.outbox(10)?.is_empty());
    let (archive, _) = bank.archive(10, None)?;
    assert!(archive.iter().all(|entry| entry.ending == Ending::HandedOver));
    assert!(archive.iter().any(|entry| entry.address == "+79161234567"));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    notices()?;
    println!("A notice was told, delivered and archived.");
    Ok(())
}
