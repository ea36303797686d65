//! Recovery codes (`CRYPTO.md` §4): the way back for whom every second factor is lost. A code is a public number and 80 random
//! bits. What is kept of it is Argon2id over a keyed MAC: neither the store alone nor a stolen key alone can be guessed at.
//! One use takes every factor away, ends every session, is told to the owner, and leads to a new enrolment. A phone or an address can take
//! that back for a while, as it can take back a change.

use subtle::ConstantTimeEq;
use zamok_core::event::{Detail, EventKind};
use zamok_core::mac;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::vault::slot::Argon2Cost;
use zamok_core::vault::spend::Failures;
use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};
use zamok_host::argon2id;
use zeroize::Zeroizing;

use super::{Factor, FactorState, FactorStep, Holding, Since, listing};
use crate::account::{self, Account, AccountId, AccountRecord};
use crate::challenge::{Approach, Begun, Demand};
use crate::error::Error;
use crate::name::Login;
use crate::outbox::{Message, MessageKind};
use crate::password::{Password, PasswordHash, Recipe};
use crate::policy::RecoveryPolicy;
use crate::session::{self, Session};
use crate::throttle::{Bucket, Budget, Caller, Way};
use crate::watch::{Facts, Occasion, Outcome};
use crate::{Cabinet, Enrolment};

/// Sets of recovery codes: sealed records under the id of their account.
const RECOVERY: Table = Table(41);

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// 80 bits in base32.
const LETTERS: usize = 16;

/// A recovery code, to be written down. `Debug` does not show it.
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// The text: its number, and sixteen letters in groups of four.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RecoveryCode(redacted)")
    }
}

/// A code as it was typed: blanks, hyphens and case mean nothing.
struct Typed {
    number: u8,
    letters: Zeroizing<String>,
}

impl Typed {
    /// What is no code is read as one that nobody has: it costs the same work.
    fn read(text: &str) -> Self {
        const LONGEST: usize = 64;
        // Room for the widest characters, so that it never grows out of its place.
        let mut kept = Zeroizing::new(String::with_capacity(4 * LONGEST));
        let signs = text.chars().take(LONGEST).filter(|character| !matches!(character, ' ' | '-'));
        signs.for_each(|character| kept.push(character.to_ascii_uppercase()));
        let split = kept.find(|character: char| !character.is_ascii_digit()).unwrap_or(kept.len());
        // Numbers have two digits, so that a letter that is a digit belongs to the letters.
        let (number, letters) = kept.split_at_checked(split.min(2)).unwrap_or(("", ""));
        Self { number: number.parse().unwrap_or(0), letters: Zeroizing::new(letters.into()) }
    }
}

/// What is kept of the codes of one account.
pub(super) struct Set {
    cost: Argon2Cost,
    salt: [u8; 16],
    /// The key of the MAC, drawn with the set: it lies sealed, and goes on when the keys of the vault change.
    pepper: Zeroizing<[u8; 32]>,
    made: UnixTime,
    /// By number, from 1.
    hashes: Vec<[u8; 32]>,
    failures: Failures,
}

/// The set of an account, and that of the decoy.
struct Looked {
    own: Option<Set>,
    spare: Option<(AccountId, Set)>,
}

/// What one look at an attempt comes to.
enum Decided {
    Enrols(Enrolment),
    /// It commits as well: it is charged.
    Rejected,
    /// The password is not hashed any more as it was when this was.
    PasswordChanged,
}

impl Set {
    const FORMAT: u8 = 3;

    pub(super) fn row(account: AccountId) -> RowKey {
        RowKey::new(RECOVERY, account.0)
    }

    pub(super) fn put(&self, tx: &mut Transaction<'_>, account: AccountId) -> Result<(), Error> {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).raw(&account.0).raw(self.pepper.as_slice());
        writer.u32(self.cost.memory_kib).u32(self.cost.passes).u32(self.cost.lanes).raw(&self.salt);
        self.failures.write(&mut writer);
        writer.u64(self.made.0);
        writer.bytes(&self.hashes.concat())?;
        Ok(tx.put_record(&Self::row(account), &[], writer.as_slice())?)
    }

