//! Activation functions that are plain compositions of recorded operations, so that they need no
//! rule of their own; those with a rule are rows in [`elementwise`](super::elementwise).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, SQRT_2};

use crate::graph::Var;

impl<'t> Var<'t> {
    /// `x / (1 + e⁻ˣ)`, also called swish; finite in both tails (S. Elfwing et al., 2017;
    /// P. Ramachandran et al., 2017).
    #[track_caller]
    pub fn silu(self) -> Var<'t> {
        self * self.sigmoid()
    }

    /// `x Φ(x) = ½ x (1 + erf(x / √2))`, with the distribution function Φ of the normal
    /// distribution (D. Hendrycks and K. Gimpel, 2016).
    #[track_caller]
    pub fn gelu(self) -> Var<'t> {
        self * 0.5 * (1.0 + (self * FRAC_1_SQRT_2).erf())
    }

    /// `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`, which is within 0.0005 of
    /// [`gelu`](Self::gelu) (D. Hendrycks and K. Gimpel, 2016).
    #[track_caller]
    pub fn gelu_tanh(self) -> Var<'t> {
        const SQRT_2_OVER_PI: f64 = FRAC_2_SQRT_PI / SQRT_2;
        let inner = self * SQRT_2_OVER_PI * (1.0 + 0.044715 * self.square());
        self * 0.5 * (1.0 + inner.tanh())
    }

    /// `1.0507 · elu(x)` with `alpha = 1.6733`: the factors that keep mean 0 and variance 1 from
    /// layer to layer (G. Klambauer et al., 2017).
    #[track_caller]
    pub fn selu(self) -> Var<'t> {
        1.050_700_987_355_480_5 * self.elu(1.673_263_242_354_377_2)
    }
}
