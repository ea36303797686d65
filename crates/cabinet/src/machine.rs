//! State machines as tables. A noun of the cabinet is a row whose state changes by the edges of its table and by no other
//! way; `docs/cabinet.md` draws the same tables.
//!
//! Every edge that is taken is told to whoever traces `zamok_cabinet::machine`, so that tests and operators can count.

use core::fmt::Debug;

/// The states of one noun, with its edges: from a state, by a step, to a state.
pub(crate) trait Machine: Copy + PartialEq + Debug + 'static {
    /// What can happen to it.
    type Step: Copy + PartialEq + Debug + 'static;
    /// The noun.
    const NOUN: &'static str;
    /// How it is before it was made, and when its row is gone.
    const ABSENT: Self;
    /// Every edge.
    const EDGES: &'static [(Self, Self::Step, Self)];

    /// The state after a step; `None` when the table has no such edge.
    fn after(self, step: Self::Step) -> Option<Self> {
        let (_, _, to) = Self::EDGES.iter().find(|(from, on, _)| *from == self && *on == step)?;
        tracing::trace!(noun = Self::NOUN, from = ?self, on = ?step, to = ?to, "edge");
        Some(*to)
    }
}

/// The table of one noun, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagram {
    /// The noun.
    pub noun: &'static str,
    /// Its edges: state, step, state. A noun that is not there is in the state `Absent`.
    pub edges: Vec<[String; 3]>,
}

impl Diagram {
    pub(crate) fn of<M: Machine>() -> Self {
        debug_assert!(M::EDGES.iter().any(|(from, _, _)| *from == M::ABSENT), "nothing begins");
        let text =
            |(from, on, to): &(M, M::Step, M)| [format!("{from:?}"), format!("{on:?}"), format!("{to:?}")];
        Self { noun: M::NOUN, edges: M::EDGES.iter().map(text).collect() }
    }

    /// The diagram in the language of Mermaid.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let name = |state: &str| if state == "Absent" { "[*]".to_owned() } else { state.to_owned() };
        let edges =
            self.edges.iter().map(|[from, on, to]| format!("    {} --> {}: {on}\n", name(from), name(to)));
        format!("stateDiagram-v2\n{}", edges.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Door {
        Absent,
        Shut,
        Open,
    }

    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Hand {
        Hang,
        Push,
    }

    impl Machine for Door {
        type Step = Hand;
        const NOUN: &'static str = "door";
        const ABSENT: Self = Self::Absent;
        const EDGES: &'static [(Self, Hand, Self)] =
            &[(Self::Absent, Hand::Hang, Self::Shut), (Self::Shut, Hand::Push, Self::Open)];
    }

    #[test]
    fn a_step_leads_where_the_table_says_or_nowhere() {
        assert_eq!(Door::Absent.after(Hand::Hang), Some(Door::Shut));
        assert_eq!(Door::Shut.after(Hand::Push), Some(Door::Open));
        assert_eq!(Door::Open.after(Hand::Push), None);
        assert_eq!(Door::Absent.after(Hand::Push), None);
    }

    #[test]
    fn a_table_is_drawn_edge_by_edge() {
        let drawn = Diagram::of::<Door>().mermaid();
        assert_eq!(drawn, "stateDiagram-v2\n    [*] --> Shut: Hang\n    Shut --> Open: Push\n");
    }
}
