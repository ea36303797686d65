//! The integrator: moves waiting entries into the tree, in one dense order, behind the commits.
//!
//! Any process may run it at any time. Whoever commits first is elected: every transaction reads the head, so that
//! of two integrators one conflicts and begins again. Entries are as they were read, and that they are no leaves yet is
//! supposed: the commit proves both, and an attempt after a conflict reads how it is. What is trusted is the head and
//! the writers' states, which are authenticated, and the MAC and chain of each entry; the tiles must lead to the root
//! of the head.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use zamok_core::event::Leaf;
use zamok_core::store::{Cursor, EntryId, Range, Row};
use zamok_core::vault::{Entry, Transaction};
use zamok_core::{Error, UnixTime};

use crate::fault::{Broken, Fault, follows, leaf_of, or_fault};
use crate::prune::{MAX_REST, REMEMBERED};
use crate::rows::{Chain, Head, WRITERS, leaf_row, position, position_row};
use crate::subjects;
use crate::tiles::{self, Edge, TileName};
use crate::tree;
use crate::waiting::Waiting;

/// Most entries in one batch: each needs four rows of a change and at most one for its writer.
pub const MAX_BATCH: usize = 800;

/// Rows that are read from the front of those that wait. Where more are waiting, writers are looked for among those that wrote
/// lately as well.
const FRONT: usize = 2 * MAX_BATCH;
/// Chains in one page of a scan.
const PAGE: usize = 1000;

/// What one batch did, once it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrated {
    /// The head after the batch; `None` while the log is empty.
    pub head: Option<Head>,
    /// How many entries became leaves.
    pub count: usize,
    /// Whether entries may wait that could be integrated now.
    pub more: bool,
    /// Writers whose chain is broken, and entries that stand twice, as far as they were looked at. They stay where they are until a
    /// person has looked at them.
    pub broken: Vec<Broken>,
}

/// Moves up to `limit` waiting entries, at most [`MAX_BATCH`], into the tree: by time, then by writer, and within
/// one writer always in its own order.
///
/// The caller commits; the transaction should hold nothing else, since the batch may need most of its rows. On a
/// conflict another integrator was faster, and the transaction is dropped.
///
/// # Errors
/// [`Error::Refused`] when the head, a tile or a writer's state was altered, or when leaves lie beyond the head: the
/// log does not grow until [`audit`](crate::audit()) has named what it is. [`Error::Busy`] when another integrator
/// committed meanwhile: drop the transaction and begin again. A store's fault.
pub fn integrate(tx: &mut Transaction<'_>, limit: usize) -> Result<Integrated, Error> {
    Integrator::default().integrate(tx, limit)
}

/// What batches in a row need not find out anew each time, where more waits than one batch reads: who has something waiting.
#[derive(Clone, Debug, Default)]
pub struct Integrator {
    live: Live,
}

/// Writers that have something waiting.
#[derive(Clone, Debug, Default)]
struct Live {
    writers: BTreeSet<[u8; 16]>,
    /// When all were looked through: entries of others were made since.
    at: UnixTime,
}

impl Integrator {
    /// As [`integrate()`]; for one batch after another, until nothing is left. The next time everything may be different: begin anew.
    ///
    /// # Errors
    /// As [`integrate()`].
    pub fn integrate(&mut self, tx: &mut Transaction<'_>, limit: usize) -> Result<Integrated, Error> {
        let before = tx.plain(&Head::row())?;
        let result = run(tx, before.as_ref(), limit, &mut self.live);
        // Reads before the commit are no snapshot: what looks wrong counts only if no other integrator was at work.
        let suspicious = match &result {
            Ok(integrated) => !integrated.broken.is_empty(),
            Err(error) => matches!(error, Error::Refused | Error::Format { .. }),
        };
        if suspicious && tx.store().get(&Head::row())? != before {
            return Err(Error::Busy);
        }
        result
    }
}

