//! The suite can fail: stores with one planted defect each are caught, by the case that is named.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zamok_core::store::{
    Capabilities, Change, ChangeId, CounterKey, Cursor, Expect, Outcome, Page, Range, Resolution, Row,
    RowKey, Store, StoreFault, Table, Write,
};
use zamok_store_conformance::{Factory, Fresh, cases, run};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    Nothing,
    ExpectationsOnUnwrittenRowsIgnored,
    AbsenceOfUnwrittenRowsIgnored,
    ComparedOutsideTheWrite,
    WritesBeforeTheFailureStay,
    CountersBeforeTheFailureStay,
    TheLastWriterWins,
    NewerVersionsPass,
    DeletionsAreUnconditional,
    Version0MeansAbsent,
    VersionsGoOnAfterDeletion,
    VersionsBeginAt0,
    ConflictNamesTheFirstRow,
    FencesForgotten,
    FencesForgottenInTime,
    ResolvedInTwoSteps,
    CommittedIdsForgotten,
    ConflictsUseUpTheId,
    TheCeilingIsExcluded,
    CountersWrap,
    CountersAreSigned,
    AddedOutsideTheWrite,
    SignedByteOrder,
    ShorterKeysFirst,
    EndIncluded,
    CursorIncluded,
    CursorReplacesTheRange,
    LastPageGoesOn,
    TablesShareKeys,
    LargeValuesCut,
    EmptyValuesLost,
    LongKeysCut,
    ReadsLagBehind,
    PagesAreTorn,
    EntriesAreOverwritten,
}

struct Planted {
    defect: Defect,
    content: Mutex<Content>,
}

#[derive(Clone, Default)]
struct Content {
    rows: BTreeMap<RowKey, Row>,
    last_versions: HashMap<RowKey, u64>,
    counters: HashMap<CounterKey, u64>,
    settled: HashMap<ChangeId, Resolution>,
    settled_in_order: Vec<ChangeId>,
    before: BTreeMap<RowKey, Row>,
}

fn pause() {
    std::thread::sleep(Duration::from_micros(50));
}

impl Planted {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stored(&self, key: &RowKey) -> RowKey {
        let mut key = key.clone();
        if self.has(Defect::TablesShareKeys) {
            key.table = Table(key.table.0 & 0x1ff);
        }
        if self.has(Defect::LongKeysCut) {
            key.key.truncate(254);
        }
        key
    }

    fn failing(&self, content: &Content, change: &Change) -> Option<Outcome> {
        match content.settled.get(&change.id()) {
            Some(Resolution::Committed) if !self.has(Defect::CommittedIdsForgotten) => {
                return Some(Outcome::Committed);
            }
            Some(Resolution::Aborted) if !self.has(Defect::FencesForgotten) => return Some(Outcome::Fenced),
            _ => {}
        }
        let written: Vec<_> = change.writes().map(|(key, _)| key).collect();
        for (key, expect) in change.expectations() {
            let found = content.rows.get(&self.stored(key)).map(|row| row.version);
            let is_written = written.contains(&key);
            let is_deleted = change.writes().any(|(other, write)| other == key && *write == Write::Delete);
            let holds = match expect {
                _ if self.has(Defect::ExpectationsOnUnwrittenRowsIgnored) && !is_written => true,
                _ if self.has(Defect::DeletionsAreUnconditional) && is_deleted => found.is_some(),
                Expect::Absent if self.has(Defect::AbsenceOfUnwrittenRowsIgnored) && !is_written => true,
                Expect::Absent if self.has(Defect::EntriesAreOverwritten) && key.table == Table(16) => true,
                Expect::Absent => found.is_none(),
                Expect::Version(0) if self.has(Defect::Version0MeansAbsent) => found.is_none(),
                Expect::Version(_) if self.has(Defect::TheLastWriterWins) => found.is_some(),
                Expect::Version(version) if self.has(Defect::NewerVersionsPass) => {
                    found.is_some_and(|found| found >= version)
                }
                Expect::Version(version) => found == Some(version),
            };
            if !holds {
                let first = change.expectations().next().map(|(key, _)| key.clone());
                let named = first.filter(|_| self.has(Defect::ConflictNamesTheFirstRow));
                return Some(Outcome::Conflict(named.unwrap_or_else(|| key.clone())));
            }
        }
        for (key, add) in change.adds() {
            let sum = content.counters.get(key).copied().unwrap_or(0);
            let fits = match sum.checked_add(add.delta) {
                None => self.has(Defect::CountersWrap),
                Some(sum) if self.has(Defect::TheCeilingIsExcluded) => sum < add.ceiling,
                Some(sum) if self.has(Defect::CountersAreSigned) => {
                    sum.cast_signed() >= 0 && sum <= add.ceiling
                }
                Some(sum) => sum <= add.ceiling,
            };
            if !fits {
                return Some(Outcome::Capped(key.clone()));
            }
        }
        None
    }

