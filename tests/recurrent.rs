//! Recurrent layers against their formulas, written out number by number.

use approx::assert_relative_eq;
use gradtape::prelude::*;

const BATCH: usize = 2;
const TIME: usize = 4;
const FEATURES: usize = 3;
const UNITS: usize = 2;

fn input() -> Tensor<f64> {
    Tensor::from_fn([BATCH, TIME, FEATURES], |i| (i as f64 * 0.9).sin())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Parameters of a layer, by name.
struct Weights(Params<f64>);

impl Weights {
    fn of(&self, name: &str) -> &[f64] {
        let id = self.0.find(&format!("layer/{name}")).unwrap_or_else(|| panic!("no {name}"));
        self.0.values(id)
    }

    /// `Σ x w[.., column] + b[column]`
    fn sum(&self, x: &[f64], kernel: &str, bias: Option<&str>, column: usize) -> f64 {
        let w = self.of(kernel);
        let width = w.len() / x.len();
        let sum: f64 = x.iter().enumerate().map(|(row, x)| x * w[row * width + column]).sum();
        sum + bias.map_or(0.0, |bias| self.of(bias)[column])
    }
}

/// Compares a layer's outputs, all and the last one, with a step that changes `h` and `c`.
fn compare(
    build: impl Fn(&mut Params<f64>, bool) -> Box<dyn Layer>,
    step: impl Fn(&Weights, &[f64], &mut Vec<f64>, &mut Vec<f64>),
) {
    for sequences in [true, false] {
        let mut params = Params::<f64>::new(Seed(0));
        let layer = build(&mut params, sequences);
        params.flat_mut().iter_mut().enumerate().for_each(|(i, w)| *w = (i as f64 * 1.1).cos());
        let tape = Tape::inference(&params);
        let y = tape.value(layer.forward(tape.input(&input())));
        drop(tape);

        let weights = Weights(params);
        let mut want = Vec::new();
        for example in input().data().chunks(TIME * FEATURES) {
            let (mut h, mut c) = (vec![0.0; UNITS], vec![0.0; UNITS]);
            for (time, x) in example.chunks(FEATURES).enumerate() {
                step(&weights, x, &mut h, &mut c);
                if sequences || time == TIME - 1 {
                    want.extend_from_slice(&h);
                }
            }
        }
        let shape =
            if sequences { Shape::from([BATCH, TIME, UNITS]) } else { [BATCH, UNITS].into() };
        assert_eq!(*y.shape(), shape);
        assert_relative_eq!(y.data(), &want[..], max_relative = 1e-12);
    }
}

macro_rules! built {
    ($layer:ident) => {
        |params, sequences| {
            let layer = $layer::new(FEATURES, UNITS);
            let layer = if sequences { layer.return_sequences() } else { layer };
            Box::new(layer.build(params, "layer"))
        }
    };
}

#[test]
fn the_simple_layer_follows_its_formula() {
    compare(built!(Recurrent), |weights, x, h, _| {
        let next = |i: usize| {
            let input = weights.sum(x, "kernel", Some("bias"), i);
            (input + weights.sum(h, "recurrent_kernel", None, i)).tanh()
        };
        *h = (0..UNITS).map(next).collect();
    });
}

#[test]
fn the_gated_recurrent_unit_follows_its_formula() {
    compare(built!(Gru), |weights, x, h, _| {
        let next = |i: usize| {
            let part = |gate: usize| {
                let column = gate * UNITS + i;
                let recurrent = weights.sum(h, "recurrent_kernel", Some("recurrent_bias"), column);
                (weights.sum(x, "kernel", Some("bias"), column), recurrent)
            };
            let [(r, from_r), (z, from_z), (n, from_n)] = [part(0), part(1), part(2)];
            let (r, z) = (sigmoid(r + from_r), sigmoid(z + from_z));
            (1.0 - z) * (n + r * from_n).tanh() + z * h[i]
        };
        *h = (0..UNITS).map(next).collect();
    });
}

#[test]
fn the_long_short_term_memory_follows_its_formula() {
    compare(built!(Lstm), |weights, x, h, c| {
        let next = |i: usize| {
            let part = |gate: usize| {
                let column = gate * UNITS + i;
                weights.sum(x, "kernel", Some("bias"), column)
                    + weights.sum(h, "recurrent_kernel", None, column)
            };
            let cell = sigmoid(part(1)) * c[i] + sigmoid(part(0)) * part(2).tanh();
            (sigmoid(part(3)) * cell.tanh(), cell)
        };
        (*h, *c) = (0..UNITS).map(next).unzip();
    });
}

#[test]
fn a_memory_is_open_at_first() {
    let mut params = Params::<f64>::new(Seed(0));
    let lstm = Lstm::new(3, 2).build(&mut params, "lstm");
    assert_eq!(params.values(lstm.bias()), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_step_from_a_given_state_goes_on_where_the_sequence_ended() {
    let mut params = Params::<f64>::new(Seed(0));
    let lstm = Lstm::new(FEATURES, UNITS).build(&mut params, "lstm");
    let tape = Tape::inference(&params);
    let x = tape.input(&input());
    let at = |time: usize| x.slice(1, time..time + 1).reshape([BATCH, FEATURES]);
    let mut state = [tape.input(&Tensor::zeros([BATCH, UNITS])); 2];
    for time in 0..TIME {
        state = lstm.step(at(time), state);
    }
    assert_eq!(tape.value(state[0]), tape.value(lstm.forward(x)));
}

#[test]
#[should_panic(expected = "Gru: an input of shape [2, 3], not [batch, time, features]")]
fn an_input_without_time_is_refused() {
    let mut params = Params::<f32>::new(Seed(0));
    let gru = Gru::new(3, 2).build(&mut params, "gru");
    let tape = Tape::inference(&params);
    let _ = gru.forward(tape.input(&Tensor::zeros([2, 3])));
}

#[test]
fn padding_leaves_the_state_as_it_is() {
    /// Outputs of sequences of three places and of one, padded behind and in front.
    fn check<L: Layer>(
        build: impl Fn(&mut Params<f64>) -> L,
        masked: impl for<'t> Fn(&L, Var<'t>, Var<'t>) -> Var<'t>,
    ) {
        let mut params = Params::<f64>::new(Seed(7));
        let layer = build(&mut params);
        let tape = Tape::inference(&params);
        let x = input();
        let whole = tape.value(layer.forward(tape.input(&x)));
        let all = tape.input(&Tensor::full([BATCH, TIME], 1.0));
        assert_eq!(tape.value(masked(&layer, tape.input(&x), all)), whole);

        for (front, places) in [(false, 1..4), (true, 0..3), (false, 3..4), (true, 0..1)] {
            let count = places.len();
            let mut padded = Tensor::full([BATCH, TIME, FEATURES], f64::NAN);
            let mut mask = Tensor::zeros([BATCH, TIME]);
            let offset = if front { TIME - count } else { 0 };
            for (row, at) in (0..BATCH).flat_map(|row| (0..count).map(move |at| (row, at))) {
                let from = (row * TIME + places.start + at) * FEATURES;
                let to = (row * TIME + offset + at) * FEATURES;
                let numbers = &x.data()[from..from + FEATURES];
                padded.data_mut()[to..to + FEATURES].copy_from_slice(numbers);
                mask.data_mut()[row * TIME + offset + at] = 1.0;
            }
            let alone = layer.forward(tape.input(&x).slice(1, places.clone()));
            let found = masked(&layer, tape.input(&padded), tape.input(&mask));
            assert_eq!(tape.value(found), tape.value(alone), "{places:?} {front}");
            let slopes = |y: Var<'_>| tape.backward(y.square().sum(..)).flat().to_vec();
            assert_relative_eq!(slopes(found)[..], slopes(alone)[..], max_relative = 1e-12);
        }
    }
    check(
        |params| Recurrent::new(FEATURES, UNITS).build(params, "layer"),
        |layer, x, mask| layer.forward_masked(x, mask),
    );
    check(
        |params| Gru::new(FEATURES, UNITS).build(params, "layer"),
        |layer, x, mask| layer.forward_masked(x, mask),
    );
    check(
        |params| Lstm::new(FEATURES, UNITS).build(params, "layer"),
        |layer, x, mask| layer.forward_masked(x, mask),
    );
}

#[test]
fn biases_are_scaled_by_the_number_of_units() {
    let mut params = Params::<f64>::new(Seed(0));
    let layer = Gru::new(4, 64).bias_init(LinearDefault).build(&mut params, "layer");
    let largest = params.values(layer.bias()).iter().fold(0.0_f64, |max, b| max.max(b.abs()));
    assert!((0.1..=0.125).contains(&largest), "up to 1/√64, not {largest}");
}
