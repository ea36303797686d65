//! `cargo xtask licences`: licences, duplicates and sources of all dependencies, after the lists of `deny.toml`. The same
//! promise as `cargo deny check licenses bans sources`, kept without installing cargo-deny; which is used where it is there, and
//! then looks for open advisories too.

use crate::manifests::{self, list, text};
use crate::{Failure, Place, only_switches, process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;
use toml::Table;

const FILE: &str = "deny.toml";
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The lists of `deny.toml` that this check understands.
struct Rules {
    platforms: Vec<String>,
    licences: Vec<String>,
    /// `name@version` of a second version that is known and explained.
    duplicates: Vec<String>,
}

/// A dependency from outside, as `cargo metadata` tells it.
struct Outsider {
    name: String,
    version: String,
    licence: String,
    source: String,
}

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    check(place)?;
    println!("licences, duplicates and sources are as {FILE} says");
    Ok(ExitCode::SUCCESS)
}

/// Whether the full tool is there.
pub(crate) fn has_cargo_deny() -> bool {
    process::program("cargo-deny").is_some()
}

pub(crate) fn cargo_deny(place: &Place) -> Result<(), Failure> {
    let arguments =
        ["deny", "--all-features", "--locked", "check", "advisories", "licenses", "bans", "sources"];
    let finished = process::shown(&mut process::cargo(place, &arguments))?;
    if finished.succeeded { Ok(()) } else { Err(format!("cargo deny: {}", finished.status)) }
}

/// The check that needs nothing but cargo.
pub(crate) fn check(place: &Place) -> Result<(), Failure> {
    let rules = Rules::parse(&manifests::contents(&place.root, FILE)?)?;
    let mut arguments = vec!["metadata", "--locked", "--all-features", "--format-version", "1"];
    for platform in &rules.platforms {
        arguments.extend(["--filter-platform", platform]);
    }
    let answer = process::quiet(&mut process::cargo(place, &arguments))?;
    let metadata: Value =
        serde_json::from_str(&answer).map_err(|error| format!("cargo metadata: {error}"))?;
    let reached: Vec<&str> = list(&metadata["resolve"], "nodes").map(|node| text(node, "id")).collect();
    let outsiders: Vec<Outsider> = list(&metadata, "packages")
        .filter(|package| package["source"].is_string() && reached.contains(&text(package, "id")))
        .map(|package| Outsider {
            name: text(package, "name").to_owned(),
            version: text(package, "version").to_owned(),
            licence: text(package, "license").to_owned(),
            source: text(package, "source").to_owned(),
        })
        .collect();
    let found = violations(&rules, &outsiders);
    println!("{} crates from outside", outsiders.len());
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn violations(rules: &Rules, outsiders: &[Outsider]) -> Vec<String> {
    let mut found = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Outsider { name, version, licence, source } in outsiders {
        if source != CRATES_IO {
            found.push(format!("{name} {version}: comes from {source}, not from crates.io"));
        }
        match allowed(licence, &rules.licences) {
            Ok(true) => {}
            Ok(false) => {
                found.push(format!("{name} {version}: licence `{licence}` is not allowed by {FILE}"))
            }
            Err(reason) => found.push(format!("{name} {version}: licence `{licence}`: {reason}")),
        }
        versions.entry(name).or_default().push(version);
    }
    for exception in &rules.duplicates {
        let known = exception.split_once('@').is_some_and(|(name, version)| {
            versions.get(name).is_some_and(|all| all.len() > 1 && all.contains(&version))
        });
        if !known {
            found.push(format!("{exception}: an exception in {FILE} that nothing needs any more"));
        }
    }
    for (name, versions) in versions {
        let unexplained = versions
            .iter()
            .filter(|version| !rules.duplicates.contains(&format!("{name}@{version}")))
            .count();
        if unexplained > 1 {
            found.push(format!(
                "{name}: several versions ({}) and no exception in {FILE}",
                versions.join(", ")
            ));
        }
    }
    found
}

impl Rules {
    fn parse(file: &str) -> Result<Self, Failure> {
        let table: Table = file.parse().map_err(|error: toml::de::Error| format!("{FILE}: {error}"))?;
        let find = |section: &str, key: &str| {
            let value =
                table.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array);
            value.ok_or_else(|| format!("{FILE}: no list `{key}` in [{section}]"))
        };
        let names = |section: &str, key: &str| -> Result<Vec<String>, Failure> {
            let named = |value: &toml::Value| value.as_str().map(str::to_owned);
            let list = find(section, key)?.iter().map(named).collect::<Option<_>>();
            list.ok_or_else(|| format!("{FILE}: `{key}` is a list of names"))
        };
        let mut duplicates = Vec::new();
        for exception in find("bans", "skip")? {
            let field =
                |key: &str| exception.get(key).and_then(toml::Value::as_str).filter(|text| !text.is_empty());
            match (field("crate"), field("reason")) {
                (Some(name), Some(_)) => duplicates.push(name.to_owned()),
                _ => return Err(format!("{FILE}: an exception names a crate and a reason: {exception}")),
            }
        }
        Ok(Self { platforms: names("graph", "targets")?, licences: names("licenses", "allow")?, duplicates })
    }
}

