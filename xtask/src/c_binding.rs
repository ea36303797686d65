//! The C interface as its users meet it: built and installed by CMake into a folder of its own, compiled against from outside
//! of the tree, run, looked at by sanitizers and valgrind, compared with the ABI that was announced, logged in through by
//! PAM.

use crate::report::{Outcome, Report};
use crate::{Failure, Place, bare, c_interface, c_logins, manifests, only_switches, process, setup, tiers};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const BINDING: &str = "bindings/c";
/// The ABI that was announced, as `abidw` writes it.
const BASELINE: &str = "bindings/c/zamok.abi";
/// Names of the tests that C programs are; `docs/testing.md` has their rows.
const PROGRAMS: [&str; 9] =
    ["engine", "hostile", "vault", "keys", "store", "operations", "secrets", "messages", "devices"];
pub(crate) const WARNINGS: [&str; 6] =
    ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-cast-function-type"];

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    only_switches(arguments, &["--abi"])?;
    setup::complete(place)?;
    if arguments.is_empty() {
        let mut report = Report::default();
        steps(&mut report, place);
        return Ok(report.finish());
    }
    // What is written down and tests nothing has no report: one without a test is a failure.
    let house = House::new(place)?;
    install(place, &house)?;
    keep_abi(place, &house)?;
    println!("written: {BASELINE}");
    Ok(ExitCode::SUCCESS)
}

/// Where everything is installed and built: outside of the tree's sources, and new each time but for what cargo keeps.
pub(crate) struct House {
    /// `target/c`.
    folder: PathBuf,
    prefix: PathBuf,
}

impl House {
    fn new(place: &Place) -> Result<Self, Failure> {
        let folder = place.target.join("c");
        let prefix = folder.join("prefix");
        for old in ["prefix", "outside"] {
            let old = folder.join(old);
            if old.exists() {
                fs::remove_dir_all(&old).map_err(|error| format!("{}: {error}", old.display()))?;
            }
        }
        let house = Self { folder, prefix };
        fs::create_dir_all(house.outside()).map_err(|error| error.to_string())?;
        Ok(house)
    }

    /// The one that an earlier step has filled.
    pub(crate) fn there(place: &Place) -> Result<Self, Failure> {
        let folder = place.target.join("c");
        let prefix = folder.join("prefix");
        if prefix.join("lib/libzamok.so").exists() {
            Ok(Self { folder, prefix })
        } else {
            Err("the library was not installed: `cargo xtask c` does so".into())
        }
    }

    /// A folder from which nothing of the tree is reached by a relative path.
    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.join("outside")
    }

    /// Where all of it is installed once more, by `cmake --install --prefix`: a folder with a blank in its name.
    fn elsewhere(&self) -> PathBuf {
        self.outside().join("another prefix")
    }

    pub(crate) fn library_folder(&self) -> PathBuf {
        self.prefix.join("lib")
    }

    /// A program that was linked with the installed library.
    pub(crate) fn run(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", self.library_folder()).current_dir(self.outside());
        command
    }
}

pub(crate) fn steps(report: &mut Report, place: &Place) {
    report
        .step("C: header and codes are current", || c_interface::is_current(place).map(|()| Outcome::Holds));
    let house = match House::new(place) {
        Ok(house) => house,
        Err(failure) => return report.step("C: folder", || Err(failure)),
    };
    report.step("C: install", || install(place, &house));
    report.step("C: ABI", || compare_abi(place, &house));
    report.step("C: names", || names(place, &house));
    report.step("C: C++", || cpp(place, &house));
    for name in PROGRAMS {
        report.step(&format!("{BINDING}/tests/{name}.c"), || test(place, &house, name, &[], false));
    }
    let sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
    for name in PROGRAMS {
        report.step(&format!("{BINDING}/tests/{name}.c, ASan, UBSan"), || {
            test(place, &house, name, &sanitizers, false)
        });
    }
    for name in PROGRAMS {
        report.step(&format!("{BINDING}/tests/{name}.c, valgrind"), || test(place, &house, name, &[], true));
    }
    report.step("C: examples, pkg-config", || examples_by_pkg_config(place, &house));
    report.step("C: examples, CMake", || examples_by_cmake(place, &house));
    report.step("C: front pages", || c_logins::front_pages(place, &house));
    report.step("C: PAM", || c_logins::pam(place, &house));
    report.step("C: firmware", || firmware(place, &house));
}

