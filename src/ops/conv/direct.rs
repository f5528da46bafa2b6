//! Convolutions without columns: a tile of results reads the image where it is.
//!
//! A convolution is a product of the places that filters cover with the filters. Here that left
//! operand is never laid out. Two tables say where its numbers stand: where the window of each
//! place starts in the image, and how far behind that each element of a filter looks (after
//! Dukhan, The Indirect Convolution Algorithm, 2019). The lanes of the registers are filters, which
//! are packed once for all images.
//!
//! The gradient at the input is a convolution, too: of the gradient at the output, padded, with the
//! filters flipped. In that at the filters, places and elements of a filter change roles.

use std::ops::Range;

use super::kernel::{Geometry, PIECES};
use crate::exec::kernels::gemm::pack::pack_panel;
use crate::exec::kernels::gemm::tile::{Gathered, Panel, panel_registers, tile, tile_rows};
use crate::exec::kernels::gemm::{Output, Rows, Strided};
use crate::exec::kernels::scratch::with_scratch;
use crate::exec::kernels::subnormal::FlushSubnormals;
use crate::exec::kernels::sum::add_rows;
use crate::exec::kernels::tasks::{for_each_chunk, for_each_task};
use crate::exec::kernels::vector::{Vector, Work};
use crate::ops::window::Windows;
use crate::scalar::Scalar;

/// With fewer filters than this too many lanes would be idle.
const FEWEST_FILTERS: usize = 8;
/// How many places the gradient at the filters takes at a time: a packed panel of them stays in the
/// first-level cache.
const PLACES: usize = 256;

impl Geometry {
    /// Whether results are made directly.
    pub(super) fn is_direct(&self) -> bool {
        let empty = self.depth() == 0 || self.plane() == 0;
        self.filters >= FEWEST_FILTERS && !self.is_pointwise() && !empty
    }

    /// The convolution that leads back: from the gradient at the output to that at the input. There
    /// is one if the filter moves by single places, and nowhere covers padding only.
    pub(super) fn backward(&self) -> Option<Geometry> {
        let backward = |w: Windows| {
            let [before, after] = w.padding.map(|padding| (w.span() - 1).checked_sub(padding));
            (w.stride == 1).then_some(Windows { padding: [before?, after?], ..w })
        };
        let [vertical, horizontal] = self.windows;
        Some(Geometry {
            channels: self.filters,
            filters: self.channels,
            input: self.output,
            output: self.input,
            windows: [backward(vertical)?, backward(horizontal)?],
            ..*self
        })
    }

    /// Calls with an image, its rows and columns padded as asked for: with a copy, if they are.
    fn with_padded<T: Scalar>(
        &self,
        image: &[T],
        padding: [[usize; 2]; 2],
        work: impl FnOnce(*const T),
    ) {
        if padding == [[0; 2]; 2] {
            return work(image.as_ptr());
        }
        let [[above, below], [left, right]] = padding;
        let [high, wide] = self.input;
        let width = wide + left + right;
        let plane = width * (high + above + below);
        with_scratch(self.channels * plane, |padded: &mut [T]| {
            padded.fill(T::ZERO);
            let planes = image.chunks(high * wide).zip(padded.chunks_exact_mut(plane));
            for (from, to) in planes {
                let to = to.chunks_exact_mut(width).skip(above);
                for (from, to) in from.chunks_exact(wide).zip(to) {
                    to[left..left + wide].copy_from_slice(from);
                }
            }
            work(padded.as_ptr());
        });
    }

    /// Where in a channel of this width each place's window starts.
    fn fill_starts(&self, width: usize, starts: &mut [usize]) {
        let [down, across] = self.windows.map(|windows| windows.stride);
        for (y, starts) in starts.chunks_exact_mut(self.output[1]).enumerate() {
            let row = y * down * width;
            starts.iter_mut().enumerate().for_each(|(x, start)| *start = row + x * across);
        }
    }

    /// How far behind that an element of the filter looks.
    fn tap_offset(&self, width: usize, tap: usize) -> usize {
        let [vertical, horizontal] = &self.windows;
        let (y, x) = (tap / horizontal.taps, tap % horizontal.taps);
        y * vertical.dilation * width + x * horizontal.dilation
    }
}

/// `y[f, place] = Σ x[c, place + tap] · w[f, c, tap]`
pub(super) struct Correlation<'a, T> {
    pub(super) geometry: Geometry,
    pub(super) x: &'a [T],
    pub(super) w: &'a [T],
    pub(super) y: &'a mut [T],
    /// Whether this is the way [back](Geometry::backward): then the channels of the filters in
    /// memory are filters here, and their elements lie the other way round.
    pub(super) backward: bool,
}

