//! What a store brings to the suite, and how the suite runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use zamok_core::store::{Capabilities, Store};

/// Makes the stores that the suite tries.
pub trait Factory: Send + Sync {
    /// The store.
    type Store: Store;

    /// A new, empty store in a place of its own.
    fn fresh(&self) -> Fresh<Self::Store>;

    /// Another handle on the store at this place. Asked of stores that are durable or for several processes, and
    /// there also in another process than the one that made it.
    fn open(&self, place: &str) -> Self::Store;

    /// A command that runs [`serve`](crate::serve) with this factory in a new process, for stores that are durable or
    /// for several processes. The macro's tests include one, `a_process_that_helps_the_others`, so in a test binary
    /// this is [`reexecuted`](crate::reexecuted) with that name.
    fn helper(&self) -> Option<Command> {
        None
    }
}

/// A new store and the name of its place: a path, a URL, whatever [`Factory::open`] takes.
#[derive(Debug)]
pub struct Fresh<S> {
    /// The store, empty.
    pub store: S,
    /// Its place.
    pub place: String,
}

/// What a case asks of a store beyond the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: every store must pass.
    Nothing,
    /// `durable`.
    Durable,
    /// `multi_process`.
    MultiProcess,
}

impl Needs {
    fn met_by(self, capabilities: Capabilities) -> bool {
        match self {
            Self::Nothing => true,
            Self::Durable => capabilities.durable,
            Self::MultiProcess => capabilities.multi_process,
        }
    }
}

/// One case: it panics when the store fails it.
#[derive(Clone, Copy, Debug)]
pub struct Case<F> {
    /// A sentence that a store which passes makes true.
    pub name: &'static str,
    /// Of which stores it is asked.
    pub needs: Needs,
    /// Runs it.
    pub run: fn(&F),
}

/// How a store fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases that hold.
    pub passed: Vec<&'static str>,
    /// Cases that do not.
    pub failed: Vec<&'static str>,
    /// Cases about promises that the store does not make.
    pub inapplicable: Vec<&'static str>,
}

/// Runs every case that applies, one after the other.
pub fn run<F: Factory>(factory: &F) -> Report {
    let capabilities = factory.fresh().store.capabilities();
    let mut report = Report::default();
    for case in cases::<F>() {
        let list = if !case.needs.met_by(capabilities) {
            &mut report.inapplicable
        } else if catch_unwind(AssertUnwindSafe(|| (case.run)(factory))).is_ok() {
            &mut report.passed
        } else {
            &mut report.failed
        };
        list.push(case.name);
    }
    report
}

/// Runs one case by its name, when it applies.
///
/// # Panics
/// When the store fails it, when there is no such case, or when it does not apply and is not among `inapplicable`.
pub fn run_case<F: Factory>(factory: &F, name: &str, inapplicable: &[&str]) {
    let case = cases::<F>().into_iter().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("the suite has no case `{name}`"));
    let applies = case.needs.met_by(factory.fresh().store.capabilities());
    assert_eq!(
        inapplicable.contains(&name),
        !applies,
        "`{name}` needs {:?}: the list of inapplicable cases must name exactly those that do not apply",
        case.needs
    );
    if applies {
        (case.run)(factory);
    }
}

/// Every case, in the order in which it is best to read failures.
#[must_use]
pub fn cases<F: Factory>() -> Vec<Case<F>> {
    crate::list::every_case!(crate::list::case_values)
}
