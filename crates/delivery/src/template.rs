//! Templates: what a message of each kind says, in each language. English and Russian ship; a service adds its own, or its own
//! words for these.
//!
//! A template names typed fields in braces. What goes into them comes from people, so it is tamed first: no line breaks where
//! a line means something (the last line of an SMS is what phones fill in), nothing that turns the direction of writing, nothing
//! that a terminal or a mail program would obey.

mod fields;
mod filling;

use std::collections::BTreeMap;

use zamok_cabinet::{Message, MessageKind};
use zeroize::Zeroizing;

use crate::segment::{Segments, TooLong};
pub use fields::TemplateFault;
use fields::{FIELDS, Template, check};
use filling::{Lines, put, tame};

/// The languages that ship.
const SHIPPED: [&str; 2] = [include_str!("../templates/en.toml"), include_str!("../templates/ru.toml")];

#[derive(Clone, Debug, Default)]
struct Language {
    kinds: BTreeMap<&'static str, Template>,
    words: BTreeMap<String, String>,
}

/// The templates of a service.
#[derive(Clone, Debug)]
pub struct Templates {
    languages: BTreeMap<String, Language>,
    default: String,
    service: String,
    /// Whose codes phones fill in; empty for none.
    domain: String,
    most_segments: usize,
}

/// A message in words. Wiped when dropped; `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Words {
    /// What it is about, in one line.
    pub subject: String,
    /// What it says, shortly: SMS and push.
    pub short: Zeroizing<String>,
    /// What it says in an e-mail.
    pub long: Zeroizing<String>,
    /// The language.
    pub language: String,
    /// The link that it leads to, which an e-mail shows as one; empty for none.
    pub link: String,
}

impl core::fmt::Debug for Words {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Words({}, redacted)", self.language)
    }
}

impl Templates {
    /// The templates that ship. `service` is the service's name; `domain` the one that phones fill codes in for, or empty;
    /// `default` the language of whoever prefers none.
    ///
    /// # Errors
    /// [`TemplateFault::Language`] for a default without templates.
    pub fn new(
        service: &str,
        domain: &str,
        default: &str,
        most_segments: usize,
    ) -> Result<Self, TemplateFault> {
        let mut templates = Self {
            languages: BTreeMap::new(),
            default: default.into(),
            service: tame(service, Lines::One).to_string(),
            domain: domain.into(),
            most_segments,
        };
        SHIPPED.into_iter().try_for_each(|text| templates.add(text))?;
        templates.check_default()?;
        Ok(templates)
    }

    /// The language of whoever prefers none.
    ///
    /// # Errors
    /// [`TemplateFault::Language`] for one without templates.
    pub fn set_default(&mut self, language: &str) -> Result<(), TemplateFault> {
        self.default = language.to_ascii_lowercase();
        self.check_default()
    }

    fn check_default(&self) -> Result<(), TemplateFault> {
        let known = self.languages.contains_key(&self.default);
        if known { Ok(()) } else { Err(TemplateFault::Language(self.default.clone())) }
    }

    /// Adds a language, or other words for one that is there.
    ///
    /// # Errors
    /// [`TemplateFault`], and nothing was added.
    pub fn add(&mut self, text: &str) -> Result<(), TemplateFault> {
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| syntax(&error))?;
        let tag = match table.remove("language") {
            Some(toml::Value::String(tag)) => tag.to_ascii_lowercase(),
            _ => return Err(TemplateFault::Language(String::new())),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if tag.is_empty() || tag.len() > 35 || !tag.bytes().all(plain) {
            return Err(TemplateFault::Language(tag));
        }
        let mut language = self.languages.get(&tag).cloned().unwrap_or_default();
        if let Some(words) = table.remove("words") {
            let words: BTreeMap<String, String> = words.try_into().map_err(|error| syntax(&error))?;
            language.words.extend(words);
        }
        for (kind, value) in table {
            let (_, name, may, must) = FIELDS
                .iter()
                .find(|(_, name, ..)| *name == kind)
                .ok_or_else(|| TemplateFault::Kind(kind.clone()))?;
            let template: Template = value.try_into().map_err(|error| syntax(&error))?;
            check(&template, name, may, must)?;
            language.kinds.insert(name, template);
        }
        for (_, kind, ..) in FIELDS {
            if !language.kinds.contains_key(kind) {
                return Err(TemplateFault::Incomplete { language: tag, kind: (*kind).into() });
            }
        }
        self.languages.insert(tag, language);
        Ok(())
    }

