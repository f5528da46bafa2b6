//! The executor against the plain interpreter, on random graphs.

mod every_operation;
mod mostly_zeros;
mod remat;

use rand::RngExt;

use super::workspace::Workspace;
use super::{Bindings, oracle, plan};
use crate::exec::kernels::tasks::with_threads;
use crate::graph::{Attached, Graph, Mode, NodeId, Var};
use crate::init::Uniform;
use crate::params::{Parameter, Params};
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Parameters and inputs of the shapes that random graphs are made of: all broadcast to `[m, n]`
/// or fit into products.
fn params(seed: Seed, [m, k, n]: [usize; 3]) -> Params<f64> {
    let mut params = Params::new(seed);
    let mut rng = seed.rng();
    let shapes: [&[usize]; 6] = [&[m, n], &[n], &[m, 1], &[], &[m, k], &[k, n]];
    for (i, shape) in shapes.into_iter().enumerate() {
        let id = params.add(Parameter::new(format!("p{i}"), shape));
        params.values_mut(id).iter_mut().for_each(|x| *x = rng.random_range(0.1..1.5));
    }
    params
}

/// A random graph over the parameters that ends in one number: `nodes` operations of all kinds,
/// each on values recorded before.
fn random_graph<'t>(graph: &'t Graph, seed: Seed, nodes: usize) -> Var<'t> {
    let mut rng = seed.rng();
    let mut pool: Vec<Var<'t>> = graph.layout().ids().map(|id| graph.param(id)).collect();
    let (m, n) = (pool[0].shape()[0], pool[0].shape()[1]);
    for _ in 0..nodes {
        let x = pool[rng.random_range(0..pool.len())];
        let y = pool[rng.random_range(0..pool.len())];
        let fits = x.shape().broadcast(&y.shape()).is_ok();
        let matrix = x.shape().rank() == 2;
        let next = match rng.random_range(0..23) {
            0 | 1 if fits => x + y,
            2 if fits => x - y,
            3 | 4 if fits => x * y,
            5 if fits => x / (y.square() + 1.0),
            6 if fits => x.maximum(y),
            7 if fits => x.select(y, x),
            8 => x.tanh(),
            9 => x.relu(),
            10 => (x * 0.5).sigmoid(),
            11 => x.softplus(),
            12 => 1.0 - x,
            13 => x.dropout(0.5),
            14 if matrix => x.softmax(-1),
            15 if matrix => x.log_softmax(0) * 0.1,
            16 if matrix => x.sum_keep(0) * 0.1,
            17 if matrix => x.mean(1).reshape([x.shape()[0], 1]),
            18 => x.mean(..),
            19 if matrix => x.max_keep(1),
            20 if matrix => x.transpose().transpose(),
            21 if matrix => x.logsumexp_keep(0),
            22 => x.gaussian_noise(0.3),
            _ if matrix && y.shape().rank() == 2 && x.shape()[1] == y.shape()[0] => {
                x.matmul(y) * 0.2
            }
            _ if matrix && y.shape() == x.shape() => x.transpose().matmul(y).mean(0).mean(..),
            _ => x.detach() + x,
        };
        pool.push(next.tanh().broadcast_to(next.shape()));
    }
    let used = pool.iter().rev().take(6).copied();
    let terms = used.map(|x| x.mean(..)).chain([(pool[4].matmul(pool[5]) + pool[0]).mean(..)]);
    let sum = terms.reduce(|a, b| a + b).expect("there are terms");
    assert!(sum.shape().numel() == 1 && m * n > 0);
    sum
}

/// All that a plan for the loss and its gradients computes.
fn run<T: Scalar>(graph: &Graph, loss: Var<'_>, params: &Params<T>, fuse: bool) -> (T, Vec<T>) {
    let gradients = graph.swept_params(graph.sweep_params(loss));
    let planned =
        graph.with_nodes(|nodes, _| plan(nodes, &[loss.id()], &gradients, graph.layout(), fuse));
    let mut values = vec![T::ZERO; params.flat().len()];
    let mut workspace = Workspace::default();
    workspace.run(&planned, &bindings(params, &graph.attached()), &mut values);
    let (_, output) = workspace.output(&planned, 0, params.flat(), &[]);
    (output[0], values)
}

fn bindings<'a, T: Scalar>(params: &'a Params<T>, attached: &'a [Attached]) -> Bindings<'a, T> {
    Bindings { params: params.flat(), inputs: &[], attached, seed: Seed(3) }
}

fn graph_of<T: Scalar>(params: &Params<T>) -> Graph {
    Graph::new(Mode::Training, params.layout().clone(), params.traces().clone())
}

fn interpret<T: Scalar>(graph: &Graph, id: NodeId, params: &Params<T>) -> Tensor<T> {
    let attached = graph.attached();
    graph.with_nodes(|nodes, _| {
        let nodes = &nodes[..=id.index()];
        oracle::value_of_last(nodes, &bindings(params, &attached), graph.layout())
    })
}

fn compare<T: Scalar>(params: &Params<T>, seed: Seed, nodes: usize, tolerance: f64) {
    let graph = graph_of(params);
    let loss = random_graph(&graph, seed, nodes);
    compare_loss(&graph, loss, params, seed, tolerance);
}

