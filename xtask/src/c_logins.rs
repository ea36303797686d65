//! Logins through the installed C library: by the lines of the front pages, and by PAM.

use crate::c_binding::{House, WARNINGS, link, shown};
use crate::process::Finished;
use crate::report::Outcome;
use crate::{Failure, Place, manifests, process};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PASSPHRASE: &str = "six random words or more";
const PASSWORD: &str = "a garden behind the station";

/// What an excerpt on a page leaves out: where its names come from, of which it needs some.
const BEFORE_AN_EXCERPT: &str = "#include <string.h>\n#include <zamok.h>\n#define TEXT(t) (t), strlen(t)\n\
    struct given {\nconst char *code, *url, *carriers_id, *two_of_them, *password, *endpoint, *typed;\n\
    const uint8_t *receipt, *key, *secret, *public_key, *request, *signature;\n\
    size_t receipt_length, public_key_length, signature_length;\n\
    const zamok_cabinet *bank;\nconst zamok_session *session;\nconst zamok_vault *officer;\n};\n\
    void excerpt(const struct given *given);\nvoid excerpt(const struct given *given)\n{\n\
    const char *code = given->code, *url = given->url, *carriers_id = given->carriers_id;\n\
    const char *two_of_them = given->two_of_them, *password = given->password, *endpoint = given->endpoint;\n\
    const char *typed = given->typed;\nconst uint8_t *receipt = given->receipt, *key = given->key;\n\
    const uint8_t *secret = given->secret, *public_key = given->public_key, *request = given->request;\n\
    const uint8_t *signature = given->signature;\nsize_t public_key_length = given->public_key_length;\n\
    size_t signature_length = given->signature_length;\n\
    size_t receipt_length = given->receipt_length;\nconst zamok_cabinet *bank = given->bank;\n\
    const zamok_session *session = given->session;\nconst zamok_vault *officer = given->officer;\n\
    zamok_content *content;\nzamok_operation *operation, *confirmed;\nzamok_challenge *challenge = NULL;\n\
    zamok_session *let_in;\nzamok_cabinet *made;\nzamok_device_info device = { .size = sizeof device };\n\
    zamok_approach approach = { .size = sizeof approach };\nchar token[ZAMOK_DEVICE_TOKEN_LENGTH + 1], shown[16];\n\
    uint8_t to_sign[256];\nzamok_vault *vault;\nzamok_outbox *outbox;\nzamok_message *message;\n\
    zamok_message_info info = { .size = sizeof info };\nstruct zamok_id id, attempt;\n\
    char text[1000], address[300], texts[3 * ZAMOK_SHARE_MAX + 1];\nuint8_t kept[100];\nsize_t length;\n\
    uint32_t matched, number;\nzamok_request_id(bank, &attempt);\n";

/// The C of the front pages. The first block of each, as somebody copies it into a program of his own, lets in whoever brings a
/// right code, once; what follows is an excerpt that leaves statuses out, and compiles.
pub(crate) fn front_pages(place: &Place, house: &House) -> Result<Outcome, Failure> {
    for page in ["README.md", "bindings/c/README.md"] {
        let work = house.outside().join(page.replace('/', "-"));
        // The page opens `bank.db` where it runs.
        let store = format!("sqlite:{}", work.join("bank.db").display());
        let phone = Enrolled::new(place, &store, &work, PASSPHRASE, PASSWORD)?;
        let (source, program) = (work.join("page.c"), work.join("page"));
        let contents = manifests::contents(&place.root, page)?;
        for excerpt in blocks(&contents).skip(1) {
            fs::write(&source, format!("{BEFORE_AN_EXCERPT}{excerpt}}}\n"))
                .map_err(|error| format!("{}: {error}", source.display()))?;
            let mut compiler = Command::new("cc");
            compiler.args(WARNINGS).args(["-Wno-unused", "-Wno-unused-result", "-shared", "-fPIC"]);
            link(&mut compiler, house, &source, &program);
            shown(&mut compiler)?;
        }
        let text = program_of(&contents)?;
        fs::write(&source, text).map_err(|error| format!("{}: {error}", source.display()))?;
        let mut compiler = Command::new("cc");
        compiler.args(WARNINGS);
        link(&mut compiler, house, &source, &program);
        shown(&mut compiler)?;
        let code = phone.code(30)?;
        for (code, expected, said) in
            [("000000", 1, "rejected\n"), (code.as_str(), 0, ""), (code.as_str(), 1, "rejected\n")]
        {
            let mut run = house.run(&program);
            let output = run.args([PASSPHRASE, "ivan", PASSWORD, code]).current_dir(&work).output();
            let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
            let found = String::from_utf8_lossy(&output.stderr);
            if output.status.code() != Some(expected) || found != said {
                return Err(format!("{page}: {}, and not {expected}: {found}", output.status));
            }
        }
    }
    Ok(Outcome::Holds)
}

