//! A ravine, a saddle and Beale's function.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Chart, Claim, Run, Section, Spread, Table};
use rand::RngExt;

use super::optimizers;
use super::walk::{LIMIT, Point, Walk, Ways};

/// A long valley: 200 times as curved across as along.
fn ravine_height<'t>(x: Var<'t>, y: Var<'t>) -> Var<'t> {
    0.5 * x.square() + 100.0 * y.square()
}

fn saddle_height<'t>(x: Var<'t>, y: Var<'t>) -> Var<'t> {
    x.square() - y.square()
}

/// E. M. L. Beale, 1958: cliffs, and a flat valley to the minimum at (3, 0.5).
fn beale_height<'t>(x: Var<'t>, y: Var<'t>) -> Var<'t> {
    let residuals = [1.5 - x + x * y, 2.25 - x + x * y.square(), 2.625 - x + x * y.pow(3.0)];
    residuals[0].square() + residuals[1].square() + residuals[2].square()
}

/// A point near another one.
fn near((x, y): Point, distance: f64, seed: Seed) -> Point {
    let mut rng = seed.rng();
    let mut offset = || rng.random_range(-distance..distance);
    (x + offset(), y + offset())
}

/// The length of each way, from side to side only.
fn across(walked: &Ways) -> Vec<f64> {
    let length = |way: &Vec<Point>| way.windows(2).map(|step| (step[1].1 - step[0].1).abs()).sum();
    walked.ways.iter().map(length).collect()
}

pub(super) fn ravine(run: &Run, section: Section) -> Result<Section, Error> {
    let walk = Walk {
        height: ravine_height,
        start: |seed| near((-4.0, 1.0), 0.3, seed),
        arrived: |(x, y)| x.hypot(y) < 0.01,
    };
    // Plain SGD's best rate on a quadratic is known: 2 / (1 + 200).
    let rate = 2.0 / 201.0;
    let [sgd, momentum, nesterov, adaptive @ ..] = optimizers();
    let best = |optimizer| walk.best_rate(run, rate, optimizer);
    let at_same_rate = walk.at_rate(run, rate, momentum)?;
    let all = [best(sgd)?, best(momentum)?, best(nesterov)?];
    let [sgd, momentum, nesterov] = &all;
    let swings_less = |statement: &str, walked: &Ways| {
        let less = Spread::of_differences(across(sgd), across(walked));
        let [walked, sgd] = [walked, sgd].map(|walked| Spread::of(across(walked)));
        Claim::new(statement, less.is_above(0.0))
            .measured(format!("way from side to side: {walked:.1} against {sgd:.1}"))
    };
    let drawing = || walk.draw("The first 40 steps", [-4.6..1.2, -1.5..1.5]).minimum(0.0, 0.0);
    let one_rate = [sgd, &at_same_rate, nesterov].into_iter().fold(drawing(), |drawing, walked| {
        drawing.path(walked.name, walked.ways[0].iter().copied().take(40))
    });
    let own_rates = adaptive.into_iter().fold(drawing(), |drawing, (name, make)| {
        drawing.path(name, walk.way((walk.start)(Seed(1)), make(0.2)).into_iter().take(40))
    });
    let distances = all.iter().fold(
        Chart::new("Distance from the minimum").x("step").y("distance").log_y(),
        |chart, walked| {
            let points = walked.ways[0].iter().enumerate();
            chart.line(walked.name, points.map(|(step, (x, y))| (step as f64, x.hypot(*y))))
        },
    );
    Ok(section
        .heading("A ravine")
        .text(
            "`f = x²/2 + 100 y²`, from a point near `(-4, 1)` to within 0.01 of the minimum. The \
             walls allow plain SGD no rate of 0.01 or more, which is little along the ravine. Just \
             below, where it is fastest, each step leads to the other side, and a swing is 0.99 \
             times the one before. Momentum adds up the gradients along, which agree, and cancels \
             those across.",
        )
        .text(
            "The heavy ball swings by itself, too: its swings shrink by `sqrt(0.9) = 0.95` a step, \
             no faster, whatever the rate. It damps those of SGD only because SGD's shrink more \
             slowly still. At its own best rate, which SGD would not bear, it swings more widely \
             at first.",
        )
        .claim(walk.is_faster("Momentum is faster than plain SGD in a ravine", momentum, sgd))
        .claim(swings_less("Momentum damps the swings of SGD at its best rate", &at_same_rate))
        .claim(walk.is_faster("Nesterov's is faster than plain SGD in a ravine", nesterov, sgd))
        .claim(swings_less("Nesterov's swings less, each at its best rate", nesterov))
        .claim(walk.is_faster("Nesterov's is faster than the heavy ball", nesterov, momentum))
        .figure(
            one_rate,
            "One rate for both directions: SGD's best, also of momentum; Nesterov's own.",
        )
        .figure(own_rates, "A rate for each direction: 0.2 by the size of its gradients.")
        .figure(distances, "All the way, each at its best rate, seed 1.")
        .table(walk.table(&all)))
}

