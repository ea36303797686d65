#![doc = include_str!("../README.md")]

mod backup_file;
mod door;
mod url;

pub use door::{ReindexStep, Reindexed, Settings, Zamok, reindex};
pub use url::StoreUrl;

pub use zamok_cabinet::{
    Account, AccountId, Approach, Assurance, Begun, Cabinet, Challenge, Change, Confirmation, Content,
    Device, DeviceAnswer, DeviceId, DeviceToken, Enrolment, Error, Evidence, ImportedPassword, IndexFault,
    IndexFinding, Message, MessageId, MessageKind, Method, Offer, Operation, OperationId, Password, Pin,
    Policy, Recipient, RequestId, Session, SessionId, Settled, SignedDocument, SweepPlace, Swept, Template,
    Value, Which,
};
pub use zamok_core::vault::attempts::UnlockPolicy;
pub use zamok_core::vault::slot::Argon2Cost;
pub use zamok_core::vault::{DataKeyId, Family, Role, shares};
pub use zamok_core::{Env, Error as CoreError, UnixTime, event, hash, otp, secret, signature, store};
pub use zamok_host::{
    Authorization, Clock, Credential, FileAnchor, Freshness, Keeper, LockedMemory, ManualClock, MemoryStatus,
    NewSlot, Options, OsRandom, Passphrase, Rewrapped, SecretKey, SlotInfo, SystemClock, TokenKey, Vault,
};
#[cfg(feature = "pkcs11")]
pub use zamok_host::{Pkcs11Key, Pkcs11Uri};
pub use zamok_protocols::token::AccessTokens;

/// The journal: reading, proofs, audit, keeping.
pub mod journal {
    pub use zamok_host::{Cadence, Cosigned, Cosigners, Keeper, Keeping};
    pub use zamok_journal::{
        Anchor, Broken, Checkpoint, Entries, Erased, Fault, Files, FilesReport, Finding, Head,
        InclusionProof, Journal, Listing, Place, Receipt, Recorded, Report, SignedCheckpoint, Status,
        Telling, TrustPolicy, Trusted, VerifierKey, audit, audit_rows, bundled, verify_files,
    };
}

/// What accounts are, may do, and may do for each other.
pub mod account {
    pub use zamok_cabinet::{
        AccountState, AccountStep, Authority, Contact, ContactId, ContactKind, FactorId, FactorInfo,
        FactorKind, FactorState, Hours, Limits, Network, Power, PowerId, PowerKind, PowerState, RecoveryCode,
        Right, Rights, Role, Roles, Strength, Terms, Weakness,
    };
}

/// What speaks a wire format: tokens, proofs of possession, signed requests, keys of clients, mutual TLS.
pub mod protocols {
    #[cfg(feature = "tower")]
    pub use zamok_protocols::layers;
    #[cfg(feature = "mtls")]
    pub use zamok_protocols::mtls;
    pub use zamok_protocols::{Error, Jwk, JwsAlgorithm, Thumbprint, proof, request, retention, token};
}

/// The numbers that a cabinet goes by: what [`Policy`] consists of.
pub mod policy {
    pub use zamok_cabinet::{
        AccessPolicy, BudgetPolicy, ChallengePolicy, ContactPolicy, DeliveryPolicy, DevicePolicy,
        FactorPolicy, GeneratorPolicy, IssuedPolicy, JournalPolicy, Number, OperationPolicy, PasswordPolicy,
        PinPolicy, PolicyFault, PowerPolicy, Profile, PushPolicy, RecoveryPolicy, RequestPolicy,
        SessionPolicy, TokenPolicy,
    };
}

