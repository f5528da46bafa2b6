//! Which operation's own rule is wrong.

use std::fmt;

use super::check::GradCheck;
use super::evaluation::Evaluation;
use super::kinks;
use crate::graph::{Attached, CodeLocation, Graph, NodeId, Source, Var};
use crate::ops::Op;
use crate::ops::custom::Custom;
use crate::ops::view::View;
use crate::params::{ParamId, Params};
use crate::seed::Seed;
use crate::tensor::Tensor;

/// Where a wrong gradient comes from. Prints as a sentence.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Culprit {
    /// The operation's name.
    pub op: String,
    /// The operation as a listing of the tape shows it.
    pub listing: String,
    /// Where it was recorded.
    pub location: CodeLocation,
    /// The error of its rule alone; `None` if it is a `detach`, which keeps gradients from passing
    /// and is named because every rule is right by itself.
    pub error: Option<f64>,
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, listing, location, error } = self;
        match error {
            Some(error) => {
                write!(f, "the rule of `{op}` is off by {error:.1e}: {listing}, at {location}")
            }
            None => write!(
                f,
                "every rule is right by itself, but no gradient passes {listing}, at {location}"
            ),
        }
    }
}

/// Checks the rule of each operation between the parameters and a value alone, at the numbers that
/// it is applied to, and names the first that is wrong.
pub(super) fn locate(value: Var<'_>, evaluation: &mut Evaluation<'_>) -> Option<Culprit> {
    let graph = value.graph();
    let detached =
        |id: &NodeId| graph.with_nodes(|nodes, _| nodes[id.index()].op == Op::View(View::Detach));
    let (cuts, rules): (Vec<NodeId>, Vec<NodeId>) =
        kinks::path(value).into_iter().partition(detached);
    let wrong = first_wrong(graph, rules, evaluation);
    wrong.or_else(|| Some(culprit(graph, *cuts.first()?, None)))
}

/// As [`locate`], but only among the operations that branch.
pub(super) fn locate_at_kinks(value: Var<'_>, evaluation: &mut Evaluation<'_>) -> Option<Culprit> {
    first_wrong(value.graph(), evaluation.branching(), evaluation)
}

fn first_wrong(
    graph: &Graph,
    rules: Vec<NodeId>,
    evaluation: &mut Evaluation<'_>,
) -> Option<Culprit> {
    rules.into_iter().find_map(|id| {
        let error = rule_error(graph, id, evaluation)?;
        Some(culprit(graph, id, Some(error)))
    })
}

fn culprit(graph: &Graph, id: NodeId, error: Option<f64>) -> Culprit {
    let listing = graph.describe(id);
    graph.with_nodes(|nodes, _| {
        let node = &nodes[id.index()];
        Culprit { op: node.op.name().to_string(), listing, location: node.location.clone(), error }
    })
}

/// What an input of an operation is bound to when the operation is recorded alone.
enum Input {
    Numbers(ParamId),
    Attached(Attached),
}