pub(super) fn saddle(run: &Run, section: Section) -> Result<Section, Error> {
    const RATES: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
    /// The rate of the pictures.
    const SHOWN: usize = 1;
    let walk = Walk {
        height: saddle_height,
        start: |seed| (-1.0, near((0.0, 0.0), 1e-6, seed).1),
        arrived: |(_, y)| y.abs() > 1.0,
    };
    let mut table = Table::new(
        std::iter::once("optimizer".into()).chain(RATES.map(|rate| format!("rate {rate}"))),
    );
    let mut drawing = walk.draw("From the ridge", [-1.1..0.6, -1.1..1.1]);
    let mut distances = Chart::new("Distance from the ridge").x("step").y("distance").log_y();
    let mut all = Vec::new();
    let mut stuck = true;
    for (name, make) in optimizers() {
        let steps = walk.steps_at(run, &RATES, make)?;
        let means = steps.iter().map(|steps| format!("{:.0}", Spread::of(steps.clone())));
        table.row(std::iter::once(name.to_string()).chain(means));
        let way = walk.way((walk.start)(Seed(1)), make(RATES[SHOWN]));
        drawing = drawing.path(name, way.iter().copied());
        let points = way.iter().enumerate().map(|(step, (_, y))| (step as f64, y.abs()));
        distances = distances.line(name, points);
        stuck &= walk.way((-1.0, 0.0), make(RATES[SHOWN])).iter().all(|&(_, y)| y == 0.0);
        all.push(steps);
    }
    let (sgd, rmsprop) = (&all[0], &all[4]);
    let escapes = sgd
        .iter()
        .zip(rmsprop)
        .all(|(sgd, rmsprop)| Spread::of_differences(sgd.clone(), rmsprop.clone()).is_above(0.0));
    let in_words = |steps: &[Vec<f64>]| {
        let means = steps.iter().map(|steps| Spread::of(steps.clone()).mean);
        means.map(|mean| format!("{mean:.0}")).collect::<Vec<_>>().join(", ")
    };
    Ok(section
        .heading("A saddle")
        .text(format!(
            "`f = x² - y²`, from a point at most a millionth beside the ridge `y = 0`, until `y` \
             is 1 (after {LIMIT} steps we stop waiting). The gradient away from the ridge is as \
             small as the distance from it, and so are the steps of SGD: they grow by the same \
             factor each. RMSProp divides by the size of the gradient; what is left is its sign."
        ))
        .claim(Claim::new("At the saddle SGD stalls where RMSProp escapes", escapes).measured(
            format!(
                "steps at the rates of the table: SGD {}; RMSProp {}",
                in_words(sgd),
                in_words(rmsprop)
            ),
        ))
        .claim(
            Claim::new("Exactly on the ridge all of them are stuck, RMSProp, too", stuck)
                .measured("the gradient away from it is exactly 0, and so is each step"),
        )
        .figure(drawing, format!("At the rate {}; seed 1.", RATES[SHOWN]))
        .figure(distances, "The same ways: SGD's distance grows from almost nothing.")
        .table(table))
}

pub(super) fn beale(run: &Run, section: Section) -> Result<Section, Error> {
    const MINIMUM: Point = (3.0, 0.5);
    let walk = Walk {
        height: beale_height,
        start: |seed| near((1.0, 1.5), 0.2, seed),
        arrived: |(x, y)| (x - MINIMUM.0).hypot(y - MINIMUM.1) < 0.1,
    };
    let [sgd, momentum, nesterov, adagrad, rmsprop, adam] =
        optimizers().map(|optimizer| walk.best_rate(run, 0.01, optimizer));
    let all = [sgd?, momentum?, nesterov?, adagrad?, rmsprop?, adam?];
    let [sgd, momentum, _, adagrad, rmsprop, adam] = &all;
    let ranges = || [-1.6..4.2, -2.8..2.4];
    let draw = |some: &[Ways]| {
        let drawing = walk.draw("Beale's function", ranges()).minimum(MINIMUM.0, MINIMUM.1);
        some.iter().fold(drawing, |drawing, walked| {
            drawing.path(walked.name, walked.ways[0].iter().copied())
        })
    };
    let apart = adam_and_rmsprop_apart(&walk);
    Ok(section
        .heading("Beale's function")
        .text(
            "`f = (1.5 - x + xy)² + (2.25 - x + xy²)² + (2.625 - x + xy³)²`, from a point near \
             `(1, 1.5)` to within 0.1 of the minimum. The rate that the slope at the beginning \
             bears is too small for the flat valley that follows. AdaGrad remembers the slope for \
             ever; RMSProp forgets it. Whether Adam or RMSProp arrives first depends on the point.",
        )
        .claim(walk.is_faster("Momentum is faster than SGD on Beale's function", momentum, sgd))
        .claim(walk.is_faster("RMSProp is faster than SGD on Beale's function", rmsprop, sgd))
        .claim(walk.is_faster("RMSProp beats AdaGrad on Beale's function", rmsprop, adagrad))
        .claim(walk.is_faster("Adam is faster than SGD on Beale's function", adam, sgd))
        .claim(
            Claim::new("Adam without momentum is RMSProp with a warm-up", apart < 1e-9).measured(
                format!(
                    "with `β₁ = 0` it goes the way of RMSProp at the rate `r sqrt(1 - β₂ᵗ)`; the \
                     ways are at most {apart:.0e} apart"
                ),
            ),
        )
        .figure(draw(&all[..3]), "Each at its best rate, seed 1.")
        .figure(draw(&all[3..]), "Each at its best rate, seed 1.")
        .table(walk.table(&all)))
}

/// The largest distance between Adam without momentum and RMSProp at a rate that grows as Adam's
/// correction of its mean of squares does.
fn adam_and_rmsprop_apart(walk: &Walk) -> f64 {
    const RATE: f64 = 0.1;
    let start = (walk.start)(Seed(1));
    let adam = Adam::new(RATE).beta1(0.0).beta2(0.9).eps(1e-15);
    let warm_up = |step: u64| RATE * (1.0 - 0.9_f64.powf(step as f64 + 1.0)).sqrt();
    let rmsprop = RmsProp::new(warm_up).rho(0.9).eps(1e-15);
    let (adam, rmsprop) = (walk.way(start, adam), walk.way(start, rmsprop));
    let distances = adam.iter().zip(&rmsprop).map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1));
    let longer = adam.len().abs_diff(rmsprop.len()) as f64;
    distances.fold(longer, f64::max)
}