/// `cmake`, `cmake --build`, `cmake --install`, in the profile of the tests, so that little is built twice.
fn install(place: &Place, house: &House) -> Result<Outcome, Failure> {
    let build = house.folder.join("build");
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(place.root.join(BINDING)).arg("-B").arg(&build);
    configure.args([
        "-DZAMOK_PROFILE=dev",
        "-DZAMOK_PAM=ON",
        "-DCMAKE_INSTALL_LIBDIR=lib",
        "-DCMAKE_BUILD_TYPE=Debug",
    ]);
    // With the whole workspace, dependencies have the features with which the tests have built them already.
    configure.arg("-DZAMOK_CARGO_FLAGS=--workspace");
    configure.arg(format!("-DCMAKE_INSTALL_PREFIX={}", house.prefix.display()));
    configure.arg(format!("-DZAMOK_TARGET_DIR={}", place.target.display()));
    shown(&mut configure)?;
    for step in ["--build", "--install"] {
        let mut cmake = Command::new("cmake");
        process::without_cargo(&mut cmake);
        shown(cmake.arg(step).arg(&build))?;
    }
    shown(Command::new("cmake").arg("--install").arg(&build).arg("--prefix").arg(house.elsewhere()))?;
    let module = house.elsewhere().join("lib/security/pam_zamok.so");
    let dynamic = process::quiet(Command::new("readelf").arg("-d").arg(&module))?;
    if !dynamic.lines().any(|line| line.contains("PATH)") && line.contains("[$ORIGIN/..:")) {
        return Err("pam_zamok.so does not look for the library beside it".into());
    }
    for file in [
        "include/zamok.h",
        "lib/libzamok.so",
        "lib/libzamok.a",
        "lib/pkgconfig/zamok.pc",
        "lib/cmake/zamok/zamokConfig.cmake",
        "share/man/man3/zamok.3",
        "lib/security/pam_zamok.so",
    ] {
        if !house.prefix.join(file).exists() {
            return Err(format!("{file} was not installed"));
        }
    }
    // A page that cannot be shown is no page.
    let page = process::quiet(
        Command::new("man")
            .args(["--warnings", "-l"])
            .arg(house.prefix.join("share/man/man3/zamok.3"))
            .env("MANPAGER", "cat"),
    )?;
    if page.contains("zamok_login") {
        Ok(Outcome::Holds)
    } else {
        Err("zamok(3) does not speak of zamok_login()".into())
    }
}

/// The shared library exports what the header declares, and nothing else; its name bears the ABI's version.
fn names(place: &Place, house: &House) -> Result<Outcome, Failure> {
    let library = house.library_folder().join("libzamok.so");
    let listed =
        process::quiet(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(&library))?;
    let mut exported: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    exported.sort_unstable();
    let header = manifests::contents(&place.root, "bindings/c/include/zamok.h")?;
    let mut declared = declared(&header);
    declared.sort_unstable();
    if exported != declared {
        let differs = |a: &[&str], b: &[&str]| {
            a.iter().filter(|name| !b.contains(name)).copied().collect::<Vec<_>>().join(" ")
        };
        return Err(format!(
            "exported, not declared: {}; declared, not exported: {}",
            differs(&exported, &declared),
            differs(&declared, &exported)
        ));
    }
    // Every function that answers with a status stands in the table of the hostile test, but for one.
    let hostile = manifests::contents(&place.root, "bindings/c/tests/hostile.c")?;
    let quiet = |name: &&&str| {
        name.ends_with("_free")
            || name.ends_with("_wipe")
            || name.ends_with("version")
            || name.ends_with("_message")
    };
    let untried: Vec<&str> = declared
        .iter()
        .filter(|name| !quiet(name) && **name != "zamok_totp_check_batch")
        .filter(|name| !hostile.contains(&format!("F({name}, ")))
        .copied()
        .collect();
    if !untried.is_empty() {
        return Err(format!("hostile.c does not try {}", untried.join(" ")));
    }
    let dynamic = process::quiet(Command::new("readelf").arg("-d").arg(&library))?;
    let version = header
        .lines()
        .find_map(|line| line.strip_prefix("#define ZAMOK_ABI_VERSION "))
        .ok_or("the header has no ZAMOK_ABI_VERSION")?;
    // Threads of its own may outlive a dlclose().
    if !dynamic.contains("NODELETE") {
        return Err("the library may be unloaded under its threads".into());
    }
    let name = format!("[libzamok.so.{version}]");
    if dynamic.lines().any(|line| line.contains("SONAME") && line.contains(&name)) {
        Ok(Outcome::Holds)
    } else {
        Err(format!("the library is not called {name}"))
    }
}

