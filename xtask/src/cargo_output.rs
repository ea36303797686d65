//! What a test run said: the `test result:` lines of libtest, and the names of ignored tests.

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    /// Names of the tests that did not run.
    pub(crate) ignored: Vec<String>,
    /// How many did not run, after the summaries.
    pub(crate) ignored_count: u32,
}

/// Adds up every `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
pub(crate) fn counts(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        if let Some(summary) = line.strip_prefix("test result:") {
            let number = |label: &str| {
                let before = summary.split(label).next().filter(|before| before.len() < summary.len());
                before.and_then(|before| before.split_whitespace().last()).and_then(|word| word.parse().ok())
            };
            counts.passed += number(" passed").unwrap_or(0);
            counts.failed += number(" failed").unwrap_or(0);
            counts.ignored_count += number(" ignored").unwrap_or(0);
        } else if let Some((name, _)) =
            line.strip_prefix("test ").and_then(|line| line.split_once(" ... ignored"))
        {
            counts.ignored.push(name.to_owned());
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_add_up_and_ignored_tests_are_named() {
        let output = "running 3 tests\n\
            test one ... ok\n\
            test deep::two ... ignored, needs a moon\n\
            test three ... FAILED\n\
            test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test src/lib.rs - x (line 3) ... ignored\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        let ignored = vec!["deep::two".to_owned(), "src/lib.rs - x (line 3)".to_owned()];
        assert_eq!(counts(output), Counts { passed: 13, failed: 1, ignored, ignored_count: 2 });
        assert_eq!(counts("error: could not compile"), Counts::default());
    }
}
