//! One attack story for each rule that ships, among the life of a town: how much of it the rules notice, and whom they wrong. The
//! thresholds of `rules.toml` were chosen by what this prints (`docs/risk.md`).
#![allow(missing_docs)]

mod town;

use std::io::Write as _;

use town::Town;
use zamok_risk::{LogEvent, Replay, RuleScore, Rules, Score};
use zamok_store_conformance::Tier;

fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").unwrap();
}

/// Leads rules through the life of a town.
fn lived(rules: &str, events: u64, seed: u64) -> Score {
    let mut replay = Replay::new(Rules::from_toml(rules).unwrap());
    Town::new(events, seed).each(events, |event| {
        let event = LogEvent::parse(&event.to_string()).unwrap_or_else(|fault| panic!("{fault}: {event}"));
        replay.feed(&event);
    });
    replay.score()
}

fn told(score: &RuleScore) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "–".into(), |share| format!("{share:.4}"));
    format!(
        "| `{}` | {} | {} | {} | {} of {} | {:.1} |",
        score.rule,
        score.hits,
        share(score.precision()),
        share(score.recall()),
        score.caught,
        score.attackers,
        score.before as f64 / score.caught.max(1) as f64,
    )
}

#[test]
fn every_story_is_noticed_and_few_others_are() {
    let events = Tier::pick(20_000, 60_000, 1_000_000);
    let score = lived(Rules::DEFAULT, events, 1);
    say(&format!("\n{} events, {} of attackers; {:?}", score.events, score.attacks, score.answers));
    say("| rule | noticed | precision | recall | attackers | before |\n|---|---|---|---|---|---|");
    score.rules.iter().for_each(|rule| say(&told(rule)));
    assert!(score.events >= events && score.attacks > events / 100);
    // Least precision and recall: what a rule about one event (a device, a place, an amount) wrongs, people do as well.
    let least = [
        ("guessing-account", 0.9, 0.85),
        ("guessing-network", 0.95, 0.85),
        ("spraying-network", 0.95, 0.85),
        ("busy-device", 0.95, 0.8),
        ("request-flood", 0.99, 0.9),
        ("large-amount", 0.9, 1.0),
        ("impossible-travel", 0.8, 0.9),
        ("new-device", 0.4, 0.9),
        ("night-desk", 0.9, 1.0),
    ];
    assert_eq!(score.rules.len(), least.len());
    for (rule, (name, precision, recall)) in score.rules.iter().zip(least) {
        assert_eq!(rule.rule, name);
        assert!(rule.attackers >= 2, "{name}: no story");
        let (found, met) = (rule.precision().unwrap_or(0.0), rule.recall().unwrap_or(0.0));
        assert!(found >= precision && met >= recall, "{name}: precision {found:.3}, recall {met:.3}");
        let missed = rule.attackers - rule.caught;
        assert!(missed * 10 <= rule.attackers, "{name}: {missed} of {} attackers missed", rule.attackers);
    }
}

