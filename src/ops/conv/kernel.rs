//! Convolutions as matrix products.
//!
//! For each image and group, the places that a filter covers are laid out as the columns of a
//! matrix `[channels · height · width of the filter, places of the output]`. With the filters as
//! the rows of another, the output is their product, and so is each gradient. The columns are made
//! a block of places at a time, so that they stay in the cache; a filter of one element and
//! stride 1 needs none, because the image itself is that matrix.

use std::ops::Range;

use super::direct::{Correlation, FilterGradient};
use crate::exec::kernels::gemm::{Rows, Strided, gemm, gemm_alone};
use crate::exec::kernels::scratch::with_scratch;
use crate::exec::kernels::subnormal::FlushSubnormals;
use crate::exec::kernels::sum::add_rows;
use crate::exec::kernels::tasks::{for_each_chunk, for_each_task};
use crate::ops::window::Windows;
use crate::scalar::Scalar;

/// How many elements a block of columns has, unless its filters are so deep that it would be
/// narrower than [`NARROWEST`].
const BLOCK: usize = 1 << 17;
const NARROWEST: usize = 64;
/// Into how many pieces work is cut if nothing else cuts it: by the shape only, so that the bits
/// do not depend on the number of threads.
pub(super) const PIECES: usize = 8;
/// How many elements the partial sums of a filter's gradient may have together.
const PARTIAL_SUMS: usize = 1 << 22;

/// The sizes of a convolution; those of channels and filters are of one group.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    pub(super) images: usize,
    pub(super) groups: usize,
    pub(super) channels: usize,
    pub(super) filters: usize,
    pub(super) input: [usize; 2],
    pub(super) output: [usize; 2],
    pub(super) windows: [Windows; 2],
}

/// A matrix stored row by row from here on.
fn rows<T>(start: &[T], row_stride: usize) -> Strided<T> {
    Strided { start: start.as_ptr(), row_stride, column_stride: 1 }
}

/// The transpose of a matrix stored row by row from here on.
fn columns<T>(start: &[T], column_stride: usize) -> Strided<T> {
    Strided { start: start.as_ptr(), row_stride: 1, column_stride }
}

impl Geometry {
    /// The elements of a channel of the input.
    pub(super) fn plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// The elements of a channel of the output.
    pub(super) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// The elements of a filter's channel.
    pub(super) fn taps(&self) -> usize {
        self.windows[0].taps * self.windows[1].taps
    }

    /// The elements of a filter.
    pub(super) fn depth(&self) -> usize {
        self.channels * self.taps()
    }

    /// The multiplications of the whole convolution.
    pub(super) fn work(&self) -> usize {
        self.images * self.groups * self.filters * self.depth() * self.places()
    }

    /// Whether the input is the matrix of columns.
    pub(super) fn is_pointwise(&self) -> bool {
        let plain = |w: &Windows| w.taps == 1 && w.stride == 1 && w.padding == [0, 0];
        self.windows.iter().all(plain)
    }

    /// The places of a block of columns.
    fn block(&self) -> usize {
        (BLOCK / self.depth().max(1)).max(NARROWEST).min(self.places())
    }

    /// Into how many pieces the images are cut whose shares of a sum of this size are added up
    /// apart, and how many images each has.
    pub(super) fn pieces(&self, size: usize) -> (usize, usize) {
        let pieces = PIECES.min(self.images).min(PARTIAL_SUMS / size.max(1)).max(1);
        let images = self.images.div_ceil(pieces).max(1);
        (self.images.div_ceil(images).max(1), images)
    }

    /// `y = w · columns(x)`
    pub(super) fn output<T: Scalar>(&self, x: &[T], w: &[T], y: &mut [T]) {
        if self.is_direct() {
            return T::with_widest(Correlation { geometry: *self, x, w, y, backward: false });
        }
        let (depth, places, block) = (self.depth(), self.places(), self.block());
        let blocks = places.div_ceil(block);
        let y = Rows(y.as_mut_ptr());
        for_each_task::<T>(self.images * self.groups * blocks, self.work(), |task| {
            let (image_group, first) = (task / blocks, task % blocks * block);
            let width = block.min(places - first);
            let x = &x[image_group * self.channels * self.plane()..];
            let w = &w[image_group % self.groups * self.filters * depth..];
            let at = image_group * self.filters * places + first;
            let Rows(y) = { y };
            let product = |columns: Strided<T>| {
                // SAFETY: the filters of a group and the columns of a block are matrices of these
                // sizes; the rows lie within `y`, and no other task writes these places of them.
                unsafe {
                    let sizes = [self.filters, depth, width];
                    gemm_alone(sizes, rows(w, depth), columns, y.add(at), places, false);
                }
            };
            if self.is_pointwise() {
                return product(rows(&x[first.min(x.len())..], places));
            }
            with_scratch(depth * width, |columns: &mut [T]| {
                self.gather(x, first..first + width, columns);
                product(rows(columns, width));
            });
        });
    }

