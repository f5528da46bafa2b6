//! Groups of parameters.

use super::*;
use crate::params::Role;

/// Kernel, bias, scale and another kernel.
fn model<T: Scalar>() -> Params<T> {
    let mut params = Params::new(Seed(42));
    let init = Normal { mean: 0.0, std: 1.0 };
    let mut add = |name: &str, role| {
        params.add(Parameter::new(name, [3]).init(init).role(role));
    };
    add("hidden/kernel", Role::Weight);
    add("hidden/bias", Role::Bias);
    add("norm/scale", Role::Normalization);
    add("output/kernel", Role::Weight);
    params
}

fn step<T: Scalar>(optimizer: &mut impl Optimizer<T>, params: &mut Params<T>, step: usize) {
    let gradients = gradients(params, step, &[true; 4]);
    optimizer.step(params, &gradients);
}

/// The values of one parameter after some steps.
fn after(mut optimizer: impl Optimizer<f64>, name: &str) -> Vec<f64> {
    let mut params = model::<f64>();
    (0..4).for_each(|i| step(&mut optimizer, &mut params, i));
    params.values(params.find(name).unwrap()).to_vec()
}

fn head() -> Group {
    Group::new("head", |entry| entry.name.starts_with("output/"))
}

#[test]
fn each_parameter_steps_as_if_the_optimizer_were_its_own() {
    let rate = |step: u64| 0.1 / (1.0 + step as f64);
    let own = |step: u64| 0.3 * (1.0 + step as f64);
    let grouped = || {
        AdamW::new(rate)
            .exempt_biases_and_normalization()
            .group(Group::new("scale", |entry| entry.name == "norm/scale").rate(own))
            .group(head().rate_factor(0.5).weight_decay(WeightDecay::L2(0.2)))
    };
    let none = WeightDecay::Decoupled(0.0);
    assert_eq!(after(grouped(), "hidden/kernel"), after(AdamW::new(rate), "hidden/kernel"));
    let bias = AdamW::new(rate).weight_decay(none);
    assert_eq!(after(grouped(), "hidden/bias"), after(bias, "hidden/bias"));
    let scale = AdamW::new(own).weight_decay(none);
    assert_eq!(after(grouped(), "norm/scale"), after(scale, "norm/scale"));
    let output = AdamW::new(move |step| 0.5 * rate(step)).weight_decay(WeightDecay::L2(0.2));
    assert_eq!(after(grouped(), "output/kernel"), after(output, "output/kernel"));
}

#[test]
fn the_rate_of_a_group_is_in_the_velocity_of_keras() {
    let keras = || Momentum::new(0.1).convention(Convention::Keras);
    let grouped = after(keras().group(head().rate_factor(2.0)), "output/kernel");
    let alone = Momentum::new(0.2).convention(Convention::Keras);
    assert_eq!(grouped, after(alone, "output/kernel"));
}

#[test]
fn a_frozen_group_stays_and_does_not_count() {
    let mut params = model::<f64>();
    let before = params.clone();
    let everything_else = Group::new("body", |entry| !entry.name.starts_with("output/")).frozen();
    let mut optimizer = Sgd::new(1.0).clip(Clip::global_norm(0.1)).group(everything_else);
    step(&mut optimizer, &mut params, 0);
    assert_eq!(params.flat()[..9], before.flat()[..9]);
    let moved: f64 = (9..12).map(|i| (params.flat()[i] - before.flat()[i]).powi(2)).sum();
    assert!((moved.sqrt() - 0.1).abs() < 1e-12, "the norm is that of what moves");
}

#[test]
fn the_last_group_has_its_way() {
    let optimizer: Sgd = Sgd::new(0.1)
        .weight_decay(WeightDecay::L2(0.1))
        .group(Group::new("all", |_| true).rate_factor(3.0).no_weight_decay())
        .group(head().rate(0.7).weight_decay(WeightDecay::Decoupled(0.2)).proximal_l1(0.5));
    let table = optimizer.groups(&model());
    let [kernel, .., output] = table.rows() else { panic!("four rows") };
    assert_eq!((kernel.rate, kernel.weight_decay, kernel.proximal_l1), (0.1 * 3.0, None, 0.0));
    assert_eq!(kernel.groups, ["all"]);
    let decay = Some(WeightDecay::Decoupled(0.2));
    assert_eq!((output.rate, output.weight_decay, output.proximal_l1), (0.7, decay, 0.5));
    assert_eq!(output.groups, ["all", "head"]);
}

#[test]
fn the_table_tells_who_is_where() {
    let optimizer: AdamW = AdamW::new(0.125)
        .exempt_biases_and_normalization()
        .group(head().rate_factor(2.0))
        .group(Group::new("body", |entry| entry.name == "hidden/kernel").frozen());
    let want = "\
parameter      rate   weight decay          L1  groups
hidden/kernel  -      -                     -   body, frozen
hidden/bias    0.125  -                     -   biases and normalization
norm/scale     0.125  -                     -   biases and normalization
output/kernel  0.25   p -= rate · 0.01 · p  -   head
";
    assert_eq!(optimizer.groups(&model()).to_string(), want);
}

#[test]
fn a_group_of_nothing_is_a_mistake() {
    let misspelt = || Group::new("head", |entry| entry.name.starts_with("ouput/"));
    let want = "Adam: the group `head` matches none of the parameters: \
                hidden/kernel, hidden/bias, norm/scale, output/kernel";
    let mut params = model::<f32>();
    let before = params.clone();
    let found = message(|| {
        let mut adam = Adam::new(0.1).group(misspelt());
        step(&mut adam, &mut params, 0);
    });
    assert_eq!(found, want);
    assert_eq!(params.flat(), before.flat());
    assert_eq!(message(|| drop(Adam::new(0.1).group(misspelt()).groups(&model::<f32>()))), want);
    // It may be told that it is none, and a model may have no biases.
    let mut adam = Adam::new(0.1).group(misspelt().may_be_empty());
    step(&mut adam, &mut params, 0);
    let (mut plain, _) = super::params::<f32>(&[2]);
    let gradients = gradients(&plain, 0, &[true]);
    AdamW::new(0.1).exempt_biases_and_normalization().step(&mut plain, &gradients);
}

#[test]
fn parameters_that_are_added_find_their_group() {
    let mut params = model::<f64>();
    let mut optimizer = Sgd::new(1.0).group(head().rate_factor(0.5));
    step(&mut optimizer, &mut params, 0);
    let added = params.add(Parameter::new("output/bias", [1]));
    let gradients = Gradients::new(&params, vec![1.0; 13], 0.0);
    optimizer.step(&mut params, &gradients);
    assert_eq!(params.values(added), [-0.5]);
}

#[test]
fn the_schedule_of_a_group_is_checked() {
    let mut params = model::<f32>();
    let mut optimizer = Sgd::new(0.1).group(head().rate(|step: u64| -(step as f64)));
    step(&mut optimizer, &mut params, 0);
    let found = message(|| step(&mut optimizer, &mut params, 1));
    let want = "Group: the schedule of the rate gave -1 at step 1, \
                it must be finite and not negative";
    assert_eq!(found, want);
}
