//! What the lecture says of the two penalties, measured.

use gradtape::report::{Claim, Section, Spread};

use super::{LEFT, Results, Runs, Trained};

impl Trained {
    /// The Euclidean norm of the weights.
    pub(super) fn norm(&self) -> f64 {
        self.weights.data().iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt()
    }

    /// The share of weights that are smaller than a hundredth of the largest.
    pub(super) fn near_zero(&self) -> f64 {
        let largest = self.weights.data().iter().fold(0.0, |most: f32, w| most.max(w.abs()));
        self.share(|w| w.abs() < largest / 100.0)
    }

    /// The share of weights that are 0.
    pub(super) fn zeros(&self) -> f64 {
        self.share(|w| w == 0.0)
    }

    fn share(&self, of: impl Fn(f32) -> bool) -> f64 {
        let weights = self.weights.data();
        weights.iter().filter(|&&w| of(w)).count() as f64 / weights.len() as f64
    }
}

/// The spread of a quantity over the seeds.
pub(super) fn spread(runs: &Runs, of: impl Fn(&Trained) -> f64) -> Spread {
    Spread::of(runs.iter().map(of))
}

/// How much larger a quantity is with one setting than with another, seed by seed.
fn difference(a: &Runs, b: &Runs, of: impl Fn(&Trained) -> f64) -> Spread {
    Spread::of_differences(a.iter().map(&of), b.iter().map(&of))
}

/// Whether a quantity falls from each setting to the next, and its mean for each of them.
fn falls(sweep: &[(f64, Runs)], of: impl Fn(&Trained) -> f64) -> (bool, String) {
    let falls = |pair: &[(f64, Runs)]| difference(&pair[1].1, &pair[0].1, &of).is_below(0.0);
    let means = sweep.iter().map(|(_, runs)| format!("{:.3}", spread(runs, &of).mean));
    (sweep.windows(2).all(falls), means.collect::<Vec<_>>().join(", "))
}

pub(super) fn l2(section: Section, results: &Results) -> Section {
    let sweep = &results.l2;
    let factors: Vec<_> = sweep.iter().map(|(factor, _)| factor.to_string()).collect();
    let factors = factors.join(", ");
    let (best, too_large) = (results.with_l2(), &sweep[sweep.len() - 1]);
    let gain = difference(best, results.without(), |run| run.test);

    let (shrinks, norms) = falls(sweep, Trained::norm);
    let (rises, _) = falls(sweep, |run| -run.training);
    let (closes, gaps) = falls(sweep, |run| run.validation - run.training);
    let losses = sweep.iter().map(|(_, runs)| spread(runs, |run| run.training).mean);
    let losses = losses.map(|loss| format!("{loss:.3}")).collect::<Vec<_>>().join(", ");

    let by_heart: Vec<Spread> = results
        .by_heart
        .iter()
        .map(|runs| Spread::of(runs.iter().map(|[_, share]| *share)))
        .collect();
    let forgets = results.by_heart.windows(2).all(|pair| {
        let loss = |runs: &Vec<[f64; 2]>| runs.iter().map(|[loss, _]| *loss).collect::<Vec<_>>();
        Spread::of_differences(loss(&pair[1]), loss(&pair[0])).is_above(0.0)
    });
    let shares: Vec<_> = by_heart.iter().map(|share| format!("{:.2}", share.mean)).collect();

    // Even what it has seen is worse than what the network without penalty makes of other images.
    let excess = Spread::of_differences(
        too_large.1.iter().map(|run| run.training),
        results.without().iter().map(|run| run.validation),
    );
    section
        .heading("L2")
        .claim(Claim::new("L2 lowers the validation loss", gain.is_below(0.0)).measured(format!(
            "with λ = {}, on images that it was not chosen by: {} instead of {}, {gain}",
            sweep[results.best_l2].0,
            spread(best, |run| run.test),
            spread(results.without(), |run| run.test),
        )))
        .claim(
            Claim::new("The larger λ, the smaller the weights", shrinks)
                .measured(format!("norms for λ = {factors}: {norms}")),
        )
        .claim(
            Claim::new("The larger λ, the higher the training loss", rises)
                .measured(format!("for λ = {factors}: {losses}")),
        )
        .claim(
            Claim::new("The larger λ, the smaller the gap to the validation loss", closes)
                .measured(format!("for λ = {factors}: {gaps}")),
        )
        .claim(Claim::new("The larger λ, the smaller the capacity", forgets).measured(format!(
            "the loss on 300 images with random labels decides; the share of these labels that is \
             learned by heart: {}",
            shares.join(", ")
        )))
        .claim(Claim::new("Too large a λ underfits", excess.is_above(0.0)).measured(format!(
            "with λ = {} the training loss is {}; less the validation loss without penalty: {excess}",
            too_large.0,
            spread(&too_large.1, |run| run.training),
        )))
}

