//! Randomness: masks drawn from a counter-based generator, and dropout.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Constant, Content, Operation, Site, write_call};
use crate::exec::kernels::simd::vectorize;
use crate::graph::{Mode, Var};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;

/// A tensor whose elements are, independently, `scale` with probability `keep` and 0 otherwise.
///
/// Its input is the run's seed. The values are a pure function of that seed, the stream and the
/// element's place, so running a graph twice gives the same mask, and the executor draws the mask
/// where it is used instead of storing it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Mask {
    /// Which of the graph's random tensors this is; no two share a stream.
    pub(crate) stream: u32,
    pub(crate) keep: Constant,
    pub(crate) scale: Constant,
    pub(crate) shape: Shape,
}

impl Mask {
    /// Draws the elements from `start` on, in row-by-row order.
    pub(crate) fn fill<T: Scalar>(&self, seed: Seed, mut start: usize, mut out: &mut [T]) {
        const BLOCK: usize = 1 << 32;
        // Of 32 bits, like the hash, so that the comparison runs in vector registers.
        let threshold = (self.keep.0 * BLOCK as f64) as u32;
        let scale = T::from_f64(self.scale.0);
        while !out.is_empty() {
            // Counters are 32 bits wide; the rest of the index goes into the key.
            let len = out.len().min(BLOCK - start % BLOCK);
            let (block, rest) = out.split_at_mut(len);
            let key = seed.derive(u64::from(self.stream)).derive((start / BLOCK) as u64).0;
            let (low, high) = (key as u32, (key >> 32) as u32);
            let first = start as u32;
            vectorize(
                #[inline(always)]
                move || {
                    for (i, out) in block.iter_mut().enumerate() {
                        let bits = random_bits(first.wrapping_add(i as u32), low, high);
                        *out = if bits < threshold { scale } else { T::ZERO };
                    }
                },
            );
            start += len;
            out = rest;
        }
    }
}

/// A 32-bit hash of a counter under a key: the two-round multiply and shift of C. Wellons'
/// `hash-prospector`, with half of the key added before each round.
#[inline(always)]
fn random_bits(counter: u32, low: u32, high: u32) -> u32 {
    let mut x = counter.wrapping_add(low);
    x = (x ^ (x >> 16)).wrapping_mul(0x21F0_AAAD);
    x = (x ^ (x >> 15)).wrapping_add(high).wrapping_mul(0x735A_2D97);
    x ^ (x >> 15)
}

impl Operation for Mask {
    fn name(&self) -> &'static str {
        "mask"
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
        write_call(f, "mask", inputs, &[("keep", &self.keep), ("scale", &self.scale)])
    }
}

impl<'t> Var<'t> {
    /// Dropout: while training, each element is set to 0 with probability `rate` and the others
    /// are divided by `1 - rate`, so that the expected value stays the same; in inference, `x`
    /// itself. (N. Srivastava et al., 2014; in the inverted form.)
    ///
    /// The mask depends on the tape's seed and on which of the tape's random operations this is.
    ///
    /// # Panics
    ///
    /// If the rate is not in `0..1`.
    #[track_caller]
    pub fn dropout(self, rate: f64) -> Var<'t> {
        assert!((0.0..1.0).contains(&rate), "dropout: the rate has to be in [0, 1), got {rate}");
        if rate == 0.0 || self.graph().mode() == Mode::Inference {
            return self;
        }
        let keep = 1.0 - rate;
        self * self.graph().mask(self.shape(), keep, 1.0 / keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, stream: u32, keep: f64, len: usize) -> Vec<f32> {
        let shape = Shape::from([len]);
        let mask = Mask { stream, keep: Constant(keep), scale: Constant(1.0), shape };
        let mut out = vec![f32::NAN; len];
        mask.fill(Seed(seed), 0, &mut out);
        out
    }

    /// How often two masks agree.
    fn agreement(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len().min(b.len()) as f64
    }

    #[test]
    fn the_share_kept_is_the_probability() {
        let n = 1 << 20;
        for keep in [0.1, 0.5, 0.8, 0.999] {
            let kept: f32 = draw(7, 0, keep, n).iter().sum();
            let deviation = (keep * (1.0 - keep) / n as f64).sqrt();
            assert!((f64::from(kept) / n as f64 - keep).abs() < 5.0 * deviation, "{keep}");
        }
    }

    #[test]
    fn masks_of_other_seeds_streams_and_places_are_independent() {
        let n = 1 << 18;
        let mask = draw(7, 0, 0.5, n);
        let tolerance = 5.0 * 0.5 / (n as f64).sqrt();
        for other in [draw(8, 0, 0.5, n), draw(7, 1, 0.5, n), draw(1 << 40, 0, 0.5, n)] {
            assert!((agreement(&mask, &other) - 0.5).abs() < tolerance);
        }
        for lag in [1, 2, 8, 512, 1 << 16] {
            assert!((agreement(&mask[lag..], &mask) - 0.5).abs() < tolerance, "lag {lag}");
        }
    }

    #[test]
    fn parts_are_the_same_as_the_whole() {
        let mask = Mask {
            stream: 3,
            keep: Constant(0.5),
            scale: Constant(2.0),
            shape: Shape::from([1000]),
        };
        let mut whole = vec![0.0_f32; 1000];
        mask.fill(Seed(1), 0, &mut whole);
        let mut part = vec![0.0_f32; 100];
        mask.fill(Seed(1), 417, &mut part);
        assert_eq!(part, whole[417..517]);
    }
}
