//! What sort of news a message is, and how urgent (R59, R60).

use zamok_core::Error as CoreError;

use super::{Message, MessageKind};

/// A sort of news, which an account may turn off by channel. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Category {
    /// Codes, and what concerns the account's safety. It cannot be turned off and knows no quiet hours.
    Security = 1,
    /// Applications, documents, appointments.
    Service = 2,
    /// Bills, payments, receipts.
    Payment = 3,
    /// What is due, or overdue.
    Reminder = 4,
    /// Everything else that a service likes to tell.
    News = 5,
}

/// How urgent a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// It can wait until the quiet hours are over.
    #[default]
    Normal = 1,
    /// It knows no quiet hours, and goes by SMS as well.
    High = 2,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 5] = [Self::Security, Self::Service, Self::Payment, Self::Reminder, Self::News];

    /// Its name in settings, filters and listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Service => "service",
            Self::Payment => "payment",
            Self::Reminder => "reminder",
            Self::News => "news",
        }
    }

    /// The category of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }

    pub(super) fn from_number(number: u8) -> Result<Self, CoreError> {
        Self::ALL.into_iter().find(|category| *category as u8 == number).ok_or(CoreError::Refused)
    }
}

impl Message {
    /// What sort of news it is.
    #[must_use]
    pub fn category(&self) -> Category {
        match self.kind {
            MessageKind::Notice => {
                self.field("category").and_then(Category::named).unwrap_or(Category::Service)
            }
            _ => Category::Security,
        }
    }

    /// How urgent it is.
    #[must_use]
    pub fn priority(&self) -> Priority {
        match self.kind {
            MessageKind::Notice if self.field("priority") != Some("high") => Priority::Normal,
            _ => Priority::High,
        }
    }
}
