//! The worker: takes what is due out of the outbox, puts it into words, hands it to the first carrier that works, and notes what
//! receipts say. Any number of workers, in any number of processes, share one outbox.

mod hand_over;
mod hearing;
mod queue;

use std::collections::{BTreeMap, HashSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use zamok_cabinet::{Address, Cabinet, Due, Ending, Error, Leased, Message, WorkerId};

use crate::breaker::{Breaker, Limits};
use crate::config::{self, Carriers, Config, ConfigFault};
use crate::gate;
use crate::metrics::{Metrics, Outcome};
use crate::template::Templates;
use crate::transport::{Inbox, Incoming, Transport};
use hearing::Early;
use queue::{Queue, pause};

/// Delivers the messages of a cabinet.
#[derive(Debug)]
pub struct Delivery {
    cabinet: Arc<Cabinet>,
    templates: Templates,
    carriers: Carriers,
    /// For each carrier, one for each of its ways.
    breakers: BTreeMap<String, Vec<Breaker>>,
    metrics: Metrics,
    worker: WorkerId,
    threads: usize,
    poll: Duration,
    /// How long a carrier waits for the answer to a receipt that came early.
    early_answer: Duration,
    metrics_file: Option<std::path::PathBuf>,
    listener: Option<TcpListener>,
    inbox: Inbox,
    incoming: Mutex<mpsc::Receiver<Incoming>>,
}

/// What a look at the outbox did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What was due.
    pub due: u64,
    /// What was handed over.
    pub sent: u64,
    /// What was put off, or is somebody else's.
    pub waits: u64,
    /// What ended, and what was tidied up.
    pub over: u64,
    /// Whether anything went wrong with the store or the vault.
    pub failed: u64,
}

/// How often counts are written, and what was done becomes part of the journal's tree.
const TIDYING: Duration = Duration::from_secs(5);
/// How often the folders are read in which reports of e-mails arrive.
const FOLDERS: Duration = Duration::from_secs(1);
/// Hints that are read at once, of each sort.
const BATCH: usize = 128;

impl Delivery {
    /// A worker as configured. Its carriers connect at once.
    ///
    /// # Errors
    /// [`ConfigFault`].
    pub fn new(cabinet: Arc<Cabinet>, config: &Config) -> Result<Self, ConfigFault> {
        let templates = config.templates(cabinet.issuer())?;
        let (inbox, incoming) = mpsc::channel();
        let carriers = config.carriers(&cabinet, &inbox)?;
        let listener = match &config.receipts_at {
            Some(address) => Some(
                TcpListener::bind(address)
                    .map_err(|error| ConfigFault::File(format!("{address}: {error}")))?,
            ),
            None => None,
        };
        let mut delivery = Self::with(cabinet, templates, carriers, config.limits(), inbox, incoming);
        delivery.threads = config.threads;
        delivery.poll = Duration::from_millis(config.poll_ms);
        delivery.early_answer = Duration::from_millis(config.early_answer_ms);
        delivery.metrics_file.clone_from(&config.metrics_file);
        delivery.listener = listener;
        Ok(delivery)
    }

    /// A worker over carriers of one's own: for services that have their own transport, and for tests. What it hears of
    /// receipts goes to the inbox that `carriers` is given.
    pub fn over(
        cabinet: Arc<Cabinet>,
        templates: Templates,
        limits: Limits,
        carriers: impl FnOnce(&Inbox) -> Vec<Arc<dyn Transport>>,
    ) -> Self {
        let (inbox, incoming) = mpsc::channel();
        let carriers = Carriers { transports: carriers(&inbox), ..Carriers::default() };
        Self::with(cabinet, templates, carriers, limits, inbox, incoming)
    }

    fn with(
        cabinet: Arc<Cabinet>,
        templates: Templates,
        carriers: Carriers,
        limits: Limits,
        inbox: Inbox,
        incoming: mpsc::Receiver<Incoming>,
    ) -> Self {
        let mut worker = [0; 16];
        // Without randomness the vault would not have opened.
        let _ = aws_lc_rs::rand::fill(&mut worker);
        let breakers = carriers
            .transports
            .iter()
            .map(|transport| {
                let ways = (0..transport.ways().max(1)).map(|_| Breaker::new(limits)).collect();
                (transport.name().to_owned(), ways)
            })
            .collect();
        Self {
            cabinet,
            templates,
            carriers,
            breakers,
            metrics: Metrics::default(),
            worker: WorkerId(worker),
            threads: 8,
            poll: Duration::from_millis(200),
            early_answer: Duration::from_millis(config::early_answer()),
            metrics_file: None,
            listener: None,
            inbox,
            incoming: Mutex::new(incoming),
        }
    }

    /// Messages that are sent at the same time by each channel.
    #[must_use]
    pub const fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The id of this worker.
    #[must_use]
    pub const fn worker(&self) -> WorkerId {
        self.worker
    }

