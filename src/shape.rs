//! Shapes, axes and NumPy broadcasting.

use std::fmt;
use std::ops::{Bound, Deref, RangeBounds};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The sizes of a tensor's axes, outermost first. The empty shape is a scalar's.
///
/// ```
/// use gradtape::Shape;
///
/// let shape = Shape::from([2, 3]);
/// assert_eq!(shape.rank(), 2);
/// assert_eq!(shape.numel(), 6);
/// assert_eq!(shape.to_string(), "[2, 3]");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Shape(SmallVec<[usize; 4]>);

/// One number an axis: how far apart, in elements, neighbours along that axis lie.
pub(crate) type Strides = SmallVec<[usize; 4]>;

impl Shape {
    /// The shape of a scalar: no axes, one element.
    pub fn scalar() -> Self {
        Self::default()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements: the product of all sizes, 1 for a scalar; `usize::MAX` if it is
    /// larger than that.
    pub fn numel(&self) -> usize {
        if self.0.contains(&0) {
            0
        } else {
            self.0.iter().fold(1, |n, &size| n.saturating_mul(size))
        }
    }

    /// Whether a tensor of this shape can be computed with: its axes fit in a set, and its numbers
    /// in memory with room to spare for what is computed of their count.
    pub(crate) fn is_sensible(&self) -> bool {
        // Beside a size of 0 the others count as well: their product is computed with, too.
        let count = self.0.iter().fold(1, |n: usize, &size| n.saturating_mul(size.max(1)));
        self.rank() <= Axes::MAX_RANK && count <= isize::MAX as usize >> 8
    }

    /// The shape that two operands broadcast to, by NumPy's rule: aligned at the last axis, sizes
    /// are equal or one of them is 1. The error is the clash: axis of the result and both sizes.
    pub(crate) fn broadcast(&self, other: &Shape) -> Result<Shape, (usize, usize, usize)> {
        let rank = self.rank().max(other.rank());
        let mut sizes = SmallVec::with_capacity(rank);
        for axis in 0..rank {
            let (a, b) = (self.aligned(axis, rank), other.aligned(axis, rank));
            sizes.push(match (a, b) {
                _ if a == b => a,
                (1, _) => b,
                (_, 1) => a,
                _ => return Err((axis, a, b)),
            });
        }
        Ok(Shape(sizes))
    }

    /// The size at an axis of a shape of higher rank that this one is aligned with.
    fn aligned(&self, axis: usize, rank: usize) -> usize {
        (axis + self.rank()).checked_sub(rank).map_or(1, |own| self.0[own])
    }

    /// Whether a tensor of this shape can be broadcast to `target` without changing `target`.
    pub(crate) fn broadcasts_to(&self, target: &Shape) -> bool {
        self.broadcast(target).as_ref() == Ok(target)
    }

    /// The axes of `self` along which a tensor of shape `source` was repeated to get here.
    pub(crate) fn axes_broadcast_from(&self, source: &Shape) -> Axes {
        let rank = self.rank();
        Axes::of((0..rank).filter(|&axis| {
            let added = axis < rank - source.rank();
            added || (source.aligned(axis, rank) == 1 && self.0[axis] != 1)
        }))
    }

    /// This shape with `axes` dropped, or left as 1 if they are kept.
    pub(crate) fn reduced(&self, axes: Axes, keep: bool) -> Shape {
        let sizes = self.0.iter().enumerate();
        if keep {
            sizes.map(|(axis, &n)| if axes.contains(axis) { 1 } else { n }).collect()
        } else {
            sizes.filter(|&(axis, _)| !axes.contains(axis)).map(|(_, &n)| n).collect()
        }
    }

    /// Changes the size of the first axis, if there is one.
    pub(crate) fn set_rows(&mut self, rows: usize) {
        if let Some(size) = self.0.first_mut() {
            *size = rows;
        }
    }

    /// The strides of a tensor stored row by row.
    pub(crate) fn strides(&self) -> Strides {
        let mut strides: Strides = SmallVec::from_elem(1, self.rank());
        for axis in (1..self.rank()).rev() {
            // Sizes that overflow occur only beside a size of 0, where no stride matters.
            strides[axis - 1] = strides[axis].saturating_mul(self.0[axis]);
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(sizes: I) -> Self {
        Shape(sizes.into_iter().collect())
    }
}

impl From<&[usize]> for Shape {
    fn from(sizes: &[usize]) -> Self {
        Shape(sizes.into())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(sizes: [usize; N]) -> Self {
        sizes[..].into()
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Self {
        shape.clone()
    }
}

impl From<Vec<usize>> for Shape {
    fn from(sizes: Vec<usize>) -> Self {
        sizes[..].into()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self[..])
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a range of places begins and ends, of so many places that there are.
pub(crate) fn bounds(range: &impl RangeBounds<usize>, len: usize) -> (usize, usize) {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => len,
    };
    (start, end)
}

/// A set of axes, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<usize>", into = "Vec<usize>")]
pub struct Axes(u32);

impl From<Axes> for Vec<usize> {
    fn from(axes: Axes) -> Self {
        axes.iter().collect()
    }
}

impl TryFrom<Vec<usize>> for Axes {
    type Error = String;

    fn try_from(axes: Vec<usize>) -> Result<Self, String> {
        match axes.iter().find(|&&axis| axis >= Self::MAX_RANK) {
            Some(axis) => Err(format!("axis {axis} is not below {}", Self::MAX_RANK)),
            None => Ok(Self::of(axes)),
        }
    }
}

impl Axes {
    /// The largest rank whose axes fit in the set.
    pub(crate) const MAX_RANK: usize = u32::BITS as usize;

    /// Every axis of a tensor of the given rank.
    pub(crate) fn all(rank: usize) -> Self {
        Self::of(0..rank)
    }

    pub(crate) fn of(axes: impl IntoIterator<Item = usize>) -> Self {
        Axes(axes.into_iter().fold(0, |set, axis| set | 1 << axis))
    }

    pub(crate) fn contains(self, axis: usize) -> bool {
        self.0 >> axis & 1 == 1
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX_RANK).filter(move |&axis| self.contains(axis))
    }
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What can name the axes of a reduction: `0`, `-1`, `[0, 2]` or `..` for all. Negative axes are
/// counted from the last.
pub trait IntoAxes {
    /// The axes as a set, or the one that a tensor of this rank does not have.
    fn into_axes(self, rank: usize) -> Result<Axes, isize>;
}

impl IntoAxes for std::ops::RangeFull {
    fn into_axes(self, rank: usize) -> Result<Axes, isize> {
        Ok(Axes::all(rank))
    }
}

impl IntoAxes for isize {
    fn into_axes(self, rank: usize) -> Result<Axes, isize> {
        [self].into_axes(rank)
    }
}

impl<const N: usize> IntoAxes for [isize; N] {
    fn into_axes(self, rank: usize) -> Result<Axes, isize> {
        self[..].into_axes(rank)
    }
}

impl IntoAxes for &[isize] {
    fn into_axes(self, rank: usize) -> Result<Axes, isize> {
        let mut set = Axes::default();
        for &axis in self {
            let at = if axis < 0 { axis + rank as isize } else { axis };
            if !(0..rank as isize).contains(&at) {
                return Err(axis);
            }
            set.0 |= 1 << at;
        }
        Ok(set)
    }
}

impl IntoAxes for Axes {
    fn into_axes(self, rank: usize) -> Result<Axes, isize> {
        self.iter().find(|&axis| axis >= rank).map_or(Ok(self), |axis| Err(axis as isize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        let shape = |sizes: &[usize]| Shape::from(sizes);
        let cases: [(&[usize], &[usize], &[usize]); 6] = [
            (&[2, 3], &[3], &[2, 3]),
            (&[2, 1], &[1, 4], &[2, 4]),
            (&[5, 1, 3], &[4, 1], &[5, 4, 3]),
            (&[], &[2, 2], &[2, 2]),
            (&[0, 3], &[1, 3], &[0, 3]),
            (&[1], &[1, 1], &[1, 1]),
        ];
        for (a, b, want) in cases {
            assert_eq!(shape(a).broadcast(&shape(b)), Ok(shape(want)));
            assert_eq!(shape(b).broadcast(&shape(a)), Ok(shape(want)));
        }
        assert_eq!(shape(&[2, 3]).broadcast(&shape(&[4, 3])), Err((0, 2, 4)));
    }

    #[test]
    fn broadcast_axes_are_those_that_were_repeated() {
        let target = Shape::from([5, 4, 3]);
        assert_eq!(target.axes_broadcast_from(&Shape::from([4, 1])), Axes::of([0, 2]));
        assert_eq!(target.axes_broadcast_from(&target), Axes::default());
    }

    #[test]
    fn sizes_that_overflow_are_not_sensible() {
        assert!(Shape::from([1 << 20, 1 << 20]).is_sensible());
        assert!(!Shape::from([1 << 40, 1 << 40]).is_sensible());
        assert!(!Shape::from(vec![1; 33]).is_sensible());
        assert!(!Shape::from([1 << 40, 1 << 40, 0]).is_sensible());
        assert_eq!(Shape::from([1 << 40, 1 << 40, 0]).numel(), 0);
    }

    #[test]
    fn negative_axes_count_from_the_end() {
        assert_eq!([0, -1].into_axes(3), Ok(Axes::of([0, 2])));
        assert_eq!((-4).into_axes(3), Err(-4));
        assert_eq!(3.into_axes(3), Err(3));
    }
}
