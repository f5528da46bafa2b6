//! The softmax along an axis and its logarithm, each in one pass a row.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Operation, Site, check_axis, write_call};
use crate::exec::kernels::simd::vectorize;
use crate::graph::Var;
use crate::scalar::Scalar;
use crate::shape::Shape;

/// The softmax along an axis or its logarithm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Softmax {
    pub(crate) axis: u8,
    pub(crate) log: bool,
}

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn infer(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        check_axis(inputs[0], self.axis)?;
        Ok(inputs[0].clone())
    }

    fn vjp<'t>(&self, _input: usize, site: &Site<'_, 't>) -> Option<Var<'t>> {
        let (g, y, axis) = (site.g, site.y, self.axis as isize);
        Some(if self.log {
            g - y.exp() * g.sum_keep(axis)
        } else {
            y * (g - (g * y).sum_keep(axis))
        })
    }

    #[cfg(test)]
    fn rule(&self, _input: usize) -> &'static str {
        if self.log {
            "`g - y.exp() * g.sum_keep(axis)`"
        } else {
            "`y * (g - (g * y).sum_keep(axis))`"
        }
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let axis = self.axis as usize;
        let width = shape[axis];
        let inner: usize = shape[axis + 1..].iter().product();
        out.copy_from_slice(inputs[0].numbers());
        let op = *self;
        vectorize(
            #[inline(always)]
            move || match inner {
                1 => out.chunks_exact_mut(width.max(1)).for_each(|row| op.row(row)),
                _ => {
                    let blocks = out.chunks_exact_mut((width * inner).max(1));
                    blocks.for_each(|block| op.columns(block, inner));
                }
            },
        );
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        write_call(f, self.name(), inputs, &[("axis", &self.axis)])
    }
}

impl Softmax {
    /// Turns one row into its softmax in place.
    #[inline(always)]
    fn row<T: Scalar>(&self, row: &mut [T]) {
        let max = row.iter().fold(-T::INFINITY, |max, &x| max.maximum(x));
        if self.log {
            row.iter_mut().for_each(|x| *x = below(*x, max));
            let ln = total(row, T::exp).ln();
            row.iter_mut().for_each(|x| *x -= ln);
        } else {
            row.iter_mut().for_each(|x| *x = below(*x, max).exp());
            let sum = total(row, |x| x);
            row.iter_mut().for_each(|x| *x = *x / sum);
        }
    }
}

/// How far a number lies below the largest: an infinity not at all below itself.
#[inline(always)]
fn below<T: Scalar>(x: T, max: T) -> T {
    if x == max { T::ZERO } else { x - max }
}

/// The sum over a row, of parts that are short enough to lose nothing to rounding.
#[inline(always)]
fn total<T: Scalar>(row: &[T], f: impl Fn(T) -> T) -> T {
    const PART: usize = 256;
    let part = |row: &[T]| row.iter().fold(T::ZERO, |sum, &x| sum + f(x));
    if row.len() <= PART {
        return part(row);
    }
    T::from_f64(row.chunks(PART).map(|row| part(row).to_f64()).sum())
}

/// How many columns are computed side by side.
const COLUMNS: usize = 256;

impl Softmax {
    /// Turns the columns of a matrix with rows of this width into their softmax in place.
    #[inline(always)]
    fn columns<T: Scalar>(&self, matrix: &mut [T], width: usize) {
        let [mut max, mut sum] = [[T::ZERO; COLUMNS]; 2];
        for first in (0..width).step_by(COLUMNS) {
            let part = &mut matrix[first..];
            let count = COLUMNS.min(width - first);
            let (max, sum) = (&mut max[..count], &mut sum[..count]);
            max.fill(-T::INFINITY);
            sum.fill(T::ZERO);
            for row in part.chunks(width) {
                max.iter_mut().zip(row).for_each(|(max, &x)| *max = max.maximum(x));
            }
            for row in part.chunks_mut(width) {
                for ((x, sum), &max) in row.iter_mut().zip(&mut *sum).zip(&*max) {
                    let shifted = below(*x, max);
                    let power = shifted.exp();
                    *sum += power;
                    *x = if self.log { shifted } else { power };
                }
            }
            if self.log {
                sum.iter_mut().for_each(|sum| *sum = sum.ln());
            }
            for row in part.chunks_mut(width) {
                let ends = row.iter_mut().zip(&*sum);
                ends.for_each(|(x, &sum)| *x = if self.log { *x - sum } else { *x / sum });
            }
        }
    }
}

impl<'t> Var<'t> {
    #[track_caller]
    fn softmax_along(self, axis: isize, log: bool) -> Var<'t> {
        let axis = self.axis(axis) as u8;
        self.graph().record(Softmax { axis, log }, &[self.id()])
    }

    /// `eˣ / Σ eˣ` along an axis (negative: counted from the last); finite for any `x` but NaN:
    /// where the largest are infinite, of whichever sign, they share the whole evenly.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Var<'t> {
        self.softmax_along(axis, false)
    }

    /// `x - ln Σ eˣ` along an axis: the logarithm of the softmax, without its underflow.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Var<'t> {
        self.softmax_along(axis, true)
    }
}
