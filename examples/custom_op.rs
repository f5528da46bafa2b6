//! Operations of your own: one made of others with a gradient rule of its own, checked.

use gradtape::CustomOp;
use gradtape::prelude::*;

fn main() -> Result<(), gradtape::Error> {
    // Swish, whose rule is cheaper than what differentiating x · sigmoid(x) records.
    let swish = CustomOp::new(
        "swish",
        |[x]| x * x.sigmoid(),
        |g, [x], y| {
            let s = x.sigmoid();
            [g * (s + y * (1.0 - s))]
        },
    );

    let mut params = Params::<f32>::new(Seed(7));
    let layer = Dense::new(3, 4).build(&mut params, "layer");
    let x = Tensor::from([[0.2, -1.0, 0.7], [1.5, 0.3, -0.4]]);

    let report = gradcheck(&params, |tape| swish.apply([layer.forward(tape.input(&x))]))?;
    println!("{report}");
    report.assert_below(1e-6);

    let tape = Tape::training(&params, Seed(0));
    let y = swish.apply([layer.forward(tape.input(&x))]);
    let _ = tape.gradient(y.sum(..), &[tape.param(layer.kernel())]);
    println!("{tape}");
    Ok(())
}
