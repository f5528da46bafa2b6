//! Operations of the user's own.

use std::sync::Arc;

use gradtape::prelude::*;
use gradtape::{CustomKernel, CustomOp, apply_kernel};

/// `x / (1 + e⁻ˣ)` with a rule written by hand, which a factor makes wrong.
fn swish(factor: f64) -> CustomOp<1> {
    CustomOp::new(
        "swish",
        |[x]| x * x.sigmoid(),
        move |g, [x], y| {
            let s = x.sigmoid();
            [factor * g * (s + y * (1.0 - s))]
        },
    )
}

fn params() -> (Params<f64>, ParamId) {
    let mut params = Params::new(Seed(3));
    let w = params.add(Parameter::new("w", [3, 4]).init(Normal { mean: 0.0, std: 1.0 }));
    (params, w)
}

#[test]
fn a_right_rule_passes_and_a_wrong_one_does_not() {
    let (params, w) = params();
    let right = swish(1.0);
    gradcheck(&params, |tape| right.apply([tape.param(w)])).unwrap().assert_below(1e-6);
    let wrong = swish(1.001);
    let report = gradcheck(&params, |tape| wrong.apply([tape.param(w)])).unwrap();
    assert!(!report.is_below(1e-6), "{report}");
}

#[test]
fn a_rule_is_used_instead_of_what_the_forward_part_is_made_of() {
    let (params, w) = params();
    let reverse = CustomOp::new("reverse_gradient", |[x]| 1.0 * x, |g, [_], _| [-g]);
    let tape = Tape::training(&params, Seed(0));
    let y = reverse.apply([tape.param(w)]);
    assert_eq!(tape.value(y), params.tensor(w));
    assert!(tape.backward(y.sum(..)).flat().iter().all(|g| *g == -1.0));
    assert!(tape.to_string().contains("reverse_gradient(w, value="), "{tape}");
}

#[test]
fn a_rule_can_be_differentiated_again() {
    let (params, w) = params();
    let op = swish(1.0);
    let second = |custom: bool| {
        let tape = Tape::inference(&params);
        let w = tape.param(w);
        let y = if custom { op.apply([w]) } else { w * w.sigmoid() };
        let slope = tape.gradient(y.square().sum(..), &[w])[0];
        tape.value(tape.gradient(slope.square().sum(..), &[w])[0])
    };
    for (a, b) in second(true).data().iter().zip(second(false).data()) {
        assert!((a - b).abs() < 1e-12);
    }
}

/// The running sum along rows, and its transpose.
struct RunningSum {
    reverse: bool,
}

impl RunningSum {
    fn run<T: Scalar>(&self, inputs: &[(&[T], &Shape)], out: &mut [T]) {
        let (x, shape) = inputs[0];
        let width = shape[shape.rank() - 1];
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let mut sum = T::ZERO;
            for i in 0..width {
                let at = if self.reverse { width - 1 - i } else { i };
                sum += x[at];
                out[at] = sum;
            }
        }
    }
}

impl CustomKernel for RunningSum {
    fn name(&self) -> &'static str {
        "running_sum"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [x] if x.rank() > 0 => Ok((*x).clone()),
            _ => Err("one input with at least one axis is needed".to_string()),
        }
    }

    fn run_f32(&self, inputs: &[(&[f32], &Shape)], out: &mut [f32]) {
        self.run(inputs, out);
    }

    fn run_f64(&self, inputs: &[(&[f64], &Shape)], out: &mut [f64]) {
        self.run(inputs, out);
    }

    fn vjp<'t>(&self, _: usize, g: Var<'t>, _: &[Var<'t>], _: Var<'t>) -> Option<Var<'t>> {
        Some(apply_kernel(&Arc::new(RunningSum { reverse: !self.reverse }), &[g]))
    }
}

