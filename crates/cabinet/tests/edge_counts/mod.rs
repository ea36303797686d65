//! Counts the edges of state machines that a test takes.
#![allow(dead_code, missing_docs)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Counts the edges that the cabinet takes.
#[derive(Clone, Default)]
pub(crate) struct Edges(Arc<Mutex<BTreeMap<[String; 4], u64>>>);

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Subscriber for Edges {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "zamok_cabinet::machine"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let edge = ["noun", "from", "on", "to"].map(|name| fields.0.remove(name).unwrap_or_default());
        *self.0.lock().unwrap().entry(edge).or_default() += 1;
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Edges {
    /// Prints how often every edge of these nouns was taken; each has to be so often, but those that are taken elsewhere.
    pub(crate) fn each_was_taken(
        &self,
        nouns: &[&str],
        least: u64,
        elsewhere: impl Fn(&str, &str, &str) -> bool,
    ) {
        let counted = self.0.lock().unwrap();
        let mut output = std::io::stdout().lock();
        let mut rare = Vec::new();
        for diagram in zamok_cabinet::diagrams().iter().filter(|diagram| nouns.contains(&diagram.noun)) {
            for [from, on, to] in &diagram.edges {
                let edge = [diagram.noun.to_owned(), from.clone(), on.clone(), to.clone()];
                let count = counted.get(&edge).copied().unwrap_or(0);
                writeln!(output, "{count:>8} {}: {from} --{on}--> {to}", diagram.noun).unwrap();
                if count < least && !elsewhere(diagram.noun, from, on) {
                    rare.push((edge, count));
                }
            }
        }
        assert!(rare.is_empty(), "taken too rarely: {rare:?}");
    }
}
