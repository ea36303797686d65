//! The store in memory passes the suite; what needs a disk or a second process does not apply to it.

use zamok_core::store::MemoryStore;
use zamok_store_conformance::{Factory, Fresh};

struct InMemory;

impl Factory for InMemory {
    type Store = MemoryStore;

    fn fresh(&self) -> Fresh<MemoryStore> {
        Fresh { store: MemoryStore::new(), place: String::new() }
    }

    fn open(&self, _place: &str) -> MemoryStore {
        unreachable!("it declares neither `durable` nor `multi_process`")
    }
}

zamok_store_conformance::conformance! {
    factory: InMemory,
    inapplicable: [
        what_was_committed_is_there_after_reopening,
        what_was_settled_stays_settled_after_reopening,
        it_answers_as_a_plain_map_would_across_reopenings,
        a_killed_process_loses_no_answered_change_and_halves_none,
        another_process_reads_what_was_committed,
        of_many_processes_one_wins_each_round,
        what_another_handle_has_changed_is_expected_in_vain,
    ],
}
