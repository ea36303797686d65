//! `docs/cabinet.md` draws the state machines as the code has them.
#![allow(missing_docs)]

use std::fs;

#[test]
fn the_page_draws_every_machine_as_the_code_has_it() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cabinet.md")).unwrap();
    let diagrams = zamok_cabinet::diagrams();
    assert!(diagrams.len() >= 3, "{}", diagrams.len());
    for diagram in &diagrams {
        let mut title = diagram.noun.to_owned();
        title[..1].make_ascii_uppercase();
        let section =
            page.split(&format!("\n## {title}\n")).nth(1).unwrap_or_else(|| panic!("no section {title}"));
        let section = section.split("\n## ").next().unwrap();
        let drawn = section.split("```mermaid\n").nth(1).and_then(|rest| rest.split("```").next());
        assert_eq!(drawn, Some(diagram.mermaid().as_str()), "{title}");
    }
    assert_eq!(page.matches("```mermaid").count(), diagrams.len(), "a picture of nothing");
}

#[test]
fn every_state_is_reached_and_no_edge_stands_twice() {
    for diagram in zamok_cabinet::diagrams() {
        for (place, [from, step, to]) in diagram.edges.iter().enumerate() {
            let twice = diagram.edges[place + 1..].iter().any(|[f, s, _]| f == from && s == step);
            assert!(!twice, "{}: {from} {step}", diagram.noun);
            let reached = from == "Absent" || diagram.edges.iter().any(|[_, _, other]| other == from);
            assert!(reached, "{}: nothing leads to {from}, from which {step} leads to {to}", diagram.noun);
        }
    }
}
