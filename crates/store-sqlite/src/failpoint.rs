//! Named points of a commit at which a test kills this process as `kill -9` does: no destructor, no flush, no goodbye.
//!
//! `ZAMOK_FAILPOINT=after-begin` kills at the first passage, `after-begin:7` at the seventh.

#[cfg(feature = "failpoints")]
pub(crate) use deadly::reached;
#[cfg(feature = "failpoints")]
pub use deadly::{FAILPOINT_VARIABLE, FAILPOINTS};

/// A point in the life of a group of commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The group is gathered, nothing has begun.
    BeforeTransaction,
    /// The transaction has begun, nothing is written.
    AfterBegin,
    /// One write of a change is made, others may follow.
    BetweenWrites,
    /// Everything is written, nothing is committed.
    BeforeCommit,
    /// The transaction is committed and flushed, nobody has been answered.
    AfterCommit,
}

/// Without the feature `failpoints` a named point does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn reached(_: Point) {}

#[cfg(feature = "failpoints")]
mod deadly {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    /// The variable that names the point at which the process dies.
    pub const FAILPOINT_VARIABLE: &str = "ZAMOK_FAILPOINT";

    /// The name of every point, in the order in which a commit passes them.
    pub const FAILPOINTS: [&str; 5] =
        ["before-transaction", "after-begin", "between-writes", "before-commit", "after-commit"];

    const POINTS: [Point; 5] = [
        Point::BeforeTransaction,
        Point::AfterBegin,
        Point::BetweenWrites,
        Point::BeforeCommit,
        Point::AfterCommit,
    ];

    struct Deadly {
        point: Point,
        passages_left: AtomicU64,
    }

    static DEADLY: LazyLock<Option<Deadly>> =
        LazyLock::new(|| std::env::var(FAILPOINT_VARIABLE).ok().map(|text| Deadly::parse(&text)));

    impl Deadly {
        // A misspelt point would make a crash test pass without a crash.
        fn parse(text: &str) -> Self {
            let (name, nth) = text.split_once(':').unwrap_or((text, "1"));
            let point = FAILPOINTS.iter().position(|known| *known == name).map(|at| POINTS[at]);
            let nth: Option<u64> = nth.parse().ok().filter(|nth| *nth > 0);
            match (point, nth) {
                (Some(point), Some(nth)) => Self { point, passages_left: AtomicU64::new(nth) },
                _ => panic!("{FAILPOINT_VARIABLE}={text}: NAME[:NTH] is meant, with one of {FAILPOINTS:?}"),
            }
        }
    }

    /// Dies here when the environment says so.
    pub(crate) fn reached(point: Point) {
        #[cfg(test)]
        super::tests::run(point);
        let Some(deadly) = DEADLY.as_ref().filter(|deadly| deadly.point == point) else { return };
        if deadly.passages_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // The signal arrives before the system call returns, or soon after on another processor.
            loop {
                std::thread::park();
            }
        }
    }
}

/// What a test of this crate does at a point, in its own thread.
#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    use super::Point;

    type Deed = Box<dyn FnOnce()>;

    thread_local! {
        static DEED: RefCell<Option<(Point, Deed)>> = const { RefCell::new(None) };
    }

    /// At the next passage of the point this is done.
    pub(crate) fn once_at(point: Point, deed: impl FnOnce() + 'static) {
        DEED.set(Some((point, Box::new(deed))));
    }

    pub(super) fn run(point: Point) {
        let due = DEED.with_borrow_mut(|deed| deed.take_if(|(at, _)| *at == point));
        if let Some((_, deed)) = due {
            deed();
        }
    }
}
