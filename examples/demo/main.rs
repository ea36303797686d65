//! `cargo demo`: a citizen enrols, logs in with a one-time code and signs; then somebody goes looking for the secret.
//!
//! The files go to a temporary folder, or stay in the folder that `--keep DIR` names. Exits with 0 only when every step
//! held.

mod burglar;
mod phone;
mod story;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs, io};

use zamok::event::{EventKind, Leaf};
use zamok::journal::{InclusionProof, Status, Telling, TrustPolicy};
use zamok::signature::VerifyingKey;
use zamok::{Passphrase, Password, Session, Settings, Zamok};

use crate::phone::Phone;
use crate::story::{Story, Told, ensure, refused};

const USAGE: &str =
    "usage: cargo demo [--keep DIR]\n\n  --keep DIR  leave the files in DIR, which must be empty or absent";
const LOGIN: &str = "ivan";
const PASSWORD: &str = "correct horse battery staple";
const PASSPHRASE: &str = "six random words for the vault";
const DOCUMENT: &[u8] = b"I, Ivan, owe the bank 100 roubles.\n";

fn main() -> ExitCode {
    let ended = read_arguments().and_then(|keep| run(keep.as_deref()));
    let Err(error) = ended else { return ExitCode::SUCCESS };
    // Whoever closed the pipe has seen enough.
    let closed =
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    if !closed {
        eprintln!("demo: {error}");
    }
    ExitCode::FAILURE
}

fn read_arguments() -> Told<Option<PathBuf>> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [] => Ok(None),
        [keep, folder] if keep == "--keep" => Ok(Some(folder.into())),
        _ => Err(USAGE.into()),
    }
}

fn run(keep: Option<&Path>) -> Told {
    let temporary = tempfile::Builder::new().prefix("zamok-demo-").tempdir()?;
    let folder = match keep {
        Some(folder) => {
            fs::create_dir_all(folder)?;
            if fs::read_dir(folder)?.next().is_some() {
                return Err(format!("{} is not empty: name a folder that is", folder.display()).into());
            }
            folder.canonicalize()?
        }
        None => temporary.path().to_owned(),
    };
    let mut story = Story::new();
    tell(&mut story, &folder)?;
    match keep {
        Some(_) => {
            story.chapter("What is left for you to look at")?;
            let mut names: Vec<_> = fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
            names.sort_by_key(fs::DirEntry::file_name);
            for name in names {
                story.line(&name.path().display().to_string())?;
            }
            story
                .line(&format!("The vault's passphrase is “{PASSPHRASE}”, Ivan's password “{PASSWORD}”."))?;
        }
        None => story.line("The files were temporary and are gone; `cargo demo --keep DIR` leaves them.")?,
    }
    Ok(())
}

fn tell(story: &mut Story, folder: &Path) -> Told {
    let began = Instant::now();
    let database = folder.join("bank.db");
    let zamok = open_bank(story, &database)?;
    let phone = enrol(story, &zamok)?;
    let session = log_in(story, &zamok, &phone)?;
    sign(story, &zamok, &session, folder)?;
    prove(story, &zamok, folder)?;
    break_in(story, zamok, &database, &phone)?;
    story.chapter("The end")?;
    story.line(&format!("Every step held, in {:.1} s.", began.elapsed().as_secs_f32()))
}

fn open_bank(story: &mut Story, database: &Path) -> Told<Zamok> {
    story.chapter("A bank opens its vault")?;
    let settings = Settings::new("Bank");
    let cost = settings.options.cost;
    let mut url = std::ffi::OsString::from("sqlite:");
    url.push(database);
    let began = Instant::now();
    let zamok = Zamok::create(url, &Passphrase::from(PASSPHRASE), settings)?;
    story.line(&format!("{} is made, and a vault in it.", database.display()))?;
    story.line(&format!(
        "Its passphrase goes through Argon2id with {} MiB and {} passes: {:.1} s here for every guess.",
        cost.memory_kib / 1024,
        cost.passes,
        began.elapsed().as_secs_f32()
    ))?;
    Ok(zamok)
}

