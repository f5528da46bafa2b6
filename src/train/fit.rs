//! The training loop.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use super::callbacks::{Callback, Decision, Moment};
use super::checkpoint::{Position, Resumed, Saved, Snapshot, newest};
use super::epoch::{Sums, metric_columns};
use super::examples::{check_counting, find_non_finite};
use super::progress::Shown;
use super::trainer::weight_of;
use super::validation::Validation;
use super::{Direction, Ending, History, Targets, Trainer};
use crate::data::{Batch, Dataset, Rows};
use crate::error::Error;
use crate::graph::{Input, NonFinite, Tape};
use crate::params::Params;
use crate::seed::Seed;

/// A training to be set up: what [`Trainer::fit`] returns and [`run`](Self::run) does.
///
/// All that is random follows from the [`seed`](Self::seed): the order of the examples in each
/// epoch, dropout in each batch. So a training that was stopped and [resumed](Self::resume) ends
/// with the same bits as one that was not.
#[must_use = "a training is done when it is `run`"]
pub struct Fit<'a, 'm, X, Y> {
    trainer: &'a mut Trainer<'m>,
    params: &'a mut Params,
    train: &'a Dataset<X, Y>,
    validation: Option<&'a dyn Validation>,
    prepare: Option<Box<Prepare<'a, X, Y>>>,
    callbacks: Vec<Box<dyn Callback + 'a>>,
    epochs: usize,
    batch_size: usize,
    seed: Seed,
    shuffled: bool,
    drop_last: bool,
    shown: bool,
    resume: Option<PathBuf>,
}

/// What is done to each batch before a step is taken on it.
type Prepare<'a, X, Y> = dyn FnMut(&mut Batch<X, Y>) + 'a;

impl<'a, 'm, X: Rows + Input<f32>, Y: Targets> Fit<'a, 'm, X, Y> {
    pub(super) fn new(
        trainer: &'a mut Trainer<'m>,
        params: &'a mut Params,
        train: &'a Dataset<X, Y>,
    ) -> Self {
        Self {
            trainer,
            params,
            train,
            validation: None,
            prepare: None,
            callbacks: Vec::new(),
            epochs: 1,
            batch_size: 32,
            seed: Seed(0),
            shuffled: true,
            drop_last: false,
            shown: true,
            resume: None,
        }
    }

