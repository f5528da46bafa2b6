//! The gradient check against wrong rules of every kind that is easily written.

use gradtape::prelude::*;

/// A function with the gradient of another.
fn planted<'t>(f: Var<'t>, like: Var<'t>) -> Var<'t> {
    (f - like).detach() + like
}

/// A function of two square matrices, right in value and wrong in gradient.
type Wrong = for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>;

const WRONG: [(&str, Wrong); 26] = [
    ("sign", |a, _| planted(a.exp(), -a.exp())),
    ("factor 2", |a, _| planted(a.exp(), 2.0 * a.exp())),
    ("factor 1.001", |a, _| planted(a.exp(), 1.001 * a.exp())),
    ("factor 1.00001", |a, _| planted(a.exp(), 1.00001 * a.exp())),
    ("zero in one entry", |a, _| {
        planted(a.exp(), a.exp() - a.exp().slice(0, ..1).slice(1, ..1).sum(..))
    }),
    ("zero", |a, b| a.exp().detach() + 1e-3 * a * b),
    ("added constant", |a, _| planted(a.exp(), a.exp() + 1e-3 * a)),
    ("missing broadcast reduction", |a, b| {
        let row = b.slice(0, ..1);
        planted(a + row, a + row.pad(&[[0, 3], [0, 0]], 0.0))
    }),
    ("mean for a sum over broadcast rows", |a, b| {
        let row = b.slice(0, ..1);
        planted(a * row, a * (0.75 * row.detach() + 0.25 * row))
    }),
    ("swapped inputs of a quotient", |a, b| planted(a / b, b / a)),
    ("swapped gradients of a product", |a, b| planted(a * b, 0.5 * (a.square() + b.square()))),
    ("sign of the second input of a difference", |a, b| planted(a - b, a + b)),
    ("tie: every one gets 3/2", |a, _| {
        let ties = a.equal(a.max(..)).detach();
        planted(a.max(..), 1.5 * (a * ties).sum(..))
    }),
    ("maximum: gradient to the smaller", |a, b| planted(a.maximum(b), a.minimum(b))),
    ("off by one along an axis", |a, _| {
        let rolled = a.slice(1, 1..).pad(&[[0, 0], [0, 1]], 0.0)
            + a.slice(1, ..1).pad(&[[0, 0], [3, 0]], 0.0);
        planted(a * 2.0, rolled * 2.0)
    }),
    ("sum over the other axis", |a, b| planted(a.sum(0) * b.sum(0), a.sum(1) * b.sum(0))),
    ("transposed second factor", |a, b| planted(a.matmul(b), a.matmul(b.transpose()))),
    ("transposed first factor", |a, b| planted(a.matmul(b), a.transpose().matmul(b))),
    ("product in the other order", |a, b| planted(a.matmul(b), b.matmul(a))),
    ("missing accumulation", |a, _| planted(a * a, a * a.detach())),
    ("accumulation of one use of three", |a, _| planted(a * a * a, a * (a * a).detach())),
    ("sigmoid: y instead of y (1 - y)", |a, _| {
        planted(a.sigmoid(), {
            let y = a.sigmoid().detach();
            y * a
        })
    }),
    ("tanh: 1 - y instead of 1 - y²", |a, _| {
        planted(a.tanh(), {
            let y = a.tanh().detach();
            (1.0 - y) * a
        })
    }),
    ("softmax: without the sum", |a, _| {
        planted(a.softmax(-1), {
            let y = a.softmax(-1).detach();
            y * a
        })
    }),
    ("ln: inverse of the result", |a, _| planted(a.ln(), a / (a.ln().detach() + 3.0))),
    ("square: forgotten 2", |a, _| planted(a.square(), 0.5 * a.square())),
];

fn check(f: Wrong) -> gradtape::grad::Report {
    let mut params = Params::<f64>::new(Seed(0));
    let values = |phase: f64| {
        Tensor::from_fn([4, 4], |i| match i {
            // A tie for the largest.
            1 | 6 => 2.0 + phase,
            _ => 1.0 + 0.6 * (1.7 * i as f64 + phase).sin(),
        })
    };
    let a = params.add_tensor("a", &values(0.0));
    let b = params.add_tensor("b", &values(1.0));
    let report = gradcheck(&params, |tape| {
        let (a, b) = (tape.param(a), tape.param(b));
        // The second term keeps gradients that are wrongly zero from being refused.
        f(a, b) + 0.1 * (a.square() * b).mean(..)
    });
    report.unwrap()
}

#[test]
fn every_wrong_rule_is_caught() {
    let missed: Vec<&str> =
        WRONG.iter().filter(|(_, f)| check(*f).is_below(1e-6)).map(|(name, _)| *name).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn the_right_rules_pass() {
    let right: [Wrong; 10] = [
        |a, _| a.exp(),
        |a, b| a + b.slice(0, ..1),
        |a, b| a / b,
        |a, _| a.max(..),
        |a, b| a.maximum(b),
        |a, b| a.matmul(b),
        |a, _| a * a * a,
        |a, _| a.sigmoid().tanh(),
        |a, _| a.softmax(-1),
        |a, _| a.ln(),
    ];
    right.into_iter().for_each(|f| check(f).assert_below(1e-6));
}

#[test]
fn a_rule_that_is_wrong_in_second_order_only_is_caught_there() {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([0.5, -1.0, 2.0]));
    let linear = params.add_tensor("linear", &Tensor::from([1.0, 2.0]));
    for wrong in [false, true] {
        let record = |check: GradCheck| {
            check.run(&params, |tape| {
                let x = tape.param(w);
                // Its gradient is that of the cube, but held constant.
                let flat = (3.0 * x.square()).detach() * x;
                let cube = x * x * x;
                let y = if wrong { planted(cube, flat) } else { cube };
                y.sum(..) + tape.param(linear).sum(..)
            })
        };
        record(GradCheck::new()).unwrap().assert_below(1e-6);
        match record(GradCheck::new().second_order()) {
            Ok(report) => {
                assert_eq!(report.is_below(1e-6), !wrong, "{report}");
                assert_eq!(report.rows()[1].resolved, 0);
            }
            Err(error) => panic!("wrong {wrong}: {error}"),
        }
    }
}
