//! The cabinet: accounts, factors, challenges and sessions over a Zamok vault.
//!
//! Thin on purpose. Each noun is a small state machine over sealed rows, each transition one commit that the vault's
//! own change is part of. It calls the vault for every key and never touches key bytes.

mod account;
mod beside;
mod challenge;
mod device;
mod document;
mod error;
mod evidence;
mod factor;
#[cfg(fuzzing)]
pub mod fuzzing;
mod history;
mod index;
mod machine;
mod moment;
mod name;
mod operation;
mod outbox;
mod password;
mod policy;
mod replay;
mod retention;
mod service;
mod session;
mod throttle;
pub mod watch;

use std::sync::Arc;

use zamok_core::vault::KeyId;
use zamok_core::wire::Reader;
use zamok_host::Vault;

pub use account::{
    Account, AccountId, AccountState, AccountStep, Authority, Contact, ContactId, ContactKind, Hours, Limits,
    Network, Power, PowerId, PowerKind, PowerState, Right, Rights, Role, Roles, Terms,
};
pub use challenge::{Approach, Begun, Challenge, Enrolment, Method, RequestId};
pub use device::{Device, DeviceId, DeviceToken};
pub use document::SignedDocument;
pub use error::Error;
pub use evidence::{Assurance, Evidence};
pub use factor::{
    Change, DeviceAnswer, FactorId, FactorInfo, FactorKind, FactorState, Offer, Pin, RecoveryCode,
};
pub use index::{IndexFault, IndexFinding};
pub use machine::Diagram;
pub use operation::{Confirmation, Content, Operation, OperationId, Template, Value};
pub use outbox::{
    Address, Archived, Category, Due, Ending, FeedEntry, FeedFilter, FeedPage, Handed, Lease, Leased, Load,
    Matched, Message, MessageId, MessageKind, Notice, Preferences, Priority, Quiet, Receipt, ReceiptState,
    Recipient, Settled, Standing, Subscription, WorkerId,
};
pub use password::{ImportedPassword, Password, Strength, Weakness};
pub use policy::{
    AccessPolicy, BudgetPolicy, ChallengePolicy, ContactPolicy, DeliveryPolicy, DevicePolicy, FactorPolicy,
    GeneratorPolicy, IssuedPolicy, JournalPolicy, Number, OperationPolicy, PasswordPolicy, PinPolicy, Policy,
    PolicyFault, PowerPolicy, Profile, PushPolicy, RecoveryPolicy, RequestPolicy, SessionPolicy, TokenPolicy,
    odds,
};
pub use replay::Replayed;
pub use retention::{SweepPlace, Swept};
pub use session::{Session, SessionId, Which};

/// The accounts of one service, over one vault.
#[derive(Debug)]
pub struct Cabinet {
    vault: Arc<Vault>,
    policy: Policy,
    issuer: String,
    token_key: KeyId,
    /// The key from which codes that are sent, and the tokens of devices, are derived.
    challenge_key: KeyId,
    /// Who is asked before an attempt is looked at.
    watch: Option<Arc<dyn watch::Watch>>,
}

/// The state machines of the cabinet's nouns, each as the table that the code goes by.
#[must_use]
pub fn diagrams() -> Vec<Diagram> {
    vec![
        Diagram::of::<AccountState>(),
        Diagram::of::<FactorState>(),
        Diagram::of::<PowerState>(),
        Diagram::of::<challenge::State>(),
        Diagram::of::<session::State>(),
        Diagram::of::<device::State>(),
        Diagram::of::<operation::State>(),
    ]
}

/// A flag of a sealed body: what is neither 0 nor 1 was not written here.
fn flag(reader: &mut Reader<'_>) -> Result<bool, zamok_core::Error> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(zamok_core::Error::Refused),
    }
}

impl Cabinet {
    /// The vault beneath.
    #[must_use]
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// The numbers that it goes by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The service's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}
