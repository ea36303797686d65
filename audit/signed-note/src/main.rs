//! The crate `signed_note` as a program. For each line of input one of output, fields between tabs, notes in base64:
//!
//! - `sign`, name, text: a new key signs; answers its vkey and the note.
//! - `verify`, note, vkeys: `ok` and the names of the keys that signed, or `no`.

use std::io::{self, BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signed_note::{Note, Signer, StandardSigner, StandardVerifier, Verifier, VerifierList};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let answer = match fields.as_slice() {
            ["sign", name, text] => sign(name, text).unwrap_or_else(|| "no".into()),
            ["verify", note, vkeys @ ..] => verify(note, vkeys).unwrap_or_else(|| "no".into()),
            _ => "?".into(),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn sign(name: &str, text: &str) -> Option<String> {
    let (skey, vkey) = signed_note::generate_key(&mut rand_core::OsRng, name);
    let signer = StandardSigner::new(&skey).ok()?;
    let mut note = Note::new(&STANDARD.decode(text).ok()?, &[]).ok()?;
    note.add_sigs(&[&signer as &dyn Signer]).ok()?;
    Some(format!("{vkey}\t{}", STANDARD.encode(note.to_bytes())))
}

fn verify(note: &str, vkeys: &[&str]) -> Option<String> {
    let known = vkeys.iter().map(|vkey| Some(Box::new(StandardVerifier::new(vkey).ok()?) as Box<dyn Verifier>));
    let known = VerifierList::new(known.collect::<Option<_>>()?);
    let note = Note::from_bytes(&STANDARD.decode(note).ok()?).ok()?;
    let (verified, _) = note.verify(&known).ok()?;
    let names: Vec<_> = verified.iter().map(|signature| signature.name().to_owned()).collect();
    Some(format!("ok\t{}", names.join("\t")))
}
