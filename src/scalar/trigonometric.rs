//! Sine and cosine of `f32`, branch-free, of angles of any size: in double precision inside, so that
//! what is left of the angle, and the result, are rounded once.

use std::f64::consts::FRAC_PI_2;

use super::elementary::polynomial;

/// Adding this rounds an `f64` to a whole number, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

#[inline(always)]
pub(super) fn sin(x: f32) -> f32 {
    let (quarters, rest) = quarter_turns(x.abs());
    // The sine is odd, and keeps the sign of 0.
    let sign = x.to_bits() & (1 << 31);
    f32::from_bits(wave(quarters, rest).to_bits() ^ sign)
}

#[inline(always)]
pub(super) fn cos(x: f32) -> f32 {
    let (quarters, rest) = quarter_turns(x);
    wave(quarters.wrapping_add(1), rest)
}

/// An angle as whole quarter turns, of which the lowest two bits count, and what is left of it, in
/// quarter turns as well: between `-½` and `½`, with a relative error below 2⁻²⁴ even where next to
/// nothing is left.
///
/// Whole turns are left out beforehand, as M. H. Payne and R. N. Hanek do it (*Radian reduction for
/// trigonometric functions*, SIGNUM Newsletter 18, 1983): of `x = m 2ʲ` with a whole `m`, they are
/// in that part of `2ʲ · 2/π` which is a multiple of 4.
#[inline(always)]
fn quarter_turns(x: f32) -> (u64, f64) {
    let exponent = (x.to_bits() >> 23) & 0xFF;
    // Below 2²⁴ there is no need.
    let j = exponent.saturating_sub(127 + 23);
    let [high, low] = QUARTERS_OF_RADIANS[j as usize & 127];
    let m = f64::from(x) * f64::from_bits(u64::from(1023 - j) << 52);
    // Exact: 24 times 27 bits.
    let most = m * high;
    let little = m * low;
    let rounded = (most + little) + ROUND;
    (rounded.to_bits(), (most - (rounded - ROUND)) + little)
}

/// The sine of `quarters + rest` quarter turns, by the Taylor series of sine and cosine.
#[inline(always)]
fn wave(quarters: u64, rest: f64) -> f32 {
    const SQUARE: f64 = FRAC_PI_2 * FRAC_PI_2;
    const SINE: [f64; 5] = series(FRAC_PI_2, 1);
    const COSINE: [f64; 6] = series(1.0, 0);

    /// Coefficients of `(π/2)ᵏ/k!` with alternating signs for every other `k`, the highest first.
    const fn series<const N: usize>(first: f64, mut k: usize) -> [f64; N] {
        let mut coefficients = [first; N];
        let mut i = N - 1;
        while i > 0 {
            let divisor = ((k + 1) * (k + 2)) as f64;
            coefficients[i - 1] = -coefficients[i] * SQUARE / divisor;
            (k, i) = (k + 2, i - 1);
        }
        coefficients
    }

    let square = rest * rest;
    let sine = rest * polynomial(square, SINE);
    let cosine = polynomial(square, COSINE);
    let size = if quarters & 1 == 0 { sine } else { cosine };
    let sign = (quarters & 2) << 62;
    f64::from_bits(size.to_bits() ^ sign) as f32
}

/// `2ʲ · 2/π` but for multiples of 4: the nearest multiple of 2⁻²⁵, and what is left.
///
/// No `static`: where it is read, the compiler has to know that no store changes it.
const QUARTERS_OF_RADIANS: &[[f64; 2]; 128] = &{
    /// The first bits of `2/π`.
    const TWO_OVER_PI: [u128; 2] =
        [0xA2F9_836E_4E44_1529_FC27_57D1_F534_DDC0, 0xDB62_9599_3C43_9041_FE51_63AB_DEBB_C561];

    let mut table = [[0.0; 2]; 128];
    let mut j = 0;
    while j < 128 {
        // From the bit that is worth 2 on.
        let bits = match j {
            0 => TWO_OVER_PI[0] >> 2,
            1 => TWO_OVER_PI[0] >> 1,
            2 => TWO_OVER_PI[0],
            _ => TWO_OVER_PI[0] << (j - 2) | TWO_OVER_PI[1] >> (130 - j),
        };
        // The lowest bit of the 27 highest is worth 2⁻²⁵.
        let high = (bits + (1 << 100)) >> 101;
        let low = bits.wrapping_sub(high << 101) as i128;
        table[j] = [high as f64 / (1_u64 << 25) as f64, low as f64 / (1_u128 << 126) as f64];
        j += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_adds_up_to_two_over_pi() {
        for (j, [high, low]) in QUARTERS_OF_RADIANS.iter().enumerate().take(20) {
            let whole = (2.0_f64.powi(j as i32) / FRAC_PI_2).rem_euclid(4.0);
            assert!((high + low - whole).abs() < 1e-9, "2^{j} radians");
        }
    }

    #[test]
    fn angles_next_to_a_multiple_of_a_quarter_turn_and_the_largest() {
        // The nearest of all to an odd multiple and to an even one, with 500 bits.
        let quarter = 16_367_173.0 * 2.0_f32.powi(72);
        assert_eq!([sin(quarter), cos(quarter)], [1.0, -1.614_769_8e-9]);
        let half = 16_367_173.0 * 2.0_f32.powi(73);
        assert_eq!([sin(half), cos(half)], [-3.229_539_6e-9, -1.0]);
        assert_eq!([sin(f32::MAX), cos(f32::MAX)], [-0.521_876_5, 0.853_021]);
    }

    #[test]
    fn signs_of_zero_and_angles_without_a_sine() {
        assert_eq!(sin(-0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(sin(0.0).to_bits(), 0);
        assert_eq!(cos(-0.0), 1.0);
        for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert!(sin(x).is_nan() && cos(x).is_nan());
        }
    }
}
