//! Training that is stopped and goes on.

use super::*;

/// Steps with gradients that depend on the number of the step.
fn train<T: Scalar>(
    optimizer: &mut dyn Optimizer<T>,
    params: &mut Params<T>,
    steps: std::ops::Range<usize>,
) {
    for step in steps {
        // One parameter has its first gradient late, and then only now and then.
        let gradients = gradients(params, step, &[true, step % 3 == 2, true]);
        optimizer.step(params, &gradients);
    }
}

fn bits(params: &Params<f32>) -> Vec<u32> {
    params.flat().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_resumed_run_is_the_same_run_to_the_bit() {
    // An odd number, so that rounds of accumulation and lookahead are interrupted.
    const HALF: usize = 7;
    for ((name, mut whole), ((_, mut first), (_, mut second))) in
        everything().into_iter().zip(everything().into_iter().zip(everything()))
    {
        let (mut expected, _) = params::<f32>(&[4, 3, 5]);
        let mut stopped = expected.clone();
        train(&mut whole, &mut expected, 0..2 * HALF);

        train(&mut first, &mut stopped, 0..HALF);
        let text = serde_json::to_string(&first.state(&stopped)).unwrap();
        let state: OptimizerState = serde_json::from_str(&text).unwrap();
        second.restore(&stopped, &state).unwrap();
        assert_eq!(second.state(&stopped), state, "{name}");
        assert_eq!(second.steps(), first.steps(), "{name}");
        train(&mut second, &mut stopped, HALF..2 * HALF);
        assert_eq!(bits(&stopped), bits(&expected), "{name}");
        assert_eq!(second.state(&stopped), whole.state(&expected), "{name}");
    }
}

#[test]
fn a_cold_start_is_not_the_same_run() {
    for ((name, mut warm), (_, mut cold)) in everything().into_iter().zip(everything()) {
        let (mut params, _) = params::<f32>(&[4, 3, 5]);
        train(&mut warm, &mut params, 0..7);
        let mut other = params.clone();
        train(&mut warm, &mut params, 7..14);
        train(&mut cold, &mut other, 7..14);
        let remembers = !["Sgd", "clip value"].contains(&name);
        assert_eq!(bits(&params) != bits(&other), remembers, "{name}");
    }
}

#[test]
fn parameters_may_be_in_another_order_when_state_is_restored() {
    for ((name, mut optimizer), (_, mut other)) in everything().into_iter().zip(everything()) {
        let (mut params, ids) = params::<f32>(&[4, 3, 5]);
        train(&mut optimizer, &mut params, 0..7);
        let mut reversed = Params::new(Seed(0));
        for &id in ids.iter().rev() {
            reversed.add_tensor(&params.layout().entry(id).name, &params.tensor(id));
        }
        let state = optimizer.state(&params);
        other.restore(&reversed, &state).unwrap();
        assert_eq!(other.state(&reversed), state, "{name}");
    }
}

#[test]
fn state_is_found_by_path_and_slot() {
    let (mut params, _) = params::<f32>(&[2]);
    let mut optimizer = Lookahead::new(RmsProp::new(0.1).momentum(0.5), 3, 0.5);
    let slots = |optimizer: &dyn Optimizer<f32>, params: &Params<f32>| -> Vec<String> {
        let state = optimizer.state(params);
        state.slots().map(|(parameter, slot, _)| format!("{slot}/{parameter}")).collect()
    };
    let want = ["inner.square/w0", "inner.velocity/w0", "slow/w0"];
    assert_eq!(slots(&optimizer, &params), want);
    let gradients = Gradients::new(&params, vec![1.0, 2.0], 0.0);
    optimizer.step(&mut params, &gradients);
    assert_eq!(slots(&optimizer, &params), want);
    let state = optimizer.state(&params);
    assert_eq!(state.optimizer(), "Lookahead(RmsProp)");
    assert_eq!(state.counts().collect::<Vec<_>>(), [("inner.steps", 1)]);
    assert_eq!(state.get("w0", "slow").unwrap().shape, [2]);

    // A state that was put together by hand is as good.
    let mut built = OptimizerState::new("Lookahead(RmsProp)");
    built.set_count("inner.steps", 1);
    for (parameter, slot, numbers) in state.slots() {
        built.insert(parameter, slot, numbers.clone());
    }
    assert_eq!(built, state);
}

#[test]
fn rules_of_a_pair_may_remember_alike() {
    let velocities = (Velocity::new("A", 0.5), Velocity::new("B", 0.25));
    let (params, _) = params::<f32>(&[2]);
    let state = Chain::new(0.1, velocities).state(&params);
    let slots: Vec<&str> = state.slots().map(|(_, slot, _)| slot).collect();
    assert_eq!(slots, ["velocity", "velocity_2"]);
}

#[test]
fn all_faults_of_a_state_are_listed_and_nothing_is_changed() {
    let (mut some, _) = params::<f32>(&[2, 3]);
    let mut optimizer = Adam::new(0.1);
    let step = gradients(&some, 0, &[true; 2]);
    optimizer.step(&mut some, &step);
    let before = optimizer.state(&some);

    let mut state = before.clone();
    state.insert("w1", "mean", Slot { shape: vec![4], values: vec![0.0; 4] });
    state.insert("w1", "square", Slot { shape: vec![3], values: vec![0.0; 4] });
    state.insert("other", "mean", Slot { shape: vec![1], values: vec![0.0] });
    let error = optimizer.restore(&some, &state).unwrap_err().to_string();
    let want = "the state of an optimizer: expected that of Adam for these parameters, found \
                `mean` of `w1`: shape [4], not [3]; `square` of `w1`: 4 values of [3]; \
                unexpected: `mean` of `other`";
    assert_eq!(error, want);

    let error = optimizer.restore(&some, &OptimizerState::new("Adam")).unwrap_err().to_string();
    let want = "the state of an optimizer: expected that of Adam for these parameters, found \
                missing: the number of steps; missing: `mean` of `w0`; missing: `square` of `w0`; \
                missing: `mean` of `w1`; missing: `square` of `w1`";
    assert_eq!(error, want);

    // Velocities with and without the rate are not the same numbers.
    let keras: Momentum = Momentum::new(0.1).convention(Convention::Keras);
    let state = keras.state(&some);
    let error = Momentum::new(0.1).restore(&some, &state).unwrap_err().to_string();
    assert!(error.contains("unexpected: `velocity_times_rate` of `w0`"), "{error}");
    let error = Nesterov::new(0.1).restore(&some, &Momentum::new(0.1).state(&some)).unwrap_err();
    assert!(error.to_string().contains("it is that of Momentum"), "{error}");
    let nested: Averaged<_> = Averaged::new(Adam::new(0.1), Average::equal());
    let error = optimizer.restore(&some, &nested.state(&some)).unwrap_err().to_string();
    assert!(error.contains("it is that of Averaged(Adam)"), "{error}");

    assert_eq!(optimizer.state(&some), before);
}

#[test]
fn state_of_the_model_is_none_of_the_optimizer() {
    let (mut params, _) = params::<f32>(&[2]);
    params.add(Parameter::new("running", [2]).role(crate::params::Role::State));
    for (name, optimizer) in everything() {
        let state = optimizer.state(&params);
        assert!(state.slots().all(|(parameter, ..)| parameter == "w0"), "{name}");
    }
}
