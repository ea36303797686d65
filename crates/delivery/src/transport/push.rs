//! Web Push: RFC 8030 (the protocol), RFC 8291 (what is sealed for the device alone), RFC 8188 (how it is laid out), RFC 8292
//! (who we are towards the push service). The service that carries it reads nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserialize;
use serde_json::json;
use ureq::Agent;
use zamok_cabinet::{Address, Cabinet, Evidence, Subscription};
use zamok_core::signature::VerifyingKey;
use zamok_core::vault::{KeyId, Purpose, signing};
use zamok_core::wire::unhex;
use zamok_core::{Error as CoreError, UnixTime};
use zeroize::Zeroizing;

use super::http::{agent, unanswered};
use super::{CarrierFault, Content, Failed, Parcel, Taken, Transport, Why, left, patience};

/// How it is configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebPushConfig {
    /// Whom a push service turns to when something is wrong: `mailto:` or `https:` (RFC 8292 §2.1).
    pub contact: String,
    /// The hosts that may be pushed to, each with what is below it. Endpoints come from clients: without this list they could
    /// have us post to any machine.
    #[serde(default = "known_hosts")]
    pub hosts: Vec<String>,
    /// The id of the P-256 key in the vault, of purpose `token`, that signs for us.
    pub key: String,
    /// A file with the roots to trust; the system's otherwise.
    pub roots_file: Option<PathBuf>,
}

fn known_hosts() -> Vec<String> {
    ["fcm.googleapis.com", "push.services.mozilla.com", "notify.windows.com", "push.apple.com"]
        .map(String::from)
        .to_vec()
}

/// Pushes to browsers.
pub struct WebPush {
    name: String,
    config: WebPushConfig,
    key: KeyId,
    cabinet: Arc<Cabinet>,
    agent: Agent,
    /// Tokens for the push services, each with its last second.
    tokens: Mutex<BTreeMap<String, (String, UnixTime)>>,
}

impl core::fmt::Debug for WebPush {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "WebPush({}, redacted)", self.name)
    }
}

/// Longest body that push services must take (RFC 8030 §7.2), less the header, the padding octet and the tag.
const LONGEST: usize = 4096 - HEADER - 17;
/// Salt, record size, length of the key, key (RFC 8188 §2.1).
const HEADER: usize = 16 + 4 + 1 + 65;
/// Lifetime of a token; RFC 8292 §2 allows a day.
const TOKEN: u64 = 12 * 3600;

impl WebPush {
    /// The carrier.
    ///
    /// # Errors
    /// [`CarrierFault`] for what is configured wrongly.
    pub fn new(name: &str, config: WebPushConfig, cabinet: Arc<Cabinet>) -> Result<Self, CarrierFault> {
        let Some(key) = unhex(config.key.as_bytes()).map(KeyId) else {
            return Err(CarrierFault::new(name, "key: the id of a key has 32 hexadecimal digits"));
        };
        if !config.contact.starts_with("mailto:") && !config.contact.starts_with("https://") {
            return Err(CarrierFault::new(name, "contact: it begins with mailto: or https:"));
        }
        let agent = agent(name, config.roots_file.as_ref())?;
        Ok(Self { name: name.into(), config, key, cabinet, agent, tokens: Mutex::default() })
    }

    /// The entry of the list by which a host may be pushed to.
    fn allowed(&self, host: &str) -> Option<usize> {
        let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        self.config.hosts.iter().position(|allowed| {
            let below = name.strip_suffix(allowed.split(':').next().unwrap_or_default());
            // A port is only meant where the list names it.
            let port_fits = host.contains(':') == allowed.contains(':')
                && (!allowed.contains(':') || host.eq_ignore_ascii_case(allowed));
            port_fits && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        })
    }

    /// RFC 8292 §2 and §3: a signed token for the origin of the push service, and our key.
    fn authorization(&self, origin: &str, now: UnixTime) -> Result<String, CoreError> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, last)) = tokens.get(origin)
            && now.plus(60) < *last
        {
            return Ok(known.clone());
        }
        let last = now.plus(TOKEN);
        let encode =
            |value: &serde_json::Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let header = json!({"typ": "JWT", "alg": "ES256"});
        let claims = json!({"aud": origin, "exp": last.0, "sub": self.config.contact});
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let (point, signature) = self.cabinet.vault().transact(|tx| {
            let (_, key) = signing::public_key(tx, self.key)?;
            let VerifyingKey::P256(key) = key else { return Err(CoreError::KeyKind) };
            let (x, y) = key.coordinates();
            let signature = signing::sign(tx, self.key, Purpose::Token, signed.as_bytes(), "")?;
            Ok(([&[4][..], &x, &y].concat(), signature.to_fixed()))
        })?;
        let signature = Base64UrlUnpadded::encode_string(&signature);
        let value = format!("vapid t={signed}.{signature}, k={}", Base64UrlUnpadded::encode_string(&point));
        if tokens.len() > 64 {
            tokens.clear();
        }
        tokens.insert(origin.into(), (value.clone(), last));
        Ok(value)
    }
}

