//! Every operation that can be called, with inputs to try it on.

use crate::graph::Attached;
use crate::init::Uniform;
use crate::loss;
use crate::ops::elementwise::rows;
use crate::ops::{Op, Operation};
use crate::params::{ParamId, Parameter, Params};
use crate::seed::Seed;
use crate::shape::Shape;
use crate::{Convolution, FractionalPooling, Graph, IndexOperand, Pooling, SparseRows, Tape, Var};

type Apply = Box<dyn for<'t> Fn(&[Var<'t>]) -> Var<'t>>;

/// An operation and what it is tried on.
pub(crate) struct Sample {
    /// The method or function; of a loss, with its module.
    pub(crate) name: &'static str,
    /// The shapes of its inputs.
    pub(crate) shapes: Vec<Shape>,
    /// The range of its inputs' numbers.
    pub(crate) range: [f64; 2],
    /// Whether it takes inputs of any shapes that broadcast.
    pub(crate) is_elementwise: bool,
    apply: Apply,
}

impl Sample {
    pub(crate) fn apply<'t>(&self, inputs: &[Var<'t>]) -> Var<'t> {
        (self.apply)(inputs)
    }

    /// Parameters of the inputs' shapes, with random numbers in their range.
    pub(crate) fn params(&self, seed: Seed) -> (Params<f64>, Vec<ParamId>) {
        let [low, high] = self.range;
        let mut params = Params::new(seed);
        let add = |(i, shape): (usize, &Shape)| {
            let parameter = Parameter::new(format!("x{i}"), shape);
            params.add(parameter.init(Uniform { low, high }))
        };
        let ids = self.shapes.iter().enumerate().map(add).collect();
        (params, ids)
    }

    /// The operations that it records, in their order.
    pub(crate) fn ops(&self) -> Vec<Op> {
        let (params, ids) = self.params(Seed(0));
        let tape = Tape::training(&params, Seed(0));
        let inputs: Vec<Var<'_>> = ids.iter().map(|&id| tape.param(id)).collect();
        let last = self.apply(&inputs).id().index();
        tape.graph().with_nodes(|nodes, _| {
            let ops = nodes[..=last].iter().map(|node| node.op.clone());
            ops.filter(|op| !matches!(op, Op::Source(_))).collect()
        })
    }

    fn within(mut self, low: f64, high: f64) -> Self {
        self.range = [low, high];
        self
    }
}

fn of(
    name: &'static str,
    shapes: &[&[usize]],
    apply: impl for<'t> Fn(&[Var<'t>]) -> Var<'t> + 'static,
) -> Sample {
    let shapes = shapes.iter().map(|&shape| shape.into()).collect();
    let apply = Box::new(apply);
    Sample { name, shapes, range: [-1.5, 1.5], is_elementwise: false, apply }
}

/// All operations: the rows of the element-wise table, those of other families, compositions.
pub(crate) fn samples() -> Vec<Sample> {
    let all =
        [elementwise(), compositions(), reductions(), layouts(), indices(), windows(), losses()];
    all.into_iter().flatten().collect()
}

fn elementwise() -> Vec<Sample> {
    let rows = rows().into_iter().map(|(op, points)| {
        let low = points.iter().copied().fold(f64::INFINITY, f64::min);
        let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let record = move |inputs: &[Var<'_>]| -> crate::graph::NodeId {
            let ids: Vec<_> = inputs.iter().map(|x| x.id()).collect();
            inputs[0].graph().record(op, &ids).id()
        };
        let apply: Apply = Box::new(move |inputs| inputs[0].graph().var(record(inputs)));
        let shapes = vec![Shape::from([2, 3]); op.arity()];
        // A quotient is tried away from 0.
        let low = if op.name() == "div" { 0.3 } else { low };
        let range = [low.max(-1.5), high.min(2.0)];
        Sample { name: op.name(), shapes, range, is_elementwise: true, apply }
    });
    rows.collect()
}

fn compositions() -> Vec<Sample> {
    let samples = vec![
        of("reciprocal", &[&[2, 3]], |x| x[0].reciprocal()).within(0.3, 2.0),
        of("clamp", &[&[2, 3]], |x| x[0].clamp(-0.7, 0.6)),
        of("silu", &[&[2, 3]], |x| x[0].silu()),
        of("gelu", &[&[2, 3]], |x| x[0].gelu()),
        of("gelu_tanh", &[&[2, 3]], |x| x[0].gelu_tanh()),
        of("selu", &[&[2, 3]], |x| x[0].selu()),
        of("dropout", &[&[2, 3]], |x| x[0].dropout(0.3)),
        of("original_dropout", &[&[2, 3]], |x| x[0].original_dropout(0.3)),
        of("alpha_dropout", &[&[2, 3]], |x| x[0].alpha_dropout(0.3)),
        of("gaussian_dropout", &[&[2, 3]], |x| x[0].gaussian_dropout(0.3)),
        of("gaussian_noise", &[&[2, 3]], |x| x[0].gaussian_noise(0.5)),
    ];
    samples.into_iter().map(|sample| Sample { is_elementwise: true, ..sample }).collect()
}

