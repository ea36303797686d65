//! When and from where an account may act, as it is written on the command line (R18).

use std::net::IpAddr;

use clap::Args;
use zamok::account::{Hours, Limits, Network};

/// The limits that an account gets, in place of those that it had.
#[derive(Args, Debug)]
#[group(required = true)]
pub(super) struct Given {
    /// Hours of the day in UTC, as in 08:00-18:00; 22:00-06:00 is a night.
    #[arg(long, value_name = "FROM-UNTIL", value_parser = hours)]
    hours: Option<(u16, u16)>,
    /// Days of the week for these hours, with commas between: mon,tue,wed,thu,fri,sat,sun [default: all].
    #[arg(long, value_name = "DAYS", value_delimiter = ',', value_parser = day, requires = "hours")]
    days: Vec<u8>,
    /// A network from which alone it may act, as in 10.0.0.0/8 or 2001:db8::/32; may be given several times.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    network: Vec<Network>,
    /// No limits any more.
    #[arg(long, conflicts_with_all = ["hours", "days", "network"])]
    none: bool,
}

impl Given {
    pub(super) fn read(&self) -> Limits {
        let days = self.days.iter().fold(0, |days, day| days | day);
        let every = 0b111_1111;
        let hours =
            self.hours.map(|(from, until)| Hours { from, until, days: if days == 0 { every } else { days } });
        Limits { hours, networks: self.network.clone() }
    }
}

fn hours(text: &str) -> Result<(u16, u16), String> {
    let clock = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
        // The end of a day has a name, too.
        let fits = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
        fits.then_some(hour * 60 + minute)
    };
    let read = text.split_once('-').and_then(|(from, until)| Some((clock(from)?, clock(until)?)));
    match read {
        Some((from, until)) if from != until && from < 24 * 60 => Ok((from, until)),
        _ => Err("hours are written as in 08:00-18:00".into()),
    }
}

fn two_digits(text: &str) -> Option<u16> {
    let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_two.then(|| text.parse().ok()).flatten()
}

fn day(name: &str) -> Result<u8, String> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let place = DAYS.iter().position(|day| *day == name);
    place.map(|place| 1 << place).ok_or_else(|| format!("one of: {}", DAYS.join(", ")))
}

fn network(text: &str) -> Result<Network, String> {
    let wrong = || "a network is written as in 10.0.0.0/8, one address as in 192.0.2.7".to_owned();
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().map_err(|_| wrong())?,
        Some(_) => return Err(wrong()),
        None => most,
    };
    if bits <= most { Ok(Network { address, bits }) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_days_and_networks_are_read_as_they_are_meant_and_slips_are_refused() {
        assert_eq!(hours("08:00-18:30"), Ok((480, 1110)));
        assert_eq!(hours("22:00-06:00"), Ok((1320, 360)));
        assert_eq!(hours("00:00-24:00"), Ok((0, 1440)));
        for wrong in [
            "",
            "8:00-18:00",
            "08:00",
            "08:00-08:00",
            "08:60-09:00",
            "25:00-26:00",
            "+8:00-09:00",
            "24:00-06:00",
        ] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
        assert_eq!((day("mon"), day("sun")), (Ok(1), Ok(64)));
        assert!(day("Monday").is_err());
        let read = network("10.0.0.0/8").unwrap();
        assert_eq!((read.address.to_string().as_str(), read.bits), ("10.0.0.0", 8));
        assert_eq!(network("2001:db8::1").unwrap().bits, 128);
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0", "::/129", "10.0.0.0/8/8"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
