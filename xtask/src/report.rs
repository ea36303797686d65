//! The steps of a run, what came of each, and the table at the end.

use crate::Failure;
use crate::cargo_output::Counts;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What came of a step that ended.
pub(crate) enum Outcome {
    /// A check that holds.
    Holds,
    /// Tests that ran; they succeeded if none failed and the program that ran them is content.
    Tests { counts: Counts, complaint: Option<String> },
    /// Something promised that could not run here, and why. It is shown and counted.
    NotRun(String),
}

struct Step {
    name: String,
    duration: Duration,
    outcome: Result<Outcome, Failure>,
}

/// What looks at a report after each of its steps.
type After = Box<dyn Fn(&Report)>;

/// Runs steps one after the other and remembers them; a failed one does not stop the rest.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    limit: Option<Instant>,
    after: Option<After>,
}

impl Report {
    /// No step begins at `limit` or later: it counts as not run. `after` sees the report at the end of each step, so that a
    /// run that is broken off leaves what it has found.
    pub(crate) fn until(limit: Instant, after: impl Fn(&Self) + 'static) -> Self {
        Self { steps: Vec::new(), limit: Some(limit), after: Some(Box::new(after)) }
    }

    pub(crate) fn step(&mut self, name: &str, run: impl FnOnce() -> Result<Outcome, Failure>) {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = if self.limit.is_some_and(|limit| limit <= start) {
            Ok(Outcome::NotRun("the time for the whole was over".to_owned()))
        } else {
            run()
        };
        let duration = start.elapsed();
        match &outcome {
            Err(reason) => println!("!! {name}: {reason}"),
            Ok(Outcome::Tests { complaint: Some(reason), .. }) => println!("!! {name}: {reason}"),
            Ok(Outcome::NotRun(reason)) => println!("-- {name}: not run: {reason}"),
            Ok(_) => {}
        }
        println!("== {name}: {:.1} s", duration.as_secs_f64());
        self.steps.push(Step { name: name.to_owned(), duration, outcome });
        if let Some(after) = &self.after {
            after(self);
        }
    }

    /// As a later run reads it again.
    pub(crate) fn to_json(&self) -> Value {
        self.steps.iter().map(Step::to_json).collect()
    }

    /// The steps that [`Report::to_json`] has written, and nothing where it did not.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let steps = value.as_array()?.iter().map(Step::from_json).collect::<Option<_>>()?;
        Some(Self { steps, ..Self::default() })
    }

    /// The steps of several reports, one after the other.
    pub(crate) fn of(reports: impl IntoIterator<Item = Self>) -> Self {
        Self { steps: reports.into_iter().flat_map(|report| report.steps).collect(), ..Self::default() }
    }

    /// Whether everything so far held.
    pub(crate) fn holds(&self) -> bool {
        self.steps.iter().all(|step| step.failures() == 0)
    }

    /// Whether the last step held.
    pub(crate) fn holds_last(&self) -> bool {
        self.steps.last().is_none_or(|step| step.failures() == 0)
    }

    /// Prints the table; its last line is `N passed, N failed`. A step that failed without a failed test counts as one
    /// failure, and so does a run in which no test ran.
    pub(crate) fn finish(self) -> ExitCode {
        let (text, failed) = self.render();
        print!("{text}");
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Every step with its seconds and its result, as the table shows them.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (String, f64, String)> + '_ {
        self.steps.iter().map(|step| (step.name.clone(), step.duration.as_secs_f64(), step.result()))
    }

    /// The steps that could not run here, with the whole reason.
    pub(crate) fn not_run(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.steps.iter().filter_map(|step| match &step.outcome {
            Ok(Outcome::NotRun(reason)) => Some((step.name.as_str(), reason.as_str())),
            _ => None,
        })
    }

    /// The last line of the table.
    pub(crate) fn verdict(&self) -> String {
        self.render().0.lines().last().unwrap_or_default().to_owned()
    }

    fn render(&self) -> (String, u32) {
        let width = self.steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
        let mut text = format!("\n{:<width$}  {:>9}  result\n", "step", "seconds");
        let (mut passed, mut failed, mut ignored, mut not_run) = (0, 0, 0, 0);
        let mut total = Duration::ZERO;
        for step in &self.steps {
            let seconds = step.duration.as_secs_f64();
            text += &format!("{:<width$}  {seconds:>9.1}  {}\n", step.name, step.result());
            total += step.duration;
            failed += step.failures();
            match &step.outcome {
                Ok(Outcome::Tests { counts, .. }) => {
                    passed += counts.passed;
                    ignored += counts.ignored_count;
                }
                Ok(Outcome::NotRun(_)) => not_run += 1,
                Ok(Outcome::Holds) | Err(_) => {}
            }
        }
        text += &format!("{:<width$}  {:>9.1}\n\n", "all", total.as_secs_f64());
        text += &format!("ignored tests: {ignored} · steps not run: {not_run}\n");
        if passed == 0 && failed == 0 {
            text += "no test ran: that is a failure\n";
            failed = 1;
        }
        text += &format!("{passed} passed, {failed} failed\n");
        (text, failed)
    }
}

impl Step {
    fn failures(&self) -> u32 {
        match &self.outcome {
            Ok(Outcome::Tests { counts, complaint }) => counts.failed.max(u32::from(complaint.is_some())),
            Ok(Outcome::Holds | Outcome::NotRun(_)) => 0,
            Err(_) => 1,
        }
    }