/// The blocks of C on a page.
fn blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("```c\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0))
}

/// The first block of C on a page, with what stands around it in a program.
fn program_of(page: &str) -> Result<String, Failure> {
    let block = blocks(page).next().ok_or("a page with a block of C is expected")?;
    Ok(format!(
        "#include <stdio.h>\n#include <string.h>\n#include <zamok.h>\n#define TEXT(t) (t), strlen(t)\n\
         int main(int argc, char **argv)\n{{\nif (argc != 5)\n    return 9;\nconst char *passphrase = argv[1], \
         *login = argv[2], *password = argv[3], *code = argv[4];\n{block}return status != ZAMOK_OK;\n}}\n"
    ))
}

/// Logins of PAM with `pamtester`, over cabinets that the program `zamok` made, with codes of `oathtool`.
pub(crate) fn pam(place: &Place, house: &House) -> Result<Outcome, Failure> {
    pam_lets_in_a_code_once(place, house)?;
    pam_names_the_anchor(place, house)?;
    pam_begins_no_threads(place, house)?;
    pam_tells_faults_of_the_service_from_what_was_typed(place, house)?;
    pam_takes_a_passphrase_of_its_own_alone(place, house)?;
    pam_reads_the_passphrase_as_the_program_does(place, house)?;
    pam_knows_from_where_and_leaves_no_session(place, house)?;
    Ok(Outcome::Holds)
}

/// A cabinet in a folder of its own, and the module over it.
struct PamService<'a> {
    house: &'a House,
    work: PathBuf,
    store: String,
}

impl<'a> PamService<'a> {
    fn new(house: &'a House, folder: &str) -> Result<Self, Failure> {
        let work = house.outside().join(folder);
        fs::create_dir_all(work.join("pam.d")).map_err(|error| error.to_string())?;
        let store = format!("sqlite:{}", work.join("bank.db").display());
        Ok(Self { house, work, store })
    }

    /// What stands in the service's file, with options besides those that are needed.
    fn configure(&self, options: &str) -> Result<(), Failure> {
        let module = self.house.library_folder().join("security/pam_zamok.so");
        let (module, store, secret) = (module.display(), &self.store, self.work.join("passphrase"));
        let line =
            format!("auth required {module} store={store} passphrase_file={} {options}\n", secret.display());
        fs::write(self.work.join("pam.d/zamok"), line).map_err(|error| error.to_string())
    }

    /// Whether ivan is let in.
    fn attempt(&self, code: &str) -> Result<bool, Failure> {
        Ok(self.typed(b"ivan", PASSWORD.as_bytes(), code, "")?.succeeded)
    }

