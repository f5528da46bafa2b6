use super::*;
use crate::scalar::Scalar;

/// What registers do with four registers' numbers.
fn of_all<T: Scalar, V: Vector<T>>(numbers: &[T]) -> Vec<Vec<T>> {
    let mut results = Vec::new();
    let mut keep = |write: &dyn Fn(*mut T)| {
        let mut line = vec![T::ZERO; 2 * V::LANES];
        write(line.as_mut_ptr());
        results.push(line);
    };
    let from = numbers.as_ptr();
    // SAFETY: the processor has the registers, and there are so many numbers.
    unsafe {
        let at = |i: usize| V::load(from.add(i * V::LANES));
        let (a, b) = (at(0), at(1));
        keep(&|to| a.where_above(b, at(2), at(3)).store(to));
        let bits = a.nonzero();
        let lanes: Vec<T> = (0..V::LANES).map(|i| T::from_f64(f64::from(bits >> i & 1))).collect();
        assert_eq!(u64::from(bits) >> V::LANES, 0, "a bit of no lane");
        keep(&|to| to.copy_from_nonoverlapping(lanes.as_ptr(), V::LANES));
        for pair in [a.unzip(b), a.zip(b)] {
            keep(&|to| {
                pair[0].store(to);
                pair[1].store(to.add(V::LANES));
            });
        }
        for count in 0..=V::LANES {
            keep(&|to| V::load_first(from, count).store(to));
            keep(&|to| b.store_first(to, count));
        }
    }
    results
}

/// What they should do.
fn wanted<T: Scalar>(numbers: &[T], lanes: usize) -> Vec<Vec<T>> {
    let above = |i: usize| {
        let (a, b) = (numbers[i], numbers[lanes + i]);
        a > b || (a.is_nan() && !b.is_nan())
    };
    let both = &numbers[..2 * lanes];
    let filled = |mut line: Vec<T>| {
        line.resize(2 * lanes, T::ZERO);
        line
    };
    let chosen = |i: usize| numbers[if above(i) { 2 } else { 3 } * lanes + i];
    let mut results = vec![filled((0..lanes).map(chosen).collect())];
    let nonzero = |x: &T| T::from_f64(if *x == T::ZERO { 0.0 } else { 1.0 });
    results.push(filled(both[..lanes].iter().map(nonzero).collect()));
    let every_other = |odd: usize| both.iter().copied().skip(odd).step_by(2);
    results.push(every_other(0).chain(every_other(1)).collect());
    results.push((0..lanes).flat_map(|i| [both[i], both[lanes + i]]).collect());
    for count in 0..=lanes {
        results.push(filled(both[..count].to_vec()));
        results.push(filled(both[lanes..lanes + count].to_vec()));
    }
    results
}

struct DoTheSame;

impl Check for DoTheSame {
    fn check<T: Scalar, V: Vector<T>>(&self) {
        for round in 0..50_usize {
            // Ties, NaN and zeros of both signs, in many places.
            let number = |i: usize| match (i * 7 + round * i * i) % 5 {
                0 => T::from_f64(f64::NAN),
                1 => T::from_f64(0.0),
                2 => T::from_f64(-0.0),
                k => T::from_f64(k as f64),
            };
            let numbers: Vec<T> = (0..4 * V::LANES).map(number).collect();
            // As text, in which NaN equals NaN.
            let got = format!("{:?}", of_all::<T, V>(&numbers));
            assert_eq!(got, format!("{:?}", wanted(&numbers, V::LANES)), "round {round}");
        }
    }
}

#[test]
fn registers_of_all_instruction_sets_do_the_same() {
    check_all(&DoTheSame);
}
