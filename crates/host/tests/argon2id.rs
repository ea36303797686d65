//! Argon2id against the vectors of its reference implementation, and within its bounds.

use std::thread;
use std::time::Instant;

use zamok_core::Error;
use zamok_core::vault::slot::Argon2Cost;
use zamok_host::argon2id;

fn derive(cost: (u32, u32, u32), password: &str, salt: &str) -> String {
    let (memory_kib, passes, lanes) = cost;
    let mut out = [0; 32];
    argon2id(password.as_bytes(), salt.as_bytes(), Argon2Cost { memory_kib, passes, lanes }, &mut out)
        .unwrap();
    out.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The Argon2id cases of version 19 in `src/test.c` of <https://github.com/P-H-C/phc-winner-argon2>, less the two of
/// which one takes 256 MiB and the other repeats the first with other words.
#[test]
fn the_vectors_of_the_reference_implementation_come_out() {
    let vectors = [
        ((1 << 16, 2, 1), "password", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"),
        ((1 << 8, 2, 1), "password", "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"),
        ((1 << 8, 2, 2), "password", "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"),
    ];
    for (cost, password, expected) in vectors {
        assert_eq!(derive(cost, password, "somesalt"), expected, "{cost:?}");
    }
}

#[test]
fn every_input_counts() {
    let base = derive((64, 1, 1), "password", "somesalt");
    let others = [
        derive((72, 1, 1), "password", "somesalt"),
        derive((64, 2, 1), "password", "somesalt"),
        derive((64, 1, 2), "password", "somesalt"),
        derive((64, 1, 1), "passwore", "somesalt"),
        derive((64, 1, 1), "password", "somesalu"),
    ];
    assert!(others.iter().all(|other| *other != base));
}

#[test]
fn a_cost_beyond_the_bounds_is_refused_at_once() {
    let refused = |memory_kib, passes, lanes, salt: &[u8], length| {
        let started = Instant::now();
        let mut out = vec![0; length];
        let error =
            argon2id(b"secret", salt, Argon2Cost { memory_kib, passes, lanes }, &mut out).unwrap_err();
        assert!(started.elapsed().as_secs() < 10, "{error}");
        assert!(out.iter().all(|byte| *byte == 0));
        error
    };
    let salt = b"somesalt";
    for (memory, passes, lanes) in [
        (7, 1, 1),
        (u32::MAX, 1, 1),
        (64, 0, 1),
        (64, u32::MAX, 1),
        (64, 1, 0),
        (64, 1, u32::MAX),
        (64, 1, 9),
    ] {
        assert_eq!(refused(memory, passes, lanes, salt, 32), Error::Refused, "{memory} {passes} {lanes}");
    }
    assert_eq!(refused(64, 1, 1, b"short", 32), Error::Refused);
    assert_eq!(refused(64, 1, 1, salt, 3), Error::Refused);
    let text = refused((2 << 20) + 1, 1, 1, salt, 32).to_string();
    assert_eq!(text, "the memory of Argon2id in KiB of 2097153 exceeds the limit of 2097152");
    let text = refused(1 << 20, 17, 1, salt, 32).to_string();
    assert_eq!(
        text,
        "the memory times the passes of Argon2id in KiB of 17825792 exceeds the limit of 16777216"
    );
    assert!(matches!(refused(2 << 20, 64, 1, salt, 32), Error::TooLong { .. }));
}

#[test]
fn a_crowd_queues_up_and_everyone_gets_the_right_key() {
    let expected = derive((8 << 10, 1, 1), "password", "somesalt");
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| assert_eq!(derive((8 << 10, 1, 1), "password", "somesalt"), expected));
        }
    });
}