fn reductions() -> Vec<Sample> {
    vec![
        of("sum", &[&[2, 3, 2]], |x| x[0].sum([0, -1])),
        of("sum_keep", &[&[2, 3, 2]], |x| x[0].sum_keep(1)),
        of("mean", &[&[2, 3, 2]], |x| x[0].mean([0, -1])),
        of("mean_keep", &[&[2, 3, 2]], |x| x[0].mean_keep(1)),
        of("var", &[&[2, 3, 2]], |x| x[0].var([0, -1])),
        of("var_keep", &[&[2, 3, 2]], |x| x[0].var_keep(1)),
        of("max", &[&[2, 3, 2]], |x| x[0].max([0, -1])),
        of("max_keep", &[&[2, 3, 2]], |x| x[0].max_keep(1)),
        of("min", &[&[2, 3, 2]], |x| x[0].min([0, -1])),
        of("min_keep", &[&[2, 3, 2]], |x| x[0].min_keep(1)),
        of("logsumexp", &[&[2, 3, 2]], |x| x[0].logsumexp([0, -1])),
        of("logsumexp_keep", &[&[2, 3, 2]], |x| x[0].logsumexp_keep(1)),
        of("softmax", &[&[2, 3, 2]], |x| x[0].softmax(1)),
        of("log_softmax", &[&[2, 3, 2]], |x| x[0].log_softmax(-1)),
        of("normalize", &[&[2, 3, 2]], |x| x[0].normalize([1, 2], 1e-2)),
        of("normalize_channels", &[&[3, 2, 2]], |x| x[0].normalize_channels(1, 1e-2)),
        of("cumsum", &[&[2, 3, 2]], |x| x[0].cumsum(1)),
        of("argmax", &[&[2, 3, 2]], |x| x[0].argmax(1)),
        of("matmul", &[&[2, 2, 3], &[2, 3, 2]], |x| x[0].matmul(x[1])),
        of("matmul", &[&[4, 2]], |x| words(x[0].graph()).matmul(x[0])),
    ]
}

/// Three texts of four words, one of them without any.
fn words(graph: &Graph) -> Var<'_> {
    let texts = SparseRows::new(4, vec![0, 2, 2, 4], vec![3, 0, 1, 3], Some(vec![0.5; 4]));
    graph.attach(Attached::Sparse(texts.expect("words below four")))
}

fn layouts() -> Vec<Sample> {
    vec![
        of("reshape", &[&[2, 3]], |x| x[0].reshape([3, 2])),
        of("broadcast_to", &[&[3, 1]], |x| x[0].broadcast_to([2, 3, 2])),
        of("permute", &[&[2, 3, 4]], |x| x[0].permute(&[2, 0, 1])),
        of("transpose", &[&[2, 3, 4]], |x| x[0].transpose()),
        of("detach", &[&[2, 3]], |x| x[0].detach()),
        of("remat", &[&[2, 3]], |x| x[0].remat(|x| x)),
        of("remat", &[&[2, 3]], |x| x[0].remat(|x| x.tanh() * x.sum_keep(1).exp())),
        of("slice", &[&[2, 5]], |x| x[0].slice(1, 1..4)),
        of("slice_step", &[&[2, 6]], |x| x[0].slice_step(1, 1.., 2)),
        of("pad", &[&[2, 3]], |x| x[0].pad(&[[1, 0], [0, 2]], 0.5)),
        of("flip", &[&[2, 3, 2]], |x| x[0].flip([0, -1])),
        of("concat", &[&[2, 2], &[2, 3]], |x| Var::concat(x, 1)),
        of("stack", &[&[2, 3], &[2, 3]], |x| Var::stack(x, 1)),
    ]
}

fn indices() -> Vec<Sample> {
    vec![
        of("gather_rows", &[&[4, 2]], |x| x[0].gather_rows([3, 0, 3])),
        of("pick", &[&[3, 4]], |x| x[0].pick([3, 0, 1])),
        of("one_hot", &[&[2, 3]], |x| x[0].graph().one_hot([2, 0], 3)),
        of("normal", &[&[2, 3]], |x| x[0].graph().normal([2, 3])),
        of("uniform", &[&[2, 3]], |x| x[0].graph().uniform([2, 3])),
        of("bernoulli", &[&[2, 3]], |x| x[0].graph().bernoulli(0.3, [2, 3])),
    ]
}