impl<T: Scalar> Work<T> for Correlation<'_, T> {
    unsafe fn run<V: Vector<T>>(self) {
        let Self { geometry: g, x, w, y, backward } = self;
        let (width, depth, places) = (V::WIDTH * V::LANES, g.depth(), g.places());
        let panels = g.filters.div_ceil(width);
        let cut = PIECES.div_ceil((g.images * g.groups).max(1)).min(panels);
        let each = panels.div_ceil(cut);
        let y = Rows(y.as_mut_ptr());
        with_scratch(depth + places, |tables: &mut [usize]| {
            let (offsets, starts) = tables.split_at_mut(depth);
            let padding = [[0; 2], g.windows[1].padding];
            let row = g.windows[1].padded(g.input[1]);
            g.fill_starts(row, starts);
            for (tap, offsets) in offsets.chunks_exact_mut(g.channels).enumerate() {
                let of_tap = |(c, offset): (usize, &mut usize)| {
                    *offset = c * g.input[0] * row + g.tap_offset(row, tap);
                };
                offsets.iter_mut().enumerate().for_each(of_tap);
            }
            let (offsets, starts) = (&*offsets, &*starts);
            with_scratch(g.groups * panels * depth * width, |packed: &mut [T]| {
                for (i, panel) in packed.chunks_exact_mut(depth * width).enumerate() {
                    // SAFETY: this function's promise.
                    unsafe {
                        let group = &w[i / panels * g.filters * depth..];
                        pack::<T, V>(&g, group, backward, i % panels * width, panel);
                    };
                }
                let packed = &*packed;
                for_each_task::<T>(g.images * g.groups * cut, g.work(), |task| {
                    let (image_group, piece) = (task / cut, task % cut);
                    let x = &x[image_group * g.channels * g.plane()..][..g.channels * g.plane()];
                    let Rows(y) = { y };
                    g.with_padded(x, padding, |image| {
                        // Windows start in the padding above, which is not there.
                        let base = image.wrapping_sub(g.windows[0].padding[0] * row);
                        for panel in (piece * each..panels).take(each) {
                            let first = panel * width;
                            let of_group = image_group % g.groups * panels + panel;
                            let panel = &packed[of_group * depth * width..][..depth * width];
                            let columns = width.min(g.filters - first);
                            let to = y.wrapping_add((image_group * g.filters + first) * places);
                            let left = Gathered { base, starts, offsets };
                            // SAFETY: this function's promise; the tables describe the image, and
                            // no other task writes these filters' places.
                            unsafe { of_panel::<T, V>(&g, left, panel, columns, to) };
                        }
                    });
                });
            });
        });
    }
}

/// Packs a panel of filters: for each element of a filter, all channels.
///
/// # Safety
///
/// The processor must have the instruction set of `V`.
unsafe fn pack<T: Scalar, V: Vector<T>>(
    g: &Geometry,
    group: &[T],
    backward: bool,
    first: usize,
    to: &mut [T],
) {
    let (width, filled) = panel_of::<T, V>(g.filters - first);
    let (filters, channels) = (g.filters * g.taps(), g.depth());
    let (row_stride, column_stride) =
        if backward { (filters, g.taps()) } else { (g.taps(), channels) };
    for (tap, to) in to.chunks_exact_mut(g.channels * width).take(g.taps()).enumerate() {
        let tap = if backward { g.taps() - 1 - tap } else { tap };
        let start = group[first * column_stride + tap..].as_ptr();
        let from = Strided { start, row_stride, column_stride };
        // SAFETY: the filters have these channels; the panel has room for them.
        unsafe { pack_panel::<T, V>(from, [g.channels, filled], width, to.as_mut_ptr()) };
    }
}

/// How wide a panel is that starts with so many columns to go, and how many of them it holds.
fn panel_of<T, V: Vector<T>>(columns: usize) -> (usize, usize) {
    (panel_registers::<T, V>(columns) * V::LANES, columns.min(V::WIDTH * V::LANES))
}

/// All places of an image for a panel of filters. Rows of places whose windows reach into the
/// padding above or below do without the elements there.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; the tables of `left` must describe the image,
/// and `to` be valid for the places of so many filters.
unsafe fn of_panel<T: Scalar, V: Vector<T>>(
    g: &Geometry,
    left: Gathered<'_, T>,
    panel: &[T],
    columns: usize,
    to: *mut T,
) {
    let [vertical, horizontal] = &g.windows;
    let [high, wide] = g.output;
    let (width, _) = panel_of::<T, V>(columns);
    let c = Output { start: to, row_stride: 1, column_stride: g.places(), accumulate: false };
    let mut row = 0;
    while row < high {
        let taps = vertical.taps_inside(row, g.input[0]);
        let alike = |&next: &usize| vertical.taps_inside(next, g.input[0]) == taps;
        let rows = (row + 1..high).take_while(alike).count() + 1;
        let deep = horizontal.taps * g.channels;
        let (first, last) = (taps.start * deep, taps.end * deep);
        let offsets = &left.offsets[first..last];
        let panel = Panel { start: panel[first * width..].as_ptr(), registers: width / V::LANES };
        for places in tiles(row * wide..(row + rows) * wide, V::ROWS) {
            let left = Gathered { starts: &left.starts[places.clone()], offsets, ..left };
            let sizes = [places.len(), offsets.len(), columns];
            // SAFETY: the caller's promise.
            unsafe { tile::<T, V>(sizes, left, panel, c.at(places.start, 0)) };
        }
        row += rows;
    }
}

