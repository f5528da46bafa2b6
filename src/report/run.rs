//! How thoroughly an experiment is run, and on what.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::data::{Dataset, published};
use crate::error::Error;
use crate::seed::Seed;
use crate::train::Progress;

/// What the command line of [`Experiments`](super::Experiments) asks of each experiment.
#[derive(Clone, Debug)]
pub struct Run {
    pub(super) quick: bool,
    pub(super) seeds: Option<u64>,
    pub(super) data: Option<PathBuf>,
    pub(super) folder: PathBuf,
}

impl Default for Run {
    fn default() -> Self {
        Self { quick: false, seeds: None, data: None, folder: ".".into() }
    }
}

impl Run {
    /// The number of seeds of a full run, if nothing else is asked for.
    const SEEDS: u64 = 5;

    /// The number of seeds of a quick one.
    const QUICK_SEEDS: u64 = 3;

    /// A full run on built-in data, as without arguments.
    pub fn full() -> Self {
        Self::default()
    }

    /// A quick run on built-in data, as by `--quick`.
    pub fn quick() -> Self {
        Self { quick: true, ..Self::default() }
    }

    /// Whether the run shall only show that everything works.
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// The folder of the page, which is there: the place for files that an experiment writes. It is
    /// the current one if there is no page.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first in a full run, the second in a quick one.
    pub fn full_or_quick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The seeds: 1 to 5 in a full run, 1 to 3 in a quick one, or as many as `--seeds` asks for.
    pub fn seeds(&self) -> impl Iterator<Item = Seed> + use<> {
        (1..=self.number_of_seeds()).map(Seed)
    }

    fn number_of_seeds(&self) -> u64 {
        self.seeds.unwrap_or(self.full_or_quick(Self::SEEDS, Self::QUICK_SEEDS))
    }

    pub(super) fn seeds_in_words(&self) -> String {
        match self.number_of_seeds() {
            1 => "1".into(),
            seeds => format!("1 to {seeds}"),
        }
    }

    /// What an experiment gives with each seed, in their order. Several run at the same time, on
    /// the threads of the current rayon pool.
    ///
    /// # Errors
    ///
    /// What the experiment returns.
    pub fn over_seeds<T: Send>(
        &self,
        experiment: impl Fn(Seed) -> Result<T, Error> + Sync,
    ) -> Result<Vec<T>, Error> {
        let mut settings = self.over(&[()], |(), seed| experiment(seed))?;
        Ok(settings.pop().unwrap_or_default())
    }

    /// What an experiment gives with each setting and each seed: for each setting, a list over the
    /// seeds. Several run at the same time, on the threads of the current rayon pool.
    ///
    /// ```
    /// use gradtape::report::Run;
    ///
    /// let losses = Run::quick().over(&[0.1, 0.2], |rate, seed| Ok(rate * seed.0 as f64))?;
    /// assert_eq!(losses[1], [0.2, 0.4, 0.2 * 3.0]);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What the experiment returns.
    pub fn over<S: Sync, T: Send>(
        &self,
        settings: &[S],
        experiment: impl Fn(&S, Seed) -> Result<T, Error> + Sync,
    ) -> Result<Vec<Vec<T>>, Error> {
        let runs: Vec<(&S, Seed)> = settings
            .iter()
            .flat_map(|setting| self.seeds().map(move |seed| (setting, seed)))
            .collect();
        let progress = Progress::new(runs.len());
        let results: Result<Vec<T>, Error> = runs
            .into_par_iter()
            .with_max_len(1)
            .map(|(setting, seed)| {
                let result = experiment(setting, seed);
                progress.advance();
                result
            })
            .collect();
        let mut results = results?.into_iter();
        let seeds = self.number_of_seeds() as usize;
        Ok(settings.iter().map(|_| results.by_ref().take(seeds).collect()).collect())
    }

    /// Training and test images to run on: the published data set in the folder that `--data`
    /// names, else these. Examples of the former are rows of numbers, whatever their shape.
    ///
    /// # Errors
    ///
    /// Those of [`published::load`] and of `built_in`.
    pub fn data_or(
        &self,
        built_in: impl FnOnce() -> Result<(Dataset, Dataset), Error>,
    ) -> Result<(Dataset, Dataset), Error> {
        let Some(folder) = &self.data else { return built_in() };
        let (train, test) = published::load(folder)?;
        Ok((train.flatten(), test.flatten()))
    }
}
