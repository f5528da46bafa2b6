//! Noise on values, compositions of recorded operations with random numbers.
//!
//! Each depends on the tape's seed and on which of the tape's random operations it is.

use super::random::Distribution;
use crate::graph::Var;
use crate::shape::Shape;

/// Where SELU saturates, `-1.0507 · 1.6733`: what alpha dropout sets values to.
const SELU_SATURATION: f64 = -1.050_700_987_355_480_5 * 1.673_263_242_354_377_2;

impl<'t> Var<'t> {
    /// Whether noise of this rate is to be drawn.
    #[track_caller]
    fn drops(self, op: &str, rate: f64) -> bool {
        assert!((0.0..1.0).contains(&rate), "{op}: the rate has to be in [0, 1), got {rate}");
        rate > 0.0 && self.graph().mode().draws_noise()
    }

    /// Dropout: while training, each element is set to 0 with probability `rate` and the others
    /// are divided by `1 - rate`, so that the expected value stays the same; in inference, `x`
    /// itself. (N. Srivastava et al., 2014; in the inverted form.)
    ///
    /// The mask depends on the tape's seed and on which of the tape's random operations this is.
    ///
    /// # Panics
    ///
    /// If the rate is not in `0..1`.
    #[track_caller]
    pub fn dropout(self, rate: f64) -> Var<'t> {
        if !self.drops("dropout", rate) {
            return self;
        }
        let keep = 1.0 - rate;
        self * self.graph().noise(self.shape(), Distribution::bernoulli(keep, 1.0 / keep))
    }

    /// Dropout in the form that it was published in: while training, each element is set to 0 with
    /// probability `rate`; in inference, all are multiplied by `1 - rate`. (G. Hinton et al., 2012;
    /// N. Srivastava et al., 2014.) [`dropout`](Self::dropout) makes up for the loss in training
    /// instead, which leaves the network for inference as it is.
    ///
    /// # Panics
    ///
    /// If the rate is not in `0..1`.
    #[track_caller]
    pub fn original_dropout(self, rate: f64) -> Var<'t> {
        let keep = 1.0 - rate;
        match self.drops("original_dropout", rate) {
            true => self * self.graph().noise(self.shape(), Distribution::bernoulli(keep, 1.0)),
            false if rate > 0.0 => self * keep,
            false => self,
        }
    }

    /// Dropout of whole channels, `x[i, c, ..]`, whose elements are too much alike to be dropped
    /// one by one: while training, each channel of each example is set to 0 with probability
    /// `rate` and the others are divided by `1 - rate`; in inference, `x` itself. (J. Tompson et
    /// al., 2015.)
    ///
    /// # Panics
    ///
    /// If the rate is not in `0..1`, or there are no axes behind that of the channels.
    #[track_caller]
    pub fn spatial_dropout(self, rate: f64) -> Var<'t> {
        let shape = self.shape();
        assert!(
            shape.rank() > 2,
            "spatial_dropout: shape {shape} has no axes behind that of the channels; for single \
             features use `dropout`"
        );
        if !self.drops("spatial_dropout", rate) {
            return self;
        }
        let sizes = shape.iter().enumerate().map(|(axis, &size)| if axis < 2 { size } else { 1 });
        let keep = 1.0 - rate;
        let distribution = Distribution::bernoulli(keep, 1.0 / keep);
        self * self.graph().noise(sizes.collect::<Shape>(), distribution)
    }

    /// Alpha dropout, for values that come from SELU: while training, each element is set to where
    /// SELU saturates, -1.7581, with probability `rate`, and the result is scaled and shifted so
    /// that mean 0 and variance 1 stay what they are; in inference, `x` itself. (G. Klambauer et
    /// al., 2017.)
    ///
    /// # Panics
    ///
    /// If the rate is not in `0..1`.
    #[track_caller]
    pub fn alpha_dropout(self, rate: f64) -> Var<'t> {
        if !self.drops("alpha_dropout", rate) {
            return self;
        }
        let (keep, low) = (1.0 - rate, SELU_SATURATION);
        let scale = (keep * (1.0 + rate * low * low)).sqrt().recip();
        let shift = -scale * rate * low;
        let mask = self.graph().noise(self.shape(), Distribution::bernoulli(keep, scale));
        // Where the mask is 0, `low · scale + shift`; elsewhere `x · scale + shift`.
        (self - low) * mask + (low * scale + shift)
    }

    /// Gaussian dropout: while training, each element is multiplied by a number of the normal
    /// distribution with mean 1 and the variance of dropout's factor, `rate / (1 - rate)`; in
    /// inference, `x` itself. (N. Srivastava et al., 2014.)
    ///
    /// # Panics
    ///
    /// If the rate is not in `0..1`.
    #[track_caller]
    pub fn gaussian_dropout(self, rate: f64) -> Var<'t> {
        if !self.drops("gaussian_dropout", rate) {
            return self;
        }
        let std = (rate / (1.0 - rate)).sqrt();
        self * self.graph().noise(self.shape(), Distribution::normal(1.0, std))
    }

    /// While training, a number of the normal distribution with mean 0 and this standard deviation
    /// is added to each element; in inference, `x` itself. (C. Bishop, 1995.)
    ///
    /// # Panics
    ///
    /// If the standard deviation is negative or not finite.
    #[track_caller]
    pub fn gaussian_noise(self, std: f64) -> Var<'t> {
        assert!(
            std >= 0.0 && std.is_finite(),
            "gaussian_noise: the standard deviation has to be finite and not negative, got {std}"
        );
        if std == 0.0 || !self.graph().mode().draws_noise() {
            return self;
        }
        self + self.graph().noise(self.shape(), Distribution::normal(0.0, std))
    }
}
