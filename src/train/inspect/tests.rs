use super::*;
use crate::layers::{Dense, Layer};
use crate::params::Parameter;
use crate::seed::Seed;

#[test]
fn a_watched_value_is_seen_with_the_gradient_of_the_loss() {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([1.0, -2.0, 3.0]));
    let tape = Tape::training(&params, Seed(0));
    let squares = tape.param(w).square().watch("squares");
    let unused = (2.0 * squares).watch("unused");
    let loss = (0.5 * squares.square()).sum(..);
    let inspection = Inspection::of(&tape, loss);

    let names: Vec<&str> = inspection.rows().iter().map(|row| &row.name[..]).collect();
    assert_eq!(names, ["squares", "unused"]);
    let row = &inspection.rows()[0];
    assert_eq!(row.shape, [3].into());
    // The loss is half the squares' squares: its gradient is the squares themselves.
    assert_eq!(row.values, Summary::of(&[1.0, 4.0, 9.0]));
    assert_eq!(row.gradient, Some(row.values.clone()));
    assert_eq!((row.saturated, row.dead), (None, None));
    let gradient = inspection.rows()[1].gradient.as_ref().unwrap();
    assert_eq!((gradient.smallest, gradient.largest, gradient.zeros), (0.0, 0.0, 1.0));

    let of_values = Inspection::of_values(&tape);
    assert_eq!(of_values.rows()[1].values, Summary::of(tape.value(unused).data()));
    assert_eq!(of_values.rows()[0].gradient, None);
}

#[test]
fn a_summary_is_right_by_hand() {
    let summary = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
    assert_eq!((summary.mean, summary.deviation), (5.0, 2.0));
    let summary = Summary::of(&[f32::NAN, f32::INFINITY]);
    assert!(summary.mean.is_nan() && summary.deviation.is_nan() && summary.smallest.is_nan());
    assert_eq!((summary.non_finite, summary.count), (2, 2));
    assert_eq!(summary.histogram.counts(), [0; Summary::BINS]);
}

#[test]
fn every_finite_number_is_in_one_bin() {
    let cases: [&[f64]; 5] = [
        &[3.0, 3.0, 3.0],
        &[f64::MAX, f64::MIN, 0.0],
        &[-1.0, 1.0, f64::NAN, f64::INFINITY],
        &[1e-300, 2e-300, 3e-300],
        &[],
    ];
    for numbers in cases {
        let histogram = Histogram::of(numbers, 3);
        let finite = numbers.iter().filter(|x| x.is_finite()).count() as u64;
        assert_eq!(histogram.counts().iter().sum::<u64>(), finite, "{numbers:?}");
        assert_eq!(histogram.edges().count(), 4);
        assert_eq!(histogram.to_string().chars().count(), 3);
    }
    assert_eq!(Histogram::of(&[0.0, 1.0, 2.0, 3.0], 4).counts(), [1, 1, 1, 1]);
    assert_eq!(Histogram::of(&[7.0, 7.0], 3).counts(), [0, 2, 0]);
}

#[test]
fn dead_units_and_saturated_ones_are_counted() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    // The second unit of four is negative for all examples, the third for one of them.
    let x = tape.input(&Tensor::from([[1.0, -1.0, -3.0, 2.0], [5.0, -2.0, 4.0, 0.5]]));
    let _ = x.relu().watch("relu");
    let _ = x.tanh().watch("tanh");
    let _ = x.sigmoid().watch("sigmoid");
    let rows = Inspection::of_values(&tape).rows;
    assert_eq!((rows[0].dead, rows[0].saturated), (Some(0.25), None));
    // |tanh x| > 0.975 from |x| = 2.18 on, 4 σ(x) (1 - σ(x)) < 0.05 from |x| = 4.36 on.
    assert_eq!((rows[1].dead, rows[1].saturated), (None, Some(3.0 / 8.0)));
    assert_eq!(rows[2].saturated, Some(1.0 / 8.0));

    // Of images, a unit is a channel: here the first of two lives at one place of one image.
    let x = Tensor::from_fn([2, 2, 2, 2], |i| if i == 3 { 1.0 } else { -1.0 });
    let tape = Tape::inference(&params);
    let _ = tape.input(&x).relu().watch("channels");
    assert_eq!(Inspection::of_values(&tape).rows[0].dead, Some(0.5));
}

#[test]
fn watching_changes_neither_values_nor_gradients() {
    let mut params = Params::<f32>::new(Seed(3));
    let layer = Dense::new(3, 2).build(&mut params, "layer");
    let x = Tensor::from([[0.5, -1.0, 2.0]]);
    let gradients = |watched: bool| {
        let tape = Tape::training(&params, Seed(0));
        let y = layer.forward(tape.input(&x)).tanh();
        let y = if watched { y.watch("y") } else { y };
        tape.backward(y.square().sum(..)).flat().to_vec()
    };
    assert_eq!(gradients(true), gradients(false));
    assert_eq!(gradients(false), gradients(true));
}

