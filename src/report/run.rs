//! How thoroughly an experiment is run, and on what.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    notes: Arc<Mutex<Notes>>,
}

/// What the page shall say of an experiment's data.
#[derive(Debug, Default)]
struct Notes {
    texts: Vec<String>,
    /// Whether the experiment asked for the data of `--data`.
    asked: bool,
}

impl Default for Run {
    fn default() -> Self {
        let notes = Arc::default();
        Self { quick: false, seeds: None, data: None, folder: ".".into(), notes }
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

    /// Whether there is no `--data`. What was made to measure for the built-in data, such as the
    /// range of an axis, is for them only.
    pub fn is_on_built_in(&self) -> bool {
        self.data.is_none()
    }

    /// The most examples of an experiment that has no reason to take a part of its data but time:
    /// all of those of `--data` in a full run; else `few`.
    pub fn all_or(&self, few: usize) -> usize {
        if self.is_on_built_in() || self.quick { few } else { usize::MAX }
    }

    /// Training and test images to run on: the published data set in the folder that `--data`
    /// names, else these. Examples of the former are rows of numbers, whatever their shape. Of
    /// training and of test images the first are taken, up to the end of their range; the page and
    /// the output say how many of how many, and of what.
    ///
    /// ```
    /// use gradtape::prelude::*;
    /// use gradtape::report::Run;
    ///
    /// let digits = || datasets::mnist5k()?.split_at(4000);
    /// // Just so many to train on, and as many as there are to test, up to 1500.
    /// let (train, test) = Run::full().data_or("mnist5k", digits, [500..=500, 1..=1500])?;
    /// assert_eq!((train.len(), test.len()), (500, 1000));
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`published::load`] and of `built_in`; [`Error::Argument`] if there are fewer than
    /// a range begins with.
    pub fn data_or(
        &self,
        name: &str,
        built_in: impl FnOnce() -> Result<(Dataset, Dataset), Error>,
        numbers: [RangeInclusive<usize>; 2],
    ) -> Result<(Dataset, Dataset), Error> {
        self.notes().asked = true;
        let (name, (train, test)) = match &self.data {
            None => (name.to_string(), built_in()?),
            Some(folder) => {
                let (train, test) = published::load(folder)?;
                (folder.display().to_string(), (train.flatten(), test.flatten()))
            }
        };
        let (found, least) = ([train.len(), test.len()], numbers.each_ref().map(|n| *n.start()));
        if found[0] < least[0] || found[1] < least[1] {
            let in_words = |[train, test]: [usize; 2]| format!("{train} training and {test} test");
            let expected = format!("at least {} images in {name}", in_words(least));
            return Err(Error::argument("data", expected, in_words(found)));
        }
        let taken = (train.take(*numbers[0].end()), test.take(*numbers[1].end()));
        let of = |taken: usize, all: usize| {
            let part = if taken < all { format!("{} of ", grouped(taken)) } else { String::new() };
            part + &grouped(all)
        };
        self.note(format!(
            "{} training and {} test images of `{name}`.",
            of(taken.0.len(), found[0]),
            of(taken.1.len(), found[1])
        ));
        Ok(taken)
    }

    /// Has the page and the output say this of the experiment's data, once. What is between
    /// backquotes is set as code.
    pub fn note(&self, text: impl Into<String>) {
        let (text, mut notes) = (text.into(), self.notes());
        if !notes.texts.contains(&text) {
            notes.texts.push(text);
        }
    }

    /// What there is to say of the data of the experiment that just ran.
    pub(super) fn take_notes(&self) -> String {
        let Notes { mut texts, asked } = std::mem::take(&mut *self.notes());
        if !asked && self.data.is_some() {
            texts.push("`--data` does not apply.".into());
        }
        texts.join(" ")
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // A list of texts is whole whatever a thread that panicked did.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number with commas between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(
            [7, 999, 1000, 60_000, 1_234_567].map(grouped).join(" "),
            "7 999 1,000 60,000 1,234,567"
        );
    }
}
