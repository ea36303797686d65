//! Opening the vault for one command, and leaving its journal integrated.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zamok::journal::{Anchor, Journal};
use zamok::keys::{self, Flag, KeyId, Transaction};
use zamok::store::{Store, StoreFault};
use zamok::witness::Client;
use zamok::{
    CoreError, Error, FileAnchor, Freshness, LockedMemory, Options, Role, Session, StoreUrl, Vault, Zamok,
};

use crate::arguments::{Shared, TokenSource};
use crate::commands::journal::policy;
use crate::credentials::{Held, Opening};
use crate::failure::Failure;
use crate::files;
use crate::output::Output;
use crate::secrets::{self, Asked};

/// What follows for the anchor when a new log begins.
pub(crate) const ANEW: &str = "a new log begins: --anchor or ZAMOK_ANCHOR names what remembers the former one; \
                               `zamok journal anchor NEWFILE` begins another, for whoever sets the variable anew";

/// The audience of tokens that this program itself accepts.
pub(crate) const AUDIENCE: &str = "zamok";

/// The place of the store; one that forgets everything at the end of the program is of no use here.
pub(crate) fn place(shared: &Shared) -> Result<StoreUrl, Failure> {
    match StoreUrl::parse(&shared.store)? {
        StoreUrl::Memory => {
            Err(Failure::usage("a store in memory would be forgotten when this command ends")
                .hint("name a file: --store sqlite:zamok.db"))
        }
        place => Ok(place),
    }
}

/// Keeps every output of this run away from the store and its anchor, whether the command opens them or not.
pub(crate) fn reserve(shared: &Shared) {
    if let Ok(StoreUrl::Sqlite(path)) = StoreUrl::parse(&shared.store) {
        // With what SQLite keeps beside it.
        for end in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.clone().into_os_string();
            name.push(end);
            files::in_use(Path::new(&name));
        }
    }
    shared.opening.anchor.iter().for_each(|file| files::in_use(file));
}

/// The store, before anybody is asked for a passphrase: is there anything to open?
pub(crate) fn store(shared: &Shared) -> Result<Arc<dyn Store>, Failure> {
    let place = place(shared)?;
    place.open().map_err(|fault| at(&place, fault))
}

/// What is wrong with a store, told with its place.
pub(crate) fn at(place: &StoreUrl, fault: StoreFault) -> Failure {
    let failure = Failure::from(fault);
    Failure { message: format!("{} ({place})", failure.message), ..failure }
}

/// A vault that did not open; of one that has moved, where it went.
pub(crate) fn unopened(
    error: impl Into<Error>,
    store: &dyn Store,
    held: &Held,
    options: &Options,
) -> Failure {
    let failure = Failure::of_opening(error, held.wrong());
    if !matches!(failure.name, "moved" | "unfinished") {
        return failure;
    }
    match Vault::destination(store, held.credential(), options) {
        Ok(Some(to)) if failure.name == "moved" => {
            Failure { message: format!("the vault has moved to {to}"), ..failure }
                .hint(format!("name that store: --store {to}"))
        }
        Ok(Some(to)) => Failure {
            message: format!("the vault is on its way to {to}, and has not arrived"),
            ..failure
        }
        .hint("give the `zamok store copy` again that was begun: it goes on, also into another new store"),
        // Of a restore, the store that is filled knows no other place.
        _ => failure,
    }
}