fn enrol(story: &mut Story, zamok: &Zamok) -> Told<Phone> {
    story.chapter("Ivan registers, and enrols his phone")?;
    let password = Password::new(PASSWORD);
    let account = zamok.register(LOGIN, &password)?;
    story.line(&format!(
        "Ivan is registered as “{}” with a password; so far nothing can log in.",
        account.login
    ))?;
    let enrolment = zamok.begin_enrolment(LOGIN, &password)?;
    let offer = zamok.offer_generator(&enrolment)?;
    story.line("The vault makes a secret and shows it this once, for his authenticator app:")?;
    story.qr(offer.uri.as_str())?;
    story.line(offer.uri.as_str())?;
    let phone = Phone::scan(offer.uri.as_str())?;
    refused(zamok.confirm_generator(&enrolment, &phone.wrong_code()), "a wrong test code is refused")?;
    story.held("A wrong test code is refused: the phone does not count yet.")?;
    let code = phone.code(0);
    zamok.confirm_generator(&enrolment, &code)?;
    story.held(&format!(
        "The phone shows {code}; it is right. The phone counts from now on, and this code is spent."
    ))?;
    Ok(phone)
}

fn log_in(story: &mut Story, zamok: &Zamok, phone: &Phone) -> Told<Session> {
    story.chapter("Ivan logs in")?;
    let password = Password::new(PASSWORD);
    refused(
        zamok.log_in(LOGIN, &Password::new("a password of somebody else"), &phone.code(0)),
        "a wrong password is refused",
    )?;
    story.held("A wrong password is refused.")?;
    let wrong = phone.wrong_code();
    refused(zamok.log_in(LOGIN, &password, &wrong), "a wrong code is refused")?;
    story.held(&format!("The right password with a wrong code, {wrong}, is refused."))?;

    // The test code has spent its step, so the login needs the next one. Codes one step ahead are taken, for
    // phones whose clocks are fast: nobody has to wait here.
    let code = phone.code(1);
    let session = zamok.log_in(LOGIN, &password, &code)?;
    story.held(&format!("With the phone's next code, {code}, he is in."))?;
    refused(zamok.log_in(LOGIN, &password, &code), "the same code is refused the second time")?;
    story.held(&format!(
        "The same code, {code}, is refused the second time, although it is still on the screen."
    ))?;

    let tokens = zamok.tokens("bank.example");
    let token = tokens.issue(&session)?;
    ensure(tokens.verify(&token)? == session, "the token stands for the session")?;
    refused(zamok.tokens("shop.example").verify(&token), "a token is refused by another audience")?;
    story.held(&format!(
        "He holds an access token, a JWT of {} bytes, good for 5 minutes at bank.example alone.",
        token.len()
    ))?;
    Ok(session)
}

fn sign(story: &mut Story, zamok: &Zamok, session: &Session, folder: &Path) -> Told {
    story.chapter("Ivan signs a document")?;
    let signed = zamok.sign(session, DOCUMENT, "promise.txt")?;
    fs::write(folder.join("promise.txt"), DOCUMENT)?;
    fs::write(folder.join("promise.txt.sig"), signed.signature.to_der())?;
    fs::write(folder.join("ivan.pem"), signed.public_key.to_spki_pem())?;
    story.line("promise.txt is signed by his own key, which was made inside the vault and stays there.")?;

    // From here on, as somebody who has nothing but the files.
    let key = VerifyingKey::from_spki_pem(&fs::read_to_string(folder.join("ivan.pem"))?)?;
    let signature = fs::read(folder.join("promise.txt.sig"))?;
    let mut document = fs::read(folder.join("promise.txt"))?;
    key.verify_der(&document, &signature)?;
    story.held(
        "The signature verifies with his public key: openssl dgst -sha256 -verify ivan.pem does the same.",
    )?;
    for place in 0..document.len() {
        document[place] ^= 1;
        refused(
            key.verify_der(&document, &signature).map_err(zamok::Error::Core),
            "a changed byte is refused",
        )?;
        document[place] ^= 1;
    }
    story.held(&format!("With any one of its {} bytes changed, it is refused.", document.len()))
}

