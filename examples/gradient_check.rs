//! What the gradient check says of a right model, of one at its kinks and of a wrong rule.

use gradtape::prelude::*;

fn main() -> Result<(), gradtape::Error> {
    let mut params = Params::<f32>::new(Seed(42));
    let hidden = Dense::new(6, 16).penalty(L2(0.01)).build(&mut params, "hidden");
    let output = Dense::new(16, 3).build(&mut params, "output");
    let x = Tensor::from_fn([5, 6], |i| (i as f32 * 0.7).sin());

    println!("A right model, with a penalty and dropout as in training:");
    let report = gradcheck(&params, |tape| {
        let z = output.forward(hidden.forward(tape.input(&x)).tanh().dropout(0.2));
        z.cross_entropy([0, 2, 1, 1, 0]) + tape.penalty()
    })?;
    println!("{report}");
    report.assert_below(1e-6);

    println!("Its second derivatives:");
    let report = GradCheck::new().second_order().run(&params, |tape| {
        let z = output.forward(hidden.forward(tape.input(&x)).tanh());
        z.cross_entropy([0, 2, 1, 1, 0]) + tape.penalty()
    })?;
    println!("{report}");
    report.assert_below(1e-6);

    println!("At kinks, any value between the slopes of both sides is right:");
    let mut kinks = Params::<f64>::new(Seed(0));
    let w = kinks.add_tensor("w", &Tensor::from([0.0, 1.0, -1.0]));
    let ties = kinks.add_tensor("ties", &Tensor::from([2.0, 2.0, 2.0, 2.0]));
    let report = gradcheck(&kinks, |tape| {
        (tape.param(w).relu() + tape.param(w).abs()).sum(..) + tape.param(ties).max(..)
    })?;
    println!("{report}");
    report.assert_below(1e-6);

    println!("A gradient that is wrong by 0.1 %, planted with `detach`:");
    let report = gradcheck(&params, |tape| {
        let z = output.forward(hidden.forward(tape.input(&x)));
        let (right, wrong) = (z.exp(), 1.001 * z.exp());
        ((right - wrong).detach() + wrong).mean(..) + tape.penalty()
    })?;
    println!("{report}");
    assert!(!report.is_below(1e-6));
    Ok(())
}
