//! Operations at ties, infinities, NaN, empty axes and other places where something is a
//! convention.

use gradtape::IndexOperand;
use gradtape::loss;
use gradtape::prelude::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

type Function = for<'t> fn(Var<'t>) -> Var<'t>;

/// Input, function, value and gradient of its sum.
type Case<'a> = (&'a str, &'a [f64], Function, &'a [f64], &'a [f64]);

/// Value and gradient of the sum of a function of these numbers, in this shape.
fn both(shape: &[usize], x: &[f64], f: Function) -> (Vec<f64>, Vec<f64>) {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::new(shape, x.to_vec()).expect("as many numbers as places"));
    let y = f(x);
    let slope = tape.gradient(y.sum(..), &[x])[0];
    (tape.value(y).data().to_vec(), tape.value(slope).data().to_vec())
}

fn compare(cases: &[Case<'_>]) {
    for (name, x, f, value, slope) in cases {
        let (got, got_slope) = both(&[x.len()], x, *f);
        for (got, want) in [(&got[..], value), (&got_slope, slope)] {
            let same =
                |(a, b): (&f64, &f64)| a == b || (a - b).abs() < 1e-15 || a.is_nan() && b.is_nan();
            let equal = got.len() == want.len() && got.iter().zip(*want).all(same);
            assert!(equal, "{name} of {x:?}: {got:?} instead of {want:?}");
        }
    }
}

#[test]
fn ties_share_the_gradient_whatever_their_number_and_size() {
    let third = 1.0 / 3.0;
    compare(&[
        ("max", &[1.0, 2.0, 2.0, 2.0], |x| x.max(..), &[2.0], &[0.0, third, third, third]),
        ("max", &[-INF, -INF, -INF], |x| x.max(..), &[-INF], &[third; 3]),
        ("min", &[-INF, INF, -INF], |x| x.min(..), &[-INF], &[0.5, 0.0, 0.5]),
        ("maximum of x and x", &[2.0], |x| x.maximum(x), &[2.0], &[1.0]),
        ("clamp to one number", &[0.5, 1.0], |x| x.clamp(0.5, 0.5), &[0.5; 2], &[0.25, 0.0]),
        ("argmax", &[1.0, 2.0, 2.0], |x| x.argmax(0) + 0.0 * x.sum(..), &[1.0], &[0.0; 3]),
    ]);
}

#[test]
fn nan_is_never_lost() {
    compare(&[
        ("max", &[1.0, NAN, 2.0], |x| x.max(..), &[NAN], &[NAN; 3]),
        ("min", &[1.0, NAN, 2.0], |x| x.min(..), &[NAN], &[NAN; 3]),
        (
            "relu",
            &[NAN, INF, -INF, -0.0],
            |x| x.relu(),
            &[NAN, INF, 0.0, 0.0],
            &[1.0, 1.0, 0.0, 0.0],
        ),
        ("abs", &[NAN, INF, -INF], |x| x.abs(), &[NAN, INF, INF], &[NAN, 1.0, -1.0]),
        ("clamp", &[NAN, INF, -INF], |x| x.clamp(-1.0, 1.0), &[NAN, 1.0, -1.0], &[0.0; 3]),
        ("maximum", &[NAN, INF, -INF], |x| x.maximum(0.0), &[NAN, INF, 0.0], &[0.0, 1.0, 0.0]),
        (
            "select on NaN",
            &[NAN, 0.0, -0.0],
            |x| x.select(1.0, 2.0 * x),
            &[1.0, 0.0, 0.0],
            &[0.0, 2.0, 2.0],
        ),
        ("softmax", &[NAN, 1.0], |x| x.softmax(0), &[NAN; 2], &[NAN; 2]),
        (
            "argmax",
            &[-INF, NAN, INF],
            |x| x.argmax(0) + x.select(0.0, 0.0).sum(..),
            &[1.0],
            &[0.0; 3],
        ),
    ]);
}

#[test]
fn exponentials_of_infinities_have_their_limits() {
    compare(&[
        (
            "logsumexp",
            &[-INF, 1.0, 1.0],
            |x| x.logsumexp(..),
            &[1.0 + 2.0_f64.ln()],
            &[0.0, 0.5, 0.5],
        ),
        ("logsumexp", &[-INF, -INF], |x| x.logsumexp(..), &[-INF], &[0.5, 0.5]),
        ("logsumexp", &[INF, 1.0], |x| x.logsumexp(..), &[INF], &[1.0, 0.0]),
        ("softmax", &[INF, 1.0], |x| x.softmax(0).slice(0, ..1), &[1.0], &[0.0, 0.0]),
        ("softmax", &[INF, 1.0, INF], |x| x.softmax(0), &[0.5, 0.0, 0.5], &[0.0; 3]),
        ("softmax", &[-INF, -INF], |x| x.softmax(0), &[0.5, 0.5], &[0.0, 0.0]),
        ("log_softmax", &[INF, 1.0], |x| x.log_softmax(0).slice(0, ..1), &[0.0], &[0.0, 0.0]),
        ("sigmoid", &[INF, -INF], |x| x.sigmoid(), &[1.0, 0.0], &[0.0, 0.0]),
        ("softplus", &[INF, -INF], |x| x.softplus(), &[INF, 0.0], &[1.0, 0.0]),
        ("elu", &[INF, -INF], |x| x.elu(1.0), &[INF, -1.0], &[1.0, 0.0]),
    ]);
    // Rows and columns have loops of their own.
    let (columns, _) = both(&[2, 2], &[INF, 1.0, 1.0, 1.0], |x| x.softmax(0));
    assert_eq!(columns, [1.0, 0.5, 0.0, 0.5]);
}

#[test]
fn losses_of_infinite_logits_are_finite_where_their_limit_is() {
    let cross_entropy = |x: [f64; 2], right: bool| {
        let f: Function = match right {
            true => |x| loss::cross_entropy(x, [0].index_operand(x.graph())),
            false => |x| loss::cross_entropy(x, [1].index_operand(x.graph())),
        };
        both(&[1, 2], &x, f)
    };
    assert_eq!(cross_entropy([INF, 1.0], true), (vec![0.0], vec![0.0, 0.0]));
    assert_eq!(cross_entropy([INF, 1.0], false), (vec![INF], vec![1.0, -1.0]));
    assert_eq!(cross_entropy([-INF, 1.0], false), (vec![0.0], vec![0.0, 0.0]));
    compare(&[
        (
            "of 1",
            &[INF, -INF],
            |x| loss::binary_cross_entropy(x, x.graph().scalar(1.0)),
            &[0.0, INF],
            &[0.0, -1.0],
        ),
        (
            "of 0",
            &[INF, -INF],
            |x| loss::binary_cross_entropy(x, x.graph().scalar(0.0)),
            &[INF, 0.0],
            &[1.0, 0.0],
        ),
        (
            "huber",
            &[1.0, -1.0, 0.0],
            |x| loss::huber(x, x.graph().scalar(0.0), 1.0),
            &[0.5, 0.5, 0.0],
            &[1.0, -1.0, 0.0],
        ),
    ]);
}

#[test]
fn empty_axes_and_scalars_are_tensors_like_any_other() {
    let empty: [(&[usize], Function, &[f64]); 14] = [
        (&[0], |x| x.logsumexp(..), &[-INF]),
        (&[2, 0], |x| x.sum(1), &[0.0; 2]),
        (&[2, 0], |x| x.mean(1), &[NAN; 2]),
        (&[2, 0], |x| x.flip(1), &[]),
        (&[0, 2], |x| x.flip([0, 1]), &[]),
        (&[0, 2], |x| x.cumsum(0), &[]),
        (&[2, 0], |x| x.cumsum(0), &[]),
        (&[2, 0], |x| x.softmax(1), &[]),
        (&[0, 2], |x| x.log_softmax(0), &[]),
        (&[2, 0], |x| x.matmul(x.transpose()), &[0.0; 4]),
        (&[0, 2], |x| x.pad(&[[1, 0], [0, 1]], 3.0), &[3.0; 3]),
        (&[0, 2], |x| Var::stack(&[x, x], 0), &[]),
        (&[0, 2], |x| x.max(1), &[]),
        (&[2, 0], |x| x.gather_rows([1, 0]), &[]),
    ];
    for (i, (shape, f, want)) in empty.into_iter().enumerate() {
        let (value, slope) = both(shape, &[], f);
        let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
        assert!(
            value.len() == want.len() && value.iter().zip(want).all(same),
            "case {i}: {value:?}"
        );
        assert!(slope.is_empty());
    }
    let scalars: [(Function, &[f64], f64); 8] = [
        (|x| x.sum(..) + x.max(..) + x.mean(..), &[9.0], 3.0),
        (|x| x.var(..) + x.logsumexp(..), &[3.0], 1.0),
        (|x| x.flip(..).permute(&[]), &[3.0], 1.0),
        (|x| x.pad(&[], 1.0), &[3.0], 1.0),
        (|x| Var::stack(&[x, x], -1), &[3.0, 3.0], 2.0),
        (|x| x.normalize(.., 1.0), &[0.0], 0.0),
        (|x| x.broadcast_to([2, 1, 2]), &[3.0; 4], 4.0),
        (|x| x.dropout(0.0).detach() * x, &[9.0], 3.0),
    ];
    for (i, (f, value, slope)) in scalars.into_iter().enumerate() {
        assert_eq!(both(&[], &[3.0], f), (value.to_vec(), vec![slope]), "case {i}");
    }
}

#[test]
fn axes_are_a_set() {
    let x = [1.0, 2.0, 3.0, 4.0];
    // Named twice, from the front or from the end, an axis is reduced once.
    assert_eq!(both(&[2, 2], &x, |x| x.sum([0, 0])), (vec![4.0, 6.0], vec![1.0; 4]));
    assert_eq!(both(&[2, 2], &x, |x| x.mean([0, -2])), (vec![2.0, 3.0], vec![0.5; 4]));
    assert_eq!(both(&[2, 2], &x, |x| x.max(&[][..])), (x.to_vec(), vec![1.0; 4]));
}

#[test]
fn derivatives_that_are_infinite_stay_so() {
    compare(&[
        ("sqrt", &[0.0, INF], |x| x.sqrt(), &[0.0, INF], &[INF, 0.0]),
        ("pow", &[0.0], |x| x.pow(0.5), &[0.0], &[INF]),
        ("powf", &[0.0, -2.0], |x| x.powf(-1.0), &[INF, -0.5], &[-INF, -0.25]),
        (
            "powf of negative numbers",
            &[-2.0, -0.5],
            |x| x.powf(3.0),
            &[-8.0, -0.125],
            &[12.0, 0.75],
        ),
        ("ln", &[0.0, INF], |x| x.ln(), &[-INF, INF], &[INF, 0.0]),
        ("1 / x", &[INF], |x| 1.0 / x, &[0.0], &[0.0]),
    ]);
}

#[test]
fn long_sums_in_single_precision_are_accurate() {
    let n = 20_000_000;
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from_fn([n], |_| 0.1));
    let (tenth, count) = (f64::from(0.1_f32), n as f64);
    let halves = x.reshape([n / 2, 2]);
    for (what, got, want) in [
        ("sum", x.sum(..), tenth * count),
        ("mean", (x * 2.0).mean(..), 2.0 * tenth),
        ("logsumexp", x.logsumexp(..), tenth + count.ln()),
        ("softmax", x.softmax(0).slice(0, ..1).sum(..), 1.0 / count),
        ("log_softmax", x.log_softmax(0).slice(0, ..1).sum(..), -count.ln()),
        ("sum of columns", halves.sum(0).mean(..), tenth * count / 2.0),
        ("logsumexp of columns", halves.logsumexp(0).mean(..), tenth + (count / 2.0).ln()),
    ] {
        let got = f64::from(tape.item(got));
        assert!((got / want - 1.0).abs() < 3e-5, "{what}: {got} instead of {want}");
    }
}
