//! Which fields a template of each kind of message may show, and which it must; and what is wrong with one that does otherwise.

use serde::Deserialize;
use zamok_cabinet::MessageKind;

use super::filling::names;

/// What may stand in braces, for each kind, and what must.
pub(super) const FIELDS: &[(MessageKind, &str, &[&str], &[&str])] = &[
    (MessageKind::LoginCode, "login-code", &["service", "minutes"], &["code"]),
    (MessageKind::EnrolmentCode, "enrolment-code", &["service", "minutes"], &["code"]),
    // What is confirmed belongs into the message that confirms it (R20).
    (MessageKind::OperationCode, "operation-code", &["service", "minutes"], &["code", "text"]),
    (MessageKind::AgainCode, "again-code", &["service", "minutes"], &["code"]),
    // What is approved is shown (R20). What the app signs goes beside the words (`docs/delivery.md`).
    (MessageKind::ApprovalRequest, "approval-request", &["service"], &["client", "text"]),
    (MessageKind::AgreementCode, "agreement-code", &["service", "minutes"], &["code"]),
    (MessageKind::UndoCode, "undo-code", &["service", "minutes"], &["code"]),
    (MessageKind::NewDevice, "new-device", &["service", "client", "time"], &[]),
    (MessageKind::FactorDisabled, "factor-disabled", &["service", "factor"], &[]),
    (MessageKind::SessionsEnded, "sessions-ended", &["service", "reason"], &[]),
    (MessageKind::OperationRejected, "operation-rejected", &["service", "text"], &[]),
    (MessageKind::DeviceBlocked, "device-blocked", &["service", "device"], &[]),
    (MessageKind::FactorAdded, "factor-added", &["service", "factor", "label"], &[]),
    (MessageKind::FactorRemoved, "factor-removed", &["service", "factor", "label"], &[]),
    (MessageKind::ChannelReplaced, "channel-replaced", &["service", "factor", "by", "until"], &[]),
    (MessageKind::ChannelRestored, "channel-restored", &["service", "factor"], &[]),
    (MessageKind::ContactAdded, "contact-added", &["service", "kind", "contact"], &[]),
    (MessageKind::ContactRemoved, "contact-removed", &["service", "kind", "contact"], &[]),
    (MessageKind::ApprovalDeclined, "approval-declined", &["service", "client"], &[]),
    (MessageKind::DeviceTrusted, "device-trusted", &["service", "device"], &[]),
    (MessageKind::PowerGiven, "power-given", &["service", "agent", "until"], &[]),
    (MessageKind::RecoveryCodesMade, "recovery-codes-made", &["service"], &[]),
    (MessageKind::PasswordChanged, "password-changed", &["service"], &[]),
    (MessageKind::RecoveryUsed, "recovery-used", &["service"], &[]),
    (MessageKind::Notice, "notice", &["service", "title", "link"], &["text"]),
];

/// Why a text is no set of templates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateFault {
    /// It is no TOML, or has a part that templates do not have.
    #[error("not a set of templates: {0}")]
    Syntax(String),
    /// The language is no tag of BCP 47.
    #[error("{0:?} is no language tag")]
    Language(String),
    /// No kind of message has this name.
    #[error("no kind of message is called {0:?}")]
    Kind(String),
    /// A field that this kind does not have, or a brace that does not close.
    #[error("{kind}: {field:?} is no field of it")]
    Field {
        /// The kind.
        kind: String,
        /// What stands in braces.
        field: String,
    },
    /// A field that this kind must show is missing.
    #[error("{kind}: {field:?} must be shown")]
    Missing {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
    },
    /// A language that ships no templates leaves a kind out.
    #[error("{language}: {kind} is missing")]
    Incomplete {
        /// The language.
        language: String,
        /// The kind.
        kind: String,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub(super) subject: String,
    pub(super) short: String,
    pub(super) long: Option<String>,
}

pub(super) fn check(
    template: &Template,
    kind: &str,
    may: &[&str],
    must: &[&str],
) -> Result<(), TemplateFault> {
    if template.subject.contains(char::is_control) {
        return Err(TemplateFault::Field { kind: kind.into(), field: "a line break in the subject".into() });
    }
    // A code in the subject of an e-mail is read from locked screens and lists.
    let subject_may: Vec<&str> = may.iter().copied().filter(|field| *field != "code").collect();
    for (text, may, must) in [
        (Some(&template.subject), &subject_may[..], &[][..]),
        (Some(&template.short), may, must),
        (template.long.as_ref(), may, must),
    ] {
        let Some(text) = text else { continue };
        let found = names(text).map_err(|field| TemplateFault::Field { kind: kind.into(), field })?;
        if let Some(strange) = found.iter().find(|name| !may.contains(name) && !must.contains(name)) {
            return Err(TemplateFault::Field { kind: kind.into(), field: (*strange).into() });
        }
        if let Some(missing) = must.iter().find(|name| !found.contains(name)) {
            return Err(TemplateFault::Missing { kind: kind.into(), field: (*missing).into() });
        }
    }
    Ok(())
}
