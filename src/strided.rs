//! Walking over a tensor in runs along its innermost axis, when operands lie at other strides.

use smallvec::SmallVec;

use crate::scalar::Scalar;
use crate::shape::{Shape, Strides};

/// The strides at which a tensor of shape `source`, stored row by row, is read when broadcast to
/// `target`: 0 along repeated axes.
pub(crate) fn broadcast_strides(source: &Shape, target: &Shape) -> Strides {
    let own = source.strides();
    let added = target.rank() - source.rank();
    (0..target.rank())
        .map(|axis| match axis.checked_sub(added) {
            Some(at) if source[at] == target[axis] => own[at],
            _ => 0,
        })
        .collect()
}

/// The strides at which a tensor, read at `strides` in one shape, is read in another shape of as
/// many elements; `None` if there are none, because the elements are not in order.
pub(crate) fn reshape_strides(from: &Shape, strides: &[usize], to: &Shape) -> Option<Strides> {
    let mut out: Strides = SmallVec::from_elem(0, to.rank());
    if from.numel() == 0 {
        return Some(out);
    }
    // Axes of size 1 have no stride that matters.
    let mut sources = (0..from.rank()).rev().filter(|&axis| from[axis] != 1);
    let mut targets = (0..to.rank()).rev().filter(|&axis| to[axis] != 1);
    while let (Some(mut source), Some(target)) = (sources.next(), targets.next()) {
        // The smallest groups of axes, from the last on, that hold equally many elements.
        let (mut have, mut want) = (from[source], to[target]);
        out[target] = strides[source];
        let mut stride = strides[source] * to[target];
        while have != want {
            if want < have {
                let target = targets.next()?;
                out[target] = stride;
                stride *= to[target];
                want *= to[target];
            } else {
                let outer = sources.next()?;
                if strides[outer] != strides[source] * from[source] {
                    return None;
                }
                have *= from[outer];
                source = outer;
            }
        }
    }
    Some(out)
}

/// Calls `run(start, offset)` for each run along the innermost axis, in row-by-row order: `start`
/// counts elements of the shape, `offset` is where the run starts at the given strides.
pub(crate) fn for_each_run(sizes: &[usize], strides: &[usize], mut run: impl FnMut(usize, usize)) {
    let Some((&width, outer)) = sizes.split_last() else { return run(0, 0) };
    let count: usize = outer.iter().product();
    if width == 0 {
        return;
    }
    let mut index: SmallVec<[usize; 8]> = SmallVec::from_elem(0, outer.len());
    let mut offset = 0;
    for row in 0..count {
        run(row * width, offset);
        for axis in (0..outer.len()).rev() {
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < outer[axis] {
                break;
            }
            offset -= index[axis] * strides[axis];
            index[axis] = 0;
        }
    }
}

/// Reads a tensor at other strides, row by row.
pub(crate) fn gather<T: Scalar>(data: &[T], sizes: &[usize], strides: &[usize], out: &mut [T]) {
    let width = sizes.last().copied().unwrap_or(1);
    let step = strides.last().copied().unwrap_or(1);
    for_each_run(sizes, strides, |start, offset| {
        let out = &mut out[start..start + width];
        match step {
            0 => out.fill(data[offset]),
            1 => out.copy_from_slice(&data[offset..offset + width]),
            _ => out.iter_mut().enumerate().for_each(|(i, out)| *out = data[offset + i * step]),
        }
    });
}

/// A copy of a tensor, repeated to fill a larger shape.
pub(crate) fn expand<T: Scalar>(data: &[T], source: &Shape, target: &Shape) -> Vec<T> {
    if source == target {
        return data.to_vec();
    }
    let mut out = vec![T::ZERO; target.numel()];
    gather(data, target, &broadcast_strides(source, target), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expanding_repeats_rows_and_columns() {
        let target = Shape::from([2, 3]);
        assert_eq!(expand(&[1.0, 2.0], &[2, 1].into(), &target), [1., 1., 1., 2., 2., 2.]);
        assert_eq!(expand(&[1.0, 2.0, 3.0], &[3].into(), &target), [1., 2., 3., 1., 2., 3.]);
        assert_eq!(expand(&[7.0], &Shape::scalar(), &Shape::scalar()), [7.0]);
    }

    #[test]
    fn reshaping_keeps_order_or_says_that_it_cannot() {
        let strides = |from: &[usize], at: &[usize], to: &[usize]| {
            reshape_strides(&from.into(), at, &to.into()).map(|strides| strides.to_vec())
        };
        assert_eq!(strides(&[2, 6], &[6, 1], &[2, 3, 2]), Some(vec![6, 2, 1]));
        assert_eq!(strides(&[2, 3, 2], &[6, 2, 1], &[12]), Some(vec![1]));
        assert_eq!(strides(&[4, 3], &[3, 1], &[6, 2]), Some(vec![2, 1]));
        assert_eq!(strides(&[3, 2], &[1, 3], &[1, 3, 1, 2]), Some(vec![0, 1, 0, 3]));
        assert_eq!(strides(&[3, 2], &[1, 3], &[6]), None);
        assert_eq!(strides(&[4, 2], &[0, 0], &[8]), Some(vec![0]));
        assert_eq!(strides(&[4, 2], &[0, 1], &[8]), None);
        assert_eq!(strides(&[], &[], &[1, 1]), Some(vec![0, 0]));
    }

    #[test]
    fn gathering_at_swapped_strides_transposes() {
        let mut out = [0.0; 6];
        gather(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2], &[1, 3], &mut out);
        assert_eq!(out, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
