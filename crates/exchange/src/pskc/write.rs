//! Writing PSKC: plain, or with AES-256, a ValueMAC over each ciphertext, and a wrapped MAC key of its own.

use std::fmt::Write as _;
use std::io::Write;

use rand_core::CryptoRng;
use zamok_core::UnixTime;
use zamok_core::hash::HashAlgorithm;
use zeroize::Zeroizing;

use super::crypto::{MacHash, to_cbc, to_wrapped};
use crate::error::{ExchangeError, Fault, Position};
use crate::record::{TokenKind, TokenPolicy, TokenRecord};
use crate::text;

const CBC: &str = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
const WRAP: &str = "http://www.w3.org/2001/04/xmlenc#kw-aes256";
const PBKDF2: &str = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2";

/// How the secrets of a container are protected.
#[derive(Clone, Default)]
pub enum Protection {
    /// Not at all.
    #[default]
    Plain,
    /// By a key that the reader has already, under a name by which the reader finds it.
    PreShared {
        /// The key.
        key: Zeroizing<[u8; 32]>,
        /// Its name; not secret.
        name: String,
        /// The hash of the values' MACs.
        mac: MacHash,
    },
    /// By a password, through PBKDF2 with 16 bytes of salt.
    Password {
        /// The password.
        password: Zeroizing<Vec<u8>>,
        /// Rounds of PBKDF2.
        iterations: u32,
        /// The hash of PBKDF2 and of the values' MACs.
        mac: MacHash,
    },
}

impl std::fmt::Debug for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain => f.write_str("Protection::Plain"),
            Self::PreShared { name, mac, .. } => {
                write!(f, "Protection::PreShared({name:?}, {mac:?}, key redacted)")
            }
            Self::Password { iterations, mac, .. } => {
                write!(f, "Protection::Password({iterations} rounds, {mac:?}, password redacted)")
            }
        }
    }
}

/// The keys of one container.
struct Keys {
    encryption: Zeroizing<[u8; 32]>,
    mac: Zeroizing<[u8; 32]>,
    hash: MacHash,
}

/// Writes a container, one token after the other.
pub struct PskcWriter<'a, W: Write> {
    out: W,
    keys: Option<Keys>,
    rng: &'a mut dyn CryptoRng,
    /// One token at a time; room for the longest, with every character escaped, so that no secret is left behind by growing.
    buffer: Zeroizing<String>,
    written: u64,
}

impl<'a, W: Write> PskcWriter<'a, W> {
    /// Begins a container.
    ///
    /// # Errors
    /// [`Fault::Number`] for 0 rounds; [`Fault::Io`].
    pub fn new(out: W, protection: &Protection, rng: &'a mut dyn CryptoRng) -> Result<Self, ExchangeError> {
        let mut writer = Self {
            out,
            keys: None,
            rng,
            buffer: Zeroizing::new(String::with_capacity(64 * 1024)),
            written: 0,
        };
        writer.begin(protection).map_err(|fault| ExchangeError::file(fault, Position::Whole))?;
        Ok(writer)
    }

