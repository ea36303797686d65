//! Shares are what `docs/formats/shares.md` says, also to a program that shares no code; wrong ones are refused.

mod harness;
mod peers;
mod tier;

use harness::{page, python, repository, tell, vector};
use rand_core::TryRng;
use zamok_core::error::ShareFault;
use zamok_core::vault::VaultId;
use zamok_core::vault::shares::{Share, ShareSet};
use zamok_core::vault::slot::Key32;
use zamok_core::wire::hex;
use zamok_core::{Env, Error, UnixTime};

use harness::Chance;

const PAGE: &str = "docs/formats/shares.md";

fn written() -> (ShareSet, Key32, Vec<String>) {
    let page = page(PAGE);
    let key = Key32::new(vector(&page, "key").try_into().unwrap());
    let set = ShareSet::from_bytes(&vector(&page, "set")).unwrap();
    assert_eq!(set.vault.0.to_vec(), vector(&page, "vault"));
    let blocks = page.split("```share\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let shares: Vec<String> = blocks.collect();
    assert_eq!(shares.len(), 5);
    (set, key, shares)
}

fn split(seed: u64, threshold: u8, count: u8) -> (ShareSet, Key32, Vec<Share>) {
    let mut chance = Chance::new("shares", seed);
    let mut key = Key32::new([0; 32]);
    chance.try_fill_bytes(key.as_mut_slice()).unwrap();
    let mut env = Env { now: UnixTime(0), rng: &mut chance };
    let (set, shares) = ShareSet::split(VaultId(env.random()), &key, threshold, count, &mut env).unwrap();
    (set, key, shares)
}

fn fault(error: Error) -> ShareFault {
    let Error::Share(fault) = error else { panic!("{error:?}") };
    fault
}

#[test]
fn the_shares_of_the_page_give_its_key_in_every_way() {
    let (set, key, texts) = written();
    let shares: Vec<Share> = texts.iter().map(|text| Share::parse(text).unwrap()).collect();
    let mut ways = 0;
    for chosen in 0..1_u32 << shares.len() {
        let some: Vec<Share> =
            (0..shares.len()).filter(|i| chosen >> i & 1 == 1).map(|i| shares[i].clone()).collect();
        match set.combine(&some) {
            Ok(found) => {
                assert_eq!(*found, *key);
                ways += 1;
            }
            Err(error) => {
                let given = u8::try_from(some.len()).unwrap();
                assert_eq!(fault(error), ShareFault::Few { given, needed: 3 });
            }
        }
    }
    assert_eq!(ways, 16, "all sets of three, four and five");
    for (share, text) in shares.iter().zip(&texts) {
        assert_eq!(*share.to_text(), *text);
        assert_eq!(share.set(), &set);
    }
    assert_eq!(set.to_bytes().to_vec(), vector(&page(PAGE), "set"));
}

#[test]
fn another_implementation_puts_together_what_the_page_says() {
    let checked = python().arg(repository().join("vectors/check_shares.py")).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{told}{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(told.trim(), "5 shares, 10 ways to the key: all the same");
}

#[test]
fn another_implementation_puts_together_what_was_split_here() {
    let cases = tier::pick(20, 200, 2_000);
    let mut questions = Vec::new();
    for seed in 0..u64::from(cases) {
        let mut chance = Chance::new("shapes", seed);
        let threshold = u8::try_from(2 + chance.below(6)).unwrap();
        let count = threshold + u8::try_from(chance.below(6)).unwrap();
        let (set, key, mut shares) = split(seed, threshold, count);
        while shares.len() > usize::from(threshold) {
            shares.remove(usize::try_from(chance.below(shares.len() as u64)).unwrap());
        }
        assert_eq!(*set.combine(&shares).unwrap(), *key);
        let texts: Vec<String> = shares.iter().map(|share| share.to_text().replace('\n', " ")).collect();
        questions.push(format!("{},{},{}", hex(&set.vault.0), hex(key.as_slice()), texts.join(",")));
    }
    let mut peer = python();
    peer.arg(repository().join("vectors/check_shares.py")).arg("-");
    let answers = peers::lines(&mut peer, &questions.join("\n"));
    assert_eq!(answers.len(), usize::try_from(cases).unwrap());
    assert!(answers.iter().all(|answer| answer == "same"));
}

#[test]
fn too_few_shares_fit_every_key() {
    // With one share missing, each byte of the key is still any of the 256: shown for one byte, over many splits.
    let mut seen = [false; 256];
    for seed in 0..6_000 {
        let (_, key, shares) = split(seed, 2, 2);
        let value = first_byte(&shares[0]);
        seen[usize::from(value ^ key[0])] = true;
    }
    assert!(
        seen.iter().all(|seen| *seen),
        "a coefficient that is never drawn tells which keys are impossible"
    );
}

/// First byte of a share's value: byte 43, the fourteenth of the third line.
fn first_byte(share: &Share) -> u8 {
    let text = share.to_text();
    let line: String = text.lines().nth(2).unwrap().chars().filter(|c| *c != ' ').collect();
    let mut bytes = [0; 18];
    zamok_core::otp::base32::decode(&format!("{line}A"), &mut bytes).unwrap();
    bytes[13]
}

#[test]
fn every_wrong_character_is_found_and_its_line_named() {
    let (_, _, texts) = written();
    let symbols: Vec<char> = texts[0].chars().filter(|c| !c.is_whitespace()).collect();
    let mut cases = 0;
    for at in 0..symbols.len() {
        for other in ('A'..='Z').chain('2'..='7') {
            if other == symbols[at] {
                continue;
            }
            let mut changed = symbols.clone();
            changed[at] = other;
            let found = Share::parse(&changed.iter().collect::<String>()).unwrap_err();
            assert_eq!(fault(found), ShareFault::Line(u8::try_from(at / 28 + 1).unwrap()));
            cases += 1;
        }
        for other in ['0', '1', '8', '9', '=', 'é', '\u{1F511}'] {
            let mut changed = symbols.clone();
            changed[at] = other;
            let found = Share::parse(&changed.iter().collect::<String>());
            // Padding ends base32: what follows it does not belong, or the line is short of bytes.
            assert!(matches!(found, Err(Error::Base32(_) | Error::Share(ShareFault::Line(_)))), "{found:?}");
            if other != '=' {
                assert_eq!(found.unwrap_err(), Error::Base32(at));
            }
        }
        if at > 0 && symbols[at] != symbols[at - 1] {
            let mut swapped = symbols.clone();
            swapped.swap(at, at - 1);
            assert!(Share::parse(&swapped.iter().collect::<String>()).is_err());
        }
    }
    assert_eq!(cases, 140 * 31);
    tell(&format!("{cases} wrong characters"));
}

#[test]
fn a_line_of_another_share_is_found() {
    let (_, _, texts) = written();
    // The third line holds the index: up to its end the text is that of the other share, and the next does not fit.
    for (line, named) in [(2, 4), (3, 4), (4, 5)] {
        let mut lines: Vec<&str> = texts[0].lines().collect();
        lines[line] = texts[1].lines().nth(line).unwrap();
        assert_eq!(fault(Share::parse(&lines.join("\n")).unwrap_err()), ShareFault::Line(named));
    }
    let mut lines: Vec<&str> = texts[0].lines().collect();
    lines.swap(3, 4);
    assert_eq!(fault(Share::parse(&lines.join("\n")).unwrap_err()), ShareFault::Line(4));
}

#[test]
fn people_may_write_it_in_their_own_way() {
    let (_, _, texts) = written();
    let folded = format!(
        "# Anna's, of five\n\n  {}\r\n # keep dry\n",
        texts[0].to_lowercase().replace(' ', "-").replace('\n', "\t\r\n")
    );
    assert_eq!(*Share::parse(&folded).unwrap().to_text(), texts[0]);
    for given in [0, 1, 139, 141, 100_000] {
        let text = "A".repeat(given);
        let expected = ShareFault::Length { given, expected: Share::CHARACTERS };
        assert_eq!(fault(Share::parse(&text).unwrap_err()), expected);
    }
}

#[test]
fn shares_that_do_not_belong_together_are_refused() {
    let (set, key, shares) = split(1, 3, 5);
    let (_, _, strange) = split(2, 3, 5);
    let mixed = [shares[0].clone(), shares[1].clone(), strange[2].clone()];
    assert_eq!(fault(set.combine(&mixed).unwrap_err()), ShareFault::Mixed);
    let twice = [shares[0].clone(), shares[3].clone(), shares[0].clone(), shares[1].clone()];
    assert_eq!(fault(set.combine(&twice).unwrap_err()), ShareFault::Twice(1));
    assert_eq!(fault(set.combine(&[]).unwrap_err()), ShareFault::Few { given: 0, needed: 3 });

    // The same key, split again: another set, whose shares do not mix.
    let mut chance = Chance::new("again", 0);
    let mut env = Env { now: UnixTime(0), rng: &mut chance };
    let (again, others) = ShareSet::split(set.vault, &key, 3, 5, &mut env).unwrap();
    assert_ne!(again, set);
    let mixed = [shares[0].clone(), shares[1].clone(), others[2].clone()];
    assert_eq!(fault(set.combine(&mixed).unwrap_err()), ShareFault::Mixed);
}

#[test]
fn an_altered_share_with_right_checks_gives_no_key() {
    let (set, key, shares) = split(3, 2, 3);
    let honest = [shares[0].clone(), shares[2].clone()];
    assert_eq!(*set.combine(&honest).unwrap(), *key);
    for byte in 43..75 {
        let forged = forge(&shares[0], byte);
        assert_eq!(set.combine(&[forged.clone(), shares[2].clone()]).unwrap_err(), Error::Rejected);
        // Beside enough honest ones it still shows.
        assert_eq!(
            set.combine(&[forged, shares[1].clone(), shares[2].clone()]).unwrap_err(),
            Error::Rejected
        );
    }
    for byte in 0..42 {
        let changed = Share::parse(&forged_text(&shares[0], byte));
        match changed {
            Ok(changed) => {
                let found = set.combine(&[changed, shares[2].clone()]).unwrap_err();
                assert_eq!(fault(found), ShareFault::Mixed, "byte {byte}");
            }
            Err(Error::Format { found: 0, supported: 1 }) => assert_eq!(byte, 0),
            Err(error) => panic!("byte {byte}: {error:?}"),
        }
    }
}

#[test]
fn a_share_number_0_would_be_the_key_and_is_none() {
    let (_, _, shares) = split(4, 2, 3);
    assert_eq!(shares[0].index(), 1);
    assert_eq!(Share::parse(&forged_text(&shares[0], 42)).unwrap_err(), Error::Refused);
}

#[test]
fn only_what_can_be_split_is_split() {
    let mut chance = Chance::new("limits", 0);
    let key = Key32::new([7; 32]);
    for (threshold, count) in [(0, 0), (0, 3), (1, 1), (1, 5), (3, 2), (255, 254)] {
        let mut env = Env { now: UnixTime(0), rng: &mut chance };
        let found = ShareSet::split(VaultId([0; 16]), &key, threshold, count, &mut env).unwrap_err();
        assert_eq!(fault(found), ShareFault::Split { threshold, count });
    }
    let (set, key, shares) = split(5, 255, 255);
    assert_eq!(*set.combine(&shares).unwrap(), *key);
}

#[test]
fn nothing_of_a_share_is_shown() {
    let (_, _, shares) = split(6, 2, 3);
    assert_eq!(format!("{:?}", shares[1]), "Share(2 of a set of which 2 open, redacted)");
}

/// The same share with one bit of a byte flipped and its checks made right again, as a forger would.
fn forged_text(share: &Share, byte: usize) -> String {
    let text = share.to_text();
    let mut content = Vec::new();
    for line in text.lines() {
        let mut bytes = [0; 18];
        let symbols: String = line.chars().filter(|c| *c != ' ').collect();
        zamok_core::otp::base32::decode(&format!("{symbols}A"), &mut bytes).unwrap();
        content.extend_from_slice(&bytes[..15]);
    }
    content[byte] ^= 1;
    let mut forged = String::new();
    for line in 1..=5 {
        let check = zamok_core::hash::sha256(&[b"zamok/share-line/v1", &content[..15 * line]]);
        let framed = [&content[15 * (line - 1)..15 * line], &[check[0], check[1], check[2] & 0xf0]].concat();
        let mut symbols = [0; 29];
        forged.push_str(&zamok_core::otp::base32::encode(&framed, &mut symbols).unwrap()[..28]);
    }
    forged
}

fn forge(share: &Share, byte: usize) -> Share {
    Share::parse(&forged_text(share, byte)).unwrap()
}
