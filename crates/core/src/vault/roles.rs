//! Roles: who opened the vault, and what each may do with it. One table, read by every operation that asks.
//!
//! Officer and user are told apart by code: both of their slots wrap the root key. The auditor's slot opens the
//! journal's keys alone, so that the others are out of reach by cryptography as well (`CRYPTO.md` §3).

use core::fmt;

use crate::error::Error;

/// Who opened the vault. Numbers are part of the slot format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Keeps the doors: slots, resets, marks, rotation, moves. Uses nobody's keys (PKCS#11: the security officer).
    Officer = 1,
    /// Works with keys and accounts: a service, day by day.
    User = 2,
    /// Reads and verifies the journal, and nothing else.
    Auditor = 3,
}

/// What a role may be asked for. Every operation of the vault that not everybody may do names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Reading and verifying the journal.
    ReadJournal,
    /// Transactions over records and state.
    Transact,
    /// Computing with a key: signing, verifying codes, wrapping, provisioning.
    UseKeys,
    /// Making keys and taking them in.
    MakeKeys,
    /// Marks on keys that only an officer gives, such as "trusted".
    MarkKeys,
    /// Adding and removing slots, and changing those of others.
    ManageSlots,
    /// Changing the secret of the slot through which the vault was opened.
    ChangeOwnSecret,
    /// Forgiving failed attempts at a slot.
    ResetAttempts,
    /// New data and journal keys, rewrapping, and the end of old ones.
    Rotate,
    /// Leaving the store for another one, in which the doors are made anew.
    Move,
}

impl Operation {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 10] = [
        Self::ReadJournal,
        Self::Transact,
        Self::UseKeys,
        Self::MakeKeys,
        Self::MarkKeys,
        Self::ManageSlots,
        Self::ChangeOwnSecret,
        Self::ResetAttempts,
        Self::Rotate,
        Self::Move,
    ];
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Officer, Self::User, Self::Auditor];

    /// Reads the number of a slot.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Officer,
            2 => Self::User,
            3 => Self::Auditor,
            _ => return None,
        })
    }

    /// The table of roles and operations (`docs/formats/slot.md`, "Roles").
    #[must_use]
    pub const fn may(self, operation: Operation) -> bool {
        use Operation::{
            ChangeOwnSecret, MakeKeys, ManageSlots, MarkKeys, Move, ReadJournal, ResetAttempts, Rotate,
            Transact, UseKeys,
        };
        match self {
            Self::Officer => matches!(
                operation,
                ReadJournal
                    | Transact
                    | MarkKeys
                    | ManageSlots
                    | ChangeOwnSecret
                    | ResetAttempts
                    | Rotate
                    | Move
            ),
            Self::User => {
                matches!(operation, ReadJournal | Transact | UseKeys | MakeKeys | ChangeOwnSecret)
            }
            Self::Auditor => matches!(operation, ReadJournal),
        }
    }

    /// Refuses what the table does not allow.
    ///
    /// # Errors
    /// [`Error::Role`], naming this role.
    pub const fn permit(self, operation: Operation) -> Result<(), Error> {
        if self.may(operation) { Ok(()) } else { Err(Error::Role(self)) }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Officer => "officer",
            Self::User => "user",
            Self::Auditor => "auditor",
        })
    }
}