/// The host, and the port where there is one.
fn host(subscription: &Subscription) -> Option<&str> {
    subscription.endpoint().strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next())
}

/// Endpoints come from clients: where one leads to nobody, that says nothing of the push services.
fn of_subscription(failed: Failed) -> Failed {
    let why = if failed.why == Why::Unavailable { Why::Unreachable } else { failed.why };
    Failed { why, ..failed }
}

/// What a status means; `None` when it took the message.
const fn why_not(status: u16) -> Option<Why> {
    match status {
        200..=299 => None,
        404 | 410 => Some(Why::Gone),
        429 | 503 => Some(Why::Busy),
        // RFC 8292 §4.2: so they answer to a subscription that was made for another key than ours.
        401 | 403 => Some(Why::Unreachable),
        500..=599 => Some(Why::Unavailable),
        _ => Some(Why::Refused),
    }
}

/// HKDF with SHA-256 for one block or less (RFC 5869 §2).
fn hkdf(salt: &[u8], material: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let extract = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), material);
    let expand = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, extract.as_ref()), &[info, &[1]].concat());
    let mut block = Zeroizing::new([0; 32]);
    block.copy_from_slice(expand.as_ref());
    block
}

/// RFC 8291 §3 and §4: seals a message for a subscription, in one record.
fn seal(
    subscription: &Subscription,
    own: &PrivateKey,
    salt: &[u8; 16],
    message: &[u8],
) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    let public = own.compute_public_key()?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, subscription.key());
    // §3.3 and §3.4: the authentication secret, both keys.
    let info = [&b"WebPush: info\0"[..], subscription.key(), public.as_ref()].concat();
    let material = agreement::agree(own, peer, aws_lc_rs::error::Unspecified, |shared| {
        Ok(hkdf(subscription.auth(), shared, &info))
    })?;
    // RFC 8188 §2.2 and §2.3.
    let key = hkdf(salt, &*material, b"Content-Encoding: aes128gcm\0");
    let nonce = hkdf(salt, &*material, b"Content-Encoding: nonce\0");
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16])?);
    // RFC 8188 §2: the last record ends in 2.
    let mut record = [message, &[2]].concat();
    key.seal_in_place_append_tag(Nonce::try_assume_unique_for_key(&nonce[..12])?, Aad::empty(), &mut record)?;
    let size = 4096_u32.to_be_bytes();
    Ok([&salt[..], &size, &[65], public.as_ref(), &record].concat())
}

impl Transport for WebPush {
    fn name(&self) -> &str {
        &self.name
    }

    fn channel(&self) -> Evidence {
        Evidence::Push
    }

    /// Push services have nothing to do with each other.
    fn ways(&self) -> usize {
        self.config.hosts.len()
    }

    fn way(&self, address: &Address) -> usize {
        let Address::Push(subscription) = address else { return 0 };
        // One that is not on the list is refused, whichever way it goes.
        host(subscription).and_then(|host| self.allowed(host)).unwrap_or(0)
    }

