//! One attempt, as rules look at it: its facts, its place, and the keyed hashes under which it is counted.

use std::net::IpAddr;

use zamok_cabinet::watch::Facts;
use zamok_core::hash;

use crate::board::Cell;
use crate::habits::Way;
use crate::place::Place;
use crate::rules::{Per, Rule, Rules};

/// What a cell is chosen with: nobody can choose names or addresses that meet those of another, who does not know it.
pub(crate) type Secret = [u8; 32];

/// A keyed hash of whatever attempts are counted together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u64; 2]);

/// One attempt.
pub(crate) struct Case<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) place: Option<Place>,
    pub(crate) way: Way,
    account: Key,
    network: Option<Key>,
    device: Option<Key>,
}

/// The two rows of a table: what collides in one seldom does in both, and the lesser count is nearer to the truth.
pub(crate) const ROWS: usize = 2;

impl Key {
    fn of(secret: &Secret, tag: u8, bytes: &[u8]) -> Self {
        let hash = hash::sha256(&[secret, &[tag], bytes]);
        let word =
            |from: usize| hash[from..from + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        Self([word(0), word(8)])
    }

    /// One of `many`, for a rule and one of its rows.
    fn spread(self, seed: u64, row: usize, many: u64) -> u64 {
        // The finaliser of SplitMix64 over words that nobody outside can tell.
        let mut mixed = self.0[row % ROWS] ^ seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % many
    }
}

/// The network of an address, as bytes: its version and the bits that count.
pub(crate) fn network(address: IpAddr, rules: &Rules) -> [u8; 17] {
    let mut bytes = [0; 17];
    // An IPv4 address that came through an IPv6 socket is still one.
    let bits = match address.to_canonical() {
        IpAddr::V4(address) => {
            bytes[0] = 4;
            bytes[1..5].copy_from_slice(&address.octets());
            rules.ipv4
        }
        IpAddr::V6(address) => {
            bytes[0] = 6;
            bytes[1..17].copy_from_slice(&address.octets());
            rules.ipv6
        }
    };
    for (place, byte) in bytes[1..].iter_mut().enumerate() {
        let kept = usize::from(bits).saturating_sub(8 * place).min(8);
        let kept = u32::try_from(kept).unwrap_or(8);
        *byte &= !u8::MAX.checked_shr(kept).unwrap_or(0);
    }
    bytes
}

/// The network of an address, as text.
pub(crate) fn network_text(address: IpAddr, rules: &Rules) -> String {
    let bytes = network(address, rules);
    let (v4, v6) = (bytes[1..5].first_chunk::<4>(), bytes[1..].first_chunk::<16>());
    match (bytes[0], v4, v6) {
        (4, Some(v4), _) => format!("{}/{}", IpAddr::from(*v4), rules.ipv4),
        (_, _, Some(v6)) => format!("{}/{}", IpAddr::from(*v6), rules.ipv6),
        _ => String::new(),
    }
}

impl<'a> Case<'a> {
    pub(crate) fn new(facts: &'a Facts<'a>, place: Option<Place>, rules: &Rules, secret: &Secret) -> Self {
        let near = facts.address.map(|address| network(address, rules));
        let way = if rules.have_habits() {
            let place = near.unwrap_or([0; 17]);
            let hash = hash::sha256(&[secret, b"w", &place, facts.client.as_bytes()]);
            *hash.first_chunk().expect("32 bytes begin with 8")
        } else {
            Way::default()
        };
        Self {
            facts,
            place,
            way,
            account: Key::of(secret, b'a', &facts.account.0),
            network: near.map(|near| Key::of(secret, b'n', &near)),
            device: facts.device.map(|device| Key::of(secret, b'd', &device.0)),
        }
    }

    /// What attempts are counted together by; `None` where this one has no such thing.
    pub(crate) const fn key(&self, per: Per) -> Option<Key> {
        match per {
            Per::Account => Some(self.account),
            Per::Network => self.network,
            Per::Device => self.device,
        }
    }

    /// The slot that stands for the account in a cell of marks.
    pub(crate) fn slot(&self, rule: &Rule, row: usize, slots: u64) -> u64 {
        self.account.spread(rule.seed.rotate_left(32), row, slots)
    }
}

/// What a cell is for: what a rule counts, the halves of its span, or its delays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    Count,
    Even,
    Odd,
    Pause,
}

/// The cell of a rule for a key, in one of its rows.
pub(crate) fn cell(rules: &Rules, rule: &Rule, key: Key, row: usize, used: Use) -> Cell {
    // Who pauses for another time counts in other windows: those of one cell would be moved to and fro between two services,
    // until there is no more room in it.
    let seed = if matches!(used, Use::Pause) { rule.seed ^ rule.pause } else { rule.seed };
    let number = key.spread(seed, row, rules.cells.into());
    let mut cell = [0; 18];
    cell[..5].copy_from_slice(b"risk/");
    cell[5..13].copy_from_slice(&seed.to_be_bytes());
    cell[13] = [0x00, 0x10][row % ROWS] | used as u8;
    cell[14..].copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_cut_at_their_bits() {
        let rules = Rules::from_toml("network.ipv4 = 20\nnetwork.ipv6 = 48").unwrap();
        let text = |address: &str| network_text(address.parse().unwrap(), &rules);
        assert_eq!(text("192.0.47.255"), "192.0.32.0/20");
        assert_eq!(text("::ffff:192.0.47.1"), "192.0.32.0/20");
        assert_eq!(text("2001:db8:1:ffff::1"), "2001:db8:1::/48");
        let whole = Rules::from_toml("network.ipv4 = 32\nnetwork.ipv6 = 128").unwrap();
        assert_eq!(network_text("192.0.2.1".parse().unwrap(), &whole), "192.0.2.1/32");
        assert_eq!(network_text("::1".parse().unwrap(), &whole), "::1/128");
    }

    #[test]
    fn cells_are_spread_evenly_and_by_the_secret() {
        let rules = Rules::from_toml("cells = 256").unwrap();
        let rule = Rules::default().rules.remove(0);
        for row in 0..ROWS {
            let mut found = [0_u32; 256];
            for number in 0..25_600_u32 {
                let key = Key::of(&[7; 32], b'n', &number.to_be_bytes());
                let cell = cell(&rules, &rule, key, row, Use::Count);
                found[usize::from(cell[17])] += 1;
            }
            assert!(found.iter().all(|count| (50..=150).contains(count)), "{found:?}");
        }
        let cell =
            |secret: u8, row| cell(&rules, &rule, Key::of(&[secret; 32], b'n', b"10.0.0"), row, Use::Count);
        assert!((0..50).any(|secret| cell(secret, 0)[14..] != cell(50, 0)[14..]));
        assert_ne!(cell(1, 0)[..14], cell(1, 1)[..14]);
    }
}