    pub(super) fn load(tx: &mut Transaction<'_>, account: AccountId) -> Result<Option<Self>, Error> {
        // Each time anew: who has codes, who has none and who is not there take the same work.
        let Some(opened) = tx.record_anew(&Self::row(account))? else { return Ok(None) };
        let mut reader = Reader::new(&opened.body);
        let format = reader.u8()?;
        if format != Self::FORMAT {
            return Err(CoreError::Format { found: format.into(), supported: Self::FORMAT.into() }.into());
        }
        if reader.array::<16>()? != account.0 {
            return Err(CoreError::Refused.into());
        }
        let pepper = Zeroizing::new(reader.array()?);
        let cost = Argon2Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        let (cost, salt, failures) = (cost.bounded()?, reader.array()?, Failures::read(&mut reader)?);
        let made = UnixTime(reader.u64()?);
        let (hashes, rest) = reader.bytes()?.as_chunks::<32>();
        let hashes = hashes.to_vec();
        let whole = rest.is_empty();
        reader.end()?;
        if whole {
            Ok(Some(Self { cost, salt, pepper, made, hashes, failures }))
        } else {
            Err(CoreError::Refused.into())
        }
    }

    /// The set of an account, and that of the decoy, after the same work whether there is one or not.
    fn or_decoy(tx: &mut Transaction<'_>, account: AccountId) -> Result<Looked, Error> {
        let Some(decoy) = account::decoy(tx)? else {
            return Ok(Looked { own: Self::load(tx, account)?, spare: None });
        };
        let own = Self::load(tx, account)?;
        if own.is_none() {
            Self::load(tx, decoy)?;
        }
        let spare = Self::load(tx, decoy)?.map(|set| (decoy, set));
        Ok(Looked { own, spare })
    }

    /// What is hashed: bound to a key that lies sealed, the account, and the code's number.
    fn mac(pepper: &[u8; 32], account: AccountId, typed: &Typed) -> Zeroizing<[u8; 32]> {
        let parts = [&account.0[..], &[typed.number], typed.letters.as_bytes()];
        Zeroizing::new(mac::hmac_sha256(pepper, &parts))
    }
}

fn hash(mac: &[u8; 32], salt: [u8; 16], cost: Argon2Cost) -> Result<[u8; 32], Error> {
    let mut hash = [0; 32];
    argon2id(mac, &salt, cost, &mut hash)?;
    Ok(hash)
}

impl Cabinet {
    /// Makes a new set of recovery codes for the account of a session that is fresh; the old set counts no more. They are shown this
    /// once, and the owner is told.
    ///
    /// # Errors
    /// [`Error::FreshAuthenticationNeeded`]; [`Error::SessionEnded`]; the vault's and the store's.
    pub fn new_recovery_codes(&self, session: &Session) -> Result<Vec<RecoveryCode>, Error> {
        let policy = &self.policy.recovery;
        let (account, salt, pepper, drawn) = self.vault.transact(|tx| {
            let account = self.fresh_owner(tx, session)?;
            let salt: [u8; 16] = tx.env().random();
            let pepper = Zeroizing::new(tx.env().random());
            let mut drawn = Vec::new();
            for number in 1..=policy.codes {
                let random = Zeroizing::new(tx.env().random::<LETTERS>());
                let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
                let typed = Typed { number, letters: Zeroizing::new(letters.collect()) };
                let mac = Set::mac(&pepper, account.id, &typed);
                drawn.push((typed, mac));
            }
            Ok::<_, Error>((account, salt, pepper, drawn))
        })?;
        let hashes =
            drawn.iter().map(|(_, mac)| hash(mac, salt, policy.cost)).collect::<Result<Vec<_>, _>>()?;
        self.vault.transact(|tx| {
            // A session that ended meanwhile makes none.
            let owner = self.owner(tx, session)?;
            let (cost, hashes, failures) = (policy.cost, hashes.clone(), Failures::default());
            let set = Set { cost, salt, pepper: pepper.clone(), made: tx.now(), hashes, failures };
            set.put(tx, owner.id)?;
            let detail = Detail::new().with("codes", policy.codes.to_string());
            tx.event(EventKind::RecoveryCodesMade, Some(owner.subject), &Set::row(account.id), &detail)?;
            Message::notice(tx, MessageKind::RecoveryCodesMade, owner.id).post(tx)?;
            Ok::<_, Error>(())
        })?;
        let text = |typed: &Typed| {
            // Room for all of it, so that it never grows out of its place.
            let mut text = Zeroizing::new(String::with_capacity(2 + LETTERS + LETTERS / 4));
            text.push_str(&format!("{:02}", typed.number));
            for group in typed.letters.as_bytes().chunks(4) {
                text.push('-');
                group.iter().for_each(|letter| text.push(char::from(*letter)));
            }
            RecoveryCode(text)
        };
        Ok(drawn.iter().map(|(typed, _)| text(typed)).collect())
    }

