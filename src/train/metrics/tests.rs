use super::*;
use crate::seed::Seed;
use crate::tensor::Indices;

/// Numbers that look random, some of them equal.
fn numbers<const N: usize>(examples: usize, seed: u64) -> Tensor<f32> {
    let digit = |i: usize| Seed(seed).derive(i as u64).0 % 7;
    Tensor::from_fn([examples, N], |i| digit(i) as f32 - 3.0)
}

fn labels(examples: usize, classes: u32) -> Indices {
    let label = |i: usize| (Seed(9).derive(i as u64).0 % u64::from(classes)) as u32;
    Indices::from((0..examples).map(label).collect::<Vec<_>>())
}

/// 0 and 1 in the shape of predictions of one number.
fn truths(examples: usize) -> Tensor<f32> {
    let labels = labels(examples, 2);
    Tensor::from_fn([examples, 1], |i| labels.data()[i] as f32)
}

const EXAMPLES: usize = 60;

/// Every metric, with predictions and targets of the kind that it measures.
fn all() -> Vec<(Box<dyn Metric>, Tensor<f32>, Owned)> {
    let classes = |metric: Box<dyn Metric>| {
        (metric, numbers::<4>(EXAMPLES, 1), Owned::Labels(labels(EXAMPLES, 4)))
    };
    let binary = |metric: Box<dyn Metric>| {
        (metric, numbers::<1>(EXAMPLES, 2), Owned::Values(truths(EXAMPLES)))
    };
    let real = |metric: Box<dyn Metric>| {
        (metric, numbers::<3>(EXAMPLES, 3), Owned::Values(numbers::<3>(EXAMPLES, 4)))
    };
    vec![
        classes(Box::new(Accuracy)),
        classes(Box::new(TopKAccuracy::new(2))),
        classes(Box::new(Perplexity)),
        classes(Box::new(Precision::of_class(3))),
        classes(Box::new(Precision::macro_averaged())),
        classes(Box::new(Recall::macro_averaged())),
        classes(Box::new(F1::macro_averaged())),
        classes(Box::new(F1::micro_averaged())),
        binary(Box::new(Accuracy)),
        binary(Box::new(Precision::binary())),
        binary(Box::new(Recall::binary())),
        binary(Box::new(F1::binary().threshold(1.0))),
        binary(Box::new(Auc)),
        real(Box::new(MeanSquaredError)),
        real(Box::new(MeanAbsoluteError)),
        real(Box::new(R2)),
    ]
}

enum Owned {
    Labels(Indices),
    Values(Tensor<f32>),
}

impl Owned {
    fn target(&self) -> Target<'_> {
        match self {
            Owned::Labels(labels) => Target::Labels(labels),
            Owned::Values(values) => Target::Values(values),
        }
    }

    /// The targets of these examples, in this order.
    fn rows(&self, order: &[usize]) -> Owned {
        match self {
            Owned::Labels(labels) => Owned::Labels(
                order.iter().map(|&row| labels.data()[row]).collect::<Vec<_>>().into(),
            ),
            Owned::Values(values) => Owned::Values(rows(values, order)),
        }
    }
}

/// These examples of a tensor, in this order.
fn rows(x: &Tensor<f32>, order: &[usize]) -> Tensor<f32> {
    let width = x.shape()[1];
    Tensor::from_fn([order.len(), width], |i| x.data()[order[i / width] * width + i % width])
}

#[test]
fn batches_cut_differently_give_the_same_bits() {
    for (metric, predicted, target) in all() {
        let whole = metric.measure(&Predictions::new(&predicted, target.target())).unwrap();
        assert!(whole.is_finite(), "{}", metric.name());
        for size in [1, 7, 59] {
            let mut sums = Vec::new();
            for order in (0..EXAMPLES).collect::<Vec<_>>().chunks(size) {
                let (predicted, target) = (rows(&predicted, order), target.rows(order));
                metric.add(&mut sums, &Predictions::new(&predicted, target.target())).unwrap();
            }
            assert_eq!(metric.value(&sums), whole, "{} in batches of {size}", metric.name());
        }
    }
}