    /// How often all examples are gone through; once if this is not said.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// How many examples a step is taken on; 32 if this is not said.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn batch_size(mut self, examples: usize) -> Self {
        assert!(examples > 0, "batch_size: a step is taken on at least one example");
        self.batch_size = examples;
        self
    }

    /// The seed of the order of examples and of noise; 0 if this is not said.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Takes the examples in their own order in each epoch.
    pub fn in_order(mut self) -> Self {
        self.shuffled = false;
        self
    }

    /// Leaves out the last batch of an epoch if it is smaller than the others, such as one of a
    /// single example, which batch normalization cannot train on.
    pub fn drop_last(mut self) -> Self {
        self.drop_last = true;
        self
    }

    /// Measures loss and metrics on these examples after each epoch, as columns `val_...`. They may
    /// be of another type than those to train on, such as without weights.
    pub fn validation<V: Rows + Input<f32>, W: Targets>(mut self, data: &'a Dataset<V, W>) -> Self {
        self.validation = Some(data);
        self
    }

    /// Has this done to each batch before a step is taken on it, such as augmentation. To stay
    /// resumable it must follow from the batch alone, such as from its
    /// [seed](crate::data::Batch::seed), or its [rows](crate::data::Batch::rows) and epoch:
    ///
    /// ```
    /// use gradtape::data::Augment;
    /// use gradtape::prelude::*;
    ///
    /// let images = Tensor::from_fn([40, 1, 8, 8], |i| (i % 7) as f32);
    /// let train = Dataset::new(images, Indices::from([1; 40]))?;
    /// let mut params = Params::new(Seed(42));
    /// let model = Sequential::new()
    ///     .then(Flatten)
    ///     .then(Dense::new(64, 2).build(&mut params, "output"));
    /// let mut trainer =
    ///     Trainer::new(&model, Adam::new(0.01), loss::cross_entropy);
    ///
    /// let mut augment = Augment::new().shift(1).rotate(10.0);
    /// trainer
    ///     .fit(&mut params, &train)
    ///     .epochs(2)
    ///     .prepare(|batch| {
    ///         let seed = Seed(7).derive(batch.epoch() as u64);
    ///         batch.x = augment.apply(&batch.x, batch.rows(), seed);
    ///     })
    ///     .run()?;
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    pub fn prepare(mut self, prepare: impl FnMut(&mut Batch<X, Y>) + 'a) -> Self {
        self.prepare = Some(Box::new(prepare));
        self
    }

    /// Has this look at the training. Callbacks are asked in the order in which they are given;
    /// give `&mut` to one that is wanted back.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Shows nothing. Otherwise there is a line for each epoch on standard error, why it was stopped
    /// if it was, and on a terminal how far it is.
    pub fn silent(mut self) -> Self {
        self.shown = false;
        self
    }

    /// Goes on where a checkpoint left off, if there is such a file; begins anew if not. Of a
    /// [`ModelCheckpoint`](super::ModelCheckpoint)'s path with `{epoch}` in it, the file of the last epoch
    /// is meant.
    ///
    /// The checkpoint has to be one of the same training: data, batch size, order of examples, seed,
    /// metrics, callbacks that remember something, and what is frozen. The number of epochs may be another, as may be the numbers
    /// of optimizer and callbacks, such as a patience; a training that a callback has stopped is done,
    /// whatever its numbers are now.
    pub fn resume(mut self, path: impl Into<PathBuf>) -> Self {
        self.resume = Some(path.into());
        self
    }

    /// Trains.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if a loss is not finite, with the operation where that began or the row of
    /// the data; [`Error::Format`] if a label is none of the classes that the model predicts, with
    /// its row; [`Error::Argument`] if there are no examples that count to train or validate on; and what
    /// callbacks, metrics and checkpoints say. Whatever happens, callbacks get to put the best
    /// weights back.
    pub fn run(self) -> Result<History, Error> {
        let mut run = Run::begin(self)?;
        let result = run.train();
        for callback in &mut run.fit.callbacks {
            callback.after(run.fit.params);
        }
        run.history.end(result?);
        Ok(run.history)
    }

    /// The columns of this training's history.
    fn columns(&self) -> History {
        let lower = |name: &str| (name.to_string(), Some(Direction::Lower));
        let metrics = &self.trainer.metrics;
        let trained = ["loss", "penalty", "total"].into_iter().map(lower);
        let mut columns: Vec<_> = trained.chain(metric_columns("", metrics)).collect();
        if self.validation.is_some() {
            columns.push(lower("val_loss"));
            columns.extend(metric_columns("val_", metrics));
        }
        columns.push(("rate".to_string(), None));
        History::new(columns)
    }
}

/// A training that runs.
struct Run<'a, 'm, X, Y> {
    fit: Fit<'a, 'm, X, Y>,
    history: History,
    sums: Sums,
    position: Position,
    /// The rate that a callback decided on, if one did.
    rate: Option<f64>,
    /// Whether the labels are known to be classes that the model predicts.
    checked: bool,
    begun: Instant,
}

impl<'a, 'm, X: Rows + Input<f32>, Y: Targets> Run<'a, 'm, X, Y> {
    /// A training at its beginning, or where a checkpoint left off.
    fn begin(mut fit: Fit<'a, 'm, X, Y>) -> Result<Self, Error> {
        check_counting("fit", "examples to train on", fit.train)?;
        if let Some(data) = fit.validation {
            data.check_counting()?;
        }
        let history = fit.columns();
        history.check_names()?;
        let sums = Sums::new(fit.trainer.metrics.len());
        let (seed, batch_size, examples) = (fit.seed, fit.batch_size, fit.train.len());
        let Fit { shuffled, drop_last, .. } = fit;
        let position =
            Position { epoch: 0, batch: 0, seed, batch_size, examples, shuffled, drop_last };
        let path = match fit.resume.take() {
            Some(path) => newest(path)?,
            None => None,
        };
        let (rate, checked, begun) = (None, false, Instant::now());
        let mut run = Self { fit, history, sums, position, rate, checked, begun };
        if let Some(path) = path {
            run.go_on(Saved::read(&path)?)?;
        } else {
            run.fit.callbacks.iter_mut().try_for_each(|callback| callback.before(&run.history))?;
        }
        Ok(run)
    }

