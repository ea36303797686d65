//! The report of an audit, as Markdown and as one HTML page with everything in it.

use crate::Place;
use crate::report::Report;
use std::fmt::Write as _;
use std::fs;

type Facts = [(&'static str, String)];

/// Plots that the page shows, as they lie in the repository.
const PLOTS: &[&str] = &["docs/performance/window.svg", "docs/performance/scaling.svg"];

/// What steps have measured, as they leave it in the build output.
const FIGURES: &[(&str, &str)] =
    &[("Time itself", "timing.md"), ("Fuzzing", "fuzzing.md"), ("Lines that tests run", "coverage.md")];

/// Figures of an earlier run are none of this one.
pub(crate) fn forget_figures(place: &Place) {
    for (_, file) in FIGURES {
        // One that is not there is what is wanted.
        let _ = fs::remove_file(place.target.join(file));
    }
}

/// Those that are there by now.
fn figures(place: &Place) -> impl Iterator<Item = (&'static str, String)> + '_ {
    FIGURES
        .iter()
        .filter_map(|(title, file)| Some((*title, fs::read_to_string(place.target.join(file)).ok()?)))
}

pub(crate) fn markdown(facts: &Facts, report: &Report, place: &Place) -> String {
    let mut page = String::from("# Audit\n\n| what | |\n|---|---|\n");
    for (name, value) in facts {
        let _ = writeln!(page, "| {name} | {} |", cell(value));
    }
    page += "\n## What ran\n\n| step | seconds | result |\n|---|---|---|\n";
    for (name, seconds, result) in report.rows() {
        let _ = writeln!(page, "| {} | {seconds:.1} | {} |", cell(&name), cell(&result));
    }
    let not_run: Vec<_> = report.not_run().collect();
    page += "\n## What was not run, and why\n\n";
    if not_run.is_empty() {
        page += "Everything ran.\n";
    }
    for (name, reason) in not_run {
        let _ = writeln!(page, "- {name}: {reason}");
    }
    let _ = writeln!(page, "\n{}", report.verdict());
    for (title, figures) in figures(place) {
        let _ = write!(page, "\n## {title}\n\n{figures}");
    }
    page
}

pub(crate) fn html(facts: &Facts, report: &Report, place: &Place) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Audit of Zamok</title>\n<style>\n\
         body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }\n\
         table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .2em .6em; text-align: left }\n\
         .failed { background: #fdd } .not-run { background: #ffc }\n</style>\n<h1>Audit</h1>\n<table>\n",
    );
    for (name, value) in facts {
        let _ = writeln!(page, "<tr><th>{}<td>{}", escaped(name), escaped(value));
    }
    page += "</table>\n<h2>What ran</h2>\n<table>\n<tr><th>step<th>seconds<th>result\n";
    for (name, seconds, result) in report.rows() {
        let class =
            if result.starts_with("FAILED") || !result.contains(" 0 failed") && result.contains(" failed") {
                " class=failed"
            } else if result.starts_with("NOT RUN") {
                " class=not-run"
            } else {
                ""
            };
        let _ = writeln!(page, "<tr{class}><td>{}<td>{seconds:.1}<td>{}", escaped(&name), escaped(&result));
    }
    let _ = writeln!(page, "</table>\n<p>{}</p>", escaped(&report.verdict()));
    for (title, figures) in figures(place) {
        let _ = writeln!(page, "<h2>{title}</h2>\n<pre>{}</pre>", escaped(&figures));
    }
    for plot in PLOTS {
        if let Ok(svg) = fs::read_to_string(place.root.join(plot)) {
            let _ = writeln!(page, "<figure>\n{}\n<figcaption>{plot}</figcaption></figure>", picture(&svg));
        }
    }
    page + "</html>\n"
}

/// The drawing without what stands before it in a file of its own.
fn picture(svg: &str) -> &str {
    svg.find("<svg").map_or("", |at| &svg[at..])
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Outcome;

    #[test]
    fn the_page_tells_what_ran_what_did_not_and_why() {
        let mut report = Report::default();
        report.step("a <check>", || Ok(Outcome::Holds));
        report.step("a peer", || Ok(Outcome::NotRun("it is not installed".to_owned())));
        report.step("a failure", || Err("it broke | badly".to_owned()));
        let facts = [("commit", "abc".to_owned())];
        let folder = tempfile::tempdir().unwrap();
        let place = Place { root: folder.path().to_owned(), target: folder.path().to_owned() };
        fs::write(folder.path().join("fuzzing.md"), "1,000 <inputs>\n").unwrap();
        let page = markdown(&facts, &report, &place);
        for line in [
            "| commit | abc |",
            "- a peer: it is not installed",
            "FAILED: it broke \\| badly",
            "1,000 <inputs>",
        ] {
            assert!(page.contains(line), "{page}");
        }
        let page = html(&facts, &report, &place);
        assert!(page.contains("1,000 &lt;inputs&gt;"));
        forget_figures(&place);
        assert!(!html(&facts, &report, &place).contains("inputs"));
        assert!(
            page.contains("a &lt;check&gt;")
                && page.contains("class=failed")
                && page.contains("class=not-run")
        );
    }
}
