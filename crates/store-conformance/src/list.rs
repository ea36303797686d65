//! The list of cases: the one place that knows them all. The macro makes tests of it, [`cases`](crate::cases) values.

/// Hands the list to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __every_case {
    ($($take:ident)::+ $(, $with:tt)*) => {
        $($take)::+! {
            [$($with)*]
            rows Nothing {
                a_row_that_was_never_put_is_not_there
                a_put_row_is_read_back_as_it_was
                every_put_adds_one_to_the_version
                a_row_that_was_deleted_and_made_again_begins_at_version_1
                tables_do_not_see_each_other
                an_empty_key_and_an_empty_value_are_a_row
                keys_of_255_bytes_are_told_apart
                a_value_of_one_mebibyte_comes_back_whole
                a_change_of_4096_rows_is_applied_whole
            }
            scans Nothing {
                keys_order_as_unsigned_bytes
                a_range_holds_its_start_and_not_its_end
                a_prefix_finds_its_rows_and_no_others
                pages_and_cursors_visit_every_row_once
                the_last_page_says_that_nothing_is_left
                a_cursor_whose_row_is_gone_still_goes_on
                a_cursor_outside_the_range_adds_nothing_to_it
                an_empty_range_is_an_empty_page
                a_snapshot_stands_still_and_takes_nothing_in
            }
            expectations Nothing {
                a_row_expected_absent_must_be_absent
                a_row_expected_at_a_version_must_have_it
                an_expectation_on_an_unwritten_row_binds
                an_expectation_that_an_unwritten_row_is_absent_binds
                a_change_of_expectations_alone_writes_nothing
                one_failed_expectation_leaves_everything_untouched
                a_conflict_names_a_row_whose_expectation_failed
                versions_at_the_ends_of_their_range_are_no_row_at_all
                a_deletion_needs_the_version_too
                a_journal_entry_is_never_written_twice
            }
            counters Nothing {
                a_counter_begins_at_0_and_adds
                a_counter_stops_exactly_at_its_ceiling
                a_counter_never_passes_two_to_the_64
                a_capped_counter_leaves_everything_untouched
                one_of_two_counters_at_its_ceiling_stops_both
                counters_with_empty_and_longest_keys_are_told_apart
                adding_nothing_respects_the_ceiling
                counters_that_are_asked_for_together_are_each_as_by_itself
            }
            settling Nothing {
                a_committed_id_commits_again_without_effect
                a_conflict_does_not_use_up_the_id
                resolving_a_committed_change_says_so
                resolving_first_fences_the_change_for_ever
                resolving_a_change_that_met_a_conflict_fences_it
                resolving_twice_answers_the_same
                an_id_is_remembered_over_many_later_commits
            }
            races Nothing {
                of_many_threads_that_make_a_row_one_wins
                of_many_threads_that_update_a_row_one_wins_each_round
                of_two_that_must_not_both_hold_one_wins
                of_two_that_each_expect_the_other_absent_one_wins
                a_reader_that_stalls_between_read_and_write_loses
                a_stalled_scan_holds_nobody_up
                a_view_that_stays_open_holds_nobody_up
                resolving_and_committing_at_once_agree
                one_change_committed_by_many_threads_happens_once
                counters_lose_nothing_and_pass_no_ceiling_under_threads
                a_thread_reads_what_another_was_told_is_committed
                a_page_never_shows_half_a_change
            }
            model Nothing {
                it_answers_as_a_plain_map_would
            }
            reopening Durable {
                what_was_committed_is_there_after_reopening
                what_was_settled_stays_settled_after_reopening
                it_answers_as_a_plain_map_would_across_reopenings
            }
            killing Durable {
                a_killed_process_loses_no_answered_change_and_halves_none
            }
            processes MultiProcess {
                another_process_reads_what_was_committed
                of_many_processes_one_wins_each_round
                what_another_handle_has_changed_is_expected_in_vain
            }
        }
    };
}

/// The list as tests of the crate that expands [`conformance!`](crate::conformance).
#[doc(hidden)]
#[macro_export]
macro_rules! __case_tests {
    ([$factory:tt $inapplicable:tt] $($group:ident $needs:ident { $($name:ident)* })*) => {
        $($(
            #[test]
            fn $name() {
                $crate::run_case(&$factory, stringify!($name), &$inapplicable);
            }
        )*)*
    };
}

/// The tests of the suite for one store: `conformance! { factory: EXPRESSION, inapplicable: [NAME, …] }`.
///
/// The expression makes a [`Factory`](crate::Factory) and is evaluated in every test. `inapplicable` names, exactly, the
/// cases about promises that the store does not make.
#[macro_export]
macro_rules! conformance {
    (factory: $factory:expr, inapplicable: [$($name:ident),* $(,)?] $(,)?) => {
        $crate::__every_case!($crate::__case_tests, ($factory), [$(stringify!($name)),*]);

        // Does nothing in a normal run.
        #[test]
        fn a_process_that_helps_the_others() {
            $crate::serve(&$factory);
        }

        #[test]
        fn every_case_listed_as_inapplicable_exists() {
            let inapplicable: &[&str] = &[$(stringify!($name)),*];
            for name in inapplicable {
                $crate::run_case(&$factory, name, inapplicable);
            }
        }
    };
}

macro_rules! case_values {
    ([] $($group:ident $needs:ident { $($name:ident)* })*) => {
        vec![$($(
            $crate::Case {
                name: stringify!($name),
                needs: $crate::Needs::$needs,
                run: $crate::cases::$group::$name::<F>,
            }
        ),*),*]
    };
}

pub(crate) use __every_case as every_case;
pub(crate) use case_values;
