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
    let text = serde_json::to_string_pretty(&bill(&metadata)).map_err(|error| error.to_string())?;
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// CycloneDX 1.5: components with their package URLs and licences, and who depends on whom.
fn bill(metadata: &Value) -> Value {
    let reference =
        |package: &Value| format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"));
    let component = |package: &Value| {
        let own = package["source"].is_null();
        let mut component = json!({
            "type": if own { "application" } else { "library" },
            "bom-ref": reference(package),
            "name": text(package, "name"),
            "version": text(package, "version"),
            "licenses": [{ "expression": text(package, "license") }],
        });
        if !own {
            component["purl"] = json!(reference(package));
        }
        component
    };
    let named: std::collections::BTreeMap<&str, String> =
        list(metadata, "packages").map(|package| (text(package, "id"), reference(package))).collect();
    let edges = |node: &Value| {
        let on: Vec<&String> =
            list(node, "dependencies").filter_map(|id| named.get(id.as_str().unwrap_or_default())).collect();
        json!({ "ref": named.get(text(node, "id")), "dependsOn": on })
    };
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "zamok", "bom-ref": "zamok" } },
        "components": list(metadata, "packages").map(component).collect::<Vec<_>>(),
        "dependencies": list(&metadata["resolve"], "nodes").map(edges).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_a_component_and_edges_name_components() {
        let metadata = json!({
            "packages": [
                { "id": "a", "name": "zamok", "version": "0.1.0", "license": "MIT", "source": null },
                { "id": "b", "name": "sha2", "version": "0.11.1", "license": "MIT", "source": "registry" },
            ],
            "resolve": { "nodes": [{ "id": "a", "dependencies": ["b"] }, { "id": "b", "dependencies": [] }] },
        });
        let bill = bill(&metadata);
        assert_eq!(bill["components"].as_array().unwrap().len(), 2);
        assert_eq!(bill["components"][1]["purl"], "pkg:cargo/sha2@0.11.1");
        assert!(bill["components"][0].get("purl").is_none());
        assert_eq!(bill["dependencies"][0]["dependsOn"][0], "pkg:cargo/sha2@0.11.1");
    }
}
