//! Ways of optimizers over a function of two numbers.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{Claim, Contours, Run, Spread, Table};

use super::Make;

pub(super) type Point = (f64, f64);

/// The most steps that are taken.
pub(super) const LIMIT: usize = 1000;

/// A function of two numbers, where a walk over it begins and where it ends.
pub(super) struct Walk {
    pub(super) height: for<'t> fn(Var<'t>, Var<'t>) -> Var<'t>,
    pub(super) start: fn(Seed) -> Point,
    pub(super) arrived: fn(Point) -> bool,
}

/// An optimizer's name and how it is made.
pub(super) type Named = (&'static str, Make<f64>);

/// An optimizer at a rate, and its way with each seed.
pub(super) struct Ways {
    pub(super) name: &'static str,
    pub(super) rate: f64,
    pub(super) ways: Vec<Vec<Point>>,
}

impl Walk {
    /// The points that an optimizer comes by, until it arrives, is lost or has used up its steps.
    pub(super) fn way(&self, start: Point, mut optimizer: impl Optimizer<f64>) -> Vec<Point> {
        let mut params = Params::new(Seed(0));
        let point = params.add_tensor("point", &Tensor::from([start.0, start.1]));
        let mut way = vec![start];
        loop {
            let tape = Tape::training(&params, Seed(0));
            let at = tape.param(point);
            let height = (self.height)(at.slice(0, ..1), at.slice(0, 1..));
            let gradients = tape.backward(height);
            drop(tape);
            optimizer.step(&mut params, &gradients);
            let (x, y) = (params.values(point)[0], params.values(point)[1]);
            way.push((x, y));
            // NaN is not near, either.
            let is_near = x.hypot(y) < 1e3;
            if !is_near || (self.arrived)((x, y)) || way.len() > LIMIT {
                return way;
            }
        }
    }

    /// The number of steps to the end of a way; the limit if it does not lead there.
    pub(super) fn steps(&self, way: &[Point]) -> f64 {
        let arrived = way.last().is_some_and(|&end| (self.arrived)(end));
        (if arrived { way.len() - 1 } else { LIMIT }) as f64
    }

    /// The steps of an optimizer at each of these rates, over the seeds.
    pub(super) fn steps_at(
        &self,
        run: &Run,
        rates: &[f64],
        make: Make<f64>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        run.over(rates, |&rate, seed| Ok(self.steps(&self.way((self.start)(seed), make(rate)))))
    }

    /// An optimizer at the rate at which it needs the fewest steps, in the mean over the seeds, out
    /// of a grid from a tenth of this one to a thousand times as much.
    pub(super) fn best_rate(
        &self,
        run: &Run,
        around: f64,
        (name, make): Named,
    ) -> Result<Ways, Error> {
        let rates: Vec<f64> = (-8..=24).map(|i| around * 10_f64.powf(f64::from(i) / 8.0)).collect();
        let steps = self.steps_at(run, &rates, make)?;
        let means = steps.into_iter().map(|steps| Spread::of(steps).mean);
        let best = means.zip(&rates).min_by(|a, b| a.0.total_cmp(&b.0));
        let rate = best.map_or(f64::NAN, |(_, &rate)| rate);
        self.at_rate(run, rate, (name, make))
    }

    pub(super) fn at_rate(&self, run: &Run, rate: f64, (name, make): Named) -> Result<Ways, Error> {
        let ways = run.over_seeds(|seed| Ok(self.way((self.start)(seed), make(rate))))?;
        Ok(Ways { name, rate, ways })
    }

    fn steps_of(&self, walked: &Ways) -> Vec<f64> {
        walked.ways.iter().map(|way| self.steps(way)).collect()
    }

    /// That one optimizer needs fewer steps than another, each at its best rate.
    pub(super) fn is_faster(&self, statement: &str, one: &Ways, other: &Ways) -> Claim {
        let [one, other] = [one, other].map(|walked| self.steps_of(walked));
        let fewer = Spread::of_differences(other.clone(), one.clone());
        let (one, other) = (Spread::of(one), Spread::of(other));
        Claim::new(statement, fewer.is_above(0.0))
            .measured(format!("steps: {one:.0} against {other:.0}"))
    }

    /// The optimizers' best rates, and the steps that they need.
    pub(super) fn table(&self, all: &[Ways]) -> Table {
        let mut table = Table::new(["optimizer", "best rate", "steps"]);
        for best in all {
            let steps = Spread::of(self.steps_of(best));
            table.row([best.name.into(), format!("{:.3}", best.rate), format!("{steps:.0}")]);
        }
        table
    }

    /// A drawing of the function: the graph that is differentiated, run at each place of it.
    pub(super) fn draw(&self, title: &str, [x, y]: [std::ops::Range<f64>; 2]) -> Contours {
        let params = Params::<f64>::new(Seed(0));
        Contours::new(title, x, y, |x, y| {
            let tape = Tape::inference(&params);
            let [x, y] = [x, y].map(|number| tape.input(&Tensor::scalar(number)));
            tape.item((self.height)(x, y))
        })
    }
}