    /// The transpose of making columns, of `wᵀ · y`: the gradient at the input of the gradient
    /// `y` at the output.
    pub(super) fn input<T: Scalar>(&self, y: &[T], w: &[T], x: &mut [T]) {
        if let Some(geometry) = self.backward().filter(Geometry::is_direct) {
            return T::with_widest(Correlation { geometry, x: y, w, y: x, backward: true });
        }
        let (depth, places, block) = (self.depth(), self.places(), self.block());
        // Channels are independent, so they can be cut where there are few images and groups.
        let cut = PIECES.div_ceil((self.images * self.groups).max(1)).min(self.channels);
        let cut = (1..=cut).rev().find(|&cut| self.channels.is_multiple_of(cut)).unwrap_or(1);
        let channels = self.channels / cut;
        let height = channels * self.taps();
        for_each_chunk(x, channels * self.plane(), self.work(), |chunk, x| {
            let (image_group, piece) = (chunk / cut, chunk % cut);
            let y = &y[image_group * self.filters * places..];
            let w = &w[image_group % self.groups * self.filters * depth..];
            let w = columns(&w[(piece * height).min(w.len())..], depth);
            let product = |first: usize, width: usize, out: &mut [T]| {
                debug_assert_eq!(out.len(), height * width);
                let y = rows(&y[first.min(y.len())..], places);
                // SAFETY: the filters of a group and the output's block are matrices of these
                // sizes, and so is `out`.
                unsafe {
                    gemm_alone([height, self.filters, width], w, y, out.as_mut_ptr(), width, false);
                }
            };
            if self.is_pointwise() {
                return product(0, places, x);
            }
            x.fill(T::ZERO);
            for first in (0..places).step_by(block) {
                let width = block.min(places - first);
                with_scratch(height * width, |columns: &mut [T]| {
                    product(first, width, columns);
                    self.scatter(columns, first..first + width, x);
                });
            }
        });
    }

    /// `w = y · columns(x)ᵀ`, summed over the images: the gradient at the filter of the gradient
    /// `y` at the output.
    pub(super) fn filter<T: Scalar>(&self, x: &[T], y: &[T], w: &mut [T]) {
        if self.is_direct() {
            return T::with_widest(FilterGradient { geometry: *self, x, y, w });
        }
        let size = w.len();
        let (pieces, images) = self.pieces(size);
        if pieces == 1 {
            return self.filter_sums(0..self.images, images, x, y, w);
        }
        with_scratch(pieces * size, |sums: &mut [T]| {
            self.filter_sums(0..self.images, images, x, y, sums);
            let _flush = FlushSubnormals::during::<T>();
            w.copy_from_slice(&sums[..size]);
            sums[size..].chunks_exact(size.max(1)).for_each(|part| add_rows(w, part));
        });
    }

    /// The gradients at the filter of so many images each, one behind the other.
    fn filter_sums<T: Scalar>(
        &self,
        all: Range<usize>,
        images: usize,
        x: &[T],
        y: &[T],
        sums: &mut [T],
    ) {
        let (depth, places, block) = (self.depth(), self.places(), self.block());
        // What is not cut into tasks is cut by the product.
        let alone = sums.len() > self.filters * depth;
        for_each_chunk(sums, self.filters * depth, self.work(), |chunk, sum| {
            let (first_image, group) = (chunk / self.groups * images, chunk % self.groups);
            sum.fill(T::ZERO);
            for image in first_image..(first_image + images).min(all.end) {
                let image_group = image * self.groups + group;
                let x = &x[image_group * self.channels * self.plane()..];
                let y = &y[image_group * self.filters * places..];
                for first in (0..places).step_by(block) {
                    let width = block.min(places - first);
                    let y = rows(&y[first..], places);
                    let mut product = |columns: Strided<T>| {
                        let sizes = [self.filters, width, depth];
                        // SAFETY: the output's block and the columns are matrices of these sizes,
                        // and so is `sum`.
                        unsafe {
                            if alone {
                                gemm_alone(sizes, y, columns, sum.as_mut_ptr(), depth, true);
                            } else {
                                gemm(sizes, y, columns, sum.as_mut_ptr(), true);
                            }
                        }
                    };
                    if self.is_pointwise() {
                        product(columns(&x[first..], places));
                        continue;
                    }
                    with_scratch(depth * width, |numbers: &mut [T]| {
                        self.gather(x, first..first + width, numbers);
                        product(columns(numbers, width));
                    });
                }
            }
        });
    }

