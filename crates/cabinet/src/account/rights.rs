//! What accounts are to the service, what they may do, and when and from where (R18). Least privilege: a role has what it
//! needs, and nothing by default.

use std::fmt;
use std::net::IpAddr;

use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error as CoreError, UnixTime};

/// What somebody may do with a matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Right {
    /// Read it.
    View = 1,
    /// Fill in and change it.
    Edit = 1 << 1,
    /// Confirm it with legal effect.
    Confirm = 1 << 2,
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rights(u8);

/// What an account is to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// A person with matters of their own.
    Citizen = 1,
    /// One who does business in the own name.
    Entrepreneur = 1 << 1,
    /// One who acts for an organisation.
    Representative = 1 << 2,
    /// One who works on others' matters in an authority.
    Employee = 1 << 3,
    /// One who runs the service: sees, and changes nothing.
    Operator = 1 << 4,
    /// One who reads what others did.
    Auditor = 1 << 5,
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

/// When and from where an account may act. Nothing said is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Hours of the day and days of the week.
    pub hours: Option<Hours>,
    /// Networks; empty for any.
    pub networks: Vec<Network>,
}

/// Hours in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// The first minute of the day.
    pub from: u16,
    /// The first minute after; before `from` when the night is meant.
    pub until: u16,
    /// Days, Monday in the lowest bit.
    pub days: u8,
}

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// An address in it.
    pub address: IpAddr,
    /// Bits that count.
    pub bits: u8,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 3] = [Self::View, Self::Edit, Self::Confirm];

    /// The name in listings and in the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Confirm => "confirm",
        }
    }
}

impl Rights {
    /// All of them.
    pub const ALL: Self = Self(7);

    /// These.
    #[must_use]
    pub fn of(rights: &[Right]) -> Self {
        Self(rights.iter().fold(0, |bits, right| bits | *right as u8))
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        self.0 & right as u8 != 0
    }