/// The functions of the header: a name that begins with `zamok_`, before its bracket, outside of comments.
fn declared(header: &str) -> Vec<&str> {
    header
        .lines()
        .filter(|line| !line.starts_with("//") && !line.starts_with(" *") && !line.starts_with(' '))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("zamok_"))
        .collect()
}

/// What the interface is, as `abidw` describes it. Debugging information of Rust tells it nothing of parameters, so it looks at a
/// library of empty functions that a C compiler makes of the header; the names that the real one exports are compared beside
/// ([`names`]). The constants of the header are an enumeration there.
fn described(place: &Place, house: &House) -> Result<String, Failure> {
    let header = manifests::contents(&place.root, "bindings/c/include/zamok.h")?;
    let folder = house.outside();
    fs::write(folder.join("interface.c"), empty_functions(&header)).map_err(|error| error.to_string())?;
    let mut compiler = Command::new("cc");
    compiler
        .args(["-g", "-shared", "-fPIC", "-fdebug-prefix-map=/=", "-I"])
        .arg(house.prefix.join("include"));
    compiler.args(["-Wl,-soname,libzamok.so", "interface.c", "-o", "interface.so"]).current_dir(&folder);
    shown(&mut compiler)?;
    let mut abidw = Command::new("abidw");
    abidw.args([
        "--no-corpus-path",
        "--no-comp-dir-path",
        "--no-show-locs",
        "--no-elf-needed",
        "interface.so",
    ]);
    process::quiet(abidw.current_dir(&folder))
}

/// The functions of a header with empty bodies, and its numbers as an enumeration.
fn empty_functions(header: &str) -> String {
    let mut text = String::from("#include <zamok.h>\n");
    let mut inside = false;
    for line in header.lines() {
        inside |= !declared(line).is_empty();
        if inside {
            text += line.trim_end_matches(';');
            text += "\n";
            if line.ends_with(';') {
                text += "{ __builtin_trap(); }\n";
                inside = false;
            }
        }
    }
    text += "enum constants {\n";
    for line in header.lines() {
        let constant = line.strip_prefix("#define ZAMOK_").and_then(|rest| rest.split_once(' '));
        if let Some((name, value)) = constant.filter(|(_, value)| value.parse::<u64>().is_ok()) {
            text += &format!("    constant_{name} = {value},\n");
        }
    }
    text += "};\nenum constants constants(void) { __builtin_trap(); }\n";
    text
}

/// Keeps the present ABI as the announced one.
fn keep_abi(place: &Place, house: &House) -> Result<(), Failure> {
    fs::write(place.root.join(BASELINE), described(place, house)?)
        .map_err(|error| format!("{BASELINE}: {error}"))
}

/// Nothing of the announced ABI was changed or taken away; what was added is announced by keeping it.
fn compare_abi(place: &Place, house: &House) -> Result<Outcome, Failure> {
    let now = house.folder.join("now.abi");
    fs::write(&now, described(place, house)?).map_err(|error| format!("{}: {error}", now.display()))?;
    let mut abidiff = Command::new("abidiff");
    abidiff.arg("--harmless").arg(place.root.join(BASELINE)).arg(&now);
    let compared = process::shown(&mut abidiff)?;
    if compared.succeeded {
        return Ok(Outcome::Holds);
    }
    Err("the ABI is not the announced one. Something was added: `cargo xtask c --abi` keeps it. Something was changed or taken \
         away: first a new ZAMOK_ABI_VERSION and SONAME (bindings/c/README.md)"
        .into())
}

