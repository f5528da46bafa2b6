use super::*;

/// Examples of two numbers: `[10 * row, 10 * row + 1]`, labelled by the row.
fn numbered(examples: u32) -> Dataset {
    let x = Tensor::from_fn([examples as usize, 2, 1], |i| (i / 2 * 10 + i % 2) as f32);
    Dataset::new(x, Indices::from((0..examples).collect::<Vec<_>>())).unwrap()
}

#[test]
fn examples_and_labels_must_match() {
    let cases: [(Tensor<f32>, Indices, &str); 3] = [
        (
            Tensor::zeros([3, 2]),
            Indices::from([0, 1]),
            "y: expected a row for each of 3 examples, found 2 rows",
        ),
        (
            Tensor::zeros([2, 2]),
            Indices::new([], vec![0]).unwrap(),
            "y: expected a first axis that counts examples, found a scalar",
        ),
        (
            Tensor::scalar(1.0),
            Indices::from([0]),
            "x: expected a first axis that counts examples, found a scalar",
        ),
    ];
    for (x, y, message) in cases {
        assert_eq!(Dataset::new(x, y).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_batch_takes_any_range() {
    let data = numbered(4);
    let middle = [10.0, 11.0, 20.0, 21.0];
    assert_eq!(data.batch(1..3).x.data(), middle);
    assert_eq!(data.batch(1..=2).x.data(), middle);
    assert_eq!(data.batch(1..3).y, Indices::from([1, 2]));
    assert_eq!(data.batch(2..2).len(), 0);
    assert_eq!(data.batch(..=0).y, Indices::from([0]));
    assert_eq!(data.batch(..).x.data().as_ptr(), data.x().data().as_ptr(), "not copied");
}

#[test]
#[should_panic(expected = "batch: rows 2..5 of a data set of 4 examples")]
fn a_batch_beyond_the_end_panics() {
    let _ = numbered(4).batch(2..5);
}

#[test]
#[should_panic(expected = "batch: rows 3..2 of a data set of 4 examples")]
#[expect(clippy::reversed_empty_ranges, reason = "the mistake that is tested")]
fn a_reversed_batch_panics() {
    let _ = numbered(4).batch(3..2);
}

#[test]
fn flattening_keeps_the_numbers_and_shares_them() {
    let data = numbered(4);
    let flat = data.flatten();
    assert_eq!(*flat.x().shape(), [4, 2].into());
    assert_eq!(flat.x().data().as_ptr(), data.x().data().as_ptr());
    assert_eq!(*flat.flatten().x().shape(), [4, 2].into());

    let scalars = Dataset::new(Tensor::zeros([3]), Indices::from([0, 0, 0])).unwrap();
    assert_eq!(*scalars.flatten().x().shape(), [3, 1].into());
    let none = Dataset::new(Tensor::zeros([0, 28, 28]), Indices::from([])).unwrap();
    assert_eq!(*none.flatten().x().shape(), [0, 784].into());
}

#[test]
fn shuffling_moves_examples_with_their_labels() {
    let data = numbered(100);
    let shuffled = data.shuffled(Seed(1));
    assert_ne!(shuffled, data);
    assert_eq!(shuffled, data.shuffled(Seed(1)));
    assert_ne!(shuffled, data.shuffled(Seed(2)));
    for (x, &y) in shuffled.x().data().chunks(2).zip(shuffled.y().data()) {
        assert_eq!(x[0], 10.0 * y as f32);
    }
    let mut labels = shuffled.y().data().to_vec();
    labels.sort_unstable();
    assert_eq!(labels, data.y().data());
}