fn run(
    tx: &mut Transaction<'_>,
    head: Option<&Row>,
    limit: usize,
    live: &mut Live,
) -> Result<Integrated, Error> {
    let opened = head.map(|row| Head::open(tx.keyring(), row)).transpose()?;
    let mut batch = Batch::begin(tx, opened)?;
    batch.arrive(live, head)?;
    let limit = limit.min(MAX_BATCH);
    while batch.count < limit && !batch.is_past(live) && (batch.take()? || batch.look_everywhere()?) {}
    let more = !batch.ready.is_empty() || (batch.count == limit && !batch.waiting.is_whole());
    let (head, count, broken) = batch.finish()?;
    Ok(Integrated { head, count, more, broken })
}

/// The tree as it grows in one transaction.
struct Batch<'t, 'a> {
    tx: &'t mut Transaction<'a>,
    head: Option<Head>,
    edge: Edge,
    full: BTreeMap<TileName, Vec<u8>>,
    waiting: Waiting,
    /// The writers whose next entry was looked for.
    looked_at: BTreeSet<[u8; 16]>,
    /// Whether these are all who wrote lately, and all.
    looked: (bool, bool),
    /// The next entry of each writer.
    ready: BTreeMap<(UnixTime, [u8; 16]), Ready>,
    /// Chains of the writers from whom entries were taken.
    chains: BTreeMap<[u8; 16], Chain>,
    count: usize,
    broken: Vec<Broken>,
}

/// An entry that may be the next leaf.
struct Ready {
    chain: Chain,
    entry: Entry,
    row: Row,
    leaf: Leaf,
}

impl<'t, 'a> Batch<'t, 'a> {
    fn begin(tx: &'t mut Transaction<'a>, head: Option<Head>) -> Result<Self, Error> {
        let (size, root) = head.as_ref().map_or_else(|| (0, tree::empty()), |head| (head.size, head.root));
        let edge = Edge::load(size, &root, |name, width| match tx.plain(&name.row())? {
            None if width == 0 => Ok(Vec::new()),
            Some(row) if width > 0 && row.value.len() == width * size_of::<tree::Hash>() => {
                tiles::prefix(&row.value, width)
            }
            _ => Err(Error::Refused),
        })?;
        Ok(Self {
            tx,
            head,
            edge,
            full: BTreeMap::new(),
            waiting: Waiting::default(),
            looked_at: BTreeSet::new(),
            looked: (false, false),
            ready: BTreeMap::new(),
            chains: BTreeMap::new(),
            count: 0,
            broken: Vec::new(),
        })
    }

    /// Finds the next entry of every writer.
    fn arrive(&mut self, live: &mut Live, head: Option<&Row>) -> Result<(), Error> {
        self.waiting = Waiting::read(self.tx.store(), FRONT)?;
        let mut writers = self.waiting.writers();
        if self.waiting.is_whole() {
            return self.look_at(writers.into_iter().map(|writer| (writer, None)));
        }
        writers.extend(&live.writers);
        self.look_at(writers.iter().map(|writer| (*writer, None)))?;
        // Others may come before who was found when all were looked through.
        let now = self.tx.now();
        let next = self.ready.keys().next().map(|(time, _)| *time);
        if next.is_none_or(|next| next >= live.at.min(now)) {
            let chains = self.chains()?;
            // Whoever rests for longer begins another chain. Twice, since clocks of machines differ; and one that was ahead hides nobody.
            let latest = chains.values().map(|chain| chain.time).max().unwrap_or_default().min(now);
            let begin = UnixTime(latest.0.saturating_sub(2 * MAX_REST));
            let lately = chains.into_iter().filter(|(_, chain)| chain.time >= begin);
            self.look_at(lately.map(|(writer, chain)| (writer, Some(chain))))?;
            // Their states were read before their entries were asked for: of whoever was overtaken in between, too little was seen.
            if self.tx.store().get(&Head::row())?.as_ref() != head {
                return Err(Error::Busy);
            }
            self.looked.0 = true;
            live.at = now;
        }
        // Whoever has nothing now writes later than that.
        live.writers = self.ready.keys().map(|(_, writer)| *writer).collect();
        Ok(())
    }