#[test]
fn a_weight_of_two_counts_as_two_examples_and_one_of_zero_as_none() {
    for (metric, predicted, target) in all() {
        let weights: Vec<f32> = (0..EXAMPLES).map(|i| (i % 3) as f32).collect();
        let weighted = Predictions::new(&predicted, target.target()).weighted(&weights);
        let weighted = metric.measure(&weighted).unwrap();

        let order: Vec<_> = (0..EXAMPLES).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
        let (predicted, target) = (rows(&predicted, &order), target.rows(&order));
        let repeated = metric.measure(&Predictions::new(&predicted, target.target())).unwrap();
        assert!((weighted - repeated).abs() < 1e-12, "{}: {weighted} {repeated}", metric.name());
    }
}

#[test]
fn a_prediction_that_is_not_a_number_spoils_the_metric() {
    for (metric, mut predicted, target) in all() {
        // The example is of class 3, the only one that one of the metrics looks at.
        let at = (0..EXAMPLES).find(|&i| labels(EXAMPLES, 4).data()[i] == 3).unwrap();
        let width = predicted.shape()[1];
        predicted.data_mut()[at * width] = f32::NAN;
        let value = metric.measure(&Predictions::new(&predicted, target.target())).unwrap();
        let spared = metric.name() == "recall" && labels(EXAMPLES, 2).data()[at] == 0;
        assert!(value.is_nan() || spared, "{}", metric.name());
    }
}

#[test]
fn no_examples_have_no_metric() {
    for (metric, predicted, target) in all() {
        assert!(metric.value(&[]).is_nan(), "{}", metric.name());
        let (predicted, target) = (rows(&predicted, &[]), target.rows(&[]));
        let value = metric.measure(&Predictions::new(&predicted, target.target())).unwrap();
        assert!(value.is_nan(), "{}", metric.name());
    }
}

