//! Pages to read: what people who come from elsewhere look for first. Every block of code in them is
//! compiled and run by the tests.
//!
//! A page that is read as a file has links to files, at its end. Those here come before the page and so
//! take their place: of several links for one name, Markdown takes the first.

/// A guided tour that follows the lecture *Training Process Improvements*.
///
/// [`AdaGrad`]: crate::optim::AdaGrad
/// [`Adam`]: crate::optim::Adam
/// [`Augment`]: crate::data::Augment
/// [`BatchNorm`]: crate::layers::BatchNorm
/// [`Constant(c)`]: crate::init::Constant
/// [`Convention`]: crate::optim::Convention
/// [`CutMix`]: crate::data::CutMix
/// [`Dropout`]: crate::layers::Dropout
/// [`FractionalMaxPool2d`]: crate::layers::FractionalMaxPool2d
/// [`GlorotNormal`]: crate::init::GlorotNormal
/// [`HeNormal`]: crate::init::HeNormal
/// [`History::diagnose`]: crate::train::History::diagnose
/// [`Inspection`]: crate::train::Inspection
/// [`L1(λ)`]: crate::penalty::L1
/// [`L1L2`]: crate::penalty::L1L2
/// [`L2(λ)`]: crate::penalty::L2
/// [`LecunNormal`]: crate::init::LecunNormal
/// [`Mixup`]: crate::data::Mixup
/// [`ModelCheckpoint`]: crate::train::ModelCheckpoint
/// [`Momentum`]: crate::optim::Momentum
/// [`Nesterov`]: crate::optim::Nesterov
/// [`Normal { mean: 0.0, std: 0.01 }`]: crate::init::Normal
/// [`OriginalDropout`]: crate::layers::OriginalDropout
/// [`RmsProp`]: crate::optim::RmsProp
/// [`Sgd`]: crate::optim::Sgd
/// [`StochasticDepth`]: crate::layers::StochasticDepth
/// [`Tape`]: crate::Tape
/// [`backward`]: crate::Tape::backward
/// [`gradcheck`]: crate::gradcheck
/// [`guide::keras`]: crate::guide::keras
/// [`marginalize`]: crate::noise::marginalize
/// [`noise`]: crate::noise
/// [`proximal_l1`]: crate::optim::Chain::proximal_l1
/// [`rate`]: crate::layers::Dropout
/// [`resume`]: crate::train::Fit::resume
/// [`sparsity`]: crate::optim::sparsity
/// [`watch`]: crate::Var::watch
/// [patience]: crate::train::EarlyStopping::patience
///
#[doc = include_str!("lecture.md")]
pub mod lecture {}

/// For people who know Keras: the same lecture code, line by line.
///
/// [`.prepare(..)`]: crate::train::Fit::prepare
/// [`.resume(path)`]: crate::train::Fit::resume
/// [`ActivationPenalty`]: crate::layers::ActivationPenalty
/// [`Augment`]: crate::data::Augment
/// [`Averaged`]: crate::optim::Averaged
/// [`CategoricalAccuracy`]: crate::train::CategoricalAccuracy
/// [`Constrained`]: crate::optim::Constrained
/// [`CsvLog`]: crate::train::CsvLog
/// [`Layer`]: crate::layers::Layer
/// [`Mixup`]: crate::data::Mixup
/// [`OnEpoch`]: crate::train::OnEpoch
/// [`RateSchedule`]: crate::train::RateSchedule
/// [`ReduceRate`]: crate::train::ReduceRate
/// [`Remat::new(block)`]: crate::layers::Remat
/// [`SavedGraph::load`]: crate::SavedGraph::load
/// [`Schedule`]: crate::optim::Schedule
/// [`Sequential`]: crate::layers::Sequential
/// [`StopOnNonFinite`]: crate::train::StopOnNonFinite
/// [`Tape::save`]: crate::Tape::save
/// [`gru.forward_masked(x, mask)`]: crate::layers::Gru::forward_masked
/// [`init`]: crate::init
/// [`keep_last`]: crate::train::EarlyStopping::keep_last
/// [`load_where`]: crate::Params::load_where
/// [`params.freeze(|entry| ..)`]: crate::Params::freeze
/// [`predict`]: crate::train::predict()
/// [`split_at`]: crate::data::Dataset::split_at
/// [`split_stratified`]: crate::data::Dataset::split_stratified
/// [`subset`]: crate::data::Dataset::subset
///
#[doc = include_str!("keras.md")]
pub mod keras {}

