//! What is remembered of an account: where it was last used, and from which clients in which networks. One sealed row.

use zamok_core::wire::{Reader, Writer};
use zamok_core::{Error, UnixTime};

use crate::place::Place;

/// Stands for a client in a network: half of a keyed hash of both.
pub(crate) type Way = [u8; 8];

/// The habits of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    pub(crate) last: Option<(Place, UnixTime)>,
    /// Used last comes last.
    ways: Vec<Way>,
}

impl Habits {
    const FORMAT: u8 = 1;
    /// Ways that are remembered; the one that was used longest ago is forgotten first.
    const MOST: usize = 16;

    /// Whether nothing was remembered yet.
    pub(crate) fn is_new(&self) -> bool {
        self.ways.is_empty()
    }

    pub(crate) fn knows(&self, way: &Way) -> bool {
        self.ways.contains(way)
    }

    /// Remembers a use.
    pub(crate) fn used(&mut self, way: Way, place: Option<Place>, now: UnixTime) {
        self.ways.retain(|known| *known != way);
        self.ways.push(way);
        let too_many = self.ways.len().saturating_sub(Self::MOST);
        self.ways.drain(..too_many);
        if let Some(place) = place {
            self.last = Some((place, now));
        }
    }

    pub(crate) fn encode(&self) -> Writer {
        let mut writer = Writer::new();
        writer.u8(Self::FORMAT).u8(u8::from(self.last.is_some()));
        if let Some((place, time)) = self.last {
            let (latitude, longitude) = place.to_thousandths();
            writer.u32(latitude.cast_unsigned()).u32(longitude.cast_unsigned()).u64(time.0);
        }
        writer.u8(u8::try_from(self.ways.len()).unwrap_or(u8::MAX));
        self.ways.iter().for_each(|way| {
            writer.raw(way);
        });
        writer
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        let found = reader.u8()?;
        if found != Self::FORMAT {
            return Err(Error::Format { found: found.into(), supported: Self::FORMAT.into() });
        }
        let last = match reader.u8()? {
            0 => None,
            1 => {
                let (latitude, longitude) = (reader.u32()?.cast_signed(), reader.u32()?.cast_signed());
                let place = Place::from_thousandths(latitude, longitude).ok_or(Error::Refused)?;
                Some((place, UnixTime(reader.u64()?)))
            }
            _ => return Err(Error::Refused),
        };
        let ways = (0..reader.u8()?).map(|_| reader.array()).collect::<Result<Vec<Way>, Error>>()?;
        reader.end()?;
        if ways.len() > Self::MOST { Err(Error::Refused) } else { Ok(Self { last, ways }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_come_back_as_they_were_written_and_the_oldest_way_goes_first() {
        let mut habits = Habits::default();
        assert_eq!(Habits::decode(habits.encode().as_slice()), Ok(habits.clone()));
        let place = Place::new(-33.868, 151.209);
        for number in 0..20 {
            habits.used([number; 8], place.filter(|_| number == 3), UnixTime(number.into()));
        }
        habits.used([4; 8], None, UnixTime(99));
        assert!(!habits.knows(&[3; 8]) && habits.knows(&[4; 8]) && habits.knows(&[19; 8]));
        habits.used([20; 8], None, UnixTime(99));
        assert!(habits.knows(&[4; 8]) && !habits.knows(&[5; 8]), "it was used again");
        assert_eq!(habits.last, place.map(|place| (place, UnixTime(3))));
        let body = habits.encode().to_vec();
        assert_eq!(Habits::decode(&body), Ok(habits));
        for length in 0..body.len() {
            assert!(Habits::decode(&body[..length]).is_err(), "{length}");
        }
    }
}