    /// What was counted.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The counts in the text format of Prometheus.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let is_open = |ways: &[Breaker]| ways.iter().any(Breaker::is_open);
        self.metrics.text(self.breakers.iter().map(|(name, ways)| (name.as_str(), is_open(ways))))
    }

    /// Where it takes receipts of HTTP gateways.
    #[must_use]
    pub fn receipts_at(&self) -> Option<std::net::SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Works until it is told to stop: sends what is due, notes receipts. What goes wrong is logged, and tried again.
    ///
    /// Told to stop, it takes nothing new and ends once what carriers have in hand is noted: after two thirds of a lease at the
    /// latest. A receipt that is not noted by then is not acknowledged, so that its carrier tells it again.
    pub fn run(&self, stop: &AtomicBool) {
        let threads = self.threads.max(1);
        let queue = &Queue::new(threads);
        std::thread::scope(|scope| {
            for line in (0..Queue::LINES).flat_map(|line| std::iter::repeat_n(line, threads)) {
                scope.spawn(move || {
                    while let Some(due) = queue.take(line, stop) {
                        self.one(&due);
                        queue.done(&due);
                    }
                });
            }
            scope.spawn(|| self.hear(stop));
            if let Some(listener) = &self.listener {
                let now = || self.cabinet.vault().now();
                scope.spawn(move || gate::listen(listener, &self.carriers.gateways, &self.inbox, &now, stop));
            }
            if !self.carriers.bounces.is_empty() {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        for (carrier, folder) in &self.carriers.bounces {
                            gate::read_folder(carrier, folder, &self.inbox, stop);
                        }
                        pause(FOLDERS, stop);
                    }
                });
            }
            let mut written = Instant::now();
            while !stop.load(Ordering::SeqCst) {
                let added = match self.cabinet.due(BATCH) {
                    Ok(due) => queue.add(due),
                    Err(error) => {
                        tracing::warn!(%error, "the outbox cannot be read");
                        0
                    }
                };
                if written.elapsed() >= TIDYING {
                    written = Instant::now();
                    self.write_metrics();
                    // What was done becomes part of the journal's tree.
                    if let Err(error) = self.cabinet.vault().integrate() {
                        tracing::warn!(%error, "the journal was not integrated");
                    }
                }
                if added == 0 {
                    pause(self.poll, stop);
                } else {
                    queue.wait_until_short(stop);
                }
            }
            queue.wake();
        });
        self.write_metrics();
    }

    fn write_metrics(&self) {
        let Some(path) = &self.metrics_file else { return };
        // A collector must never read half of it.
        let whole = path.with_extension("part");
        let written =
            std::fs::write(&whole, self.metrics_text()).and_then(|()| std::fs::rename(&whole, path));
        if let Err(error) = written {
            tracing::warn!(%error, "the counts were not written");
        }
    }

    /// One look at the outbox: everything that is due, once, by this thread, and then the receipts that have come.
    ///
    /// # Errors
    /// The store's and the vault's, when the outbox cannot be read.
    pub fn step(&self) -> Result<Step, Error> {
        let mut step = Step::default();
        let mut seen = HashSet::new();
        loop {
            let due = self.cabinet.due(BATCH)?;
            let fresh: Vec<_> = due.into_iter().filter(|due| seen.insert(due.clone())).collect();
            if fresh.is_empty() {
                break;
            }
            for due in fresh {
                step.due += 1;
                match self.one(&due) {
                    Done::Sent => step.sent += 1,
                    Done::Waits => step.waits += 1,
                    Done::Over => step.over += 1,
                    Done::Failed => step.failed += 1,
                }
            }
        }
        let mut early = Early::default();
        let incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(receipt) = incoming.try_recv() {
            self.note(receipt, &mut early);
        }
        for acknowledge in early.waiting.into_iter().filter_map(|waiting| waiting.acknowledge) {
            acknowledge(false);
        }
        Ok(step)
    }

    fn one(&self, due: &Due) -> Done {
        let began = Instant::now();
        let weigh = |message: &Message, preferred: &str, address: &Address| {
            self.templates.content(message, preferred, address).map(|(_, load)| load)
        };
        match self.cabinet.lease(due, self.worker, &weigh) {
            Ok(Leased::Ready(lease)) => self.deliver(&lease, began),
            Ok(Leased::Waits) => Done::Waits,
            Ok(Leased::Spread | Leased::Over(None)) => Done::Over,
            Ok(Leased::Over(Some(ending))) => {
                self.metrics.count(counted(ending), "");
                Done::Over
            }
            Err(error) => {
                tracing::warn!(%error, "a message cannot be leased");
                self.metrics.count(Outcome::PutOff, "");
                Done::Failed
            }
        }
    }
}

const fn counted(ending: Ending) -> Outcome {
    match ending {
        Ending::HandedOver => Outcome::Sent,
        Ending::Delivered => Outcome::Delivered,
        Ending::Rejected => Outcome::Rejected,
        Ending::Expired => Outcome::Expired,
    }
}

/// What became of what was due.
enum Done {
    Sent,
    Waits,
    Over,
    Failed,
}
