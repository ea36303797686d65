//! Modules of PKCS#11: shared libraries, loaded once a process, used by one caller at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error as Answer, RvError};
use cryptoki::slot::Slot;
use zamok_core::Error;
use zamok_core::error::TokenFault;

use super::uri::{Part, Pkcs11Uri};

/// A module that is loaded and initialised in this process.
pub(super) struct Module {
    pub(super) pkcs11: Pkcs11,
    /// A login counts for the whole process: whoever presents a PIN has the module for itself, else a wrong one would pass
    /// beside a right one.
    pub(super) turn: Mutex<()>,
}

/// The modules of one process.
struct Modules {
    pid: u32,
    loaded: Mutex<HashMap<PathBuf, Arc<Module>>>,
    /// Those of a process that was forked from this one. It has none at first (PKCS#11 2.40 §5.4: it initialises anew), and
    /// must not wait for a thread of its parent that was loading one.
    child: OnceLock<Box<Modules>>,
}

impl Modules {
    fn new() -> Self {
        Self { pid: process::id(), loaded: Mutex::default(), child: OnceLock::new() }
    }

    fn of_this_process() -> &'static Self {
        static FIRST: OnceLock<Modules> = OnceLock::new();
        let mut modules = FIRST.get_or_init(Self::new);
        while modules.pid != process::id() {
            modules = modules.child.get_or_init(|| Box::new(Self::new()));
        }
        modules
    }

    // A module is in it once it is whole, so what a panicking thread leaves behind is sound.
    fn loaded(&self) -> MutexGuard<'_, HashMap<PathBuf, Arc<Module>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Module {
    /// The module in this file, loaded if it is not yet. It is never finalised: others in this process may use it.
    pub(super) fn at(path: &Path) -> Result<Arc<Self>, Error> {
        let mut modules = Modules::of_this_process().loaded();
        if let Some(module) = modules.get(path) {
            return Ok(module.clone());
        }
        let pkcs11 = Pkcs11::new(path).map_err(|error| {
            tracing::warn!(%error, "a PKCS#11 module cannot be loaded");
            Error::Token(TokenFault::Module)
        })?;
        match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Somebody else in this process has done it.
            Ok(()) | Err(Answer::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => {}
            Err(error) => return Err(fault(error)),
        }
        let module = Arc::new(Self { pkcs11, turn: Mutex::new(()) });
        modules.insert(path.to_path_buf(), module.clone());
        Ok(module)
    }

    /// The one token that the URI fits.
    pub(super) fn token(&self, uri: &Pkcs11Uri) -> Result<Slot, Error> {
        let mut found = None;
        for slot in self.tokens(uri)? {
            if found.replace(slot).is_some() {
                return Err(Error::Token(TokenFault::Ambiguous));
            }
        }
        found.ok_or(Error::Token(TokenFault::Absent))
    }

    /// Every token that the URI fits and that was set up.
    pub(super) fn tokens(&self, uri: &Pkcs11Uri) -> Result<Vec<Slot>, Error> {
        let library = self.pkcs11.get_library_info().map_err(fault)?;
        let version = library.library_version();
        if !uri.fits(Part::LibraryManufacturer, library.manufacturer_id())
            || !uri.fits(Part::LibraryDescription, library.library_description())
            || !uri.fits(Part::LibraryVersion, &format!("{}.{}", version.major(), version.minor()))
        {
            return Ok(Vec::new());
        }
        let mut tokens = Vec::new();
        for slot in self.pkcs11.get_slots_with_token().map_err(fault)? {
            // A token that was pulled out meanwhile is one that is not there.
            let (Ok(info), Ok(place)) = (self.pkcs11.get_token_info(slot), self.pkcs11.get_slot_info(slot))
            else {
                continue;
            };
            let fits = info.token_initialized()
                && uri.fits(Part::Token, info.label())
                && uri.fits(Part::Manufacturer, info.manufacturer_id())
                && uri.fits(Part::Serial, info.serial_number())
                && uri.fits(Part::Model, info.model())
                && uri.fits(Part::SlotManufacturer, place.manufacturer_id())
                && uri.fits(Part::SlotDescription, place.slot_description())
                && uri.fits_slot(slot.id());
            if fits {
                tokens.push(slot);
            }
        }
        Ok(tokens)
    }
}

/// What an answer of the module comes to; the log has its code.
pub(super) fn fault(error: Answer) -> Error {
    tracing::warn!(%error, "a PKCS#11 token refused");
    Error::Token(match error {
        Answer::LibraryLoading(_) | Answer::MissingSymbol(_) => TokenFault::Module,
        Answer::Pkcs11(code, _) => match code {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => TokenFault::Pin,
            RvError::PinLocked => TokenFault::PinLocked,
            RvError::UserPinNotInitialized | RvError::PinExpired => TokenFault::PinUnset,
            RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::DeviceRemoved
            | RvError::SlotIdInvalid => TokenFault::Absent,
            RvError::KeyHandleInvalid | RvError::ObjectHandleInvalid => TokenFault::NoKey,
            RvError::KeyTypeInconsistent
            | RvError::KeyFunctionNotPermitted
            | RvError::KeySizeRange
            | RvError::MechanismInvalid => TokenFault::KeyUnfit,
            _ => TokenFault::Failed,
        },
        _ => TokenFault::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_can_do_something_about_has_an_answer_of_its_own() {
        let answers = [
            (RvError::PinIncorrect, TokenFault::Pin),
            (RvError::PinLenRange, TokenFault::Pin),
            (RvError::PinLocked, TokenFault::PinLocked),
            (RvError::PinExpired, TokenFault::PinUnset),
            (RvError::UserPinNotInitialized, TokenFault::PinUnset),
            (RvError::DeviceRemoved, TokenFault::Absent),
            (RvError::KeyHandleInvalid, TokenFault::NoKey),
            (RvError::KeyFunctionNotPermitted, TokenFault::KeyUnfit),
            (RvError::MechanismInvalid, TokenFault::KeyUnfit),
            (RvError::DeviceError, TokenFault::Failed),
        ];
        for (code, expected) in answers {
            assert_eq!(fault(Answer::Pkcs11(code, Function::Login)), Error::Token(expected));
        }
    }

    #[test]
    fn a_file_that_is_no_module_is_told_as_such() {
        for path in ["/no/such/module.so", "/etc/passwd", "/"] {
            let found = Module::at(Path::new(path)).map(|_| ());
            assert_eq!(found, Err(Error::Token(TokenFault::Module)), "{path}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_forked_child_has_no_modules_and_does_not_wait_for_those_that_its_parent_was_loading() {
        use crate::memory::tests::{Ended, in_child};
        let loading = Modules::of_this_process().loaded();
        let ended = in_child(|| Modules::of_this_process().loaded().is_empty());
        assert_eq!(ended, Ended::Well);
        drop(loading);
    }
}
