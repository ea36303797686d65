//! Whom to believe (C2SP tlog-policy): a file that names logs, witnesses and the quorum of witnesses that is enough.

use alloc::string::String;
use alloc::vec::Vec;

use zamok_core::{Error, UnixTime};

use crate::checkpoint::SignedCheckpoint;
use crate::note::{self, SignatureType, Signed, VerifierKey};

/// Longest policy, in bytes.
const LONGEST: usize = 64 << 10;

/// Which logs and witnesses a reader trusts, and how many of them it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    logs: Vec<Party>,
    members: Vec<Member>,
    /// A place in `members`; `None` when no witness is asked for.
    quorum: Option<usize>,
}

/// A log or a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its key.
    pub key: VerifierKey,
    /// Where it is reached, if that is known.
    pub url: Option<String>,
}

/// A witness or a group, under the name that it has within the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Witness(Party),
    /// A witness that cosigns in a way which is not verified here, by its public key: it counts for no quorum.
    Unserved(Vec<u8>),
    /// At least so many of these.
    Group {
        threshold: usize,
        of: Vec<usize>,
    },
}

/// What the signatures of a checkpoint are worth under a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The witnesses that cosigned, by the names of their keys, and when each did.
    pub witnesses: Vec<(String, UnixTime)>,
    /// Whether they are a quorum; always, where the policy asks for none.
    pub is_quorum: bool,
}

impl TrustPolicy {
    /// One log, and no witnesses.
    #[must_use]
    pub fn log(key: VerifierKey) -> Self {
        Self { logs: Vec::from([Party { key, url: None }]), members: Vec::new(), quorum: None }
    }

    /// The same with one more log, unless it is there.
    #[must_use]
    pub fn with_log(mut self, key: VerifierKey) -> Self {
        if !self.logs.iter().any(|log| log.key == key) {
            self.logs.push(Party { key, url: None });
        }
        self
    }

    /// Reads a policy file. A witness with a key of ML-DSA-44 (type 6) is read and never counts: a quorum that needs it is not met.
    ///
    /// # Errors
    /// The number of the first line that is wrong, from 1; that after the last one when there is no quorum.
    pub fn parse(file: &str) -> Result<Self, usize> {
        let mut policy = Self { logs: Vec::new(), members: Vec::new(), quorum: None };
        let mut has_quorum = false;
        if file.len() > LONGEST {
            return Err(1);
        }
        for (line, number) in file.split('\n').zip(1..) {
            if line.bytes().any(|byte| byte == 0x7f || (byte < b' ' && byte != b'\t')) {
                return Err(number);
            }
            let words: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            match words.as_slice() {
                [] => Some(()),
                [first, ..] if first.starts_with('#') => Some(()),
                ["log", vkey] => policy.add_log(vkey, None),
                ["log", vkey, url] => policy.add_log(vkey, Some(url)),
                ["witness", name, vkey] => policy.add_witness(name, vkey, None),
                ["witness", name, vkey, url] => policy.add_witness(name, vkey, Some(url)),
                ["group", name, threshold, members @ ..] => policy.add_group(name, threshold, members),
                ["quorum", name] if !has_quorum => {
                    has_quorum = true;
                    policy.set_quorum(name)
                }
                _ => None,
            }
            .ok_or(number)?;
        }
        if has_quorum { Ok(policy) } else { Err(file.split('\n').count() + 1) }
    }

    fn add_log(&mut self, vkey: &str, url: Option<&&str>) -> Option<()> {
        let party = party(vkey, url, SignatureType::Ed25519)?;
        if self.logs.iter().any(|log| log.key.public() == party.key.public()) {
            return None;
        }
        self.logs.push(party);
        Some(())
    }

    fn add_witness(&mut self, name: &str, vkey: &str, url: Option<&&str>) -> Option<()> {
        if let Some(public) = note::unserved(vkey) {
            let is_it = |member: &Member| matches!(&member.kind, Kind::Unserved(known) if *known == public);
            let known = self.members.iter().any(is_it);
            return if known { None } else { self.add(name, Kind::Unserved(public)) };
        }
        let party = party(vkey, url, SignatureType::Cosignature)?;
        if self.witnesses().any(|witness| witness.key.public() == party.key.public()) {
            return None;
        }
        self.add(name, Kind::Witness(party))
    }

