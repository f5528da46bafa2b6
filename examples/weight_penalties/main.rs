//! Weight penalties: L2 keeps weights small, L1 keeps few of them. What either does to the losses,
//! to the weights and to what the network could learn at all; and the update that each leads to,
//! though no optimizer knows of penalties.

mod claims;
mod figures;
mod steps;

use std::process::ExitCode;

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Experiments, Run, Section};
use gradtape::train::History;

const RATE: f64 = 0.1;
const BATCH: usize = 32;

/// The examples to train on: few, so that there is something to be lost.
const EXAMPLES: usize = 1000;

/// The shares of the hidden layer's weights that are left when the smallest are cut off.
const LEFT: [f64; 8] = [1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01];

fn network(inputs: usize, penalty: L1L2, params: &mut Params<impl Scalar>) -> (Sequential, Dense) {
    let hidden = Dense::new(inputs, 128).init(HeNormal).penalty(penalty).build(params, "hidden");
    let output = Dense::new(128, 10).penalty(penalty).build(params, "output");
    (Sequential::new().then(hidden).then(Relu).then(output), hidden)
}

/// How weights are kept small: by penalties in the loss, or by a proximal step after each of the
/// gradient's.
#[derive(Clone, Copy, Default)]
struct Setting {
    l1: f64,
    l2: f64,
    proximal_l1: f64,
}

/// What came of one training.
struct Trained {
    history: History,
    /// The losses of the weights that it left, without the penalty.
    training: f64,
    validation: f64,
    test: f64,
    accuracy: f64,
    /// The hidden layer's kernel, `[inputs, units]`.
    weights: Tensor,
    /// The accuracy when only a share of these weights is left, for each of [`LEFT`].
    cut: Vec<f64>,
}

struct Data {
    train: Dataset,
    valid: Dataset,
    /// What no setting was chosen by.
    test: Dataset,
}

fn train(data: &Data, setting: Setting, epochs: usize, seed: Seed) -> Result<Trained, Error> {
    let Setting { l1, l2, proximal_l1 } = setting;
    let mut params = Params::new(seed);
    let (model, hidden) = network(data.train.x().shape()[1], L1L2 { l1, l2 }, &mut params);
    let optimizer = Sgd::new(RATE).proximal_l1(proximal_l1).exempt_biases_and_normalization();
    let mut trainer = Trainer::new(&model, optimizer, loss::cross_entropy).metric(Accuracy);
    let fit = trainer.fit(&mut params, &data.train).epochs(epochs).batch_size(BATCH).seed(seed);
    let history = fit.validation(&data.valid).silent().run()?;

    let [training, validation, test] = [&data.train, &data.valid, &data.test]
        .map(|examples| trainer.evaluate(&params, examples).map(|result| result.loss));
    let weights = params.tensor(hidden.kernel());
    let mut cut = Vec::new();
    for left in LEFT {
        keep_largest(params.values_mut(hidden.kernel()), left);
        let result = trainer.evaluate(&params, &data.test)?;
        cut.push(result.get("accuracy").unwrap_or(f64::NAN));
    }
    let (training, validation, test, accuracy) = (training?, validation?, test?, cut[0]);
    Ok(Trained { history, training, validation, test, accuracy, weights, cut })
}

/// Sets all but this share of the weights to 0, the smallest ones.
fn keep_largest(weights: &mut [f32], share: f64) {
    let mut sizes: Vec<f32> = weights.iter().map(|w| w.abs()).collect();
    sizes.sort_unstable_by(|a, b| b.total_cmp(a));
    let smallest = sizes[(share * sizes.len() as f64) as usize - 1];
    weights.iter_mut().filter(|w| w.abs() < smallest).for_each(|w| *w = 0.0);
}

/// What is left of a network's loss when it is trained on labels that are drawn at random, and the
/// share of them that it has learned: there is no rule, only capacity (C. Zhang et al., 2017).
fn learn_by_heart(data: &Data, l2: f64, epochs: usize, seed: Seed) -> Result<[f64; 2], Error> {
    let examples = data.train.take(300);
    let labels = (0..300).map(|i| (seed.derive(i).0 % 10) as u32).collect::<Vec<_>>();
    let train = Dataset::new(examples.x().clone(), Indices::from(labels))?;
    let mut params = Params::new(seed);
    let (model, _) = network(train.x().shape()[1], L1L2 { l1: 0.0, l2 }, &mut params);
    let mut trainer = Trainer::new(&model, Sgd::new(RATE), loss::cross_entropy).metric(Accuracy);
    trainer.fit(&mut params, &train).epochs(epochs).batch_size(BATCH).seed(seed).silent().run()?;
    let result = trainer.evaluate(&params, &train)?;
    Ok([result.loss, result.get("accuracy").unwrap_or(f64::NAN)])
}