/// Runs a command over the vault alone, opened in a role.
pub(crate) fn as_role<T>(
    role: Role,
    shared: &Shared,
    output: &Output,
    command: impl FnOnce(&Vault) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = store(shared)?;
    let options = options(shared)?;
    let held = Held::read(shared, output)?;
    let unlock = |held: &Held| Vault::unlock_as(role, store.clone(), held.credential(), options.clone());
    let vault = match unlock(&held) {
        // The variable names what opens another role's slot.
        Err(CoreError::SlotMethod) if shared.opening.by_variable => {
            output
                .remark(format!("what the variable names opens no slot of the {role}; its passphrase does"));
            let held = match held {
                // It was typed in the belief that it is a PIN.
                Held::Pin(typed, _) => Held::Passphrase(typed),
                _ => Held::Passphrase(secrets::passphrase(shared, Asked::Once, output)?),
            };
            unlock(&held).map_err(|error| unopened(error, &*store, &held, &options))?
        }
        opened => opened.map_err(|error| unopened(error, &*store, &held, &options))?,
    };
    let done = command(&vault);
    // An auditor leaves nothing behind, and may not integrate what others did.
    let settled = if role == Role::Auditor { Ok(()) } else { settle(&vault, output) };
    let done = done?;
    settled.map_err(Failure::afterwards).map(|()| done)
}

/// Who reads the journal as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Whoever works with the vault: what waits is integrated and signed first.
    Operator,
    /// Whoever has the auditor's slot alone: the log is read as it is.
    Auditor,
}

/// Runs a command over the journal.
pub(crate) fn with_journal<T>(
    reader: Reader,
    shared: &Shared,
    output: &Output,
    command: impl FnOnce(&Vault) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match reader {
        Reader::Operator => with_vault(shared, output, |zamok| command(zamok.vault())),
        Reader::Auditor => as_role(Role::Auditor, shared, output, command),
    }
}

/// What the journal says, for one question.
pub(crate) fn read<T>(
    vault: &Vault,
    question: impl FnOnce(&Journal<'_>) -> Result<T, CoreError>,
) -> Result<T, Failure> {
    Ok(vault.read(|store, keyring| question(&Journal::new(store, keyring)))?)
}

/// How the vault is opened, by what was asked for: slot and anchor.
pub(crate) fn options(shared: &Shared) -> Result<Options, Failure> {
    let freshness = match anchor(shared)? {
        Some(anchor) => Freshness::Anchored(anchor),
        None => Freshness::Trusting,
    };
    Ok(Options { slot: shared.opening.slot, freshness, ..Options::default() })
}

/// What is asked whether the store was put back.
fn anchor(shared: &Shared) -> Result<Option<Arc<dyn Anchor>>, Failure> {
    let Opening { anchor, anchor_witnesses, .. } = &shared.opening;
    const LOST: &str = "bring its disk back, or name the right file with --anchor; where it is lost, `zamok journal anchor NEWFILE` without --anchor begins another, whatever ZAMOK_ANCHOR names";
    anchor_at(anchor.as_deref(), anchor_witnesses.as_deref(), LOST)
}

/// The anchor in this file, or of the witnesses of this policy; `hint` says what to do about a file that is not there.
pub(crate) fn anchor_at(
    file: Option<&Path>,
    witnesses: Option<&Path>,
    hint: &str,
) -> Result<Option<Arc<dyn Anchor>>, Failure> {
    Ok(match (file, witnesses) {
        (Some(file), _) => {
            there(file, hint)?;
            Some(Arc::new(FileAnchor::at(file)))
        }
        (None, Some(file)) => Some(Arc::new(Client::new(policy(file)?))),
        (None, None) => None,
    })
}

/// The witnesses that are the anchor, where they are.
pub(crate) fn witnesses(shared: &Shared) -> Result<Option<Arc<Client>>, Failure> {
    match &shared.opening {
        Opening { anchor: None, anchor_witnesses: Some(file), .. } => {
            Ok(Some(Arc::new(Client::new(policy(file)?))))
        }
        _ => Ok(None),
    }
}

/// Makes sure that the file of an anchor is there, before anybody is asked for a passphrase.
fn there(anchor: &Path, hint: &str) -> Result<(), Failure> {
    let told = |why: &dyn Display| {
        Failure::file(format!("the anchor {} cannot be read: {why}", anchor.display())).hint(hint)
    };
    match fs::metadata(anchor) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = format!("the anchor {} is not there", anchor.display());
            Err(Failure { message, ..Failure::from(CoreError::AnchorMissing) }.hint(hint))
        }
        Ok(found) if !found.is_file() => Err(told(&"it is not a file")),
        Ok(_) => File::open(anchor).map(drop).map_err(|error| told(&error)),
        Err(error) => Err(told(&error)),
    }
}

