//! A container with a million tokens is read in bounded memory, measured from outside: a child process reads it and tells
//! its peak (`VmHWM` of `/proc/self/status`).
#![cfg(target_os = "linux")]

mod tier;

use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Instant;

use zamok_exchange::{PskcOptions, PskcReader};

/// Set for the child: how many tokens it reads.
const COUNT: &str = "ZAMOK_EXCHANGE_STREAM";
/// Most memory of the child, in KiB: independent of the number of tokens.
const LIMIT: u64 = 32 * 1024;

/// A container that is made while it is read.
struct Container {
    next: u64,
    count: u64,
    ready: Vec<u8>,
    place: usize,
}

impl Container {
    fn new(count: u64) -> Self {
        let head = "<?xml version=\"1.0\"?><KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\">";
        Self { next: 0, count, ready: head.into(), place: 0 }
    }
}

impl Read for Container {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.place == self.ready.len() {
            self.ready.clear();
            self.place = 0;
            if self.next < self.count {
                writeln!(
                    self.ready,
                    "<KeyPackage><DeviceInfo><Manufacturer>M</Manufacturer><SerialNo>{0:012}</SerialNo></DeviceInfo>\
                     <Key Id=\"{0:012}\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:totp\"><Issuer>I</Issuer>\
                     <AlgorithmParameters><ResponseFormat Length=\"6\" Encoding=\"DECIMAL\"/></AlgorithmParameters><Data><Secret>\
                     <PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret><TimeInterval><PlainValue>30</PlainValue>\
                     </TimeInterval></Data><Policy><KeyUsage>OTP</KeyUsage></Policy></Key></KeyPackage>",
                    self.next
                )?;
            } else if self.next == self.count {
                self.ready.extend_from_slice(b"</KeyContainer>\n");
            }
            self.next += 1;
        }
        let len = out.len().min(self.ready.len() - self.place);
        out[..len].copy_from_slice(&self.ready[self.place..][..len]);
        self.place += len;
        Ok(len)
    }
}

fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The work of the child; without the variable, nothing.
#[test]
fn child_that_reads_a_container() {
    let Ok(count) = std::env::var(COUNT) else { return };
    let count = count.parse().unwrap();
    let began = Instant::now();
    let mut found = 0;
    for (record, number) in
        PskcReader::new(Container::new(count), PskcOptions::default()).unwrap().zip(0_u64..)
    {
        assert_eq!(record.unwrap().id, format!("{number:012}"));
        found += 1;
    }
    assert_eq!(found, count);
    let seconds = began.elapsed().as_secs_f64();
    writeln!(std::io::stdout().lock(), "peak={} seconds={seconds:.1}", peak()).unwrap();
}

fn child(count: u32) -> u64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_reads_a_container", "--nocapture", "--test-threads=1"])
        .env(COUNT, count.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let told = text.lines().find_map(|line| line.split_once("peak=")).expect(&text).1;
    let _ = writeln!(std::io::stderr(), "{count} tokens: peak KiB, seconds: {told}");
    told.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn memory_does_not_grow_with_the_number_of_tokens() {
    let count = tier::pick(2_000, 20_000, 1_000_000);
    let (few, many) = (child(100), child(count));
    assert!(many < LIMIT, "{many} KiB");
    assert!(many < few + 4 * 1024, "{few} KiB for 100 tokens, {many} KiB for {count}");
}
