//! A curve without its noise, and how large that was.

/// A smoothed curve of losses.
pub(super) struct Smoothed {
    losses: Vec<f64>,
    /// The first loss as it was: smoothed, a steep beginning looks lower.
    first: f64,
    /// What a difference of two smoothed losses has to exceed to be no noise.
    doubt: f64,
}

impl Smoothed {
    /// Smooths a curve of at least one loss: the mean over a window around each epoch, of a tenth of
    /// all epochs, at least of three. At the ends, half of the window remains.
    pub(super) fn new(losses: &[f64]) -> Self {
        let half = (losses.len() / 20).max(1);
        let window =
            |at: usize| &losses[at.saturating_sub(half)..(at + half + 1).min(losses.len())];
        let mean = |window: &[f64]| window.iter().sum::<f64>() / window.len() as f64;
        let smoothed: Vec<f64> = (0..losses.len()).map(|at| mean(window(at))).collect();

        // Second differences see no slope; those of white noise have six times its variance. The
        // median is not moved by the curve's steep beginning, nor by single outliers.
        let curvature = losses.windows(3).map(|x| (x[0] - 2.0 * x[1] + x[2]).abs());
        let mut curvature: Vec<f64> = curvature.collect();
        curvature.sort_by(f64::total_cmp);
        let median = curvature.get(curvature.len() / 2).copied().unwrap_or(0.0);
        // The median magnitude of normal noise is 0.6745 of its deviation.
        let deviation = median / 0.6745 / 6.0_f64.sqrt();
        // Three deviations of a difference of two means at the ends.
        let doubt = 3.0 * deviation * (2.0 / (half + 1) as f64).sqrt();
        Self { losses: smoothed, first: losses[0], doubt }
    }

    pub(super) fn epochs(&self) -> usize {
        self.losses.len()
    }

    pub(super) fn at(&self, epoch: usize) -> f64 {
        self.losses[epoch]
    }

    pub(super) fn start(&self) -> f64 {
        self.losses[0]
    }

    pub(super) fn first(&self) -> f64 {
        self.first
    }

    pub(super) fn end(&self) -> f64 {
        self.losses[self.losses.len() - 1]
    }

    pub(super) fn doubt(&self) -> f64 {
        self.doubt
    }

    /// The epoch with the lowest loss, the first of equal ones.
    pub(super) fn best(&self) -> usize {
        let lower =
            |best: usize, at: usize| if self.losses[at] < self.losses[best] { at } else { best };
        (0..self.losses.len()).reduce(lower).unwrap_or(0)
    }
}