    /// Whether the next entry is one before which others may come that were made since all were looked through: another batch looks.
    fn is_past(&self, live: &Live) -> bool {
        let next = self.ready.keys().next();
        let is_late = next.is_some_and(|(time, _)| *time >= live.at);
        is_late && self.count > 0 && !self.looked.0 && !self.waiting.is_whole()
    }

    /// Where nothing more can be taken, and more waits than was read: looks for the next entry of every writer whom the log knows.
    /// Answers whether one is ready. It comes to this where what is at the front cannot be taken.
    fn look_everywhere(&mut self) -> Result<bool, Error> {
        if !self.looked.1 && !self.waiting.is_whole() {
            self.looked.1 = true;
            let chains = self.chains()?.into_iter();
            self.look_at(chains.map(|(writer, chain)| (writer, Some(chain))))?;
        }
        Ok(!self.ready.is_empty())
    }

    /// The states of all writers whom the log knows, but for those that were altered: they are refused where their writer is at the front.
    fn chains(&self) -> Result<BTreeMap<[u8; 16], Chain>, Error> {
        let (mut chains, mut after): (_, Option<Cursor>) = (BTreeMap::new(), None);
        loop {
            let page = self.tx.store().scan(WRITERS, &Range::all(), PAGE, after.as_ref())?;
            for (key, state) in page.rows {
                let Ok(writer) = <[u8; 16]>::try_from(key.as_slice()) else { continue };
                let chain = self.tx.keyring().verify(&Chain::row(writer), &state).and_then(Chain::decode);
                chains.extend(or_fault(chain)?.ok().map(|chain| (writer, chain)));
            }
            match page.next {
                Some(cursor) => after = Some(cursor),
                None => return Ok(chains),
            }
        }
    }

    /// Finds the next entries of these writers, whose chains may be known, but for those that were looked at before.
    fn look_at(&mut self, writers: impl Iterator<Item = ([u8; 16], Option<Chain>)>) -> Result<(), Error> {
        for (writer, chain) in writers {
            if !self.looked_at.insert(writer) {
                continue;
            }
            // After the scan, or known: a state that is newer than the scan shows entries as integrated, never as missing.
            let chain = match chain {
                Some(chain) => chain,
                None => self.chain(writer)?,
            };
            self.advance(writer, chain)?;
        }
        Ok(())
    }

    fn chain(&self, writer: [u8; 16]) -> Result<Chain, Error> {
        let row = Chain::row(writer);
        match self.tx.store().get(&row)? {
            None => Ok(Chain::START),
            Some(state) => Chain::decode(self.tx.keyring().verify(&row, &state)?),
        }
    }