#[test]
fn an_opaque_kernel_takes_part_in_everything() {
    let (params, w) = params();
    let sum = Arc::new(RunningSum { reverse: false });
    gradcheck(&params, |tape| apply_kernel(&sum, &[tape.param(w).tanh()]).exp())
        .unwrap()
        .assert_below(1e-6);
    // Second order.
    gradcheck(&params, |tape| {
        let w = tape.param(w);
        let y = apply_kernel(&sum, &[w.square()]).tanh().sum(..);
        tape.gradient(y, &[w])[0]
    })
    .unwrap()
    .assert_below(1e-6);

    let single = params.cast::<f32>();
    let tape = Tape::inference(&single);
    let y = apply_kernel(&sum, &[tape.input(&Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))]);
    assert_eq!(tape.value(y).data(), [1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
    assert_eq!(tape.value(y), tape.interpret(y));
    assert!(tape.to_string().contains("running_sum(%0)"), "{tape}");
}

#[test]
#[should_panic(expected = "running_sum: one input with at least one axis is needed")]
fn a_kernel_rejects_shapes() {
    let (params, _) = params();
    let tape = Tape::inference(&params);
    let _ = apply_kernel(&Arc::new(RunningSum { reverse: false }), &[tape.scalar(1.0)]);
}

#[test]
fn a_rule_may_bind_data_and_draw_noise_in_each_step() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([1.0, 2.0]));
    let swap = CustomOp::new("swap", |[x]| x.flip(0), |g, [_], _| [g.gather_rows([1, 0])]);
    let noisy = CustomOp::new("noisy", |[x]| 1.0 * x, |g, [_], _| [g.dropout(0.5)]);
    let x = Tensor::from([1.0, 3.0]);
    for step in 0..3 {
        let tape = Tape::training(&params, Seed(step));
        let gradients = tape.backward((swap.apply([tape.param(w)]) * tape.input(&x)).sum(..));
        assert_eq!(gradients.flat(), [3.0, 1.0], "step {step}");
    }
    // Labels that are bound behind the rule's indices, and noise that is drawn behind its own.
    let run = |params: &Params, mode: Mode| {
        let seed = Seed(3);
        let tape = match mode {
            Mode::Inference => Tape::inference(params),
            _ => Tape::training(params, seed),
        };
        let slopes = [&swap, &noisy].map(|op| {
            let y = (op.apply([tape.param(w)]) * tape.input(&x)).sum(..);
            tape.gradient(y, &[tape.param(w)])[0]
        });
        let labels = tape.one_hot([1], 2).sum(0);
        let drawn = (labels * slopes[0] + 1.0).dropout(0.5);
        [tape.value(slopes[1]), tape.value(drawn)]
    };
    for mode in [Mode::Training, Mode::Training, Mode::Inference, Mode::Training] {
        // A clone knows nothing of earlier steps.
        assert_eq!(run(&params, mode), run(&params.clone(), mode), "{mode:?}");
    }
}

#[test]
fn a_rule_of_several_inputs_is_asked_once() {
    let mut params = Params::<f32>::new(Seed(0));
    let a = params.add(Parameter::new("a", [64]).init(Ones));
    let b = params.add(Parameter::new("b", [64]).init(Ones));
    // What is dropped for one goes to the other.
    let divide = CustomOp::new(
        "divide",
        |[a, b]| a + b,
        |g, [_, _], _| {
            let part = g.dropout(0.5);
            [part, g - part]
        },
    );
    let tape = Tape::training(&params, Seed(1));
    let gradients = tape.backward(divide.apply([tape.param(a), tape.param(b)]).sum(..));
    let (a, b) = (gradients.get(a).unwrap(), gradients.get(b).unwrap());
    assert!(a.iter().zip(b).all(|(a, b)| a + b == 1.0), "{a:?} {b:?}");
    assert!(a.contains(&0.0) && a.contains(&2.0));
}

#[test]
fn a_rule_may_ask_for_the_mode() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([1.0]));
    let op = CustomOp::new(
        "doubled_in_training",
        |[x]| 1.0 * x,
        |g, [_], _| [if g.graph().mode() == Mode::Training { g * 2.0 } else { g }],
    );
    let slope = |params: &Params, mode: Mode| {
        let tape = match mode {
            Mode::Training => Tape::training(params, Seed(0)),
            _ => Tape::inference(params),
        };
        tape.backward(op.apply([tape.param(w)]).sum(..)).flat()[0]
    };
    let modes = [Mode::Training, Mode::Inference, Mode::Inference, Mode::Training];
    for order in [modes, [modes[1], modes[0], modes[1], modes[0]]] {
        let params = params.clone();
        for mode in order {
            let want = if mode == Mode::Training { 2.0 } else { 1.0 };
            assert_eq!(slope(&params, mode), want, "{mode:?} of {order:?}");
        }
    }
}