/// The error of one operation's rule, if it is wrong.
fn rule_error(graph: &Graph, id: NodeId, evaluation: &mut Evaluation<'_>) -> Option<f64> {
    let (op, sources) = graph.with_nodes(|nodes, _| {
        let node = &nodes[id.index()];
        let sources = node.inputs.iter().map(|&id| (id, nodes[id.index()].op.clone()));
        (node.op.clone(), sources.collect::<Vec<_>>())
    });
    let mut params = match op {
        // Rules of one's own may read parameters, whose ids hold for clones.
        Op::Custom(_) => evaluation.frozen_params(),
        _ => Params::new(Seed(0)),
    };
    let mut inputs = Vec::new();
    // The first input of a rule of one's own is what the forward part made of the others.
    let made = usize::from(matches!(op, Op::Custom(Custom::Rule(_))));
    for (i, (id, source)) in sources.into_iter().enumerate().skip(made) {
        inputs.push(match source {
            Op::Source(Source::Indices(slot) | Source::Sparse(slot)) => {
                Input::Attached(graph.attached()[slot as usize].clone())
            }
            Op::Source(Source::Seed) => return None,
            _ => {
                let (shape, numbers) = evaluation.value_of(id);
                let tensor = Tensor::from_fn(&shape, |at| numbers[at]);
                Input::Numbers(params.add_tensor(format!("gradcheck:input {i}"), &tensor))
            }
        });
    }
    let report = GradCheck::of_one_rule().run(&params, |tape| {
        let recorded = inputs.iter().map(|input| match input {
            Input::Numbers(id) => tape.param(*id),
            Input::Attached(data) => tape.graph().attach(data.clone()),
        });
        let recorded: Vec<Var<'_>> = recorded.collect();
        let reapplied = match &op {
            Op::Custom(custom) => custom.reapply(&recorded),
            _ => None,
        };
        reapplied.unwrap_or_else(|| {
            let ids: Vec<NodeId> = recorded.iter().map(|input| input.id()).collect();
            tape.graph().record(op, &ids)
        })
    });
    // A rule that cannot be checked alone, as of a value that is not finite, is not accused.
    let report = report.ok()?;
    let wrong = report.rows().iter().any(|row| row.wrong + row.wrong_kinks > 0);
    wrong.then(|| report.worst())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grad::gradcheck;
    use crate::ops::planted;

    #[test]
    fn the_operation_whose_rule_is_wrong_is_named_with_its_line() {
        let mut params = Params::<f32>::new(Seed(0));
        let w = params.add_tensor("w", &Tensor::from([[0.3, -0.8], [0.5, 1.2]]));
        let x = Tensor::from([[1.0, 2.0], [-1.0, 0.5]]);
        for name in ["matmul", "tanh", "square", "log_softmax", "pick"] {
            let found = planted::during(name, 1.001, || {
                gradcheck(&params, |tape| {
                    let hidden = tape.input(&x).matmul(tape.param(w)).tanh();
                    hidden.square().log_softmax(-1).pick([1, 0]).sum(..)
                })
            });
            let report = found.unwrap();
            assert!(!report.is_below(1e-6), "{name}\n{report}");
            let culprit = report.culprit().expect("there is one");
            assert_eq!(culprit.op, name, "{report}");
            assert!(culprit.location.file().ends_with("locate.rs"), "{report}");
            let error = culprit.error.expect("the rule is wrong");
            assert!((5e-4..2e-3).contains(&error), "{name}: {error}");
            assert!(report.to_string().contains(&format!("the rule of `{name}`")), "{report}");
        }
    }

    #[test]
    fn a_tie_deep_inside_is_checked_where_it_is() {
        let mut params = Params::<f64>::new(Seed(0));
        // Both products are 6, but no small change of the factors leaves them equal.
        let w = params.add_tensor("w", &Tensor::from([2.0, 6.0, 1.0, 3.0]));
        let check = |factor| {
            planted::during("max", factor, || {
                gradcheck(&params, |tape| {
                    let w = tape.param(w);
                    (w.slice(0, ..2) * w.slice(0, 2..).flip(0)).max(..) + 100.0 * w.sin().sum(..)
                })
            })
        };
        let right = check(1.0).unwrap();
        assert!(right.is_below(1e-6), "{right}");
        // Each of both gets 0.9 of the gradient, which is between the slopes.
        let wrong = check(1.8).unwrap();
        assert!(wrong.rows().iter().all(|row| row.wrong + row.wrong_kinks == 0), "{wrong}");
        assert!(!wrong.is_below(1e-6) && wrong.worst() > 0.1, "{wrong}");
        assert_eq!(wrong.culprit().expect("there is one").op, "max");
    }

    #[test]
    fn a_gradient_that_is_cut_is_told_from_a_wrong_rule() {
        let mut params = Params::<f64>::new(Seed(0));
        let w = params.add_tensor("w", &Tensor::from([0.3, -0.8]));
        let report = gradcheck(&params, |tape| tape.param(w) * tape.param(w).exp().detach());
        let report = report.unwrap();
        let culprit = report.culprit().expect("there is one");
        assert_eq!((&culprit.op[..], culprit.error), ("detach", None), "{report}");
        let right = gradcheck(&params, |tape| tape.param(w).exp()).unwrap();
        assert!(right.culprit().is_none());
    }
}
