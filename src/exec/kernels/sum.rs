//! Sums of slices.

use super::simd::vectorize;
use crate::scalar::Scalar;

/// How many partial sums run side by side: the same on every processor, so that the bits are too.
const LANES: usize = 16;

/// The sum of all values, in a fixed order: lanes first, then pairwise across them.
pub(crate) fn sum<T: Scalar>(values: &[T]) -> T {
    vectorize(
        #[inline(always)]
        move || {
            let (blocks, rest) = values.as_chunks::<LANES>();
            let mut lanes = [T::ZERO; LANES];
            for block in blocks {
                for lane in 0..LANES {
                    lanes[lane] += block[lane];
                }
            }
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane += x;
            }
            let mut width = LANES / 2;
            while width > 0 {
                for lane in 0..width {
                    lanes[lane] += lanes[lane + width];
                }
                width /= 2;
            }
            lanes[0]
        },
    )
}

/// `sums[i] += values[i]`
pub(crate) fn add_to<T: Scalar>(sums: &mut [T], values: &[T]) {
    vectorize(
        #[inline(always)]
        move || sums.iter_mut().zip(values).for_each(|(sum, &x)| *sum += x),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_sums_to_the_right_value() {
        for len in 0..100 {
            let values: Vec<f64> = (1..=len).map(f64::from).collect();
            assert_eq!(sum(&values), f64::from(len * (len + 1) / 2));
        }
    }

    #[test]
    fn long_sums_lose_little() {
        let values = vec![0.1_f32; 1 << 20];
        let exact = 0.1_f32 as f64 * values.len() as f64;
        // One after the other would be off by about 1 %.
        assert!((f64::from(sum(&values)) / exact - 1.0).abs() < 1e-3);
    }
}
