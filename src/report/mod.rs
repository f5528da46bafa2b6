//! Results to look at: pictures in SVG, pages in HTML, claims with a verdict.
//!
//! | to | see |
//! |---|---|
//! | draw curves, losses over epochs | [`Chart`] |
//! | compare methods that have names | [`Comparison`] |
//! | show what layers hold | [`Histograms`] |
//! | show a function of two numbers and the ways of optimizers over it | [`Contours`] |
//! | show which classes are taken for which | [`Heatmap`] |
//! | put numbers in rows and columns | [`Table`] |
//! | say what the runs bear out | [`Claim`], [`Spread`] |
//! | put all of it on a page | [`Section`], [`Report`] |
//! | run experiments from the command line | [`Experiments`], [`Run`] |
//!
//! A page of a training, in a few lines. What no history holds, a callback takes down; here, by how
//! much of its length each tenth step moves a kernel:
//!
//! ```
//! use gradtape::Error;
//! use gradtape::prelude::*;
//! use gradtape::report::{Chart, Heatmap, Histograms, Report, Section, Table};
//! use gradtape::train::{Callback, ConfusionMatrix, Decision, Moment, Picture, Updates};
//!
//! /// The ratio of update to weights of the first parameter, every ten steps.
//! #[derive(Default)]
//! struct UpdateRatios {
//!     before: Vec<f32>,
//!     ratios: Vec<(f64, f64)>,
//! }
//!
//! impl Callback for UpdateRatios {
//!     fn name(&self) -> &str {
//!         "update ratios"
//!     }
//!
//!     fn after_batch(&mut self, moment: &Moment<'_>) -> Result<Decision, Error> {
//!         match moment.step % 10 {
//!             9 => self.before = moment.params.flat().to_vec(),
//!             0 => {
//!                 let updates = Updates::between(&self.before, moment.params);
//!                 self.ratios.push((moment.step as f64, updates.rows()[0].ratio));
//!             }
//!             _ => {}
//!         }
//!         Ok(Decision::Continue)
//!     }
//! }
//!
//! # fn main() -> Result<(), Error> {
//! let (train, valid) = datasets::digits8x8()?.take(600).split_at(400)?;
//! let mut params = Params::new(Seed(42));
//! let hidden = Dense::new(64, 32).init(HeNormal).build(&mut params, "hidden");
//! let kernel = hidden.kernel();
//! let model = Sequential::new()
//!     .then(hidden)
//!     .then(Relu)
//!     .then(Dense::new(32, 10).build(&mut params, "output"));
//! let mut trainer = Trainer::new(&model, Adam::new(1e-2), loss::cross_entropy).metric(Accuracy);
//! let mut watched = UpdateRatios::default();
//! let fit = trainer.fit(&mut params, &train).epochs(10).validation(&valid);
//! let history = fit.callback(&mut watched).run()?;
//!
//! let predicted = trainer.predict(&params, valid.x())?;
//! let confusion = ConfusionMatrix::of(&predicted, valid.y())?;
//! let ratios = Chart::new("Update to weight ratio").x("step").y("ratio").log_y();
//! let weights = Histograms::new("Weights").values("hidden", params.values(kernel));
//! let section = Section::new("One hidden layer")
//!     .table(Table::of_params(&params))
//!     .figure(Chart::learning_curves(&history), "Training and validation loss.")
//!     .figure(ratios.line("hidden", watched.ratios), "About 1e-3 is a rule of thumb.")
//!     .figure(weights, "The weights of the hidden layer.")
//!     .figure(Heatmap::of_confusion(&confusion), "What is taken for what.")
//!     .image(&Picture::of_units(&params, kernel, [8, 8])?, "What the hidden units look for.");
//! let mut report = Report::new("Digits", "A small network on images of 8x8 pixels.");
//! report.add(section);
//! # let folder = std::env::temp_dir().join("gradtape-report-of-a-training");
//! println!("{}", report.write(&folder)?.display());
//! # Ok(())
//! # }
//! ```

mod chart;
mod claim;
mod comparison;
mod contours;
mod experiments;
mod figure;
mod heatmap;
mod histograms;
mod html;
mod page;
mod run;
mod section;
mod spread;
mod table;

pub use chart::Chart;
pub use claim::{Claim, Tally};
pub use comparison::Comparison;
pub use contours::Contours;
pub use experiments::Experiments;
pub use figure::Figure;
pub use heatmap::Heatmap;
pub use histograms::Histograms;
pub use page::Report;
pub use run::Run;
pub use section::Section;
pub use spread::Spread;
pub use table::Table;