    /// The way back: a login, a password and a recovery code. When all three are right, every factor and the other codes are
    /// gone, every session has ended, and a new factor can be enrolled. The owner is told by every contact; a phone or an address that was a
    /// factor can take that back for a while ([`Cabinet::begin_undo`]).
    ///
    /// An unknown login, a wrong password, a wrong or used code, and an account without codes look alike, in answer and in work.
    ///
    /// # Errors
    /// [`CoreError::Rejected`]; the vault's and the store's.
    pub fn recover(&self, login: &str, password: &Password, code: &str) -> Result<Enrolment, Error> {
        self.recover_from(login, password, code, &Approach::default())
    }

    /// The same from somewhere: outside of the account's limits the right answer is like a wrong one (R18).
    ///
    /// # Errors
    /// As [`Cabinet::recover`].
    pub fn recover_from(
        &self,
        login: &str,
        password: &Password,
        code: &str,
        approach: &Approach,
    ) -> Result<Enrolment, Error> {
        let login = Login::parse(login).unwrap_or_else(|_| Login::nobody());
        let typed = Typed::read(code);
        let (policy, rules) = (&self.policy.recovery, &self.policy.password);
        for _ in 0..Self::PASSWORD_CHANGES {
            let (recipe, mac, salt, cost) = self.vault.transact(|tx| {
                let decoy: [u8; 32] = tx.keyring().blind_index("decoy salt", login.as_str().as_bytes())?;
                let decoy_salt = *decoy.first_chunk().expect("32 bytes begin with 16");
                let (record, known) = account::find_or_decoy(tx, &login)?;
                let looked_at = record.as_ref().map(|record| record.account.id);
                let record = record.filter(|_| known);
                let id = record.as_ref().map_or(AccountId(decoy_salt), |record| record.account.id);
                let own = Set::or_decoy(tx, looked_at.unwrap_or(id))?.own;
                let set = own.filter(|_| record.is_some());
                let decoy_set = (decoy_salt, policy.cost, Zeroizing::new(decoy));
                let (salt, cost, pepper) = set.map_or(decoy_set, |set| (set.salt, set.cost, set.pepper));
                let nobody = Recipe::new(rules.cost, decoy_salt);
                let recipe = record.map_or(nobody, |record| record.password.recipe);
                Ok::<_, Error>((recipe, Set::mac(&pepper, id, &typed), salt, cost))
            })?;
            let known = PasswordHash::compute(password, &recipe, rules)?;
            let shown = hash(&mac, salt, cost)?;
            let decided =
                self.watched(|tx| self.decide_recovery(tx, &login, &known, (&typed, &shown), approach))?;
            match decided {
                Decided::Enrols(enrolment) => return Ok(enrolment),
                Decided::Rejected => return Err(CoreError::Rejected.into()),
                // A login has made its hash anew, for instance.
                Decided::PasswordChanged => {}
            }
        }
        Err(CoreError::Busy.into())
    }