fn prove(story: &mut Story, zamok: &Zamok, folder: &Path) -> Told {
    story.chapter("The journal")?;
    let signed = zamok.vault().checkpoint()?;
    let mut entries = zamok.history_of(LOGIN, 100, None)?.entries;
    entries.sort_by_key(|entry| (entry.leaf.time, entry.id.writer, entry.id.sequence));
    let mut signature = None;
    let (mut wrong, mut spent) = (0, 0);
    for entry in &entries {
        let Status::Integrated { index } = entry.status else {
            return Err("an entry was left waiting".into());
        };
        let told = match &entry.detail {
            Telling::Told(detail) => detail.get("reason").or(detail.get("document")).unwrap_or_default(),
            Telling::None | Telling::Erased => "",
        };
        let line = format!("#{index:<4}{:<26} {told}", entry.leaf.kind.name());
        story.line(line.trim_end())?;
        wrong += usize::from(entry.leaf.kind == EventKind::CodeRejected && told == "wrong code");
        spent += usize::from(entry.leaf.kind == EventKind::CodeRejected && told == "code already used");
        if entry.leaf.kind == EventKind::SignatureMade {
            signature = Some(index);
        }
    }
    ensure(wrong == 2 && spent == 1, "the journal knows which code was wrong and which was used")?;
    story.held("It knows what Ivan was not told: which codes were wrong, and which one was used before.")?;

    let index = signature.ok_or("the signature is missing in the journal")?;
    let trusted = TrustPolicy::log(zamok.vault().log_key()?);
    let text = zamok.journal(|journal| journal.prove(index))?.to_text();
    fs::write(folder.join("signature.tlog-proof"), &text)?;
    let proof = InclusionProof::from_text(&text)?;
    let (leaf, _): (Leaf, _) = proof.verify(&trusted)?;
    ensure(leaf.kind == EventKind::SignatureMade, "the proof is about the signature")?;
    story.held(&format!(
        "Entry #{index} is proved to be one of {} in the signed Merkle tree, by {} hashes, offline.",
        proof.size(),
        proof.path().len()
    ))?;
    let forged = text.replacen(&format!("index {index}\n"), &format!("index {}\n", index - 1), 1);
    ensure(
        forged != text && InclusionProof::from_text(&forged)?.verify(&trusted).is_err(),
        "a forged proof is refused",
    )?;
    story.held("The same proof for another place is refused.")?;
    let report = zamok.audit()?;
    ensure(report.is_clean() && report.leaves >= signed.checkpoint().size, "the whole journal is sound")?;
    story.held(&format!(
        "All {} entries were recomputed: nothing is missing, nothing was changed.",
        report.leaves
    ))
}

fn break_in(story: &mut Story, zamok: Zamok, database: &Path, phone: &Phone) -> Told {
    story.chapter("A burglar takes the disk")?;
    let secret = phone.secret();
    // Nobody else has the database open, so reading it in this process takes no lock away from anyone.
    zamok.vault().lock();
    let with_log = look_for(secret, database)?;
    drop(zamok);
    let folded = look_for(secret, database)?;
    let forms = burglar::forms(secret);
    story.held(&format!(
        "{} KiB of database and log, and {} KiB after closing, were searched for the phone's secret in vain.",
        with_log / 1024,
        folded / 1024,
    ))?;
    let names: Vec<_> = forms.iter().map(|(name, _)| *name).collect();
    story.line(&format!("Searched for: {}.", names.join("; ")))?;
    // The control: the same search over the same bytes finds the secret once it is there.
    let mut bytes = fs::read(database)?;
    let middle = bytes.len() / 2;
    for (name, form) in forms {
        let original = bytes[middle..middle + form.len()].to_vec();
        bytes[middle..middle + form.len()].copy_from_slice(&form);
        ensure(burglar::search(&bytes, secret).contains(&name), "the search finds what was planted")?;
        bytes[middle..middle + form.len()].copy_from_slice(&original);
    }
    story.held("Planted into a copy in each of these forms, it is found: the search works.")
}

/// Searches the files of the database; answers how many bytes there were.
fn look_for(secret: &[u8], database: &Path) -> Told<usize> {
    let mut total = 0;
    for file in burglar::files_of(database)? {
        let bytes = fs::read(&file)?;
        let found = burglar::search(&bytes, secret);
        ensure(found.is_empty(), &format!("{} does not hold the secret (found: {found:?})", file.display()))?;
        total += bytes.len();
    }
    ensure(total > 4096, "there is something to search")?;
    Ok(total)
}