    fn begin(&mut self, protection: &Protection) -> Result<(), Fault> {
        self.buffer.push_str(concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<pskc:KeyContainer Version=\"1.0\"",
            " xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\"",
            " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"",
            " xmlns:pkcs5=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#\"",
            " xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"",
            " xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\">\n",
        ));
        let (encryption, hash) = match protection {
            Protection::Plain => return self.flush(),
            Protection::PreShared { key, name, mac } => {
                self.put(format_args!("<pskc:EncryptionKey><ds:KeyName>"));
                self.escaped(name);
                self.put(format_args!("</ds:KeyName></pskc:EncryptionKey>\n"));
                (key.clone(), *mac)
            }
            Protection::Password { password, iterations, mac } => {
                if *iterations == 0 {
                    return Err(Fault::Number("the number of rounds"));
                }
                let mut salt = [0; 16];
                self.rng.fill_bytes(&mut salt);
                let mut key = Zeroizing::new([0; 32]);
                mac.derive(password, &salt, *iterations, &mut key[..]);
                let (salt, prf) = (text::to_base64(&salt), mac.uri());
                self.put(format_args!(
                    "<pskc:EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod Algorithm=\"{PBKDF2}\">\
                     <pkcs5:PBKDF2-params><Salt><Specified>{}</Specified></Salt>\
                     <IterationCount>{iterations}</IterationCount><KeyLength>32</KeyLength>\
                     <PRF Algorithm=\"{prf}\"/></pkcs5:PBKDF2-params></xenc11:KeyDerivationMethod>\
                     </xenc11:DerivedKey></pskc:EncryptionKey>\n",
                    salt.as_str()
                ));
                (key, *mac)
            }
        };
        let mut mac = Zeroizing::new([0; 32]);
        self.rng.fill_bytes(&mut mac[..]);
        self.keys = Some(Keys { encryption, mac: mac.clone(), hash });
        self.put(format_args!("<pskc:MACMethod Algorithm=\"{}\"><pskc:MACKey>", hash.uri()));
        self.ciphertext(&mac[..]);
        self.put(format_args!("</pskc:MACKey></pskc:MACMethod>\n"));
        self.flush()
    }

    /// Writes one token.
    ///
    /// # Errors
    /// [`Fault::Unrepresentable`] of [`Scope::Entry`](crate::Scope::Entry) for a T0 that is no multiple of the
    /// period, a date beyond the year 9999, and text that XML cannot hold; nothing of the token was written then.
    /// [`Fault::Io`].
    pub fn write(&mut self, record: &TokenRecord) -> Result<(), ExchangeError> {
        let at = Position::Entry(self.written + 1);
        self.buffer.clear();
        self.record(record).map_err(|fault| ExchangeError::entry(fault, at))?;
        self.flush().map_err(|fault| ExchangeError::file(fault, at))?;
        self.written += 1;
        Ok(())
    }

    /// Ends the container.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn finish(mut self) -> Result<W, ExchangeError> {
        self.put(format_args!("</pskc:KeyContainer>\n"));
        let flushed = self.flush().and_then(|()| Ok(self.out.flush()?));
        flushed.map_err(|fault| ExchangeError::file(fault, Position::Whole))?;
        Ok(self.out)
    }

    fn record(&mut self, record: &TokenRecord) -> Result<(), Fault> {
        // Judged as a whole before anything is put: what was begun would stand in the container.
        fits(record)?;
        let profile = record.kind.name().to_ascii_lowercase();
        self.put(format_args!("<pskc:KeyPackage><pskc:DeviceInfo><pskc:SerialNo>"));
        self.escaped(&record.id);
        self.put(format_args!("</pskc:SerialNo></pskc:DeviceInfo><pskc:Key Id=\""));
        self.escaped(&record.id);
        self.put(format_args!("\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{profile}\">"));
        if let Some(issuer) = &record.issuer {
            self.put(format_args!("<pskc:Issuer>"));
            self.escaped(issuer);
            self.put(format_args!("</pskc:Issuer>"));
        }
        self.parameters(&record.kind);
        if !record.account.is_empty() {
            self.put(format_args!("<pskc:FriendlyName>"));
            self.escaped(&record.account);
            self.put(format_args!("</pskc:FriendlyName>"));
        }
        self.put(format_args!("<pskc:Data>"));
        self.secret(record.secret.expose());
        self.factor(&record.kind);
        self.put(format_args!("</pskc:Data>"));
        self.policy(&record.policy);
        self.put(format_args!("</pskc:Key></pskc:KeyPackage>\n"));
        Ok(())
    }

    fn parameters(&mut self, kind: &TokenKind) {
        self.put(format_args!("<pskc:AlgorithmParameters>"));
        match kind {
            TokenKind::Ocra { suite, .. } => {
                self.put(format_args!("<pskc:Suite>"));
                self.escaped(suite.as_str());
                self.put(format_args!("</pskc:Suite>"));
            }
            _ if kind.algorithm() == HashAlgorithm::Sha1 => {}
            _ => self.put(format_args!("<pskc:Suite>HMAC-{}</pskc:Suite>", kind.algorithm().otpauth_name())),
        }
        self.put(format_args!(
            "<pskc:ResponseFormat Length=\"{}\" Encoding=\"DECIMAL\"/></pskc:AlgorithmParameters>",
            kind.digits()
        ));
    }

    fn secret(&mut self, secret: &[u8]) {
        self.put(format_args!("<pskc:Secret>"));
        if self.keys.is_some() {
            self.put(format_args!("<pskc:EncryptedValue>"));
            let ciphertext = self.ciphertext(secret);
            let mac = self.keys.as_ref().map(|keys| keys.hash.mac(&keys.mac[..], &ciphertext));
            let mac = text::to_base64(&mac.unwrap_or_default());
            self.put(format_args!("</pskc:EncryptedValue><pskc:ValueMAC>{}</pskc:ValueMAC>", mac.as_str()));
        } else {
            let plain = text::to_base64(secret);
            self.put(format_args!("<pskc:PlainValue>{}</pskc:PlainValue>", plain.as_str()));
        }
        self.put(format_args!("</pskc:Secret>"));
    }

    /// Writes a value encrypted, and answers the ciphertext, over which the MAC goes. It is wrapped where its length allows:
    /// of a block in CBC mode that is all padding everybody knows the plaintext, and makes a MAC key that opens to what he likes.
    fn ciphertext(&mut self, plain: &[u8]) -> Vec<u8> {
        let Some(Keys { encryption, .. }) = &self.keys else { return Vec::new() };
        let (cipher, ciphertext) = match to_wrapped(encryption, plain) {
            Some(wrapped) => (WRAP, wrapped),
            None => {
                let mut iv = [0; 16];
                self.rng.fill_bytes(&mut iv);
                (CBC, to_cbc(encryption, &iv, plain))
            }
        };
        let encoded = text::to_base64(&ciphertext);
        self.put(format_args!(
            "<xenc:EncryptionMethod Algorithm=\"{cipher}\"/><xenc:CipherData><xenc:CipherValue>{}\
             </xenc:CipherValue></xenc:CipherData>",
            encoded.as_str()
        ));
        ciphertext
    }

    fn factor(&mut self, kind: &TokenKind) {
        match *kind {
            TokenKind::Hotp { counter, .. } => self.plain("Counter", counter),
            TokenKind::Totp { parameters, drift, .. } => {
                if parameters.t0 != UnixTime(0) {
                    self.plain("Time", parameters.t0.0 / parameters.period);
                }
                self.plain("TimeInterval", parameters.period);
                if drift != 0 {
                    self.plain("TimeDrift", drift);
                }
            }
            TokenKind::Ocra { counter: Some(counter), .. } => self.plain("Counter", counter),
            TokenKind::Ocra { counter: None, .. } => {}
        }
    }

    fn plain(&mut self, name: &str, number: impl std::fmt::Display) {
        self.put(format_args!("<pskc:{name}><pskc:PlainValue>{number}</pskc:PlainValue></pskc:{name}>"));
    }

    fn policy(&mut self, policy: &TokenPolicy) {
        if policy.is_empty() {
            return;
        }
        self.put(format_args!("<pskc:Policy>"));
        for (name, date) in [("StartDate", policy.start), ("ExpiryDate", policy.expiry)] {
            // One that cannot be written was refused before.
            if let Some(date) = date.and_then(text::write_date) {
                self.put(format_args!("<pskc:{name}>{date}</pskc:{name}>"));
            }
        }
        if let Some(pin) = &policy.pin {
            self.put(format_args!("<pskc:PINPolicy"));
            let numbers = [pin.max_failed, pin.min_length, pin.max_length].map(|n| n.map(|n| n.to_string()));
            let [max_failed, min_length, max_length] = numbers;
            for (name, value) in [
                ("PINKeyId", pin.key_id.clone()),
                ("PINUsageMode", pin.mode.clone()),
                ("MaxFailedAttempts", max_failed),
                ("MinLength", min_length),
                ("MaxLength", max_length),
                ("PINEncoding", pin.encoding.clone()),
            ] {
                if let Some(value) = value {
                    self.put(format_args!(" {name}=\""));
                    self.escaped(&value);
                    self.put(format_args!("\""));
                }
            }
            self.put(format_args!("/>"));
        }
        for usage in &policy.usage {
            self.put(format_args!("<pskc:KeyUsage>{}</pskc:KeyUsage>", usage.word()));
        }
        if let Some(number) = policy.transactions {
            self.put(format_args!("<pskc:NumberOfTransactions>{number}</pskc:NumberOfTransactions>"));
        }
        self.put(format_args!("</pskc:Policy>"));
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.buffer.write_fmt(text);
    }

    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.buffer.push_str("&amp;"),
                '<' => self.buffer.push_str("&lt;"),
                '>' => self.buffer.push_str("&gt;"),
                '"' => self.buffer.push_str("&quot;"),
                other => self.buffer.push(other),
            }
        }
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.out.write_all(self.buffer.as_bytes())?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> std::fmt::Debug for PskcWriter<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PskcWriter").field("written", &self.written).finish_non_exhaustive()
    }
}

