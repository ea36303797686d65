//! Reading PSKC containers (RFC 6030) beside python-pskc: the same files, each side in its own process, in turns.

use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use sha2::{Digest, Sha256};
use zamok_core::otp::TotpParameters;
use zamok_core::secret::Secret;
use zamok_exchange::{
    MacHash, Protection, PskcKey, PskcOptions, PskcReader, PskcWriter, TokenKind, TokenRecord,
};
use zamok_host::OsRandom;
use zeroize::Zeroizing;

use crate::pairs::{Effort, Measured, median, now};
use crate::{Comparison, Target};

pub(crate) const COMPARISONS: &[Comparison] = &[
    Comparison {
        id: "pskc-import",
        work: "10,000 keys under AES-256-CBC with HMAC-SHA-256, read",
        peer: "python-pskc",
        unit: "ns a key",
        target: Target::Report,
        run: |effort| read(effort, Content::Encrypted),
    },
    Comparison {
        id: "pskc-import-plain",
        work: "10,000 plain keys, read",
        peer: "python-pskc",
        unit: "ns a key",
        target: Target::Report,
        run: |effort| read(effort, Content::Plain),
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Encrypted,
    Plain,
}

/// Keys in the file that both read.
const KEYS: u32 = 10_000;
const KEY: [u8; 32] = [0x42; 32];
const FIRST: &[u8] = b"<pskc:KeyPackage>";
const LAST: &[u8] = b"</pskc:KeyPackage>\n";

/// Each line of its input is a turn, which it answers with a digest of the secrets and the processor time it took.
const PEER: &str = "
import hashlib, platform, sys, time
from importlib.metadata import version
from pskc import PSKC
print(f'python-pskc {version(\"python-pskc\")}, Python {platform.python_version()}', flush=True)
path, key = sys.argv[1:]
for _ in sys.stdin:
    begun = time.process_time()
    container = PSKC(path)
    if key:
        container.encryption.key = bytes.fromhex(key)
    secrets = [key.secret for key in container.keys]
    taken = time.process_time() - begun
    print(hashlib.sha256(b''.join(secrets)).hexdigest(), taken, flush=True)
";

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn container(content: Content) -> Result<Vec<u8>, String> {
    let protection = match content {
        Content::Plain => Protection::Plain,
        Content::Encrypted => Protection::PreShared {
            key: Zeroizing::new(KEY),
            name: "the key".to_owned(),
            mac: MacHash::Sha256,
        },
    };
    let mut rng = OsRandom::new().map_err(text)?;
    let mut writer = PskcWriter::new(Vec::new(), &protection, &mut rng).map_err(text)?;
    for number in 0..KEYS {
        // 20 bytes that differ; nobody's secret.
        let digest = Sha256::digest(number.to_be_bytes());
        let secret = Secret::new(&digest[..20]).map_err(text)?;
        let kind = TokenKind::totp(TotpParameters::default());
        let mut record = TokenRecord::new(format!("T{number:08}"), format!("user {number}"), kind, secret);
        record.issuer = Some("Bank".to_owned());
        writer.write(&record).map_err(text)?;
    }
    writer.finish().map_err(text)
}

fn open<R: Read>(file: R, content: Content) -> Result<PskcReader<R>, String> {
    let key = match content {
        Content::Plain => PskcKey::None,
        Content::Encrypted => PskcKey::PreShared(Zeroizing::new(KEY.to_vec())),
    };
    PskcReader::new(file, PskcOptions { key, ..PskcOptions::default() }).map_err(text)
}

/// Reads a container to its end: how many keys it has.
fn count<R: Read>(file: R, content: Content) -> Result<u32, String> {
    let mut count = 0;
    for record in open(file, content)? {
        black_box(record.map_err(text)?);
        count += 1;
    }
    Ok(count)
}

fn read(effort: Effort, content: Content) -> Result<Measured, String> {
    let container = container(content)?;
    let folder = tempfile::tempdir().map_err(text)?;
    let path = folder.path().join("tokens.xml");
    fs::write(&path, &container).map_err(text)?;

    let mut secrets = Sha256::new();
    for record in open(container.as_slice(), content)? {
        secrets.update(record.map_err(text)?.secret.expose());
    }
    let secrets = hexadecimal(&secrets.finalize());
    let mut peer = Peer::start(&path, content)?;

    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.size(5, 3) {
        let begun = now();
        if count(fs::File::open(&path).map_err(text)?, content)? != KEYS {
            return Err("keys are missing".into());
        }
        let our_time = now().saturating_sub(begun).as_secs_f64() * 1e9 / f64::from(KEYS);
        let (digest, seconds) = peer.turn()?;
        if digest != secrets {
            return Err("the two disagree".into());
        }
        let their_time = seconds * 1e9 / f64::from(KEYS);
        ours.push(our_time);
        theirs.push(their_time);
        ratios.push(our_time / their_time);
    }
    let ratio = median(&mut ratios);
    let streamed = stream(&container, effort, content)?;
    Ok(Measured {
        ours: median(&mut ours),
        theirs: median(&mut theirs),
        ratio,
        ratio_min: ratios.first().copied().unwrap_or(f64::NAN),
        note: format!("{}; {streamed}", peer.version),
    })
}

/// Reads many more keys as a stream, and tells speed and memory.
fn stream(container: &[u8], effort: Effort, content: Content) -> Result<String, String> {
    let place = |wanted: &[u8]| container.windows(wanted.len()).position(|window| window == wanted);
    let start = place(FIRST).ok_or("a container without keys")?;
    let end = container.windows(LAST.len()).rposition(|window| window == LAST).ok_or("no end")? + LAST.len();
    let times = u32::try_from(effort.size(100, 10)).map_err(text)?;
    let (head, body, tail) = (&container[..start], &container[start..end], &container[end..]);
    let stream = head.chain(Repeated { body, times, place: 0 }).chain(tail);

    // proc_pid_clear_refs(5): the peak begins anew. Where that is not possible the peak is that of the whole process.
    let is_fresh = fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = status("VmRSS:")?;
    let begun = now();
    let found = count(stream, content)?;
    let seconds = now().saturating_sub(begun).as_secs_f64();
    let peak = status("VmHWM:")?;
    if found != times * KEYS {
        return Err("keys are missing".into());
    }
    let speed = f64::from(found) / seconds;
    let memory = if is_fresh {
        format!("peak RSS {peak} KiB, {before} KiB before it")
    } else {
        format!("peak RSS of the process {peak} KiB")
    };
    Ok(format!("{found} keys as a stream: {speed:.0} keys/s, {memory}"))
}

/// A part of a file, again and again.
struct Repeated<'a> {
    body: &'a [u8],
    times: u32,
    place: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.place == self.body.len() && self.times > 0 {
            self.times -= 1;
            self.place = 0;
        }
        if self.times == 0 {
            return Ok(0);
        }
        let read = (&self.body[self.place..]).read(out)?;
        self.place += read;
        Ok(read)
    }
}