#[test]
fn targets_of_the_wrong_kind_are_errors() {
    let (scores, single) = (numbers::<3>(2, 1), numbers::<1>(2, 1));
    let (labels, three) = (Indices::from([0, 2]), Indices::from([0, 1, 2]));
    let values = Tensor::from([1.0, 0.0]);
    let cases: [(&dyn Metric, &Tensor<f32>, Target<'_>, &str); 11] = [
        (
            &Accuracy,
            &scores,
            (&three).into(),
            "accuracy: expected a label for each row of predictions of shape [2, 3], found labels of shape [3]",
        ),
        (
            &Accuracy,
            &scores,
            (&values).into(),
            "accuracy: expected targets of the predictions' shape [2, 3], found shape [2]",
        ),
        (
            &Accuracy,
            &single,
            (&labels).into(),
            "accuracy: expected labels of 2 classes, counted from 0, found 2",
        ),
        (
            &Perplexity,
            &scores,
            (&values).into(),
            "perplexity: expected labels of classes, found numbers",
        ),
        (
            &Perplexity,
            &numbers::<2>(2, 1),
            (&labels).into(),
            "perplexity: expected labels of 2 classes, counted from 0, found 2",
        ),
        (
            &TopKAccuracy::new(2),
            &scores,
            (&values).into(),
            "top-k accuracy: expected labels of classes, found numbers",
        ),
        (&Auc, &scores, (&labels).into(), "auc: expected two classes, found 3"),
        (&F1::of_class(3), &scores, (&labels).into(), "f1: expected one of 3 classes, found 3"),
        (
            &R2,
            &scores,
            (&labels).into(),
            "r2: expected numbers as targets, found labels of classes",
        ),
        (
            &MeanSquaredError,
            &single,
            (&values).into(),
            "mean_squared_error: expected targets of the predictions' shape [2, 1], found shape [2]",
        ),
        (
            &MeanAbsoluteError,
            &scores,
            (&labels).into(),
            "mean_absolute_error: expected numbers as targets, found labels of classes",
        ),
    ];
    for (metric, predicted, target, message) in cases {
        let error = metric.measure(&Predictions::new(predicted, target)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let few = Predictions::new(&scores, &labels).weighted(&[1.0]);
    assert_eq!(
        Accuracy.measure(&few).unwrap_err().to_string(),
        "accuracy: expected a weight for each of 2 examples, found 1 weights"
    );
}

#[test]
fn single_scores_take_labels_too() {
    let (scores, truth) = (numbers::<1>(EXAMPLES, 2), truths(EXAMPLES));
    let labels = labels(EXAMPLES, 2);
    let pairs = Tensor::from_fn([EXAMPLES, 2], |i| scores.data()[i / 2] * (i % 2) as f32);
    let metrics: [&dyn Metric; 3] = [&Accuracy, &F1::binary(), &Auc];
    for metric in metrics {
        let of_numbers = metric.measure(&Predictions::new(&scores, &truth)).unwrap();
        let of_labels = metric.measure(&Predictions::new(&scores, &labels)).unwrap();
        let of_pairs = metric.measure(&Predictions::new(&pairs, &labels)).unwrap();
        assert_eq!((of_labels, of_pairs), (of_numbers, of_numbers), "{}", metric.name());
    }
}

#[test]
fn all_labels_of_an_example_have_its_weight() {
    let logits = Tensor::from_fn([2, 3, 2], |i| (i % 2) as f32);
    let labels = Indices::new([2, 3], vec![1, 1, 0, 0, 0, 1]).unwrap();
    let predictions = Predictions::new(&logits, &labels).weighted(&[3.0, 1.0]);
    // Always class 1: right at two of three places that count three times, and at one of three.
    assert_eq!(Accuracy.measure(&predictions).unwrap(), (2.0 * 3.0 + 1.0) / 12.0);
}

#[test]
fn the_confusion_matrix_counts_by_hand() {
    // Of class 0: one right, one taken for 2. Of class 1: two right. Of class 2: one taken for 0.
    let predicted = [0, 2, 1, 1, 0];
    let logits = Tensor::from_fn([5, 4], |i| f32::from(predicted[i / 4] == i % 4));
    let matrix = ConfusionMatrix::of(&logits, &Indices::from([0, 0, 1, 1, 2])).unwrap();
    assert_eq!(matrix.classes(), 4);
    assert_eq!((matrix.count(0, 0), matrix.count(0, 2), matrix.count(2, 0)), (1.0, 1.0, 1.0));
    assert_eq!((matrix.total(), matrix.accuracy()), (5.0, 0.6));
    let of_class = |class| (matrix.precision(class), matrix.recall(class), matrix.f1(class));
    assert_eq!(of_class(0), (0.5, 0.5, 0.5));
    assert_eq!(of_class(1), (1.0, 1.0, 1.0));
    assert_eq!(of_class(2), (0.0, 0.0, 0.0));
    assert!(matrix.precision(3).is_nan() && matrix.recall(3).is_nan() && matrix.f1(3).is_nan());

    let macro_f1 = F1::macro_averaged().of(&logits, &Indices::from([0, 0, 1, 1, 2])).unwrap();
    assert_eq!(macro_f1, 0.5, "class 3 does not occur");
}

#[test]
fn the_confusion_matrix_prints_as_a_table() {
    let logits = Tensor::from([[2.0, 0.5], [0.1, 0.3], [1.0, 3.0], [0.0, -1.0]]);
    let matrix = ConfusionMatrix::of(&logits, &Indices::from([0, 1, 1, 1])).unwrap();
    let table = [
        "actual \\ predicted       0       1  recall",
        "                 0       1       0   1.000",
        "                 1       1       2   0.667",
        "         precision   0.500   1.000   0.750",
    ];
    assert!(matrix.to_string().lines().eq(table), "{matrix}");
}

#[test]
fn a_confusion_matrix_keeps_its_number_of_classes() {
    let mut matrix = ConfusionMatrix::of(&numbers::<3>(4, 1), &labels(4, 3)).unwrap();
    let json = serde_json::to_string(&matrix).unwrap();
    assert_eq!(serde_json::from_str::<ConfusionMatrix>(&json).unwrap(), matrix);
    assert!(serde_json::from_str::<ConfusionMatrix>("[1.0, 2.0]").is_err());
    let (predicted, labels) = (numbers::<2>(4, 1), labels(4, 2));
    let error = matrix.add(&Predictions::new(&predicted, &labels)).unwrap_err();
    assert_eq!(error.to_string(), "confusion matrix: expected 3 classes as before, found 2");
    assert_eq!(matrix.total(), 4.0);
}

#[test]
fn micro_averages_equal_the_accuracy() {
    let (logits, labels) = (numbers::<4>(EXAMPLES, 1), labels(EXAMPLES, 4));
    let accuracy = Accuracy.of(&logits, &labels).unwrap();
    assert_eq!(Precision::micro_averaged().of(&logits, &labels).unwrap(), accuracy);
    assert_eq!(Recall::micro_averaged().of(&logits, &labels).unwrap(), accuracy);
    assert_eq!(TopKAccuracy::new(1).of(&logits, &labels).unwrap(), accuracy);
    assert_eq!(TopKAccuracy::new(4).of(&logits, &labels).unwrap(), 1.0);
}

#[test]
fn the_area_is_that_of_all_pairs() {
    let (scores, truth) = (numbers::<1>(EXAMPLES, 2), truths(EXAMPLES));
    let weights: Vec<f32> = (0..EXAMPLES).map(|i| 0.5 + (i % 4) as f32).collect();
    let (mut area, mut pairs) = (0.0, 0.0);
    for i in (0..EXAMPLES).filter(|&i| truth.data()[i] == 1.0) {
        for j in (0..EXAMPLES).filter(|&j| truth.data()[j] == 0.0) {
            let (a, b) = (scores.data()[i], scores.data()[j]);
            let weight = f64::from(weights[i] * weights[j]);
            area += weight * if a == b { 0.5 } else { f64::from(a > b) };
            pairs += weight;
        }
    }
    let predictions = Predictions::new(&scores, &truth).weighted(&weights);
    let auc = Auc.measure(&predictions).unwrap();
    assert!((auc - area / pairs).abs() < 1e-12, "{auc}");
    assert!(auc != 0.5);
}

#[test]
fn the_area_has_the_symmetries_of_ranks() {
    let (scores, truth) = (numbers::<1>(EXAMPLES, 2), truths(EXAMPLES));
    let auc = |f: fn(f32) -> f32| {
        let scores = Tensor::from_fn(scores.shape(), |i| f(scores.data()[i]));
        Auc.of(&scores, &truth).unwrap()
    };
    assert_eq!(auc(|_| 0.3), 0.5, "constant scores say nothing");
    assert_eq!(auc(f32::exp), auc(|x| x), "only the order counts");
    assert!((auc(|x| -x) - (1.0 - auc(|x| x))).abs() < 1e-12);
    assert_eq!(
        auc(|x| if x > 0.0 { 0.0 } else { -0.0 }),
        0.5,
        "zeros are equal whatever their sign"
    );
    assert_eq!(Auc.of(&truth, &truth).unwrap(), 1.0);
    assert!(Auc.of(&scores, &Tensor::zeros([EXAMPLES, 1])).unwrap().is_nan());
}

#[test]
fn the_mean_explains_no_variance_however_large_it_is() {
    let target = Tensor::from([[1e6_f32, 1.0], [1e6 + 1.0, 2.0], [1e6 + 2.0, 6.0]]);
    let mean = Tensor::from([[1e6 + 1.0, 3.0], [1e6 + 1.0, 3.0], [1e6 + 1.0, 3.0]]);
    assert!(R2.of(&mean, &target).unwrap().abs() < 1e-12);
    assert_eq!(R2.of(&target, &target).unwrap(), 1.0);
    assert!(R2.of(&target, &mean).unwrap().is_nan());
    // The outputs' own: 1 - 3 / 2 and 1 - 3 / 14.
    let off = Tensor::from_fn([3, 2], |i| target.data()[i] + 1.0);
    let expected = 0.5 * ((1.0 - 3.0 / 2.0) + (1.0 - 3.0 / 14.0));
    assert!((R2.of(&off, &target).unwrap() - expected).abs() < 1e-12);
}

#[test]
fn perplexity_is_finite_for_large_logits() {
    let logits = Tensor::from([[1e4, 0.0], [0.0, -1e4]]);
    assert_eq!(Perplexity.of(&logits, &Indices::from([0, 0])).unwrap(), 1.0);
    let logits = Tensor::from([[2.0_f32.ln(), 0.0], [0.0, 0.0]]);
    let expected = (0.5 * (3.0_f64.ln() + 2.0_f64.ln())).exp();
    let value = Perplexity.of(&logits, &Indices::from([1, 0])).unwrap();
    assert!((value - expected).abs() < 1e-6, "{value} {expected}");
}

#[test]
fn nothing_is_better_than_itself_and_nan_is_worst() {
    for direction in [Direction::Lower, Direction::Higher] {
        assert!(!direction.better(0.5, 0.5, 0.0));
        assert!(direction.better(0.5, f64::NAN, 0.0));
        assert!(!direction.better(f64::NAN, f64::NAN, 0.0));
        assert!(direction.better(0.5, direction.worst(), 0.0));
    }
}

#[test]
fn one_class_is_no_classification() {
    for shape in [&[4][..], &[4, 1], &[]] {
        let numbers = Tensor::full(shape, 1.0);
        let error = CategoricalAccuracy.of(&numbers, &numbers).unwrap_err().to_string();
        assert!(error.contains("several classes along the last axis"), "{error}");
    }
}