fn cpp(place: &Place, house: &House) -> Result<Outcome, Failure> {
    let program = house.outside().join("header-cpp");
    let mut compiler = Command::new("g++");
    compiler.args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    link(&mut compiler, house, &place.root.join(BINDING).join("tests/header.cpp"), &program);
    shown(&mut compiler)?;
    tiers::one_test(&mut house.run(&program))
}

/// Sources of the tree, the installed header and library.
pub(crate) fn link(compiler: &mut Command, house: &House, source: &Path, program: &Path) {
    compiler.arg(source).arg("-o").arg(program);
    compiler
        .arg("-I")
        .arg(house.prefix.join("include"))
        .arg("-L")
        .arg(house.library_folder())
        .args(["-lzamok", "-pthread"]);
    compiler.current_dir(house.outside());
}

fn test(
    place: &Place,
    house: &House,
    name: &str,
    flags: &[&str],
    valgrind: bool,
) -> Result<Outcome, Failure> {
    let program = house.outside().join(format!("{name}{}{}", flags.len(), u8::from(valgrind)));
    let mut compiler = Command::new("cc");
    compiler.args(WARNINGS).args(["-g", "-O1"]).args(flags);
    let source = place.root.join(BINDING).join(format!("tests/{name}.c"));
    link(&mut compiler, house, &source, &program);
    shown(&mut compiler)?;
    let work = program.with_extension("work");
    fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    let mut command = if valgrind {
        let mut valgrind = house.run(Path::new("valgrind"));
        // What lives as long as the program is no leak; threads of the library may still run at the end.
        valgrind.args([
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--show-leak-kinds=definite",
            "--errors-for-leak-kinds=definite",
            "--child-silent-after-fork=yes",
        ]);
        valgrind.arg(&program);
        valgrind
    } else {
        house.run(&program)
    };
    match name {
        "engine" => command.arg(place.root.join("vectors")),
        "vault" | "keys" | "store" | "operations" | "secrets" | "messages" | "devices" => command.arg(&work),
        _ => &mut command,
    };
    tiers::one_test(&mut command)
}

fn examples_by_pkg_config(place: &Place, house: &House) -> Result<Outcome, Failure> {
    for prefix in [&house.prefix, &house.elsewhere()] {
        for example in ["verify", "login", "sign"] {
            // The shell reads what pkg-config says, which escapes blanks for it.
            let mut shell = Command::new("sh");
            shell.args([
                "-c",
                "said=$(pkg-config --cflags --libs zamok) || exit; eval 'cc -std=c99 -Wall -Wextra -Wpedantic -Werror \
                 \"$0\" -o \"$1\"' \"$said\"",
            ]);
            shell.arg(place.root.join(BINDING).join(format!("examples/{example}.c"))).arg(example);
            shell.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
            shown(shell.current_dir(house.outside()))?;
        }
        run_examples(house, &house.outside())?;
    }
    Ok(Outcome::Holds)
}

fn examples_by_cmake(place: &Place, house: &House) -> Result<Outcome, Failure> {
    let build = house.outside().join("examples");
    shown(
        Command::new("cmake")
            .arg("-S")
            .arg(place.root.join(BINDING).join("examples"))
            .arg("-B")
            .arg(&build)
            .arg(format!("-DCMAKE_PREFIX_PATH={}", house.prefix.display())),
    )?;
    shown(Command::new("cmake").arg("--build").arg(&build))?;
    shown(&mut Command::new(build.join("verify-static")))?;
    run_examples(house, &build)
}

