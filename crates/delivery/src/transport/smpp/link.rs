//! The line to the carrier: bound, watched, and made anew.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as blocking};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use rusmpp::pdus::{DeliverSmResp, SubmitSm};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;
use zeroize::Zeroizing;

use super::super::{Inbox, Incoming};
use super::codec::{Codec, Frame};
use super::{SmppConfig, pdu};

/// One part to be submitted.
pub(super) struct Job {
    pub(super) pdu: SubmitSm,
    pub(super) answer: blocking::Sender<Answer>,
    pub(super) deadline: Instant,
}

/// What became of a part.
#[derive(Debug)]
pub(super) enum Answer {
    /// The carrier took it, under this id.
    Taken(String),
    /// It answered otherwise.
    Status(CommandStatus),
    /// Nothing was sent: there is no line.
    Down,
    /// It was sent, and the line was lost before an answer.
    Lost,
}

/// What the thread needs.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) config: Arc<SmppConfig>,
    pub(super) password: Zeroizing<String>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) inbox: Inbox,
    pub(super) stops: Arc<AtomicBool>,
}

/// A part that waits for its answer.
struct Waiting {
    answer: blocking::Sender<Answer>,
    since: Instant,
}

trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

type Frames = Framed<Box<dyn Line>, Codec>;

/// Longest pause between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often it is looked whether to stop, and whether an answer is overdue.
const TICK: Duration = Duration::from_millis(200);