    /// The path of a library that was made of this source.
    fn library(&self, name: &str, source: &str) -> Result<String, Failure> {
        let (written, library) =
            (self.work.join(name).with_extension("c"), self.work.join(name).with_extension("so"));
        fs::write(&written, source).map_err(|error| format!("{}: {error}", written.display()))?;
        shown(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&written))?;
        Ok(library.display().to_string())
    }

    /// What PAM says to somebody, with one more library in the program where one is named.
    fn typed(&self, user: &[u8], password: &[u8], code: &str, library: &str) -> Result<Finished, Failure> {
        self.typed_from("", user, password, code, library)
    }

    /// The same from a host, where one is named.
    fn typed_from(
        &self,
        host: &str,
        user: &[u8],
        password: &[u8],
        code: &str,
        library: &str,
    ) -> Result<Finished, Failure> {
        let mut pamtester = self.house.run(Path::new("pamtester"));
        if !host.is_empty() {
            pamtester.arg("-I").arg(format!("rhost={host}"));
        }
        pamtester.arg("zamok").arg(OsStr::from_bytes(user)).arg("authenticate");
        pamtester.env("LD_PRELOAD", format!("libpam_wrapper.so {library}")).env("PAM_WRAPPER", "1");
        pamtester.env("PAM_WRAPPER_SERVICE_DIR", self.work.join("pam.d"));
        pamtester.env("ZAMOK_READABLE", PASSPHRASE.len().to_string());
        process::answering(&mut pamtester, &[password, b"\n", code.as_bytes(), b"\n"].concat())
    }
}

/// A library in which the program runs as somebody else than whom the file of the passphrase belongs to.
const SOMEBODY_ELSE: &str = "#include <unistd.h>\nuid_t geteuid(void)\n{\nreturn getuid() + 1;\n}\n";

/// A passphrase that belongs to somebody else may be his.
fn pam_takes_a_passphrase_of_its_own_alone(place: &Place, house: &House) -> Result<(), Failure> {
    let service = PamService::new(house, "pam-owner")?;
    service.configure("")?;
    let phone = Enrolled::new(place, &service.store, &service.work, PASSPHRASE, PASSWORD)?;
    let library = service.library("owner", SOMEBODY_ELSE)?;
    let code = phone.code(30)?;
    let said = service.typed(b"ivan", PASSWORD.as_bytes(), &code, &library)?;
    if said.succeeded || !said.output.contains("cannot retrieve authentication info") {
        return Err(format!("a passphrase in a file of somebody else was taken: {}", said.output));
    }
    // The code was not looked at.
    if service.attempt(&code)? { Ok(()) } else { Err("the owner of the passphrase was not let in".into()) }
}

/// Of a file the end of one line is left out, and no more: a vault that `zamok` made with the rest opens.
fn pam_reads_the_passphrase_as_the_program_does(place: &Place, house: &House) -> Result<(), Failure> {
    let line = format!("{PASSPHRASE}\n");
    let returns = format!("{PASSPHRASE}\r\r");
    let long = PASSPHRASE.repeat(150);
    for (folder, passphrase) in [("pam-line", &line), ("pam-returns", &returns), ("pam-long", &long)] {
        let service = PamService::new(house, folder)?;
        service.configure("")?;
        let phone = Enrolled::new(place, &service.store, &service.work, passphrase, PASSWORD)?;
        let said = service.typed(b"ivan", PASSWORD.as_bytes(), &phone.code(30)?, "")?;
        if !said.succeeded {
            return Err(format!("{folder}: the passphrase of the vault was not read: {}", said.output));
        }
    }
    Ok(())
}

