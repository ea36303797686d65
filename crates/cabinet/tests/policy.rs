//! The numbers: read as documented, refused as a whole when they do not fit, kept in the vault, and the same as on the page.
#![allow(missing_docs)]

mod harness;

use std::fs;

use harness::{House, light_policy};
use zamok_cabinet::{Cabinet, Error, Policy, PolicyFault, Profile, odds};
use zamok_core::Error as CoreError;
use zamok_core::event::EventKind;
use zamok_core::otp::{Hotp, HotpParameters, HotpState, Window};
use zamok_core::secret::Secret;
use zamok_core::store::{RowKey, Table};
use zamok_core::wire::{Reader, Writer};

/// A page of the repository, by its path.
fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn page() -> String {
    read("docs/policy.md")
}

/// The cells of the table whose header begins with this cell.
fn table(first: &str) -> Vec<Vec<String>> {
    let begin = format!("| {first} |");
    let page = page();
    let rows = page.lines().skip_while(|line| !line.starts_with(&begin)).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let found: Vec<Vec<String>> = rows.map(cells).collect();
    assert!(!found.is_empty(), "{first}");
    found
}

#[test]
fn the_page_shows_every_number_of_every_profile_with_its_source() {
    let profiles = Profile::ALL.map(Policy::of);
    let [strict, seeds, aal2] = profiles.each_ref().map(Policy::numbers);
    let mut expected = Vec::new();
    for ((strict, seeds), aal2) in strict.iter().zip(&seeds).zip(&aal2) {
        let others = [seeds, aal2];
        if strict.name == "profile" {
            continue;
        }
        let shown = others.map(|other| if other.value == strict.value { "–" } else { &other.value });
        let mut sources = strict.source.to_owned();
        for (profile, other) in ["seeds", "nist-aal2"].into_iter().zip(others) {
            if other.value != strict.value {
                assert_ne!(other.source, strict.source, "{profile} changes {} without a source", other.name);
                sources.push_str(&format!(" · `{profile}`: {}", other.source));
            }
        }
        let row = [strict.name.as_str(), strict.value.as_str(), shown[0], shown[1], &sources];
        expected.push(row.map(|cell| cell.trim_matches('"').to_owned()).to_vec());
    }
    let found: Vec<Vec<String>> = table("number")
        .into_iter()
        .map(|row| row.iter().map(|cell| cell.replace('`', "")).collect())
        .collect();
    let plain: Vec<Vec<String>> =
        expected.iter().map(|row| row.iter().map(|cell| cell.replace('`', "")).collect()).collect();
    let rows: Vec<String> = expected
        .iter()
        .map(|row| format!("| `{}` | {} | {} | {} | {} |", row[0], row[1], row[2], row[3], row[4]))
        .collect();
    assert!(found == plain, "the table should be:\n{}", rows.join("\n"));
    assert!(found.len() > 80, "{}", found.len());
}

/// Whether a word is this sign and a number.
fn numbered(word: &str, sign: &str) -> bool {
    word.strip_prefix(sign).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether a number's source names a clause of a standard, a section of the design or a requirement, or gives a reason of three words
/// and more after "because". A section or a requirement that is not there is none, whatever else is named.
fn is_source(text: &str, design: &str, requirements: &str) -> bool {
    let parts = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';' | ':' | ',');
    let words: Vec<&str> = text.split(parts).filter(|word| !word.is_empty()).collect();
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let mut found = false;
    for (at, &this) in words.iter().enumerate() {
        found |= match this {
            "CRYPTO.md" => {
                let section = format!("\n## {} ", word(at + 1).trim_start_matches('§'));
                if !design.contains(&section) {
                    return false;
                }
                true
            }
            "800-63B-4" => numbered(word(at + 1), "§"),
            "RFC" | "SMPP" => numbered(word(at + 1), "") && numbered(word(at + 2), "§"),
            "ASVS" => numbered(word(at + 1), ""),
            "OWASP" | "C2SP" => !word(at + 1).is_empty(),
            "docs/policy.md" => true,
            "because" => words.len() > at + 3,
            requirement if numbered(requirement, "R") => {
                if !requirements.contains(&format!("\n- {requirement} ")) {
                    return false;
                }
                true
            }
            _ => false,
        };
    }
    found
}