/// The text of one rule that ships, with another limit.
fn with_limit(name: &str, limit: u64) -> String {
    let rule = Rules::DEFAULT.split("[[rule]]").find(|rule| rule.contains(&format!("name = \"{name}\"")));
    let lines = rule.unwrap().lines().map(|line| match line.starts_with("limit = ") {
        true => format!("limit = {limit}"),
        false => line.to_owned(),
    });
    format!("[[rule]]\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_lower_limit_wrongs_more_and_a_higher_one_notices_less() {
    let events = Tier::pick(20_000, 40_000, 1_000_000);
    for (name, limits) in [
        ("guessing-account", [3, 5, 10, 20, 40]),
        ("guessing-network", [10, 20, 40, 80, 160]),
        ("spraying-network", [3, 6, 12, 20, 40]),
        ("busy-device", [3, 6, 12, 20, 40]),
    ] {
        let scores = limits.map(|limit| lived(&with_limit(name, limit), events, 2).rules.remove(0));
        say(&format!(
            "\n{name}\n| limit | noticed | precision | recall | attackers | before |\n|---|---|---|---|---|---|"
        ));
        for (limit, score) in limits.iter().zip(&scores) {
            say(&told(score).replace(&format!("`{name}`"), &limit.to_string()));
        }
        let [first, .., last] = &scores;
        assert!(first.met >= last.met && first.hits >= last.hits, "{name}");
        let wronged = |score: &RuleScore| score.hits - score.right;
        assert!(wronged(first) >= wronged(last), "{name}");
    }
}

#[test]
fn whoever_floods_the_table_hides_nobody() {
    // A table of 256 cells, and an attacker whose helpers try from everywhere, at everybody.
    let rules = "cells = 256\n[[rule]]\nname = \"spraying\"\nkind = \"spraying\"\nper = \"network\"\nwindow = 3600\nlimit = 10\nanswer = \"block\"\n\
        [[rule]]\nname = \"guessing\"\nkind = \"frequency\"\nper = \"network\"\noutcome = \"wrong\"\nwindow = 3600\nlimit = 20\nanswer = \"block\"";
    let mut replay = Replay::new(Rules::from_toml(rules).unwrap());
    let mut attempt = |time: u64, network: u64, account: u64| {
        let line = format!(
            r#"{{"time":{time},"event":"login","outcome":"wrong","account":"a{account}","address":"10.{}.{}.1"}}"#,
            network / 250,
            network % 250
        );
        replay.feed(&LogEvent::parse(&line).unwrap()).answer().refuses()
    };
    let mut refused = 0;
    for number in 0..Tier::pick(2_000, 10_000, 100_000) {
        // Half of an hour, at most.
        let time = 1_800_000_000 + number / 100;
        attempt(time, 1 + number % 60_000, number);
        if number % 40 == 0 {
            refused += u64::from(attempt(time, 0, number));
        }
    }
    let tried = Tier::pick(50, 250, 2_500);
    assert!(refused >= tried - 20, "of {tried} attempts {refused} were refused");
}

#[test]
fn whoever_shares_a_cell_with_an_attacker_is_told_from_him() {
    let spraying = "kind = \"spraying\"\nlimit = 10";
    let guessing = "kind = \"frequency\"\noutcome = \"wrong\"\nlimit = 20";
    for rule in [spraying, guessing] {
        let rules = format!(
            "cells = 256\n[[rule]]\nname = \"rule\"\n{rule}\nper = \"network\"\nwindow = 3600\nanswer = \"block\""
        );
        let mut replay = Replay::new(Rules::from_toml(&rules).unwrap());
        let mut attempt = |network: u64, account: u64| {
            let line = format!(
                r#"{{"time":1800000000,"event":"login","outcome":"wrong","account":"a{account}","address":"10.0.{network}.1"}}"#
            );
            replay.feed(&LogEvent::parse(&line).unwrap()).answer().refuses()
        };
        // Sixty networks fill about a fifth of the cells of each row.
        let blocked =
            (0..60).filter(|network| (0..40).any(|number| attempt(*network, 100 * network + number)));
        assert_eq!(blocked.count(), 60);
        // One in five meets an attacker in one row, one in twenty-five in both.
        let wronged = (100..200).filter(|network| attempt(*network, 100 * network)).count();
        assert!(wronged < 15, "{wronged} of 100 were taken for another");
    }
}

#[test]
fn office_hours_end_on_the_minute_and_a_night_belongs_to_the_day_on_which_it_began() {
    // 2027-01-15, a Friday, at midnight.
    const FRIDAY: u64 = 1_799_971_200;
    let refused = |hours: &str, minutes: u64| {
        let rules = format!("[[rule]]\nname = \"hours\"\nkind = \"hours\"\nanswer = \"block\"\n{hours}");
        let mut replay = Replay::new(Rules::from_toml(&rules).unwrap());
        let time = FRIDAY + 60 * minutes;
        let line = format!(
            r#"{{"time":{time},"event":"login","outcome":"right","account":"ivan","roles":["employee"]}}"#
        );
        replay.feed(&LogEvent::parse(&line).unwrap()).answer().refuses()
    };
    let at = |day: u64, hour: u64, minute: u64| (day * 24 + hour) * 60 + minute;
    let day = "from = \"08:00\"\nuntil = \"18:00\"\nutc-offset = 180";
    for (minutes, is_refused) in [
        (at(0, 4, 59), true),
        (at(0, 5, 0), false),
        (at(0, 14, 59), false),
        (at(0, 15, 0), true),
        (at(1, 10, 0), true),
        (at(3, 10, 0), false),
    ] {
        assert_eq!(refused(day, minutes), is_refused, "{minutes}");
    }
    let night = "from = \"22:00\"\nuntil = \"06:00\"\ndays = [\"fri\"]";
    for (minutes, is_refused) in [
        (at(0, 5, 59), true),
        (at(0, 21, 59), true),
        (at(0, 22, 0), false),
        (at(1, 5, 59), false),
        (at(1, 6, 0), true),
        (at(1, 22, 0), true),
    ] {
        assert_eq!(refused(night, minutes), is_refused, "{minutes}");
    }
}

#[test]
fn a_place_that_a_clock_noted_which_was_ahead_keeps_nobody_out() {
    const NOON: u64 = 1_800_000_000;
    const YEAR: u64 = 365 * 86_400;
    let rules =
        "[[rule]]\nname = \"travel\"\nkind = \"travel\"\ndistance = 500\nspeed = 1000\nanswer = \"block\"";
    let mut replay = Replay::new(Rules::from_toml(rules).unwrap());
    let mut refused = |time: u64, event: &str, place: &str| {
        let line = format!(
            r#"{{"time":{time},"event":"{event}","outcome":"right","account":"ivan","place":[{place}]}}"#
        );
        replay.feed(&LogEvent::parse(&line).unwrap()).answer().refuses()
    };
    let (moscow, vladivostok) = ("55.76,37.62", "43.12,131.89");
    assert!(!refused(NOON + YEAR, "code", moscow));
    // The clock is right again, and so is the way that a week was enough for.
    assert!(!refused(NOON + 7 * 86_400, "login", vladivostok));
    assert!(!refused(NOON + 7 * 86_400, "code", vladivostok));
    assert!(refused(NOON + 7 * 86_400 + 60, "login", moscow), "nobody is there a minute later");
    // Machines differ by as much as this, and nobody is in two places at once.
    assert!(refused(NOON + 7 * 86_400 - 60, "login", moscow));
}

#[test]
fn a_text_that_is_one_of_several_is_noticed_and_no_other() {
    let rules = "[[rule]]\nname = \"payee\"\nkind = \"parameter\"\nfield = \"payee\"\nequals = [\"casino\", \"exchange\"]\nanswer = \"block\"";
    let mut replay = Replay::new(Rules::from_toml(rules).unwrap());
    let mut refused = |parameters: &str| {
        let line = format!(
            r#"{{"time":1800000000,"event":"operation","outcome":"right","account":"ivan","parameters":{{{parameters}}}}}"#
        );
        replay.feed(&LogEvent::parse(&line).unwrap()).answer().refuses()
    };
    for hit in [r#""payee":"casino""#, r#""payee":"exchange""#, r#""amount":1,"payee":"casino""#] {
        assert!(refused(hit), "{hit}");
    }
    for other in [r#""payee":"grocer""#, r#""payee":"Casino""#, r#""payee":7"#, r#""to":"casino""#, ""] {
        assert!(!refused(other), "{other}");
    }
}