/// Compares the executor, fused or not, with the interpreter: loss and all gradients.
fn compare_loss<T: Scalar>(
    graph: &Graph,
    loss: Var<'_>,
    params: &Params<T>,
    seed: Seed,
    tolerance: f64,
) {
    for fuse in [true, false] {
        let (value, gradients) = run(graph, loss, params, fuse);
        let want = interpret(graph, loss.id(), params).item().to_f64();
        let close = |got: f64, want: f64| (got - want).abs() <= tolerance * (1.0 + want.abs());
        assert!(close(value.to_f64(), want), "{seed:?}: loss {value} instead of {want}\n{graph}");
        for (id, gradient) in graph.swept_params(graph.sweep_params(loss)) {
            let want = interpret(graph, gradient, params);
            let got = &gradients[graph.layout().range(id)];
            for (i, (got, want)) in got.iter().zip(want.data()).enumerate() {
                assert!(
                    close(got.to_f64(), want.to_f64()),
                    "{seed:?} fuse {fuse}: {id:?} at {i}: {got} instead of {want}\n{graph}"
                );
            }
        }
    }
}

#[test]
fn random_graphs_agree_with_the_interpreter() {
    for round in 0..300 {
        let seed = Seed(1).derive(round);
        let mut rng = seed.rng();
        let sizes = std::array::from_fn(|_| rng.random_range(1..12));
        let params = params(seed, sizes);
        let nodes = rng.random_range(5..60);
        compare(&params, seed, nodes, 1e-11);
        compare(&params.cast::<f32>(), seed, nodes, 2e-3);
    }
}

#[test]
fn large_random_graphs_agree_with_the_interpreter() {
    for round in 0..12 {
        let seed = Seed(2).derive(round);
        let sizes = [[300, 40, 257], [70, 130, 1030], [2100, 3, 17]][round as usize % 3];
        compare(&params(seed, sizes), seed, 12, 1e-10);
    }
}

#[test]
fn element_wise_graphs_have_the_bits_of_the_interpreter() {
    let params = params(Seed(5), [37, 4, 300]).cast::<f32>();
    let graph = graph_of(&params);
    let p: Vec<Var<'_>> = graph.layout().ids().map(|id| graph.param(id)).collect();
    let mut y = p[0];
    for round in 0..20 {
        let other = p[round % 4];
        y = (y * other + 0.3).tanh().maximum(other.ln()).softplus() - (-y).sigmoid();
        y = y.dropout(0.1).select(y, other.exp());
    }
    let planned = graph.with_nodes(|nodes, _| plan(nodes, &[y.id()], &[], graph.layout(), true));
    let mut workspace = Workspace::default();
    workspace.run(&planned, &bindings(&params, &[]), &mut []);
    let (_, got) = workspace.output(&planned, 0, params.flat(), &[]);
    let want = interpret(&graph, y.id(), &params);
    assert!(got.iter().zip(want.data()).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let params = params(Seed(6), [600, 70, 513]).cast::<f32>();
    let on = |threads: usize| {
        with_threads(threads, || {
            let graph = graph_of(&params);
            let p: Vec<Var<'_>> = graph.layout().ids().map(|id| graph.param(id)).collect();
            let hidden = (p[4].matmul(p[5]) + p[1]).tanh().dropout(0.3);
            let rows = hidden.sum_keep(1) * p[2];
            let loss = (hidden * rows - p[0]).square().mean(..) + p[1].square().sum(..);
            let (loss, gradients) = run(&graph, loss, &params, true);
            (loss.to_bits(), gradients.iter().map(|g| g.to_bits()).collect::<Vec<_>>())
        })
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert!(on(threads) == one, "{threads} threads");
    }
}

#[test]
fn shapes_without_elements_run() {
    let mut params = Params::<f32>::new(Seed(0));
    let empty = params.add(Parameter::new("empty", [0, 3]));
    let row = params.add(Parameter::new("row", [3]));
    let graph = graph_of(&params);
    let y = (graph.param(empty) + graph.param(row)).exp();
    let loss = y.sum(..) + y.matmul(graph.param(row).reshape([3, 1])).sum(..);
    let (loss, gradients) = run(&graph, loss, &params, true);
    assert_eq!((loss, &gradients[..]), (0.0, &[0.0; 3][..]));
    assert_eq!(y.sum(0).shape(), Shape::from([3]));
}

/// The gradients of scales and shifts, each a sum over another set of axes: several sums close one
/// group, and large spaces are cut into chunks that keep partial sums.
#[test]
fn sums_that_close_one_group_do_not_mix() {
    let spaces: [&[usize]; 7] =
        [&[1000, 40], &[40_000], &[20, 2000], &[50, 40, 30], &[3, 400, 40], &[700, 64], &[4000, 9]];
    for (round, space) in (0..).zip(spaces).flat_map(|(i, space)| [(i, space), (i + 7, space)]) {
        let mut rng = Seed(11).derive(round).rng();
        let mut params = Params::<f64>::new(Seed(round));
        let x = params.add(Parameter::new("x", space).init(Uniform { low: -1.0, high: 1.0 }));
        let factors: Vec<_> = (0..6)
            .map(|i| {
                let left_out = rng.random_range(0..=space.len());
                let sizes = space[left_out..].iter();
                let shape: Shape =
                    sizes.map(|&n| if rng.random_range(0..3) == 0 { 1 } else { n }).collect();
                let init = Uniform { low: 0.5, high: 1.5 };
                params.add(Parameter::new(format!("factor {i}"), shape).init(init))
            })
            .collect();
        let graph = graph_of(&params);
        let mut y = graph.param(x);
        for pair in factors.chunks(2) {
            y = y * graph.param(pair[0]) + graph.param(pair[1]);
            y = if round % 2 == 0 { y.tanh() } else { y.dropout(0.1) };
        }
        let (_, gradients) = run(&graph, y.square().mean(..), &params, true);
        let loss = y.square().mean(..);
        for (id, gradient) in graph.swept_params(graph.sweep_params(loss)) {
            let want = interpret(&graph, gradient, &params);
            let got = &gradients[graph.layout().range(id)];
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
            assert!(got.iter().zip(want.data()).all(close), "{space:?}, round {round}: {id:?}");
        }
    }
}