    /// Lays out what the filter covers at these places: one row for each of its elements.
    fn gather<T: Scalar>(&self, x: &[T], places: Range<usize>, columns: &mut [T]) {
        let width = places.len();
        if self.windows.iter().any(|windows| windows.padding != [0, 0]) {
            columns.fill(T::ZERO);
        }
        let step = self.windows[1].stride;
        let planes = x.chunks(self.plane().max(1));
        for (x, columns) in planes.zip(columns.chunks_exact_mut(self.taps() * width)) {
            for (tap, row) in columns.chunks_exact_mut(width).enumerate() {
                self.runs(tap, &places, |at, from, len| {
                    let row = &mut row[at..at + len];
                    if step == 1 {
                        copy(&x[from..from + len], row);
                    } else {
                        let from = x[from..].iter().step_by(step);
                        row.iter_mut().zip(from).for_each(|(to, &x)| *to = x);
                    }
                });
            }
        }
    }

    /// Adds columns to the places of the input that they were laid out from, or would have been.
    fn scatter<T: Scalar>(&self, columns: &[T], places: Range<usize>, x: &mut [T]) {
        let width = places.len();
        let step = self.windows[1].stride;
        let planes = x.chunks_exact_mut(self.plane());
        for (x, columns) in planes.zip(columns.chunks_exact(self.taps() * width)) {
            for (tap, row) in columns.chunks_exact(width).enumerate() {
                self.runs(tap, &places, |at, to, len| {
                    let row = &row[at..at + len];
                    if step == 1 {
                        add(row, &mut x[to..to + len]);
                    } else {
                        let to = x[to..].iter_mut().step_by(step);
                        to.zip(row).for_each(|(to, &x)| *to += x);
                    }
                });
            }
        }
    }

    /// For one element of the filter: calls `run(at, from, len)` for each run of places, `at` on
    /// from the first, that see the input's channel from `from` on, a stride apart. What it does
    /// not call for lies in the padding.
    #[inline(always)]
    fn runs(&self, tap: usize, places: &Range<usize>, mut run: impl FnMut(usize, usize, usize)) {
        let [vertical, horizontal] = &self.windows;
        let [high, wide] = self.output;
        let (tap_y, tap_x) = (tap / horizontal.taps, tap % horizontal.taps);
        let rows = vertical.inside(tap_y, self.input[0], high);
        let within = horizontal.inside(tap_x, self.input[1], wide);
        let first_row = rows.start.max(places.start / wide);
        let end_row = rows.end.min(places.end.div_ceil(wide));
        for row in first_row..end_row {
            let start = (row * wide + within.start).max(places.start);
            let end = (row * wide + within.end).min(places.end);
            if start < end {
                let y = vertical.place(row, tap_y);
                let x = horizontal.place(start - row * wide, tap_x);
                run(start - places.start, y * self.input[1] + x, end - start);
            }
        }
    }
}

/// How many numbers of a run are copied or added at a time: runs are rows of images, so short that
/// a call for each of them would take longer than its copying.
const RUN: usize = 8;

/// Copies a run.
#[inline(always)]
fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    if from.len() < RUN {
        return to.iter_mut().zip(from).for_each(|(to, &x)| *to = x);
    }
    // The last piece may overlap the one before.
    let last = from.len() - RUN;
    for at in (0..last).step_by(RUN).chain([last]) {
        let piece: [T; RUN] = from[at..at + RUN].try_into().expect("of this length");
        to[at..at + RUN].copy_from_slice(&piece);
    }
}

/// Adds a run.
#[inline(always)]
fn add<T: Scalar>(from: &[T], to: &mut [T]) {
    let rest = add_pieces::<T, RUN>(from, to);
    let rest = rest + add_pieces::<T, { RUN / 2 }>(&from[rest..], &mut to[rest..]);
    to[rest..].iter_mut().zip(&from[rest..]).for_each(|(to, &x)| *to += x);
}

/// Adds whole pieces of a run; returns how many numbers that were.
#[inline(always)]
fn add_pieces<T: Scalar, const PIECE: usize>(from: &[T], to: &mut [T]) -> usize {
    let (from, _) = from.as_chunks::<PIECE>();
    let (to, _) = to.as_chunks_mut::<PIECE>();
    for (to, from) in to.iter_mut().zip(from) {
        to.iter_mut().zip(from).for_each(|(to, &x)| *to += x);
    }
    from.len() * PIECE
}