/// Messages on their way: what is told to accounts, how they want to be told, and who carries it: a service itself
/// ([`Outgoing`](delivery::Outgoing)), or, with the feature `delivery`, workers.
#[cfg(feature = "messages")]
pub mod delivery {
    pub use zamok_cabinet::{
        Address, Archived, Category, Due, Ending, FeedEntry, FeedFilter, FeedPage, Handed, Lease, Leased,
        Load, Matched, MessageKind, Notice, Preferences, Priority, Quiet, Receipt, ReceiptState, Standing,
        Subscription, WorkerId,
    };
    pub use zamok_delivery::{
        Alphabet, Content, Letter, Outgoing, Segments, TemplateFault, Templates, TooLong, Words,
    };
    #[cfg(feature = "delivery")]
    pub use zamok_delivery::{
        CarrierFault, Config, ConfigFault, Delivery, Failed, Inbox, Incoming, Limits, Metrics, Outcome,
        Parcel, Step, Taken, Transport, Why,
    };
}

/// Who is asked before an attempt is looked at, and how he is told of its end.
pub mod watch {
    pub use zamok_cabinet::watch::{
        Answer, Decision, Facts, Finding, Occasion, Outcome, Parameter, Watch, habits_row,
    };
}

/// Rules that notice when logins and requests stop being normal.
#[cfg(feature = "risk")]
pub mod risk {
    pub use zamok_risk::{
        Alert, Label, LineFault, Locate, LogEvent, Look, Nowhere, Place, Replay, Risk, Rule, RuleScore,
        RuleSummary, Rules, RulesFault, Score, Summary,
    };
}

/// Witnesses of logs: one to run, and the client that asks others.
pub mod witness {
    pub use zamok_journal::is_key_name;
    pub use zamok_journal::witness::{Evidence, Suspicion, evidence};
    pub use zamok_witness::{Client, Gathered, Refusal, Running, Server, Service};
}

/// Backups, and a vault that moves from one store into another.
pub mod backup {
    pub use zamok_cabinet::Replayed as AccountsReplayed;
    pub use zamok_core::error::{BackupFault, ShareFault};
    pub use zamok_core::vault::backup::{Begin, End, Header, Lock};
    pub use zamok_core::vault::relocation::FormerLog;
    pub use zamok_core::vault::shares::{Share, ShareSet};
    pub use zamok_host::backup::{
        BackupKey, Checked, Consequences, Holders, JournalEnd, Moved, Opener, Replay, Replayed, Restored,
        Step, Surviving, Told, Written,
    };

    pub use crate::backup_file::{LostStore, check_file, key_of, restore_file, shares_in, write_file};
    pub use crate::door::replay_accounts;
}

/// The keys of the vault by their handles: making, using, rotating and moving them, over
/// [`Vault::transact`].
pub mod keys {
    pub use zamok_core::mechanism::{Mechanism, Mechanisms};
    pub use zamok_core::signature::RsaBits;
    pub use zamok_core::vault::keys::{
        Dates, Flag, Flags, KeyId, KeyInfo, KeyKind, Narrowing, Purpose, Template, Usage, Usages,
        change_state, change_version_state, copy, generate, info, narrow, rename, trust,
    };
    pub use zamok_core::vault::versions::RotationPolicy;
    pub use zamok_core::vault::{
        KeyState, Transaction, ciphers, finding, importing, macs, one_time, questions, signing, spend,
        versions, wrapping,
    };
}

/// How guesses at codes and passwords are counted, and what they are worth.
pub mod guessing {
    pub use zamok_cabinet::odds;
    pub use zamok_core::vault::spend::{Failures, SpendPolicy, Throttle};
}

/// The embedded store.
#[cfg(feature = "sqlite")]
pub mod sqlite {
    pub use zamok_store_sqlite::SqliteStore;
}

/// The store for many machines.
#[cfg(feature = "postgres")]
pub mod postgres {
    pub use zamok_store_postgres::{PostgresStore, PostgresUrl};
}

/// Which instructions of this machine compute codes: what `zamok doctor` shows.
pub mod kernels {
    pub use zamok_lanes::{Choice, Variant, describe};
}

/// The examples on the front page of the repository.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