pub(super) fn l1(section: Section, results: &Results) -> Section {
    let (without, l2, l1) = (results.without(), results.with_l2(), results.with_l1());
    let gain = difference(l1, without, |run| run.test);
    let near = |runs: &Runs| spread(runs, Trained::near_zero);
    let concentrates = [without, l2].map(|other| difference(l1, other, Trained::near_zero));

    // The share left of which a network without penalty has begun to suffer.
    let at = LEFT.iter().position(|&left| left == 0.1).unwrap_or(0);
    let lost = |run: &Trained| run.cut[0] - run.cut[at];
    let cheaper = [without, l2].map(|other| difference(l1, other, lost));

    let (subgradient, proximal) =
        (spread(l1, Trained::zeros), spread(&results.proximal, Trained::zeros));
    let sparser = difference(&results.both, l2, Trained::near_zero);
    let smaller = difference(&results.both, l1, Trained::norm);
    section
        .heading("L1")
        .text(
            "The gradient of L2 shrinks a weight by a share of what it is: the smaller it is, the \
             slower. That of L1 takes the same amount off each, `η λ` a step, until nothing is \
             left. There it overshoots, and the weight swings about 0 without ever being 0. A \
             proximal step, `w <- sgn(w) max(|w| - η λ, 0)` after that on the loss alone \
             (I. Daubechies et al., 2004; here `Sgd::proximal_l1`), stops at 0.",
        )
        .claim(Claim::new("L1 lowers the validation loss", gain.is_below(0.0)).measured(format!(
            "with λ = {}, on images that it was not chosen by: {gain}",
            results.l1[results.best_l1].0,
        )))
        .claim(
            Claim::new(
                "With L1, weights concentrate in few connections",
                concentrates.iter().all(|more| more.is_above(0.0)),
            )
            .measured(format!(
                "share of weights below a hundredth of the largest: L1 {:.2}, L2 {:.2}, without \
                 {:.2}",
                near(l1),
                near(l2),
                near(without),
            )),
        )
        .claim(
            Claim::new(
                "With L1, the few largest weights do the work",
                cheaper.iter().all(|less| less.is_below(0.0)),
            )
            .measured(format!(
                "accuracy lost if all but the largest {:.0} % are set to 0: L1 {:.3}, L2 {:.3}, \
                 without {:.3}",
                100.0 * LEFT[at],
                spread(l1, lost),
                spread(l2, lost),
                spread(without, lost),
            )),
        )
        .claim(
            Claim::new(
                "As a penalty L1 makes hardly any weight exactly 0, as a proximal step a quarter \
                 or more",
                subgradient.is_below(0.01) && proximal.is_above(0.25),
            )
            .measured(format!("share of exact zeros: {subgradient} and {proximal}")),
        )
        .claim(
            Claim::new(
                "L1 and L2 together do both: fewer connections than L2 alone, smaller ones than L1 \
                 alone",
                sparser.is_above(0.0) && smaller.is_below(0.0),
            )
            .measured(format!(
                "share of small weights {:.2} against {:.2}, norm {:.2} against {:.2}; test loss \
                 {:.4}",
                near(&results.both),
                near(l2),
                spread(&results.both, Trained::norm),
                spread(l1, Trained::norm),
                spread(&results.both, |run| run.test),
            )),
        )
}
