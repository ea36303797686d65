//! Opening the vault for one command, and leaving its journal integrated.

use std::sync::Arc;

use zamok::{LockedMemory, Options, Passphrase, Session, StoreUrl, Zamok};

use crate::arguments::{Shared, TokenSource};
use crate::failure::Failure;
use crate::output::Output;
use crate::secrets::{self, Asked};

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

/// Runs a command over the opened vault. Whatever becomes of it, what it did is then part of the journal's tree.
pub(crate) fn with_vault<T>(
    shared: &Shared,
    output: &Output,
    command: impl FnOnce(&Zamok) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let place = place(shared)?;
    // Before anybody is asked for a passphrase: is there anything to open?
    let store = place.open().map_err(|fault| {
        let failure = Failure::from(fault);
        Failure { message: format!("{} ({place})", failure.message), ..failure }
    })?;
    let passphrase = secrets::passphrase(shared, Asked::Once, output)?;
    let zamok = Zamok::open_in(store, &passphrase, Options::default()).map_err(Failure::of_opening)?;
    let done = command(&zamok);
    integrate(&zamok, output);
    done
}

/// Moves waiting entries into the tree. What was done stays done when this fails: the next command moves them.
pub(crate) fn integrate(zamok: &Zamok, output: &Output) {
    if let Err(error) = zamok.vault().integrate() {
        tracing::warn!(%error, "the journal was not integrated");
        output.remark(format!("warning: entries of the journal wait to be integrated: {error}"));
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
pub(crate) fn observed(memory: &Arc<LockedMemory>) -> Options {
    Options { memory: memory.clone(), ..Options::default() }
}

/// Makes a vault with these options.
pub(crate) fn create(
    place: &StoreUrl,
    passphrase: &Passphrase,
    settings: zamok::Settings,
) -> Result<Zamok, Failure> {
    Zamok::create_in(place.create()?, passphrase, settings).map_err(Failure::from)
}