/// The runs of all seeds with a setting.
type Runs = Vec<Trained>;

/// Everything that was run: a list over the seeds for each setting.
struct Results {
    /// Each `λ` of L2 in rising order, the first of them 0.
    l2: Vec<(f64, Runs)>,
    /// Loss and share of random labels learned, for each `λ` of L2.
    by_heart: Vec<Vec<[f64; 2]>>,
    /// Each `λ` of L1 in rising order.
    l1: Vec<(f64, Runs)>,
    /// The `λ` whose mean validation loss is lowest, as a place in `l2` and in `l1`.
    best_l2: usize,
    best_l1: usize,
    /// Both penalties together, each with its best `λ`.
    both: Runs,
    /// The best `λ` of L1 in a proximal step instead of a penalty.
    proximal: Runs,
}

impl Results {
    fn without(&self) -> &Runs {
        &self.l2[0].1
    }

    fn with_l2(&self) -> &Runs {
        &self.l2[self.best_l2].1
    }

    fn with_l1(&self) -> &Runs {
        &self.l1[self.best_l1].1
    }
}

fn results(run: &Run, data: &Data) -> Result<Results, Error> {
    let epochs = run.full_or_quick(80, 40);
    let over = |settings: &[Setting]| {
        run.over(settings, |&setting, seed| train(data, setting, epochs, seed))
    };
    let zero = Setting::default();
    let factors = run
        .full_or_quick(&[0.0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1][..], &[0.0, 0.003, 0.03, 0.1]);
    let settings: Vec<_> = factors.iter().map(|&l2| Setting { l2, ..zero }).collect();
    let l2: Vec<_> = factors.iter().copied().zip(over(&settings)?).collect();
    let by_heart = run.over(factors, |&l2, seed| learn_by_heart(data, l2, 2 * epochs, seed))?;

    let factors = run.full_or_quick(&[0.0001, 0.0003, 0.001][..], &[0.0003, 0.001]);
    let settings: Vec<_> = factors.iter().map(|&l1| Setting { l1, ..zero }).collect();
    let l1: Vec<_> = factors.iter().copied().zip(over(&settings)?).collect();

    let loss = |runs: &Runs| runs.iter().map(|run| run.validation).sum::<f64>();
    let best = |sweep: &[(f64, Runs)]| {
        let order = |&a: &usize, &b: &usize| loss(&sweep[a].1).total_cmp(&loss(&sweep[b].1));
        (0..sweep.len()).filter(|&i| sweep[i].0 > 0.0).min_by(order).unwrap_or(0)
    };
    let (best_l2, best_l1) = (best(&l2), best(&l1));
    let chosen = Setting { l1: l1[best_l1].0, l2: l2[best_l2].0, proximal_l1: 0.0 };
    let both = over(&[chosen])?.remove(0);
    let proximal = over(&[Setting { proximal_l1: chosen.l1, ..zero }])?.remove(0);
    Ok(Results { l2, by_heart, l1, best_l2, best_l1, both, proximal })
}

pub(crate) fn experiment(run: &Run) -> Result<Section, Error> {
    let built_in = || datasets::mnist5k()?.split_at(EXAMPLES);
    let numbers = [EXAMPLES..=EXAMPLES, 3..=3000];
    let (train, others) = run.data_or("mnist5k", built_in, numbers)?;
    let (valid, test) = others.split_at(others.len() / 3)?;
    let data = Data { train, valid, test };
    let results = results(run, &data)?;

    let section = Section::new("Weight penalties").text(format!(
        "A penalty on the weights is added to the loss, so that large ones have to be worth it: \
         L2 `λ/2 Σ w²` (A. Hoerl and R. Kennard, 1970; A. Krogh and J. Hertz, 1992), L1 `λ Σ |w|` \
         (R. Tibshirani, 1996). Here both kernels of a network of one hidden layer carry it, on \
         {EXAMPLES} images, so few on purpose, by plain gradient descent at rate {RATE}. Losses are those without the \
         penalty. `λ` is chosen by the validation loss; differences are then measured on other \
         images."
    ));
    let section = figures::sweep(run, claims::l2(section, &results), &results);
    let section = figures::weights(claims::l1(section, &results), &results)?;
    let few = data.train.take(run.full_or_quick(EXAMPLES, 320));
    let section = steps::claims(section, run, &few, &results)?;
    Ok(section
        .table(figures::table(&results))
        .code_of(include_str!("main.rs"), "fn network")
        .code_of(include_str!("steps.rs"), "fn step"))
}

fn main() -> ExitCode {
    Experiments::new("Weight penalties", "target/weight_penalties")
        .command("cargo run --release --example")
        .add("weight_penalties", experiment)
        .main()
}
