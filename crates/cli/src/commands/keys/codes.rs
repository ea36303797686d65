//! `zamok keys code`, and keys that compute codes: the vault in the place of an authenticator app.

use clap::Args;
use serde_json::json;
use zamok::CoreError;
use zamok::keys::one_time::{self, ImportedParameters};
use zamok::keys::{KeyId, KeyKind, Purpose, Template, Usage, Usages, spend};
use zamok::otp::{OtpUri, TotpState};

use super::key_id;
use super::making::{Dates, Marks, told};
use crate::arguments::Shared;
use crate::failure::{Exit, Failure};
use crate::opening;
use crate::output::Output;

#[derive(Args, Debug)]
pub(crate) struct Code {
    /// The key's id.
    #[arg(value_parser = key_id)]
    key: KeyId,
}

impl Code {
    pub(crate) fn run(&self, shared: &Shared, output: &Output) -> Result<Exit, Failure> {
        opening::with_vault(shared, output, |zamok| {
            let code = opening::with_key(zamok, self.key, shared, output, |tx| {
                spend::generate_code(tx, self.key)
            })
            .map_err(|failure| match failure.name {
                "key-usage" => failure.hint("keys that verify codes make none; `zamok keys import --form otpauth` takes one in that does"),
                _ => failure,
            })?;
            output.line(code.as_str())?;
            output.object(&json!({"id": self.key.to_string(), "code": code.as_str()}))?;
            Ok(Exit::Done)
        })
    }
}

/// Takes in the secret that a service shows to apps, to compute its codes.
pub(super) fn take_in(
    text: Option<&str>,
    label: &str,
    accept_guessable: bool,
    (marks, dates): (Marks, Dates),
    shared: &Shared,
    output: &Output,
) -> Result<Exit, Failure> {
    let text = text.ok_or_else(|| Failure::usage("the file is not text"))?;
    // How strong it is, the service has chosen, and the key makes codes alone.
    let read = if accept_guessable { OtpUri::parse_accepting_weak } else { OtpUri::parse };
    let uri = read(text.trim())?;
    let (kind, parameters) = match (uri.totp_parameters(), uri.hotp_parameters()) {
        (Some(parameters), _) => {
            let (algorithm, digits) = (parameters.algorithm, parameters.digits);
            let kind = KeyKind::Totp { algorithm, digits, period: parameters.period, t0: 0 };
            (kind, ImportedParameters::Totp { parameters, state: TotpState::default() })
        }
        (None, Some((parameters, counter))) => {
            let (algorithm, digits) = (parameters.algorithm, parameters.digits);
            (KeyKind::Hotp { algorithm, digits }, ImportedParameters::Hotp { parameters, counter })
        }
        (None, None) => return Err(CoreError::KeyKind.into()),
    };
    opening::with_vault(shared, output, |zamok| {
        let label = if label.is_empty() { uri.account() } else { label };
        let mut template = Template::new(kind, Purpose::OneTimeCode).named(label, None);
        template.usages = Usages::of(&[Usage::GenerateCode]);
        (template.valid_from, template.valid_to) = dates;
        template.flags = marks.of(template.flags);
        let id =
            zamok.vault().transact(|tx| one_time::import_from(tx, parameters, uri.secret(), &template))?;
        told(id, "taken in", output)
    })
}
