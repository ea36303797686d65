//! The front page, the page of this crate and the example show one and the same happy path.

/// The lines from the function's head to its closing brace.
fn happy_path(page: &str) -> &str {
    let begin = page.find("fn happy_path(").expect("the page shows the happy path");
    let length = page[begin..].find("\n}\n").expect("the function ends");
    &page[begin..begin + length]
}

#[test]
fn all_pages_show_the_same_happy_path() {
    let example = happy_path(include_str!("../../../examples/quickstart.rs"));
    assert!(example.lines().count() > 10);
    assert_eq!(happy_path(include_str!("../README.md")), example);
    assert_eq!(happy_path(include_str!("../../../README.md")), example);
}
