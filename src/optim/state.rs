//! What rules remember, one slice for each number.

use crate::scalar::Scalar;

/// What a rule remembers of one value of the parameters: `[T; N]`, or a pair of what two rules do.
///
/// In memory it is one slice for each number, laid out as the parameters are.
pub trait State<T: Scalar>: Copy + Send + Sync + sealed::State<T> {}

impl<T: Scalar, const N: usize> State<T> for [T; N] {}

impl<T: Scalar, A: State<T>, B: State<T>> State<T> for (A, B) {}

pub(super) mod sealed {
    use crate::scalar::Scalar;

    pub trait State<T: Scalar>: Sized {
        /// A slice for each number.
        type Columns<'a>: Send;

        /// The numbers, one after the other.
        fn numbers(self) -> Vec<T>;

        /// The next slices, one for each number.
        fn columns<'a>(slices: &mut impl Iterator<Item = &'a mut [T]>) -> Self::Columns<'a>;

        /// All slices cut at the same place.
        fn split_at(
            columns: Self::Columns<'_>,
            at: usize,
        ) -> (Self::Columns<'_>, Self::Columns<'_>);

        /// The state of the value at this place.
        fn get(columns: &Self::Columns<'_>, at: usize) -> Self;

        /// Replaces the state of the value at this place.
        fn set(self, columns: &mut Self::Columns<'_>, at: usize);
    }
}

impl<T: Scalar, const N: usize> sealed::State<T> for [T; N] {
    type Columns<'a> = [&'a mut [T]; N];

    fn numbers(self) -> Vec<T> {
        self.to_vec()
    }

    fn columns<'a>(slices: &mut impl Iterator<Item = &'a mut [T]>) -> Self::Columns<'a> {
        std::array::from_fn(|_| slices.next().unwrap_or_default())
    }

    #[inline(always)]
    fn split_at(columns: Self::Columns<'_>, at: usize) -> (Self::Columns<'_>, Self::Columns<'_>) {
        let mut rest = columns;
        let first = rest.each_mut().map(|column| {
            let (first, rest) = std::mem::take(column).split_at_mut(at);
            *column = rest;
            first
        });
        (first, rest)
    }

    #[inline(always)]
    fn get(columns: &Self::Columns<'_>, at: usize) -> Self {
        std::array::from_fn(|k| columns[k][at])
    }

    #[inline(always)]
    fn set(self, columns: &mut Self::Columns<'_>, at: usize) {
        for (column, number) in columns.iter_mut().zip(self) {
            column[at] = number;
        }
    }
}

impl<T: Scalar, A: State<T>, B: State<T>> sealed::State<T> for (A, B) {
    type Columns<'a> = (A::Columns<'a>, B::Columns<'a>);

    fn numbers(self) -> Vec<T> {
        let mut numbers = self.0.numbers();
        numbers.extend(self.1.numbers());
        numbers
    }

    fn columns<'a>(slices: &mut impl Iterator<Item = &'a mut [T]>) -> Self::Columns<'a> {
        (A::columns(slices), B::columns(slices))
    }

    #[inline(always)]
    fn split_at(columns: Self::Columns<'_>, at: usize) -> (Self::Columns<'_>, Self::Columns<'_>) {
        let (a, a_rest) = A::split_at(columns.0, at);
        let (b, b_rest) = B::split_at(columns.1, at);
        ((a, b), (a_rest, b_rest))
    }

    #[inline(always)]
    fn get(columns: &Self::Columns<'_>, at: usize) -> Self {
        (A::get(&columns.0, at), B::get(&columns.1, at))
    }

    #[inline(always)]
    fn set(self, columns: &mut Self::Columns<'_>, at: usize) {
        self.0.set(&mut columns.0, at);
        self.1.set(&mut columns.1, at);
    }
}
