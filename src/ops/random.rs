//! Random numbers drawn from a counter-based generator.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Constant, Content, Operation, Site, write_call};
use crate::exec::kernels::simd::vectorize;
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;

/// A tensor of independent random numbers.
///
/// Its input is the run's seed. The values are a pure function of that seed, the stream and the
/// element's place, so running a graph twice gives the same numbers, and the executor draws them
/// where they are used instead of storing them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Noise {
    /// Which of the graph's random operations this is; no two share a stream.
    pub(crate) stream: u32,
    pub(crate) distribution: Distribution,
    pub(crate) shape: Shape,
}

/// How each number is distributed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Distribution {
    /// `scale` with probability `keep`, 0 otherwise.
    Bernoulli { keep: Constant, scale: Constant },
    /// The normal distribution. In both precisions the numbers are the same up to rounding; none
    /// is farther than 6.3 standard deviations from the mean.
    Normal { mean: Constant, std: Constant },
    /// Even from 0 to 1, without 1 itself. In both precisions the numbers are the same.
    Uniform,
}

impl Distribution {
    pub(crate) fn bernoulli(keep: f64, scale: f64) -> Self {
        Self::Bernoulli { keep: Constant(keep), scale: Constant(scale) }
    }

    pub(crate) fn normal(mean: f64, std: f64) -> Self {
        Self::Normal { mean: Constant(mean), std: Constant(std) }
    }
}

impl Noise {
    /// Draws the elements from `start` on, in row-by-row order.
    pub(crate) fn fill<T: Scalar>(&self, seed: Seed, start: usize, out: &mut [T]) {
        let key = seed.derive(u64::from(self.stream));
        match self.distribution {
            Distribution::Bernoulli { keep, scale } => {
                // Of 32 bits, like the hash, so that the comparison runs in vector registers.
                let threshold = (keep.0 * BLOCK as f64) as u32;
                let scale = T::from_f64(scale.0);
                draw(
                    key,
                    start,
                    out,
                    #[inline(always)]
                    move |bits| if bits < threshold { scale } else { T::ZERO },
                );
            }
            Distribution::Normal { mean, std } => {
                let [mean, std] = [mean, std].map(|constant| T::from_f64(constant.0));
                draw(
                    key,
                    start,
                    out,
                    #[inline(always)]
                    move |bits| mean + std * standard_normal(bits),
                );
            }
            Distribution::Uniform => draw(
                key,
                start,
                out,
                // The 24 bits that single precision holds, so that none is rounded up to 1.
                #[inline(always)]
                |bits| T::from_f64(f64::from(bits >> 8) * (1.0 / (1u32 << 24) as f64)),
            ),
        }
    }
}

/// The number of values that a counter of 32 bits tells apart.
const BLOCK: usize = 1 << 32;

/// Fills a slice with what is made of random bits, those of the places from `start` on.
#[inline(always)]
fn draw<T: Scalar>(key: Seed, mut start: usize, mut out: &mut [T], make: impl Fn(u32) -> T + Copy) {
    while !out.is_empty() {
        // Counters are 32 bits wide; the rest of the index goes into the key.
        let len = out.len().min(BLOCK - start % BLOCK);
        let (block, rest) = out.split_at_mut(len);
        let key = key.derive((start / BLOCK) as u64).0;
        let (low, high) = (key as u32, (key >> 32) as u32);
        let first = start as u32;
        vectorize(
            #[inline(always)]
            move || {
                for (i, out) in block.iter_mut().enumerate() {
                    *out = make(random_bits(first.wrapping_add(i as u32), low, high));
                }
            },
        );
        start += len;
        out = rest;
    }
}

/// A 32-bit hash of a counter under a key: the two-round multiply and shift of C. Wellons'
/// `hash-prospector`, with half of the key added before each round.
#[inline(always)]
pub(super) fn random_bits(counter: u32, low: u32, high: u32) -> u32 {
    let mut x = counter.wrapping_add(low);
    x = (x ^ (x >> 16)).wrapping_mul(0x21F0_AAAD);
    x = (x ^ (x >> 15)).wrapping_add(high).wrapping_mul(0x735A_2D97);
    x ^ (x >> 15)
}

/// The number of a standard normal distribution that random bits stand for: one bit is the sign,
/// the others say how far out in the tail the number is, so that single precision resolves both
/// tails as well as the middle.
#[inline(always)]
fn standard_normal<T: Scalar>(bits: u32) -> T {
    // At least 2⁻³³ and below ½.
    let tail = T::from_f64((f64::from(bits >> 1) + 0.5) * (0.5 / (1u64 << 31) as f64));
    let size = normal_quantile(tail);
    if bits & 1 == 0 { size } else { -size }
}

