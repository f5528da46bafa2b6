//! How far a long run is.

use std::fmt::Display;

#[cfg(feature = "progress")]
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Ending, History};

/// A bar that shows how far a long run is: one line on standard error, redrawn at most ten times
/// a second, and nothing at all where that is not a terminal.
///
/// Without the feature `progress` it never shows anything.
///
/// ```
/// use gradtape::train::Progress;
///
/// let progress = Progress::new(100);
/// for step in 0..100 {
///     progress.advance();
///     if step % 50 == 49 {
///         progress.println(format_args!("{} steps done", step + 1));
///     }
/// }
/// ```
pub struct Progress {
    #[cfg(feature = "progress")]
    bar: ProgressBar,
}

impl Progress {
    /// A bar for this many steps.
    #[cfg(feature = "progress")]
    pub fn new(steps: usize) -> Self {
        const LAYOUT: &str = "{bar:30} {pos}/{len} {elapsed}<{eta} {msg}";
        let style = ProgressStyle::with_template(LAYOUT);
        let bar = ProgressBar::with_draw_target(
            Some(steps as u64),
            ProgressDrawTarget::stderr_with_hz(10),
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }

    /// A bar that is never drawn: the feature `progress` is off.
    #[cfg(not(feature = "progress"))]
    pub fn new(_steps: usize) -> Self {
        Self {}
    }

    /// Counts one step as done.
    pub fn advance(&self) {
        #[cfg(feature = "progress")]
        self.bar.inc(1);
    }

    /// Prints a line to standard error, above the bar if there is one.
    pub fn note(&self, line: impl Display) {
        #[cfg(feature = "progress")]
        self.bar.suspend(|| eprintln!("{line}"));
        #[cfg(not(feature = "progress"))]
        eprintln!("{line}");
    }

    /// Prints a line to standard output, above the bar if there is one.
    pub fn println(&self, line: impl Display) {
        #[cfg(feature = "progress")]
        self.bar.suspend(|| println!("{line}"));
        #[cfg(not(feature = "progress"))]
        println!("{line}");
    }
}

#[cfg(feature = "progress")]
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What a training shows of itself, if it does.
pub(super) struct Shown(Option<Progress>);

impl Shown {
    pub(super) fn new(shown: bool, history: &History, steps: usize) -> Self {
        let progress = shown.then(|| Progress::new(steps));
        if let Some(progress) = &progress {
            progress.note(history.heading());
        }
        Self(progress)
    }

    pub(super) fn advance(&self) {
        self.0.iter().for_each(Progress::advance);
    }

    pub(super) fn stopped(&self, ending: &Ending) {
        self.0.iter().for_each(|progress| progress.note(ending));
    }

    pub(super) fn epoch(&self, history: &History) {
        if let Some(progress) = &self.0 {
            progress.note(history.row(history.epochs() - 1));
        }
    }
}