    /// Makes the writer's next entry ready, if it has one that follows its chain.
    fn advance(&mut self, writer: [u8; 16], chain: Chain) -> Result<(), Error> {
        while let Some((id, row)) = self.waiting.next(self.tx.store(), writer, chain.sequence)? {
            let checked = or_fault(Entry::open(self.tx.keyring(), id, &row.value))?
                .and_then(|entry| follows(&entry, chain.sequence, Some(&chain.mac)).map(|()| entry))
                .and_then(|entry| leaf_of(&entry, None).map(|leaf| (entry, leaf)));
            match checked {
                // Its writer was forgotten, or its entries were put back after it was.
                Ok((_, leaf)) if chain.sequence == 0 && leaf.time <= self.closed_by_now() => {
                    self.report(id, Fault::Closed);
                    return Ok(());
                }
                Ok((entry, leaf)) => {
                    self.ready.insert((leaf.time, writer), Ready { chain, entry, row, leaf });
                    return Ok(());
                }
                // Another integrator took it after the scan, or someone put it back. The chain itself goes on.
                Err(Fault::Repeated) => {
                    if self.tx.store().get(&id.row())?.is_some() {
                        self.report(id, Fault::Repeated);
                    }
                }
                Err(fault) => {
                    self.report(id, fault);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Until when chains are closed.
    fn closed(&self) -> UnixTime {
        self.head.as_ref().map_or(UnixTime(0), |head| head.closed)
    }

    /// The same, but for what a clock has closed that was ahead: nobody is forgotten within a month.
    fn closed_by_now(&self) -> UnixTime {
        self.closed().min(UnixTime(self.tx.now().0.saturating_sub(REMEMBERED)))
    }

    fn report(&mut self, id: EntryId, fault: Fault) {
        self.broken.push(Broken { writer: id.writer, sequence: id.sequence, fault });
    }

    /// Makes the first of all ready entries the next leaf; `false` when none is left.
    fn take(&mut self) -> Result<bool, Error> {
        let Some(((_, writer), Ready { chain, entry, row, leaf })) = self.ready.pop_first() else {
            return Ok(false);
        };
        if self.head.as_ref().is_some_and(|head| head.origin != leaf.origin) {
            self.report(entry.id, Fault::Foreign);
            return Ok(true);
        }
        // The read was a hint; from here on the commit expects what it showed, and that no leaf has the entry or its place.
        if self.tx.plain_as_shown(&entry.id.row(), Some(row.clone()))?.as_ref() != Some(&row) {
            return Err(Error::Busy);
        }
        if !self.chains.contains_key(&writer) {
            let state = self.tx.state(&Chain::row(writer))?;
            if state.map_or(Ok(Chain::START), |body| Chain::decode(&body))? != chain {
                return Err(Error::Busy);
            }
        }
        let index = self.edge.size();
        if self.is_leaf(entry.id)? {
            self.report(entry.id, Fault::Repeated);
            return Ok(true);
        }
        if self.tx.plain_as_shown(&leaf_row(index), None)?.is_some() {
            return Err(Error::Refused);
        }
        self.tx.put_plain(&leaf_row(index), row.value)?;
        self.tx.put_plain(&position_row(entry.id), index.to_be_bytes().into())?;
        if let Some(listed) = subjects::row_of(&leaf)
            && self.tx.plain_as_shown(&listed, None)?.is_none()
        {
            self.tx.put_plain(&listed, Vec::new())?;
        }
        self.tx.delete(&entry.id.row())?;
        let full = &mut self.full;
        self.edge.push(tree::leaf(&entry.leaf), |name, hashes| {
            full.insert(name, tiles::bytes(hashes));
        });
        let time = self.tx.now().max(self.head.as_ref().map_or(UnixTime(0), |head| head.time));
        let closed = self.closed();
        self.head = Some(Head { origin: leaf.origin, size: index + 1, root: tree::empty(), time, closed });
        self.count += 1;
        let chain = Chain { sequence: entry.id.sequence, mac: entry.mac, time: leaf.time };
        self.chains.insert(writer, chain);
        self.advance(writer, chain)?;
        Ok(true)
    }

    /// Whether the log has this entry although its writer's state does not say so: an older state was put back.
    fn is_leaf(&mut self, id: EntryId) -> Result<bool, Error> {
        let Some(row) = self.tx.plain_as_shown(&position_row(id), None)? else { return Ok(false) };
        let Ok(index) = position(&row.value) else { return Ok(false) };
        let leaf = self.tx.store().get(&leaf_row(index))?;
        Ok(leaf.is_some_and(|leaf| Entry::id_of(&leaf.value) == Ok(id)))
    }

    /// Writes tiles, chains and head.
    fn finish(mut self) -> Result<(Option<Head>, usize, Vec<Broken>), Error> {
        if let Some(head) = self.head.as_mut().filter(|_| self.count > 0) {
            head.root = self.edge.root();
            self.tx.put_state(&Head::row(), &head.encode()?)?;
            for (name, bytes) in self.full {
                self.tx.put_plain(&name.row(), bytes)?;
            }
            for (name, hashes) in self.edge.partial() {
                let (row, bytes) = (name.row(), tiles::bytes(hashes));
                if self.tx.plain(&row)?.is_none_or(|stored| stored.value != bytes) {
                    self.tx.put_plain(&row, bytes)?;
                }
            }
            for (writer, chain) in self.chains {
                self.tx.put_state(&Chain::row(writer), &chain.encode())?;
            }
        }
        Ok((self.head, self.count, self.broken))
    }
}
