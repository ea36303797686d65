//! Files that an operator writes: policies, configurations of the delivery, templates. They are read or refused with a reason; a
//! policy that was read is written as it is read again, and templates that were refused change nothing.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use zamok_cabinet::{Policy, PolicyFault};
use zamok_delivery::{Config, Templates};
use zamok_fuzz::accepted;

fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    match choice % 3 {
        0 => policy(text),
        1 => configuration(text),
        _ => templates(text),
    }
});

fn policy(text: &str) {
    match Policy::from_toml(text) {
        Ok(policy) => {
            accepted("policy");
            assert_eq!(Policy::from_toml(&policy.to_toml()).as_ref(), Ok(&policy));
            assert!(policy.differences(&policy).is_empty() && !policy.numbers().is_empty());
        }
        Err(PolicyFault::Unknown(names)) => assert!(!names.is_empty()),
        Err(PolicyFault::Unsound(faults)) => assert!(faults.iter().all(|fault| !fault.is_empty())),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

fn configuration(text: &str) {
    let folder = Path::new("/etc/zamok");
    match Config::from_toml(text, folder) {
        Ok(config) => {
            accepted("configuration");
            assert!(config.templates.iter().all(|path| path.has_root()));
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

fn templates(text: &str) {
    let mut templates = Templates::new("Bank", "bank.example", "en", 8).expect("what ships is read");
    let before: Vec<String> = templates.languages().map(str::to_owned).collect();
    match templates.add(text) {
        Ok(()) => {
            accepted("templates");
            assert!(templates.languages().count() >= before.len());
        }
        Err(fault) => {
            assert!(!fault.to_string().is_empty());
            assert!(templates.languages().eq(before.iter().map(String::as_str)), "nothing was added");
        }
    }
}