    fn add_group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Option<()> {
        let of: Vec<_> = members.iter().map(|name| self.place(name)).collect::<Option<_>>()?;
        // One way into a quorum for each witness: no member stands in two groups, or twice in one.
        let taken = |place: usize| {
            let mut groups = self.members.iter().filter_map(|member| match &member.kind {
                Kind::Group { of, .. } => Some(of),
                Kind::Witness(_) | Kind::Unserved(_) => None,
            });
            groups.any(|of| of.contains(&place))
        };
        let repeated =
            of.iter().enumerate().any(|(index, place)| of[..index].contains(place) || taken(*place));
        let threshold = match threshold {
            "any" => 1,
            "all" => of.len(),
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
            _ => return None,
        };
        if repeated || !(1..=of.len()).contains(&threshold) {
            return None;
        }
        self.add(name, Kind::Group { threshold, of })
    }

    fn set_quorum(&mut self, name: &str) -> Option<()> {
        if name != "none" {
            self.quorum = Some(self.place(name)?);
        }
        Some(())
    }

    fn add(&mut self, name: &str, kind: Kind) -> Option<()> {
        if name == "none" || self.place(name).is_some() {
            return None;
        }
        self.members.push(Member { name: name.into(), kind });
        Some(())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|member| member.name == name)
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &[Party] {
        &self.logs
    }

    /// The witnesses whose cosignatures are verified here, in the order of the file.
    pub fn witnesses(&self) -> impl Iterator<Item = &Party> {
        self.members.iter().filter_map(|member| match &member.kind {
            Kind::Witness(party) => Some(party),
            Kind::Group { .. } | Kind::Unserved(_) => None,
        })
    }

    /// Checks the signatures of a checkpoint: by a log of the policy that has the checkpoint's origin as its name, and
    /// by witnesses. Signatures of others are ignored.
    ///
    /// # Errors
    /// [`Error::Rejected`] when no log of the policy signed, or when a line names a key of the policy and is not its
    /// signature. That witnesses are missing is no error here: see [`TrustPolicy::require`].
    pub fn check(&self, signed: &SignedCheckpoint) -> Result<Trusted, Error> {
        self.check_log(signed)?;
        let note = signed.note();
        let mut witnesses = Vec::new();
        let mut is_met = Vec::with_capacity(self.members.len());
        for member in &self.members {
            // Members stand after those that they are made of.
            is_met.push(match &member.kind {
                Kind::Witness(party) => match note.signed_by(&party.key)? {
                    Some(Signed::At(time)) => {
                        witnesses.push((party.key.name().into(), time));
                        true
                    }
                    _ => false,
                },
                Kind::Unserved(_) => false,
                Kind::Group { threshold, of } => {
                    of.iter().filter(|place| is_met[**place]).count() >= *threshold
                }
            });
        }
        Ok(Trusted { witnesses, is_quorum: self.quorum.is_none_or(|place| is_met[place]) })
    }

    /// Checks the signatures of the log alone.
    pub(crate) fn check_log(&self, signed: &SignedCheckpoint) -> Result<(), Error> {
        let mut logged = false;
        for log in self.logs.iter().filter(|log| log.key.name() == signed.checkpoint().origin) {
            logged |= signed.note().signed_by(&log.key)?.is_some();
        }
        if logged { Ok(()) } else { Err(Error::Rejected) }
    }

    /// As [`TrustPolicy::check`], and the quorum must be there.
    ///
    /// # Errors
    /// As [`TrustPolicy::check`]; [`Error::Unwitnessed`] without a quorum.
    pub fn require(&self, signed: &SignedCheckpoint) -> Result<Trusted, Error> {
        let trusted = self.check(signed)?;
        if trusted.is_quorum { Ok(trusted) } else { Err(Error::Unwitnessed) }
    }
}

fn party(vkey: &str, url: Option<&&str>, kind: SignatureType) -> Option<Party> {
    let key = VerifierKey::parse(vkey).ok().filter(|key| key.kind() == kind)?;
    Some(Party { key, url: url.map(|url| String::from(*url)) })
}
