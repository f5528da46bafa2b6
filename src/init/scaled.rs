//! Initializers whose variance is chosen so that signals keep their size from layer to layer.

use serde::{Deserialize, Serialize};

use super::{Fans, Initializer, Normal, Uniform};
use crate::seed::Seed;
use crate::shape::Shape;

/// The variance `numerator / fan`, if there is anything to draw.
fn variance(name: &str, numerator: f64, fan: usize, shape: &Shape) -> f64 {
    assert!(
        fan > 0 || shape.numel() == 0,
        "{name}: a parameter of shape {shape} cannot be scaled by a fan of 0; \
         set the parameter's fans to the inputs and outputs of a unit"
    );
    numerator / fan.max(1) as f64
}

/// An initializer with mean 0 whose variance is a number over a sum of fans.
macro_rules! scaled {
    ($(#[$doc:meta])* $name:ident, $distribution:ident, $numerator:literal / $fan:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
        pub struct $name;

        impl Initializer for $name {
            fn sample(&self, shape: &Shape, fans: Fans, seed: Seed) -> Vec<f64> {
                let fan: fn(Fans) -> usize = $fan;
                let variance = variance(stringify!($name), $numerator, fan(fans), shape);
                $distribution::with_variance(variance).draw(shape, seed)
            }
        }
    };
}

impl Normal {
    fn with_variance(variance: f64) -> Self {
        Normal { mean: 0.0, std: variance.sqrt() }
    }
}

impl Uniform {
    /// The variance of `U(-limit, limit)` is `limit² / 3`.
    fn with_variance(variance: f64) -> Self {
        let limit = (3.0 * variance).sqrt();
        Uniform { low: -limit, high: limit }
    }
}

scaled! {
    /// `N(0, σ²)` with `σ = √(2 / (fan_in + fan_out))`, not truncated: for tanh and sigmoid, where
    /// it keeps the size of both signals and gradients. Also called Xavier's.
    ///
    /// X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural
    /// networks*, AISTATS 2010.
    GlorotNormal, Normal, 2.0 / |fans| fans.fan_in + fans.fan_out
}

scaled! {
    /// `U(-limit, limit)` with `limit = √(6 / (fan_in + fan_out))`: the variance of
    /// [`GlorotNormal`], bounded. Also called Xavier's.
    ///
    /// X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural
    /// networks*, AISTATS 2010.
    GlorotUniform, Uniform, 2.0 / |fans| fans.fan_in + fans.fan_out
}

scaled! {
    /// `N(0, σ²)` with `σ = √(2 / fan_in)`, not truncated: for ReLU, which lets half of the
    /// signal through. Also called Kaiming's.
    ///
    /// K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into rectifiers*, ICCV 2015.
    HeNormal, Normal, 2.0 / |fans| fans.fan_in
}

scaled! {
    /// `U(-limit, limit)` with `limit = √(6 / fan_in)`: the variance of [`HeNormal`], bounded. Also
    /// called Kaiming's.
    ///
    /// K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into rectifiers*, ICCV 2015.
    HeUniform, Uniform, 2.0 / |fans| fans.fan_in
}

scaled! {
    /// `N(0, σ²)` with `σ = √(1 / fan_in)`, not truncated: for layers without a non-linearity and
    /// for SELU.
    ///
    /// Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller, *Efficient BackProp*, 1998.
    LecunNormal, Normal, 1.0 / |fans| fans.fan_in
}

scaled! {
    /// `U(-limit, limit)` with `limit = √(3 / fan_in)`: the variance of [`LecunNormal`], bounded.
    ///
    /// Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller, *Efficient BackProp*, 1998.
    LecunUniform, Uniform, 1.0 / |fans| fans.fan_in
}

#[cfg(test)]
mod tests {
    use super::*;

    // The limits and standard deviations below were computed in float64 with Keras 3 and PyTorch,
    // for dense kernels of 20 × 12 and 784 × 256 and a 3 × 3 convolution from 16 to 32 channels.
    const FANS: [Fans; 3] = [
        Fans { fan_in: 20, fan_out: 12 },
        Fans { fan_in: 784, fan_out: 256 },
        Fans { fan_in: 144, fan_out: 288 },
    ];

    #[rustfmt::skip]
    const NORMAL: [(&dyn Initializer, [f64; 3]); 3] = [
        (&GlorotNormal, GLOROT_STD),
        (&HeNormal, HE_STD),
        (&LecunNormal, LECUN_STD),
    ];

    #[rustfmt::skip]
    const UNIFORM: [(&dyn Initializer, [f64; 3], [f64; 3]); 3] = [
        (&GlorotUniform, GLOROT_LIMIT, GLOROT_STD),
        (&HeUniform, HE_LIMIT, HE_STD),
        (&LecunUniform, LECUN_LIMIT, LECUN_STD),
    ];

    const GLOROT_STD: [f64; 3] = [0.25, 0.04385290096535146, 0.06804138174397717];
    const GLOROT_LIMIT: [f64; 3] = [0.4330127018922193, 0.075955452531275, 0.11785113019775792];
    const HE_STD: [f64; 3] = [0.31622776601683794, 0.050507627227610534, 0.11785113019775792];
    const HE_LIMIT: [f64; 3] = [0.5477225575051661, 0.08748177652797065, 0.2041241452319315];
    const LECUN_STD: [f64; 3] = [0.22360679774997896, 0.03571428571428571, 0.08333333333333333];
    const LECUN_LIMIT: [f64; 3] = [0.3872983346207417, 0.06185895741317419, 0.14433756729740643];

    fn cases() -> impl Iterator<Item = (&'static dyn Initializer, Fans, f64, f64)> {
        let normal = NORMAL.into_iter().map(|(init, std)| (init, [f64::INFINITY; 3], std));
        normal
            .chain(UNIFORM)
            .flat_map(|(init, limit, std)| (0..3).map(move |i| (init, FANS[i], limit[i], std[i])))
    }

    #[test]
    fn standard_deviations_and_limits_are_those_of_keras_and_pytorch() {
        let shape = Shape::from([400, 250]);
        for (init, fans, limit, std) in cases() {
            let values = init.sample(&shape, fans, Seed(3));
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let found = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
            // Five standard errors of mean and standard deviation.
            assert!(mean.abs() < 5.0 * std / count.sqrt(), "mean {mean} of {fans:?}");
            let error = (found / std - 1.0).abs();
            assert!(error < 5.0 / (2.0 * count).sqrt(), "{found}, not {std} with {fans:?}");
            let largest = values.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
            assert!(largest <= limit, "{largest} is above {limit} with {fans:?}");
            // Exactly: the limit is approached, or the tails go on beyond two deviations.
            if limit.is_finite() {
                assert!(largest > 0.999 * limit, "{largest} stays below {limit}");
            } else {
                assert!(largest > 3.5 * std, "{largest} looks truncated");
            }
        }
    }

    #[test]
    fn formulas_are_exact() {
        for (i, fans) in FANS.into_iter().enumerate() {
            for (numerator, fan, std, limit) in [
                (2.0, fans.fan_in + fans.fan_out, GLOROT_STD, GLOROT_LIMIT),
                (2.0, fans.fan_in, HE_STD, HE_LIMIT),
                (1.0, fans.fan_in, LECUN_STD, LECUN_LIMIT),
            ] {
                let variance = variance("", numerator, fan, &Shape::scalar());
                let found =
                    [Normal::with_variance(variance).std, Uniform::with_variance(variance).high];
                for (found, want) in found.into_iter().zip([std[i], limit[i]]) {
                    assert!((found / want - 1.0).abs() < 1e-15, "{found}, not {want}");
                }
            }
        }
    }

    #[test]
    fn a_seed_fixes_the_values() {
        let shape = Shape::from([20, 12]);
        for (init, fans, ..) in cases() {
            let values = init.sample(&shape, fans, Seed(3));
            assert_eq!(values, init.sample(&shape, fans, Seed(3)));
            let other = init.sample(&shape, fans, Seed(4));
            assert!(values.iter().zip(&other).all(|(a, b)| a != b));
        }
    }

    #[test]
    #[should_panic(
        expected = "HeNormal: a parameter of shape [2, 3] cannot be scaled by a fan of 0"
    )]
    fn a_fan_of_0_panics() {
        HeNormal.sample(&[2, 3].into(), Fans { fan_in: 0, fan_out: 3 }, Seed(1));
    }

    #[test]
    fn an_empty_parameter_needs_no_fans() {
        let fans = Fans { fan_in: 0, fan_out: 0 };
        assert!(GlorotUniform.sample(&[0, 3].into(), fans, Seed(1)).is_empty());
    }

    #[test]
    fn initializers_are_configuration() {
        assert_eq!(serde_json::to_string(&HeNormal).unwrap(), "null");
        assert_eq!(serde_json::from_str::<HeNormal>("null").unwrap(), HeNormal);
    }
}