    /// Takes everything to where a checkpoint left off.
    fn go_on(&mut self, saved: Saved) -> Result<(), Error> {
        let Fit { trainer, params, callbacks, .. } = &mut self.fit;
        let pairs =
            saved.fits(&self.history, &self.position, params, &*trainer.optimizer, callbacks)?;
        for callback in callbacks.iter_mut() {
            callback.before(saved.history())?;
        }
        let resumed = saved.restore(pairs, params, &mut *trainer.optimizer, callbacks)?;
        if let Some(rate) = resumed.rate {
            trainer.optimizer.set_rate(rate.into());
        }
        Resumed {
            position: self.position,
            sums: self.sums,
            history: self.history,
            rate: self.rate,
        } = resumed;
        Ok(())
    }

    fn train(&mut self) -> Result<Ending, Error> {
        if let Some(ending) = self.history.ending() {
            return Ok(ending.clone());
        }
        let Fit { train, batch_size, seed, epochs, shuffled, drop_last, shown, .. } = self.fit;
        let mut batches = train.batches(batch_size).seeded(seed);
        if shuffled {
            batches = batches.shuffled(seed);
        }
        if drop_last {
            batches = batches.drop_last();
        }
        let per_epoch = batches.per_epoch();
        if per_epoch == 0 {
            let expected = format!("examples for a batch of {batch_size}");
            return Err(Error::argument("fit", expected, train.len()));
        }
        if self.position.batch == per_epoch {
            // The checkpoint was written after an epoch's last batch and before its end.
            if let Some(ending) = self.end_epoch()? {
                return Ok(ending);
            }
        }
        batches = batches.epoch_range(self.position.epoch..epochs);
        let done = self.position.batch;
        let progress = Shown::new(shown, &self.history, batches.len() - done.min(batches.len()));
        for mut batch in batches.skip(done) {
            if self.position.batch == 0
                && let Some(ending) = self.begin_epoch()?
            {
                progress.stopped(&ending);
                return Ok(ending);
            }
            if let Some(prepare) = &mut self.fit.prepare {
                prepare(&mut batch);
            }
            let mut ending = self.step(&batch)?;
            progress.advance();
            if ending.is_none() && self.position.batch == per_epoch {
                ending = self.end_epoch()?;
                progress.epoch(&self.history);
            }
            if let Some(ending) = ending {
                progress.stopped(&ending);
                return Ok(ending);
            }
        }
        Ok(Ending::Finished)
    }

    /// Asks the callbacks what is to be different from now on.
    fn begin_epoch(&mut self) -> Result<Option<Ending>, Error> {
        let epoch = self.position.epoch;
        self.ask([epoch, 0], |callback, moment| callback.before_epoch(moment))
    }

    /// Takes a step on a batch, unless none of its examples counts, and asks the callbacks.
    fn step(&mut self, batch: &Batch<X, Y>) -> Result<Option<Ending>, Error> {
        if weight_of(batch) > 0.0
            && let Some(ending) = self.learn(batch)?
        {
            return Ok(Some(ending));
        }
        self.position.batch += 1;
        let Position { epoch, batch, .. } = self.position;
        self.ask([epoch, batch - 1], |callback, moment| callback.after_batch(moment))
    }

    /// Takes a step on a batch; an ending if its loss is not finite and a callback says so.
    fn learn(&mut self, batch: &Batch<X, Y>) -> Result<Option<Ending>, Error> {
        let trainer = &mut *self.fit.trainer;
        let tape = Tape::training(self.fit.params, batch.seed());
        let prediction = trainer.predict_on(tape.input(&batch.x));
        if !self.checked {
            let (params, shape) = (&*self.fit.params, &prediction.shape());
            trainer.check_labels(params, self.fit.train, " of the training data", shape)?;
            if let Some(data) = self.fit.validation {
                data.check(trainer, params, self.fit.batch_size)?;
            }
            self.checked = true;
        }
        let loss = tape.keep(trainer.loss_of(prediction, &batch.y, &tape));
        let penalty = tape.keep(tape.penalty());
        if !trainer.metrics.is_empty() {
            let _ = tape.keep(prediction);
        }
        let gradients = tape.backward(loss + penalty);
        if !gradients.loss().is_finite() {
            let mut trace = tape.find_non_finite();
            if let Some(trace) = &mut trace {
                trace.data = find_non_finite(batch, self.fit.train);
            }
            return self.diverged(trace);
        }
        let (loss, penalty) = (tape.item(loss).into(), tape.item(penalty).into());
        self.sums.add_loss(loss, penalty, weight_of(batch));
        trainer.measure_batch(&mut self.sums, &tape, prediction, &batch.y)?;
        drop(tape);
        trainer.optimizer.step(self.fit.params, &gradients);
        Ok(None)
    }

