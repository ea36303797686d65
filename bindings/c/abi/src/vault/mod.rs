//! The second layer: vault, cabinet and journal behind handles.

mod access;
mod account;
mod approach;
mod approval;
mod backup;
mod cabinet;
mod change;
mod clock;
mod content;
mod device;
mod documents;
mod enrolment;
mod error;
mod factor;
mod handles;
mod journal;
mod keys;
mod login;
mod notice;
mod operation;
mod options;
mod outbox;
mod secret;
mod session;
mod slots;

pub use access::*;
pub use account::*;
pub use approach::*;
pub use approval::*;
pub use backup::*;
pub use cabinet::*;
pub use change::*;
pub use clock::*;
pub use content::*;
pub use device::*;
pub use documents::*;
pub use enrolment::*;
pub use error::*;
pub use factor::*;
pub use handles::*;
pub use journal::*;
pub use keys::*;
pub use login::*;
pub use notice::*;
pub use operation::*;
pub use options::*;
pub use outbox::*;
pub use secret::*;
pub use session::*;
pub use slots::*;

/// The id of a session, a challenge, a request, a key, an account, a writer of the journal. That of a challenge or an enrolment is a
/// secret of whoever began it; the others are none.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct zamok_id {
    /// As they come; compare them with memcmp().
    pub bytes: [u8; 16],
}
