//! Notices: what a service tells an account, what it was told, and how its owner wants to be told.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use zamok::delivery::{Category, FeedEntry, FeedFilter, Notice, Preferences as Inner, Priority, Quiet};
use zamok::store::Cursor;
use zamok::{CoreError, Evidence, MessageId, Zamok};

use crate::fault::Fault;
use crate::moment;
use crate::session::Session;
use crate::shared::Shared;

/// What an account was told.
#[pyclass(frozen, eq, get_all, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// The id of the message: 32 hexadecimal digits.
    id: String,
    /// What it is, such as "new device", or "notice" for one of the service.
    kind: &'static str,
    /// "security", "service", "payment", "reminder" or "news".
    category: &'static str,
    /// Whether it knows no quiet hours.
    urgent: bool,
    /// When it was made, in seconds since 1970.
    created: u64,
    /// The language that it was written in (BCP 47); empty for the service's own.
    language: String,
    /// What it says, by name: `title`, `text` and `link` of a notice; what a template fills in, of others.
    fields: BTreeMap<String, String>,
}

#[pymethods]
impl News {
    fn __repr__(&self) -> String {
        format!("<zamok.News {}, {}>", self.category, self.kind)
    }
}

impl From<FeedEntry> for News {
    fn from(entry: FeedEntry) -> Self {
        let fields = entry.message.fields().filter(|(name, _)| !["category", "priority"].contains(name));
        Self {
            id: entry.message.id.to_string(),
            kind: entry.message.kind.name(),
            category: entry.category.name(),
            urgent: entry.priority == Priority::High,
            created: entry.message.created.0,
            language: entry.message.language.clone(),
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }
}

/// How an account wants to be told.
#[pyclass(frozen, eq, get_all, module = "zamok")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// The language (BCP 47); empty for the service's own.
    language: String,
    /// Whether a category goes by a channel, such as `{("news", "SMS"): False}`: what is not here is as the service has it.
    channels: BTreeMap<(String, String), bool>,
    /// When it is to be quiet: from a minute of the day to another, by a clock so many minutes ahead of UTC; None for never.
    quiet: Option<(u16, u16, i16)>,
}

#[pymethods]
impl Preferences {
    #[new]
    #[pyo3(signature = (*, language="", channels=BTreeMap::new(), quiet=None))]
    fn new(
        language: &str,
        channels: BTreeMap<(String, String), bool>,
        quiet: Option<(u16, u16, i16)>,
    ) -> Self {
        Self { language: language.to_owned(), channels, quiet }
    }

    fn __repr__(&self) -> String {
        let Self { language, channels, quiet } = self;
        format!("<zamok.Preferences {language:?}, {} choices, quiet {quiet:?}>", channels.len())
    }
}

impl Preferences {
    fn shown(inner: &Inner) -> Self {
        let name = |((category, channel), on): (&(Category, Evidence), &bool)| {
            ((category.name().to_owned(), channel.name().to_owned()), *on)
        };
        let channels = inner.channels.iter().map(name).collect();
        Self { language: inner.language.clone(), channels, quiet: inner.quiet.map(Quiet::minutes) }
    }

    fn read(&self) -> PyResult<Inner> {
        let channel = |((category, channel), on): (&(String, String), &bool)| {
            let channel = Evidence::named(channel)
                .ok_or_else(|| PyValueError::new_err("a channel is \"SMS\", \"e-mail\" or \"push\""))?;
            Ok(((self::category(category)?, channel), *on))
        };
        let channels = self.channels.iter().map(channel).collect::<PyResult<_>>()?;
        let quiet = match self.quiet {
            None => None,
            Some((from, until, offset)) => Some(Quiet::new(from, until, offset).ok_or_else(|| {
                PyValueError::new_err("quiet hours are two minutes of the day that differ, and an offset of at most 840 minutes")
            })?),
        };
        Ok(Inner { language: self.language.clone(), channels, quiet })
    }
}

/// What services tell the accounts of a cabinet. `Cabinet.notices` is one. Messages wait in the outbox: `Outbox`.
#[pyclass(frozen, module = "zamok")]
#[derive(Debug)]
pub(crate) struct Notices(pub(crate) Shared<Zamok>);

