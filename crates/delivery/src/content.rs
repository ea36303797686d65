//! What a message says, as its channel wants it, and what that weighs.

use serde_json::json;
use zamok_cabinet::{Address, Evidence, Load, Message};
use zeroize::Zeroizing;

use crate::segment::{Segments, country_and_network};
use crate::template::{Templates, Words};

/// What a message says, as its channel wants it. `Debug` shows no text.
#[derive(Clone)]
pub enum Content {
    /// An SMS: its text, and the segments of it.
    Sms {
        /// The text.
        text: Zeroizing<String>,
        /// The text, cut.
        segments: Segments,
    },
    /// An e-mail.
    Email(Words),
    /// A pushed message: JSON of `title`, `body`, `kind`, `id` and, where there is one, `url`, or the `request` that a device
    /// signs.
    Push(Zeroizing<Vec<u8>>),
}

impl core::fmt::Debug for Content {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Sms { .. } => "Sms(redacted)",
            Self::Email(_) => "Email(redacted)",
            Self::Push(_) => "Push(redacted)",
        })
    }
}

/// The channel that leads to an address.
pub(crate) const fn channel_to(address: &Address) -> Evidence {
    match address {
        Address::Phone(_) => Evidence::Sms,
        Address::Email(_) => Evidence::Email,
        Address::Push(_) => Evidence::Push,
    }
}

impl Templates {
    /// A message in the words of its channel, and what it weighs; otherwise why nobody can send it.
    pub(crate) fn content(
        &self,
        message: &Message,
        preferred: &str,
        address: &Address,
    ) -> Result<(Content, Load), &'static str> {
        let words = self.words(message, preferred);
        let code = message.field("code");
        match address {
            Address::Phone(number) => {
                let text = self.sms(&words, code);
                let segments = self.segments(&text).map_err(|_| "longer than an SMS may be")?;
                let (country, network) = country_and_network(number);
                let units = u32::try_from(segments.count()).unwrap_or(u32::MAX);
                Ok((Content::Sms { text, segments }, Load { units, network, country }))
            }
            Address::Email(address) => {
                let network = address.rsplit('@').next().unwrap_or_default().to_owned();
                Ok((Content::Email(words), Load { units: 1, network, country: String::new() }))
            }
            Address::Push(_) => {
                let mut body = json!({
                    "title": words.subject,
                    "body": words.short.as_str(),
                    "kind": message.kind.name(),
                    "id": message.id.to_string(),
                });
                if let Some(link) = message.field("link").filter(|link| !link.is_empty()) {
                    body["url"] = link.into();
                }
                // What the app signs, beside what the person reads.
                if let Some(request) = message.field("request") {
                    body["request"] = request.into();
                }
                let body = Zeroizing::new(body.to_string().into_bytes());
                Ok((Content::Push(body), Load { units: 1, network: String::new(), country: String::new() }))
            }
        }
    }
}
