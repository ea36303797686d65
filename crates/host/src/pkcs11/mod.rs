//! Keys in PKCS#11 tokens: what opens a slot of method 5 (`docs/formats/slot.md`; PKCS#11 2.40, RFC 7512).
//!
//! The token computes one HMAC over the slot's name and salt; the key never leaves it. It is asked only after the attempt
//! was charged to the slot, so that a thief who has the token as well does not get more guesses at its PIN than policy
//! gives, and the token's own count of wrong PINs is not used up by a script.

mod module;
mod uri;

use std::fmt;
use std::path::PathBuf;
use std::sync::PoisonError;

use cryptoki::error::{Error as Answer, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::RawAuthPin;
use zamok_core::error::TokenFault;
use zamok_core::vault::slot::Key32;
use zamok_core::{Env, Error, UnixTime};
use zeroize::Zeroizing;

use self::module::{Module, fault};
use self::uri::Part;
pub use self::uri::Pkcs11Uri;
use crate::credential::TokenKey;
use crate::passphrase::Passphrase;
use crate::random::{self, OsRandom};

/// A secret key in a PKCS#11 token, named by a URI; `mac` is CKM_SHA256_HMAC.
///
/// Nothing is loaded or asked before it is used. Each use opens a session, logs in, and logs out again.
///
/// A process that was logged in to the token before, by other code over the same module, has shown that it may use the
/// key: PKCS#11 has one login for a process. The PIN is not looked at then.
///
/// ```no_run
/// use zamok_host::{Credential, Passphrase, Pkcs11Key, Pkcs11Uri};
///
/// let uri = Pkcs11Uri::new("vault", "zamok").with_module("/usr/lib/softhsm/libsofthsm2.so");
/// let key = Pkcs11Key::new(uri, Some(Passphrase::from("the PIN")))?;
/// let secret = Credential::Token(&key);
/// # Ok::<(), zamok_core::Error>(())
/// ```
pub struct Pkcs11Key {
    uri: Pkcs11Uri,
    module: PathBuf,
    /// `None`: the token asks by itself, on a reader with keys of its own.
    pin: Option<Passphrase>,
}

impl fmt::Debug for Pkcs11Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pkcs11Key({}, PIN redacted)", self.uri)
    }
}

impl Pkcs11Key {
    /// Bytes of a key that is made.
    const LENGTH: u64 = 32;

    /// The key that the URI names, through the module that it names. Without a PIN, the token's reader has to ask for it.
    ///
    /// # Errors
    /// [`TokenFault::Uri`] when the URI names no module, or neither label nor id of the key.
    pub fn new(uri: Pkcs11Uri, pin: Option<Passphrase>) -> Result<Self, Error> {
        let no_module = Error::Token(TokenFault::Uri("it names no module, with module-path"));
        let module = uri.module().ok_or(no_module)?.to_path_buf();
        if uri.object().is_none() && uri.id().is_none() {
            return Err(Error::Token(TokenFault::Uri("it names no key, with object or id")));
        }
        Ok(Self { uri, module, pin })
    }

    /// Which key is meant.
    #[must_use]
    pub const fn uri(&self) -> &Pkcs11Uri {
        &self.uri
    }

