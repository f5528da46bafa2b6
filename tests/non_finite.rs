//! Finding where a bad number came from, and looking at graphs.

use gradtape::prelude::*;

#[test]
fn the_first_bad_operation_is_named_with_its_line() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("scale", &Tensor::from([2.0, 0.0]));
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::from([1.0, 3.0]));
    let line = line!() + 1;
    let ratio = x / tape.param(w);
    let loss = (ratio.tanh() + ratio).sum(..);
    assert!(tape.item(loss).is_infinite());
    let found = tape.find_non_finite().expect("3 / 0");
    assert_eq!((found.op, found.value, found.count, found.total), ("div", f64::INFINITY, 1, 2));
    assert!(found.location.contains(&format!("non_finite.rs:{line}:")), "{found}");
    let text = found.to_string();
    assert!(text.contains("param scale [2] holds 0e0 to 2e0"), "{text}");
}

#[test]
fn gradients_are_looked_at_too() {
    let mut params = Params::<f64>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([0.0]));
    let tape = Tape::training(&params, Seed(0));
    let loss = tape.param(w).sqrt().sum(..);
    assert!(tape.find_non_finite().is_none());
    assert!(tape.backward(loss).flat()[0].is_infinite());
    assert_eq!(tape.find_non_finite().expect("1 / 0").op, "div");
}

#[test]
fn bad_numbers_from_outside_are_the_first() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::from([1.0, f32::NAN]));
    let _ = (x + 1.0).exp();
    assert_eq!(tape.find_non_finite().expect("NaN").op, "input");
}

#[test]
fn a_graph_as_a_picture() {
    let mut params = Params::<f32>::new(Seed(0));
    let layer = Dense::new(2, 1).build(&mut params, "layer");
    let tape = Tape::training(&params, Seed(0));
    let loss = layer.forward(tape.input(&Tensor::zeros([3, 2]))).square().mean(..);
    let forward = tape.graph().to_dot();
    assert!(forward.starts_with("digraph") && !forward.contains("backward"), "{forward}");
    assert!(
        forward.contains("param layer/kernel\\n[2, 1]\", shape=box, style=filled"),
        "{forward}"
    );
    assert!(forward.contains("n0 -> n2;") && forward.contains("n1 -> n2;"), "{forward}");
    let _ = tape.backward(loss);
    let all = tape.graph().to_dot();
    assert_eq!(all.matches("subgraph cluster_backward").count(), 1, "{all}");
    assert_eq!(all.matches('{').count(), all.matches('}').count());
}
