//! The Python package: a wheel, made once, put into a fresh environment, and tested from outside the tree; then its types and pages.

use crate::cargo_output::Counts;
use crate::report::{Outcome, Report};
use crate::{Failure, Place, process, setup};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const PACKAGE: &str = "bindings/python";
/// Programs that type checkers look at, besides the package itself.
const CHECKED: &[&str] = &[
    "bindings/python/tests",
    "bindings/python/docs/conf.py",
    "examples/python/login.py",
    "examples/python/enrol.py",
    "examples/python/verify_proof.py",
];

/// Where all of it lies below the target folder.
fn folder(place: &Place) -> PathBuf {
    place.target.join("python")
}

/// The interpreter of the environment with the wheel.
pub(crate) fn interpreter(place: &Place) -> PathBuf {
    folder(place).join("venv/bin/python3")
}

pub(crate) fn command(place: &Place, arguments: &[String]) -> Result<ExitCode, Failure> {
    crate::only_switches(arguments, &["--full"])?;
    let mut report = Report::default();
    report.step("setup", || setup::complete(place).map(|()| Outcome::Holds));
    if report.holds() {
        steps(&mut report, place, if arguments.is_empty() { "ci" } else { "full" });
    }
    Ok(report.finish())
}

/// Everything about the package. Without a wheel nothing else is tried.
pub(crate) fn steps(report: &mut Report, place: &Place, tier: &str) {
    report.step("python wheel", || wheel(place, "dev").map(|()| Outcome::Holds));
    if !report.holds_last() {
        return;
    }
    report.step("pytest", || pytest(place, tier));
    report.step("python types", || types(place));
    report.step("python pages", || pages(place));
}