fn windows() -> Vec<Sample> {
    let uneven = || Convolution::<2>::new().stride([2, 1]).padding([[1, 0], [0, 2]]);
    let line = || Convolution::<1>::new().stride(2).padding([[0, 1]]);
    let pooling = || Pooling::new([2, 3]).stride([1, 2]).padding([[0, 1], [1, 0]]);
    vec![
        of("conv2d", &[&[1, 4, 4, 3], &[2, 2, 2, 2]], move |x| {
            x[0].conv2d(x[1], uneven().dilation([1, 2]).groups(2))
        }),
        of("conv1d", &[&[2, 2, 5], &[3, 2, 2]], move |x| x[0].conv1d(x[1], line())),
        of("conv_transpose2d", &[&[1, 2, 2, 2], &[2, 1, 2, 3]], move |x| {
            x[0].conv_transpose2d(x[1], uneven().groups(2))
        }),
        of("conv_transpose2d_to", &[&[1, 2, 2, 2], &[2, 1, 2, 2]], |x| {
            x[0].conv_transpose2d_to(x[1], [5, 4], Convolution::new().stride(2))
        }),
        of("conv_transpose1d", &[&[1, 2, 3], &[2, 2, 2]], move |x| {
            x[0].conv_transpose1d(x[1], line())
        }),
        of("max_pool2d", &[&[1, 2, 4, 4]], move |x| x[0].max_pool2d(pooling())),
        of("avg_pool2d", &[&[1, 2, 4, 4]], move |x| {
            x[0].avg_pool2d(pooling().count_padding(false))
        }),
        of("global_avg_pool2d", &[&[2, 2, 2, 3]], |x| x[0].global_avg_pool2d()),
        of("fractional_max_pool2d", &[&[2, 2, 5, 4]], |x| {
            x[0].fractional_max_pool2d(FractionalPooling::random(1.5).overlapping())
        }),
        of("spatial_dropout", &[&[2, 3, 2]], |x| x[0].spatial_dropout(0.3)),
    ]
}

/// The classes of the examples, on the tape of their scores.
fn labels(scores: Var<'_>) -> Var<'_> {
    [2, 0, 1].index_operand(scores.graph())
}

fn losses() -> Vec<Sample> {
    const SCORES: &[&[usize]] = &[&[3, 4]];
    const PAIR: &[&[usize]] = &[&[3, 4], &[3, 4]];
    let simple = vec![
        of("cross_entropy", SCORES, |x| x[0].cross_entropy(labels(x[0]))),
        of("binary_cross_entropy", PAIR, |x| x[0].binary_cross_entropy(x[1])).within(0.1, 0.9),
        of("mean_squared_error", PAIR, |x| x[0].mean_squared_error(x[1])),
        of("loss::weighted_mean", PAIR, |x| loss::weighted_mean(x[0], x[1])).within(0.3, 2.0),
        of("loss::squared_error", PAIR, |x| loss::squared_error(x[0], x[1])),
        of("loss::absolute_error", PAIR, |x| loss::absolute_error(x[0], x[1])),
        of("loss::huber", PAIR, |x| loss::huber(x[0], x[1], 0.4)),
        of("loss::hinge", PAIR, |x| loss::hinge(x[0], x[1])),
        of("loss::squared_hinge", PAIR, |x| loss::squared_hinge(x[0], x[1])),
        of("loss::multiclass_hinge", SCORES, |x| loss::multiclass_hinge(x[0], labels(x[0]), 1.0)),
        of("loss::multiclass_hinge_of_largest", SCORES, |x| {
            loss::multiclass_hinge_of_largest(x[0], labels(x[0]), 2.0)
        }),
        of("loss::cross_entropy", SCORES, |x| loss::cross_entropy(x[0], labels(x[0]))),
        of("loss::cross_entropy_smoothed", SCORES, |x| {
            loss::cross_entropy_smoothed(x[0], labels(x[0]), 0.1)
        }),
    ];
    let of_probabilities = vec![
        of("loss::binary_cross_entropy", PAIR, |x| loss::binary_cross_entropy(x[0], x[1])),
        of("loss::binary_cross_entropy_of_probabilities", PAIR, |x| {
            loss::binary_cross_entropy_of_probabilities(x[0], x[1])
        }),
        of("loss::cross_entropy_of_targets", PAIR, |x| loss::cross_entropy_of_targets(x[0], x[1])),
        of("loss::cross_entropy_of_probabilities", SCORES, |x| {
            loss::cross_entropy_of_probabilities(x[0], labels(x[0]))
        }),
        of("loss::smooth", SCORES, |x| loss::smooth(x[0], 0.1, 4)),
        of("loss::kl_divergence", PAIR, |x| loss::kl_divergence(x[0], x[1])),
        of("loss::kl_divergence_of_log_probabilities", PAIR, |x| {
            loss::kl_divergence_of_log_probabilities(x[0], x[1])
        }),
        of("loss::kl_divergence_of_probabilities", PAIR, |x| {
            loss::kl_divergence_of_probabilities(x[0], x[1])
        }),
    ];
    let within = of_probabilities.into_iter().map(|sample| sample.within(0.1, 0.9));
    simple.into_iter().chain(within).collect()
}
