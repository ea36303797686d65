//! The life of keys against a table (NIST SP 800-57 part 1, §7): whatever is done to a few keys in whatever order, each step is
//! taken or refused as the table says, and every version of each key stands where it says.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use zamok_core::mechanism::Mechanism;
use zamok_core::store::MemoryStore;
use zamok_core::vault::keys::{self, Narrowing, Template};
use zamok_core::vault::macs::{self, Tagged};
use zamok_core::vault::versions::{self, RotationPolicy};
use zamok_core::vault::{
    Flag, Flags, KeyId, KeyKind, KeyState, Purpose, Transaction, Usage, Usages, fuzzing,
};
use zamok_core::{Error, UnixTime};
use zamok_fuzz::accepted;

const MECHANISM: Mechanism = Mechanism::HmacSha256;
const MESSAGE: &[u8] = b"message";
/// A key of HMAC costs least.
const KIND: KeyKind = KeyKind::Hmac;
const STATES: [KeyState; 6] = [
    KeyState::PreActive,
    KeyState::Active,
    KeyState::Suspended,
    KeyState::Deactivated,
    KeyState::Compromised,
    KeyState::Destroyed,
];

#[derive(Arbitrary, Debug)]
enum Step {
    Make { usages: u8, fixed: u8, valid_to: Option<u8> },
    Move { key: u8, next: u8 },
    MoveVersion { key: u8, version: u8, next: u8 },
    Rotate { key: u8, accept: Option<u8> },
    Narrow { key: u8, usages: u8, valid_to: Option<u8>, accept_until: Option<u8> },
    Copy { key: u8 },
    Tag { key: u8 },
    Check { key: u8, version: u8 },
    Wait(u8),
}

/// A version as the table has it. Times are seconds.
#[derive(Clone, Debug)]
struct Version {
    state: KeyState,
    valid_to: Option<u64>,
    accept_until: Option<u64>,
    tagged: Option<Tagged>,
}

#[derive(Debug)]
struct Key {
    id: KeyId,
    usages: Usages,
    flags: Flags,
    versions: Vec<Version>,
}

struct Table {
    store: MemoryStore,
    now: u64,
    commits: u64,
    keys: Vec<Key>,
}

fn usages(bits: u8) -> Usages {
    [Usage::Mac, Usage::VerifyMac]
        .into_iter()
        .enumerate()
        .filter(|(at, _)| bits >> at & 1 == 1)
        .fold(Usages::NONE, |set, (_, usage)| set.or(Usages::of(&[usage])))
}