    fn write(&self, content: &mut Content, change: &Change) {
        content.before = content.rows.clone();
        for (key, write) in change.writes() {
            let key = self.stored(key);
            let next = match self.defect {
                Defect::TheLastWriterWins => content.rows.get(&key).map_or(1, |row| row.version + 1),
                Defect::VersionsGoOnAfterDeletion => {
                    content.last_versions.get(&key).map_or(1, |last| last + 1)
                }
                Defect::VersionsBeginAt0 => content.rows.get(&key).map_or(0, |row| row.version + 1),
                _ => change.next_version(&key),
            };
            match write {
                Write::Put(value) => {
                    let mut value = value.clone();
                    if self.has(Defect::LargeValuesCut) {
                        value.truncate(1_000_000);
                    }
                    if !(self.has(Defect::EmptyValuesLost) && value.is_empty()) {
                        content.rows.insert(key.clone(), Row { version: next, value });
                        content.last_versions.insert(key, next);
                    }
                }
                Write::Delete => {
                    content.rows.remove(&key);
                }
            }
        }
    }

    fn add(&self, content: &mut Content, change: &Change) {
        for (key, add) in change.adds() {
            let sum = content.counters.entry(key.clone()).or_default();
            *sum = sum.wrapping_add(add.delta);
        }
    }

    fn settle(&self, content: &mut Content, id: ChangeId, resolution: Resolution) {
        content.settled.insert(id, resolution);
        content.settled_in_order.push(id);
        if self.has(Defect::FencesForgottenInTime) && content.settled_in_order.len() > 100 {
            let oldest = content.settled_in_order.remove(0);
            content.settled.remove(&oldest);
        }
    }
}

