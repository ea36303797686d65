//! The report of an audit, as Markdown and as one HTML page with everything in it.

use crate::report::Report;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What was looked at, where and with what.
pub(crate) type Facts = Vec<(&'static str, String)>;

/// What a part of an audit found, and what it has measured, with a title.
pub(crate) struct Ran {
    pub(crate) part: &'static str,
    pub(crate) begun: String,
    pub(crate) report: Report,
    pub(crate) figures: Option<(&'static str, String)>,
}

/// A part that ran, or the name of one that did not.
pub(crate) type Part = Result<Ran, &'static str>;

/// Plots that the page shows, as they lie in the repository.
const PLOTS: &[&str] = &["docs/performance/window.svg", "docs/performance/scaling.svg"];

pub(crate) fn markdown(facts: &Facts, parts: &[Part]) -> String {
    let mut page = String::from("# Audit\n\n| what | |\n|---|---|\n");
    for (name, value) in facts {
        let _ = writeln!(page, "| {name} | {} |", cell(value));
    }
    page += "\n## What ran\n";
    for ran in parts.iter().flatten() {
        let _ = writeln!(page, "\n### {}\n\nBegun {}.\n", ran.part, ran.begun);
        page += "| step | seconds | result |\n|---|---|---|\n";
        for (name, seconds, result) in ran.report.rows() {
            let _ = writeln!(page, "| {} | {seconds:.1} | {} |", cell(&name), cell(&result));
        }
        let _ = writeln!(page, "\n{}", ran.report.verdict());
    }
    page += "\n## What was not run, and why\n\n";
    let not_run = not_run(parts);
    if not_run.is_empty() {
        page += "Everything ran.\n";
    }
    for (name, reason) in not_run {
        let _ = writeln!(page, "- {name}: {reason}");
    }
    for (title, figures) in figures(parts) {
        let _ = write!(page, "\n## {title}\n\n{figures}");
    }
    page
}

pub(crate) fn html(facts: &Facts, parts: &[Part], root: &Path) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Audit of Zamok</title>\n<style>\n\
         body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }\n\
         table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .2em .6em; text-align: left }\n\
         .failed { background: #fdd } .not-run { background: #ffc }\n</style>\n<h1>Audit</h1>\n<table>\n",
    );
    for (name, value) in facts {
        let _ = writeln!(page, "<tr><th>{}<td>{}", escaped(name), escaped(value));
    }
    page += "</table>\n<h2>What ran</h2>\n";
    for ran in parts.iter().flatten() {
        let _ = writeln!(page, "<h3>{}</h3>\n<p>Begun {}.</p>", ran.part, escaped(&ran.begun));
        page += "<table>\n<tr><th>step<th>seconds<th>result\n";
        for (name, seconds, result) in ran.report.rows() {
            let class = class(&result);
            let _ =
                writeln!(page, "<tr{class}><td>{}<td>{seconds:.1}<td>{}", escaped(&name), escaped(&result));
        }
        let _ = writeln!(page, "</table>\n<p>{}</p>", escaped(&ran.report.verdict()));
    }
    page += "<h2>What was not run, and why</h2>\n<ul>\n";
    for (name, reason) in not_run(parts) {
        let _ = writeln!(page, "<li>{}: {}", escaped(name), escaped(reason));
    }
    page += "</ul>\n";
    for (title, figures) in figures(parts) {
        let _ = writeln!(page, "<h2>{title}</h2>\n{}<pre>{}</pre>", bars(figures), escaped(figures));
    }
    for plot in PLOTS {
        let _ = match fs::read_to_string(root.join(plot)) {
            Ok(svg) => {
                writeln!(page, "<figure>\n{}\n<figcaption>{plot}</figcaption></figure>", picture(&svg))
            }
            Err(reason) => {
                writeln!(page, "<p class=failed>No plot: {plot}: {}</p>", escaped(&reason.to_string()))
            }
        };
    }
    page + "</html>\n"
}

/// Steps that did not run, and whole parts.
fn not_run(parts: &[Part]) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for part in parts {
        match part {
            Ok(ran) => found.extend(ran.report.not_run()),
            Err(name) => {
                found.push((*name, "this part was not run on this tree (`cargo xtask audit --part`)"))
            }
        }
    }
    found
}

fn figures(parts: &[Part]) -> impl Iterator<Item = (&'static str, &str)> {
    parts.iter().flatten().filter_map(|ran| ran.figures.as_ref()).map(|(title, text)| (*title, text.as_str()))
}

