//! Notices of services: what is to be told to an account, by every contact that wants it, and in its feed (R59, R60).

use zamok_core::Error as CoreError;

use super::{Category, Message, MessageId, MessageKind, Priority};
use crate::Cabinet;
use crate::account::{self, AccountState, find};
use crate::error::Error;
use crate::name::Login;

/// What a service has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice<'a> {
    /// What sort of news it is.
    pub category: Category,
    /// How urgent it is.
    pub priority: Priority,
    /// What it is about, in a few words: the subject of an e-mail.
    pub title: &'a str,
    /// What is to be said.
    pub text: &'a str,
    /// Where more is to be found; empty for nowhere.
    pub link: &'a str,
    /// The language that it is written in, as BCP 47 writes it.
    pub language: &'a str,
}

impl Notice<'_> {
    /// Longest title, in bytes.
    pub const LONGEST_TITLE: usize = 256;
    /// Longest text, in bytes.
    pub const LONGEST_TEXT: usize = 4096;
    /// Longest link, in bytes.
    pub const LONGEST_LINK: usize = 1024;

    fn check(&self) -> Result<(), Error> {
        for (what, text, limit) in [
            ("the title of a notice", self.title, Self::LONGEST_TITLE),
            ("the text of a notice", self.text, Self::LONGEST_TEXT),
            ("the link of a notice", self.link, Self::LONGEST_LINK),
            ("the language of a notice", self.language, 35),
        ] {
            if text.len() > limit {
                return Err(CoreError::TooLong { what, given: text.len(), limit }.into());
            }
        }
        let control =
            |text: &str| text.contains(|character: char| character.is_control() && character != '\n');
        // A line break in a title would begin a header of its own in an e-mail.
        let usable = !self.text.is_empty()
            && !control(self.text)
            && !self.title.contains(char::is_control)
            && !self.link.contains(|character: char| character.is_control() || character.is_whitespace())
            && (self.link.is_empty() || self.link.starts_with("https://"));
        if usable { Ok(()) } else { Err(Error::NoticeUnusable) }
    }
}

impl Cabinet {
    /// Tells an account something: by every contact that it has and wants to be told by, and in its feed.
    ///
    /// # Errors
    /// [`Error::NoticeUnusable`]; [`CoreError::TooLong`]; [`CoreError::Rejected`] when no account has this login;
    /// [`Error::AccountState`] for one that is not open; the vault's and the store's.
    pub fn notify(&self, login: &str, notice: &Notice<'_>) -> Result<MessageId, Error> {
        notice.check()?;
        let login = Login::parse(login)?;
        self.vault.transact(|tx| {
            let account = find(tx, &login)?.ok_or(CoreError::Rejected)?.account;
            if account.state != AccountState::Open {
                return Err(Error::AccountState);
            }
            // The commit expects the account as it was found.
            let account = account::load(tx, account.id)?.account;
            let mut message = Message::notice(tx, MessageKind::Notice, account.id);
            message.language = notice.language.into();
            message.expires = tx.now().plus(self.policy.delivery.notice);
            message = message.with("category", notice.category.name());
            message =
                message.with("priority", if notice.priority == Priority::High { "high" } else { "normal" });
            for (name, value) in [("title", notice.title), ("text", notice.text), ("link", notice.link)] {
                message = message.with(name, value);
            }
            message.post(tx)
        })
    }
}
