//! Caps on what is sent (R57): by address, network and country within an hour, and a budget of the whole service a day.

use zamok_core::UnixTime;
use zamok_core::vault::Transaction;

use super::Message;
use super::archive::Ending;
use super::lease::{Address, Load, Stop};
use super::receipt;
use super::row::Row;
use crate::Cabinet;
use crate::error::Error;
use crate::throttle::Cap;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

impl Cabinet {
    /// Counts it against the caps, once, and again where a carrier may have taken it already (R57).
    pub(super) fn weighed(
        &self,
        tx: &mut Transaction<'_>,
        row: &mut Row,
        preferred: &str,
        address: &Address,
        weigh: &dyn Fn(&Message, &str, &Address) -> Result<Load, &'static str>,
    ) -> Result<Result<(), Stop>, Error> {
        let shown = row.message.clone().shown(tx)?;
        let load = match weigh(&shown, preferred, address) {
            Ok(load) => load,
            Err(reason) => return Ok(Err(Stop::End(Ending::Rejected, reason))),
        };
        row.address = receipt::address_mark(tx, address)?;
        if row.counted {
            return Ok(Ok(()));
        }
        let (policy, now) = (&self.policy.delivery, tx.now());
        let channel = row.message.recipient.contact.map_or(0, |(_, channel)| channel as u8);
        let named = |tx: &Transaction<'_>, field: &str, text: &str| {
            let mark = tx.keyring().blind_index(field, text.as_bytes())?;
            Ok::<_, Error>([&[channel][..], &mark[..16]].concat())
        };
        let mut caps = vec![Cap::new("delivery", &row.address[..16], HOUR, policy.per_address)];
        let mut told = vec![(HOUR, "cap: address")];
        if matches!(address, Address::Phone(_)) {
            let (network, country) =
                (named(tx, "network", &load.network)?, named(tx, "country", &load.country)?);
            caps.push(Cap::new("network", &network, HOUR, policy.per_network));
            caps.push(Cap::new("country", &country, HOUR, policy.per_country));
            caps.push(Cap::new("budget", &[channel], DAY, policy.budget));
            told.extend([(HOUR, "cap: network"), (HOUR, "cap: country"), (DAY, "cap: budget")]);
        }
        let sums = Cap::read_all(tx, caps)?;
        for (sum, (span, reason)) in sums.iter().zip(told) {
            if !sum.takes(load.units.into()) {
                // A code that would come after its time does not come at all.
                let next = UnixTime((now.0 / span + 1) * span);
                return Ok(Err(if next < row.message.expires {
                    Stop::PutOff(next, reason)
                } else {
                    Stop::End(Ending::Rejected, reason)
                }));
            }
        }
        sums.into_iter().for_each(|sum| sum.count_many(tx, load.units.into()));
        row.counted = true;
        Ok(Ok(()))
    }
}
