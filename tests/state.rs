//! State such as running statistics: new values leave a run with the gradients and are put in
//! place by the step.

use gradtape::prelude::*;

/// A parameter and a running mean of inputs.
fn params() -> (Params<f64>, ParamId, ParamId) {
    let mut params = Params::new(Seed(0));
    let mean = params.add(Parameter::new("mean", [2]).role(Role::State));
    let w = params.add_tensor("w", &Tensor::from([1.0, -1.0]));
    (params, mean, w)
}

/// Takes a value into the running mean, by half.
fn gather(graph: &Graph, mean: ParamId, x: Var<'_>) {
    graph.update(mean, (graph.state(mean) + x) * 0.5);
}

#[test]
fn a_step_puts_new_state_in_place_and_a_run_alone_does_not() {
    let (mut params, mean, w) = params();
    let mut optimizer = Momentum::new(0.1);
    for step in 1..=20 {
        // Other values each time, in a step of the same structure.
        let x = Tensor::from([f64::from(step), 1.0]);
        let before = params.values(mean).to_vec();
        let tape = Tape::training(&params, Seed(0));
        let x_var = tape.input(&x);
        gather(tape.graph(), mean, x_var);
        let loss = (tape.param(w) * x_var).square().sum(..);
        let _ = tape.item(loss);
        let gradients = tape.backward(loss);
        assert_eq!(params.values(mean), before);
        optimizer.step(&mut params, &gradients);
        let want: Vec<f64> = before.iter().zip(x.data()).map(|(m, x)| (m + x) * 0.5).collect();
        assert_eq!(params.values(mean), want);
    }
}

#[test]
fn updates_of_one_tape_follow_each_other() {
    let (mut params, mean, w) = params();
    let tape = Tape::training(&params, Seed(0));
    for x in [4.0, 8.0] {
        gather(tape.graph(), mean, tape.input(&Tensor::from([x, -x])));
    }
    let gradients = tape.backward(tape.param(w).sum(..));
    drop(tape);
    gradients.apply_updates(&mut params);
    assert_eq!(params.values(mean), [5.0, -5.0]);
    assert_eq!(params.values(w), [1.0, -1.0]);
}

#[test]
fn steps_that_differ_in_updates_only_do_not_share_a_plan() {
    let (mut params, mean, w) = params();
    for round in 0..4 {
        let tape = Tape::training(&params, Seed(0));
        let loss = tape.param(w).sum(..);
        let first = tape.backward(loss);
        gather(tape.graph(), mean, tape.input(&Tensor::from([2.0, 4.0])));
        let second = tape.backward(loss);
        drop(tape);
        let before = params.values(mean).to_vec();
        first.apply_updates(&mut params);
        assert_eq!(params.values(mean), before, "round {round}");
        second.apply_updates(&mut params);
        assert_ne!(params.values(mean), before, "round {round}");
    }
}

#[test]
fn state_gets_no_gradient_and_lets_none_pass() {
    let (params, mean, w) = params();
    let tape = Tape::training(&params, Seed(0));
    gather(tape.graph(), mean, tape.param(w));
    let loss = (tape.graph().state(mean) * tape.param(w)).sum(..);
    let gradients = tape.backward(loss);
    assert_eq!(gradients.get(mean), None);
    assert_eq!(gradients.get(w), Some(&[0.5, -0.5][..]));
    assert!(gradients.segments().eq(std::iter::once(2..4)));
}

#[test]
fn a_tape_for_inference_updates_nothing() {
    let (mut params, mean, w) = params();
    let tape = Tape::inference(&params);
    gather(tape.graph(), mean, tape.param(w));
    let gradients = tape.backward(tape.param(w).sum(..));
    drop(tape);
    gradients.apply_updates(&mut params);
    assert_eq!(params.values(mean), [0.0, 0.0]);
}

#[test]
#[should_panic(expected = "update: `w` is a Weight, which optimizers change")]
fn only_state_is_updated() {
    let (params, _, w) = params();
    let tape = Tape::training(&params, Seed(0));
    tape.graph().update(w, tape.scalar(1.0));
}

#[test]
fn an_update_is_not_lost_where_recordings_part_and_meet() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([1.0]));
    let n = params.add(Parameter::new("n", [1]).role(Role::State));
    let run = |tape: &Tape<'_>, twice: bool| {
        let graph = tape.graph();
        graph.update(n, graph.state(n) + 1.0);
        let y = if twice { tape.param(w).tanh() } else { tape.param(w).sin() };
        if twice {
            graph.update(n, graph.state(n) + 1.0);
        }
        tape.backward(y.sum(..))
    };
    // Two tapes at a time, so that the recordings are kept in another order than they began in.
    let first = Tape::training(&params, Seed(0));
    let _ = run(&first, true);
    let second = Tape::training(&params, Seed(0));
    let _ = run(&second, false);
    drop(first);
    drop(second);
    let third = Tape::training(&params, Seed(0));
    let gradients = run(&third, true);
    drop(third);
    gradients.apply_updates(&mut params);
    assert_eq!(params.values(n), [2.0]);
}
