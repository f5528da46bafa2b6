//! A network with dropout as an ensemble of as many networks as there are masks.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread};
use gradtape::train::ConfusionMatrix;

use super::averages::{hidden, root_mean_square};
use super::{HALF, Trained, place};

/// The means of what the first `k` sampled networks give, logits and probabilities, for each `k`.
fn averages(run: &Trained, hidden: &Tensor, sizes: &[usize], seed: Seed) -> Vec<[Tensor; 2]> {
    let mut sums = [(); 2].map(|()| vec![0.0; 10 * hidden.shape()[0]]);
    let mut means = Vec::new();
    for pass in 0..sizes.iter().copied().max().unwrap_or(0) {
        let tape = Tape::sampling(&run.params, seed.derive(pass as u64));
        let logits = run.network.logits(tape.input(hidden));
        for (sums, value) in sums.iter_mut().zip([logits, logits.softmax(-1)].map(|y| tape.keep(y)))
        {
            let value = tape.value(value);
            sums.iter_mut().zip(value.data()).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let k = pass + 1;
        if sizes.contains(&k) {
            let mean = |sums: &Vec<f64>| {
                Tensor::from_fn([hidden.shape()[0], 10], |i| (sums[i] / k as f64) as f32)
            };
            means.push(sums.each_ref().map(mean));
        }
    }
    means
}

/// How an average of sampled networks compares with the scaled one.
struct Average {
    /// The root of the mean square distance of the logits, and of the probabilities.
    logits: f64,
    probabilities: f64,
    /// Loss and accuracy of the averaged probabilities.
    loss: f64,
    accuracy: f64,
}

/// Averages of so many networks, and the scaled network's loss and accuracy.
fn ensemble(
    run: &Trained,
    data: &Dataset,
    sizes: &[usize],
    seed: Seed,
) -> Result<(Vec<Average>, [f64; 2]), Error> {
    let (hidden, labels) = (hidden(run, data.x()), data.y());
    let of_network = |probabilities: &Tensor| -> Result<[f64; 2], Error> {
        let tape = Tape::inference(&run.params);
        let (p, y) = (tape.input(probabilities), tape.input(labels));
        let loss = f64::from(tape.item(loss::cross_entropy_of_probabilities(p, y).mean(..)));
        Ok([loss, ConfusionMatrix::of(probabilities, labels)?.accuracy()])
    };
    let tape = Tape::inference(&run.params);
    let logits = run.network.logits(tape.input(&hidden));
    let scaled = [tape.value(logits), tape.value(logits.softmax(-1))];
    let compared =
        averages(run, &hidden, sizes, seed).into_iter().map(|[logits, probabilities]| {
            let [loss, accuracy] = of_network(&probabilities)?;
            Ok(Average {
                logits: root_mean_square(&logits, &scaled[0]),
                probabilities: root_mean_square(&probabilities, &scaled[1]),
                loss,
                accuracy,
            })
        });
    Ok((compared.collect::<Result<_, Error>>()?, of_network(&scaled[1])?))
}

pub(super) fn claims(
    section: Section,
    run: &Run,
    valid: &Dataset,
    trained: &[Trained],
) -> Result<Section, Error> {
    let largest = run.full_or_quick(8, 5);
    let sizes: Vec<usize> = (0..=largest).map(|power| 1 << power).collect();
    let most = sizes[sizes.len() - 1];
    let runs = run.over_seeds(|seed| ensemble(&trained[place(seed)], valid, &sizes, seed))?;
    let over_seeds = |at: usize, of: fn(&Average) -> f64| -> Vec<f64> {
        runs.iter().map(|(averages, _)| of(&averages[at])).collect()
    };
    let curve = |of: fn(&Average) -> f64| {
        sizes.iter().enumerate().map(move |(at, &k)| (k as f64, over_seeds(at, of)))
    };
    let scaled =
        |which: usize| runs.iter().map(|(_, of_scaled)| of_scaled[which]).collect::<Vec<_>>();
    let last = sizes.len() - 1;
    let approaches = (1..=last).all(|at| {
        let [now, before] = [at, at - 1].map(|at| over_seeds(at, |average| average.logits));
        Spread::of_differences(now, before).is_below(0.0)
    });
    // Of independent masks the distance falls as `1 / √k`.
    let ratio = Spread::of(
        over_seeds(last, |a| a.logits).iter().zip(over_seeds(0, |a| a.logits)).map(|(a, b)| a / b),
    );
    let expected = 1.0 / (most as f64).sqrt();
    let as_expected = (ratio.mean / expected - 1.0).abs() < 0.2;
    let gain = Spread::of_differences(over_seeds(last, |a| a.loss), over_seeds(0, |a| a.loss));
    let loss = Spread::of_differences(scaled(0), over_seeds(last, |a| a.loss));
    let scaled_loss = Spread::of(scaled(0)).mean;
    let enough = sizes
        .iter()
        .enumerate()
        .find(|&(at, _)| Spread::of(over_seeds(at, |average| average.loss)).mean <= scaled_loss);
    let enough = enough.map(|(_, &k)| k);
    let accuracy = Spread::of_differences(scaled(1), over_seeds(last, |a| a.accuracy));

    Ok(section
        .heading("An ensemble of networks that share their weights")
        .text(format!(
            "Each mask leaves another network, `2^512` of them, all with the same weights. What \
             the one network says at test time stands for their mean. Here, `k` of them are drawn \
             (rate {HALF}), and the mean of what they say is compared with it."
        ))
        .claim(
            Claim::new(
                "The average of k sampled networks approaches the scaled one as k grows",
                approaches && as_expected,
            )
            .measured(format!(
                "distance of the logits for k = {most}, over that for k = 1: {ratio}; of \
                 independent masks it is 1/√k = {expected:.4}"
            )),
        )
        .claim(
            Claim::new("The average of many is better than a single one", gain.is_below(0.0))
                .measured(format!("loss with k = {most} less that with k = 1: {gain}")),
        )
        .claim(
            Claim::new(
                "The scaled network is as accurate as the average of many, within 0.5 %",
                accuracy.is_above(-0.005) && accuracy.is_below(0.005),
            )
            .measured(format!("scaled less average of {most}: accuracy {accuracy}, loss {loss}")),
        )
        .figure(
            Chart::new("Distance to the scaled network")
                .x("networks k")
                .y("root mean square")
                .log_x()
                .log_y()
                .spread("mean of logits", curve(|average| average.logits))
                .spread("mean of probabilities", curve(|average| average.probabilities)),
            "Logits are linear in the mask: the scaled network has their very mean, and only \
             chance is between them. Probabilities are not; their distance can come to rest at what \
             the approximation is off.",
        )
        .figure(
            Chart::new("Loss of the averaged probabilities")
                .x("networks k")
                .y("validation loss")
                .log_x()
                .spread("average of k", curve(|average| average.loss))
                .line("scaled network", [(1.0, scaled_loss), (most as f64, scaled_loss)]),
            match enough {
                Some(k) => {
                    format!("It takes {k} passes to do as well as the scaled network does in one.")
                }
                None => format!("Not even {most} passes do as well as the scaled network in one."),
            },
        ))
}