fn run_examples(house: &House, folder: &Path) -> Result<Outcome, Failure> {
    shown(&mut house.run(&folder.join("verify")))?;
    // A wrong code, a malformed secret: the documented exits.
    for (arguments, expected) in [(["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "000000x"], 1), (["1", "000000"], 2)]
    {
        let status =
            house.run(&folder.join("verify")).args(arguments).status().map_err(|error| error.to_string())?;
        if status.code() != Some(expected) {
            return Err(format!("verify {}: {status}, not {expected}", arguments.join(" ")));
        }
    }
    shown(&mut house.run(&folder.join("login")))?;
    let note = house.outside().join("note.txt");
    fs::write(&note, "I owe you 100.").map_err(|error| error.to_string())?;
    shown(house.run(&folder.join("sign")).arg("note.txt"))?;
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-verify", "note.txt.pem", "-signature", "note.txt.sig", "note.txt"]);
    shown(openssl.current_dir(house.outside()))?;
    // Over another text the signature is nothing.
    fs::write(&note, "I owe you 900.").map_err(|error| error.to_string())?;
    if process::quiet(openssl.current_dir(house.outside())).is_ok() {
        return Err("openssl accepts the signature of another text".into());
    }
    Ok(Outcome::Holds)
}

/// The engine as a static library for firmware: it links without a C library and without an allocator, and computes.
fn firmware(place: &Place, house: &House) -> Result<Outcome, Failure> {
    const FOLDER: &str = "bindings/c/firmware";
    let host = bare::host()?;
    if host != "x86_64-unknown-linux-gnu" {
        return Ok(Outcome::NotRun(format!(
            "its entry point and its system call are for x86-64 Linux, this is {host}"
        )));
    }
    let manifest = format!("{FOLDER}/Cargo.toml");
    // The same versions as in the workspace: cargo takes from its lock file what this library needs.
    let lock = manifests::contents(&place.root, "Cargo.lock")?;
    let copy = place.root.join(FOLDER).join("Cargo.lock");
    fs::write(&copy, lock).map_err(|error| format!("{}: {error}", copy.display()))?;
    for chore in [&["fmt", "--check"][..], &["clippy", "--quiet"], &["build", "--quiet"]] {
        let mut cargo = process::cargo(place, chore);
        cargo.args(["--manifest-path", &manifest]);
        if chore[0] != "fmt" {
            cargo.args(["--target", &host]).arg("--target-dir").arg(&place.target);
        }
        shown(&mut cargo)?;
    }
    let library = place.target.join(&host).join("debug/libzamok_engine.a");
    let program = house.outside().join("firmware");
    let mut compiler = Command::new("cc");
    compiler.args([
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        "-ffreestanding",
        "-fno-stack-protector",
    ]);
    compiler.args(["-nostdlib", "-static", "-DZAMOK_ENGINE_ONLY", "-Wl,--gc-sections"]);
    compiler
        .arg("-I")
        .arg(house.prefix.join("include"))
        .arg(place.root.join(BINDING).join("tests/firmware.c"));
    compiler.arg(&library).arg("-o").arg(&program);
    shown(&mut compiler)?;
    tiers::one_test(&mut Command::new(program))
}

/// Runs to the end, and fails where the program does.
pub(crate) fn shown(command: &mut Command) -> Result<(), Failure> {
    let finished = process::shown(command)?;
    if finished.succeeded {
        return Ok(());
    }
    Err(format!("{}: {}", command.get_program().to_string_lossy(), finished.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_a_header_and_nothing_else() {
        let header = " * zamok_in_a_comment() does\n// zamok_login() is\ntypedef int32_t zamok_status;\n\
                      zamok_status zamok_login(const zamok_cabinet *cabinet,\n                         size_t zamok_odd(x));\n\
                      const char *zamok_version(void);\n#define ZAMOK_ALIGNED(n) alignas(n)\n";
        assert_eq!(declared(header), ["zamok_login", "zamok_version"]);
        let empty = empty_functions(&format!("{header}#define ZAMOK_OK 0\n"));
        assert_eq!(empty.matches("__builtin_trap").count(), 3, "{empty}");
        assert!(empty.contains("constant_OK = 0,"), "{empty}");
    }
}