/// Limits of the account are held against an address, a name says nothing, and PAM's own session is the only one that stays.
fn pam_knows_from_where_and_leaves_no_session(place: &Place, house: &House) -> Result<(), Failure> {
    let service = PamService::new(house, "pam-from")?;
    service.configure("")?;
    let phone = Enrolled::new(place, &service.store, &service.work, PASSPHRASE, PASSWORD)?;
    let limit = ["accounts", "limit", "ivan", "--network", "192.0.2.0/24"];
    zamok(place, &service.store, &service.work, &limit)?;
    let code = phone.code(30)?;
    for host in ["host.example", "198.51.100.1"] {
        let said = service.typed_from(host, b"ivan", PASSWORD.as_bytes(), &code, "")?;
        if said.succeeded || !said.output.contains("Authentication failure") {
            return Err(format!("PAM, from {host}: a rejection is expected, not {}", said.output));
        }
    }
    let said = service.typed_from("192.0.2.7", b"ivan", PASSWORD.as_bytes(), &code, "")?;
    if !said.succeeded {
        return Err(format!("PAM, from within the limits: {}", said.output));
    }
    let left = zamok(place, &service.store, &service.work, &["sessions", "list", "ivan", "--json"])?;
    if left.contains("\"sessions\":[]") { Ok(()) } else { Err(format!("PAM left a session: {left}")) }
}

/// A vault that opens only with its anchor is opened where the service names it.
fn pam_names_the_anchor(place: &Place, house: &House) -> Result<(), Failure> {
    let service = PamService::new(house, "pam-anchored")?;
    let phone = Enrolled::new(place, &service.store, &service.work, PASSPHRASE, PASSWORD)?;
    let anchor = service.work.join("anchor").display().to_string();
    zamok(place, &service.store, &service.work, &["journal", "anchor", &anchor])?;
    let code = phone.code(30)?;
    for (options, lets_in) in [
        (String::new(), false),
        ("anchor=".to_owned(), false),
        (format!("anchor={anchor}.gone"), false),
        (format!("anchor={anchor}"), true),
    ] {
        service.configure(&options)?;
        if service.attempt(&code)? != lets_in {
            return Err(format!("a vault with an anchor, {options:?}: let in should be {lets_in}"));
        }
    }
    Ok(())
}

/// A library whose read() of the passphrase fails after as many bytes as `ZAMOK_READABLE` says.
const A_DISK_THAT_FAILS: &str = "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n#include <stdio.h>\n\
    #include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\nssize_t read(int file, void *to, size_t length)\n{\n\
    static size_t done;\nchar name[64], path[4096];\nsnprintf(name, sizeof name, \"/proc/self/fd/%d\", file);\n\
    ssize_t end = readlink(name, path, sizeof path);\n\
    if (end > 10 && memcmp(path + end - 11, \"/passphrase\", 11) == 0) {\n\
    size_t most = strtoul(getenv(\"ZAMOK_READABLE\"), NULL, 10) - done;\nif (most == 0) {\nerrno = EIO;\nreturn -1;\n}\n\
    length = length < most ? length : most;\ndone += length;\n}\n\
    return ((ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, \"read\"))(file, to, length);\n}\n";

