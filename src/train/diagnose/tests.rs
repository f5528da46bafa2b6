use super::*;
use crate::seed::Seed;
use crate::train::loss_at_chance;

/// A curve with noise of this amplitude, a function of the seed.
fn curve(epochs: usize, noise: f64, seed: u64, loss: impl Fn(f64) -> f64) -> Vec<f64> {
    let uniform = |i: usize| Seed(seed).derive(i as u64).0 as f64 / u64::MAX as f64;
    (0..epochs).map(|i| loss(i as f64) + noise * (2.0 * uniform(i) - 1.0)).collect()
}

#[derive(PartialEq, Eq, Debug)]
enum Kind {
    TooFew,
    Diverged,
    Underfitting,
    Overfitting,
    Fitting,
}
use Kind::{Diverged, Fitting, Overfitting, TooFew, Underfitting};

fn kind(verdict: Verdict) -> Kind {
    match verdict {
        Verdict::TooFewEpochs => TooFew,
        Verdict::Diverged { .. } => Diverged,
        Verdict::Underfitting { .. } => Underfitting,
        Verdict::Overfitting { .. } => Overfitting,
        Verdict::Fitting { .. } => Fitting,
    }
}

fn learning(x: f64) -> f64 {
    0.05 + 2.25 * (-x / 4.0).exp()
}

fn learning_close_by(x: f64) -> f64 {
    0.1 + 2.2 * (-x / 4.0).exp()
}

/// Falls to 0.4 and rises from epoch 12 on.
fn turning(x: f64) -> f64 {
    0.4 + 1.9 * (-x / 3.0).exp() + 0.02 * (x - 12.0).max(0.0)
}