/// A line of `/proc/self/status`, in KiB.
fn status(name: &str) -> Result<u64, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(text)?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    value.trim().trim_end_matches(" kB").parse().map_err(text)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// python-pskc in a process of its own.
struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    version: String,
}

impl Peer {
    fn start(path: &Path, content: Content) -> Result<Self, String> {
        let key = match content {
            Content::Plain => String::new(),
            Content::Encrypted => hexadecimal(&KEY),
        };
        let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python3");
        let python = std::env::var_os("ZAMOK_PYTHON").map_or(venv, PathBuf::from);
        let mut child = Command::new(&python)
            .args(["-c", PEER])
            .arg(path)
            .arg(key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}: run cargo xtask setup", python.display()))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("python without pipes".into());
        };
        let mut peer = Self { child, stdin, stdout: BufReader::new(stdout), version: String::new() };
        peer.version = peer.line()?;
        Ok(peer)
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.stdout.read_line(&mut line) {
            Ok(0) => Err("python-pskc is missing or failed: run cargo xtask setup".into()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(text(error)),
        }
    }

    /// One reading: a digest of the secrets, and seconds of the processor.
    fn turn(&mut self) -> Result<(String, f64), String> {
        self.stdin.write_all(b"\n").map_err(text)?;
        let line = self.line()?;
        let (digest, seconds) = line.split_once(' ').ok_or("an answer without a time")?;
        Ok((digest.to_owned(), seconds.parse().map_err(text)?))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
