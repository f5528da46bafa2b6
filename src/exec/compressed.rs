//! The inputs of a run that turn out to be mostly zeros: their entries, which all products of the
//! run use instead.

use super::kernels::compress::{NonZero, compress};
use super::kernels::sparse::Entries;
use super::plan::Place;
use crate::scalar::Scalar;

/// Matrices of fewer numbers are multiplied in hardly more time than it takes to look at some of
/// them.
const LARGE: usize = 1 << 18;

/// What is known of a run's inputs so far, in memory that the next run uses again.
pub(crate) struct Compressed<T> {
    inputs: Vec<Input<T>>,
    known: usize,
}

/// What is known of one input, read as a matrix.
struct Input<T> {
    place: Place,
    width: usize,
    mostly_zeros: bool,
    /// All entries are in the first list if the matrix is mostly zeros.
    lists: Vec<NonZero<T>>,
}

impl<T> Default for Compressed<T> {
    fn default() -> Self {
        Self { inputs: Vec::new(), known: 0 }
    }
}

impl<T: Scalar> Compressed<T> {
    /// Forgets the inputs of the run before.
    pub(super) fn forget(&mut self) {
        self.known = 0;
    }

    /// The entries of an input, read as rows of this width, if it is large and mostly zeros. It is
    /// looked through the first time that a run asks for it.
    pub(super) fn entries(
        &mut self,
        place: Place,
        numbers: &[T],
        width: usize,
    ) -> Option<Entries<'_, T>> {
        if numbers.len() < LARGE {
            return None;
        }
        let known = &self.inputs[..self.known];
        let found = known.iter().position(|input| input.place == place && input.width == width);
        let at = found.unwrap_or_else(|| {
            self.look_through(place, numbers, width);
            self.known - 1
        });
        let input = &self.inputs[at];
        input.mostly_zeros.then(|| input.lists[0].entries())
    }

    fn look_through(&mut self, place: Place, numbers: &[T], width: usize) {
        if self.inputs.len() == self.known {
            let lists = Vec::new();
            self.inputs.push(Input { place, width, mostly_zeros: false, lists });
        }
        let input = &mut self.inputs[self.known];
        (input.place, input.width) = (place, width);
        input.mostly_zeros = compress(numbers, width, &mut input.lists);
        self.known += 1;
    }
}
