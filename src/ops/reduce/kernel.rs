//! The loops of reductions, over rows or over columns side by side.

use super::Kind;
use crate::exec::kernels::rows::{COLUMNS, NARROW, fold, transpose};
use crate::exec::kernels::scratch::with_scratch;
use crate::exec::kernels::simd::vectorize;
use crate::scalar::Scalar;

impl Kind {
    /// The result for no elements.
    pub(super) fn start<T: Scalar>(self) -> T {
        match self {
            Kind::Sum => T::ZERO,
            Kind::Max | Kind::LogSumExp => -T::INFINITY,
            Kind::Min => T::INFINITY,
        }
    }

    /// The result for the elements of two results together.
    #[inline(always)]
    fn join<T: Scalar>(self, a: T, b: T) -> T {
        match self {
            Kind::Sum => a + b,
            Kind::Max => a.maximum(b),
            Kind::Min => a.minimum(b),
            Kind::LogSumExp if a == -T::INFINITY => b,
            Kind::LogSumExp => {
                let shift = finite(a.maximum(b));
                shift + ((a - shift).exp() + (b - shift).exp()).ln()
            }
        }
    }

    /// Joins with `out` the reduction of `data`, of shape `[outer, reduced, inner]`, along its
    /// middle axis.
    pub(super) fn reduce<T: Scalar>(self, data: &[T], [reduced, inner]: [usize; 2], out: &mut [T]) {
        if inner == 1 && reduced < NARROW {
            return self.narrow_rows(data, reduced, out);
        }
        vectorize(
            #[inline(always)]
            move || {
                let parts = data.chunks_exact(reduced * inner).zip(out.chunks_exact_mut(inner));
                if inner == 1 {
                    parts.for_each(|(row, out)| out[0] = self.join(out[0], self.row(row)));
                } else {
                    parts.for_each(|(matrix, out)| self.columns(matrix, out));
                }
            },
        );
    }

    /// The reduction of each row, by way of the transpose.
    fn narrow_rows<T: Scalar>(self, data: &[T], width: usize, out: &mut [T]) {
        with_scratch(data.len().min(COLUMNS * width), |scratch: &mut [T]| {
            vectorize(
                #[inline(always)]
                move || {
                    for (rows, out) in data.chunks(COLUMNS * width).zip(out.chunks_mut(COLUMNS)) {
                        let columns = &mut scratch[..rows.len()];
                        transpose(rows, width, columns);
                        self.columns(columns, out);
                    }
                },
            );
        });
    }

    #[inline(always)]
    fn row<T: Scalar>(self, row: &[T]) -> T {
        match self {
            Kind::Sum => fold(row, T::ZERO, |sum, x| sum + x, |x| x),
            Kind::Max => fold(row, -T::INFINITY, T::maximum, |x| x),
            Kind::Min => fold(row, T::INFINITY, T::minimum, |x| x),
            Kind::LogSumExp => {
                let shift = finite(fold(row, -T::INFINITY, T::maximum, |x| x));
                fold(row, T::ZERO, |sum, x| sum + x, |x| (x - shift).exp()).ln() + shift
            }
        }
    }

    /// Joins with `out` the reduction of each column of a matrix as wide as that.
    #[inline(always)]
    fn columns<T: Scalar>(self, matrix: &[T], out: &mut [T]) {
        let width = out.len();
        let [mut shifts, mut results] = [[T::ZERO; COLUMNS]; 2];
        for (first, out) in (0..).step_by(COLUMNS).zip(out.chunks_mut(COLUMNS)) {
            let data = &matrix[first..];
            let (shifts, results) = (&mut shifts[..out.len()], &mut results[..out.len()]);
            results.fill(self.start());
            match self {
                Kind::Sum => fold_rows(results, data, width, shifts, |sum, x, _| sum + x),
                Kind::Min => fold_rows(results, data, width, shifts, |min, x, _| min.minimum(x)),
                Kind::Max | Kind::LogSumExp => {
                    fold_rows(results, data, width, shifts, |max, x, _| max.maximum(x));
                }
            }
            if self == Kind::LogSumExp {
                shifts.iter_mut().zip(&*results).for_each(|(shift, &max)| *shift = finite(max));
                results.fill(T::ZERO);
                fold_rows(results, data, width, shifts, |sum, x, shift| sum + (x - shift).exp());
                let finish = |(sum, &shift): (&mut T, &T)| *sum = sum.ln() + shift;
                results.iter_mut().zip(&*shifts).for_each(finish);
            }
            out.iter_mut().zip(results).for_each(|(out, x)| *out = self.join(*out, *x));
        }
    }
}

/// An infinite maximum is the result itself, and no shift.
#[inline(always)]
fn finite<T: Scalar>(x: T) -> T {
    if x.is_finite() { x } else { T::ZERO }
}

/// Folds rows, which begin `stride` apart, into one result a column.
#[inline(always)]
fn fold_rows<T: Scalar>(
    results: &mut [T],
    data: &[T],
    stride: usize,
    shifts: &[T],
    step: impl Fn(T, T, T) -> T,
) {
    for row in data.chunks(stride) {
        for ((result, &x), &shift) in results.iter_mut().zip(row).zip(shifts) {
            *result = step(*result, x, shift);
        }
    }
}