    /// Makes the key in the token: 32 bytes that the token draws, that compute MACs and never leave it.
    ///
    /// # Errors
    /// [`TokenFault::KeyExists`] when it is there; the other [`TokenFault`]s.
    pub fn make(&self) -> Result<(), Error> {
        let id = match self.uri.id() {
            Some(id) => id.to_vec(),
            None => random::catching(|| {
                let mut random = OsRandom::new()?;
                Ok::<_, Error>(Env { now: UnixTime(0), rng: &mut random }.random::<16>().to_vec())
            })?,
        };
        let label = self.uri.object().unwrap_or("zamok");
        self.in_session(Access::Write, |session| {
            if !self.found(session)?.is_empty() {
                return Err(Error::Token(TokenFault::KeyExists));
            }
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::GENERIC_SECRET),
                Attribute::ValueLen(Self::LENGTH.into()),
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Sign(true),
                Attribute::Label(label.as_bytes().to_vec()),
                Attribute::Id(id),
            ];
            session.generate_key(&Mechanism::GenericSecretKeyGen, &template).map(|_| ()).map_err(fault)
        })
    }

    /// The tokens that this module has there, each as a URI with label, maker, model and serial number. Nobody logs in.
    ///
    /// # Errors
    /// [`TokenFault::Module`]; [`TokenFault::Failed`].
    pub fn tokens(module: impl Into<PathBuf>) -> Result<Vec<Pkcs11Uri>, Error> {
        let path = module.into();
        let module = Module::at(&path)?;
        let _turn = module.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut uris = Vec::new();
        for slot in module.tokens(&Pkcs11Uri::default())? {
            let Ok(info) = module.pkcs11.get_token_info(slot) else { continue };
            let mut uri = Pkcs11Uri::default().with_module(path.clone());
            uri.set(Part::Token, info.label());
            uri.set(Part::Manufacturer, info.manufacturer_id());
            uri.set(Part::Model, info.model());
            uri.set(Part::Serial, info.serial_number());
            uris.push(uri);
        }
        Ok(uris)
    }

    /// The keys that could open a slot in the token that is meant, each as a URI with label and id.
    ///
    /// # Errors
    /// The [`TokenFault`]s.
    pub fn keys(&self) -> Result<Vec<Pkcs11Uri>, Error> {
        let any = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Sign(true)];
        self.in_session(Access::Read, |session| {
            let mut uris = Vec::new();
            for key in session.find_objects(&any).map_err(fault)? {
                let mut uri = self.uri.clone();
                for attribute in
                    session.get_attributes(key, &[AttributeType::Label, AttributeType::Id]).map_err(fault)?
                {
                    match attribute {
                        Attribute::Label(label) => uri.set(Part::Object, &String::from_utf8_lossy(&label)),
                        Attribute::Id(id) if !id.is_empty() => uri.set_id(id),
                        _ => {}
                    }
                }
                uris.push(uri);
            }
            Ok(uris)
        })
    }

    /// Does something in a session of its own, logged in.
    fn in_session<T>(
        &self,
        access: Access,
        work: impl FnOnce(&Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let module = Module::at(&self.module)?;
        let _turn = module.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = module.token(&self.uri)?;
        let info = module.pkcs11.get_token_info(slot).map_err(fault)?;
        let session = match access {
            Access::Read => module.pkcs11.open_ro_session(slot),
            Access::Write => module.pkcs11.open_rw_session(slot),
        };
        let session = session.map_err(fault)?;
        let mut is_ours = false;
        if info.login_required() {
            // Told from what the token says of itself: asking it would perhaps use up a try.
            if info.user_pin_locked() {
                return Err(Error::Token(TokenFault::PinLocked));
            }
            if !info.user_pin_initialized() {
                return Err(Error::Token(TokenFault::PinUnset));
            }
            if info.user_pin_final_try() {
                tracing::warn!("one more wrong PIN locks the token");
            }
            let answer = match &self.pin {
                Some(pin) => {
                    session.login_with_raw(UserType::User, &RawAuthPin::new(Box::new(pin.expose().to_vec())))
                }
                None if info.protected_authentication_path() => session.login(UserType::User, None),
                None => return Err(Error::Token(TokenFault::PinUnset)),
            };
            match answer {
                Ok(()) => is_ours = true,
                Err(Answer::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                    tracing::warn!(
                        "this process was logged in to the token before: its PIN was not looked at"
                    );
                }
                Err(error) => return Err(fault(error)),
            }
        }
        let done = work(&session);
        if is_ours {
            // Else whoever comes after us in this process would be let in without a PIN.
            let ended = session.logout().map_err(fault);
            return done.and_then(|done| ended.map(|()| done));
        }
        done
    }

    /// Every key in the token that has the label and the id that are asked for.
    fn found(&self, session: &Session) -> Result<Vec<ObjectHandle>, Error> {
        let mut template = vec![Attribute::Class(ObjectClass::SECRET_KEY)];
        template.extend(self.uri.object().map(|label| Attribute::Label(label.as_bytes().to_vec())));
        template.extend(self.uri.id().map(|id| Attribute::Id(id.to_vec())));
        session.find_objects(&template).map_err(fault)
    }

    /// The one key that is meant.
    fn key(&self, session: &Session) -> Result<ObjectHandle, Error> {
        match self.found(session)?.as_slice() {
            [key] => Ok(*key),
            [] => Err(Error::Token(TokenFault::NoKey)),
            _ => Err(Error::Token(TokenFault::Ambiguous)),
        }
    }
}

impl TokenKey for Pkcs11Key {
    fn mac(&self, message: &[u8]) -> Result<Key32, Error> {
        self.in_session(Access::Read, |session| {
            let key = self.key(session)?;
            let mac = Zeroizing::new(session.sign(&Mechanism::Sha256Hmac, key, message).map_err(fault)?);
            let whole = mac.as_slice().try_into().map_err(|_| Error::Token(TokenFault::Failed))?;
            Ok(Key32::new(whole))
        })
    }

    fn check(&self) -> Result<(), Error> {
        let asked = [
            AttributeType::KeyType,
            AttributeType::Sign,
            AttributeType::Sensitive,
            AttributeType::Extractable,
        ];
        self.in_session(Access::Read, |session| {
            let key = self.key(session)?;
            let found = session.get_attributes(key, &asked).map_err(fault)?;
            // One that is not told is not fit: what guards a vault says what it is.
            let fit = found.len() == asked.len()
                && found.iter().all(|attribute| match attribute {
                    Attribute::KeyType(kind) => {
                        [KeyType::GENERIC_SECRET, KeyType::SHA256_HMAC].contains(kind)
                    }
                    Attribute::Sign(is_so) | Attribute::Sensitive(is_so) => *is_so,
                    Attribute::Extractable(is_so) => !*is_so,
                    _ => false,
                });
            if fit { Ok(()) } else { Err(Error::Token(TokenFault::KeyUnfit)) }
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}
