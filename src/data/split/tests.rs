use super::*;
use crate::tensor::Tensor;

/// Examples of two numbers: `[10 * row, 10 * row + 1]`, labelled by the row.
fn numbered(examples: u32) -> Dataset {
    let x = Tensor::from_fn([examples as usize, 2, 1], |i| (i / 2 * 10 + i % 2) as f32);
    Dataset::new(x, Indices::from((0..examples).collect::<Vec<_>>())).unwrap()
}

#[test]
fn a_split_is_by_position() {
    let data = numbered(5);
    for examples in 0..=5 {
        let (first, rest) = data.split_at(examples).unwrap();
        assert_eq!(*first.x().shape(), [examples, 2, 1].into());
        assert_eq!(*rest.x().shape(), [5 - examples, 2, 1].into());
        assert_eq!([first.x().data(), rest.x().data()].concat(), data.x().data());
        assert_eq!([first.y().data(), rest.y().data()].concat(), data.y().data());
    }
    assert_eq!(
        data.split_at(6).unwrap_err().to_string(),
        "split_at: expected at most the 5 examples there are, found 6"
    );
}

#[test]
fn taking_more_than_there_is_takes_all() {
    let data = numbered(3);
    assert_eq!(data.take(2).y().data(), [0, 1]);
    assert_eq!(data.take(4), data);
    assert_eq!(data.take(0).len(), 0);
}

#[test]
fn a_subset_is_in_the_order_asked_for() {
    let subset = numbered(5).subset([4, 1, 1]).unwrap();
    assert_eq!(subset.y().data(), [4, 1, 1]);
    assert_eq!(subset.x().data(), [40.0, 41.0, 10.0, 11.0, 10.0, 11.0]);
    let error = numbered(5).subset([4, 5]).unwrap_err();
    assert_eq!(error.to_string(), "subset: expected rows of a data set of 5 examples, found row 5");
}

#[test]
fn mapping_keeps_the_labels() {
    let data = numbered(3);
    let mapped = data.map_x(|x| Tensor::from_fn([3], |i| x.data()[2 * i]));
    assert_eq!((mapped.x().data(), mapped.y()), (&[0.0, 10.0, 20.0][..], data.y()));
}

#[test]
#[should_panic(expected = "map_x of 3 examples: y: expected a row for each of 2 examples")]
fn mapping_to_another_number_of_examples_panics() {
    let _ = numbered(3).map_x(|_| Tensor::zeros([2, 2]));
}

#[test]
fn each_class_is_split_by_the_same_shares() {
    // Three classes of 7, 61 and 432 examples, in no order.
    let class = |row: u32| if row * 37 % 500 < 7 { 0 } else { u32::from(row * 37 % 500 >= 68) + 1 };
    let x = Tensor::from_fn([500], |row| row as f32);
    let labels = Indices::from((0..500).map(class).collect::<Vec<_>>());
    let data = Dataset::new(x, labels).unwrap();
    let shares = [0.61, 0.29, 0.1];
    let parts = data.split_stratified(&shares, Seed(3)).unwrap();
    for (part, share) in parts.iter().zip(shares) {
        assert!((part.len() as f64 - 500.0 * share).abs() <= 1.0);
        for (class, count) in [(0, 7.0), (1, 61.0), (2, 432.0)] {
            let found = part.y().data().iter().filter(|&&label| label == class).count();
            assert!((found as f64 - count * share).abs() <= 2.0, "{found} of class {class}");
        }
        assert!(part.x().data().is_sorted(), "examples keep their order");
        for (&row, &label) in part.x().data().iter().zip(part.y().data()) {
            assert_eq!(label, class(row as u32));
        }
    }
    let mut rows = parts.iter().flat_map(|part| part.x().data().to_vec()).collect::<Vec<_>>();
    rows.sort_by(f32::total_cmp);
    assert_eq!(rows, data.x().data(), "each example is in one part");

    assert_eq!(data.split_stratified(&shares, Seed(3)).unwrap(), parts);
    assert_ne!(data.split_stratified(&shares, Seed(4)).unwrap(), parts);
}

#[test]
fn shares_that_make_no_sense_are_refused() {
    let data = numbered(4);
    for shares in [[0.5, 0.4], [1.0, 0.0], [1.5, -0.5], [f64::NAN, 0.5]] {
        let error = data.split_stratified(&shares, Seed(0)).unwrap_err().to_string();
        assert!(
            error.starts_with("shares: expected positive numbers of sum 1, found ["),
            "{error}"
        );
    }
    let pairs = Dataset::new(Tensor::zeros([2, 1]), Indices::new([2, 2], vec![0; 4]).unwrap());
    let error = pairs.unwrap().split_stratified(&[1.0], Seed(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "split_stratified: expected one label an example, found labels of shape [2, 2]"
    );
    let none = numbered(0).split_stratified(&[0.5, 0.5], Seed(0)).unwrap();
    assert!(none.iter().all(Dataset::is_empty));
}
