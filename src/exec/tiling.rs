//! How an iteration space is cut: into tiles that fit the first-level cache, and into chunks of
//! tiles for the threads. Only shapes decide, never the number of threads.

use smallvec::SmallVec;

/// The most elements of a tile: with a handful of operands, they stay in the first-level cache.
pub(super) const TILE: usize = 1024;
/// Rows narrower than this share a tile.
const NARROW: usize = 256;
/// About how many elements a thread takes at a time.
const CHUNK: usize = 32 * 1024;
/// The most chunks that a space is cut into where each keeps a partial sum.
const MAX_PARTIALS: usize = 64;

/// Sizes and strides with neighbouring axes merged wherever every operand allows it.
pub(super) struct Collapsed {
    pub(super) sizes: SmallVec<[usize; 4]>,
    /// One list an operand.
    pub(super) strides: Vec<SmallVec<[usize; 4]>>,
}

/// Merges neighbouring axes, and drops those of size 1, wherever all operands allow it.
pub(super) fn collapse(sizes: &[usize], strides: &[&[usize]]) -> Collapsed {
    let mut merged: SmallVec<[usize; 4]> = SmallVec::new();
    let mut out = vec![SmallVec::<[usize; 4]>::new(); strides.len()];
    for (axis, &size) in sizes.iter().enumerate().filter(|&(_, &size)| size != 1) {
        let together = !merged.is_empty()
            && out
                .iter()
                .zip(strides)
                .all(|(out, from)| out.last().is_some_and(|&outer| outer == from[axis] * size));
        match merged.last_mut() {
            Some(last) if together => {
                *last *= size;
                for (out, from) in out.iter_mut().zip(strides) {
                    out.pop();
                    out.push(from[axis]);
                }
            }
            _ => {
                merged.push(size);
                out.iter_mut().zip(strides).for_each(|(out, from)| out.push(from[axis]));
            }
        }
    }
    Collapsed { sizes: merged, strides: out }
}

/// A partition of a space's elements, in row-by-row order, into tiles and chunks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tiling {
    /// The number of elements.
    pub(super) len: usize,
    /// The length of a row: the innermost collapsed axis.
    pub(super) width: usize,
    /// The elements of a full tile.
    pub(super) tile: usize,
    /// How many tiles a row is cut into; 0 if a tile holds whole rows.
    pub(super) per_row: usize,
    pub(super) tiles: usize,
    /// The tiles of a full chunk.
    pub(super) chunk: usize,
    pub(super) chunks: usize,
}

/// What a chunk's borders must respect.
pub(super) enum Borders {
    /// Any tile may begin a chunk.
    Free,
    /// A chunk must hold whole blocks of this many elements.
    Blocks(usize),
    /// Each chunk keeps a partial result of this many elements.
    Partials(usize),
}

impl Tiling {
    /// Cuts a collapsed space.
    pub(super) fn new(sizes: &[usize], borders: &Borders) -> Tiling {
        let len: usize = sizes.iter().product();
        let width = sizes.last().copied().unwrap_or(1).max(1);
        let (tile, per_row) = if width >= NARROW || width >= len {
            let pieces = width.div_ceil(TILE);
            let tile = width.div_ceil(pieces).next_multiple_of(16);
            (tile, width.div_ceil(tile))
        } else {
            (TILE / width * width, 0)
        };
        let tiles = if per_row > 0 { len / width * per_row } else { len.div_ceil(tile) };
        let mut chunk = (CHUNK / tile).max(1);
        match *borders {
            Borders::Free => {}
            Borders::Blocks(block) => {
                let step = if per_row > 0 { block / width * per_row } else { block / tile };
                chunk = chunk.next_multiple_of(step.max(1));
            }
            Borders::Partials(partial) => {
                let most = (len / (8 * partial).max(1)).clamp(1, MAX_PARTIALS);
                chunk = chunk.max(tiles.div_ceil(most));
            }
        }
        let chunks = tiles.div_ceil(chunk);
        Tiling { len, width, tile, per_row, tiles, chunk, chunks }
    }

    /// Whether chunks can be made of whole blocks: these are made of whole tiles, and not so large
    /// that threads would be idle and sums grow long.
    pub(super) fn takes_blocks(&self, block: usize) -> bool {
        let whole = self.per_row > 0
            || block.is_multiple_of(self.tile)
            || self.tile.is_multiple_of(block.max(1));
        whole && block <= 4 * CHUNK
    }

    /// Where a tile starts and how many elements it has.
    #[inline]
    pub(super) fn span(&self, tile: usize) -> (usize, usize) {
        if self.per_row == 0 {
            let start = tile * self.tile;
            return (start, self.tile.min(self.len - start));
        }
        let (row, piece) = (tile / self.per_row, tile % self.per_row);
        let within = piece * self.tile;
        (row * self.width + within, self.tile.min(self.width - within))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_merge_where_every_operand_allows_it() {
        let full: &[usize] = &[12, 4, 1];
        let row: &[usize] = &[0, 0, 1];
        let collapsed = collapse(&[2, 3, 4], &[full, full]);
        assert_eq!(collapsed.sizes[..], [24]);
        let collapsed = collapse(&[2, 3, 4], &[full, row]);
        assert_eq!(collapsed.sizes[..], [6, 4]);
        assert_eq!(collapsed.strides[1][..], [0, 1]);
        assert!(collapse(&[1, 1], &[&[5, 5]]).sizes.is_empty());
    }

    #[test]
    fn tiles_cover_a_space_once() {
        let spaces: [&[usize]; 9] =
            [&[], &[1], &[5], &[1024], &[100_000], &[128, 10], &[7, 500], &[3, 5000], &[40, 3, 17]];
        for sizes in spaces {
            for borders in [Borders::Free, Borders::Partials(10)] {
                let tiling = Tiling::new(sizes, &borders);
                let mut next = 0;
                for tile in 0..tiling.tiles {
                    let (start, len) = tiling.span(tile);
                    assert_eq!(start, next, "{sizes:?}");
                    assert!((1..=TILE).contains(&len), "{sizes:?}: {len}");
                    next += len;
                }
                assert_eq!(next, sizes.iter().product::<usize>(), "{sizes:?}");
            }
        }
        assert_eq!(Tiling::new(&[0, 3], &Borders::Free).tiles, 0);
    }
}
