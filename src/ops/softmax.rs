//! The softmax along an axis and its logarithm, several rows or columns side by side.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Array, Operation, Site, check_axis, write_call};
use crate::exec::kernels::rows::{COLUMNS, LANES, NARROW, fold, transpose};
use crate::exec::kernels::scratch::with_scratch;
use crate::exec::kernels::simd::vectorize;
use crate::exec::kernels::tasks::{for_each_chunk, is_spread};
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

    fn forks(&self, _inputs: &[&Shape], output: &Shape) -> bool {
        is_spread(WORK * output.numel())
    }

    fn eval<T: Scalar>(&self, inputs: &[Array<'_, T>], shape: &Shape, out: &mut [T]) {
        let axis = self.axis as usize;
        let width = shape[axis];
        let inner: usize = shape[axis + 1..].iter().product();
        let (input, op) = (inputs[0].numbers(), *self);
        let chunk = (CHUNK / (width * inner).max(1)).max(1) * width * inner;
        for_each_chunk(out, chunk, WORK * input.len(), |i, out| {
            out.copy_from_slice(&input[i * chunk..][..out.len()]);
            match inner {
                1 if width < NARROW => op.narrow_rows(out, width),
                1 => op.rows(out, width),
                _ => op.matrices(out, width, inner),
            }
        });
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, inputs: &[&dyn fmt::Display]) -> fmt::Result {
        write_call(f, self.name(), inputs, &[("axis", &self.axis)])
    }
}

/// About how many elements a thread takes at a time.
const CHUNK: usize = 16 * 1024;
/// About how many operations an element takes.
const WORK: usize = 32;

impl Softmax {
    /// Turns each row into its softmax in place.
    fn rows<T: Scalar>(&self, rows: &mut [T], width: usize) {
        let op = *self;
        vectorize(
            #[inline(always)]
            move || rows.chunks_exact_mut(width).for_each(|row| op.row(row)),
        );
    }

    /// As [`rows`](Self::rows), by way of the transpose, whose columns are computed side by side.
    fn narrow_rows<T: Scalar>(&self, rows: &mut [T], width: usize) {
        let op = *self;
        with_scratch(rows.len().min(COLUMNS * width), |scratch: &mut [T]| {
            vectorize(
                #[inline(always)]
                move || {
                    for rows in rows.chunks_mut(COLUMNS * width) {
                        let (count, columns) = (rows.len() / width, &mut scratch[..rows.len()]);
                        transpose(rows, width, columns);
                        op.columns(columns, count);
                        transpose(columns, count, rows);
                    }
                },
            );
        });
    }

    /// Turns the columns of each matrix into their softmax in place.
    fn matrices<T: Scalar>(&self, matrices: &mut [T], rows: usize, columns: usize) {
        let op = *self;
        vectorize(
            #[inline(always)]
            move || {
                let matrices = matrices.chunks_exact_mut(rows * columns);
                matrices.for_each(|matrix| op.columns(matrix, columns));
            },
        );
    }

    #[inline(always)]
    fn row<T: Scalar>(&self, row: &mut [T]) {
        let max = fold(row, -T::INFINITY, T::maximum, |x| x);
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
    const PART: usize = 256 * LANES;
    let part = |row: &[T]| fold(row, T::ZERO, |sum, x| sum + x, &f);
    if row.len() <= PART {
        return part(row);
    }
    T::from_f64(row.chunks(PART).map(|row| part(row).to_f64()).sum())
}

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
