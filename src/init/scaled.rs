//! Initializers whose variance is chosen so that signals keep their size from layer to layer.

use serde::{Deserialize, Serialize};

use super::{Fans, Initializer, Normal, TruncatedNormal, Uniform};
use crate::seed::Seed;
use crate::shape::Shape;

/// Mean 0 and variance `scale / fan`: what Glorot's, He's and LeCun's initializers are cases of.
///
/// ```
/// use gradtape::init::{Distribution, Fan, VarianceScaling};
/// use gradtape::prelude::*;
///
/// let scale = 2.0;
/// let init = VarianceScaling { scale, fan: Fan::Out, distribution: Distribution::Normal };
/// let output = Dense::new(512, 10).init(init);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct VarianceScaling {
    /// The variance, times the fan.
    pub scale: f64,
    /// What the scale is divided by.
    pub fan: Fan,
    /// The kind of distribution.
    pub distribution: Distribution,
}

/// Which signals are to keep their size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Fan {
    /// Those that go forward: `fan_in`.
    In,
    /// The gradients that come back: `fan_out`.
    Out,
    /// Both as far as possible: `(fan_in + fan_out) / 2`.
    Average,
}

/// The kind of distribution that has a given variance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Distribution {
    /// [`Normal`], without bounds.
    Normal,
    /// [`TruncatedNormal`], as Keras' normal ones.
    TruncatedNormal,
    /// [`Uniform`]: between -√3 and √3 standard deviations.
    Uniform,
}

impl VarianceScaling {
    /// Draws under the name that the initializer goes by.
    fn draw(&self, name: &str, shape: &Shape, fans: Fans, seed: Seed) -> Vec<f64> {
        let std = self.std(name, shape, fans);
        match self.distribution {
            Distribution::Normal => Normal { mean: 0.0, std }.draw(shape, seed),
            Distribution::TruncatedNormal => TruncatedNormal::new(0.0, std).draw(shape, seed),
            Distribution::Uniform => {
                let limit = 3_f64.sqrt() * std;
                Uniform { low: -limit, high: limit }.draw(shape, seed)
            }
        }
    }

    /// The standard deviation, if there is anything to draw.
    fn std(&self, name: &str, shape: &Shape, fans: Fans) -> f64 {
        let Self { scale, fan, .. } = *self;
        assert!(
            scale >= 0.0 && scale.is_finite(),
            "{name}: the scale must be finite and not negative, not {scale}"
        );
        let Fans { fan_in, fan_out } = fans;
        let fan = match fan {
            Fan::In => fan_in as f64,
            Fan::Out => fan_out as f64,
            Fan::Average => (fan_in as f64 + fan_out as f64) / 2.0,
        };
        assert!(
            fan > 0.0 || shape.numel() == 0,
            "{name}: a parameter of shape {shape} cannot be scaled by a fan of 0; \
             set the parameter's fans to the inputs and outputs of a unit"
        );
        // An empty parameter may have none; half of one is the smallest there is else.
        (scale / fan.max(0.5)).sqrt()
    }
}

impl Initializer for VarianceScaling {
    fn sample(&self, shape: &Shape, fans: Fans, seed: Seed) -> Vec<f64> {
        self.draw("VarianceScaling", shape, fans, seed)
    }
}

