//! The inputs of a run that turn out to be mostly zeros: their entries, which all products of the
//! run that have them on the left, plain or transposed, use instead.

use super::kernels::compress::{NonZero, compress};
use super::kernels::sparse::Entries;
use super::plan::Place;
use crate::scalar::Scalar;

/// Whether to look for the entries of a matrix of so many rows of this width: smaller ones are
/// multiplied in hardly more time, few rows meet no number of the other matrix more than a few
/// times, and to go from one short row to the next takes time as well.
pub(super) fn may_be_compressed(rows: usize, width: usize) -> bool {
    rows >= 16 && width >= 64 && rows.saturating_mul(width) >= 1 << 18
}

/// What is known of a run's inputs so far, in memory that the next run uses again.
pub(crate) struct Compressed<T> {
    /// Those of this run, and behind them what is left of other runs.
    inputs: Vec<Input<T>>,
    count: usize,
}

/// What is known of one input, read as a matrix.
struct Input<T> {
    place: Place,
    len: usize,
    width: usize,
    mostly_zeros: bool,
    /// All entries are in the first list if the matrix is mostly zeros.
    lists: Vec<NonZero<T>>,
}

impl<T> Default for Compressed<T> {
    fn default() -> Self {
        Self { inputs: Vec::new(), count: 0 }
    }
}

impl<T: Scalar> Compressed<T> {
    /// Forgets the inputs of the run before.
    pub(super) fn forget(&mut self) {
        self.count = 0;
    }

    /// The entries of an input, read as rows of this width, if it is mostly zeros. It is looked
    /// through the first time that a run asks for it.
    pub(super) fn entries(
        &mut self,
        place: Place,
        numbers: &[T],
        width: usize,
    ) -> Option<Entries<'_, T>> {
        let asked = (place, numbers.len(), width);
        let mut known = self.inputs[..self.count].iter();
        let found = known.position(|input| (input.place, input.len, input.width) == asked);
        let at = found.unwrap_or_else(|| {
            self.look_through(place, numbers, width);
            self.count - 1
        });
        let input = &self.inputs[at];
        input.mostly_zeros.then(|| input.lists[0].entries())
    }

    fn look_through(&mut self, place: Place, numbers: &[T], width: usize) {
        let len = numbers.len();
        if self.inputs.len() == self.count {
            let lists = Vec::new();
            self.inputs.push(Input { place, len, width, mostly_zeros: false, lists });
        }
        let input = &mut self.inputs[self.count];
        (input.place, input.len, input.width) = (place, len, width);
        input.mostly_zeros = compress(numbers, width, &mut input.lists);
        self.count += 1;
    }

    /// How many inputs the last run looked through, and how many of them were mostly zeros.
    #[cfg(test)]
    pub(super) fn looked_through(&self) -> [usize; 2] {
        let inputs = &self.inputs[..self.count];
        [inputs.len(), inputs.iter().filter(|input| input.mostly_zeros).count()]
    }
}