    /// What callbacks make of a loss that is not finite.
    fn diverged(&mut self, trace: Option<NonFinite>) -> Result<Option<Ending>, Error> {
        for callback in &mut self.fit.callbacks {
            let decision = callback.on_non_finite(trace.as_ref());
            if let Decision::Stop(reason) | Decision::Pause(reason) = decision {
                let by = callback.name().to_string();
                return Ok(Some(Ending::Stopped { by, reason }));
            }
        }
        let Position { epoch, batch, .. } = self.position;
        Err(Error::Diverged { epoch: epoch + 1, batch: batch + 1, trace: trace.map(Box::new) })
    }

    /// Validates, records the epoch and asks the callbacks.
    fn end_epoch(&mut self) -> Result<Option<Ending>, Error> {
        let trainer = &*self.fit.trainer;
        let [loss, penalty] = self.sums.losses();
        let mut row = vec![loss, penalty, loss + penalty];
        row.extend(self.sums.metrics(&trainer.metrics));
        if let Some(data) = self.fit.validation {
            let sums = data.measure(trainer, self.fit.params, self.fit.batch_size)?;
            row.push(sums.losses()[0]);
            row.extend(sums.metrics(&trainer.metrics));
        }
        row.push(trainer.optimizer.rate());
        self.history.push(&row);
        self.sums = Sums::new(trainer.metrics.len());
        let Position { epoch, batch, .. } = self.position;
        self.position.epoch += 1;
        self.position.batch = 0;
        self.ask([epoch, batch - 1], |callback, moment| callback.after_epoch(moment))
    }

    /// Asks all callbacks, in the order in which they were given, and does what they decide.
    fn ask(
        &mut self,
        [epoch, batch]: [usize; 2],
        decide: impl Fn(&mut dyn Callback, &Moment<'_>) -> Result<Decision, Error>,
    ) -> Result<Option<Ending>, Error> {
        let Fit { trainer, params, callbacks, .. } = &mut self.fit;
        let moment = Moment {
            epoch,
            batch,
            step: trainer.optimizer.steps(),
            rate: trainer.optimizer.rate(),
            params,
            history: &self.history,
            elapsed: self.begun.elapsed(),
        };
        let (mut stopped, mut paused, mut saves) = (None, None, Vec::new());
        for callback in callbacks.iter_mut() {
            let decision = decide(&mut **callback, &moment)?;
            match decision {
                Decision::Continue => {}
                Decision::Stop(reason) => {
                    let by = callback.name().to_string();
                    stopped.get_or_insert(Ending::Stopped { by, reason });
                }
                Decision::Pause(reason) => {
                    let by = callback.name().to_string();
                    paused.get_or_insert(Ending::Paused { by, reason });
                }
                Decision::Save { path, instead_of } => saves.push((path, instead_of)),
                Decision::Rate(rate) => {
                    trainer.optimizer.set_rate(rate.into());
                    self.rate = Some(rate);
                }
            }
        }
        if stopped.is_none() && paused.is_some() {
            for callback in callbacks.iter_mut() {
                if let Decision::Save { path, instead_of } = callback.on_pause(&moment)?
                    && saves.iter().all(|(known, _)| *known != path)
                {
                    saves.push((path, instead_of));
                }
            }
        }
        // Saved last, so that a checkpoint holds what all callbacks have come to.
        for (path, instead_of) in saves {
            self.save(&path, stopped.clone())?;
            if let Some(old) = instead_of {
                remove(&old)?;
            }
        }
        Ok(stopped.or(paused))
    }

    fn save(&self, path: &Path, ending: Option<Ending>) -> Result<(), Error> {
        let mut history = self.history.clone();
        if let Some(ending) = ending {
            history.end(ending);
        }
        let snapshot = Snapshot {
            position: &self.position,
            sums: &self.sums,
            history: &history,
            rate: self.rate,
            params: self.fit.params,
            optimizer: &*self.fit.trainer.optimizer,
            callbacks: &self.fit.callbacks,
        };
        snapshot.write(path)
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}
