//! Shapes and places, by index arithmetic that shares nothing with the library's.

use crate::shape::Shape;

/// All shapes up to a rank, of sizes from 1 to 3.
fn shapes(rank: u32) -> Vec<Shape> {
    let of_rank = |rank: u32| {
        (0..3_usize.pow(rank))
            .map(move |i| (0..rank).map(|at| i / 3_usize.pow(at) % 3 + 1).collect())
    };
    (0..=rank).flat_map(of_rank).collect()
}

/// The sizes along an axis counted from the last; what a shape does not have counts as 1.
fn size_from_last(shape: &[usize], from_last: usize) -> usize {
    shape.iter().rev().nth(from_last).copied().unwrap_or(1)
}

/// All ordered pairs of shapes up to a rank that broadcast, with what they broadcast to.
pub(in crate::ops) fn broadcastable_pairs(rank: u32) -> Vec<(Shape, Shape, Shape)> {
    let all = shapes(rank);
    let mut pairs = Vec::new();
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        let rank = a.len().max(b.len());
        let sizes = |at: usize| [size_from_last(a, at), size_from_last(b, at)];
        if (0..rank).all(|at| matches!(sizes(at), [1, _] | [_, 1]) || sizes(at)[0] == sizes(at)[1])
        {
            let result = (0..rank).rev().map(|at| sizes(at)[0].max(sizes(at)[1])).collect();
            pairs.push((a.clone(), b.clone(), result));
        }
    }
    pairs
}

/// All places of a tensor, row by row.
pub(in crate::ops) fn places(shape: &Shape) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &size in shape.iter() {
        let longer = |place: &Vec<usize>| -> Vec<Vec<usize>> {
            (0..size).map(|at| [&place[..], &[at]].concat()).collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// The element of a tensor that is read at a place of what it is broadcast to.
pub(in crate::ops) fn place_in(shape: &Shape, place: &[usize]) -> usize {
    let own = &place[place.len() - shape.len()..];
    let step = |at, (&i, &size): (&usize, &usize)| at * size + if size == 1 { 0 } else { i };
    own.iter().zip(shape.iter()).fold(0, step)
}