    /// The languages that there are.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// The names of the kinds of messages, as templates and previews call them.
    pub fn kinds() -> impl Iterator<Item = (&'static str, MessageKind)> {
        FIELDS.iter().map(|(kind, name, ..)| (*name, *kind))
    }

    fn language(&self, wanted: &str) -> (&str, &Language) {
        let mut wanted = wanted.to_ascii_lowercase();
        // RFC 4647 §3.4: what is more special is looked for first.
        loop {
            if let Some((tag, language)) = self.languages.get_key_value(&wanted) {
                return (tag, language);
            }
            match wanted.rfind('-') {
                Some(place) => wanted.truncate(place),
                None => break,
            }
        }
        let (tag, language) = self.languages.get_key_value(&self.default).expect("the default was checked");
        (tag, language)
    }

    /// Puts a message into words: in the language that it asks for, else the one that its account prefers, else the service's.
    #[must_use]
    pub fn words(&self, message: &Message, preferred: &str) -> Words {
        let seconds = message.expires.since(message.created);
        let minutes = seconds.div_ceil(60).to_string();
        let wanted = if message.language.is_empty() { preferred } else { &message.language };
        self.fill(message.kind, wanted, |field| match field {
            "minutes" => Some(&minutes),
            field => message.field(field),
        })
    }

    /// Puts a kind of message into words with fields from anywhere: for previews.
    pub fn fill<'a>(
        &'a self,
        kind: MessageKind,
        wanted: &str,
        field: impl Fn(&str) -> Option<&'a str>,
    ) -> Words {
        let (tag, language) = self.language(wanted);
        let name = FIELDS.iter().find(|(known, ..)| *known == kind).map_or("notice", |(_, name, ..)| name);
        let template = &language.kinds[name];
        let value = |name: &str, lines: Lines| {
            let plain = match name {
                "service" => Some(self.service.as_str()),
                name => field(name),
            };
            let plain = plain.unwrap_or_default();
            // Names of factors and reasons are words of the program; of whom nothing is known there is a word, too.
            let known = match name {
                "factor" | "by" | "reason" => language.words.get(plain),
                "client" | "device" if plain.trim().is_empty() => language.words.get("unknown"),
                _ => None,
            };
            tame(known.map_or(plain, String::as_str), lines)
        };
        let subject = put(&template.subject, |name| value(name, Lines::One)).trim().to_owned();
        let mut short = put(template.short.trim(), |name| value(name, Lines::One));
        *short = short.trim().to_owned();
        let long = template.long.as_ref().unwrap_or(&template.short);
        // What people confirm or are told has lines and paragraphs; a name that has some would pass for the service's own.
        let lines = |name: &str| if name == "text" { Lines::Many } else { Lines::One };
        let long = put(long.trim(), |name| value(name, lines(name)));
        let link = value("link", Lines::One).to_string();
        Words { subject, short, long, language: tag.into(), link }
    }

    /// The text of an SMS. A code ends it in the line that phones fill in from (WICG, "Origin-bound one-time codes delivered via
    /// SMS"): the domain that it is for, and the code.
    #[must_use]
    pub fn sms(&self, words: &Words, code: Option<&str>) -> Zeroizing<String> {
        let mut text = words.short.clone();
        if let Some(code) = code.filter(|_| !self.domain.is_empty()) {
            text.push_str("\n\n@");
            text.push_str(&self.domain);
            text.push_str(" #");
            text.push_str(code);
        }
        text
    }

    /// The segments of an SMS.
    ///
    /// # Errors
    /// [`TooLong`] beyond what the configuration pays for.
    pub fn segments(&self, text: &str) -> Result<Segments, TooLong> {
        Segments::of(text, self.most_segments)
    }
}

