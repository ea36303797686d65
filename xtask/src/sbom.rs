//! `cargo xtask sbom`: what the crates are built from, as a bill of materials (CycloneDX 1.5, JSON), from the lock file.

use crate::manifests::{list, text};
use crate::{Failure, Place, only_switches, process};
use serde_json::{Value, json};
use std::fs;
use std::process::ExitCode;

const FILE: &str = "bill-of-materials.cdx.json";

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &[])?;
    write(place)?;
    println!("{}", place.target.join(FILE).display());
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn write(place: &Place) -> Result<(), Failure> {
    let mut cargo = process::cargo(place, &["metadata", "--locked", "--format-version", "1"]);
    let metadata: Value =
        serde_json::from_str(&process::quiet(&mut cargo)?).map_err(|error| error.to_string())?;
    let file = place.target.join(FILE);
    let text = serde_json::to_string_pretty(&bill(&metadata)?).map_err(|error| error.to_string())?;
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The licence as an SPDX expression. Older manifests have a slash where it says `OR` (the Cargo Book, "The license and license-file fields").
fn licence(package: &Value) -> Result<String, Failure> {
    match text(package, "license") {
        "" => Err(format!("{} {} names no licence", text(package, "name"), text(package, "version"))),
        given => Ok(given.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")),
    }
}

/// What others can build upon is a library, also where a program lies beside it.
fn kind(package: &Value) -> &'static str {
    let kinds = list(package, "targets").flat_map(|target| list(target, "kind")).filter_map(Value::as_str);
    let mut libraries = kinds.filter(|kind| kind.ends_with("lib") || *kind == "proc-macro");
    if libraries.next().is_some() { "library" } else { "application" }
}

/// CycloneDX 1.5: components with their package URLs and licences, and who depends on whom.
fn bill(metadata: &Value) -> Result<Value, Failure> {
    let reference =
        |package: &Value| format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"));
    let component = |package: &Value| {
        let mut component = json!({
            "type": kind(package),
            "bom-ref": reference(package),
            "name": text(package, "name"),
            "version": text(package, "version"),
            "licenses": [{ "expression": licence(package)? }],
        });
        if !package["source"].is_null() {
            component["purl"] = json!(reference(package));
        }
        Ok(component)
    };
    let named: std::collections::BTreeMap<&str, String> =
        list(metadata, "packages").map(|package| (text(package, "id"), reference(package))).collect();
    let edges = |node: &Value| {
        let on: Vec<&String> =
            list(node, "dependencies").filter_map(|id| named.get(id.as_str().unwrap_or_default())).collect();
        json!({ "ref": named.get(text(node, "id")), "dependsOn": on })
    };
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "zamok", "bom-ref": "zamok" } },
        "components": list(metadata, "packages").map(component).collect::<Result<Vec<Value>, Failure>>()?,
        "dependencies": list(&metadata["resolve"], "nodes").map(edges).collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(licence: &str) -> Value {
        json!({
            "packages": [
                { "id": "a", "name": "zamok", "version": "0.1.0", "license": "MIT", "source": null,
                  "targets": [{ "kind": ["lib"] }, { "kind": ["test"] }] },
                { "id": "b", "name": "sha2", "version": "0.11.1", "license": licence, "source": "registry",
                  "targets": [{ "kind": ["proc-macro"] }] },
                { "id": "c", "name": "zamok-cli", "version": "0.1.0", "license": "MIT", "source": null,
                  "targets": [{ "kind": ["bin"] }] },
            ],
            "resolve": { "nodes": [{ "id": "a", "dependencies": ["b"] }, { "id": "b", "dependencies": [] }] },
        })
    }

    #[test]
    fn every_package_is_a_component_and_edges_name_components() {
        let bill = bill(&metadata("MIT")).unwrap();
        let components = bill["components"].as_array().unwrap();
        assert_eq!(components.len(), 3);
        assert_eq!(components[1]["purl"], "pkg:cargo/sha2@0.11.1");
        assert!(components[0].get("purl").is_none());
        let types: Vec<_> = components.iter().map(|component| component["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["library", "library", "application"]);
        assert_eq!(bill["dependencies"][0]["dependsOn"][0], "pkg:cargo/sha2@0.11.1");
    }

    #[test]
    fn licences_are_expressions_of_spdx_and_none_is_missing() {
        for given in ["MIT/Apache-2.0", "MIT / Apache-2.0", "MIT OR Apache-2.0"] {
            let bill = bill(&metadata(given)).unwrap();
            assert_eq!(bill["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0", "{given}");
        }
        assert_eq!(bill(&metadata("")), Err("sha2 0.11.1 names no licence".to_owned()));
    }
}