    /// Those of them that somebody with these roles has in matters of his own.
    pub(crate) fn held_by(self, roles: Roles) -> Self {
        let held = Right::ALL.into_iter().filter(|right| self.has(*right) && roles.may_with_own(*right));
        Self::of(&held.collect::<Vec<_>>())
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn from_bits(bits: u8) -> Result<Self, CoreError> {
        if bits <= Self::ALL.0 { Ok(Self(bits)) } else { Err(CoreError::Refused) }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            Right::ALL.into_iter().filter(|right| self.has(*right)).map(Right::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Citizen,
        Self::Entrepreneur,
        Self::Representative,
        Self::Employee,
        Self::Operator,
        Self::Auditor,
    ];

    /// The name in listings and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::Entrepreneur => "entrepreneur",
            Self::Representative => "representative",
            Self::Employee => "employee",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What it may do with its own matters.
    fn own(self) -> Rights {
        match self {
            Self::Citizen | Self::Entrepreneur | Self::Representative => Rights::ALL,
            Self::Employee | Self::Operator | Self::Auditor => Rights::default(),
        }
    }

    /// What it may do with the matters of others, by its office. Nobody confirms for another without a power.
    fn office(self) -> Rights {
        match self {
            Self::Citizen | Self::Entrepreneur | Self::Representative => Rights::default(),
            Self::Employee => Rights::of(&[Right::View, Right::Edit]),
            Self::Operator | Self::Auditor => Rights::of(&[Right::View]),
        }
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self(role as u8)
    }
}

impl Roles {
    /// These.
    #[must_use]
    pub fn of(roles: &[Role]) -> Self {
        Self(roles.iter().fold(0, |bits, role| bits | *role as u8))
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & role as u8 != 0
    }

    /// Whether one of them is among these.
    #[must_use]
    pub const fn meet(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    fn each(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    pub(super) fn may_with_own(self, right: Right) -> bool {
        self.each().any(|role| role.own().has(right))
    }

    /// The office by which others' matters are open to it.
    pub(super) fn office(self, right: Right) -> Option<Role> {
        self.each().find(|role| role.office().has(right))
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn from_bits(bits: u8) -> Result<Self, CoreError> {
        if bits < 1 << 6 { Ok(Self(bits)) } else { Err(CoreError::Refused) }
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.each().map(Role::name).collect::<Vec<_>>().join(" "))
    }
}

impl Limits {
    /// Most networks.
    pub const NETWORKS: usize = 64;

    /// Whether an account may act now, from there. Where networks are named, an unknown address is outside of them.
    #[must_use]
    pub fn allow(&self, now: UnixTime, address: Option<IpAddr>) -> bool {
        let here = self.networks.is_empty()
            || address.is_some_and(|address| self.networks.iter().any(|network| network.holds(address)));
        here && self.hours.is_none_or(|hours| hours.hold(now))
    }

    pub(super) fn write(&self, writer: &mut Writer) -> Result<(), CoreError> {
        let Hours { from, until, days } = self.hours.unwrap_or(Hours { from: 0, until: 0, days: 0 });
        writer.u8(u8::from(self.hours.is_some())).u16(from).u16(until).u8(days);
        let count = u8::try_from(self.networks.len()).unwrap_or(u8::MAX);
        if usize::from(count) > Self::NETWORKS {
            let (given, limit) = (self.networks.len(), Self::NETWORKS);
            return Err(CoreError::TooLong { what: "the number of networks", given, limit });
        }
        writer.u8(count);
        for Network { address, bits } in &self.networks {
            match address {
                IpAddr::V4(address) => writer.u8(4).raw(&address.octets()),
                IpAddr::V6(address) => writer.u8(6).raw(&address.octets()),
            };
            writer.u8(*bits);
        }
        Ok(())
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CoreError> {
        let given = crate::flag(reader)?;
        let hours = Hours { from: reader.u16()?, until: reader.u16()?, days: reader.u8()? };
        let networks = (0..reader.u8()?)
            .map(|_| {
                let address = match reader.u8()? {
                    4 => IpAddr::from(reader.array::<4>()?),
                    6 => IpAddr::from(reader.array::<16>()?),
                    _ => return Err(CoreError::Refused),
                };
                Ok(Network { address, bits: reader.u8()? })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { hours: given.then_some(hours), networks })
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(Hours { from, until, days }) = self.hours {
            let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            parts.push(format!("{} to {} UTC on days {days:07b}", clock(from), clock(until)));
        }
        parts.extend(self.networks.iter().map(|network| format!("{}/{}", network.address, network.bits)));
        f.write_str(if parts.is_empty() { "none" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

impl Hours {
    fn hold(self, now: UnixTime) -> bool {
        let minute = now.0 / 60 % (24 * 60);
        let (from, until) = (u64::from(self.from), u64::from(self.until));
        let (inside, begun_yesterday) = if from <= until {
            ((from..until).contains(&minute), false)
        } else {
            (minute >= from || minute < until, minute < until)
        };
        // The first of January 1970 was a Thursday. A night belongs to the day on which it began.
        let day = (now.0 / 86_400 + 3 + if begun_yesterday { 6 } else { 0 }) % 7;
        inside && self.days >> day & 1 == 1
    }
}

impl Network {
    fn holds(self, address: IpAddr) -> bool {
        let wide = |address: IpAddr| match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        // An IPv4 address that came through an IPv6 socket is still one.
        let ((own, width), (other, other_width)) = (wide(self.address), wide(address.to_canonical()));
        let bits = u32::from(self.bits).min(width);
        width == other_width && (bits == 0 || (own ^ other) >> (128 - bits) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(limits: &Limits, now: u64, address: &str) -> bool {
        limits.allow(UnixTime(now), address.parse().ok())
    }

    #[test]
    fn hours_hold_on_their_days_and_nights_belong_to_the_day_they_began_on() {
        // 2027-01-15 08:00:00 UTC is a Friday.
        const FRIDAY_8: u64 = 1_800_000_000;
        let hours = |from, until, days| Limits { hours: Some(Hours { from, until, days }), networks: vec![] };
        let office = hours(8 * 60, 18 * 60, 0b001_1111);
        assert!(at(&office, FRIDAY_8, ""));
        assert!(!at(&office, FRIDAY_8 - 1, ""));
        assert!(at(&office, FRIDAY_8 + 10 * 3600 - 1, "") && !at(&office, FRIDAY_8 + 10 * 3600, ""));
        assert!(!at(&office, FRIDAY_8 + 24 * 3600, ""), "Saturday");
        let friday_night = hours(22 * 60, 6 * 60, 0b001_0000);
        assert!(at(&friday_night, FRIDAY_8 + 14 * 3600, ""), "Friday 22:00");
        assert!(at(&friday_night, FRIDAY_8 + 21 * 3600, ""), "Saturday 05:00");
        assert!(!at(&friday_night, FRIDAY_8 - 3 * 3600, ""), "Friday 05:00 is Thursday's night");
    }

    #[test]
    fn networks_are_told_apart_by_their_bits() {
        let network = |address: &str, bits| Network { address: address.parse().unwrap(), bits };
        let networks = vec![network("10.1.0.0", 16), network("2001:db8::", 32)];
        let limits = Limits { hours: None, networks };
        for (address, allowed) in [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("::ffff:10.1.2.3", true),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("nowhere", false),
        ] {
            assert_eq!(at(&limits, 0, address), allowed, "{address}");
        }
        let all = Limits { hours: None, networks: vec![network("0.0.0.0", 0)] };
        assert!(at(&all, 0, "192.0.2.1") && !at(&all, 0, "::1"));
        assert_eq!(limits.to_string(), "10.1.0.0/16, 2001:db8::/32");
    }

    #[test]
    fn limits_come_back_as_they_were_written() {
        let limits = Limits {
            hours: Some(Hours { from: 1, until: 2, days: 3 }),
            networks: vec![Network { address: "10.0.0.1".parse().unwrap(), bits: 8 }; 64],
        };
        let mut writer = Writer::new();
        limits.write(&mut writer).unwrap();
        assert_eq!(Limits::read(&mut Reader::new(writer.as_slice())), Ok(limits.clone()));
        let many = Limits { networks: vec![limits.networks[0]; 65], ..limits };
        assert!(many.write(&mut Writer::new()).is_err());
    }

    #[test]
    fn nobody_confirms_for_another_by_office() {
        for role in Role::ALL {
            assert!(!role.office().has(Right::Confirm), "{role:?}");
            assert_eq!(Role::named(role.name()), Some(role));
        }
    }
}