/// SP 800-57 part 1, figure 3.
fn may_become(state: KeyState, next: KeyState) -> bool {
    use KeyState::{Active, Compromised, Deactivated, Destroyed, PreActive, Suspended};
    match state {
        PreActive => next != PreActive,
        Active => matches!(next, Suspended | Deactivated | Compromised),
        Suspended => matches!(next, Active | Deactivated | Compromised),
        Deactivated => matches!(next, Compromised | Destroyed),
        Compromised => next == Destroyed,
        Destroyed => false,
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

impl Key {
    fn newest(&mut self) -> &mut Version {
        self.versions.last_mut().expect("a key has a version")
    }

    fn has(&self, flag: Flag) -> bool {
        self.flags.contains(flag)
    }

    /// Moves a version on where the table lets it; what ends the newest for good ends them all.
    fn take(&mut self, place: usize, next: KeyState) -> bool {
        let may = may_become(self.versions[place].state, next)
            && (next != KeyState::Destroyed || self.has(Flag::Destroyable));
        if may {
            let from =
                if next == KeyState::Destroyed && place + 1 == self.versions.len() { 0 } else { place };
            self.versions[from..=place].iter_mut().for_each(|version| version.state = next);
        }
        may
    }

    fn makes(&mut self, now: u64) -> bool {
        let has = self.usages.contains(Usage::Mac);
        let Version { state, valid_to, accept_until, .. } = self.newest();
        has && *state == KeyState::Active
            && [*valid_to, *accept_until].into_iter().flatten().all(|end| now < end)
    }

    fn checks(&mut self, place: usize, now: u64) -> bool {
        let live = |state| matches!(state, KeyState::Active | KeyState::Deactivated);
        let (newest, until) = (self.newest().state, self.newest().accept_until);
        let version = &self.versions[place];
        self.usages.contains(Usage::VerifyMac)
            && live(newest)
            && live(version.state)
            && earlier(version.accept_until, until).is_none_or(|end| now < end)
    }
}

impl Table {
    fn commit<T>(&mut self, act: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.commits += 1;
        fuzzing::commit(&self.store, UnixTime(self.now), self.commits, act)
    }

    /// The place of a key, and whether there is any.
    fn pick(&self, key: u8) -> Option<usize> {
        usize::from(key).checked_rem(self.keys.len())
    }

    fn soon(&self, seconds: Option<u8>) -> Option<u64> {
        seconds.map(|seconds| self.now + u64::from(seconds))
    }

    fn make(&mut self, bits: u8, fixed: u8, valid_to: Option<u8>) {
        let usages = usages(bits);
        let loose = [Flag::Copyable, Flag::Modifiable, Flag::Destroyable];
        let kept = loose.into_iter().enumerate().filter(|(at, _)| fixed >> at & 1 == 0);
        let flags = kept.fold(Flags::NONE, |set, (_, flag)| set.or(Flags::of(&[flag])));
        let valid_to = self.soon(valid_to);
        let mut template = Template::new(KIND, Purpose::Data);
        (template.usages, template.flags, template.valid_to) = (usages, flags, valid_to.map(UnixTime));
        let made = self.commit(|tx| keys::generate(tx, &template));
        assert_eq!(made.is_ok(), !usages.is_empty(), "{made:?}");
        if let Ok(id) = made {
            let version = Version { state: KeyState::Active, valid_to, accept_until: None, tagged: None };
            self.keys.push(Key { id, usages, flags, versions: vec![version] });
        }
    }

    fn advance(&mut self, at: usize, place: usize, is_whole: bool, next: KeyState) {
        let (id, number) = (self.keys[at].id, u32::try_from(place + 1).expect("few versions"));
        let taken = self.commit(|tx| {
            if is_whole {
                keys::change_state(tx, id, next, "a step")
            } else {
                keys::change_version_state(tx, id, number, next, "a step")
            }
        });
        assert_eq!(taken.is_ok(), self.keys[at].take(place, next), "to {next}: {taken:?}");
    }

    fn rotate(&mut self, at: usize, accept: Option<u8>) {
        let id = self.keys[at].id;
        let policy = RotationPolicy { accept: accept.map(u64::from) };
        let rotated = self.commit(|tx| versions::rotate(tx, id, &policy, "in time"));
        let until = self.soon(accept);
        let key = &mut self.keys[at];
        let may = key.newest().state == KeyState::Active && key.has(Flag::Modifiable);
        assert_eq!(rotated.is_ok(), may, "{rotated:?}");
        if may {
            let next = Version { tagged: None, ..key.newest().clone() };
            let old = key.newest();
            old.state = KeyState::Deactivated;
            old.accept_until = earlier(old.accept_until, until);
            key.versions.push(next);
        }
    }

    fn narrow(&mut self, at: usize, bits: u8, valid_to: Option<u8>, accept_until: Option<u8>) {
        let (id, usages) = (self.keys[at].id, usages(bits));
        let (to, until) = (self.soon(valid_to), self.soon(accept_until));
        let narrowing = Narrowing {
            usages: Some(usages),
            valid_to: to.map(UnixTime),
            accept_until: until.map(UnixTime),
            ..Narrowing::default()
        };
        let narrowed = self.commit(|tx| keys::narrow(tx, id, &narrowing));
        let key = &mut self.keys[at];
        let shrinks = |new: Option<u64>, old: Option<u64>| !new.zip(old).is_some_and(|(new, old)| new > old);
        let may = key.newest().state != KeyState::Destroyed
            && key.has(Flag::Modifiable)
            && usages.is_within(key.usages)
            && shrinks(to, key.newest().valid_to)
            && shrinks(until, key.newest().accept_until);
        assert_eq!(narrowed.is_ok(), may, "{narrowed:?}");
        if may {
            key.usages = usages;
            let newest = key.newest();
            (newest.valid_to, newest.accept_until) = (to.or(newest.valid_to), until.or(newest.accept_until));
        }
    }

    fn copy(&mut self, at: usize) {
        let id = self.keys[at].id;
        let copied = self.commit(|tx| keys::copy(tx, id, &Narrowing::default(), "copy", None));
        let key = &mut self.keys[at];
        let may = key.newest().state == KeyState::Active && key.has(Flag::Copyable);
        assert_eq!(copied.is_ok(), may, "{copied:?}");
        if let Ok(id) = copied {
            let tagged = key.newest().tagged.clone().map(|tagged| Tagged { version: 1, ..tagged });
            let version = Version { tagged, ..key.newest().clone() };
            let copy = Key { id, usages: key.usages, flags: key.flags, versions: vec![version] };
            self.keys.push(copy);
        }
    }

    fn tag(&mut self, at: usize) {
        let (id, now) = (self.keys[at].id, self.now);
        let tagged = self.commit(|tx| macs::tag(tx, id, MECHANISM, MESSAGE));
        let key = &mut self.keys[at];
        assert_eq!(tagged.is_ok(), key.makes(now), "{tagged:?}");
        if let Ok(tagged) = tagged {
            accepted("mac");
            assert_eq!(usize::try_from(tagged.version), Ok(key.versions.len()));
            let before = key.newest().tagged.replace(tagged.clone());
            assert!(before.is_none_or(|before| before == tagged), "one key makes one MAC");
        }
    }

    fn check(&mut self, at: usize, place: usize) {
        let (id, now) = (self.keys[at].id, self.now);
        let Some(tagged) = self.keys[at].versions[place].tagged.clone() else { return };
        let checked = self.commit(|tx| macs::check(tx, id, MECHANISM, MESSAGE, &tagged));
        assert_eq!(checked.is_ok(), self.keys[at].checks(place, now), "{checked:?}");
        let mut other = tagged;
        other.tag[0] ^= 1;
        assert!(self.commit(|tx| macs::check(tx, id, MECHANISM, MESSAGE, &other)).is_err());
    }

    /// Every version of every key stands where the table says.
    fn compare(&mut self) {
        for at in 0..self.keys.len() {
            let id = self.keys[at].id;
            let found = self.commit(|tx| versions::list(tx, id)).expect("the key is there");
            let found: Vec<_> = found
                .iter()
                .rev()
                .map(|info| (info.state, info.usages.is_within(self.keys[at].usages)))
                .collect();
            let expected: Vec<_> =
                self.keys[at].versions.iter().map(|version| (version.state, true)).collect();
            assert_eq!(found, expected);
        }
    }

    fn run(&mut self, step: &Step) {
        let version =
            |table: &Self, at: usize, version: u8| usize::from(version) % table.keys[at].versions.len();
        let next = |next: u8| STATES[usize::from(next) % STATES.len()];
        match *step {
            Step::Wait(seconds) => self.now += u64::from(seconds),
            Step::Make { usages, fixed, valid_to } => self.make(usages, fixed, valid_to),
            Step::Move { key, next: to } => {
                if let Some(at) = self.pick(key) {
                    self.advance(at, self.keys[at].versions.len() - 1, true, next(to));
                }
            }
            Step::MoveVersion { key, version: number, next: to } => {
                if let Some(at) = self.pick(key) {
                    self.advance(at, version(self, at, number), false, next(to));
                }
            }
            Step::Rotate { key, accept } => {
                if let Some(at) = self.pick(key) {
                    self.rotate(at, accept);
                }
            }
            Step::Narrow { key, usages, valid_to, accept_until } => {
                if let Some(at) = self.pick(key) {
                    self.narrow(at, usages, valid_to, accept_until);
                }
            }
            Step::Copy { key } => {
                if let Some(at) = self.pick(key) {
                    self.copy(at);
                }
            }
            Step::Tag { key } => {
                if let Some(at) = self.pick(key) {
                    self.tag(at);
                }
            }
            Step::Check { key, version: number } => {
                if let Some(at) = self.pick(key) {
                    self.check(at, version(self, at, number));
                }
            }
        }
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let now = fuzzing::NOW.0;
    let mut table = Table { store: MemoryStore::new(), now, commits: 0, keys: Vec::new() };
    // Each key comes after one that was made: more steps show no more.
    for step in steps.iter().take(48) {
        table.run(step);
    }
    table.compare();
});