    fn decide_recovery(
        &self,
        tx: &mut Transaction<'_>,
        login: &Login,
        known: &PasswordHash,
        (typed, shown): (&Typed, &[u8; 32]),
        approach: &Approach,
    ) -> Result<Decided, Error> {
        let (found, there) = account::find_or_decoy(tx, login)?;
        let Some(mut record) = found else { return Ok(Decided::Rejected) };
        if there && record.password.recipe != known.recipe {
            return Ok(Decided::PasswordChanged);
        }
        let (id, subject) = (record.account.id, Some(record.account.subject));
        let Looked { own, spare } = Set::or_decoy(tx, id)?;
        // Whoever is not there, or has no codes, is refused after the same work, and charged to the bucket of the name.
        let bucket = Bucket::of(tx, login.as_str())?;
        let mut budget = Budget::of_nobody(tx, bucket, Way::Recovery)?;
        let (mut set, owner) = match (own.filter(|_| there), spare) {
            (Some(set), _) => (set, Some(id)),
            (None, Some((decoy, set))) => (Set { failures: budget.failures, ..set }, Some(decoy)),
            (None, None) => return Ok(Decided::Rejected),
        };
        let counts = owner == Some(id) && there;
        if set.failures.delayed(tx.now()) {
            let throttle = &self.policy.recovery.throttle;
            if set.failures.summary_due(tx.now()) {
                // A delay that a clock has set which had jumped ahead is cut to an ordinary one.
                set.failures.sum_up(tx.now(), throttle);
                if !counts {
                    set.failures = Failures::default();
                }
                set.put(tx, owner.unwrap_or(id))?;
            }
            budget.refuse(tx, subject, throttle, None)?;
            return Ok(Decided::Rejected);
        }
        let facts = Facts {
            occasion: Occasion::Recovery,
            time: tx.now(),
            account: if there { id } else { bucket.id() },
            roles: record.account.roles,
            device: None,
            address: approach.address,
            client: Approach::cut(&approach.client),
            parameters: &[],
        };
        let found = self.ask_watch(tx, &facts)?;
        if found.answer().refuses() {
            self.refuse_found(tx, budget, &self.policy.recovery.throttle, &facts, &found, subject)?;
            return Ok(Decided::Rejected);
        }
        let place = usize::from(typed.number).checked_sub(1);
        let kept = place.and_then(|place| set.hashes.get(place)).copied().unwrap_or_default();
        // A used code's hash is all zeros, which nothing hashes to.
        let right = kept.ct_eq(shown) & !kept.ct_eq(&[0; 32]);
        let inside = record.account.limits.allow(tx.now(), approach.address);
        if !(bool::from(right) & record.admits(known) & inside & counts) {
            let throttle = &self.policy.recovery.throttle;
            let _never_disabled = set.failures.fail(tx.now(), throttle);
            let _never_disabled = budget.failures.fail(tx.now(), throttle);
            budget.put(tx)?;
            let row = owner.unwrap_or(id);
            if !counts {
                // The decoy's own failures are everybody's: they delay nobody.
                set.failures = Failures::default();
            }
            set.put(tx, row)?;
            tx.event(EventKind::RecoveryRejected, subject, &Set::row(row), &Detail::new())?;
            self.tell_found(tx, &facts, &found, subject, &Set::row(row))?;
            self.tell_watch(tx, &facts, Outcome::Wrong)?;
            return Ok(Decided::Rejected);
        }
        self.clear(tx, &mut record, set.made)?;
        set.hashes.clear();
        set.failures.succeed();
        set.put(tx, id)?;
        let detail = Detail::new().with("number", typed.number.to_string());
        tx.event(EventKind::RecoveryUsed, subject, &Set::row(id), &detail)?;
        session::raise_epoch(tx, record, None, "a recovery code was used")?;
        let record = account::load(tx, id)?;
        Message::notice(tx, MessageKind::RecoveryUsed, id).post(tx)?;
        self.tell_found(tx, &facts, &found, subject, &Set::row(id))?;
        self.tell_watch(tx, &facts, Outcome::Right)?;
        match self.let_through(tx, &record, Caller::Stranger, approach, Demand::Usual, None)? {
            Begun::Enrol(enrolment) => Ok(Decided::Enrols(enrolment)),
            Begun::Code(_) => Err(CoreError::Refused.into()),
        }
    }