/// A case of [`VarianceScaling`] that has a name.
macro_rules! scaled {
    ($(#[$doc:meta])* $name:ident, $distribution:ident, $scale:expr, $fan:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
        pub struct $name;

        impl $name {
            const SCALING: VarianceScaling = VarianceScaling {
                scale: $scale,
                fan: Fan::$fan,
                distribution: Distribution::$distribution,
            };
        }

        impl Initializer for $name {
            fn sample(&self, shape: &Shape, fans: Fans, seed: Seed) -> Vec<f64> {
                Self::SCALING.draw(stringify!($name), shape, fans, seed)
            }
        }
    };
}

/// Normal initializers are cut off on request.
macro_rules! truncatable {
    ($($name:ident),*) => {
        $(impl $name {
            /// The same standard deviation, cut off as [`TruncatedNormal`] is: Keras' initializer of
            /// this name.
            pub fn truncated(self) -> VarianceScaling {
                let distribution = Distribution::TruncatedNormal;
                VarianceScaling { distribution, ..Self::SCALING }
            }
        })*
    };
}

truncatable!(GlorotNormal, HeNormal, LecunNormal);

scaled! {
    /// `N(0, σ²)` with `σ = √(2 / (fan_in + fan_out))`, not truncated: for tanh and sigmoid, where
    /// it keeps the size of both signals and gradients. Also called Xavier's.
    ///
    /// X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural
    /// networks*, AISTATS 2010.
    GlorotNormal, Normal, 1.0, Average
}

scaled! {
    /// `U(-limit, limit)` with `limit = √(6 / (fan_in + fan_out))`: the variance of
    /// [`GlorotNormal`], bounded. Also called Xavier's.
    ///
    /// X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural
    /// networks*, AISTATS 2010.
    GlorotUniform, Uniform, 1.0, Average
}

scaled! {
    /// `N(0, σ²)` with `σ = √(2 / fan_in)`, not truncated: for ReLU, which lets half of the
    /// signal through. Also called Kaiming's.
    ///
    /// K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into rectifiers*, ICCV 2015.
    HeNormal, Normal, 2.0, In
}

scaled! {
    /// `U(-limit, limit)` with `limit = √(6 / fan_in)`: the variance of [`HeNormal`], bounded. Also
    /// called Kaiming's.
    ///
    /// K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into rectifiers*, ICCV 2015.
    HeUniform, Uniform, 2.0, In
}

scaled! {
    /// `N(0, σ²)` with `σ = √(1 / fan_in)`, not truncated: for layers without a non-linearity and
    /// for SELU.
    ///
    /// Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller, *Efficient BackProp*, 1998.
    LecunNormal, Normal, 1.0, In
}

scaled! {
    /// `U(-limit, limit)` with `limit = √(3 / fan_in)`: the variance of [`LecunNormal`], bounded.
    ///
    /// Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller, *Efficient BackProp*, 1998.
    LecunUniform, Uniform, 1.0, In
}

scaled! {
    /// `U(-limit, limit)` with `limit = 1 / √fan_in`: what PyTorch's layers start from, kernels and
    /// biases alike, there written as Kaiming's with `a = √5`.
    LinearDefault, Uniform, 1.0 / 3.0, In
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
            for (scaling, std) in [
                (GlorotNormal::SCALING, GLOROT_STD),
                (HeNormal::SCALING, HE_STD),
                (LecunNormal::SCALING, LECUN_STD),
            ] {
                let (found, want) = (scaling.std("", &Shape::scalar(), fans), std[i]);
                assert!((found / want - 1.0).abs() < 1e-15, "{found}, not {want}");
            }
            let limit = 3_f64.sqrt() * LinearDefault::SCALING.std("", &Shape::scalar(), fans);
            assert!((limit * (fans.fan_in as f64).sqrt() - 1.0).abs() < 1e-15, "{limit}");
        }
    }

    #[test]
    fn a_truncated_one_has_the_same_deviation() {
        for init in [GlorotNormal.truncated(), HeNormal.truncated(), LecunNormal.truncated()] {
            let fans = FANS[1];
            let std = init.std("", &Shape::scalar(), fans);
            let values = init.sample(&[400, 250].into(), fans, Seed(3));
            let found = (values.iter().map(|x| x * x).sum::<f64>() / 1e5).sqrt();
            assert!((found / std - 1.0).abs() < 5.0 / 2e5_f64.sqrt(), "{found}, not {std}");
            let largest = values.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
            assert!((2.26 * std..2.274 * std).contains(&largest), "{largest}");
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
    #[should_panic(expected = "VarianceScaling: the scale must be finite and not negative, not -1")]
    fn a_negative_scale_panics() {
        VarianceScaling { scale: -1.0, ..HeNormal::SCALING }.sample(&[2].into(), FANS[0], Seed(1));
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