fn syntax(error: &toml::de::Error) -> TemplateFault {
    TemplateFault::Syntax(error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use zamok_cabinet::{Evidence, FactorKind};

    use super::*;

    fn templates() -> Templates {
        Templates::new("Zamok Bank", "bank.example", "en", 8).unwrap()
    }

    #[test]
    fn a_code_ends_in_the_line_that_phones_fill_in() {
        let templates = templates();
        let words =
            templates.fill(MessageKind::LoginCode, "ru-RU", |field| (field == "code").then_some("123456"));
        assert_eq!(words.language, "ru");
        let text = templates.sms(&words, Some("123456"));
        assert_eq!(
            *text,
            "123456 — код для входа в Zamok Bank. Никому его не сообщайте.\n\n@bank.example #123456"
        );
        assert!(!words.subject.contains("123456"));
        assert_eq!(format!("{words:?}"), "Words(ru, redacted)");
    }

    #[test]
    fn what_people_write_neither_ends_the_line_nor_turns_it() {
        let templates = templates();
        let text = "Pay 5\n\n@evil.example #999999\u{202e}\u{200b}\u{1b}[2J";
        let words = templates.fill(MessageKind::OperationCode, "en", |field| match field {
            "code" => Some("123456"),
            "text" => Some(text),
            _ => None,
        });
        let sms = templates.sms(&words, Some("123456"));
        assert_eq!(sms.lines().last(), Some("@bank.example #123456"));
        assert_eq!(sms.lines().filter(|line| line.starts_with('@')).count(), 1);
        assert!(sms.contains("Pay 5 @evil.example #999999[2J"), "{}", *sms);
    }

    #[test]
    fn a_name_makes_neither_a_paragraph_nor_a_link() {
        let templates = templates();
        let client = "Firefox\n\nhttps://evil.example/login\r\n\n";
        let fields = |field: &str| match field {
            "client" | "label" | "device" | "contact" => Some(client),
            "text" => Some("first\n\nsecond"),
            _ => None,
        };
        for (name, kind) in Templates::kinds() {
            let words = templates.fill(kind, "en", fields);
            assert_eq!(words.link, "", "{name}");
            assert!(words.long.lines().all(|line| !line.starts_with("https://")), "{name}: {}", *words.long);
        }
        let words = templates.fill(MessageKind::ApprovalRequest, "en", fields);
        assert!(
            words.long.contains("Firefox https://evil.example/login")
                && words.long.contains("first\n\nsecond")
        );
        let notice = templates.fill(MessageKind::Notice, "en", |field| match field {
            "link" => Some("https://bank.example/news"),
            _ => Some("x"),
        });
        assert!(notice.link == "https://bank.example/news" && notice.long.contains(&notice.link));
    }

    #[test]
    fn every_kind_is_there_in_both_languages_and_says_what_it_must() {
        let templates = templates();
        assert_eq!(templates.languages().collect::<Vec<_>>(), ["en", "ru"]);
        for language in ["en", "ru"] {
            for (name, kind) in Templates::kinds() {
                let words = templates.fill(kind, language, |field| {
                    Some(match field {
                        "code" => "123456",
                        "link" => "https://bank.example/x",
                        _ => "VALUE",
                    })
                });
                assert!(
                    !words.subject.is_empty() && !words.short.is_empty() && !words.long.is_empty(),
                    "{name}"
                );
                assert!(!words.short.contains(['{', '}']) && !words.long.contains(['{', '}']), "{name}");
                // What a device is asked holds no code: the number stays on the page.
                let code = kind.is_code() && kind != MessageKind::ApprovalRequest;
                assert_eq!(words.short.contains("123456"), code, "{name}");
                assert_eq!(words.long.contains("123456"), code, "{name}");
            }
        }
        assert_eq!(Templates::kinds().count(), MessageKind::ALL.len());
    }

    #[test]
    fn every_word_of_the_program_is_there_in_both_languages() {
        let templates = templates();
        let words = |language: &str| &templates.languages[language].words;
        let keys = |language: &str| words(language).keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys("en"), keys("ru"));
        let factors = FactorKind::ALL.iter().map(|kind| kind.name());
        for name in factors.chain(Evidence::ALL.iter().map(|kind| kind.name())) {
            for language in ["en", "ru"] {
                let word = words(language).get(name).unwrap_or_else(|| panic!("{language}: {name}"));
                let letters = |character: char| !character.is_ascii_alphabetic();
                assert!(language == "en" || name == "SMS" || word.chars().all(letters), "{word}");
                let of = |wanted: &str| {
                    let field = |field: &str| Some(if field == wanted { name } else { "x" });
                    templates.fill(MessageKind::ChannelReplaced, language, field).short
                };
                assert!(of("factor").contains(word.as_str()) && of("by").contains(word.as_str()), "{name}");
            }
        }
        // What the languages do not ship they do not translate.
        assert_eq!(Templates::kinds().count(), templates.languages["ru"].kinds.len());
    }

    #[test]
    fn whoever_is_asked_to_approve_reads_words() {
        let templates = templates();
        let request = "0123456789abcdef".repeat(10);
        let ask = |language: &str, client: &str, text: &str| {
            let field = |field: &str| match field {
                "client" => Some(client),
                "text" => Some(text),
                "request" => Some(request.as_str()),
                _ => None,
            };
            let words = templates.fill(MessageKind::ApprovalRequest, language, field);
            assert!(!words.long.contains("0123456789abcdef") && words.long.contains(text));
            words.short.to_string()
        };
        let pay = "Pay 5 € to ACME";
        assert_eq!(ask("en", "Firefox", pay), "Zamok Bank asks for your approval: Firefox. Pay 5 € to ACME");
        assert_eq!(ask("en", "", ""), "Zamok Bank asks for your approval: an unknown device.");
        assert_eq!(ask("ru", " ", ""), "Zamok Bank просит вашего подтверждения: неизвестное устройство.");
    }

    #[test]
    fn templates_that_hide_what_must_be_shown_are_refused() {
        let mut templates = templates();
        let operation = |short: &str, subject: &str| {
            format!("language = \"en\"\n[operation-code]\nsubject = \"{subject}\"\nshort = \"{short}\"\n")
        };
        let missing = TemplateFault::Missing { kind: "operation-code".into(), field: "text".into() };
        assert_eq!(templates.add(&operation("{code}", "s")), Err(missing));
        let strange = TemplateFault::Field { kind: "operation-code".into(), field: "password".into() };
        assert_eq!(templates.add(&operation("{code} {text} {password}", "s")), Err(strange));
        assert!(templates.add(&operation("{code} {text", "s")).is_err());
        assert!(templates.add(&operation("{code} {text}", "{code}")).is_err(), "no code in a subject");
        assert_eq!(templates.add(&operation("{code}: {text}", "s")), Ok(()));
        let words = templates.fill(MessageKind::OperationCode, "en", |_| Some("x"));
        assert_eq!(*words.short, "x: x");
        assert!(templates.add("language = \"en\"\n[other]\nsubject=\"\"\nshort=\"\"").is_err());
        assert!(matches!(templates.add("language = \"de\""), Err(TemplateFault::Incomplete { .. })));
        assert!(Templates::new("x", "", "de", 8).is_err());
    }

    #[test]
    fn an_email_shows_what_must_be_shown_as_an_sms_does() {
        let mut templates = templates();
        let operation = |long: &str| {
            format!(
                "language = \"en\"\n[operation-code]\nsubject = \"s\"\nshort = \"{{code}}: {{text}}\"\nlong = \"{long}\"\n"
            )
        };
        for field in ["code", "text"] {
            let missing = TemplateFault::Missing { kind: "operation-code".into(), field: field.into() };
            let long = "{code} {text}".replace(field, "service");
            assert_eq!(templates.add(&operation(&long)), Err(missing), "{long}");
        }
        assert_eq!(templates.add(&operation("{text}: {code}")), Ok(()));
    }
}
