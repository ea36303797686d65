//! The watch itself: rules over what is counted in the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zamok_cabinet::Error;
use zamok_cabinet::watch::{Decision, Facts, Outcome, Watch};
use zamok_core::UnixTime;
use zamok_core::vault::{DataKeyId, Transaction, VaultId};

use crate::alert::{Alert, Summary, Waiting};
use crate::board::{Opened, Stored};
use crate::case::{Case, Secret};
use crate::place::Locate;
use crate::rules::Rules;

/// Rules that a cabinet asks: see [`zamok_cabinet::Cabinet::with_watch`]. Each process has its own; what is counted lies in
/// the store that they share.
#[derive(Debug)]
pub struct Risk {
    rules: Rules,
    locate: Arc<dyn Locate>,
    alert: Option<Arc<dyn Alert>>,
    waiting: Mutex<Waiting>,
    /// Whether something waits: most attempts find nothing.
    waits: AtomicBool,
    opened: Opened,
    /// What cells are chosen with, by vault and index key.
    secret: Mutex<Option<(VaultId, Option<DataKeyId>, Secret)>>,
}

impl Risk {
    /// A watch that goes by these rules.
    #[must_use]
    pub fn new(rules: Rules, locate: Arc<dyn Locate>) -> Self {
        Self {
            rules,
            locate,
            alert: None,
            waiting: Mutex::default(),
            waits: AtomicBool::new(false),
            opened: Opened::default(),
            secret: Mutex::default(),
        }
    }

    /// The same, which tells somebody what it finds: at once, and then as often as the rules say.
    #[must_use]
    pub fn with_alert(self, alert: Arc<dyn Alert>) -> Self {
        Self { alert: Some(alert), ..self }
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What was found and not told yet, because somebody was told not long ago: for a service that asks now and then, or ends.
    #[must_use]
    pub fn untold(&self, now: UnixTime) -> Option<Summary> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).all(now)
    }

    /// Under another index key cells are others: counts begin anew then.
    fn secret(&self, tx: &Transaction<'_>) -> Result<Secret, Error> {
        let keyring = tx.keyring();
        let (vault, epoch) = (keyring.vault(), keyring.index_epochs().last().copied());
        let mut known = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((of, at, secret)) if (*of, *at) == (vault, epoch) => Ok(*secret),
            _ => {
                let secret = keyring.blind_index("risk", b"cells")?;
                *known = Some((vault, epoch, secret));
                Ok(secret)
            }
        }
    }

    fn case<'a>(&self, tx: &Transaction<'_>, facts: &'a Facts<'a>) -> Result<Case<'a>, Error> {
        // An IPv4 address that came through an IPv6 socket is still one.
        let place = facts.address.and_then(|address| self.locate.locate(address.to_canonical()));
        Ok(Case::new(facts, place, &self.rules, &self.secret(tx)?))
    }
}

impl Watch for Risk {
    fn decide(&self, tx: &mut Transaction<'_>, facts: &Facts<'_>) -> Result<Decision, Error> {
        let case = self.case(tx, facts)?;
        Ok(self.rules.judge(&mut Stored { tx, opened: &self.opened }, &case)?.into())
    }

    fn note(&self, tx: &mut Transaction<'_>, facts: &Facts<'_>, outcome: Outcome) -> Result<(), Error> {
        let case = self.case(tx, facts)?;
        self.rules.note(&mut Stored { tx, opened: &self.opened }, &case, outcome)
    }

    fn found(&self, facts: &Facts<'_>, decision: &Decision) {
        if decision.findings().is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.add(&self.rules, facts, decision.findings());
        self.waits.store(true, Ordering::Relaxed);
    }

    fn after(&self, now: UnixTime) {
        let Some(alert) = self.alert.as_ref().filter(|_| self.waits.load(Ordering::Relaxed)) else { return };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let due = waiting.due(now, self.rules.alert_every);
        self.waits.store(!waiting.is_empty(), Ordering::Relaxed);
        drop(waiting);
        if let Some(summary) = due {
            alert.alert(&summary);
        }
    }
}