#[pymethods]
impl Notices {
    /// Tells an account something, by every contact that it wants to be told by and in its feed, and returns the id of the message.
    /// `category` is "service" (applications, documents), "payment", "reminder", "news", or "security", which nobody turns off; what is
    /// `urgent` knows no quiet hours and goes by SMS as well. A title of at most 256 bytes, a text of 4096, a link (https) of 1024.
    ///
    /// Raises `NoticeUnusable` for control characters, an empty text, a link that is no https URL; `TooLong`; `Rejected` when no account
    /// has this login; `AccountState` for one that is not open; `ValueError` for another category.
    #[pyo3(signature = (login, text, /, *, title="", category="service", urgent=false, link="", language=""))]
    #[allow(clippy::too_many_arguments)]
    fn send(
        &self,
        py: Python<'_>,
        login: &str,
        text: &str,
        title: &str,
        category: &str,
        urgent: bool,
        link: &str,
        language: &str,
    ) -> PyResult<String> {
        let category = self::category(category)?;
        let priority = if urgent { Priority::High } else { Priority::Normal };
        let notice = Notice { category, priority, title, text, link, language };
        Ok(py.detach(|| self.0.notify(login, &notice)).map_err(Fault::from)?.to_string())
    }

    /// What a session's account was told, latest first: of these categories, or of all, not older than `since` (seconds since 1970, or a
    /// `datetime` with a zone), at most `limit`: those after the message whose id is `after`, where that is given. Codes
    /// never come here.
    ///
    /// Raises `SessionEnded`; `Rejected` when the feed has no message of the id `after`, or has it no more; `Refused` when an
    /// entry was altered; `ValueError` for another category; `NaiveDatetime`, `TimeBeforeT0`.
    #[pyo3(signature = (session, /, *, categories=Vec::new(), urgent=false, since=None, limit=50, after=None))]
    #[allow(clippy::too_many_arguments)]
    fn feed(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        categories: Vec<String>,
        urgent: bool,
        since: Option<&Bound<'_, PyAny>>,
        limit: usize,
        after: Option<&str>,
    ) -> PyResult<Vec<News>> {
        let session = &session.get().0;
        let categories = categories.iter().map(|name| category(name)).collect::<PyResult<_>>()?;
        let priority = urgent.then_some(Priority::High);
        let since = since.map(moment::read).transpose()?;
        let filter = FeedFilter { categories, priority, since };
        // What can be no id is that of no message.
        let after = after.map(|id| MessageId::parse(id).ok_or(CoreError::Rejected)).transpose();
        let after = after.map_err(Fault::from)?;
        let found = py.detach(|| {
            let mut after: Option<Cursor> = after.map(|id| self.0.feed_after(session, id)).transpose()?;
            let mut found = Vec::new();
            loop {
                let page = self.0.feed(session, &filter, limit.clamp(1, 100), after.as_ref())?;
                found.extend(page.entries);
                match page.next {
                    Some(next) if found.len() < limit => after = Some(next),
                    _ => break,
                }
            }
            found.truncate(limit);
            Ok::<_, zamok::Error>(found)
        });
        Ok(found.map_err(Fault::from)?.into_iter().map(News::from).collect())
    }

    /// How a session's account wants to be told.
    ///
    /// Raises `SessionEnded`.
    #[pyo3(signature = (session, /))]
    fn preferences(&self, py: Python<'_>, session: &Bound<'_, Session>) -> PyResult<Preferences> {
        let session = &session.get().0;
        Ok(Preferences::shown(&py.detach(|| self.0.preferences(session)).map_err(Fault::from)?))
    }

    /// Changes it; journalled.
    ///
    /// Raises `PreferencesUnusable` for a language that is no tag, a channel that nothing is sent by, or security turned off; `ValueError`
    /// for other categories and channels, and for minutes that no day has; `SessionEnded`.
    #[pyo3(signature = (session, preferences, /))]
    fn set_preferences(
        &self,
        py: Python<'_>,
        session: &Bound<'_, Session>,
        preferences: &Bound<'_, Preferences>,
    ) -> PyResult<()> {
        let (session, preferences) = (&session.get().0, preferences.get().read()?);
        Ok(py.detach(|| self.0.set_preferences(session, &preferences)).map_err(Fault::from)?)
    }

    fn __repr__(&self) -> String {
        format!("<zamok.Notices of {:?}>", self.0.issuer())
    }
}

fn category(name: &str) -> PyResult<Category> {
    let wrong = "a category is \"security\", \"service\", \"payment\", \"reminder\" or \"news\"";
    Category::named(name).ok_or_else(|| PyValueError::new_err(wrong))
}