/// Whoever types bytes that are no text is rejected as for anything else that is wrong, while a store that is not there, or a
/// passphrase that cannot be read to its end, is the service's fault: stacks of PAM treat the two differently.
fn pam_tells_faults_of_the_service_from_what_was_typed(place: &Place, house: &House) -> Result<(), Failure> {
    const REJECTED: &str = "Authentication failure";
    const UNAVAILABLE: &str = "cannot retrieve authentication info";
    let service = PamService::new(house, "pam-typed")?;
    service.configure("")?;
    let phone = Enrolled::new(place, &service.store, &service.work, PASSPHRASE, PASSWORD)?;
    let expect = |what: &str, said: Finished, expected: &str| {
        if said.output.contains(expected) && !said.succeeded {
            Ok(())
        } else {
            Err(format!("PAM, {what}: {expected:?} is expected, not {}", said.output))
        }
    };
    let code = phone.code(30)?;
    let long = [b'x'; 400];
    for (what, user, password) in [
        ("a user that is no text", &b"iv\xff"[..], PASSWORD.as_bytes()),
        ("a password that is no text", b"ivan", b"a garden\xff"),
        ("a long user", &long, PASSWORD.as_bytes()),
        ("a long password", b"ivan", &long),
    ] {
        expect(what, service.typed(user, password, &code, "")?, REJECTED)?;
    }
    let nowhere = PamService { house, work: service.work.clone(), store: "sqlite:/nowhere.db".to_owned() };
    nowhere.configure("")?;
    expect("no store", nowhere.typed(b"iv\xff", b"\xff", &code, "")?, UNAVAILABLE)?;
    let elevated = service.library("elevated", ELEVATED)?;
    let said = nowhere.typed(b"ivan", PASSWORD.as_bytes(), &code, &elevated)?;
    expect("no store in a set-user-ID program", said, REJECTED)?;
    service.configure("")?;
    // What those who log in can cause by coming in crowds is no fault that a stack may pass over.
    for status in [501, 502, 518, 807] {
        let source = format!("int zamok_login_from(void)\n{{\nreturn {status};\n}}\n");
        let library = service.library(&format!("crowd-{status}"), &source)?;
        let said = service.typed(b"ivan", PASSWORD.as_bytes(), &code, &library)?;
        expect(&format!("status {status}"), said, REJECTED)?;
    }

    // What is left of a passphrase that was not read to its end is another one, even where it is the right one.
    let library = service.library("disk", A_DISK_THAT_FAILS)?;
    fs::write(service.work.join("passphrase"), format!("{PASSPHRASE} and more\n"))
        .map_err(|error| error.to_string())?;
    expect("a disk that fails", service.typed(b"ivan", PASSWORD.as_bytes(), &code, &library)?, UNAVAILABLE)
}

/// A library in which the program was started with more rights than whoever started it has.
const ELEVATED: &str = "#define _GNU_SOURCE\n#include <dlfcn.h>\nunsigned long getauxval(unsigned long type)\n{\n\
    return type == 23 ? 1 : ((unsigned long (*)(unsigned long))dlsym(RTLD_NEXT, \"getauxval\"))(type);\n}\n";

/// A library in which no thread begins.
const NO_THREADS: &str = "#include <errno.h>\nint pthread_create(void *a, const void *b, void *(*c)(void *), void *d)\n{\n\
    (void)a, (void)b, (void)c, (void)d;\nreturn EAGAIN;\n}\n";

/// Programs that call PAM have one thread, and keep it so.
fn pam_begins_no_threads(place: &Place, house: &House) -> Result<(), Failure> {
    let service = PamService::new(house, "pam-threads")?;
    service.configure("")?;
    let phone = Enrolled::new(place, &service.store, &service.work, PASSPHRASE, PASSWORD)?;
    let library = service.library("threads", NO_THREADS)?;
    let said = service.typed(b"ivan", PASSWORD.as_bytes(), &phone.code(30)?, &library)?;
    if said.succeeded { Ok(()) } else { Err(format!("PAM wants a thread: {}", said.output)) }
}

fn pam_lets_in_a_code_once(place: &Place, house: &House) -> Result<(), Failure> {
    let service = PamService::new(house, "pam")?;
    service.configure("")?;
    let phone = Enrolled::new(place, &service.store, &service.work, PASSPHRASE, PASSWORD)?;
    let (attempt, secret) = (|code: &str| service.attempt(code), service.work.join("passphrase"));
    let code = phone.code(30)?;
    if attempt("000000")? {
        return Err("pamtester was let in with a wrong code".into());
    }
    // A passphrase that others can read or write is not taken; the code is not looked at, and still counts below.
    let set = |mode| {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).map_err(|error| error.to_string())
    };
    for mode in [0o640, 0o620, 0o604, 0o602, 0o644] {
        set(mode)?;
        if attempt(&code)? {
            return Err(format!("a passphrase in a file of mode {mode:o} was taken"));
        }
    }
    set(0o600)?;
    // Nor one behind a link.
    let moved = service.work.join("passphrase.elsewhere");
    fs::rename(&secret, &moved).map_err(|error| error.to_string())?;
    std::os::unix::fs::symlink(&moved, &secret).map_err(|error| error.to_string())?;
    if attempt(&code)? {
        return Err("a passphrase behind a link was taken".into());
    }
    fs::rename(&moved, &secret).map_err(|error| error.to_string())?;
    if !attempt(&code)? {
        return Err("pamtester was not let in".into());
    }
    if attempt(&code)? {
        return Err("pamtester was let in twice with one code".into());
    }
    Ok(())
}

