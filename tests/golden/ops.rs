//! Operations: output, gradients with respect to the inputs and, where given, second derivatives,
//! in both number types.

use gradtape::{Params, Scalar, Seed, Tape, Var};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Array, Attributes};
use crate::compare::{DOUBLE, Demands, SINGLE, check as compare};
use crate::operations::{Input, record};
use crate::saved::{self, Recorded};

#[derive(Deserialize)]
struct Case {
    name: String,
    op: String,
    attrs: Attributes,
    inputs: Vec<Named>,
    output: Array,
    /// The gradient that arrives at the output; none if the operation has no gradient.
    cotangent: Option<Array>,
    /// The gradient for each input, or `null` for one that has none.
    #[serde(default)]
    vjp: Vec<Option<Array>>,
    hvp: Option<Second>,
    /// Of batch normalization: the statistics of the batch, and those gathered before it.
    batch_mean: Option<Array>,
    batch_var: Option<Array>,
    running: Option<Running>,
}

#[derive(Deserialize)]
struct Running {
    mean_before: Array,
    var_before: Array,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    array: Array,
}

/// Second order: the derivative of the gradients along a direction, one tensor an input.
#[derive(Deserialize)]
struct Second {
    direction: Vec<Option<Array>>,
    result: Vec<Option<Array>>,
}

pub(crate) fn check(case: &Value) -> Result<(), String> {
    let case = Case::deserialize(case).map_err(|error| error.to_string())?;
    case.run::<f64>(&DOUBLE)?;
    let mut single = SINGLE;
    if matches!(&case.op[..], "sin" | "cos") {
        // A large angle is rounded by far more than the tolerance, and the result, with a slope and
        // a cotangent of up to 2 together, moves along.
        let rounding = |x: &f64| (x - f64::from(*x as f32)).abs();
        let angles = case.inputs.iter().flat_map(|input| &input.array.data);
        single.first.absolute += 2.0 * angles.map(rounding).fold(0.0, f64::max);
    }
    case.run::<f32>(&single)
}

impl Case {
    fn run<T: Scalar>(&self, demands: &Demands) -> Result<(), String> {
        let params = Params::<T>::new(Seed(0));
        let tape = Tape::inference(&params);
        let mut recorded = Recorded { inputs: Vec::new(), outputs: Vec::new() };
        let inputs: Vec<Input<'_>> = self
            .inputs
            .iter()
            .map(|input| match input.array.indices().transpose()? {
                Some(indices) => Ok(Input::Whole(recorded.bind(&tape, indices))),
                None => Ok(Input::Numbers(recorded.bind(&tape, input.array.tensor()?))),
            })
            .collect::<Result<_, String>>()?;
        self.compare(&tape, &inputs, &mut recorded, demands)?;
        saved::check(&self.name, &tape, &recorded)
    }

    /// Compares whatever the case knows with what is recorded for it.
    fn compare<'t, T: Scalar>(
        &self,
        tape: &'t Tape<'_, T>,
        inputs: &[Input<'t>],
        recorded: &mut Recorded<'t, T>,
        demands: &Demands,
    ) -> Result<(), String> {
        let mut operands = inputs.to_vec();
        if self.attrs.get::<String>("mode").is_ok_and(|mode| mode == "inference") {
            let running = self.running.as_ref().ok_or("the statistics are missing")?;
            operands.push(Input::Numbers(recorded.bind(tape, running.mean_before.tensor()?)));
            operands.push(Input::Numbers(recorded.bind(tape, running.var_before.tensor()?)));
        }
        let y = record(tape.graph(), &self.op, &self.name, &self.attrs, &operands)?;
        recorded.outputs.push(y);
        if let (Some(mean), Some(var), Input::Numbers(x)) =
            (&self.batch_mean, &self.batch_var, inputs[0])
        {
            let channels = self.attrs.get::<usize>("channel_axis")? as isize;
            let axes = 0..x.shape().rank() as isize;
            let others: Vec<isize> = axes.filter(|&axis| axis != channels).collect();
            compare("batch mean", tape, x.mean(&others[..]), mean, demands.first, demands)?;
            compare("batch variance", tape, x.var(&others[..]), var, demands.first, demands)?;
        }
        compare("output", tape, y, &self.output, demands.first, demands)?;

        let Some(cotangent) = &self.cotangent else {
            let none = self.vjp.is_empty() && self.hvp.is_none();
            return if none { Ok(()) } else { Err("gradients without a cotangent".to_string()) };
        };
        let wanted = self.paired("vjp", &self.vjp, inputs)?;
        let xs: Vec<Var<'_>> = wanted.iter().map(|&(_, x, _)| x).collect();
        let s = (y * recorded.bind(tape, cotangent.tensor()?)).sum(..);
        let gradients = tape.gradient(s, &xs);
        recorded.outputs.extend(&gradients);
        for (&(name, _, want), &gradient) in wanted.iter().zip(&gradients) {
            let what = format!("vjp of input `{name}`");
            compare(&what, tape, gradient, want, demands.first, demands)?;
        }

        let Some(second) = &self.hvp else { return Ok(()) };
        let directions = self.paired("direction", &second.direction, inputs)?;
        let wanted = self.paired("hvp", &second.result, inputs)?;
        let mut slope = tape.scalar(0.0);
        for (&gradient, (_, _, direction)) in gradients.iter().zip(directions) {
            slope += (gradient * recorded.bind(tape, direction.tensor()?)).sum(..);
        }
        let gradients = tape.gradient(slope, &xs);
        recorded.outputs.extend(&gradients);
        for (&gradient, (name, _, want)) in gradients.iter().zip(wanted) {
            let what = format!("hvp of input `{name}`");
            compare(&what, tape, gradient, want, demands.second, demands)?;
        }
        Ok(())
    }

    /// The inputs that have a gradient, each with its name and its array among these.
    fn paired<'a, 't>(
        &'a self,
        what: &str,
        arrays: &'a [Option<Array>],
        inputs: &[Input<'t>],
    ) -> Result<Vec<(&'a str, Var<'t>, &'a Array)>, String> {
        if arrays.len() != inputs.len() {
            return Err(format!("{what}: {} arrays, {} inputs", arrays.len(), inputs.len()));
        }
        let differentiated = |index: usize| self.vjp[index].is_some();
        let mut paired = Vec::new();
        for (i, (array, input)) in arrays.iter().zip(inputs).enumerate() {
            let name = &self.inputs[i].name[..];
            match (array, input) {
                (Some(array), &Input::Numbers(x)) if differentiated(i) => {
                    paired.push((name, x, array));
                }
                (None, _) if !differentiated(i) => {}
                _ => {
                    return Err(format!(
                        "{what}: input `{name}` has a gradient in part of the case only"
                    ));
                }
            }
        }
        Ok(paired)
    }
}
