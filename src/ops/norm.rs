//! Normalization over axes, a composition of recorded operations.

use crate::graph::Var;
use crate::shape::{Axes, IntoAxes};

impl<'t> Var<'t> {
    /// `(x - mean) / √(var + eps)`, with mean and population variance over the given axes.
    ///
    /// Over the features of each example this is layer normalization (J. L. Ba et al., 2016); over
    /// everything but the channels, see [`normalize_channels`](Self::normalize_channels), batch
    /// normalization. A learned scale and shift are a product and a sum.
    #[track_caller]
    pub fn normalize(self, axes: impl IntoAxes, eps: f64) -> Var<'t> {
        let axes = self.axes(axes);
        let centered = self - self.mean_keep(axes);
        centered * (centered.square().mean_keep(axes) + eps).rsqrt()
    }

    /// [`normalize`](Self::normalize) over all axes but one: batch normalization of a batch whose
    /// channels are counted by that axis (S. Ioffe and C. Szegedy, 2015).
    #[track_caller]
    pub fn normalize_channels(self, channel_axis: isize, eps: f64) -> Var<'t> {
        let channels = self.axis(channel_axis);
        let others = Axes::of((0..self.shape().rank()).filter(|&axis| axis != channels));
        self.normalize(others, eps)
    }
}

#[cfg(test)]
mod tests {
    use crate::grad::GradCheck;
    use crate::init::Normal;
    use crate::params::{Parameter, Params};
    use crate::seed::Seed;
    use crate::{Tape, Var};

    #[test]
    fn normalized_values_have_mean_0_and_variance_1() {
        let mut params = Params::<f64>::new(Seed(5));
        let x = params.add(Parameter::new("x", [6, 4, 5]).init(Normal { mean: 3.0, std: 7.0 }));
        let tape = Tape::inference(&params);
        let y = tape.param(x).normalize_channels(1, 1e-12);
        let (mean, variance) = (tape.value(y.mean([0, 2])), tape.value(y.var([0, 2])));
        assert!(mean.data().iter().all(|m| m.abs() < 1e-12));
        assert!(variance.data().iter().all(|v| (v - 1.0).abs() < 1e-9));
    }

    #[test]
    fn gradients_of_both_orders_agree_with_differences() {
        let mut params = Params::<f64>::new(Seed(5));
        let x = params.add(Parameter::new("x", [3, 4]).init(Normal { mean: 1.0, std: 2.0 }));
        type Op = for<'t> fn(Var<'t>) -> Var<'t>;
        let ops: [Op; 2] = [|x| x.normalize(-1, 1e-3), |x| x.normalize_channels(1, 1e-3)];
        for op in ops {
            let check = GradCheck::new();
            check.run(&params, |tape| op(tape.param(x)).tanh()).unwrap().assert_below(1e-6);
            let second = check.run(&params, |tape| {
                let x = tape.param(x);
                let slope = tape.gradient(op(x).exp().sum(..), &[x])[0];
                slope.tanh()
            });
            second.unwrap().assert_below(1e-6);
        }
    }
}