#[test]
fn every_number_names_a_document_a_requirement_or_a_reason() {
    let (design, requirements) = (read("CRYPTO.md"), read("REQUIREMENTS.md"));
    let mut tried = 0;
    for profile in Profile::ALL {
        for number in Policy::of(profile).numbers().iter().filter(|number| number.name != "profile") {
            let source = number.source;
            assert!(is_source(source, &design, &requirements), "{profile}: {}: {source}", number.name);
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
    for none in [
        "",
        "digits",
        "an hour",
        "30 days",
        "doubles",
        "likewise",
        "as for generators",
        "codes to one contact",
        "SP 800-63B-4",
        "RFC 4226",
        "ASVS",
        "because",
        "because it is",
        "R999",
        "RFC 4226 §7.3, R999",
        "CRYPTO.md",
        "CRYPTO.md §99",
        "SP 800-63B-4 §3.2.2, CRYPTO.md §99",
    ] {
        assert!(!is_source(none, &design, &requirements), "{none}");
    }
}

#[test]
fn the_arithmetic_of_the_page_is_right() {
    let rows = table("codes taken (W)");
    for row in &rows {
        let [steps, digits, tries] = [&row[0], &row[1], &row[2]].map(|cell| cell.parse::<u32>().unwrap());
        let found = odds(steps, digits.try_into().unwrap(), tries);
        assert_eq!(format!("{found:.2e}"), row[3], "{row:?}");
    }
    let strict = Policy::strict();
    let has = |steps: u32, digits: u8, tries: u32| {
        let cells = [steps, digits.into(), tries].map(|number| number.to_string());
        assert!(rows.iter().any(|row| row[..3] == cells), "{cells:?} is not on the page");
    };
    for policy in [&strict, &Policy::nist_aal2()] {
        let generator = &policy.generator;
        has(generator.past + generator.future + 1, generator.digits, generator.throttle.most_guesses());
    }
    has(strict.token.look_ahead + 1, strict.token.digits, strict.token.throttle.most_guesses());
    has(1, strict.issued.digits, strict.issued.tries);
    has(1, strict.issued.digits, strict.issued.tries * strict.issued.per_day);
    // The two figures of the text.
    let sprayed = odds(3, 6, 5) * 1e8;
    assert!((1_400.0..1_600.0).contains(&sprayed), "{sprayed}");
    let everyone = f64::from(strict.budget.everyone) * odds(3, 6, 1);
    assert!((0.25..0.35).contains(&everyone), "{everyone}");
}

#[test]
fn every_profile_is_sound_and_survives_its_own_text() {
    for profile in Profile::ALL {
        let policy = Policy::of(profile);
        assert_eq!(policy.judge(), Ok(()), "{profile}");
        assert_eq!(policy.profile, profile);
        assert_eq!(Policy::from_toml(&policy.to_toml()), Ok(policy.clone()), "{profile}");
        assert_eq!(Policy::from_toml(profile.text()), Ok(policy), "{profile}");
        assert_eq!(Profile::named(profile.name()), Some(profile));
    }
    assert_eq!(Policy::from_toml(""), Ok(Policy::strict()), "nothing said is nothing changed");
    for unsound in [
        "[generator.throttle]\nrecent_limit = \"never\"\n",
        "[pin.throttle]\ndisable_after = \"never\"\nrecent_limit = \"never\"\n",
        "[access]\nactors = 16\n",
        // Nothing would come of it: they are delayed and never disabled.
        "[password.throttle]\ndisable_after = 100\n",
        "[password.throttle]\nrecent_limit = 100\n",
        "[recovery.throttle]\ndisable_after = 100\n",
    ] {
        assert!(Policy::from_toml(unsound).is_err(), "{unsound}");
    }
}

#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let text = "profile = \"seeds\"\n[password]\nshortest = 20\n[pin.throttle]\nrecent_limit = \"never\"\n";
    let policy = Policy::from_toml(text).unwrap();
    let changed: Vec<String> =
        policy.differences(&Policy::seeds()).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(changed, ["password.shortest", "pin.throttle.recent_limit"]);
    assert_eq!(policy.pin.throttle.recent_limit, u32::MAX);
    let own = policy.numbers().into_iter().find(|number| number.name == "password.shortest").unwrap();
    assert_eq!((own.value.as_str(), own.source), ("20", ""), "its source is the service itself");
}

#[test]
fn what_is_wrong_is_told_at_once_and_in_words() {
    let fault = |text: &str| Policy::from_toml(text).unwrap_err();
    let names = |names: &[&str]| PolicyFault::Unknown(names.iter().map(ToString::to_string).collect());
    assert_eq!(fault("[password]\nshort = 12\n[sesion]\nidle = 1\n"), names(&["password.short", "sesion"]));
    assert_eq!(fault("profile = \"lax\""), PolicyFault::Profile("lax".into()));
    assert!(matches!(fault("[password"), PolicyFault::Syntax(_)));
    assert!(matches!(fault("[password]\nshortest = \"long\""), PolicyFault::Syntax(_)));
    assert!(matches!(fault("[password]\nshortest = -1"), PolicyFault::Syntax(_)));
    assert!(matches!(fault("password = 12"), PolicyFault::Syntax(_)));
    assert!(matches!(fault("[pin.throttle]\ndisable_after = \"later\""), PolicyFault::Syntax(_)));
    let text = "[session]\nidle = 100000\n[issued]\nper_hour = 11\n[token]\nlook_ahead = 127\n";
    let PolicyFault::Unsound(problems) = fault(text) else { panic!() };
    for begin in ["session.idle", "issued:", "token:"] {
        assert!(problems.iter().any(|problem| problem.starts_with(begin)), "{begin}: {problems:?}");
    }
    assert!(fault(text).to_string().contains("session.idle: 60 to 43200 s, not 100000"), "{}", fault(text));
}

/// A search that the engine refuses would find no token, and be told only when one has run ahead.
#[test]
fn policy_allows_no_search_for_a_token_that_the_engine_refuses() {
    let with = |counters: u32| Policy::from_toml(&format!("[token]\nofficer_resynchronise = {counters}\n"));
    let hotp = Hotp::new(&Secret::new(b"12345678901234567890").unwrap(), HotpParameters::default());
    let search = |counters| hotp.resynchronise("000000", "000001", counters, &HotpState::default());
    let most = Hotp::MAX_RESYNCHRONISATION;
    for counters in [most - 1, most, most + 1] {
        assert_eq!(with(counters).is_ok(), search(counters).is_ok(), "{counters}");
    }
    let PolicyFault::Unsound(problems) = with(most + 1).unwrap_err() else { panic!() };
    assert_eq!(problems, [format!("token.officer_resynchronise: at most {most} counters")]);
}

/// A window that is too wide would be the narrowest, and be told only when a token has run ahead by one code.
#[test]
fn policy_allows_no_look_ahead_that_leaves_no_room_for_the_code_before() {
    let with = |counters: u32| {
        let exact = "[generator]\npast = 0\nfuture = 0\nhigh_value_future = 0\n";
        let token = format!("[token]\ndigits = 8\nresynchronise = 200\nlook_ahead = {counters}\n");
        Policy::from_toml(&(exact.to_owned() + &token))
    };
    for counters in [0, 10, 126] {
        let spend = with(counters).unwrap().token.spend();
        assert_eq!(spend.look_ahead, Window::steps(1, counters).unwrap());
    }
    let PolicyFault::Unsound(problems) = with(127).unwrap_err() else { panic!() };
    assert_eq!(problems, ["token.look_ahead: at most 126 counters"]);
    // A vault may hold it, from when it was sound.
    let mut kept = with(126).unwrap();
    kept.token.look_ahead = 127;
    assert_eq!(kept.token.spend().look_ahead, Window::look_ahead(127).unwrap());
    kept.token.look_ahead = 128;
    assert_eq!(kept.token.spend().look_ahead, Window::EXACT);
}

/// Each number set to nothing, or beyond reason: what is still sound must be meant to be.
#[test]
fn no_number_is_unbounded() {
    let free = ["password.change_after", "generator.past", "generator.future", "generator.high_value_future"];
    let also = [
        "generator.drift",
        "token.look_ahead",
        "password.strength",
        "session.touch",
        // Nothing: for as long as their account.
        "journal.details",
    ];
    let mut tried = 0;
    for number in Policy::strict().numbers() {
        let Some((group, name)) = number.name.rsplit_once('.') else { continue };
        if number.value.parse::<bool>().is_ok() {
            continue;
        }
        let with = |value: &str| Policy::from_toml(&format!("[{group}]\n{name} = {value}\n"));
        let unlimited = name == "everyone" || number.value == "\"never\"";
        assert!(with("4294967294").is_err() || unlimited, "{} has no upper bound", number.name);
        let may_be_nothing = free.iter().chain(&also).any(|free| *free == number.name) || name == "free";
        assert!(with("0").is_err() || may_be_nothing, "{} may be nothing", number.name);
        tried += 1;
    }
    assert!(tried > 80, "{tried}");
}

#[test]
fn a_reopened_cabinet_goes_by_the_policy_that_was_kept() {
    let house = House::new();
    let mut policy = light_policy();
    policy.password.shortest = 20;
    policy.session.most = 3;
    house.cabinet.keep_policy(&policy).unwrap();
    house.cabinet.keep_policy(&policy).unwrap();
    assert_eq!(house.cabinet.policy(), &light_policy(), "what is open goes on as it was");
    let opened = Cabinet::open(house.cabinet.vault().clone()).unwrap();
    assert_eq!(opened.policy(), &policy);
    let told: Vec<_> = house.events(EventKind::PolicyChanged);
    assert_eq!(told.len(), 1, "the second time nothing changed");
    assert_eq!(told[0].get("changed"), Some("password.shortest: 12 to 20; session.most: 20 to 3"));
    policy.session.most = 0;
    assert_eq!(house.cabinet.keep_policy(&policy), Err(Error::PolicyUnsound));
}

#[test]
fn a_policy_that_is_judged_more_strictly_since_it_was_kept_shuts_no_vault() {
    let house = House::new();
    let vault = house.cabinet.vault().clone();
    let row = RowKey::new(Table(38), *b"service");
    // As a program kept it that took a number here.
    let kept = vault.transact(|tx| {
        let body = tx.state(&row)?.ok_or(CoreError::Refused)?;
        let mut reader = Reader::new(&body);
        let (format, issuer, policy) = (reader.u8()?, reader.text()?, reader.text()?);
        let keys: [u8; 32] = reader.array()?;
        reader.end()?;
        let policy = policy.replacen("disable_after = \"never\"", "disable_after = 100", 1);
        let mut writer = Writer::new();
        writer.u8(format).text(issuer)?.text(&policy)?.raw(&keys);
        tx.put_state(&row, writer.as_slice())
    });
    kept.unwrap_or_else(|error: CoreError| panic!("{error}"));
    let opened = Cabinet::open(vault).unwrap();
    assert_eq!(opened.policy().password.throttle.disable_after, 100);
    assert_eq!(opened.keep_policy(opened.policy()), Err(Error::PolicyUnsound), "nor is it kept again");
    opened.keep_policy(&light_policy()).unwrap();
}
