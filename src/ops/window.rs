//! How windows lie along an axis: the geometry that convolutions and pooling have in common.

use std::ops::Range;

/// How windows lie along one axis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Windows {
    /// The number of places that a window looks at.
    pub(crate) taps: usize,
    /// How far apart these places lie.
    pub(crate) dilation: usize,
    /// How far apart windows start.
    pub(crate) stride: usize,
    /// Places of value 0 before and after the axis.
    pub(crate) padding: [usize; 2],
}

impl Windows {
    /// From the first to the last place of a window.
    pub(crate) fn span(&self) -> usize {
        self.dilation.saturating_mul(self.taps.saturating_sub(1)).saturating_add(1)
    }

    /// The size of an axis with its padding.
    pub(crate) fn padded(&self, size: usize) -> usize {
        size.saturating_add(self.padding[0]).saturating_add(self.padding[1])
    }

    /// How many windows lie on a padded axis; one that would pass its end is left out. None lie on
    /// one that is too long to count its places.
    pub(crate) fn count(&self, size: usize) -> Option<usize> {
        let padded = Some(self.padded(size)).filter(|&size| size < usize::MAX)?;
        let room = padded.checked_sub(self.span())?;
        Some(room / self.stride + 1)
    }

    /// The smallest axis on which so many windows lie.
    pub(crate) fn least_size(&self, count: usize) -> Option<usize> {
        let between = count.checked_sub(1)?.checked_mul(self.stride)?;
        let padded = between.checked_add(self.span())?;
        padded.checked_sub(self.padding[0])?.checked_sub(self.padding[1])
    }

    /// Those of `count` windows whose place `tap` lies on the axis and not in the padding.
    #[inline]
    pub(crate) fn inside(&self, tap: usize, size: usize, count: usize) -> Range<usize> {
        let [offset, before] = [tap * self.dilation, self.padding[0]];
        let first = before.saturating_sub(offset).div_ceil(self.stride).min(count);
        let end = (size + before).saturating_sub(offset).div_ceil(self.stride).min(count);
        first..end
    }

    /// Those places of a window that lie on the axis and not in the padding.
    pub(crate) fn taps_inside(&self, window: usize, size: usize) -> Range<usize> {
        let [start, before] = [window * self.stride, self.padding[0]];
        let first = before.saturating_sub(start).div_ceil(self.dilation).min(self.taps);
        let end = (size + before).saturating_sub(start).div_ceil(self.dilation).min(self.taps);
        first..end.max(first)
    }

    /// The place on the axis that a window looks at, if [`inside`](Self::inside) has it.
    #[inline]
    pub(crate) fn place(&self, window: usize, tap: usize) -> usize {
        window * self.stride + tap * self.dilation - self.padding[0]
    }
}

/// A setting of each spatial axis: one for all of them, or one for each.
pub trait PerAxis<const D: usize> {
    /// The setting of each axis.
    fn per_axis(self) -> [usize; D];
}

impl<const D: usize> PerAxis<D> for usize {
    fn per_axis(self) -> [usize; D] {
        [self; D]
    }
}

impl<const D: usize> PerAxis<D> for [usize; D] {
    fn per_axis(self) -> [usize; D] {
        self
    }
}

/// Places of value 0 around the spatial axes: so many on all sides, so many on both sides of each
/// axis, or `[before, after]` for each axis.
pub trait Padding<const D: usize> {
    /// Before and after each axis.
    fn padding(self) -> [[usize; 2]; D];
}

impl<const D: usize> Padding<D> for usize {
    fn padding(self) -> [[usize; 2]; D] {
        [[self; 2]; D]
    }
}

impl<const D: usize> Padding<D> for [usize; D] {
    fn padding(self) -> [[usize; 2]; D] {
        self.map(|both| [both; 2])
    }
}

impl<const D: usize> Padding<D> for [[usize; 2]; D] {
    fn padding(self) -> [[usize; 2]; D] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_inside_are_those_whose_place_is() {
        for case in 0..3_usize.pow(6) {
            let digit = |i: u32| case / 3_usize.pow(i) % 3;
            let padding = [digit(0), digit(1)];
            let windows = Windows {
                taps: digit(2) + 1,
                dilation: digit(3) + 1,
                stride: digit(4) + 1,
                padding,
            };
            let size = 2 * digit(5) + 1;
            let Some(count) = windows.count(size) else { continue };
            let least = windows.least_size(count);
            assert!(least.is_none_or(|least| least <= size && size < least + windows.stride));
            for tap in 0..windows.taps {
                let inside = windows.inside(tap, size, count);
                for window in 0..count {
                    let place = window * windows.stride + tap * windows.dilation;
                    let on_axis = place >= padding[0] && place < padding[0] + size;
                    assert_eq!(inside.contains(&window), on_axis, "{windows:?} {size} {window}");
                    assert_eq!(windows.taps_inside(window, size).contains(&tap), on_axis);
                    if on_axis {
                        assert_eq!(windows.place(window, tap), place - padding[0]);
                    }
                }
            }
        }
    }
}