/// Where the upper tail of the standard normal distribution has this probability, which has to be
/// from 1e-11 to ½: the rational approximations of M. J. Wichura, *Algorithm AS 241* (1988), to
/// 16 digits.
#[inline(always)]
fn normal_quantile<T: Scalar>(tail: T) -> T {
    let number = T::from_f64;
    let offset = number(0.5) - tail;
    let middle = offset * rational(number(0.180625) - offset * offset, MIDDLE);
    let outer = rational((-tail.ln()).sqrt() - number(1.6), OUTER);
    if offset <= number(0.425) { middle } else { outer }
}

/// Numerator and denominator of a rational function, from the highest power down.
type Coefficients = [[f64; 8]; 2];

/// Of the quantile over its distance from the median, as a function of that distance's square.
const MIDDLE: Coefficients = [
    [
        2.509_080_928_730_122_7e3,
        3.343_057_558_358_813e4,
        6.726_577_092_700_87e4,
        4.592_195_393_154_987e4,
        1.373_169_376_550_946e4,
        1.971_590_950_306_551_3e3,
        1.331_416_678_917_843_8e2,
        3.387_132_872_796_366_5,
    ],
    [
        5.226_495_278_852_854e3,
        2.872_908_573_572_194_3e4,
        3.930_789_580_009_271e4,
        2.121_379_430_158_659_7e4,
        5.394_196_021_424_751e3,
        6.871_870_074_920_579e2,
        4.231_333_070_160_091e1,
        1.0,
    ],
];

