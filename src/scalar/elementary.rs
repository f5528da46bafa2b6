//! Elementary functions of `f32`, branch-free, so that a loop over them runs in vector registers.
//!
//! Largest errors over every fifth of all numbers, in units in the last place; a test measures them
//! again over fewer:
//!
//! | function | error | outside of its domain |
//! |---|---|---|
//! | `exp` | 1.0 | 0 below -104, infinity above 88.8 |
//! | `ln` | 0.9 | `-inf` at 0, NaN below |
//! | `ln_1p` | 1.3 | `-inf` at -1, NaN below |
//! | `exp_m1` | 1.6 | -1 below -17.4, infinity above 88.8 |
//! | `tanh` | 1.9 | |
//! | `erf` | 1.6 | |
//! | `sigmoid` | 1.8 | below -89 as there, a number that is flushed to 0 |
//! | `sin` | 0.6 | NaN at infinity |
//! | `cos` | 0.6 | NaN at infinity |
//!
//! NaN gives NaN everywhere. No fused multiply-add is used, so that the bits do not depend on the
//! processor. The polynomials are those of Cephes (S. L. Moshier, netlib.org/cephes).

use std::ops::{Add, Mul};

pub(super) use super::trigonometric::{cos, sin};

/// Adding this rounds a small `f32` to a whole number, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// ln 2 in two parts, the first with so few bits that its multiples are exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `2ⁿ` for a whole `n` in -126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// The polynomial with these coefficients, the highest first.
#[inline(always)]
pub(super) fn polynomial<T, const N: usize>(x: T, coefficients: [T; N]) -> T
where
    T: Copy + Default + Add<Output = T> + Mul<Output = T>,
{
    coefficients.into_iter().reduce(|sum, c| sum * x + c).unwrap_or_default()
}

/// `eˣ` in the format `(1 + f) · 2ᵃ · 2ᵇ` with `f` in `√½ - 1..√2 - 1`: the three `(f, a, b)`. In two
/// powers, since their product may be too large or too small to be a normal number.
#[inline(always)]
fn exponential(x: f32) -> (f32, i32, i32) {
    // Comparisons instead of `clamp`, so that NaN passes through.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let tail = polynomial(
        r,
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5],
    );
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    (tail * (r * r) + r, half, n - half)
}

#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let (fraction, a, b) = exponential(x);
    (fraction + 1.0) * power_of_two(a) * power_of_two(b)
}

#[inline(always)]
pub(super) fn exp_m1(x: f32) -> f32 {
    let (fraction, a, b) = exponential(x);
    // 2ᵃ - 2⁻ᵇ is exact where it matters, and 0 near 0.
    let whole = power_of_two(a) - power_of_two(-b);
    (fraction * power_of_two(a) + whole) * power_of_two(b)
}

#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    let (fraction, a, b) = exponential(-x);
    // `1 + e⁻ˣ` is `1 + 2ⁿ + f 2ⁿ`, here all times 2⁻ᵇ: a sum rounded once, where `exp` by itself
    // would have rounded before. For a large power, 1 is added to the smaller part of it.
    let (power, one) = (power_of_two(a), power_of_two(-b));
    let part = fraction * power;
    one / if a > 8 { (part + one) + power } else { part + (power + one) }
}

/// `ln(x)` for `x` in the format `m · 2ᵉ` with `m` in `√½..√2`: the two parts `(m - 1, e)`.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let bits = x.to_bits() as i32;
    // The exponent of x/√½, rounded down.
    let e = (bits - 0x3F35_04F3) >> 23;
    let m = f32::from_bits((bits - (e << 23)) as u32);
    (m - 1.0, e as f32)
}

#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    // Subnormal numbers are scaled up first.
    let tiny = x < f32::MIN_POSITIVE;
    let (m, e) = split(if tiny { x * 8_388_608.0 } else { x });
    let e = if tiny { e - 23.0 } else { e };
    let tail = polynomial(
        m,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    let square = m * m;
    let fraction = tail * m * square + e * LN_2_LOW - 0.5 * square;
    let y = m + fraction + e * LN_2_HIGH;
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    let y = if x < 0.0 { f32::NAN } else { y };
    if x < f32::INFINITY { y } else { x }
}

#[inline(always)]
pub(super) fn ln_1p(x: f32) -> f32 {
    // The rounding error of 1 + x, carried over to first order (W. Kahan).
    let sum = 1.0 + x;
    let error = x - (sum - 1.0);
    let y = ln(sum) + error / sum;
    let exact = sum > 0.0 && sum < f32::INFINITY;
    let y = if exact { y } else { ln(sum) };
    if x.abs() < 1e-4 { x - 0.5 * x * x } else { y }
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let tail = polynomial(
        square,
        [-5.704_988e-3, 2.063_908_8e-2, -5.373_971_5e-2, 1.333_144_2e-1, -3.333_328e-1],
    );
    let near = x + x * square * tail;
    // `2 / (e²ˣ + 1)` is a small part of the result, so that a shorter series than in `exp` will do:
    // the one with the least largest error in this range. Beyond 10, the result is 1.
    let size = if size > 10.0 { 10.0 } else { size };
    let rounded = size * (2.0 * std::f32::consts::LOG2_E) + ROUND;
    let r = (size + size) - (rounded - ROUND) * std::f32::consts::LN_2;
    let series = polynomial(r, [8.312_51e-3, 4.189_027e-2, 0.166_671_15, 0.499_992_3, 1.0, 1.0]);
    // Times 2ⁿ, with the n that stands in the lowest bits.
    let power = f32::from_bits(series.to_bits().wrapping_add(rounded.to_bits() << 23));
    let far = (1.0 - 2.0 / (power + 1.0)).copysign(x);
    // The bits of NaN may have become those of a number on the way to `far`.
    if size >= 0.625 { far } else { near }
}

