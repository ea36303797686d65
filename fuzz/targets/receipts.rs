//! What carriers tell: receipts of SMPP and reports of mail systems are read or not read, in bounded time, and what is read is short.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_delivery::{read_report, read_short};
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    if let Some(receipt) = read_short(input) {
        accepted("receipt");
        assert!(!receipt.id.is_empty() && receipt.id.len() <= 64 && receipt.reason.len() <= 40);
        assert!(receipt.id.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Some(report) = read_report(input) {
        accepted("report");
        assert!(!report.id.is_empty() && report.id.len() <= 100);
    }
});
