//! Places, and how far they are apart. Who knows where an address is, the service says: no database comes with this crate.

use core::fmt;
use std::net::IpAddr;

/// A place on earth, as far as an address tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Thousandths of a degree, north of the equator: −90,000 to 90,000.
    latitude: i32,
    /// Thousandths of a degree, east of Greenwich: −180,000 to 180,000.
    longitude: i32,
}

/// Who knows where an address is.
pub trait Locate: Send + Sync + fmt::Debug {
    /// The place of an address; `None` when nothing is known of it, or not well enough to judge somebody by it. An IPv4 address
    /// is asked about as one, however it came.
    fn locate(&self, address: IpAddr) -> Option<Place>;
}

/// Who knows of no address where it is: rules about travel then say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nowhere;

impl Locate for Nowhere {
    fn locate(&self, _: IpAddr) -> Option<Place> {
        None
    }
}

impl Place {
    /// The place at so many degrees north and east; `None` where there is none.
    ///
    /// ```
    /// use zamok_risk::Place;
    ///
    /// let (moscow, vladivostok) = (Place::new(55.76, 37.62).unwrap(), Place::new(43.12, 131.89).unwrap());
    /// assert_eq!(moscow.kilometres_to(vladivostok), 6415);
    /// assert!(Place::new(91.0, 0.0).is_none());
    /// ```
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        // Bounded first: what is not a number is in no range.
        let inside = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        if !inside {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)] // It was bounded.
        let thousandths = |degrees: f64| (degrees * 1000.0).round() as i32;
        Some(Self { latitude: thousandths(latitude), longitude: thousandths(longitude) })
    }

    pub(crate) const fn to_thousandths(self) -> (i32, i32) {
        (self.latitude, self.longitude)
    }

    pub(crate) fn from_thousandths(latitude: i32, longitude: i32) -> Option<Self> {
        Self::new(f64::from(latitude) / 1000.0, f64::from(longitude) / 1000.0)
    }

    /// The way over the ground, in whole kilometres: the haversine formula over a sphere of 6,371 km.
    #[must_use]
    pub fn kilometres_to(self, other: Self) -> u64 {
        let radians = |thousandths: i32| f64::from(thousandths).to_radians() / 1000.0;
        let (from, to) = (radians(self.latitude), radians(other.latitude));
        let (north, east) = (to - from, radians(other.longitude) - radians(self.longitude));
        let part = (north / 2.0).sin().powi(2) + from.cos() * to.cos() * (east / 2.0).sin().powi(2);
        let way = 2.0 * 6371.0 * part.clamp(0.0, 1.0).sqrt().asin();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // Half the girth of the earth at most.
        let whole = way.round() as u64;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_those_of_the_globe() {
        let place = |latitude, longitude| Place::new(latitude, longitude).unwrap();
        for (from, to, way) in [
            (place(0.0, 0.0), place(0.0, 0.0), 0),
            (place(0.0, 0.0), place(0.0, 180.0), 20015),
            (place(90.0, 0.0), place(-90.0, 77.0), 20015),
            (place(0.0, -179.5), place(0.0, 179.5), 111),
            (place(51.507, -0.128), place(48.857, 2.352), 343),
        ] {
            assert_eq!(from.kilometres_to(to), way, "{from:?} {to:?}");
            assert_eq!(to.kilometres_to(from), way);
        }
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Place::new(latitude, longitude), None);
        }
    }
}
