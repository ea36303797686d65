//! The files of a log from whoever likes: an answer or an error, whatever tiles and bundles hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_core::Error;
use zamok_fuzz::accepted;
use zamok_journal::{Files, TrustPolicy, VerifierKey, verify_files};

/// The key and the checkpoint of the example in `docs/formats/journal.md`, so that what is below them is looked at.
const PAGE: &str = include_str!("../../docs/formats/journal.md");

/// The checkpoint, what every tile holds, and what every bundle holds; an empty file is none.
struct Folder<'a>(&'a str, &'a [u8], &'a [u8]);

impl Files for Folder<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(match path {
            "checkpoint" => Some(self.0.into()),
            path => {
                let file = if path.contains("entries") { self.2 } else { self.1 };
                Some(file.to_vec()).filter(|file| !file.is_empty())
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
    // The tile first: its hashes are as many bytes as the length says, and may be anything.
    let Some((length, rest)) = bytes.split_first() else { return };
    let (tile, bundle) = rest.split_at(usize::from(*length).min(rest.len()));
    let found = verify_files(&Folder(note, tile, bundle), &policy).expect("the checkpoint is right");
    if found.report.is_clean() {
        if bundle.is_empty() {
            accepted("tree");
        } else {
            accepted("leaves");
        }
    }
});