impl Store for Planted {
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: false, multi_process: false }
    }

    fn get(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        let content = self.content();
        let rows = if self.has(Defect::ReadsLagBehind) { &content.before } else { &content.rows };
        Ok(rows.get(&self.stored(key)).cloned())
    }

    fn scan(
        &self,
        table: Table,
        range: &Range,
        limit: usize,
        after: Option<&Cursor>,
    ) -> Result<Page, StoreFault> {
        let content = self.content();
        let mut matching: Vec<(Vec<u8>, Row)> = content
            .rows
            .iter()
            .filter(|(key, _)| {
                key.table == table || (self.has(Defect::TablesShareKeys) && key.table.0 == table.0 & 0x1ff)
            })
            .filter(|(key, _)| {
                let at_end = self.has(Defect::EndIncluded) && range.end.as_ref() == Some(&key.key);
                let by_cursor = self.has(Defect::CursorReplacesTheRange) && after.is_some();
                range.contains(&key.key) || at_end || by_cursor
            })
            .filter(|(key, _)| match after {
                Some(after) if self.has(Defect::CursorIncluded) => key.key >= after.0,
                Some(after) => key.key > after.0,
                None => true,
            })
            .map(|(key, row)| (key.key.clone(), row.clone()))
            .collect();
        if self.has(Defect::SignedByteOrder) {
            matching.sort_by_key(|(key, _)| key.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>());
        }
        if self.has(Defect::ShorterKeysFirst) {
            matching.sort_by_key(|(key, _)| (key.len(), key.clone()));
        }
        drop(content);
        let is_cut = matching.len() > limit;
        matching.truncate(limit);
        if self.has(Defect::PagesAreTorn) {
            pause();
            let content = self.content();
            for (key, row) in matching.iter_mut().skip(1) {
                if let Some(now) = content.rows.get(&RowKey::new(table, key.clone())) {
                    *row = now.clone();
                }
            }
        }
        let goes_on = is_cut || (self.has(Defect::LastPageGoesOn) && matching.len() == limit);
        let next = matching.last().filter(|_| goes_on).map(|(key, _)| Cursor(key.clone()));
        Ok(Page { rows: matching, next })
    }

    fn commit(&self, change: &Change) -> Result<Outcome, StoreFault> {
        let mut content = self.content();
        if self.has(Defect::ComparedOutsideTheWrite) || self.has(Defect::AddedOutsideTheWrite) {
            let mut copy = content.clone();
            drop(content);
            let failing = self.failing(&copy, change);
            pause();
            content = self.content();
            if self.has(Defect::AddedOutsideTheWrite) && failing.is_none() {
                self.add(&mut copy, change);
                content.counters = copy.counters;
                self.write(&mut content, change);
                self.settle(&mut content, change.id(), Resolution::Committed);
                return Ok(Outcome::Committed);
            }
            if let Some(outcome) = failing {
                return Ok(outcome);
            }
        } else if let Some(outcome) = self.failing(&content, change) {
            let refused = !matches!(outcome, Outcome::Committed | Outcome::Fenced);
            if refused && self.has(Defect::WritesBeforeTheFailureStay) {
                self.write(&mut content, change);
            }
            if refused && self.has(Defect::CountersBeforeTheFailureStay) {
                self.add(&mut content, change);
            }
            if refused && self.has(Defect::ConflictsUseUpTheId) {
                self.settle(&mut content, change.id(), Resolution::Aborted);
            }
            return Ok(outcome);
        }
        self.write(&mut content, change);
        self.add(&mut content, change);
        self.settle(&mut content, change.id(), Resolution::Committed);
        Ok(Outcome::Committed)
    }

    fn resolve(&self, id: ChangeId) -> Result<Resolution, StoreFault> {
        let mut content = self.content();
        if let Some(settled) = content.settled.get(&id) {
            return Ok(*settled);
        }
        if self.has(Defect::ResolvedInTwoSteps) {
            drop(content);
            pause();
            content = self.content();
        }
        self.settle(&mut content, id, Resolution::Aborted);
        Ok(Resolution::Aborted)
    }

    fn counter(&self, key: &CounterKey) -> Result<u64, StoreFault> {
        Ok(self.content().counters.get(key).copied().unwrap_or(0))
    }
}

struct Defective(Defect);

impl Factory for Defective {
    type Store = Planted;

    fn fresh(&self) -> Fresh<Planted> {
        Fresh { store: Planted { defect: self.0, content: Mutex::default() }, place: String::new() }
    }

    fn open(&self, _place: &str) -> Planted {
        unreachable!("it declares neither `durable` nor `multi_process`")
    }
}

fn fails(defect: Defect, name: &str) -> bool {
    let case = cases::<Defective>().into_iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("the suite has no case `{name}`"));
    catch_unwind(AssertUnwindSafe(|| (case.run)(&Defective(defect)))).is_err()
}

/// `defect: case, case` means that each of these cases catches this defect.
macro_rules! caught {
    ($($test:ident: $defect:ident by $($case:ident),+;)+) => {
        $(
            #[test]
            fn $test() {
                $(assert!(fails(Defect::$defect, stringify!($case)), "{} passed", stringify!($case));)+
            }
        )+
    };
}