#[test]
fn known_curves_are_told_apart_with_and_without_noise() {
    type Curve = fn(f64) -> f64;
    let cases: [(Curve, Curve, Kind); 8] = [
        (learning, learning_close_by, Fitting),
        (learning, turning, Overfitting),
        // Never rises, but lies apart.
        (learning, |x| 0.7 + 1.6 * (-x / 3.0).exp(), Overfitting),
        // Learned nothing.
        (|_| 2.3, |_| 2.3, Underfitting),
        (|x| 2.3 - 0.001 * x, |x| 2.31 - 0.001 * x, Underfitting),
        // Better on new data, as with dropout.
        (|x| 0.4 + 1.9 * (-x / 4.0).exp(), |x| 0.3 + 1.9 * (-x / 4.0).exp(), Fitting),
        (|x| 2.3 + 0.1 * x, |x| 2.3 + 0.1 * x, Diverged),
        // Both stay high together: only a target could tell.
        (|x| 1.2 + 1.1 * (-x / 4.0).exp(), |x| 1.25 + 1.1 * (-x / 4.0).exp(), Fitting),
    ];
    for (i, (training, validation, expected)) in cases.iter().enumerate() {
        for epochs in [30, 100] {
            for noise in [0.0, 0.01, 0.05] {
                for seed in 0..20 {
                    let training = curve(epochs, noise, 2 * seed, training);
                    let validation = curve(epochs, noise, 2 * seed + 1, validation);
                    let verdict = diagnose(&training, &validation).unwrap().verdict();
                    assert_eq!(
                        kind(verdict),
                        *expected,
                        "case {i}, {epochs} epochs, noise {noise}, seed {seed}: {verdict:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn overfitting_is_dated_and_measured() {
    let (training, validation) = (curve(40, 0.0, 0, learning), curve(40, 0.0, 0, turning));
    let Verdict::Overfitting { since, rise, gap } =
        diagnose(&training, &validation).unwrap().verdict
    else {
        panic!("the validation loss rises");
    };
    assert!((11..=16).contains(&since), "{since}");
    assert!((rise - 0.5).abs() < 0.05 && (gap - 0.9).abs() < 0.05, "{rise} {gap}");

    // The training loss falls below 0.9 by a tenth of its fall in epoch 6.
    let apart = curve(40, 0.0, 0, |x| (learning(x) + 0.02).max(0.9 - 0.002 * x));
    let verdict = diagnose(&training, &apart).unwrap().verdict();
    assert!(matches!(verdict, Verdict::Overfitting { since: 4..=8, .. }), "{verdict:?}");
}

#[test]
fn a_target_or_chance_settles_what_curves_alone_cannot() {
    let training = curve(30, 0.0, 0, |x| 1.2 + 1.1 * (-x / 4.0).exp());
    let curves = LearningCurves::new(&training, &[]).unwrap();
    assert_eq!(curves.diagnose().verdict(), Verdict::Fitting { falling: false });
    let missed = curves.target(0.5).diagnose();
    assert_eq!(missed.verdict(), Verdict::Underfitting { falling: false });
    assert_eq!(kind(curves.target(1.25).diagnose().verdict()), Fitting);

    // Falls from a bad start to what guessing gives.
    let guessing = curve(30, 0.0, 0, |x| loss_at_chance(10) + 2.7 * (-x).exp());
    let curves = LearningCurves::new(&guessing, &[]).unwrap().chance(loss_at_chance(10));
    assert_eq!(kind(curves.diagnose().verdict()), Underfitting);
}

#[test]
fn a_loss_that_still_falls_asks_for_more_epochs_first() {
    let training = curve(20, 0.0, 0, |x| 2.3 - 0.08 * x);
    let diagnosis = LearningCurves::new(&training, &[]).unwrap().target(0.1).diagnose();
    assert_eq!(diagnosis.verdict(), Verdict::Underfitting { falling: true });
    assert_eq!(diagnosis.remedies()[0], "train longer: the training loss is still falling");
    let flat = LearningCurves::new(&[2.3; 20], &[]).unwrap().diagnose();
    assert!(!flat.remedies()[0].starts_with("train longer"));
}

#[test]
fn bad_numbers_and_few_epochs_are_told_first() {
    let nan = f64::NAN;
    let cases: [(&[f64], &[f64], Verdict); 5] = [
        (&[], &[], Verdict::TooFewEpochs),
        (&[2.0, 1.0, 0.5, 0.4], &[2.0, 3.0, 4.0, 5.0], Verdict::TooFewEpochs),
        (&[2.0, 1.0, nan], &[2.0, 1.0, 1.0], Verdict::Diverged { epoch: 2, finite: false }),
        (
            &[2.0, 1.0, 0.5],
            &[f64::INFINITY, 1.0, nan],
            Verdict::Diverged { epoch: 0, finite: false },
        ),
        (&[nan], &[], Verdict::Diverged { epoch: 0, finite: false }),
    ];
    for (training, validation, expected) in cases {
        assert_eq!(diagnose(training, validation).unwrap().verdict(), expected);
    }
    assert_eq!(
        diagnose(&[1.0, 0.5], &[1.0]).unwrap_err().to_string(),
        "learning curves: expected 2 validation losses, or none, found 1"
    );
}

#[test]
fn a_diagnosis_reads_as_advice() {
    let (training, validation) = (curve(40, 0.0, 0, learning), curve(40, 0.0, 0, turning));
    let advice = diagnose(&training, &validation).unwrap().to_string();
    let mut lines = advice.lines();
    let verdict = lines.next().unwrap();
    assert!(verdict.starts_with("Overfitting since epoch 13: "), "{advice}");
    assert_eq!(lines.next(), Some("What to try, in this order:"));
    assert_eq!(lines.next(), Some("- stop early, and keep the parameters of the best epoch"));

    let rising = diagnose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[]).unwrap().to_string();
    assert!(rising.starts_with("Diverged: the training loss rises since epoch 1, and"), "{rising}");
    let diverged = diagnose(&[1.0, 0.5], &[1.0, f64::NAN]).unwrap().to_string();
    assert!(diverged.starts_with("Diverged: the loss is not finite in epoch 2."), "{diverged}");
}