    /// Takes every factor away. A phone or an address is set aside, and what was set aside before stays so: the paper with the codes may be in
    /// other hands. Codes that were made a short while ago may be another's: then whatever can take that back is set aside, and counts.
    fn clear(
        &self,
        tx: &mut Transaction<'_>,
        record: &mut AccountRecord,
        made: UnixTime,
    ) -> Result<(), Error> {
        let young = tx.now() < made.plus(self.policy.contact.reversible);
        for id in record.account.factors.clone() {
            let mut factor = Factor::load(tx, id, record.account.id)?;
            let (channel, pin) = match factor.holding {
                Holding::Contact(_) => (true, false),
                Holding::Pin(..) => (false, true),
                _ => (false, false),
            };
            match factor.state {
                _ if factor.aside.is_some_and(|aside| tx.now() < aside.until) => {}
                FactorState::Active if channel || young && !pin => {
                    self.put_aside(tx, record, &mut factor, None, young)?;
                }
                _ => listing::remove(tx, record, id, FactorStep::Remove, "a recovery code was used")?,
            }
        }
        Ok(())
    }
}

/// Forgets the codes that were made since, with a change that is taken back.
pub(super) fn forget_since(tx: &mut Transaction<'_>, account: &Account, since: Since) -> Result<(), Error> {
    let Some(mut set) = Set::load(tx, account.id)? else { return Ok(()) };
    if set.hashes.is_empty() || !since.has(set.made) {
        return Ok(());
    }
    set.hashes.clear();
    set.put(tx, account.id)?;
    let detail = Detail::new().with("codes", "0");
    tx.event(EventKind::RecoveryCodesMade, Some(account.subject), &Set::row(account.id), &detail)?;
    Ok(())
}

/// Makes the set of recovery codes of the decoy: as many as others have, and nobody has them.
pub(crate) fn begin_decoy(
    tx: &mut Transaction<'_>,
    decoy: AccountId,
    policy: &RecoveryPolicy,
) -> Result<(), Error> {
    let salt = tx.env().random();
    let hashes = (0..policy.codes).map(|_| tx.env().random()).collect();
    let pepper = Zeroizing::new(tx.env().random());
    let (made, failures) = (tx.now(), Failures::default());
    Set { cost: policy.cost, salt, pepper, made, hashes, failures }.put(tx, decoy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_was_typed() {
        for text in ["07-ABCD-EFGH-2345-WXYZ", "07abcdefgh2345wxyz", " 07 ABCD EFGH 2345 WXYZ "] {
            let typed = Typed::read(text);
            assert_eq!((typed.number, typed.letters.as_str()), (7, "ABCDEFGH2345WXYZ"), "{text:?}");
        }
        let typed = Typed::read("10-2345-EFGH-2345-WXYZ");
        assert_eq!((typed.number, typed.letters.as_str()), (10, "2345EFGH2345WXYZ"));
        for text in ["", "AB", "-", "\u{661}\u{662}", "é"] {
            assert_eq!(Typed::read(text).number, 0, "{text:?}");
        }
        assert_eq!(format!("{:?}", RecoveryCode(Zeroizing::new("x".into()))), "RecoveryCode(redacted)");
    }
}