#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    // The leading 2/√π as 1 and a small rest, whose rounding errors hardly count.
    let rest = polynomial(
        square,
        [
            7.853_861_4e-5,
            -8.010_193_6e-4,
            5.188_327_7e-3,
            -2.685_381_2e-2,
            1.128_358_5e-1,
            -3.761_262_6e-1,
            1.283_791_7e-1,
        ],
    );
    let near = x + x * rest;
    let inverse = 1.0 / size;
    let tail = polynomial(
        inverse * inverse,
        [
            2.326_82e-2,
            -1.387_039_4e-1,
            3.687_424_7e-1,
            -5.824_733e-1,
            6.210_004_6e-1,
            -4.944_515_3e-1,
            3.404_88e-1,
            -2.741_127e-1,
            5.638_259_4e-1,
        ],
    );
    let far = (1.0 - exp(-square) * inverse * tail).copysign(x);
    if size < 1.0 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error in units in the last place over a sample of all numbers in a range.
    fn worst_ulp(ours: fn(f32) -> f32, exact: fn(f64) -> f64, range: [f32; 2]) -> f64 {
        let mut worst = 0.0_f64;
        for bits in (0..=u32::MAX).step_by(997) {
            let x = f32::from_bits(bits);
            if !(range[0]..=range[1]).contains(&x) {
                continue;
            }
            let (got, want) = (ours(x), exact(f64::from(x)));
            let rounded = want as f32;
            if rounded.is_infinite() || rounded == 0.0 {
                assert_eq!(got, rounded, "at {x}");
                continue;
            }
            let exponent = rounded.abs().max(f32::MIN_POSITIVE).log2().floor() as i32;
            let ulp = 2.0_f64.powi(exponent - 23);
            worst = worst.max((f64::from(got) - want).abs() / ulp);
        }
        worst
    }

    /// The error in the table above.
    fn documented(name: &str) -> f64 {
        let row = format!("//! | `{name}` | ");
        let found = include_str!("elementary.rs").lines().find_map(|line| line.strip_prefix(&row));
        let error = found.and_then(|rest| rest.split(" |").next()?.parse().ok());
        error.unwrap_or_else(|| panic!("the table has no row of `{name}`"))
    }

    #[test]
    fn errors_are_as_documented() {
        type Function = (&'static str, fn(f32) -> f32, fn(f64) -> f64, [f32; 2]);
        let all = [f32::MIN, f32::MAX];
        let functions: [Function; 9] = [
            ("exp", exp, f64::exp, all),
            ("ln", ln, f64::ln, [f32::MIN_POSITIVE / 1e3, f32::MAX]),
            ("ln_1p", ln_1p, f64::ln_1p, [-0.999_999, f32::MAX]),
            ("exp_m1", exp_m1, f64::exp_m1, all),
            ("tanh", tanh, f64::tanh, all),
            ("erf", erf, libm::erf, all),
            // Where the result is a normal number.
            ("sigmoid", sigmoid, |x| 1.0 / (1.0 + (-x).exp()), [-87.3, f32::MAX]),
            ("sin", sin, f64::sin, all),
            ("cos", cos, f64::cos, all),
        ];
        for (name, ours, exact, range) in functions {
            let (measured, documented) = (worst_ulp(ours, exact, range), documented(name));
            assert!(measured <= documented, "{name}: {measured} ulp, documented {documented}");
            assert!(measured > documented - 0.4, "{name}: only {measured} ulp, of {documented}");
        }
    }

    #[test]
    fn limits_and_nan() {
        for f in [exp, ln, ln_1p, exp_m1, tanh, erf, sigmoid] {
            for bits in [0x7FC0_0000, 0x7F80_0001, 0x7FFF_FFFF, 0xFFC0_0123] {
                assert!(f(f32::from_bits(bits)).is_nan());
            }
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert_eq!(ln(f32::INFINITY), f32::INFINITY);
        assert!(ln(-1.0).is_nan());
        assert_eq!(ln_1p(-1.0), f32::NEG_INFINITY);
        assert_eq!(ln_1p(f32::INFINITY), f32::INFINITY);
        assert!(ln_1p(-2.0).is_nan());
        assert_eq!((exp_m1(f32::INFINITY), exp_m1(f32::NEG_INFINITY)), (f32::INFINITY, -1.0));
        assert_eq!((erf(f32::INFINITY), erf(f32::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!(sigmoid(f32::INFINITY), 1.0);
        assert!(sigmoid(f32::NEG_INFINITY) < f32::MIN_POSITIVE);
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
    }
}
