//! Rules of the watch and lines of its logs from strangers: they are read or refused with a reason; what was read is led through
//! what ships, and through the rules that were read, without end or overflow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_fuzz::{accepted, parts};
use zamok_risk::{LogEvent, Replay, Rules, RulesFault};

fuzz_target!(|input: &[u8]| {
    let [text, lines] = parts(input);
    let (text, lines) = (text_of(text), text_of(lines));
    let rules = match Rules::from_toml(text) {
        Ok(rules) => {
            if !rules.rules().is_empty() {
                accepted("rules");
            }
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
    for line in lines.lines() {
        let Ok(event) = LogEvent::parse(line) else { continue };
        accepted("line");
        let looks = replay.look(&event);
        assert_eq!(looks.len(), replay.rules().rules().len());
        let decision = replay.feed(&event);
        for finding in decision.findings() {
            let place = replay.rules().rules().iter().position(|rule| *rule.name() == *finding.rule);
            let look = looks[place.expect("a rule that is there")].as_ref().expect("it is about this");
            accepted("finding");
            assert!(look.is_hit, "a finding is what was seen");
        }
    }
    let score = replay.score();
    assert!(score.attacks <= score.events && score.rules.iter().all(|rule| rule.right <= rule.hits));
});

/// Text up to the first byte that is none.
fn text_of(bytes: &[u8]) -> &str {
    let end = str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    str::from_utf8(&bytes[..end]).unwrap_or_default()
}