#[test]
fn parameters_are_seen_with_their_gradients() {
    let mut params = Params::<f32>::new(Seed(3));
    params.add_tensor("w", &Tensor::from([3.0, 4.0]));
    params.add(Parameter::new("frozen", [1]).frozen());
    params.add(Parameter::new("statistics", [1]).role(Role::State));
    let gradients = Gradients::new(&params, vec![1.0, -1.0, 0.0, 0.0], 0.0);
    let rows = Inspection::of_params(&params, &gradients).rows;
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].values.mean, rows[0].gradient.as_ref().unwrap().mean), (3.5, 0.0));
    assert_eq!(rows[1].gradient, None);
}

#[test]
fn updates_compare_norms() {
    let mut params = Params::<f64>::new(Seed(3));
    params.add_tensor("w", &Tensor::from([3.0, 4.0]));
    params.add_tensor("zero", &Tensor::from([0.0]));
    params.add_tensor("still", &Tensor::from([0.0]));
    let before = params.flat().to_vec();
    params.flat_mut().copy_from_slice(&[3.0, 4.5, 1.0, 0.0]);
    let updates = Updates::between(&before, &params);
    let ratios: Vec<f64> = updates.rows().iter().map(|row| row.ratio).collect();
    assert_eq!(ratios, [0.1, f64::INFINITY, 0.0]);
    assert_eq!((updates.rows()[0].weights, updates.rows()[0].step), (5.0, 0.5));
    assert!(
        updates.to_string().contains("w              5.0e0     5.0e-1     1.0e-1"),
        "{updates}"
    );
}

#[test]
#[should_panic(expected = "updates: the parameters had 1 values, and now have 2")]
fn updates_of_other_parameters_panic() {
    let mut params = Params::<f64>::new(Seed(3));
    params.add_tensor("w", &Tensor::from([3.0, 4.0]));
    let _ = Updates::between(&[0.0], &params);
}

#[test]
fn units_are_columns_of_the_kernel() {
    let mut params = Params::<f32>::new(Seed(0));
    // Two units over images of 1 × 2.
    let kernel = params.add_tensor("kernel", &Tensor::from([[1.0, 4.0], [-1.0, 2.0]]));
    let picture = Picture::of_units(&params, kernel, [1, 2]).unwrap();
    assert_eq!((picture.width(), picture.height(), picture.channels()), (7, 3, 1));
    // The first is scaled around mid grey, the second, without negative numbers, from black.
    assert_eq!(picture.pixels()[7..14], [0, 255, 0, 0, 255, 128, 0]);
    assert_eq!(
        Picture::of_units(&params, kernel, [3, 1]).unwrap_err().to_string(),
        "picture: expected a kernel [3, units], found shape [2, 2]"
    );
}

#[test]
fn filters_of_three_channels_are_in_colour() {
    let mut params = Params::<f32>::new(Seed(0));
    let red = Tensor::from_fn([1, 3, 1, 1], |channel| f32::from(channel == 0));
    let kernel = params.add_tensor("kernel", &red);
    let picture = Picture::of_filters(&params, kernel).unwrap();
    assert_eq!((picture.width(), picture.height(), picture.channels()), (3, 3, 3));
    assert_eq!(picture.pixels()[4 * 3..5 * 3], [255, 0, 0]);
    assert!(picture.to_pnm().starts_with(b"P6\n3 3\n255\n"));

    let larger = picture.enlarged(2);
    assert_eq!((larger.width(), larger.height()), (6, 6));
    assert_eq!(larger.pixels().len(), 6 * 6 * 3);
    assert_eq!(larger.pixels()[(2 * 6 + 2) * 3..(2 * 6 + 4) * 3], [255, 0, 0, 255, 0, 0]);
    assert_eq!(larger.pixels()[(3 * 6 + 2) * 3..(3 * 6 + 4) * 3], [255, 0, 0, 255, 0, 0]);
}

#[test]
fn what_is_no_picture_is_an_error() {
    assert!(Picture::of_images(&Tensor::zeros([3, 4])).is_err());
    assert!(Picture::of_images(&Tensor::zeros([0, 4, 4])).is_err());
    let black = Picture::of_images(&Tensor::zeros([1, 1, 1])).unwrap();
    assert_eq!(black.pixels(), [0; 9]);
    assert!(Picture::of_images(&Tensor::full([1, 1, 1], f32::NAN)).is_ok());
    let error = black.write("weights.jpg").unwrap_err().to_string();
    assert_eq!(
        error,
        "picture: expected a path that ends in png, pgm, ppm or pnm, found weights.jpg"
    );
}