    fn send(&self, parcel: &Parcel<'_>) -> Result<Taken, Failed> {
        let (Address::Push(subscription), Content::Push(body)) = (parcel.address, parcel.content) else {
            return Err(Failed::new(Why::Refused, "it carries pushed messages alone"));
        };
        if body.len() > LONGEST {
            return Err(Failed::new(Why::Refused, "it is longer than push services take"));
        }
        let endpoint = subscription.endpoint();
        let Some(host) = host(subscription).filter(|host| self.allowed(host).is_some()) else {
            return Err(Failed::new(Why::Refused, "its host is not on the list of push services"));
        };
        let unable = |_| Failed::new(Why::Refused, "the key of the device is no point of the curve");
        let own = PrivateKey::generate(&ECDH_P256).map_err(unable)?;
        let mut salt = [0; 16];
        aws_lc_rs::rand::fill(&mut salt).map_err(unable)?;
        let sealed = seal(subscription, &own, &salt, body).map_err(unable)?;
        let authorization = self
            .authorization(&format!("https://{host}"), parcel.now)
            .map_err(|error| Failed::new(Why::Unavailable, format!("its key does not sign: {error}")))?;
        let patience = patience(parcel.deadline);
        let answer = self
            .agent
            .post(endpoint)
            .config()
            .timeout_global(Some(left(parcel.deadline)))
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .build()
            .header("Content-Encoding", "aes128gcm")
            .header("Content-Type", "application/octet-stream")
            .header("TTL", parcel.expires.since(parcel.now).to_string())
            .header("Urgency", if parcel.urgent { "high" } else { "normal" })
            // RFC 8030 §5.4: sent again under this topic, it replaces itself. 32 letters of base64url at most.
            .header("Topic", parcel.id.to_string())
            .header("Authorization", authorization)
            .send(&sealed[..])
            .map_err(|error| of_subscription(unanswered(&error)))?;
        match why_not(answer.status().as_u16()) {
            None => Ok(Taken { parts: vec![parcel.id.to_string()], receipts: false }),
            Some(Why::Gone) => Err(Failed::new(Why::Gone, "the device has unsubscribed")),
            Some(why) => Err(Failed::new(why, format!("status {}", answer.status().as_u16()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Vec<u8> {
        Base64UrlUnpadded::decode_vec(text).unwrap()
    }

    #[test]
    fn what_is_wrong_with_one_subscription_says_nothing_of_the_push_services() {
        assert_eq!([401, 403].map(why_not), [Some(Why::Unreachable); 2]);
        assert_eq!(of_subscription(unanswered(&ureq::Error::HostNotFound)).why, Why::Unreachable);
        let lost = ureq::Error::Timeout(ureq::Timeout::RecvResponse);
        assert_eq!(of_subscription(unanswered(&lost)).why, Why::Unknown);
        let nowhere = ureq::post("https://%.push.example/x").send(&b""[..]).unwrap_err();
        assert_eq!(of_subscription(unanswered(&nowhere)).why, Why::Unreachable, "{nowhere:?}");
        assert_eq!([201, 410, 429, 500].map(why_not).map(|why| why == Some(Why::Unreachable)), [false; 4]);
    }

    /// RFC 8291 §5 and appendix A.
    #[test]
    fn the_example_of_rfc_8291_is_sealed_to_the_byte() {
        let key = decoded(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        );
        let auth = decoded("BTBZMqHH6r4Tts7J_aSIgg");
        let subscription = Subscription::new("https://push.example.net/push/x", &key, &auth).unwrap();
        let own =
            PrivateKey::from_private_key(&ECDH_P256, &decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
                .unwrap();
        let salt: [u8; 16] = decoded("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let sealed = seal(&subscription, &own, &salt, b"When I grow up, I want to be a watermelon").unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(Base64UrlUnpadded::encode_string(&sealed), expected);
    }

    #[test]
    fn a_token_is_for_one_service_and_renewed_before_it_ends() {
        use zamok_core::store::MemoryStore;
        use zamok_core::vault::KeyKind;
        use zamok_core::vault::slot::Argon2Cost;
        use zamok_host::{Options, Passphrase, Vault};

        let light = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let options = Options { cost: light, ..Options::default() };
        let secret = Passphrase::from("open sesame, please");
        let vault = Vault::create(Arc::new(MemoryStore::new()), &secret, options).unwrap();
        let mut policy = zamok_cabinet::Policy::strict();
        (policy.password.cost, policy.recovery.cost) = (light, light);
        let cabinet = Arc::new(Cabinet::create(Arc::new(vault), "Zamok Bank", policy).unwrap());
        let key = cabinet
            .vault()
            .transact(|tx| signing::generate(tx, KeyKind::P256, Purpose::Token, "push", None))
            .unwrap_or_else(|error: CoreError| panic!("{error}"));
        let config = WebPushConfig {
            contact: "mailto:admin@bank.example".into(),
            hosts: known_hosts(),
            key: key.to_string(),
            roots_file: None,
        };
        let push = WebPush::new("push", config, cabinet).unwrap();
        let told = |origin: &str, now: u64| {
            let value = push.authorization(origin, UnixTime(now)).unwrap();
            let claims = decoded(value.split('.').nth(1).unwrap());
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            (claims["aud"].as_str().unwrap().to_owned(), claims["exp"].as_u64().unwrap())
        };
        let last = 1000 + TOKEN;
        for origin in ["https://a.example", "https://b.example"] {
            assert_eq!(told(origin, 1000), (origin.to_owned(), last));
            assert_eq!(told(origin, last - 61), (origin.to_owned(), last), "the same again");
            assert_eq!(told(origin, last - 60), (origin.to_owned(), last - 60 + TOKEN));
        }
    }
}
