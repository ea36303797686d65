//! Each rule is tried on a small tree of its own: first sound, then with one violation planted, which must be named.

use super::violations;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A sound tree of three rooms: `core` (no std), `host` (unsafe in one module), `cli` (a leaf).
fn house() -> TempDir {
    let house = tempfile::tempdir().unwrap();
    let root = house.path();
    let edges = r#"
top = ["architecture", "bindings", "crates"]
halls = ["bindings", "crates"]
nameless = ["utils", "types"]
[[room]]
path = "crates/core"
imports = []
std = "none"
bare = [{ features = [], alloc = false }]
unsafe = "forbidden"
[[room]]
path = "crates/host"
imports = ["crates/core"]
std = "std"
unsafe = ["src/memory.rs"]
[[room]]
path = "crates/store"
imports = ["crates/core"]
tests = ["crates/host"]
std = "std"
unsafe = "forbidden"
[[room]]
path = "crates/cli"
imports = ["*"]
leaf = true
std = "std"
unsafe = "forbidden"
[[room]]
path = "crates/demo"
imports = ["*"]
leaf = true
std = "std"
unsafe = "forbidden"
"#;
    write(root, "architecture/edges.toml", edges);
    let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\
        [workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
    write(root, "Cargo.toml", workspace);
    let core = "[package]\nname = \"zamok-core\"\nedition = \"2024\"\n[lints]\nworkspace = true\n";
    write(root, "crates/core/Cargo.toml", core);
    write(root, "crates/core/src/lib.rs", "#![no_std]\npub fn answer() {}\n");
    let host = "[package]\nname = \"zamok-host\"\nedition = \"2024\"\n\
        [dependencies]\nzamok-core.path = \"../core\"\n";
    write(root, "crates/host/Cargo.toml", host);
    write(root, "crates/host/src/lib.rs", "#![deny(unsafe_code)]\nuse zamok_core::answer;\nmod memory;\n");
    write(root, "crates/host/src/memory.rs", "#![allow(unsafe_code)]\nfn lock() { unsafe {} }\n");
    let store = "[package]\nname = \"zamok-store\"\nedition = \"2024\"\n[lints]\nworkspace = true\n\
        [dependencies]\nzamok-core.path = \"../core\"\n[dev-dependencies]\nzamok-host.path = \"../host\"\n";
    write(root, "crates/store/Cargo.toml", store);
    write(root, "crates/store/src/lib.rs", "// zamok_host\n#[cfg(test)]\nmod tests { use zamok_host::x; }\n");
    write(root, "crates/store/tests/one.rs", "use zamok_host::x;\n");
    let cli = "[package]\nname = \"zamok-cli\"\nedition = \"2024\"\n[lints]\nworkspace = true\n\
        [dependencies]\nzamok-host.path = \"../host\"\nzamok-core.path = \"../core\"\n";
    write(root, "crates/cli/Cargo.toml", cli);
    write(root, "crates/cli/src/main.rs", "use zamok_host::x;\nfn main() {}\n");
    house
}

fn write(root: &Path, file: &str, text: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn append(root: &Path, file: &str, text: &str) {
    let old = fs::read_to_string(root.join(file)).unwrap();
    write(root, file, &(old + text));
}

/// The one violation after `plant` changed the sound house.
fn planted(plant: impl Fn(&Path)) -> String {
    let house = house();
    plant(house.path());
    let found = violations(house.path()).unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

#[test]
fn a_sound_house_has_no_violations() {
    assert_eq!(violations(house().path()).unwrap(), Vec::<String>::new());
}

#[test]
fn this_repository_names_every_room_it_has() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let rooms = super::Rooms::read(root).unwrap();
    for package in crate::manifests::packages(root).unwrap() {
        assert!(rooms.of(&package.folder).is_some(), "{}", super::unknown_room(&package.folder));
    }
}

#[test]
fn a_dependency_that_the_table_does_not_allow_is_named() {
    let found = planted(|root| {
        append(root, "crates/core/Cargo.toml", "[build-dependencies]\nzamok-store.path = \"../store\"\n");
    });
    assert!(found.starts_with("crates/core/Cargo.toml: crates/core depends on crates/store"), "{found}");
}

#[test]
fn a_dependency_under_another_name_is_named() {
    let edge = "[dependencies.innocent]\npath = \"../store\"\npackage = \"zamok-store\"\n";
    let found = planted(|root| append(root, "crates/core/Cargo.toml", edge));
    assert!(found.starts_with("crates/core/Cargo.toml: crates/core depends on crates/store"), "{found}");
}

#[test]
fn a_dev_dependency_that_the_table_does_not_allow_is_named() {
    let edge = "[dev-dependencies]\nzamok-store.path = \"../store\"\n";
    let found = planted(|root| append(root, "crates/host/Cargo.toml", edge));
    assert!(found.starts_with("crates/host/Cargo.toml: crates/host dev-depends on crates/store"), "{found}");
}

#[test]
fn a_file_that_no_module_declares_is_named() {
    let found = planted(|root| write(root, "crates/host/src/left.rs", "fn f() {}\n"));
    assert!(found.starts_with("crates/host/src/left.rs: no module declares it"), "{found}");
    let found = planted(|root| write(root, "crates/host/src/memory/left.rs", "fn f() {}\n"));
    assert!(found.starts_with("crates/host/src/memory/left.rs: no module declares it"), "{found}");
}

#[test]
fn nothing_imports_a_leaf() {
    let edge = "zamok-cli.path = \"../cli\"\n";
    let found = planted(|root| append(root, "crates/host/Cargo.toml", edge));
    assert!(found.contains("crates/host depends on crates/cli"), "{found}");
    // Not even a room that may import everything.
    let found = planted(|root| {
        let demo = "[package]\nname = \"zamok-demo\"\nedition = \"2024\"\n[lints]\nworkspace = true\n\
            [dependencies]\nzamok-cli.path = \"../cli\"\n";
        write(root, "crates/demo/Cargo.toml", demo);
        write(root, "crates/demo/src/lib.rs", "fn f() {}\n");
    });
    assert!(found.contains("crates/demo depends on crates/cli"), "{found}");
}

#[test]
fn a_path_in_the_sources_that_the_table_does_not_allow_is_named() {
    let found = planted(|root| append(root, "crates/core/src/lib.rs", "\nuse zamok_host::clock;\n"));
    assert!(found.starts_with("crates/core/src/lib.rs:4: crates/core names zamok_host"), "{found}");
}

#[test]
fn a_path_allowed_to_tests_alone_is_named_outside_of_them() {
    let found = planted(|root| append(root, "crates/store/src/lib.rs", "fn f() { zamok_host::x() }\n"));
    assert!(found.starts_with("crates/store/src/lib.rs:4: crates/store names zamok_host"), "{found}");
}

#[test]
fn code_taken_from_another_room_by_path_is_named() {
    let line = "#[path = \"../../host/src/memory.rs\"]\nmod memory;\n";
    let found = planted(|root| append(root, "crates/core/src/lib.rs", line));
    assert!(
        found.starts_with("crates/core/src/lib.rs:3: takes code from crates/host/src/memory.rs"),
        "{found}"
    );
}

#[test]
fn a_leaf_may_take_the_files_that_its_entry_names() {
    let house = house();
    let (root, leaf) = (house.path(), "leaf = true\n");
    append(root, "crates/cli/src/main.rs", "#[path = \"../../core/src/lib.rs\"]\nmod core;\n");
    assert!(violations(root).unwrap()[0].contains("takes code from crates/core/src/lib.rs"));
    let edges = fs::read_to_string(root.join("architecture/edges.toml")).unwrap();
    let takes = |files: &str| edges.replacen(leaf, &format!("takes = [\"{files}\"]\n{leaf}"), 1);
    write(root, "architecture/edges.toml", &takes("crates/core/src/lib.rs"));
    assert_eq!(violations(root), Ok(Vec::new()));
    write(root, "architecture/edges.toml", &takes("crates/core/src/lib.rs").replacen(leaf, "", 1));
    assert!(violations(root).unwrap_err().contains("only a leaf takes files of others"));
}

#[test]
fn unsafe_outside_its_module_is_named() {
    let found = planted(|root| append(root, "crates/host/src/lib.rs", "fn f() { unsafe {} }\n"));
    assert!(found.starts_with("crates/host/src/lib.rs:4: `unsafe`"), "{found}");
}

#[test]
fn a_crate_root_that_does_not_forbid_unsafe_is_named() {
    let bare = "[package]\nname = \"zamok-core\"\nedition = \"2024\"\n";
    let found = planted(|root| write(root, "crates/core/Cargo.toml", bare));
    assert!(found.starts_with("crates/core/src/lib.rs: unsafe code is not forbidden"), "{found}");
    let open = "use zamok_core::answer;\nmod memory;\n";
    let found = planted(|root| write(root, "crates/host/src/lib.rs", open));
    assert!(found.starts_with("crates/host/src/lib.rs: unsafe code is not denied"), "{found}");
}

#[test]
fn workspace_lints_that_do_not_forbid_unsafe_are_not_enough() {
    let house = house();
    let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\
        [workspace.lints.rust]\nunsafe_code = \"warn\"\n";
    write(house.path(), "Cargo.toml", workspace);
    let found = violations(house.path()).unwrap();
    assert_eq!(
        found.iter().filter(|one| one.contains("unsafe code is not forbidden")).count(),
        3,
        "{found:#?}"
    );
}

#[test]
fn a_no_std_room_without_the_attribute_is_named() {
    let found = planted(|root| write(root, "crates/core/src/lib.rs", "pub fn answer() {}\n"));
    assert!(found.starts_with("crates/core/src/lib.rs: a room without std"), "{found}");
}

#[test]
fn an_unknown_room_is_named() {
    let found = planted(|root| {
        write(root, "crates/cellar/Cargo.toml", "[package]\nname = \"zamok-cellar\"\nedition = \"2024\"\n");
        write(root, "crates/cellar/src/lib.rs", "fn f() {}\n");
    });
    assert!(found.starts_with("crates/cellar: an unknown room"), "{found}");
    // Where the workspace does not look for members, a folder without a manifest is seen as well.
    let found = planted(|root| write(root, "bindings/java/Vault.java", "class Vault {}\n"));
    assert!(found.starts_with("bindings/java: an unknown room"), "{found}");
    let found = planted(|root| {
        let package = "[package]\nname = \"zamok-cellar\"\nedition = \"2024\"\n[workspace]\n";
        write(root, "architecture/cellar/Cargo.toml", package);
        write(root, "architecture/cellar/src/lib.rs", "fn f() {}\n");
    });
    assert!(found.starts_with("architecture/cellar: an unknown room"), "{found}");
    let found = planted(|root| write(root, "tower/readme", "x"));
    assert!(found.starts_with("tower: an unknown folder at the top"), "{found}");
}

#[test]
fn an_empty_room_and_an_empty_folder_are_named() {
    let found = planted(|root| {
        write(root, "crates/cli/src/main.rs", "//! Soon.\n");
    });
    assert!(found.starts_with("crates/cli: an empty room"), "{found}");
    let found = planted(|root| fs::create_dir_all(root.join("crates/core/src/otp")).unwrap());
    assert!(found.starts_with("crates/core/src/otp: an empty folder"), "{found}");
}

#[test]
fn a_name_that_says_nothing_is_named() {
    let found = planted(|root| {
        append(root, "crates/core/src/lib.rs", "mod utils;\n");
        write(root, "crates/core/src/utils.rs", "fn f() {}\n");
    });
    assert!(found.starts_with("crates/core/src/utils.rs: a name"), "{found}");
    let found = planted(|root| write(root, "crates/core/tests/types/key.rs", "fn f() {}\n"));
    assert!(found.starts_with("crates/core/tests/types/key.rs: a name"), "{found}");
}

#[test]
fn a_package_with_another_name_than_its_room_is_named() {
    let found = planted(|root| {
        let text = fs::read_to_string(root.join("crates/cli/Cargo.toml")).unwrap();
        write(root, "crates/cli/Cargo.toml", &text.replace("zamok-cli", "zamok-tool"));
    });
    assert!(found.contains("package `zamok-tool` is called `zamok-cli`"), "{found}");
}

#[test]
fn a_table_that_contradicts_itself_is_an_error() {
    let house = house();
    let text = fs::read_to_string(house.path().join("architecture/edges.toml")).unwrap();
    write(house.path(), "architecture/edges.toml", &text.replace("leaf =", "leave ="));
    assert!(violations(house.path()).unwrap_err().contains("unknown key `leave`"));
    write(house.path(), "architecture/edges.toml", &text.replace("\"crates/core\"]", "\"crates/cor\"]"));
    assert!(violations(house.path()).unwrap_err().contains("there is no room `crates/cor`"));
    write(house.path(), "architecture/edges.toml", &text.replace("\"crates/core\"]", "\"crates/cli\"]"));
    assert!(violations(house.path()).unwrap_err().contains("`crates/cli` is a leaf"));
}