/// A range in pieces of this length. The last one overlaps the one before rather than being
/// shorter, which would take no less time.
fn tiles(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let last = range.end.saturating_sub(len).max(range.start);
    let end = range.end;
    range.step_by(len).map(move |start| start.min(last)..(start.min(last) + len).min(end))
}

/// `w[f, c, tap] = Σ x[c, place + tap] · y[f, place]`, summed over the images.
pub(super) struct FilterGradient<'a, T> {
    pub(super) geometry: Geometry,
    pub(super) x: &'a [T],
    pub(super) y: &'a [T],
    pub(super) w: &'a mut [T],
}

impl<T: Scalar> Work<T> for FilterGradient<'_, T> {
    unsafe fn run<V: Vector<T>>(self) {
        let Self { geometry: g, x, y, w } = self;
        let (depth, places) = (g.depth(), g.places());
        // The sums of a group: for each element of a filter all filters, panel by panel.
        let size = g.filters.next_multiple_of(V::LANES) * depth;
        let (pieces, images) = g.pieces(g.groups * size);
        let row = g.windows[1].padded(g.input[1]);
        let plane = row * g.windows[0].padded(g.input[0]);
        with_scratch(depth + places, |tables: &mut [usize]| {
            let (starts, offsets) = tables.split_at_mut(depth);
            g.fill_starts(row, offsets);
            for (c, starts) in starts.chunks_exact_mut(g.taps()).enumerate() {
                let of_tap = |(tap, start): (usize, &mut usize)| {
                    *start = c * plane + g.tap_offset(row, tap);
                };
                starts.iter_mut().enumerate().for_each(of_tap);
            }
            let (starts, offsets) = (&*starts, &*offsets);
            with_scratch(pieces * g.groups * size, |sums: &mut [T]| {
                sums.fill(T::ZERO);
                for_each_chunk(sums, size, g.work(), |task, sums| {
                    let (piece, group) = (task / g.groups, task % g.groups);
                    for image in (piece * images..g.images).take(images) {
                        let image_group = image * g.groups + group;
                        let x = &x[image_group * g.channels * g.plane()..];
                        let y = &y[image_group * g.filters * places..];
                        g.with_padded(x, g.windows.map(|w| w.padding), |base| {
                            let left = Gathered { base, starts, offsets };
                            // SAFETY: this function's promise; the tables describe the image.
                            unsafe { add_image::<T, V>(&g, left, y, sums) };
                        });
                    }
                });
                let _flush = FlushSubnormals::during::<T>();
                let (all, rest) = sums.split_at_mut(g.groups * size);
                rest.chunks_exact(all.len()).for_each(|part| add_rows(all, part));
                let groups = all.chunks_exact(size).zip(w.chunks_exact_mut(g.filters * depth));
                groups.for_each(|(sums, w)| turn::<T, V>(&g, sums, w));
            });
        });
    }
}

/// Adds an image's share of the gradient at the filters of a group to its sums.
///
/// # Safety
///
/// The processor must have the instruction set of `V`; the tables of `left` must describe the image.
unsafe fn add_image<T: Scalar, V: Vector<T>>(
    g: &Geometry,
    left: Gathered<'_, T>,
    y: &[T],
    sums: &mut [T],
) {
    let (depth, places) = (g.depth(), g.places());
    with_scratch(PLACES.min(places) * V::WIDTH * V::LANES, |packed: &mut [T]| {
        for first in (0..g.filters).step_by(V::WIDTH * V::LANES) {
            let (width, filled) = panel_of::<T, V>(g.filters - first);
            let sums = &mut sums[first * depth..][..depth * width];
            for place in (0..places).step_by(PLACES) {
                let offsets = &left.offsets[place..places.min(place + PLACES)];
                let start = y[first * places + place..].as_ptr();
                let y = Strided { start, row_stride: 1, column_stride: places };
                let panel = Panel { start: packed.as_ptr(), registers: width / V::LANES };
                // SAFETY: the caller's promise; the sums are rows of a panel's width.
                unsafe {
                    pack_panel::<T, V>(y, [offsets.len(), filled], width, packed.as_mut_ptr());
                    for rows in tile_rows::<T, V>(depth) {
                        let starts = &left.starts[rows.clone()];
                        let left = Gathered { starts, offsets, ..left };
                        let start = sums[rows.start * width..].as_mut_ptr();
                        let c =
                            Output { start, row_stride: width, column_stride: 1, accumulate: true };
                        tile::<T, V>([rows.len(), offsets.len(), width], left, panel, c);
                    }
                }
            }
        }
    });
}

/// Brings the sums of a group to the order of its filters.
fn turn<T: Scalar, V: Vector<T>>(g: &Geometry, sums: &[T], w: &mut [T]) {
    for (f, w) in w.chunks_exact_mut(g.depth()).enumerate() {
        let first = f / (V::WIDTH * V::LANES) * (V::WIDTH * V::LANES);
        let (width, _) = panel_of::<T, V>(g.filters - first);
        let sums = sums[first * g.depth() + f - first..].iter().step_by(width);
        w.iter_mut().zip(sums).for_each(|(w, &sum)| *w = sum);
    }
}
