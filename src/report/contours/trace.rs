//! Where heights on a grid reach a level: marching squares.

use std::collections::BTreeMap;

/// An edge of the grid: from the point of this number to its right (`false`) or upper neighbour.
type Edge = (usize, bool);

/// The lines at which heights on a square grid, row by row, reach a level: points as column and
/// row. Cells with a corner that is not finite have none.
pub(super) fn lines(heights: &[f64], side: usize, level: f64) -> Vec<Vec<(f64, f64)>> {
    let mut neighbours: BTreeMap<Edge, Vec<Edge>> = BTreeMap::new();
    for (a, b) in segments(heights, side, level) {
        neighbours.entry(a).or_default().push(b);
        neighbours.entry(b).or_default().push(a);
    }
    let place = |(point, upwards): Edge| {
        let to = if upwards { point + side } else { point + 1 };
        let share = (level - heights[point]) / (heights[to] - heights[point]);
        let (column, row) = ((point % side) as f64, (point / side) as f64);
        if upwards { (column, row + share) } else { (column + share, row) }
    };
    // Open lines first, from one of their ends; what is left are rings.
    let ends = neighbours.iter().filter(|(_, next)| next.len() == 1).map(|(edge, _)| *edge);
    let starts: Vec<Edge> = ends.chain(neighbours.keys().copied()).collect();
    let mut lines = Vec::new();
    for start in starts {
        let mut line = vec![place(start)];
        let mut edge = start;
        while let Some(next) = neighbours.get_mut(&edge).and_then(Vec::pop) {
            let back = neighbours.entry(next).or_default();
            back.retain(|&other| other != edge);
            line.push(place(next));
            edge = next;
        }
        if line.len() > 1 {
            lines.push(line);
        }
    }
    lines
}

/// The parts of the lines within each cell, from edge to edge.
fn segments(heights: &[f64], side: usize, level: f64) -> Vec<(Edge, Edge)> {
    let mut segments = Vec::new();
    let cells = (0..side - 1).flat_map(|row| (0..side - 1).map(move |column| row * side + column));
    for corner in cells {
        let corners = [corner, corner + 1, corner + side + 1, corner + side];
        if corners.iter().any(|&point| !heights[point].is_finite()) {
            continue;
        }
        // The edges around the cell: below, right, above, left.
        let edges = [(corner, false), (corner + 1, true), (corner + side, false), (corner, true)];
        let is_above = corners.map(|point| heights[point] > level);
        let crossed = |i: &usize| is_above[*i] != is_above[(i + 1) % 4];
        let crossings: Vec<Edge> = (0..4).filter(crossed).map(|i| edges[i]).collect();
        match crossings[..] {
            [a, b] => segments.push((a, b)),
            // A saddle: its middle says which two corners belong together.
            [below, right, above, left] => {
                let middle = corners.iter().map(|&point| heights[point]).sum::<f64>() / 4.0;
                if (middle > level) == is_above[0] {
                    segments.extend([(below, right), (above, left)]);
                } else {
                    segments.extend([(below, left), (right, above)]);
                }
            }
            _ => {}
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heights(side: usize, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        (0..side * side).map(|i| f((i % side) as f64, (i / side) as f64)).collect()
    }

    #[test]
    fn a_cone_has_one_closed_ring_on_its_circle() {
        let cone = heights(21, |x, y| (x - 10.0).hypot(y - 10.0));
        let lines = lines(&cone, 21, 6.3);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        for (x, y) in &lines[0] {
            assert!(((x - 10.0).hypot(y - 10.0) - 6.3).abs() < 0.05);
        }
    }

    #[test]
    fn a_slope_has_one_open_line_across() {
        let lines = lines(&heights(9, |x, _| x), 9, 3.5);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), 9);
        assert!(lines[0].iter().all(|&(x, _)| x == 3.5));
    }

    #[test]
    fn a_saddle_has_two_lines_that_do_not_meet() {
        let saddle = heights(10, |x, y| (x - 4.5) * (y - 4.5));
        assert_eq!(lines(&saddle, 10, 0.1).len(), 2);
        assert_eq!(lines(&saddle, 10, -0.1).len(), 2);
    }

    #[test]
    fn cells_without_a_finite_height_are_left_out() {
        let hole = heights(9, |x, y| if x == 4.0 && y == 4.0 { f64::NAN } else { x });
        assert_eq!(lines(&hole, 9, 3.5).len(), 2);
    }
}