caught! {
    ignoring_expectations_on_unwritten_rows_is_caught: ExpectationsOnUnwrittenRowsIgnored by
        an_expectation_on_an_unwritten_row_binds, of_two_that_must_not_both_hold_one_wins,
        a_change_of_expectations_alone_writes_nothing, it_answers_as_a_plain_map_would;
    ignoring_expected_absence_of_unwritten_rows_is_caught: AbsenceOfUnwrittenRowsIgnored by
        an_expectation_that_an_unwritten_row_is_absent_binds, of_two_that_each_expect_the_other_absent_one_wins;
    comparing_versions_outside_the_write_is_caught: ComparedOutsideTheWrite by
        of_many_threads_that_update_a_row_one_wins_each_round, of_many_threads_that_make_a_row_one_wins,
        of_two_that_must_not_both_hold_one_wins, one_change_committed_by_many_threads_happens_once;
    writing_in_spite_of_a_failure_is_caught: WritesBeforeTheFailureStay by
        one_failed_expectation_leaves_everything_untouched, a_capped_counter_leaves_everything_untouched;
    adding_in_spite_of_a_failure_is_caught: CountersBeforeTheFailureStay by
        one_failed_expectation_leaves_everything_untouched, one_of_two_counters_at_its_ceiling_stops_both;
    letting_the_last_writer_win_is_caught: TheLastWriterWins by
        a_row_expected_at_a_version_must_have_it, a_reader_that_stalls_between_read_and_write_loses,
        of_many_threads_that_update_a_row_one_wins_each_round;
    letting_newer_versions_pass_is_caught: NewerVersionsPass by
        a_row_expected_at_a_version_must_have_it, a_reader_that_stalls_between_read_and_write_loses;
    deleting_without_comparing_is_caught: DeletionsAreUnconditional by a_deletion_needs_the_version_too;
    taking_version_0_for_absence_is_caught: Version0MeansAbsent by
        versions_at_the_ends_of_their_range_are_no_row_at_all;
    counting_on_after_a_deletion_is_caught: VersionsGoOnAfterDeletion by
        a_row_that_was_deleted_and_made_again_begins_at_version_1;
    beginning_at_version_0_is_caught: VersionsBeginAt0 by a_put_row_is_read_back_as_it_was;
    naming_a_wrong_row_is_caught: ConflictNamesTheFirstRow by a_conflict_names_a_row_whose_expectation_failed;
    forgetting_fences_is_caught: FencesForgotten by
        resolving_first_fences_the_change_for_ever, resolving_and_committing_at_once_agree;
    forgetting_ids_too_soon_is_caught: FencesForgottenInTime by an_id_is_remembered_over_many_later_commits;
    resolving_in_two_steps_is_caught: ResolvedInTwoSteps by resolving_and_committing_at_once_agree;
    forgetting_committed_ids_is_caught: CommittedIdsForgotten by
        a_committed_id_commits_again_without_effect, one_change_committed_by_many_threads_happens_once;
    using_up_the_id_by_a_conflict_is_caught: ConflictsUseUpTheId by a_conflict_does_not_use_up_the_id;
    excluding_the_ceiling_is_caught: TheCeilingIsExcluded by a_counter_stops_exactly_at_its_ceiling;
    wrapping_counters_are_caught: CountersWrap by a_counter_never_passes_two_to_the_64;
    signed_counters_are_caught: CountersAreSigned by a_counter_never_passes_two_to_the_64;
    adding_outside_the_write_is_caught: AddedOutsideTheWrite by
        counters_lose_nothing_and_pass_no_ceiling_under_threads;
    signed_byte_order_is_caught: SignedByteOrder by keys_order_as_unsigned_bytes;
    ordering_by_length_is_caught: ShorterKeysFirst by keys_order_as_unsigned_bytes;
    including_the_end_is_caught: EndIncluded by a_range_holds_its_start_and_not_its_end;
    including_the_cursor_is_caught: CursorIncluded by the_last_page_says_that_nothing_is_left;
    a_cursor_that_replaces_the_range_is_caught: CursorReplacesTheRange by
        a_cursor_outside_the_range_adds_nothing_to_it;
    a_last_page_that_goes_on_is_caught: LastPageGoesOn by the_last_page_says_that_nothing_is_left;
    tables_that_share_keys_are_caught: TablesShareKeys by tables_do_not_see_each_other;
    cut_values_are_caught: LargeValuesCut by a_value_of_one_mebibyte_comes_back_whole;
    lost_empty_values_are_caught: EmptyValuesLost by an_empty_key_and_an_empty_value_are_a_row;
    cut_keys_are_caught: LongKeysCut by keys_of_255_bytes_are_told_apart;
    reads_that_lag_behind_are_caught: ReadsLagBehind by
        a_put_row_is_read_back_as_it_was, a_thread_reads_what_another_was_told_is_committed;
    torn_pages_are_caught: PagesAreTorn by a_page_never_shows_half_a_change;
    overwritten_journal_entries_are_caught: EntriesAreOverwritten by a_journal_entry_is_never_written_twice;
}

#[test]
fn the_same_store_without_a_defect_passes() {
    let report = run(&Defective(Defect::Nothing));
    assert_eq!(report.failed, Vec::<&str>::new());
    assert_eq!(report.inapplicable.len(), 7, "durable and multi-process cases: {:?}", report.inapplicable);
    assert_eq!(report.passed.len() + report.inapplicable.len(), cases::<Defective>().len());
}