/// The column that is drawn, of a table that has one of these.
const DRAWN: &[&str] = &["largest t", "inputs"];
/// Pixels: of the longest bar, of a line, and of the room for names.
const LONGEST: f64 = 480.0;
const LINE: usize = 18;
const NAMES: usize = 260;

/// A bar for each row of the table in these figures: what was looked at, and how much of it there was.
fn bars(figures: &str) -> String {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    let mut lines = figures.lines().filter(|line| line.starts_with('|')).map(cells);
    let head = lines.next().unwrap_or_default();
    let Some(column) = head.iter().position(|name| DRAWN.contains(&name.as_str())) else {
        return String::new();
    };
    let rows: Vec<(String, f64)> = lines
        .filter_map(|row| {
            let amount = row.get(column)?.replace(',', "").parse().ok()?;
            // Beside the subject, the kernels that it went over.
            let kernels = head.iter().position(|name| name == "kernels").and_then(|at| row.get(at));
            Some((kernels.map_or(row[0].clone(), |kernels| format!("{}, {kernels}", row[0])), amount))
        })
        .collect();
    let greatest = rows.iter().map(|(_, amount)| *amount).fold(f64::MIN_POSITIVE, f64::max);
    let mut drawing = format!(
        "<figure>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{}\" font-size=\"12\">\n",
        rows.len() * LINE
    );
    for (at, (name, amount)) in rows.iter().enumerate() {
        let (top, base, length) = (at * LINE, at * LINE + 13, amount / greatest * LONGEST);
        let _ = writeln!(
            drawing,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{NAMES}\" y=\"{}\" width=\"{length:.1}\" height=\"12\" fill=\"#47a\"/>\
             <text x=\"{:.1}\" y=\"{base}\">{amount}</text>",
            NAMES - 6,
            escaped(name),
            top + 3,
            NAMES as f64 + length + 6.0,
        );
    }
    let _ = writeln!(drawing, "</svg>\n<figcaption>{}</figcaption></figure>", head[column]);
    drawing
}

/// How the page marks a row with this result.
fn class(result: &str) -> &'static str {
    if result.starts_with("FAILED") || !result.contains(" 0 failed") && result.contains(" failed") {
        " class=failed"
    } else if result.starts_with("NOT RUN") {
        " class=not-run"
    } else {
        ""
    }
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
        let facts = vec![("commit", "abc".to_owned())];
        let figures = Some(("Fuzzing", "1,000 <inputs>\n".to_owned()));
        let parts = [Ok(Ran { part: "one", begun: "today".to_owned(), report, figures }), Err("other")];
        let page = markdown(&facts, &parts);
        for line in [
            "| commit | abc |",
            "### one\n\nBegun today.",
            "- a peer: it is not installed",
            "- other: this part was not run",
            "FAILED: it broke \\| badly",
            "## Fuzzing\n\n1,000 <inputs>",
        ] {
            assert!(page.contains(line), "{line}: {page}");
        }
        let page = html(&facts, &parts, Path::new("/no/such/folder"));
        for piece in [
            "1,000 &lt;inputs&gt;",
            "a &lt;check&gt;",
            "class=failed",
            "class=not-run",
            "<li>other",
            "No plot: docs/performance/window.svg",
        ] {
            assert!(page.contains(piece), "{piece}: {page}");
        }
    }

    #[test]
    fn every_plot_of_the_page_is_there() {
        let place = crate::Place::find();
        let page = html(&Facts::new(), &[], &place.root);
        assert_eq!(page.matches("<figcaption>docs/").count(), PLOTS.len());
        assert!(!page.contains("No plot"), "{page}");
    }

    #[test]
    fn what_was_measured_is_drawn_bar_by_bar() {
        let timing = "| subject | kernels | largest t |\n|---|---|---|\n| `unseal` | as chosen | 2.5 |\n| `<planted>` | AVX2 | 50.0 |\n";
        let drawing = bars(timing);
        assert!(
            drawing.contains("unseal, as chosen") && drawing.contains("&lt;planted&gt;, AVX2"),
            "{drawing}"
        );
        assert!(drawing.contains("width=\"24.0\"") && drawing.contains("width=\"480.0\""), "{drawing}");
        assert_eq!(drawing.matches("<rect").count(), 2);
        let fuzzing = "| target | seconds | inputs | edges | |\n|---|---|---|---|---|\n| `rows` | 5 | 1,000 | 9 | no crash |\n";
        assert!(bars(fuzzing).contains("<rect x=\"260\" y=\"3\" width=\"480.0\""), "{}", bars(fuzzing));
        assert_eq!(bars("no table"), "");
        assert_eq!(bars("| crate | lines |\n|---|---|\n| a | 5 |\n"), "");
    }
}