#[test]
fn what_a_rule_reads_of_the_parameters_is_differentiated_in_every_step() {
    let mut params = Params::<f64>::new(Seed(0));
    let p = params.add(Parameter::new("p", [2]).init(Constant(2.0)).penalty(L2(1.0)));
    let w = params.add_tensor("w", &Tensor::from([3.0, 4.0]));
    let scaled = CustomOp::new("scaled", |[x]| 1.0 * x, move |g, [_], _| [g * g.graph().param(p)]);
    let run = |params: &Params<f64>, deep: bool| {
        let tape = Tape::training(params, Seed(0));
        let x = if deep { tape.param(w).square().tanh() } else { tape.param(w).square() };
        let slope = tape.gradient(scaled.apply([x]).sum(..), &[x])[0];
        tape.backward((slope * x).sum(..) + tape.penalty()).flat().to_vec()
    };
    for step in 0..6 {
        let deep = step % 2 == 0;
        // A clone knows nothing of earlier steps.
        assert_eq!(run(&params, deep), run(&params.clone(), deep), "step {step}");
    }
}

#[test]
fn a_wrong_rule_is_told_from_right_ones_before_it() {
    let (params, w) = params();
    let right = CustomOp::new(
        "right",
        |[x]| x * x.sigmoid(),
        |g, [x], y| {
            let s = x.sigmoid();
            [g * (s + y * (1.0 - s))]
        },
    );
    let wrong = CustomOp::new("wrong", |[a, b]| a * b, |g, [a, b], _| [g * b * 1.01, g * a]);
    gradcheck(&params, |tape| right.apply([tape.param(w)])).unwrap().assert_below(1e-6);
    let report = gradcheck(&params, |tape| {
        let x = right.apply([tape.param(w)]);
        wrong.apply([x.tanh(), x])
    });
    let report = report.unwrap();
    let culprit = report.culprit().expect("one is wrong");
    assert_eq!(culprit.op, "wrong", "{report}");

    // Operations that read parameters themselves.
    let reading = CustomOp::new(
        "reading",
        move |[x]| x * x.graph().param(w),
        move |g, [x], _| [g * x.graph().param(w)],
    );
    let other = gradcheck(&params, |tape| {
        let x = tape.param(w).sin();
        wrong.apply([reading.apply([x]), x])
    });
    let other = other.unwrap();
    assert_eq!(other.culprit().map(|culprit| &culprit.op[..]), Some("wrong"), "{other}");
    assert!((5e-3..2e-2).contains(&culprit.error.unwrap()), "{report}");
}

#[test]
fn a_gradient_of_another_shape_is_refused_by_name() {
    let mut params = Params::<f64>::new(Seed(0));
    let a = params.add(Parameter::new("a", [2, 3]).init(Ones));
    let b = params.add(Parameter::new("b", [3]).init(Ones));
    let right = CustomOp::new("product", |[a, b]| a * b, |g, [a, b], _| [g * b, g * a]);
    let turned =
        CustomOp::new("product", |[a, b]| a * b, |g, [a, b], _| [(g * b).transpose(), g * a]);
    let summed = CustomOp::new("product", |[a, b]| a * b, |g, [a, b], _| [g * b, (g * a).sum(..)]);
    // What is summed over in the forward part was broadcast all the same.
    let dot = CustomOp::new(
        "dot",
        |[a, b]| (a * b).sum(..),
        |g, [a, b], _| [(g * b).broadcast_to(a.shape()), g * a],
    );
    let slopes = |op: &CustomOp<2>| {
        let tape = Tape::inference(&params);
        tape.backward(op.apply([tape.param(a), tape.param(b)]).sum(..)).flat().to_vec()
    };
    for op in [&right, &dot] {
        assert_eq!(slopes(op), [[1.0; 6].as_slice(), &[2.0; 3]].concat());
    }
    for (op, said) in [
        (&turned, "a gradient of shape [3, 2] for input 0 of shape [2, 3]"),
        (&summed, "a gradient of shape [] for input 1 of shape [3]"),
    ] {
        let run = std::panic::AssertUnwindSafe(|| slopes(op));
        let message = *std::panic::catch_unwind(run).unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains(said) && message.contains("the rule of `product`"), "{message}");
        assert!(message.contains("custom_op.rs:"), "{message}");
    }
}