/// For people who know PyTorch: a training loop, and what is called how.
///
/// [`Accumulate`]: crate::optim::Accumulate
/// [`Augment`]: crate::data::Augment
/// [`Averaged`]: crate::optim::Averaged
/// [`BatchNorm`]: crate::layers::BatchNorm
/// [`Clip::global_norm`]: crate::optim::Clip::global_norm
/// [`Clip::value`]: crate::optim::Clip::value
/// [`Conv2d`]: crate::layers::Conv2d
/// [`CustomOp`]: crate::CustomOp
/// [`CutMix`]: crate::data::CutMix
/// [`Dense`]: crate::layers::Dense
/// [`Embedding`]: crate::layers::Embedding
/// [`GlorotUniform`]: crate::init::GlorotUniform
/// [`GradCheck::second_order`]: crate::grad::GradCheck::second_order
/// [`Gradients::accumulate`]: crate::Gradients::accumulate
/// [`Group`]: crate::optim::Group
/// [`Gru`]: crate::layers::Gru
/// [`HeNormal`]: crate::init::HeNormal
/// [`Layer`]: crate::layers::Layer
/// [`Mixup`]: crate::data::Mixup
/// [`OneCycle`]: crate::optim::OneCycle
/// [`Params`]: crate::Params
/// [`ReduceRate`]: crate::train::ReduceRate
/// [`Remat::new(block)`]: crate::layers::Remat
/// [`SavedGraph::load`]: crate::SavedGraph::load
/// [`Seed`]: crate::Seed
/// [`Sequential`]: crate::layers::Sequential
/// [`Tape::find_non_finite`]: crate::Tape::find_non_finite
/// [`Tape::gradient`]: crate::Tape::gradient
/// [`Tape::inference`]: crate::Tape::inference
/// [`Tape::save`]: crate::Tape::save
/// [`Tape::training`]: crate::Tape::training
/// [`Var::detach`]: crate::Var::detach
/// [`gradcheck`]: crate::gradcheck
/// [`gru.forward_masked(x, mask)`]: crate::layers::Gru::forward_masked
/// [`hessian_vector_product`]: crate::Tape::hessian_vector_product
/// [`hessian`]: crate::Tape::hessian
/// [`init::gain`]: crate::init::gain
/// [`jacobian`]: crate::Tape::jacobian
/// [`jvp`]: crate::Tape::jvp
/// [`load_where`]: crate::Params::load_where
/// [`loss`]: crate::loss
/// [`params.freeze(|entry| ..)`]: crate::Params::freeze
/// [`prefetch`]: crate::data::prefetch()
/// [`subset`]: crate::data::Dataset::subset
/// [`tape.gradient(..)`]: crate::Tape::gradient
/// [`x.remat(|x| block.forward(x))`]: crate::Var::remat
/// [loop over pairs]: crate::guide::keras#models-of-several-inputs
///
#[doc = include_str!("pytorch.md")]
pub mod pytorch {}

/// For people who know JAX: a step, derivatives of any kind, and what is called how.
///
/// [`Accumulate`]: crate::optim::Accumulate
/// [`Averaged`]: crate::optim::Averaged
/// [`CosineDecay`]: crate::optim::CosineDecay
/// [`CustomOp`]: crate::CustomOp
/// [`Graph::to_dot`]: crate::Graph::to_dot
/// [`Group`]: crate::optim::Group
/// [`Layer`]: crate::layers::Layer
/// [`Lookahead`]: crate::optim::Lookahead
/// [`Params::cast`]: crate::Params::cast
/// [`Remat::new(block)`]: crate::layers::Remat
/// [`SavedGraph`]: crate::SavedGraph
/// [`Schedule::then`]: crate::optim::Schedule::then
/// [`Seed::derive`]: crate::Seed::derive
/// [`Seed`]: crate::Seed
/// [`Tape::find_non_finite`]: crate::Tape::find_non_finite
/// [`Tape::save`]: crate::Tape::save
/// [`Tape`]: crate::Tape
/// [`Var::detach`]: crate::Var::detach
/// [`Var`]: crate::Var
/// [`c.select(a, b)`]: crate::Var::select
/// [`gather_rows`]: crate::Var::gather_rows
/// [`gradcheck`]: crate::gradcheck
/// [`gradient`]: crate::Tape::gradient
/// [`hessian`]: crate::Tape::hessian
/// [`jacobian`]: crate::Tape::jacobian
/// [`jvp`]: crate::Tape::jvp
/// [`layers`]: crate::layers
/// [`matmul`]: crate::Var::matmul
/// [`operations`]: crate::operations
/// [`pick`]: crate::Var::pick
/// [`tape.gradient(..)`]: crate::Tape::gradient
/// [`x.remat(f)`]: crate::Var::remat
///
#[doc = include_str!("jax.md")]
pub mod jax {}