/// Of the quantile, as a function of the root of the negative logarithm of the tail.
const OUTER: Coefficients = [
    [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        2.417_807_251_774_506e-1,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        1.481_039_764_274_800_8e-1,
        6.897_673_349_851e-1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];

#[inline(always)]
fn rational<T: Scalar>(x: T, [numerator, denominator]: Coefficients) -> T {
    polynomial(x, numerator) / polynomial(x, denominator)
}

#[inline(always)]
fn polynomial<T: Scalar>(x: T, [first, rest @ ..]: [f64; 8]) -> T {
    rest.into_iter().fold(T::from_f64(first), |sum, c| sum * x + T::from_f64(c))
}

impl Operation for Noise {
    fn name(&self) -> &'static str {
        match self.distribution {
            Distribution::Bernoulli { .. } => "mask",
            Distribution::Normal { .. } => "normal",
            Distribution::Uniform => "uniform",
        }
    }

    fn infer(&self, _inputs: &[&Shape]) -> Result<Shape, String> {
        Ok(self.shape.clone())
    }

    fn reads(&self) -> Option<&'static [Content]> {
        Some(&[Content::Seed])
    }

    fn vjp<'t>(&self, _input: usize, _site: &Site<'_, 't>) -> Option<Var<'t>> {
        None
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        "none"
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], _shape: &Shape, out: &mut [T]) {
        self.fill(inputs[0].seed(), 0, out);
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        let constants: &[(&str, &dyn fmt::Display)] = match &self.distribution {
            Distribution::Bernoulli { keep, scale } => &[("keep", keep), ("scale", scale)],
            Distribution::Normal { mean, std } => &[("mean", mean), ("std", std)],
            Distribution::Uniform => &[],
        };
        write_call(f, self.name(), inputs, constants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw<T: Scalar>(seed: u64, stream: u32, distribution: Distribution, len: usize) -> Vec<T> {
        let noise = Noise { stream, distribution, shape: Shape::from([len]) };
        let mut out = vec![T::from_f64(f64::NAN); len];
        noise.fill(Seed(seed), 0, &mut out);
        out
    }

    fn mask(seed: u64, stream: u32, keep: f64, len: usize) -> Vec<f32> {
        draw(seed, stream, Distribution::bernoulli(keep, 1.0), len)
    }

    /// How often two masks agree.
    fn agreement(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len().min(b.len()) as f64
    }

    #[test]
    fn the_share_kept_is_the_probability() {
        let n = 1 << 20;
        for keep in [0.1, 0.5, 0.8, 0.999] {
            let kept: f32 = mask(7, 0, keep, n).iter().sum();
            let deviation = (keep * (1.0 - keep) / n as f64).sqrt();
            assert!((f64::from(kept) / n as f64 - keep).abs() < 5.0 * deviation, "{keep}");
        }
    }

    #[test]
    fn masks_of_other_seeds_streams_and_places_are_independent() {
        let n = 1 << 18;
        let first = mask(7, 0, 0.5, n);
        let tolerance = 5.0 * 0.5 / (n as f64).sqrt();
        for other in [mask(8, 0, 0.5, n), mask(7, 1, 0.5, n), mask(1 << 40, 0, 0.5, n)] {
            assert!((agreement(&first, &other) - 0.5).abs() < tolerance);
        }
        for lag in [1, 2, 8, 512, 1 << 16] {
            assert!((agreement(&first[lag..], &first) - 0.5).abs() < tolerance, "lag {lag}");
        }
    }

    #[test]
    fn the_bits_of_a_mask_are_what_they_always_were() {
        let kept: String =
            mask(42, 1, 0.5, 32).iter().map(|&kept| if kept == 1.0 { '1' } else { '0' }).collect();
        assert_eq!(kept, "00000110110101111110101011011011");
    }

    #[test]
    fn parts_are_the_same_as_the_whole() {
        let (mask, normal) = (Distribution::bernoulli(0.5, 2.0), Distribution::normal(1.0, 2.0));
        for distribution in [mask, normal, Distribution::Uniform] {
            let noise = Noise { stream: 3, distribution, shape: Shape::from([1000]) };
            let whole: Vec<f32> = draw(1, 3, distribution, 1000);
            let mut part = vec![0.0_f32; 100];
            noise.fill(Seed(1), 417, &mut part);
            assert_eq!(part, whole[417..517]);
        }
    }

    #[test]
    fn the_quantile_is_that_of_the_normal_distribution() {
        let upper_tail = |z: f64| 0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2);
        for i in 0..2000 {
            // From ½ down to 2⁻³³, which is as far as draws go.
            let tail = 0.5 * 2.0_f64.powf(-32.0 * f64::from(i) / 2000.0);
            let z: f64 = normal_quantile(tail);
            assert!((upper_tail(z) / tail - 1.0).abs() < 1e-13, "{tail}: {z}");
            let single = f64::from(normal_quantile(tail as f32));
            assert!((single - z).abs() < 2e-6 * z.abs().max(0.05), "{tail}: {single}, not {z}");
        }
    }

    #[test]
    fn normal_draws_have_the_moments_and_tails_of_the_distribution() {
        let n = 1 << 20;
        let z: Vec<f64> = draw(7, 0, Distribution::normal(0.0, 1.0), n);
        let moment = |power: i32| z.iter().map(|z| z.powi(power)).sum::<f64>() / n as f64;
        // The variances of the powers are 1, 2, 15 and 96.
        for (power, want, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let deviation = f64::sqrt(variance / n as f64);
            assert!((moment(power) - want).abs() < 5.0 * deviation, "moment {power}");
        }
        for (bound, share) in
            [(1.0, 0.317_310_5), (2.0, 0.045_500_3), (3.0, 0.002_699_8), (4.0, 6.334e-5)]
        {
            let deviation = f64::sqrt(share / n as f64);
            for side in [1.0, -1.0] {
                let beyond = z.iter().filter(|&&z| z * side > bound).count() as f64 / n as f64;
                assert!((beyond - share / 2.0).abs() < 5.0 * deviation, "beyond {bound}: {beyond}");
            }
        }
    }

    #[test]
    fn uniform_draws_are_even_below_1_and_the_same_in_both_precisions() {
        let n = 1 << 20;
        let u: Vec<f64> = draw(7, 0, Distribution::Uniform, n);
        let moment = |power: i32| u.iter().map(|u| u.powi(power)).sum::<f64>() / n as f64;
        // The powers' means are 1/(k + 1), their variances k²/((k + 1)² (2k + 1)).
        for power in 1..5 {
            let k = f64::from(power);
            let deviation = k / ((k + 1.0) * (n as f64 * (2.0 * k + 1.0)).sqrt());
            assert!((moment(power) - 1.0 / (k + 1.0)).abs() < 5.0 * deviation, "moment {power}");
        }
        assert!(u.iter().all(|u| (0.0..1.0).contains(u)));
        let single: Vec<f32> = draw(7, 0, Distribution::Uniform, n);
        assert!(u.iter().zip(single).all(|(&double, single)| double == f64::from(single)));
    }

    #[test]
    fn normal_draws_are_the_same_in_both_precisions() {
        let distribution = Distribution::normal(-0.5, 3.0);
        let (single, double) =
            (draw::<f32>(7, 2, distribution, 10_000), draw::<f64>(7, 2, distribution, 10_000));
        for (single, double) in single.into_iter().zip(double) {
            assert!((f64::from(single) - double).abs() < 1e-5, "{single} and {double}");
        }
    }
}