/// Whether an SPDX licence expression (SPDX 2.3 annex D) can be met with the allowed licences alone.
fn allowed(expression: &str, licences: &[String]) -> Result<bool, Failure> {
    // `MIT/Apache-2.0` is how crates wrote OR before cargo took SPDX.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let answer = any_of(&words, &mut at, licences)?;
    if at == words.len() { Ok(answer) } else { Err(format!("not understood from `{}` on", words[at])) }
}

fn any_of(words: &[&str], at: &mut usize, licences: &[String]) -> Result<bool, Failure> {
    let mut answer = all_of(words, at, licences)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        answer |= all_of(words, at, licences)?;
    }
    Ok(answer)
}

fn all_of(words: &[&str], at: &mut usize, licences: &[String]) -> Result<bool, Failure> {
    let mut answer = one(words, at, licences)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        answer &= one(words, at, licences)?;
    }
    Ok(answer)
}

fn one(words: &[&str], at: &mut usize, licences: &[String]) -> Result<bool, Failure> {
    let word = *words.get(*at).ok_or("ends too early")?;
    *at += 1;
    if word == "(" {
        let answer = any_of(words, at, licences)?;
        if words.get(*at) != Some(&")") {
            return Err("a bracket is not closed".to_owned());
        }
        *at += 1;
        return Ok(answer);
    }
    if ["OR", "AND", "WITH", ")"].contains(&word) {
        return Err(format!("`{word}` where a licence should stand"));
    }
    let mut licence = word.to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence += &format!(" WITH {}", words.get(*at + 1).ok_or("ends too early")?);
        *at += 2;
    }
    Ok(licences.contains(&licence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outsider(name: &str, version: &str, licence: &str) -> Outsider {
        let owned = str::to_owned;
        Outsider {
            name: owned(name),
            version: owned(version),
            licence: owned(licence),
            source: owned(CRATES_IO),
        }
    }

    fn rules(duplicates: &[&str]) -> Rules {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Rules { platforms: Vec::new(), licences: owned(&["MIT", "ISC"]), duplicates: owned(duplicates) }
    }

    #[test]
    fn expressions_are_met_by_allowed_licences_alone() {
        let licences = ["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for met in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0",
            "GPL-3.0 OR (MIT AND (Unicode-3.0))",
        ] {
            assert_eq!(allowed(met, &licences), Ok(true), "{met}");
        }
        for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR Apache-2.0) AND GPL-3.0", "mit"] {
            assert_eq!(allowed(unmet, &licences), Ok(false), "{unmet}");
        }
        for wrong in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT Apache-2.0", "MIT WITH"] {
            assert!(allowed(wrong, &licences).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_licence_a_duplicate_and_a_foreign_source_are_named() {
        let good = || vec![outsider("one", "1.0.0", "MIT"), outsider("two", "1.0.0", "ISC OR GPL-3.0")];
        assert_eq!(violations(&rules(&[]), &good()), Vec::<String>::new());

        let mut copyleft = good();
        copyleft.push(outsider("three", "0.1.0", "GPL-3.0"));
        assert!(
            violations(&rules(&[]), &copyleft)[0]
                .starts_with("three 0.1.0: licence `GPL-3.0` is not allowed")
        );

        let mut twice = good();
        twice.push(outsider("one", "0.9.0", "MIT"));
        assert!(violations(&rules(&[]), &twice)[0].starts_with("one: several versions (1.0.0, 0.9.0)"));
        assert_eq!(violations(&rules(&["one@0.9.0"]), &twice), Vec::<String>::new());

        let mut foreign = good();
        foreign[0].source = "git+https://example.org/one".to_owned();
        assert!(violations(&rules(&[]), &foreign)[0].contains("not from crates.io"));
    }

    #[test]
    fn an_exception_that_nothing_needs_is_named() {
        let found = violations(&rules(&["one@0.9.0"]), &[outsider("one", "1.0.0", "MIT")]);
        assert_eq!(found, ["one@0.9.0: an exception in deny.toml that nothing needs any more"]);
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        let file = |skip: &str| {
            format!("[graph]\ntargets = []\n[licenses]\nallow = [\"MIT\"]\n[bans]\nskip = [{skip}]\n")
        };
        assert!(Rules::parse(&file("")).is_ok());
        assert!(Rules::parse(&file("{ crate = \"one@1.0.0\", reason = \"two needs it\" }")).is_ok());
        assert!(Rules::parse(&file("{ crate = \"one@1.0.0\" }")).is_err());
        assert!(Rules::parse(&file("{ crate = \"one@1.0.0\", reason = \"\" }")).is_err());
    }
}