/// Whether a container can say a token.
pub(crate) fn fits(record: &TokenRecord) -> Result<(), Fault> {
    let texts = [Some(&record.id), Some(&record.account), record.issuer.as_ref()];
    let of_pin = record.policy.pin.iter().flat_map(|pin| [&pin.key_id, &pin.mode, &pin.encoding]);
    let mut texts = texts.into_iter().chain(of_pin.map(Option::as_ref)).flatten();
    if texts.any(|text| text.chars().any(is_no_xml) || text.len() > 1024) {
        return Err(Fault::Unrepresentable("control characters, or names of more than 1024 bytes"));
    }
    if let TokenKind::Totp { parameters, .. } = record.kind
        && !parameters.t0.0.is_multiple_of(parameters.period)
    {
        return Err(Fault::Unrepresentable("a T0 that is no multiple of the period"));
    }
    let dates = [record.policy.start, record.policy.expiry];
    if dates.into_iter().flatten().any(|date| text::write_date(date).is_none()) {
        return Err(Fault::Unrepresentable("a date beyond the year 9999"));
    }
    Ok(())
}

/// What would not come back as it was: XML 1.0 §2.2 has no control characters, and §2.11 changes the ends of lines.
fn is_no_xml(character: char) -> bool {
    character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}')
}
