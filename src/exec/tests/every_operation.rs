//! Random graphs that draw from every operation there is.

use super::*;
use crate::grad::GradCheck;
use crate::ops::Op;
use crate::ops::reduce::{Kind, Reduce};
use crate::ops::tests::catalogue::{Sample, samples};

/// Parameters of several ranks.
fn params(seed: Seed) -> Params<f64> {
    let shapes: [&[usize]; 5] = [&[5, 7], &[7], &[3, 1, 4], &[], &[2, 2, 3, 3]];
    let mut params = Params::new(seed);
    for (i, shape) in shapes.into_iter().enumerate() {
        let init = Uniform { low: -1.5, high: 1.5 };
        params.add(Parameter::new(format!("p{i}"), shape).init(init));
    }
    params
}

/// A value in another shape: its elements from some place on, repeated if there are too few.
fn fit<'t>(x: Var<'t>, shape: &Shape, rng: &mut impl RngExt) -> Var<'t> {
    let (wanted, have) = (shape.numel(), x.shape().numel());
    let copies = vec![x.reshape([have]); wanted.div_ceil(have)];
    let all = Var::concat(&copies, 0);
    let start = rng.random_range(0..=copies.len() * have - wanted);
    all.slice(0, start..start + wanted).reshape(shape)
}

/// An operation on values recorded before, brought to the shapes and the range that it takes.
fn draw<'t>(sample: &Sample, pool: &[Var<'t>], rng: &mut impl RngExt) -> Var<'t> {
    let chosen: Vec<Var<'t>> =
        sample.shapes.iter().map(|_| pool[rng.random_range(0..pool.len())]).collect();
    let first = chosen[0].shape();
    let result = chosen[1..].iter().try_fold(first, |all, x| all.broadcast(&x.shape()));
    let as_they_are = sample.is_elementwise && result.is_ok();
    let [low, high] = sample.range;
    let inputs: Vec<Var<'t>> = chosen
        .into_iter()
        .zip(&sample.shapes)
        .map(|(x, shape)| {
            let x = if as_they_are { x } else { fit(x, shape, rng) };
            // All values recorded before lie between -1 and 1.
            x * (0.5 * (high - low)) + 0.5 * (high + low)
        })
        .collect();
    sample.apply(&inputs)
}

/// A random graph that ends in one number, and the values on the way.
fn random_graph<'t>(graph: &'t Graph, seed: Seed, nodes: usize) -> (Var<'t>, Vec<Var<'t>>) {
    let mut rng = seed.rng();
    let mut samples = samples();
    samples.retain(|sample| sample.name != "detach");
    let leaves = graph.layout().ids().map(|id| graph.param(id).tanh());
    let mut pool: Vec<Var<'t>> = leaves.collect();
    for _ in 0..nodes {
        let sample = &samples[rng.random_range(0..samples.len())];
        let y = draw(sample, &pool, &mut rng);
        pool.push((0.5 * y).tanh());
    }
    // Of all values, so that every node counts.
    let terms = pool.iter().enumerate().map(|(i, x)| x.mean(..) * (1.0 + 0.1 * i as f64));
    let sum = terms.reduce(|a, b| a + b).expect("there are terms");
    (sum, pool)
}

/// Whether executor and interpreter add up in the same order, if they add up anything.
fn is_exact(op: &Op) -> bool {
    !matches!(op, Op::MatMul(_) | Op::Reduce(Reduce { kind: Kind::Sum, .. }))
}

/// The last of some values that no sum in another order led to.
fn last_exact<'t>(graph: &'t Graph, values: &[Var<'t>]) -> Var<'t> {
    let mut exact: Vec<bool> = Vec::new();
    graph.with_nodes(|nodes, _| {
        for node in nodes {
            exact.push(is_exact(&node.op) && node.inputs.iter().all(|id| exact[id.index()]));
        }
    });
    *values.iter().rfind(|x| exact[x.id().index()]).expect("parameters are exact")
}

/// Compares the executor with the interpreter, fused or not: the bits of what no sum led to.
fn compare_bits<T: Scalar>(params: &Params<T>, seed: Seed, nodes: usize) {
    let graph = graph_of(params);
    let (_, values) = random_graph(&graph, seed, nodes);
    let last = last_exact(&graph, &values);
    let want = interpret(&graph, last.id(), params);
    let mut workspace = Workspace::default();
    for fuse in [true, false] {
        let plan = |nodes: &[_], _| plan(nodes, &[last.id()], &[], graph.layout(), fuse);
        let plan = graph.with_nodes(plan);
        workspace.run(&plan, &bindings(params, &graph.attached()), &mut []);
        let (_, got) = workspace.output(&plan, 0, params.flat(), &[]);
        assert!(got == want.data(), "{seed:?}: {last:?} {got:?} instead of {want:?}\n{graph}");
    }
}

#[test]
fn random_graphs_of_every_operation_agree_with_the_interpreter() {
    for round in 0..300 {
        let seed = Seed(7).derive(round);
        let nodes = seed.rng().random_range(5..=60);
        let params = params(seed);
        compare_bits(&params, seed, nodes);
        compare_bits(&params.cast::<f32>(), seed, nodes);
        let graph = graph_of(&params);
        let (loss, _) = random_graph(&graph, seed, nodes);
        compare_loss(&graph, loss, &params, seed, 1e-9);
    }
}

#[test]
fn gradients_of_random_graphs_of_every_operation_agree_with_differences() {
    for round in 0..200 {
        let seed = Seed(9).derive(round);
        let nodes = seed.rng().random_range(5..=60);
        let params = params(seed);
        let report = GradCheck::new().samples(4).seed(seed).run(&params, |tape| {
            let (loss, _) = random_graph(tape.graph(), seed, nodes);
            loss
        });
        let report = report.unwrap_or_else(|error| panic!("{seed:?}: {error}"));
        assert!(report.is_below(1e-6), "{seed:?}, {nodes} nodes\n{report}");
    }
}
