//! What a guess is worth (`CRYPTO.md` §4): the arithmetic of `docs/policy.md`.

/// The probability that one of `tries` guesses at a code of so many digits is right, when `steps` codes are taken at once:
/// P ≤ 1 − (1 − W·p)^L with p = ⌈2³¹ ∕ 10^d⌉ ∕ 2³¹, since the 2³¹ values of RFC 4226 §5.3 do not fall evenly on 10^d codes.
#[must_use]
pub fn odds(steps: u32, digits: u8, tries: u32) -> f64 {
    const VALUES: u64 = 1 << 31;
    let codes = 10_u64.saturating_pow(u32::from(digits));
    // Below 2³²: exact in a double.
    let likeliest = u32::try_from(VALUES.div_ceil(codes)).map_or(1.0, f64::from);
    let once = (f64::from(steps) * likeliest / 2_f64.powi(31)).min(1.0);
    // 1 − (1 − x)^L without losing small x.
    -(f64::from(tries) * (-once).ln_1p()).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::odds;

    #[test]
    fn guesses_add_up_as_they_should() {
        assert!((odds(1, 6, 1) - 2148.0 / 2_f64.powi(31)).abs() < 1e-18);
        assert!((odds(3, 6, 5) - 1.5e-5).abs() < 2e-8, "{}", odds(3, 6, 5));
        assert_eq!(odds(128, 6, 0), 0.0);
        assert!(odds(128, 6, u32::MAX) > 0.999);
        assert!(odds(3, 8, 5) < odds(3, 6, 5) / 90.0);
    }
}
