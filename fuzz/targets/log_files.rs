//! The files of a log from whoever likes: an answer or an error, whatever tiles and bundles hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::Error;
use zamok_journal::{Files, TrustPolicy, VerifierKey, verify_files};

/// The key and the checkpoint of the example in `docs/formats/journal.md`, so that what is below them is looked at.
const PAGE: &str = include_str!("../../docs/formats/journal.md");

struct Folder<'a>(&'a str, &'a [u8]);

impl Files for Folder<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(match path {
            "checkpoint" => Some(self.0.into()),
            path => {
                let (tile, bundle) = self.1.split_at(self.1.len() / 3);
                Some(if path.contains("entries") { bundle } else { tile }.to_vec())
            }
        })
    }
}

fn block(fence: &str) -> &'static str {
    PAGE.split_once(fence).and_then(|(_, rest)| rest.split_once("```")).expect("the page has it").0
}

fuzz_target!(|bytes: &[u8]| {
    let policy = TrustPolicy::log(VerifierKey::parse(block("```vkey\n").trim_end()).expect("a key"));
    let note = block("```tlog-proof\n").split_once("\n\n").expect("a proof has a checkpoint").1;
    let _ = verify_files(&Folder(note, bytes), &policy).expect("the checkpoint is right");
});