    fn to_json(&self) -> Value {
        let outcome = match &self.outcome {
            Ok(Outcome::Holds) => json!({}),
            Ok(Outcome::NotRun(reason)) => json!({ "not_run": reason }),
            Ok(Outcome::Tests { counts, complaint }) => json!({
                "passed": counts.passed,
                "failed": counts.failed,
                "ignored": counts.ignored_count,
                "complaint": complaint,
            }),
            Err(reason) => json!({ "reason": reason }),
        };
        json!({ "step": self.name, "seconds": self.duration.as_secs_f64(), "outcome": outcome })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let outcome = &value["outcome"];
        let text = |name: &str| outcome[name].as_str().map(str::to_owned);
        let number = |name: &str| u32::try_from(outcome[name].as_u64()?).ok();
        let result = if let Some(reason) = text("reason") {
            Err(reason)
        } else if let Some(reason) = text("not_run") {
            Ok(Outcome::NotRun(reason))
        } else if outcome["passed"].is_null() {
            Ok(Outcome::Holds)
        } else {
            let counts = Counts {
                passed: number("passed")?,
                failed: number("failed")?,
                ignored_count: number("ignored")?,
                ..Counts::default()
            };
            Ok(Outcome::Tests { counts, complaint: text("complaint") })
        };
        let duration = Duration::try_from_secs_f64(value["seconds"].as_f64()?).ok()?;
        Some(Self { name: value["step"].as_str()?.to_owned(), duration, outcome: result })
    }

    fn result(&self) -> String {
        match &self.outcome {
            Ok(Outcome::Holds) => "holds".to_owned(),
            Ok(Outcome::NotRun(reason)) => format!("NOT RUN: {}", first_line(reason)),
            Ok(Outcome::Tests { counts, complaint }) => {
                let mut text = format!("{} passed, {} failed", counts.passed, counts.failed);
                if counts.ignored_count > 0 {
                    text += &format!(", {} ignored", counts.ignored_count);
                }
                if let Some(reason) = complaint {
                    text += &format!(": {}", first_line(reason));
                }
                text
            }
            Err(reason) => format!("FAILED: {}", first_line(reason)),
        }
    }
}

fn first_line(reason: &str) -> &str {
    reason.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(passed: u32, failed: u32, complaint: Option<&str>) -> Result<Outcome, Failure> {
        let counts = Counts { passed, failed, ..Counts::default() };
        Ok(Outcome::Tests { counts, complaint: complaint.map(str::to_owned) })
    }

    fn last_line(outcomes: Vec<Result<Outcome, Failure>>) -> (String, u32) {
        let mut report = Report::default();
        for outcome in outcomes {
            report.step("step", || outcome);
        }
        let (text, failed) = report.render();
        assert!(text.ends_with('\n'));
        (text.lines().last().unwrap().to_owned(), failed)
    }

    #[test]
    fn the_last_line_counts_tests_and_failed_steps() {
        assert_eq!(
            last_line(vec![Ok(Outcome::Holds), tests(3, 0, None)]),
            ("3 passed, 0 failed".to_owned(), 0)
        );
        assert_eq!(
            last_line(vec![tests(3, 2, None), tests(4, 0, None)]),
            ("7 passed, 2 failed".to_owned(), 2)
        );
        let broken = vec![Err("format".to_owned()), tests(3, 0, None)];
        assert_eq!(last_line(broken), ("3 passed, 1 failed".to_owned(), 1));
    }

    #[test]
    fn a_complaint_without_a_failed_test_is_one_failure() {
        assert_eq!(last_line(vec![tests(3, 0, Some("does not compile"))]).1, 1);
        assert_eq!(last_line(vec![tests(3, 2, Some("two failed"))]).1, 2);
    }

    #[test]
    fn after_its_time_a_run_begins_nothing_and_says_so_step_by_step() {
        let seen = std::rc::Rc::new(std::cell::Cell::new(0));
        let counted = seen.clone();
        let now = Instant::now();
        let mut report = Report::until(now, move |report| counted.set(report.rows().count()));
        report.step("late", || unreachable!("it begins"));
        assert_eq!((seen.get(), report.not_run().count()), (1, 1));
        let mut report = Report::until(now + Duration::from_secs(60), |_| {});
        report.step("in time", || tests(2, 0, None));
        assert_eq!((report.not_run().count(), report.verdict().as_str()), (0, "2 passed, 0 failed"));
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let mut report = Report::default();
        for outcome in [
            Ok(Outcome::Holds),
            Ok(Outcome::NotRun("no moon".to_owned())),
            Err("broken".to_owned()),
            tests(3, 2, Some("two failed")),
            tests(4, 0, None),
        ] {
            report.step("step", || outcome);
        }
        let again = Report::from_json(&report.to_json()).unwrap();
        assert_eq!(again.render(), report.render());
        assert_eq!(again.render().1, 3);
        let both = Report::of([again, report]);
        assert_eq!((both.rows().count(), both.render().1), (10, 6));
        for wrong in [json!({}), json!([{}]), json!([{ "step": "x", "seconds": -1.0, "outcome": {} }])] {
            assert!(Report::from_json(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_run_without_tests_fails() {
        assert_eq!(last_line(vec![Ok(Outcome::Holds)]), ("0 passed, 1 failed".to_owned(), 1));
        assert_eq!(last_line(vec![Ok(Outcome::NotRun("no moon".to_owned()))]).1, 1);
    }
}
