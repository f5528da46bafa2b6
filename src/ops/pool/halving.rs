//! The largest of windows of 2 by 2 places, one beside the other: what most networks pool by.
//!
//! The numbers of a row at even and at odd places are brought into registers of their own. Where the
//! largest is, comparisons of whole registers tell: nobody could predict a branch.

use super::work;
use crate::exec::kernels::tasks::for_each_chunk;
use crate::exec::kernels::vector::{Vector, Work};
use crate::scalar::Scalar;

/// The largest number of each window.
pub(super) struct Halving<'a, T> {
    /// Height and width of the planes, which lie one behind the other.
    pub(super) sizes: [usize; 2],
    pub(super) x: &'a [T],
    pub(super) out: &'a mut [T],
}

impl<T: Scalar> Work<T> for Halving<'_, T> {
    unsafe fn run<V: Vector<T>>(self) {
        let Self { sizes: [height, width], x, out } = self;
        let work = work(x.len(), out.len());
        for_each_chunk(out, (height / 2) * (width / 2), work, |plane, out| {
            let x = &x[plane * height * width..][..height * width];
            // SAFETY: this function's promise.
            unsafe {
                V::enter(
                    #[inline(always)]
                    move || halve::<T, V>(x, width, out),
                );
            }
        });
    }
}

/// The largest numbers of a plane of this width.
///
/// # Safety
///
/// The processor must have the instruction set of `V`.
#[inline(always)]
unsafe fn halve<T: Scalar, V: Vector<T>>(x: &[T], width: usize, out: &mut [T]) {
    for (rows, out) in x.chunks_exact(2 * width).zip(out.chunks_exact_mut(width / 2)) {
        for first in (0..out.len()).step_by(V::LANES) {
            let count = V::LANES.min(out.len() - first);
            // SAFETY: the caller's promise; both have so many windows from here on.
            unsafe {
                let corners = Corners::<V>::of(rows, width, first, count);
                let [top, bottom] = corners.largest();
                let largest = bottom.where_above(top, bottom, top);
                largest.store_first(out[first..].as_mut_ptr(), count);
            }
        }
    }
}

/// The gradient at the planes: that of each window where its largest number is, 0 elsewhere.
pub(super) struct HalvingGradient<'a, T> {
    pub(super) sizes: [usize; 2],
    pub(super) x: &'a [T],
    /// The gradient at the windows.
    pub(super) g: &'a [T],
    pub(super) out: &'a mut [T],
}

impl<T: Scalar> Work<T> for HalvingGradient<'_, T> {
    unsafe fn run<V: Vector<T>>(self) {
        let Self { sizes: [height, width], x, g, out } = self;
        let (plane, windows) = (height * width, (height / 2) * (width / 2));
        let work = work(x.len(), out.len());
        for_each_chunk(out, plane, work, |i, out| {
            let (x, g) = (&x[i * plane..][..plane], &g[i * windows..][..windows]);
            // SAFETY: this function's promise.
            unsafe {
                V::enter(
                    #[inline(always)]
                    move || spread::<T, V>(x, width, g, out),
                );
            }
        });
    }
}

/// The gradient at a plane of this width.
///
/// # Safety
///
/// The processor must have the instruction set of `V`.
#[inline(always)]
unsafe fn spread<T: Scalar, V: Vector<T>>(x: &[T], width: usize, g: &[T], out: &mut [T]) {
    let wide = width / 2;
    let (pairs, rest) = out.split_at_mut(x.len() / (2 * width) * (2 * width));
    rest.fill(T::ZERO);
    let pairs = x.chunks_exact(2 * width).zip(pairs.chunks_exact_mut(2 * width));
    for ((x, out), g) in pairs.zip(g.chunks_exact(wide)) {
        for first in (0..wide).step_by(V::LANES) {
            let count = V::LANES.min(wide - first);
            // SAFETY: the caller's promise; all have so many windows from here on.
            unsafe {
                let g = V::load_first(g[first..].as_ptr(), count);
                let corners = Corners::<V>::of(x, width, first, count);
                corners.spread(g, &mut out[2 * first..], width, count);
            }
        }
        out[2 * wide..width].fill(T::ZERO);
        out[width + 2 * wide..].fill(T::ZERO);
    }
}

/// The corners of at most a register's windows: left and right, of the rows above and below.
#[derive(Clone, Copy)]
struct Corners<V>([[V; 2]; 2]);

impl<V: Copy> Corners<V> {
    /// The windows from the `first` on that two rows have.
    ///
    /// # Safety
    ///
    /// The processor must have the instruction set of `V`, and the rows, of this width, so many
    /// windows.
    #[inline(always)]
    unsafe fn of<T: Scalar>(rows: &[T], width: usize, first: usize, count: usize) -> Self
    where
        V: Vector<T>,
    {
        let [near, far] = parts(count, V::LANES);
        let (above, below) = (rows[2 * first..].as_ptr(), rows[width + 2 * first..].as_ptr());
        // SAFETY: the caller's promise: so many numbers are there.
        unsafe {
            let first = V::load_first(above, near);
            let above = first.unzip(V::load_first(above.wrapping_add(V::LANES), far));
            let first = V::load_first(below, near);
            let below = first.unzip(V::load_first(below.wrapping_add(V::LANES), far));
            Self([above, below])
        }
    }

    /// The larger number of the upper row and that of the lower one.
    ///
    /// # Safety
    ///
    /// The processor must have the instruction set of `V`.
    #[inline(always)]
    unsafe fn largest<T: Scalar>(self) -> [V; 2]
    where
        V: Vector<T>,
    {
        let [[a, b], [c, d]] = self.0;
        // SAFETY: the caller's promise.
        unsafe { [b.where_above(a, b, a), d.where_above(c, d, c)] }
    }

    /// Writes each window's `g` where its largest number is, and 0 to its other places.
    ///
    /// # Safety
    ///
    /// As for [`of`](Self::of), for the rows that are written.
    #[inline(always)]
    unsafe fn spread<T: Scalar>(self, g: V, rows: &mut [T], width: usize, count: usize)
    where
        V: Vector<T>,
    {
        let [near, far] = parts(count, V::LANES);
        // SAFETY: the caller's promise.
        unsafe {
            let zero = V::splat(T::ZERO);
            let [top, bottom] = self.largest();
            let shares = [bottom.where_above(top, zero, g), bottom.where_above(top, g, zero)];
            for (row, ([left, right], share)) in self.0.into_iter().zip(shares).enumerate() {
                let of_left = right.where_above(left, zero, share);
                let of_right = right.where_above(left, share, zero);
                let [first, second] = of_left.zip(of_right);
                let to = rows[row * width..].as_mut_ptr();
                first.store_first(to, near);
                second.store_first(to.wrapping_add(V::LANES), far);
            }
        }
    }
}

/// How many numbers of so many windows' row stand in each of two registers.
#[inline(always)]
fn parts(windows: usize, lanes: usize) -> [usize; 2] {
    [(2 * windows).min(lanes), (2 * windows).saturating_sub(lanes)]
}