/// Makes the wheel in a profile and installs it into a fresh environment.
pub(crate) fn wheel(place: &Place, profile: &str) -> Result<(), Failure> {
    let wheels = folder(place).join("wheels").join(profile);
    emptied(&wheels)?;
    let mut maturin = Command::new(tool(place, "maturin"));
    maturin.args(["build", "--quiet", "--locked", "--profile", profile, "--target-dir"]).arg(&place.target);
    maturin.arg("--out").arg(&wheels).arg("--manifest-path").arg(place.root.join(PACKAGE).join("Cargo.toml"));
    // maturin starts cargo, which must be the one that built everything else.
    maturin.env("CARGO", std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    maturin.current_dir(&place.root).env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    // Unseen: `compare --json` prints objects and nothing else. What went wrong is in the failure.
    process::quiet(&mut maturin)?;
    let wheel = only_file(&wheels)?;
    let venv = folder(place).join("venv");
    process::quiet(Command::new("python3").args(["-m", "venv", "--clear", "--without-pip"]).arg(&venv))?;
    let mut pip = Command::new(setup::venv_python(place));
    pip.args(["-m", "pip", "--disable-pip-version-check", "--python"]).arg(interpreter(place));
    process::quiet(pip.args(["install", "--quiet", "--no-index", "--no-deps"]).arg(&wheel))?;
    // The tools and peers come from the environment that setup made; the package comes from the wheel alone.
    let site = |python: PathBuf| {
        let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
        process::quiet(Command::new(python).args(["-c", ask])).map(|path| path.trim_end().to_owned())
    };
    let tools = site(setup::venv_python(place))?;
    let list = Path::new(&site(interpreter(place))?).join("tools.pth");
    std::fs::write(&list, format!("{tools}\n")).map_err(|error| format!("{}: {error}", list.display()))
}

fn pytest(place: &Place, tier: &str) -> Result<Outcome, Failure> {
    let outside = outside(place)?;
    let mut pytest = python(place, &outside);
    pytest.args(["-m", "pytest", "-c"]).arg(place.root.join(PACKAGE).join("pyproject.toml"));
    pytest.arg("--rootdir").arg(&outside).arg(place.root.join(PACKAGE).join("tests"));
    pytest.env("ZAMOK_TIER", tier).env("ZAMOK_PYOTP", setup::pyotp_tests(place));
    // What the program keeps in a store, the package has to go by.
    process::quiet(&mut process::cargo(
        place,
        &["build", "--quiet", "--package", "zamok-cli", "--bin", "zamok"],
    ))?;
    pytest.env("ZAMOK_PROGRAM", place.target.join("debug/zamok"));
    let finished = process::shown(&mut pytest)?;
    let counts = summary(&finished.output);
    let complaint = match counts {
        _ if !finished.succeeded => Some(format!("pytest: {}", finished.status)),
        Counts { passed: 0, .. } => Some("no test ran".to_owned()),
        Counts { ignored_count: 1.., .. } => Some("a test was skipped".to_owned()),
        _ => None,
    };
    Ok(Outcome::Tests { counts, complaint })
}

/// The stubs against the module, and two type checkers over tests and examples.
fn types(place: &Place) -> Result<Outcome, Failure> {
    let outside = outside(place)?;
    let configuration = place.root.join(PACKAGE).join("pyproject.toml");
    let mut stubtest = python(place, &outside);
    stubtest
        .args(["-m", "mypy.stubtest", "--ignore-disjoint-bases", "--mypy-config-file"])
        .arg(&configuration);
    stubtest.arg("zamok");
    let mypy = || {
        let mut mypy = python(place, &outside);
        mypy.args(["-m", "mypy", "--strict", "--cache-dir"]).arg(outside.join("mypy")).arg("--config-file");
        mypy.arg(&configuration).arg("--python-executable").arg(interpreter(place));
        mypy
    };
    let (mut package, mut users) = (mypy(), mypy());
    package.args(["--package", "zamok"]);
    users.args(CHECKED.iter().map(|file| place.root.join(file)));
    // Pyright is a program for Node.js.
    let mut pyright = Command::new(tool(place, "node"));
    pyright.arg(setup::pyright(place)).arg("--project").arg(place.root.join(PACKAGE).join("pyright.json"));
    pyright.arg("--pythonpath").arg(interpreter(place)).current_dir(&outside);
    let checks = [
        ("stubtest", &mut stubtest),
        ("mypy, the package", &mut package),
        ("mypy, its users", &mut users),
        ("pyright", &mut pyright),
    ];
    for (name, command) in checks {
        let finished = process::shown(command)?;
        if !finished.succeeded {
            return Err(format!("{name}: {}", finished.status));
        }
    }
    Ok(Outcome::Holds)
}

/// The site, with warnings as errors, and every example in it.
fn pages(place: &Place) -> Result<Outcome, Failure> {
    let outside = outside(place)?;
    for builder in ["html", "doctest"] {
        let mut sphinx = python(place, &outside);
        sphinx.args(["-m", "sphinx", "--quiet", "--fail-on-warning", "--fresh-env", "--builder", builder]);
        sphinx.arg("--doctree-dir").arg(outside.join("doctrees"));
        sphinx.arg(place.root.join(PACKAGE).join("docs")).arg(folder(place).join("docs").join(builder));
        let finished = process::shown(&mut sphinx)?;
        if !finished.succeeded {
            return Err(format!("sphinx {builder}: {}", finished.status));
        }
    }
    Ok(Outcome::Holds)
}

/// A folder outside the tree, so that nothing but the wheel can be imported.
fn outside(place: &Place) -> Result<PathBuf, Failure> {
    let outside = folder(place).join("outside");
    std::fs::create_dir_all(&outside).map_err(|error| format!("{}: {error}", outside.display()))?;
    Ok(outside)
}

fn python(place: &Place, folder: &Path) -> Command {
    let mut python = Command::new(interpreter(place));
    python.current_dir(folder).stdin(std::process::Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1");
    python.env_remove("PYTHONPATH");
    python
}

/// A program of the environment that setup made.
fn tool(place: &Place, name: &str) -> PathBuf {
    place.target.join("venv/bin").join(name)
}

fn emptied(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    std::fs::create_dir_all(folder).map_err(failed)
}

fn only_file(folder: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut found = std::fs::read_dir(folder).map_err(failed)?.flatten().map(|entry| entry.path());
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        _ => Err(format!("{}: one wheel is expected", folder.display())),
    }
}

/// The last line of pytest: `3 failed, 120 passed, 1 skipped, 2 errors in 12.3s`.
fn summary(output: &str) -> Counts {
    let line = output.lines().rev().find(|line| {
        line.contains(" in ") && line.contains("passed") || line.contains("failed") || line.contains("error")
    });
    let line = line.unwrap_or_default().trim_matches('=');
    let number = |label: &str| {
        let before = line.split([',', ' ']).collect::<Vec<_>>();
        let place = before.iter().position(|word| word.starts_with(label));
        place.and_then(|place| before[..place].iter().rev().find_map(|word| word.parse().ok())).unwrap_or(0)
    };
    Counts {
        passed: number("passed"),
        failed: number("failed") + number("error"),
        ignored_count: number("skipped") + number("xfailed") + number("deselected"),
        ignored: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_pytest_is_read() {
        let counts =
            |passed, failed, ignored_count| Counts { passed, failed, ignored: Vec::new(), ignored_count };
        assert_eq!(summary("....\n12 passed in 3.21s\n"), counts(12, 0, 0));
        assert_eq!(summary("2 failed, 10 passed, 1 skipped, 1 error in 3.21s"), counts(10, 3, 1));
        assert_eq!(summary("==== 1 failed in 0.5s ===="), counts(0, 1, 0));
        assert_eq!(summary("no tests ran in 0.01s"), counts(0, 0, 0));
    }
}