impl Link {
    pub(super) fn run(self, mut queue: mpsc::Receiver<Job>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.live(&mut queue)),
            Err(error) => tracing::error!(carrier = self.name, %error, "no runtime for the line"),
        }
    }

    fn stopped(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }

    async fn live(&self, queue: &mut mpsc::Receiver<Job>) {
        let mut pause = Duration::from_millis(200);
        while !self.stopped() {
            // While a line is being made, whoever wants to send is told at once: another carrier may do.
            let connected = {
                let connecting = timeout(Duration::from_secs(self.config.patience.max(1)), self.connect());
                tokio::pin!(connecting);
                loop {
                    tokio::select! {
                        connected = &mut connecting => break connected.unwrap_or_else(|_| Err("it does not answer".into())),
                        job = queue.recv() => match job {
                            Some(job) => drop(job.answer.send(Answer::Down)),
                            None => return,
                        },
                    }
                }
            };
            match connected {
                Ok(frames) => {
                    tracing::info!(carrier = self.name, "bound");
                    let began = Instant::now();
                    let reason = self.serve(frames, queue).await;
                    if self.stopped() {
                        return;
                    }
                    tracing::warn!(carrier = self.name, reason, "the line was lost");
                    if began.elapsed() > Duration::from_secs(10) {
                        pause = Duration::from_millis(200);
                    }
                }
                Err(reason) => tracing::warn!(carrier = self.name, reason, "no line"),
            }
            let until = Instant::now() + pause;
            while Instant::now() < until && !self.stopped() {
                tokio::select! {
                    () = sleep(TICK.min(until.saturating_duration_since(Instant::now()))) => {}
                    job = queue.recv() => match job {
                        Some(job) => drop(job.answer.send(Answer::Down)),
                        None => return,
                    },
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Connects and binds (SMPP 3.4 §2.2).
    async fn connect(&self) -> Result<Frames, String> {
        let stream = TcpStream::connect((self.config.host.as_str(), self.config.port)).await;
        let stream = stream.map_err(|error| format!("it cannot be reached: {}", error.kind()))?;
        let _ = stream.set_nodelay(true);
        let line: Box<dyn Line> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(self.config.host.clone()).map_err(|_| "its name is none")?;
                let line = TlsConnector::from(tls.clone()).connect(name, stream).await;
                Box::new(line.map_err(|error| format!("TLS: {error}"))?)
            }
        };
        let mut frames = Framed::new(line, Codec);
        let bind = pdu::bind(&self.config, &self.password).map_err(|failed| failed.reason)?;
        frames.send(Command::new(CommandStatus::EsmeRok, 1, bind)).await.map_err(|_| "it hung up")?;
        match frames.next().await {
            Some(Ok(Frame::Read(answer))) if answer.status() == CommandStatus::EsmeRok => {
                match answer.pdu() {
                    Some(Pdu::BindTransceiverResp(_)) | None => Ok(frames),
                    _ => Err("it answered something else than the bind".into()),
                }
            }
            Some(Ok(Frame::Read(answer))) => {
                Err(format!("it does not bind us: status {:#x}", u32::from(answer.status())))
            }
            Some(Ok(Frame::Unreadable { .. }) | Err(_)) => Err("it does not speak SMPP".into()),
            None => Err("it hung up".into()),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.config.patience.max(1))
    }

    /// Works over one line until it is lost; answers why.
    async fn serve(&self, mut frames: Frames, queue: &mut mpsc::Receiver<Job>) -> &'static str {
        let mut waiting: HashMap<u32, Waiting> = HashMap::new();
        let (noted, mut acknowledged) = mpsc::unbounded_channel::<(u32, bool)>();
        let mut sequence = 1_u32;
        let (mut heard, mut enquired) = (Instant::now(), None::<Instant>);
        let patience = self.patience();
        let enquire = Duration::from_secs(self.config.enquire_link.max(1));
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let reason = loop {
            let room = waiting.len() < self.config.window;
            tokio::select! {
                frame = frames.next() => {
                    heard = Instant::now();
                    enquired = None;
                    match frame {
                        None => break "it hung up",
                        Some(Err(_)) => break "it sent what is no SMPP",
                        Some(Ok(frame)) => {
                            let taken = match frame {
                                Frame::Read(command) => self.take(&mut frames, *command, &mut waiting, &noted).await,
                                Frame::Unreadable { id, status, number } => {
                                    tracing::warn!(carrier = self.name, id, "it sent what cannot be read");
                                    unreadable(&mut frames, patience, (id, status, number), &mut waiting).await
                                }
                            };
                            if let Err(reason) = taken {
                                break reason;
                            }
                        }
                    }
                }
                job = queue.recv(), if room => {
                    let Some(job) = job else { break "stopped" };
                    if Instant::now() >= job.deadline {
                        // Nothing of it has gone out.
                        let _ = job.answer.send(Answer::Down);
                        continue;
                    }
                    // SMPP 3.4 §5.1.4: 1 to 0x7fffffff.
                    sequence = if sequence >= 0x7fff_fffe { 2 } else { sequence + 1 };
                    waiting.insert(sequence, Waiting { answer: job.answer, since: Instant::now() });
                    let command = Command::new(CommandStatus::EsmeRok, sequence, job.pdu);
                    if let Err(reason) = say(&mut frames, patience, command).await {
                        break reason;
                    }
                }
                Some((number, noted)) = acknowledged.recv() => {
                    // What was not noted is told again: a temporary error asks for that (SMPP 3.4 §5.1.3).
                    let status = if noted { CommandStatus::EsmeRok } else { CommandStatus::EsmeRxTAppn };
                    let answer = Command::new(status, number, DeliverSmResp::default());
                    if let Err(reason) = say(&mut frames, patience, answer).await {
                        break reason;
                    }
                }
                _ = ticks.tick() => {
                    if self.stopped() {
                        let _ = timeout(TICK, frames.send(Command::new(CommandStatus::EsmeRok, sequence, Pdu::Unbind))).await;
                        break "stopped";
                    }
                    if waiting.values().any(|part| part.since.elapsed() > patience) {
                        break "it does not answer";
                    }
                    match enquired {
                        Some(since) if since.elapsed() > patience => break "it does not answer",
                        None if heard.elapsed() > enquire => {
                            sequence = if sequence >= 0x7fff_fffe { 2 } else { sequence + 1 };
                            enquired = Some(Instant::now());
                            let command = Command::new(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink);
                            if let Err(reason) = say(&mut frames, patience, command).await {
                                break reason;
                            }
                        }
                        _ => {}
                    }
                }
            }
        };
        for (_, part) in waiting {
            let _ = part.answer.send(Answer::Lost);
        }
        reason
    }

    async fn take(
        &self,
        frames: &mut Frames,
        command: Command,
        waiting: &mut HashMap<u32, Waiting>,
        noted: &mpsc::UnboundedSender<(u32, bool)>,
    ) -> Result<(), &'static str> {
        let (number, status) = (command.sequence_number(), command.status());
        match command.pdu() {
            Some(Pdu::SubmitSmResp(answer)) => {
                // An answer that comes twice, or to nothing that was asked, is no matter.
                if let Some(part) = waiting.remove(&number) {
                    let id = answer.message_id().as_str().trim_end_matches('\0').to_owned();
                    let _ = part.answer.send(match status {
                        CommandStatus::EsmeRok => Answer::Taken(id),
                        status => Answer::Status(status),
                    });
                }
            }
            Some(Pdu::DeliverSm(deliver)) => match pdu::told(deliver) {
                Some(told) => {
                    let noted = noted.clone();
                    let incoming = Incoming {
                        carrier: self.name.clone(),
                        id: told.id,
                        state: told.state,
                        number: told.number,
                        reason: told.reason,
                        acknowledge: Box::new(move |done| {
                            let _ = noted.send((number, done));
                        }),
                    };
                    if self.inbox.send(incoming).is_err() {
                        return Err("nobody takes receipts");
                    }
                }
                None => {
                    let answer = Command::new(CommandStatus::EsmeRok, number, DeliverSmResp::default());
                    say(frames, self.patience(), answer).await?;
                }
            },
            Some(Pdu::EnquireLink) => {
                let answer = Command::new(CommandStatus::EsmeRok, number, Pdu::EnquireLinkResp);
                say(frames, self.patience(), answer).await?;
            }
            Some(Pdu::Unbind) => {
                let answer = Command::new(CommandStatus::EsmeRok, number, Pdu::UnbindResp);
                let _ = say(frames, self.patience(), answer).await;
                return Err("it unbound us");
            }
            // An error may come without a body, or as a generic one (SMPP 3.4 §4.3.1, §4.4.2).
            Some(Pdu::GenericNack) | None => {
                if let Some(part) = waiting.remove(&number) {
                    let _ = part.answer.send(match status {
                        // Taken, by a centre that gives no id; nothing else without a body says so.
                        CommandStatus::EsmeRok if command.id() == CommandId::SubmitSmResp => {
                            Answer::Taken(String::new())
                        }
                        status => Answer::Status(status),
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// `submit_sm_resp`, and the bit that makes an answer of what asks (SMPP 3.4 §5.1.2.1).
const SUBMITTED: u32 = 0x8000_0004;
const ANSWERS: u32 = 0x8000_0000;

/// Says something. A centre that reads nothing has as long for it as for an answer.
async fn say(frames: &mut Frames, patience: Duration, command: Command) -> Result<(), &'static str> {
    match timeout(patience, frames.send(command)).await {
        Ok(said) => said.map_err(|_| "it hung up"),
        Err(_) => Err("it reads nothing"),
    }
}

/// What cannot be read is answered as such where it asks for an answer; of an answer its status tells.
async fn unreadable(
    frames: &mut Frames,
    patience: Duration,
    (id, status, number): (u32, u32, u32),
    waiting: &mut HashMap<u32, Waiting>,
) -> Result<(), &'static str> {
    if id & ANSWERS == 0 {
        let answer = Command::new(CommandStatus::EsmeRinvcmdlen, number, Pdu::GenericNack);
        return say(frames, patience, answer).await;
    }
    if id == SUBMITTED
        && let Some(part) = waiting.remove(&number)
    {
        let _ = part.answer.send(match CommandStatus::from(status) {
            // It took it, under an id that nobody knows.
            CommandStatus::EsmeRok => Answer::Taken(String::new()),
            status => Answer::Status(status),
        });
    }
    Ok(())
}
