//! Which kernels are said to run here.

use zamok_lanes::{Variant, describe, prefetch, variants};

/// The standard library asks the operating system as well; both must find the same.
#[cfg(target_arch = "x86_64")]
#[test]
fn variants_are_those_that_the_standard_library_detects() {
    let mut expected = vec![Variant::Portable];
    if is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1")
    {
        expected.push(Variant::ShaExt);
    }
    if is_x86_feature_detected!("avx2") {
        expected.push(Variant::Avx2);
    }
    if is_x86_feature_detected!("avx512f") {
        expected.push(Variant::Avx512);
    }
    assert_eq!(variants().collect::<Vec<_>>(), expected);
}

#[cfg(target_arch = "aarch64")]
#[test]
fn variants_are_those_that_the_program_is_compiled_for() {
    let mut expected = vec![Variant::Portable, Variant::Neon];
    if cfg!(target_feature = "sha2") {
        expected.push(Variant::ShaArm);
    }
    assert_eq!(variants().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_chosen_can_run() {
    let choices = describe();
    assert_eq!(choices.map(|choice| choice.hash), ["SHA-1", "SHA-256", "SHA-512"]);
    for choice in choices {
        assert!(variants().any(|variant| variant == choice.few), "{choice}");
        assert!(variants().any(|variant| variant == choice.many), "{choice}");
        assert!(choice.lanes.is_power_of_two() && choice.few_max < choice.lanes, "{choice}");
    }
}

#[test]
fn a_value_of_any_size_can_be_asked_for_and_one_without_a_byte_too() {
    prefetch(&());
    prefetch(&[0_u64; 0]);
    prefetch(&0_u8);
    prefetch(&[0_u8; 65]);
    prefetch(&[0_u8; 128]);
}
