//! The values printed in RFC 4226 appendix D and RFC 6238 appendix B, by every kernel that this machine can
//! run.

use zamok_lanes::{Hash, MacKey, Sha1, Sha256, Sha512, batch_with, tag, variants, window, window_with};

/// Each value from a window, from a batch and alone.
fn check<H: Hash>(key: &[u8], expected: &[(u64, u32)], modulus: u32) {
    let key = MacKey::<H>::new(key).expect("at most a block");
    let counters: Vec<u64> = expected.iter().map(|&(counter, _)| counter).collect();
    let expected: Vec<u32> = expected.iter().map(|&(_, value)| value).collect();
    let reduced = |values: &[u32]| values.iter().map(|value| value % modulus).collect::<Vec<u32>>();

    let mut values = vec![0; counters.len()];
    window(&key, &counters, &mut values);
    assert_eq!(reduced(&values), expected);
    for variant in variants() {
        window_with(variant, &key, &counters, &mut values);
        assert_eq!(reduced(&values), expected, "window by {variant:?}");
        batch_with(variant, &vec![&key; counters.len()], &counters, &mut values);
        assert_eq!(reduced(&values), expected, "batch by {variant:?}");
        for (&counter, &value) in counters.iter().zip(&expected) {
            let mut alone = [0];
            window_with(variant, &key, &[counter], &mut alone);
            assert_eq!(alone[0] % modulus, value, "{counter} alone by {variant:?}");
        }
    }
}

/// RFC 4226 appendix D: secret, counter, HMAC-SHA-1 and its truncation to 31 bits.
#[test]
fn rfc_4226_appendix_d() {
    const TABLE: [(&str, u32); 10] = [
        ("cc93cf18508d94934c64b65d8ba7667fb7cde4b0", 1_284_755_224),
        ("75a48a19d4cbe100644e8ac1397eea747a2d33ab", 1_094_287_082),
        ("0bacb7fa082fef30782211938bc1c5e70416ff44", 137_359_152),
        ("66c28227d03a2d5529262ff016a1e6ef76557ece", 1_726_969_429),
        ("a904c900a64b35909874b33e61c5938a8e15ed1c", 1_640_338_314),
        ("a37e783d7b7233c083d4f62926c7a25f238d0316", 868_254_676),
        ("bc9cd28561042c83f219324d3c607256c03272ae", 1_918_287_922),
        ("a4fb960c0bc06e1eabb804e5b397cdc4b45596fa", 82_162_583),
        ("1b3c89f65e6c9e883012052823443f048b4332db", 673_399_871),
        ("1637409809a679dc698207310c8c7fc07290d9e5", 645_520_489),
    ];
    let secret = b"12345678901234567890";
    let key = MacKey::<Sha1>::new(secret).expect("twenty bytes");
    for (counter, (hex, _)) in (0..).zip(TABLE) {
        let printed: String = tag(&key, counter).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(printed, hex, "the tag of {counter}");
    }
    let values: Vec<(u64, u32)> = (0..).zip(TABLE.map(|(_, value)| value)).collect();
    check::<Sha1>(secret, &values, 1 << 31);
}

/// RFC 6238 appendix B: eight digits, T0 = 0, steps of 30 seconds. Errata 2866 gives the longer secrets.
#[test]
fn rfc_6238_appendix_b() {
    const TIMES: [u64; 6] = [59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000];
    let digits = b"1234567890".repeat(7);
    let table = |codes: [u32; 6]| TIMES.map(|time| time / 30).into_iter().zip(codes).collect::<Vec<_>>();

    let sha1 = [94_287_082, 7_081_804, 14_050_471, 89_005_924, 69_279_037, 65_353_130];
    check::<Sha1>(&digits[..20], &table(sha1), 100_000_000);
    let sha256 = [46_119_246, 68_084_774, 67_062_674, 91_819_424, 90_698_825, 77_737_706];
    check::<Sha256>(&digits[..32], &table(sha256), 100_000_000);
    let sha512 = [90_693_936, 25_091_201, 99_943_326, 93_441_116, 38_618_901, 47_863_826];
    check::<Sha512>(&digits[..64], &table(sha512), 100_000_000);
}