/// Runs the program `zamok` over a store, with the passphrase and the password that lie in files of `work`.
fn zamok(place: &Place, store: &str, work: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut command =
        process::cargo(place, &["run", "--quiet", "--package", "zamok-cli", "--bin", "zamok", "--"]);
    command.args(arguments).env("ZAMOK_STORE", store);
    command
        .env("ZAMOK_PASSPHRASE_FILE", work.join("passphrase"))
        .env("ZAMOK_PASSWORD_FILE", work.join("password"));
    process::quiet(&mut command)
}

/// Seconds of a time step (RFC 6238 §5.2).
const STEP: u64 = 30;

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// An account that `zamok` registered and enrolled, and its secret.
pub(crate) struct Enrolled {
    secret: String,
}

impl Enrolled {
    /// Makes the store, with passphrase and password in files of `work`.
    pub(crate) fn new(
        place: &Place,
        store: &str,
        work: &Path,
        passphrase: &str,
        password: &str,
    ) -> Result<Self, Failure> {
        fs::create_dir_all(work).map_err(|error| format!("{}: {error}", work.display()))?;
        for (file, text) in [("passphrase", passphrase), ("password", password)] {
            let file = work.join(file);
            fs::write(&file, format!("{text}\n")).map_err(|error| format!("{}: {error}", file.display()))?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))
                .map_err(|error| error.to_string())?;
        }
        let zamok = |arguments: &[&str]| zamok(place, store, work, arguments);
        for _ in 0..5 {
            zamok(&["init", "--issuer", "Bank", "--argon2-memory", "1"])?;
            zamok(&["register", "ivan"])?;
            let offered = zamok(&["enrol", "ivan", "--json"])?;
            let secret = offered.split_once("?secret=").and_then(|(_, rest)| rest.split(['&', '"']).next());
            let phone = Self { secret: secret.ok_or("zamok enrol shows no secret")?.to_owned() };
            // A code that comes a step late teaches the service a drift, by which the next one lies outside of the window.
            while seconds() % STEP > STEP / 3 {
                std::thread::sleep(Duration::from_millis(200));
            }
            let step = seconds() / STEP;
            zamok(&["enrol", "ivan", "--confirm", &phone.code(0)?])?;
            if seconds() / STEP == step {
                return Ok(phone);
            }
            // The machine stood still: once more, from the beginning.
            let store = store.strip_prefix("sqlite:").ok_or("a store in a file is expected")?;
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(format!("{store}{suffix}"));
            }
        }
        Err("five times in a row this machine took a whole step to confirm a code".to_owned())
    }

    /// The code that is shown so many seconds from now.
    pub(crate) fn code(&self, later: u64) -> Result<String, Failure> {
        let when = format!("now + {later} seconds");
        process::quiet(Command::new("oathtool").args(["--totp", "--base32", &self.secret, "--now", &when]))
            .map(|code| code.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_c_is_a_program_and_the_others_are_excerpts() {
        let page = "text\n```c\nzamok_status status = ZAMOK_OK;\n```\nmore\n```text\nx\n```\n";
        let program = program_of(page).unwrap();
        assert!(
            program.contains("*code = argv[4];\nzamok_status status = ZAMOK_OK;\nreturn status"),
            "{program}"
        );
        for wrong in ["no block", "```c\nendless"] {
            assert!(program_of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(blocks("```c\na\n```\n```c\nb\n```\n").collect::<Vec<_>>(), ["a\n", "b\n"]);
    }
}
