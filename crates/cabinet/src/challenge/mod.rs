//! Challenges: what stands between a right password and a session, an operation and its confirmation (R3–R5, R7, R20).
//!
//! A challenge is for one purpose, one account and its epoch, one session, one operation and one way of answering, all of
//! them fixed when it is opened: what a client says later changes nothing of it. Wrong, expired, used and unknown look
//! alike to whoever answers; the journal knows which.

mod answer;
mod by_device;
mod login;
mod means;
mod methods;
mod phone;
mod record;
mod send;

use core::fmt;

use zamok_core::UnixTime;
use zamok_core::wire::hex;

pub(crate) use self::answer::{Look, Ruling};
pub use self::login::Approach;
pub(crate) use self::means::{Demand, Means, Wanted};
pub use self::methods::Method;
pub(crate) use self::record::{
    CHALLENGES, ChallengeRecord, NewChallenge, Replaced, Sending, counts, due, owner, sweep,
};
use crate::evidence::Evidence;
use crate::machine::Machine;

/// The name that a client gives to one attempt at a challenge: 128 random bits. A client that lost the reply asks again
/// with the same name while the challenge lives, and gets the same answer without being charged again. The code is not
/// looked at then, so a name is drawn afresh for every attempt, and known to nobody else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub [u8; 16]);

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestId(redacted)")
    }
}

/// A challenge that waits for a code. The id may travel to the client and back, and one that was made up is rejected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    /// Its id: 128 random bits, which only whoever began has. It is a secret of his, since what a device approves needs nothing else
    /// from him: the store, the journal and the device know the challenge by [`Challenge::reference`] alone.
    pub id: [u8; 16],
    /// When it ends.
    pub expires: UnixTime,
    /// What it is to be answered with.
    pub by: Evidence,
}

/// A right to enrol a factor or a contact, for as many wrong codes, and as many offers, as a challenge has tries.
/// [`Cabinet::begin_login`](crate::Cabinet::begin_login) makes one for the first factor,
/// [`Cabinet::begin_factor`](crate::Cabinet::begin_factor) and [`Cabinet::begin_change`](crate::Cabinet::begin_change)
/// within a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id: 128 random bits, a secret of whoever began, as that of a [`Challenge`] is.
    pub id: [u8; 16],
    /// When it ends.
    pub expires: UnixTime,
}

impl Challenge {
    /// What the store, the journal and requests to devices call it; it answers nothing. For logs.
    #[must_use]
    pub fn reference(&self) -> [u8; 16] {
        record::reference(self.id)
    }
}

impl Enrolment {
    /// What the store, the journal and requests to devices call it; it enrols nothing. For logs.
    #[must_use]
    pub fn reference(&self) -> [u8; 16] {
        record::reference(self.id)
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Challenge({}, by {}, until {})", hex(&self.reference()), self.by.name(), self.expires.0)
    }
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrolment({}, until {})", hex(&self.reference()), self.expires.0)
    }
}

/// What a right password leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Begun {
    /// A code of one of the account's factors is wanted.
    Code(Challenge),
    /// The account has no second factor yet: enrol one.
    Enrol(Enrolment),
}

/// What a challenge is for. The numbers are part of the formats, and bound into every code that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    Login = 1,
    Enrolment = 2,
    Operation = 3,
    Again = 4,
    /// The old channel agrees to a change (R9).
    Agreement = 5,
    /// The old channel takes a change back.
    Undo = 6,
}

/// How a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Open,
    /// A device has approved it; whoever waits may go on.
    Approved,
    Answered,
    Failed,
    Replaced,
}

/// What happens to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    Send,
    Offer,
    Approve,
    Decline,
    Wrong,
    LastWrong,
    Right,
    Repeat,
    Replace,
    Sweep,
}

impl Machine for State {
    type Step = Step;
    const NOUN: &'static str = "challenge";
    const ABSENT: Self = Self::Absent;
    const EDGES: &'static [(Self, Step, Self)] = &[
        (Self::Absent, Step::Begin, Self::Open),
        (Self::Open, Step::Send, Self::Open),
        (Self::Open, Step::Offer, Self::Open),
        (Self::Open, Step::Approve, Self::Approved),
        (Self::Open, Step::Decline, Self::Failed),
        (Self::Open, Step::Wrong, Self::Open),
        (Self::Open, Step::LastWrong, Self::Failed),
        (Self::Open, Step::Right, Self::Answered),
        (Self::Open, Step::Replace, Self::Replaced),
        (Self::Open, Step::Sweep, Self::Absent),
        (Self::Approved, Step::Offer, Self::Open),
        (Self::Approved, Step::Right, Self::Answered),
        (Self::Approved, Step::Replace, Self::Replaced),
        (Self::Approved, Step::Sweep, Self::Absent),
        (Self::Answered, Step::Repeat, Self::Answered),
        (Self::Answered, Step::Sweep, Self::Absent),
        (Self::Failed, Step::Sweep, Self::Absent),
        (Self::Replaced, Step::Sweep, Self::Absent),
    ];
}
