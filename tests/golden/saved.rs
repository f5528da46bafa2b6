//! Every case saved, read back and run: the same bits as recorded. And changed at random in
//! between: an error or a graph that runs, never a panic.

use std::iter::zip;

use gradtape::graph::{InputKind, SavedGraph, SavedInput};
use gradtape::{Indices, Input, Params, Scalar, Seed, SparseRows, Tape, Tensor, Var};
use serde_json::{Value, json};

/// What a case recorded.
pub(crate) struct Recorded<'t, T> {
    pub(crate) inputs: Vec<(Var<'t>, Box<dyn Input<T>>)>,
    pub(crate) outputs: Vec<Var<'t>>,
}

impl<'t, T: Scalar> Recorded<'t, T> {
    /// Binds an input.
    pub(crate) fn bind(
        &mut self,
        tape: &'t Tape<'_, T>,
        input: impl Input<T> + 'static,
    ) -> Var<'t> {
        let var = tape.input(&input);
        self.inputs.push((var, Box::new(input)));
        var
    }
}

/// How many changes are tried of each case.
const CHANGES: u64 = 20;

pub(crate) fn check<T: Scalar>(
    case: &str,
    tape: &Tape<'_, T>,
    recorded: &Recorded<'_, T>,
) -> Result<(), String> {
    let names: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let inputs: Vec<(&str, Var<'_>)> =
        zip(&names, &recorded.inputs).map(|(name, (x, _))| (&name[..], *x)).collect();
    let outputs: Vec<(&str, Var<'_>)> =
        zip(&names, &recorded.outputs).map(|(name, y)| (&name[..], *y)).collect();
    let text = |error: gradtape::Error| error.to_string();
    let saved = tape.save(&inputs, &outputs).map_err(text)?;
    let file = serde_json::to_string(&saved).map_err(|error| error.to_string())?;
    let read: SavedGraph = serde_json::from_str(&file).map_err(|error| error.to_string())?;
    if read != saved {
        return Err(format!("what is read is not what was saved: {file}"));
    }
    // What no case binds are the rows of a sequence, chosen one after the other.
    let unnamed = read.inputs().len() - recorded.inputs.len();
    let rows: Vec<Indices> = (0..unnamed as u32).map(|i| [i].into()).collect();
    let bound = recorded.inputs.iter().map(|(_, input)| &**input);
    let inputs: Vec<&dyn Input<T>> =
        bound.chain(rows.iter().map(|row| row as &dyn Input<T>)).collect();
    let results = read.run(&Params::new(Seed(0)), &inputs).map_err(text)?;
    for (name, output) in outputs {
        let bits = |tensor: &Tensor<T>| -> Vec<u64> {
            tensor.data().iter().map(|x| x.to_f64().to_bits()).collect()
        };
        if bits(&results[name]) != bits(&tape.value(output)) {
            return Err(format!("output {name} differs once it is saved: {file}"));
        }
    }
    let value: Value = serde_json::from_str(&file).map_err(|error| error.to_string())?;
    let seed = Seed(0).derive_named(case);
    (0..CHANGES).for_each(|i| run_changed(&value, seed.derive(i)));
    Ok(())
}

/// Changes something, and runs what it comes to, if it is still a graph.
fn run_changed(file: &Value, seed: Seed) {
    let mut file = file.clone();
    let mut places = count(&file) as u64;
    for i in 0..1 + seed.derive(0).0 % 3 {
        let seed = seed.derive(i + 1);
        let mut place = (seed.0 % places) as usize;
        change(&mut file, &mut place, seed.derive(0));
        places = count(&file) as u64;
    }
    let Some(saved) = repaired(&mut file) else { return };
    // More memory than anybody has is not asked for here.
    if numbers(&file) > 1 << 20 {
        return;
    }
    let params = saved.params::<f32>();
    let tape = Tape::training(&params, Seed(0));
    let inputs = saved.inputs().iter().map(|input| anything(&tape, input));
    let Some(inputs) = inputs.collect::<Option<Vec<Var<'_>>>>() else { return };
    let Ok(outputs) = saved.record(tape.graph(), &inputs) else { return };
    let numbers = zip(saved.inputs(), &inputs).filter(|(input, _)| input.kind == InputKind::Tensor);
    let numbers: Vec<Var<'_>> = numbers.map(|(_, &x)| x).collect();
    for &output in outputs.values() {
        let _ = tape.value(output);
        for gradient in tape.gradient(output.sum(..), &numbers) {
            let _ = tape.value(gradient);
        }
    }
}

/// Something that a graph may be given, if there is anything of this shape.
fn anything<'t>(tape: &'t Tape<'_>, input: &SavedInput) -> Option<Var<'t>> {
    let shape = &input.shape;
    match (input.kind, &shape[..]) {
        (InputKind::Tensor, _) => Some(tape.input(&Tensor::from_fn(shape, |i| i as f32))),
        (InputKind::Indices, _) => {
            Some(tape.input(&Indices::new(shape, vec![0; shape.numel()]).ok()?))
        }
        (InputKind::SparseRows, &[rows, columns]) => {
            let row = |i: usize| if i < columns { vec![i as u32] } else { vec![] };
            Some(tape.input(&SparseRows::multi_hot(columns, (0..rows).map(row)).ok()?))
        }
        _ => None,
    }
}

#[test]
fn products_of_sparse_rows_survive_saving() {
    let params = Params::<f64>::new(Seed(0));
    let tape = Tape::inference(&params);
    let mut recorded = Recorded { inputs: Vec::new(), outputs: Vec::new() };
    let rows = SparseRows::multi_hot(4, [vec![3, 0], vec![], vec![1]]).expect("words below 4");
    let x = recorded.bind(&tape, rows);
    let w = recorded.bind(&tape, Tensor::from_fn([4, 2], |i| (i as f64).sin()));
    let labels = recorded.bind(&tape, Indices::from([1, 0, 1]));
    let y = x.matmul(w).tanh();
    let gradients = tape.gradient(y.cross_entropy(labels), &[w]);
    recorded.outputs.extend([y, gradients[0]]);
    check("sparse rows", &tape, &recorded).expect("the same bits");
}

/// Reads a graph whose shapes are made to follow from what they are computed from, so that other
/// changes are not refused for these alone.
fn repaired(file: &mut Value) -> Option<SavedGraph> {
    for _ in 0..=file["nodes"].as_array()?.len() {
        let error = match serde_json::from_value::<SavedGraph>(file.clone()) {
            Ok(saved) => return Some(saved),
            Err(error) => error.to_string(),
        };
        let (_, node) = error.split_once("node ")?;
        let at: usize = node.split_once(',')?.0.parse().ok()?;
        let (_, found) = error.split_once("expected a result of shape ")?.1.split_once("found ")?;
        file["nodes"][at]["shape"] = serde_json::from_str(found).ok()?;
    }
    None
}

/// How many numbers the shapes in a file hold.
fn numbers(value: &Value) -> u64 {
    let sizes = |shape: &[Value]| -> Option<Vec<u64>> { shape.iter().map(Value::as_u64).collect() };
    match value {
        Value::Array(values) => match sizes(values) {
            Some(shape) => shape.into_iter().fold(1, u64::saturating_mul),
            None => values.iter().map(numbers).fold(0, u64::saturating_add),
        },
        Value::Object(fields) => fields.values().map(numbers).fold(0, u64::saturating_add),
        _ => 0,
    }
}

/// The number of places at which something can be changed.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Changes what stands at a place, counted in the order of the text.
fn change(value: &mut Value, place: &mut usize, seed: Seed) {
    if *place == 0 {
        *value = changed(value, seed);
    }
    *place = place.wrapping_sub(1);
    match value {
        _ if *place > usize::MAX / 2 => {}
        Value::Array(values) => values.iter_mut().for_each(|value| change(value, place, seed)),
        Value::Object(fields) => fields.values_mut().for_each(|value| change(value, place, seed)),
        _ => {}
    }
}

/// Something else of the same kind, or of another.
fn changed(value: &Value, seed: Seed) -> Value {
    let (choice, extra) = (seed.derive(0).0, seed.derive(1).0);
    match value {
        Value::Number(number) => match (choice % 8, number.as_u64()) {
            (0, _) => json!(u64::MAX),
            (1, _) => json!(u64::MAX / 2 + extra % 3),
            (2, _) => json!(1_u64 << (extra % 64)),
            (3, _) => json!(-1),
            (4, Some(number)) => json!(number.saturating_add(1)),
            (5, Some(number)) => json!(number.saturating_sub(1)),
            _ => json!(extra % 6),
        },
        Value::Array(values) if choice % 2 == 0 && !values.is_empty() => {
            let mut values = values.clone();
            let at = extra as usize % values.len();
            match choice % 6 {
                0 => _ = values.remove(at),
                2 => values.push(values[at].clone()),
                _ => values.swap(0, at),
            }
            Value::Array(values)
        }
        Value::Object(fields) if choice % 2 == 0 && !fields.is_empty() => {
            let mut fields = fields.clone();
            let name = fields.keys().nth(extra as usize % fields.len()).cloned();
            fields.remove(&name.unwrap_or_default());
            Value::Object(fields)
        }
        Value::Bool(value) => json!(!value),
        _ => [json!(null), json!([]), json!({}), json!(0), json!("NaN"), json!([0, 1])]
            [extra as usize % 6]
            .clone(),
    }
}
