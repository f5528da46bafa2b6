//! What holds for all optimizers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::ThreadId;

use super::*;
use crate::exec::kernels::tasks::with_threads;
use crate::init::Normal;
use crate::params::{ParamId, Parameter};
use crate::seed::Seed;
use crate::tensor::Tensor;

mod around;
mod grouping;
mod resuming;
mod wrappers;

type Optimizers<T> = Vec<(&'static str, Box<dyn Optimizer<T> + Send>)>;

macro_rules! optimizers {
    ($($name:literal: $optimizer:expr),* $(,)?) => {
        vec![$(($name, Box::new($optimizer) as Box<dyn Optimizer<T> + Send>)),*]
    };
}

/// Every rule in every form.
fn all<T: Scalar>() -> Optimizers<T> {
    use Convention::Keras;
    use Epsilon::{Inside, Outside};
    optimizers![
        "Sgd": Sgd::new(0.1),
        "Momentum": Momentum::new(0.1),
        "Momentum dampened": Momentum::new(0.1).momentum(0.8).dampening(0.3),
        "Momentum Keras": Momentum::new(0.1).convention(Keras),
        "Nesterov": Nesterov::new(0.1),
        "Nesterov Keras": Nesterov::new(0.1).momentum(0.7).convention(Keras),
        "AdaGrad": AdaGrad::new(0.1),
        "AdaGrad inside": AdaGrad::new(0.1).initial_sum(0.2).eps(Inside(1e-3)),
        "RmsProp": RmsProp::new(0.1),
        "RmsProp inside": RmsProp::new(0.1).rho(0.8).eps(Inside(1e-3)),
        "RmsProp momentum": RmsProp::new(0.01).momentum(0.9),
        "RmsProp momentum Keras": RmsProp::new(0.01).momentum(0.9).convention(Keras),
        "RmsProp centered": RmsProp::new(0.01).centered(),
        "RmsProp centered momentum": RmsProp::new(0.01).centered().momentum(0.5).eps(1e-3),
        "AdaDelta": AdaDelta::new(1.0),
        "Adam": Adam::new(0.1),
        "Adam hat": Adam::new(0.1).beta1(0.8).beta2(0.9).eps_hat(1e-3),
        "AmsGrad": AmsGrad::new(0.1),
        "AmsGrad corrected": AmsGrad::new(0.1).beta2(0.9).maximum_of_corrected(),
        "Adamax": Adamax::new(0.1).eps(Outside(1e-3)),
        "Adamax inside": Adamax::new(0.1).eps(Inside(1e-3)),
        "NAdam": NAdam::new(0.1).momentum_decay(0.1),
        "NAdam constant": NAdam::new(0.1).constant_momentum(),
        "Lion": Lion::new(0.1),
        "AdamW, no decay": AdamW::new(0.1).weight_decay(WeightDecay::Decoupled(0.0)),
    ]
}

/// Everything that may be around a rule.
fn composed<T: Scalar>() -> Optimizers<T> {
    let weights = |entry: &crate::params::Entry| entry.name != "w1";
    let group = || Group::new("w1", |entry| entry.name == "w1").rate_factor(0.5);
    let adam = || Adam::new(|step: u64| 0.1 / (1.0 + step as f64)).clip(Clip::global_norm(0.3));
    optimizers![
        "clip value": Sgd::new(0.1).clip(Clip::value(0.4)),
        "clip norm": Momentum::new(0.1).clip(Clip::norm(0.4)),
        "clip global norm": adam().clone(),
        "L2": Nesterov::new(0.1).weight_decay(WeightDecay::L2(0.1)),
        "AdamW": AdamW::new(0.1).weight_decay(WeightDecay::Decoupled(0.3)),
        "Lion with decay": Lion::new(0.1).weight_decay(WeightDecay::Decoupled(0.3)),
        "proximal L1": Momentum::new(0.1).proximal_l1(0.2),
        "group": AdamW::new(0.1).group(group().no_weight_decay()).clip(Clip::norm(0.5)),
        "Lookahead": Lookahead::new(adam(), 3, 0.4),
        "Averaged": Averaged::new(adam(), Average::exponential(0.8)),
        "Averaged debiased": Averaged::new(adam(), Average::debiased(0.8)),
        "Averaged late": Averaged::new(adam(), Average::equal()).starting_after(2),
        "Accumulate": Accumulate::new(adam(), 2),
        "Constrained": Constrained::new(adam(), weights, Constraint::MaxNorm(0.7)),
        "nested": Accumulate::new(
            Averaged::new(
                Constrained::new(Lookahead::new(adam(), 2, 0.5), weights, Constraint::UnitNorm),
                Average::from_initial(0.5),
            ),
            3,
        ),
    ]
}

/// Both lists.
fn everything<T: Scalar>() -> Optimizers<T> {
    all().into_iter().chain(composed()).collect()
}

fn params<T: Scalar>(sizes: &[usize]) -> (Params<T>, Vec<ParamId>) {
    let mut params = Params::new(Seed(42));
    let init = Normal { mean: 0.0, std: 1.0 };
    let ids = sizes.iter().enumerate();
    let ids = ids.map(|(i, &n)| params.add(Parameter::new(format!("w{i}"), [n]).init(init)));
    let ids = ids.collect();
    (params, ids)
}

/// Gradients that differ from value to value and from step to step, for the parameters `reached`.
fn gradients<T: Scalar>(params: &Params<T>, step: usize, reached: &[bool]) -> Gradients<T> {
    let value = |i: usize| ((i * 7919 + step * 104_729) % 2003) as f64 / 1000.0 - 1.0;
    let values = (0..params.flat().len()).map(|i| T::from_f64(value(i))).collect();
    let layout = params.layout().clone();
    let store = params.workspaces().clone();
    Gradients::computed(layout, values, reached.into(), T::ZERO, store)
}

fn message(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("this must panic");
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn a_parameter_without_gradient_keeps_its_values_and_its_state() {
    for ((name, mut optimizer), (_, mut other)) in all::<f64>().into_iter().zip(all()) {
        let (mut whole, ids) = params(&[5, 7, 3]);
        let before = whole.clone();
        optimizer.step(&mut whole, &gradients(&before, 0, &[true, false, true]));
        assert_eq!(whole.values(ids[1]), before.values(ids[1]), "{name}");
        for id in [ids[0], ids[2]] {
            let moved = whole.values(id).iter().zip(before.values(id)).all(|(a, b)| a != b);
            assert!(moved, "{name}");
        }
        // The step after it is the same as if the first had been one with gradient 0.
        let mut zero = before.clone();
        let mut values = gradients(&before, 0, &[true; 3]).flat().to_vec();
        values[5..12].fill(0.0);
        other.step(&mut zero, &Gradients::new(&before, values, 0.0));
        for (optimizer, params) in [(&mut optimizer, &mut whole), (&mut other, &mut zero)] {
            let next = gradients(params, 1, &[true; 3]);
            optimizer.step(params, &next);
        }
        assert_eq!(whole.flat(), zero.flat(), "{name}");
    }
}

#[test]
fn zero_gradients_move_nothing() {
    for (name, mut optimizer) in all::<f32>() {
        let (mut params, _) = params(&[9]);
        let before = params.clone();
        for _ in 0..3 {
            let gradients = Gradients::new(&params, vec![0.0; 9], 0.0);
            optimizer.step(&mut params, &gradients);
        }
        assert_eq!(params.flat(), before.flat(), "{name}");
        assert_eq!(optimizer.steps(), 3);
    }
}

#[test]
fn f32_follows_f64() {
    for ((name, mut single), (_, mut double)) in
        everything::<f32>().into_iter().zip(everything::<f64>())
    {
        let (mut params, _) = params::<f32>(&[33, 10]);
        let mut exact = params.cast::<f64>();
        for step in 0..20 {
            let rough = gradients(&params, step, &[true; 2]);
            single.step(&mut params, &rough);
            let fine = gradients(&exact, step, &[true; 2]);
            double.step(&mut exact, &fine);
        }
        for (&single, &double) in params.flat().iter().zip(exact.flat()) {
            assert!((f64::from(single) - double).abs() < 1e-5, "{name}: {single}, {double}");
        }
    }
}

#[test]
fn parameters_may_be_added_between_steps() {
    for ((name, mut grown), (_, mut kept)) in all::<f64>().into_iter().zip(all()) {
        let (mut some, _) = params(&[5]);
        let mut more = some.clone();
        for step in 0..3 {
            let old = gradients(&some, step, &[true]);
            kept.step(&mut some, &old);
            // Gradients computed before a parameter was added move the older ones.
            let old = gradients(&more, step, &vec![true; step + 1]);
            more.add_tensor(format!("new{step}"), &Tensor::from([1.0, 2.0]));
            grown.step(&mut more, &old);
        }
        assert_eq!(more.flat()[..5], *some.flat(), "{name}");
        assert!(more.flat()[5..9].iter().all(|x| x.fract() != 0.0), "{name}");
        assert_eq!(more.flat()[9..], [1.0, 2.0], "{name}");
    }
}

#[test]
fn values_are_the_same_on_any_number_of_threads() {
    let sizes = [100_000, 3, 70_001, 1, 33_333];
    let run = |threads: usize| {
        with_threads(threads, || {
            let run = |(_, mut optimizer): (_, Box<dyn Optimizer<f32> + Send>)| {
                let (mut params, _) = params(&sizes);
                for step in 0..2 {
                    let reached = [true, true, true, false, step == 1];
                    let gradients = gradients(&params, step, &reached);
                    optimizer.step(&mut params, &gradients);
                }
                params.flat().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            everything::<f32>().into_iter().map(run).collect::<Vec<_>>()
        })
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert!(one == run(threads), "{threads} threads");
    }
}

/// A step of 1, on this thread only.
struct OnThread(ThreadId);

impl<T: Scalar> Rule<T> for OnThread {
    type State = [T; 0];

    fn init(&self) -> [T; 0] {
        []
    }

    fn slots(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn formula(&self, _: Context<'_, T>) -> impl Fn(&mut [T; 0], T, T) -> T + Copy + Send + Sync {
        let here = self.0;
        move |_, _, _| {
            assert!(std::thread::current().id() == here, "another thread was woken");
            T::ONE
        }
    }
}

#[test]
fn small_steps_and_single_threads_stay_where_they_are() {
    for (threads, count) in [(1, 200_000), (2, 10_000)] {
        with_threads(threads, || {
            let mut optimizer = Chain::new(0.1, OnThread(std::thread::current().id()));
            let (mut params, _) = params::<f32>(&[count]);
            let gradients = gradients(&params, 0, &[true]);
            optimizer.step(&mut params, &gradients);
        });
    }
}

#[test]
fn the_rate_is_a_number_or_a_function_of_the_step() {
    let (mut params, _) = params::<f64>(&[1]);
    params.flat_mut()[0] = 0.0;
    let gradients = Gradients::new(&params, vec![1.0], 0.0);
    let mut optimizer = Sgd::new(|step: u64| (step + 1) as f64);
    for after in [-1.0, -3.0, -6.0] {
        optimizer.step(&mut params, &gradients);
        assert_eq!(params.flat(), [after]);
    }
    assert_eq!((optimizer.steps(), Optimizer::rate(&optimizer)), (3, 4.0));
    optimizer.set_rate(10.0.into());
    optimizer.step(&mut params, &gradients);
    assert_eq!(params.flat(), [-16.0]);
}

#[test]
fn momentum_may_follow_a_schedule() {
    let (mut params, _) = params::<f64>(&[1]);
    params.flat_mut()[0] = 0.0;
    let gradients = Gradients::new(&params, vec![1.0], 0.0);
    let mut optimizer = Momentum::new(1.0).momentum(|step: u64| 0.5 * step as f64);
    for after in [-1.0, -2.5] {
        optimizer.step(&mut params, &gradients);
        assert_eq!(params.flat(), [after]);
    }
    let found = message(|| optimizer.step(&mut params, &gradients));
    let want = "Momentum: the schedule of momentum gave 1 at step 2, \
                it must be at least 0 and below 1";
    assert_eq!(found, want);
    assert_eq!(params.flat(), [-2.5]);
}

#[test]
fn hyperparameters_are_checked_where_they_are_given() {
    let rate = "the rate must be finite and not negative, not";
    let fraction = "must be at least 0 and below 1, not";
    let positive = "must be finite and above 0 (in f32, too), not";
    let share = "must be above 0 and at most 1, not";
    let cases: [(fn(), String); 26] = [
        (|| drop(Lion::<f32>::new(-1.0)), format!("Lion: {rate} -1")),
        (|| drop(Lion::<f32>::new(0.1).beta2(1.0)), format!("Lion: beta2 {fraction} 1")),
        (|| drop(NAdam::<f32>::new(0.1).beta1(1.0)), format!("NAdam: beta1 {fraction} 1")),
        (|| drop(AmsGrad::<f32>::new(0.1).eps_hat(0.0)), format!("AmsGrad: eps_hat {positive} 0")),
        (
            || drop(RmsProp::<f32>::new(0.1).eps(Epsilon::Inside(0.0))),
            format!("RmsProp: eps {positive} 0"),
        ),
        (
            || drop(RmsProp::<f32>::new(0.1).momentum(1.5)),
            format!("RmsProp: momentum {fraction} 1.5"),
        ),
        (
            || drop(Momentum::<f32>::new(0.1).dampening(1.0)),
            format!("Momentum: dampening {fraction} 1"),
        ),
        (
            || drop(AdamW::<f32>::new(0.1).weight_decay(WeightDecay::Decoupled(-0.1))),
            "AdamW: weight_decay must be finite and not negative, not -0.1".to_string(),
        ),
        (
            || drop(Sgd::<f32>::new(0.1).proximal_l1(f64::NAN)),
            "Sgd: proximal_l1 must be finite and not negative, not NaN".to_string(),
        ),
        (
            || _ = Clip::value(0.0),
            "Clip: the limit must be finite and above 0 (in f32, too), not 0".to_string(),
        ),
        (
            || drop(Lookahead::<_>::new(Sgd::<f32>::new(0.1), 5, 1.5)),
            format!("Lookahead: alpha {share} 1.5"),
        ),
        (|| _ = Average::exponential(1.0), format!("Average: the decay {fraction} 1")),
        (|| drop(Sgd::<f32>::new(-0.1)), format!("Sgd: {rate} -0.1")),
        (|| drop(Momentum::<f32>::new(f64::NAN)), format!("Momentum: {rate} NaN")),
        (|| drop(Nesterov::<f32>::new(f64::INFINITY)), format!("Nesterov: {rate} inf")),
        (|| drop(AdaGrad::<f32>::new(-1.0)), format!("AdaGrad: {rate} -1")),
        (|| drop(RmsProp::<f32>::new(-1.0)), format!("RmsProp: {rate} -1")),
        (|| drop(Adam::<f32>::new(-1.0)), format!("Adam: {rate} -1")),
        (|| Adam::<f32>::new(1.0).set_rate((-2.0).into()), format!("Adam: {rate} -2")),
        (
            || drop(Momentum::<f32>::new(0.1).momentum(1.0)),
            format!("Momentum: momentum {fraction} 1"),
        ),
        (
            || drop(Nesterov::<f32>::new(0.1).momentum(f64::NAN)),
            format!("Nesterov: momentum {fraction} NaN"),
        ),
        (|| drop(RmsProp::<f32>::new(0.1).rho(-0.5)), format!("RmsProp: rho {fraction} -0.5")),
        (|| drop(Adam::<f32>::new(0.1).beta1(1.5)), format!("Adam: beta1 {fraction} 1.5")),
        (|| drop(Adam::<f32>::new(0.1).beta2(1.0)), format!("Adam: beta2 {fraction} 1")),
        (|| drop(Adam::<f32>::new(0.1).eps(0.0)), format!("Adam: eps {positive} 0")),
        (
            || drop(AdaGrad::<f32>::new(0.1).initial_sum(-1.0)),
            "AdaGrad: initial_sum must be finite and not negative, not -1".to_string(),
        ),
    ];
    for (construct, want) in cases {
        assert_eq!(message(construct), want);
    }
}

#[test]
fn a_schedule_is_checked_at_every_step() {
    let (mut params, _) = params::<f32>(&[1]);
    let gradients = gradients(&params, 0, &[true]);
    let mut optimizer = Adam::new(|step: u64| 1.0 - step as f64);
    optimizer.step(&mut params, &gradients);
    optimizer.step(&mut params, &gradients);
    let found = message(|| optimizer.step(&mut params, &gradients));
    let want = "Adam: the schedule of the rate gave -1 at step 2, \
                it must be finite and not negative";
    assert_eq!(found, want);
}

#[test]
fn optimizers_print_their_hyperparameters() {
    let momentum: Momentum = Momentum::new(0.1);
    let want = "Momentum(Velocity { momentum: 0.9, dampening: 0.0, convention: PyTorch, \
                nesterov: false } at 0.1 after 0 steps)";
    assert_eq!(format!("{momentum:?}"), want);
    let adam: AdamW = AdamW::new(|step: u64| step as f64)
        .clip(Clip::global_norm(2.0).convention(Convention::PyTorch))
        .proximal_l1(0.25)
        .group(Group::new("head", |_| true).rate_factor(10.0).no_weight_decay())
        .group(Group::new("body", |_| true).rate(0.5).weight_decay(WeightDecay::L2(0.5)).frozen());
    let want = "AdamW(Moments { beta1: 0.9, beta2: 0.999, eps: 1e-7, before_correction: false } \
                at a function of the step, clipping the norm of all to 2 / (norm + 1e-6), \
                p -= rate · 0.01 · p, proximal L1 0.25, \
                groups [`head` at 10 × the rate, no weight decay, `body` at 0.5, g += 0.5 · p, \
                frozen] after 0 steps)";
    assert_eq!(adam.to_string(), want);
    let wrapped: Lookahead<Averaged<Sgd>> =
        Lookahead::new(Averaged::new(Sgd::new(0.1), Average::equal()).starting_after(3), 5, 0.5);
    let want = "Lookahead(Averaged(Sgd(Descent at 0.1 after 0 steps), Equal after 3 steps), \
                every 5 steps by 0.5)";
    assert_eq!(format!("{wrapped:?}"), want);
}

#[test]
fn other_parameters_are_recognized() {
    let (mut some, _) = params::<f32>(&[4, 5]);
    let (mut others, _) = params::<f32>(&[4]);
    let theirs = gradients(&some, 0, &[true; 2]);
    let found = message(|| Sgd::new(0.1).step(&mut others, &theirs));
    let want = "the gradients are of other parameters: `w1` of shape [5] is not at its place";
    assert_eq!(found, want);

    let mut optimizer = Sgd::new(0.1);
    optimizer.step(&mut some, &theirs);
    let ours = gradients(&others, 0, &[true]);
    let found = message(|| optimizer.step(&mut others, &ours));
    assert!(found.starts_with("this optimizer has stepped other parameters: 9 values"), "{found}");
}
