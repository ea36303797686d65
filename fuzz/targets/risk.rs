//! Rules of the watch and lines of its logs from strangers: they are read or refused with a reason; what was read is led through
//! what ships, and through the rules that were read, without end or overflow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_risk::{LogEvent, Replay, Rules, RulesFault};

fuzz_target!(|input: (&str, Vec<&str>)| {
    let (text, lines) = input;
    let rules = match Rules::from_toml(text) {
        Ok(rules) => {
            for rule in rules.rules() {
                assert!(!rule.name().is_empty() && !rule.to_string().is_empty());
            }
            rules
        }
        Err(RulesFault::Unsound(faults)) => {
            assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.is_empty()));
            Rules::default()
        }
        Err(_) => Rules::default(),
    };
    let mut replay = Replay::new(rules);
    for line in lines {
        let Ok(event) = LogEvent::parse(line) else { continue };
        let looks = replay.look(&event);
        assert_eq!(looks.len(), replay.rules().rules().len());
        let decision = replay.feed(&event);
        for finding in decision.findings() {
            let place = replay.rules().rules().iter().position(|rule| *rule.name() == *finding.rule);
            let look = looks[place.expect("a rule that is there")].as_ref().expect("it is about this");
            assert!(look.is_hit, "a finding is what was seen");
        }
    }
    let score = replay.score();
    assert!(score.attacks <= score.events && score.rules.iter().all(|rule| rule.right <= rule.hits));
});