/// As [`new_anchor`], for a log that takes the place of another: a variable that names the former one's anchor is set aside.
pub(crate) fn next_anchor(shared: &Shared, output: &Output) -> Result<Option<Arc<dyn Anchor>>, Failure> {
    let Opening { anchor, anchor_witnesses, anchor_by_variable, .. } = &shared.opening;
    let remembers = |file: &PathBuf| fs::metadata(file).is_ok_and(|found| found.len() > 0);
    let is_former = anchor_witnesses.is_some() || anchor.as_ref().is_some_and(remembers);
    if *anchor_by_variable && is_former {
        output.warning(ANEW);
        return Ok(None);
    }
    new_anchor(shared)
}

/// The file of an anchor that is begun, where one was asked for: it remembers nothing yet.
pub(crate) fn new_anchor(shared: &Shared) -> Result<Option<Arc<dyn Anchor>>, Failure> {
    if shared.opening.anchor_witnesses.is_some() {
        return Err(Failure::usage("witnesses do not know a log before it is there")
            .hint("make it without them, tell them its key, then run `zamok journal anchor --anchor-witnesses FILE`"));
    }
    let Some(file) = &shared.opening.anchor else { return Ok(None) };
    begin_anchor(file).map(Some)
}

/// Makes the file of an anchor, or takes one that is empty.
pub(crate) fn begin_anchor(file: &Path) -> Result<Arc<dyn Anchor>, Failure> {
    let unwritable = |error| Failure::file(format!("cannot make {}: {error}", file.display()));
    match FileAnchor::create(file) {
        Ok(anchor) => Ok(Arc::new(anchor)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match fs::metadata(file) {
            Ok(found) if !found.is_file() => {
                Err(Failure::file(format!("{} is there, and is not a file", file.display())))
            }
            Ok(found) if found.len() == 0 => Ok(Arc::new(FileAnchor::at(file))),
            Ok(_) => Err(Failure::file(format!("{} is there already, and remembers a log", file.display()))
                .hint("name a file that is not there yet; one that remembers is never overwritten")),
            Err(error) => Err(unwritable(error)),
        },
        Err(error) => Err(unwritable(error)),
    }
}

/// Makes a vault that has just been made open with its anchor alone, where one was begun for it; whether it does. Whatever
/// becomes of that, the vault is there.
pub(crate) fn anchored(
    vault: &Vault,
    anchor: Option<&Arc<dyn Anchor>>,
    output: &Output,
) -> Result<bool, Failure> {
    if anchor.is_some() {
        vault.require_anchor().and_then(|()| vault.checkpoint()).map_err(|error| {
            let failure = Failure::from(error);
            let remembers = "the vault is made, but its anchor remembers nothing yet";
            Failure { message: format!("{remembers}: {}", failure.message), ..failure }
                .hint("it opens without one; `zamok journal anchor NEWFILE` begins an anchor for it")
                .afterwards()
        })?;
    }
    settle(vault, output).map(|()| anchor.is_some())
}

/// Runs a command over the opened vault. Whatever becomes of it, what it did is then part of the journal's tree.
pub(crate) fn with_vault<T>(
    shared: &Shared,
    output: &Output,
    command: impl FnOnce(&Zamok) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = store(shared)?;
    let options = options(shared)?;
    let held = Held::read(shared, output)?;
    let zamok = open(store, &held, options)?;
    let done = command(&zamok);
    let settled = integrate(&zamok, output);
    let done = done?;
    settled.map_err(Failure::afterwards).map(|()| done)
}

/// The same for a command that goes on until it is interrupted: nobody is there to unlock the vault again.
pub(crate) fn with_lasting_vault<T>(
    shared: &Shared,
    output: &Output,
    command: impl FnOnce(&Zamok) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let store = store(shared)?;
    let options = Options { idle: None, ..options(shared)? };
    let held = Held::read(shared, output)?;
    command(&open(store, &held, options)?)
}

/// Opens vault and cabinet.
pub(crate) fn open(store: Arc<dyn Store>, held: &Held, options: Options) -> Result<Zamok, Failure> {
    Zamok::open_in(store.clone(), held.credential(), options.clone())
        .map_err(|error| unopened(error, &*store, held, &options))
}

/// Changes the vault with a key that may ask for an authorisation of its own: then the secret that opened the vault is
/// asked for once more.
pub(crate) fn with_key<T>(
    zamok: &Zamok,
    key: KeyId,
    shared: &Shared,
    output: &Output,
    mut work: impl FnMut(&mut Transaction<'_>) -> Result<T, CoreError>,
) -> Result<T, Failure> {
    let vault = zamok.vault();
    if !vault.transact(|tx| keys::info(tx, key))?.flags.contains(Flag::AlwaysAuthenticate) {
        return Ok(vault.transact(work)?);
    }
    output.remark("this key asks for the secret of the slot at each use");
    let held = Held::read(shared, output)?;
    let authorization =
        vault.authorize(key, held.credential()).map_err(|error| Failure::of_opening(error, held.wrong()))?;
    Ok(authorization.transact(&mut work)?)
}

/// Moves waiting entries into the tree, and gives an anchor what that amounts to. What was done stays done when this
/// fails, and the next command goes on: it is a warning, unless the anchor knows another journal.
pub(crate) fn integrate(zamok: &Zamok, output: &Output) -> Result<(), Failure> {
    settle(zamok.vault(), output)
}

pub(crate) fn settle(vault: &Vault, output: &Output) -> Result<(), Failure> {
    let is_anchored = vault.anchoring().is_ok_and(|(anchored, _)| anchored);
    let settled = if is_anchored { vault.checkpoint().map(|_| ()) } else { vault.integrate().map(|_| ()) };
    match settled {
        Err(error @ (CoreError::LogForked | CoreError::LogBehind { .. })) => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, "the journal was not integrated");
            output.warning(if is_anchored {
                format!("the anchor does not remember what was done, until a later command tells it: {error}")
            } else {
                format!("entries of the journal wait to be integrated: {error}")
            });
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The live session behind the access token.
pub(crate) fn session(zamok: &Zamok, source: &TokenSource, output: &Output) -> Result<Session, Failure> {
    let token = secrets::token(source, output)?;
    let minutes = zamok.policy().session.access_token / 60;
    zamok.tokens(AUDIENCE).verify(&token).map_err(|error| {
        Failure::from(error).when_rejected(
            "the access token is not valid, or not any more",
            &format!("log in again with `zamok login LOGIN`: tokens live {minutes} minutes"),
        )
    })
}

/// Options whose memory can be asked how it was granted.
pub(crate) fn observed(memory: &Arc<LockedMemory>, shared: &Shared) -> Result<Options, Failure> {
    Ok(Options { memory: memory.clone(), ..options(shared)? })
}

/// Makes the store, where there is none.
pub(crate) fn new_store(place: &StoreUrl) -> Result<Arc<dyn Store>, Failure> {
    place.create().map_err(|fault| match fault {
        // Not the store is missing, which is to be made, but where it would be put.
        StoreFault::Missing => {
            Failure { message: format!("no store can be made at {place}"), ..Failure::from(fault) }
                .hint("its folder must be there, and this user must be allowed to write to it")
        }
        _ => at(place, fault),
    })
}

/// Makes a vault with these options.
pub(crate) fn create(place: &StoreUrl, held: &Held, settings: zamok::Settings) -> Result<Zamok, Failure> {
    Zamok::create_in(new_store(place)?, held.credential(), settings).map_err(Failure::from)
}
