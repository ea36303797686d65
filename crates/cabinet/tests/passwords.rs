//! Passwords of other systems are taken over and made anew; the rules hold wherever a password is set; a change ends what the
//! old one had opened (R13, R14).
#![allow(missing_docs)]

mod harness;

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{House, light_policy, password};
use zamok_cabinet::watch::{Decision, Facts, Outcome, Watch};
use zamok_cabinet::{Begun, Cabinet, Error, ImportedPassword, Password, Weakness};
use zamok_core::event::EventKind;
use zamok_core::store::{RowKey, Table};
use zamok_core::vault::Transaction;
use zamok_core::{Error as CoreError, UnixTime};

const REJECTED: Error = Error::Core(CoreError::Rejected);
const ACCOUNTS: Table = Table(32);

/// What a program of the machine prints.
fn printed(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask setup` installs it"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Hashes of one password as other programs make them: Python's OpenSSL, and the crypt(3) of the machine through Perl.
fn hashes_of_others(password: &str) -> Vec<String> {
    let python = "
import base64, hashlib, hmac, sys
p = sys.stdin.buffer.read()
b = lambda x: base64.b64encode(x).decode()
u = lambda x: b(x).rstrip('=')
s = b'salt of sixteen!'
k = lambda d, n: hashlib.pbkdf2_hmac(d, p, s, n)
print('pbkdf2_sha256$20000$' + s.decode() + '$' + b(k('sha256', 20000)))
print('pbkdf2_sha1$20000$' + s.decode() + '$' + b(k('sha1', 20000)))
print('$pbkdf2-sha256$20000$' + u(s).replace('+', '.') + '$' + u(k('sha256', 20000)).replace('+', '.'))
print('$pbkdf2-sha512$i=20000,l=64$' + u(s) + '$' + u(k('sha512', 20000)))
y = lambda n, r, q: hashlib.scrypt(p, salt=s, n=n, r=r, p=q, dklen=64)
print('$scrypt$ln=12,r=8,p=1$' + u(s) + '$' + u(y(4096, 8, 1)))
print('scrypt$4096$' + s.decode() + '$8$2$' + b(y(4096, 8, 2)))
print(b(hashlib.sha256(p).digest()))
print(b(hmac.digest(b'abcdefghijklmnopqrstuu', p, 'sha256')))
";
    let mut hashes: Vec<String> =
        printed("python3", &["-c", python], password).lines().map(Into::into).collect();
    let (keyed, digest_text) = (hashes.pop().unwrap(), hashes.pop().unwrap());
    let perl = "local $/; my $p = <STDIN>; print crypt($p, '$2b$05$abcdefghijklmnopqrstuu')";
    let bcrypt = printed("perl", &["-e", perl], password);
    hashes.push(bcrypt.replace("$2b$", "$2y$"));
    hashes.push(format!("bcrypt${bcrypt}"));
    hashes.push(bcrypt);
    let digest = printed("sha256sum", &[], password);
    let digested = printed("perl", &["-e", perl], digest.split(' ').next().unwrap());
    hashes.push(format!("bcrypt_sha256${digested}"));
    for (before, parameters) in [(keyed, "v=2,t=2b,r=5"), (digest_text, "2b,5")] {
        let rest = printed("perl", &["-e", perl], &before).replace("$2b$05$", "");
        let (salt, hash) = rest.split_at(22);
        hashes.push(format!("$bcrypt-sha256${parameters}${salt}${hash}"));
    }
    hashes
}

#[test]
fn passwords_of_other_systems_open_once_and_are_then_argon2id() {
    for (round, text) in [
        "correct horse battery",
        "длинная фраза из четырёх слов и ещё немного, больше семидесяти двух байтов",
    ]
    .into_iter()
    .enumerate()
    {
        let hashes = hashes_of_others(text);
        assert_eq!(hashes.len(), 12);
        for (number, hash) in hashes.iter().enumerate() {
            let house = House::new();
            let imported = ImportedPassword::parse(hash).unwrap_or_else(|error| panic!("{hash}: {error}"));
            let login = format!("ivan.{round}.{number}");
            let account = house.cabinet.register_imported(&login, &imported).unwrap();
            let row = RowKey::new(ACCOUNTS, account.id.0);
            let version = || house.store.get(&row).unwrap().unwrap().version;
            let wrong = Password::new("wrong horse battery");
            assert_eq!(house.cabinet.begin_login(&login, &wrong), Err(REJECTED), "{hash}");
            assert_eq!(version(), 1, "{hash}: a wrong password changes no hash");
            for _ in 0..2 {
                let begun = house.cabinet.begin_login(&login, &Password::new(text));
                assert!(matches!(begun, Ok(Begun::Enrol(_))), "{hash}: {begun:?}");
                assert_eq!(version(), 2, "{hash}: made anew, once");
            }
            assert_eq!(house.cabinet.begin_login(&login, &wrong), Err(REJECTED), "{hash}");
        }
    }
}

/// An account that was registered with an imported hash, and the version of its row.
fn taken_in(house: &House, login: &str, hash: &str) -> impl Fn() -> u64 + use<> {
    let imported = ImportedPassword::parse(hash).unwrap_or_else(|error| panic!("{hash}: {error}"));
    let row = RowKey::new(ACCOUNTS, house.cabinet.register_imported(login, &imported).unwrap().id.0);
    let store = house.store.clone();
    move || store.get(&row).unwrap().unwrap().version
}

fn opens(house: &House, login: &str, text: &str) -> bool {
    match house.cabinet.begin_login(login, &Password::new(text)) {
        Ok(Begun::Enrol(_)) => true,
        Err(REJECTED) => false,
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn the_vectors_of_other_systems_open() {
    let house = House::new();
    for (number, (hash, text)) in [
        // Django, tests/auth_tests/test_hashers.py.
        (
            "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
            "l\u{e8}tmein",
        ),
        (
            "argon2$argon2id$v=19$m=102400,t=2,p=8$Y041dExhNkljRUUy$TMa6A8fPJhCAUXRhJXCXdw",
            "secret",
        ),
        // passlib, documentation of bcrypt_sha256.
        (
            "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
            "password",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let login = format!("ivan.{number}");
        let version = taken_in(&house, &login, hash);
        assert!(!opens(&house, &login, "passwort"), "{hash}");
        assert!(opens(&house, &login, text) && version() == 2, "{hash}");
    }
}

/// Made by argon2-cffi, bcrypt and Python's hashlib over passwords that have no normal form: a variation selector, a tab.
const WITHOUT_NORMAL_FORM: [(&str, &str); 3] = [
    (
        "pbkdf2_sha256$20000$seasalt$+LCrwwCyMfKR4wp2lYLnwKGRkyJ2GMSLHx7ZWwtcX7I=",
        "I \u{2764}\u{fe0f} my old dog",
    ),
    ("$2b$04$vRCR2BAWRoH3Glowg7rB4.5wUQ4E3yDkGtujKXsv4b4iJujdZFDKi", "correct\thorse"),
    (
        "$argon2id$v=19$m=64,t=1,p=1$NzRQvZCCUgYjizPeGTkqJg$vYKM3K3UK/zD0+dqEE7CLSYHwbLokVewbKqcJ9p0YoY",
        "I \u{2764}\u{fe0f} my dog",
    ),
];

#[test]
fn a_password_without_a_normal_form_keeps_its_hash_and_no_other_text_opens_it() {
    let house = House::new();
    for (number, (hash, text)) in WITHOUT_NORMAL_FORM.into_iter().enumerate() {
        let login = format!("ivan.{number}");
        let version = taken_in(&house, &login, hash);
        for _ in 0..2 {
            assert!(opens(&house, &login, text), "{hash}");
            for other in ["", "\t", "\u{fe0f}", "wrong horse battery"] {
                assert!(!opens(&house, &login, other), "{hash}: {other:?}");
            }
            assert!(!opens(&house, &login, &"x".repeat(600)), "{hash}");
            house.clock.advance(3600);
        }
        assert_eq!(version(), 1, "{hash}: there is no other hash of it");
    }
}

#[test]
fn an_imported_argon2id_is_of_what_was_typed_until_it_is_made_anew() {
    let house = House::new();
    for (number, (hash, text, normal)) in [
        (
            "$argon2id$v=19$m=64,t=1,p=1$XtQMZ7dMnXrvhS/eIaAdeA$1v/2TIm5GYJw2m+FDFCQNLqF2xguQSzolUTzlvCaMX0",
            "na\u{a0}me with space",
            "na me with space",
        ),
        (
            "$argon2id$v=19$m=64,t=1,p=1$e7l4H48/sUOvEn7bqBbc7A$TPkvA6lY5mgrshTcEyJUzJfvab9G/khwGrB7Bu+b5PQ",
            "cafe\u{301} au lait",
            "caf\u{e9} au lait",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let login = format!("ivan.{number}");
        let version = taken_in(&house, &login, hash);
        assert!(!opens(&house, &login, normal), "{hash}");
        assert!(opens(&house, &login, text) && version() == 2, "{hash}");
        assert!(opens(&house, &login, text) && opens(&house, &login, normal), "{hash}");
    }
}

#[test]
fn neither_nothing_nor_nul_opens_an_imported_hash() {
    let house = House::new();
    // Django's make_password("").
    let _version =
        taken_in(&house, "blank", "pbkdf2_sha256$20000$seasalt$2N6rnsheBbFYoDdjYk2Ruwt9XLYXsjAlBP27CmwsX20=");
    // HMAC fills up its key with zeros.
    assert!(!opens(&house, "blank", "") && !opens(&house, "blank", "\0"));
    // bcrypt reads a password again and again, with a zero in between.
    let _version = taken_in(&house, "twice", "$2b$04$DtVxKFfxRaExzJfV8dN9veQi/6z.ZJnuIGuXeijtZDcuNLfntqWTe");
    assert!(!opens(&house, "twice", "secret\0secret") && !opens(&house, "twice", "secret\0"));
    assert!(opens(&house, "twice", "secret"));
}

#[test]
fn keycloak_s_two_texts_are_one_password() {
    let house = House::new();
    let hash = hashes_of_others("correct horse battery").remove(0);
    let value = hash.rsplit('$').next().unwrap();
    // The salt of the test, as Keycloak writes it.
    let secret =
        format!(r#"{{"value":"{value}","salt":"c2FsdCBvZiBzaXh0ZWVuIQ==","additionalParameters":{{}}}}"#);
    let credential = r#"{"hashIterations":20000,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#;
    let imported = ImportedPassword::keycloak(credential, &secret).unwrap();
    house.cabinet.register_imported("ivan", &imported).unwrap();
    assert!(house.cabinet.begin_login("ivan", &password()).is_ok());
    // As version 24 and later hash by themselves, computed with argon2-cffi.
    let secret = secret.replace(value, "1XdhfkbP4jnjQNJPCCttTQ69yzjbOHorg5AfZmnBf6Y=");
    let usual = r#"{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#;
    let imported = ImportedPassword::keycloak(usual, &secret).unwrap();
    house.cabinet.register_imported("olga", &imported).unwrap();
    assert_eq!(house.cabinet.begin_login("olga", &Password::new("wrong horse battery")), Err(REJECTED));
    assert!(house.cabinet.begin_login("olga", &password()).is_ok());
    for (from, to) in [("\"id\"", "\"i\""), ("1.3", "1.0"), ("7168", "4194304"), ("memory", "memories")] {
        let other = usual.replace(from, to);
        assert_eq!(ImportedPassword::keycloak(&other, &secret).unwrap_err(), Error::HashUnknown, "{other}");
    }
    assert_eq!(ImportedPassword::keycloak("{}", &secret).unwrap_err(), Error::HashUnknown);
    assert_eq!(ImportedPassword::keycloak(credential, "no JSON").unwrap_err(), Error::HashUnknown);
}

#[test]
fn hashes_that_protect_nothing_or_exhaust_the_machine_are_refused() {
    let salt = "c2FsdCBvZiBzaXh0ZWVuIQ";
    let hash = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";
    for text in [
        String::new(),
        "plain text".into(),
        "5f4dcc3b5aa765d61d8327deb882cf99".into(),
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0".into(),
        format!("$pbkdf2-sha256$i=999${salt}${hash}"),
        format!("$pbkdf2-sha256$i=4000000000${salt}${hash}"),
        format!("$pbkdf2-md5$i=20000${salt}${hash}"),
        format!("$scrypt$ln=31,r=8,p=1${salt}${hash}"),
        format!("$scrypt$ln=20,r=32,p=1${salt}${hash}"),
        format!("$scrypt$ln=14,r=8,p=1${salt}$YWFh"),
        format!("$argon2id$v=19$m=4194304,t=3,p=1${salt}${hash}"),
        format!("$argon2i$v=19$m=65536,t=3,p=1${salt}${hash}"),
        "$2b$31$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        "$2x$05$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        format!("pbkdf2_sha256$20000$salt${hash}=$more"),
        "scrypt$4095$salt$8$1$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=".into(),
        "scrypt$salt$4096$8$1$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=".into(),
        "$bcrypt-sha256$v=1,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2".into(),
    ] {
        assert_eq!(ImportedPassword::parse(&text).unwrap_err(), Error::HashUnknown, "{text}");
    }
}

#[test]
fn a_10_mb_password_is_refused_before_any_work_is_done() {
    let house = House::new();
    let mut dear = light_policy();
    // Hashing with this cost would take minutes: whoever hashes what is refused does not end.
    dear.password.cost.memory_kib = 1 << 20;
    dear.password.cost.passes = 16;
    let cabinet = house.another().with_policy(dear);
    let long = Password::new("x".repeat(10 << 20));
    let begun = std::time::Instant::now();
    assert_eq!(cabinet.register("ivan", &long), Err(Error::PasswordTooLong { longest: 512 }));
    assert_eq!(cabinet.password_strength("ivan", &long), Err(Error::PasswordTooLong { longest: 512 }));
    assert!(begun.elapsed().as_secs() < 5);
    // At a login it looks like any wrong one, and costs no more than it.
    house.cabinet.register("ivan", &password()).unwrap();
    assert_eq!(house.cabinet.begin_login("ivan", &long), Err(REJECTED));
    let imported =
        ImportedPassword::parse("pbkdf2_sha256$1000000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    house.cabinet.register_imported("olga", &imported.unwrap()).unwrap();
    assert_eq!(house.cabinet.begin_login("olga", &long), Err(REJECTED));
}

#[test]
fn the_rules_hold_wherever_a_password_is_set() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.cabinet.vouch_contact("ivan", "petrovich@example.org", "at the desk").unwrap();
    let weak = Password::new("zamok bank 2026");
    let context = Err(Error::PasswordWeak(Weakness::Context));
    assert_eq!(house.cabinet.register("olga", &weak).map(|_| ()), context);
    assert_eq!(house.cabinet.change_password(&session, &password(), &weak), context);
    assert_eq!(house.cabinet.reset_password("ivan", &weak, "lost"), context);
    assert_eq!(
        house.cabinet.change_password(&session, &password(), &Password::new("petrovich loves the sea")),
        context,
        "what is known of the account is tried first"
    );
    let told = house.cabinet.password_strength("ivan", &Password::new("qwertyuiop[]")).unwrap();
    assert_eq!((told.score, told.weakness), (1, Some(Weakness::Keyboard)));
    assert_eq!(house.cabinet.password_strength("ivan", &password()).unwrap().weakness, None);
}

#[test]
fn a_changed_password_ends_every_session_and_the_old_one_opens_nothing() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    house.clock.advance(30);
    let other = house.login("ivan", &phone).unwrap();
    let new = Password::new("seven quiet lamps on a hill");
    assert_eq!(
        house.cabinet.change_password(&session, &Password::new("not the old one"), &new),
        Err(REJECTED)
    );
    assert!(house.cabinet.session(session.id).is_ok(), "nothing has changed");
    house.cabinet.change_password(&session, &password(), &new).unwrap();
    for session in [session, other] {
        assert_eq!(house.cabinet.session(session.id), Err(Error::SessionEnded));
    }
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REJECTED));
    assert!(matches!(house.cabinet.begin_login("ivan", &new), Ok(Begun::Code(_))), "the second factor stays");
    assert_eq!(house.events(EventKind::PasswordChanged).len(), 1);
}

#[test]
fn wrong_old_passwords_are_charged_like_wrong_ones_at_login() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let new = Password::new("seven quiet lamps on a hill");
    for _ in 0..light_policy().password.throttle.free {
        let wrong = Password::new("not the old one");
        assert_eq!(house.cabinet.change_password(&session, &wrong, &new), Err(REJECTED));
    }
    assert_eq!(house.cabinet.change_password(&session, &password(), &new), Err(REJECTED), "delayed");
    house.clock.advance(30);
    house.cabinet.change_password(&session, &password(), &new).unwrap();
}

#[test]
fn a_password_is_due_when_the_policy_says_so() {
    let house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    assert_eq!(house.cabinet.password_due(&session), Ok(None));
    let mut policy = light_policy();
    policy.password.change_after = 90 * 24 * 3600;
    let registered = house.cabinet.account_by_login("ivan").unwrap().registered;
    let due = house.another().with_policy(policy.clone()).password_due(&session).unwrap();
    assert_eq!(due, Some(registered.plus(policy.password.change_after)));
}

/// A desk that resets the password of whoever has just begun a login.
#[derive(Debug)]
struct Desk {
    cabinet: Cabinet,
    done: AtomicBool,
}

const RESET: &str = "seven quiet lamps on a hill";

impl Watch for Desk {
    fn decide(&self, _: &mut Transaction<'_>, _: &Facts<'_>) -> Result<Decision, Error> {
        Ok(Decision::default())
    }

    fn note(&self, _: &mut Transaction<'_>, _: &Facts<'_>, _: Outcome) -> Result<(), Error> {
        Ok(())
    }

    fn after(&self, _: UnixTime) {
        if !self.done.swap(true, Ordering::SeqCst) {
            self.cabinet.reset_password("ivan", &Password::new(RESET), "somebody knew it").unwrap();
        }
    }
}

#[test]
fn a_hash_that_is_made_anew_takes_the_place_of_no_password_that_was_set_meanwhile() {
    let house = House::new();
    house.cabinet.register("ivan", &password()).unwrap();
    let mut dearer = light_policy();
    dearer.password.cost.passes = 2;
    let desk = Desk { cabinet: house.another(), done: AtomicBool::new(false) };
    let cabinet = house.another().with_policy(dearer).with_watch(Arc::new(desk));
    assert!(cabinet.begin_login("ivan", &password()).is_ok(), "it was right when it was looked at");
    assert_eq!(house.cabinet.begin_login("ivan", &password()), Err(REJECTED));
    assert!(house.cabinet.begin_login("ivan", &Password::new(RESET)).is_ok());
}

#[test]
fn where_policy_wants_all_classes_it_wants_each_of_them() {
    let house = House::new();
    let mut policy = light_policy();
    policy.password.classes = true;
    let cabinet = house.another().with_policy(policy);
    for text in [
        "correct horse 1 battery",
        "CORRECT HORSE 1 BATTERY",
        "Correct horse battery",
        "Correcthorse1battery",
    ] {
        let registered = cabinet.register("ivan", &Password::new(text));
        assert_eq!(registered.err(), Some(Error::PasswordClasses), "{text}");
    }
    assert!(cabinet.register("ivan", &Password::new("Correct horse 1 battery")).is_ok());
}

#[test]
fn wrong_old_passwords_are_charged_also_where_strangers_have_used_up_what_they_may_get_wrong() {
    let mut house = House::new();
    let phone = house.citizen("ivan");
    let session = house.login("ivan", &phone).unwrap();
    let mut policy = light_policy();
    policy.budget.strangers = 1;
    house.cabinet = house.cabinet.with_policy(policy);
    let (wrong, new) = (Password::new("not the old one"), Password::new("seven quiet lamps on a hill"));
    for guess in 0..light_policy().password.throttle.free {
        assert_eq!(house.cabinet.change_password(&session, &wrong, &new), Err(REJECTED), "{guess}");
    }
    // What follows is delayed: also the right one.
    assert_eq!(house.cabinet.change_password(&session, &password(), &new), Err(REJECTED));
}
