//! Graphs saved, read back and run without the code that recorded them.

mod batches;

use std::collections::BTreeMap;
use std::sync::Arc;

use gradtape::graph::InputKind;
use gradtape::loss::cross_entropy;
use gradtape::prelude::*;
use gradtape::{CustomKernel, CustomOp, Input, SavedGraph, apply_kernel};
use serde_json::json;

/// What is read of what was saved.
fn reread(saved: &SavedGraph) -> SavedGraph {
    let text = serde_json::to_string(saved).expect("a graph can be written");
    let read = serde_json::from_str(&text).expect("what was written can be read");
    assert!(read == *saved);
    read
}

/// The inputs of a saved graph: name, kind and shape of each.
fn listed(saved: &SavedGraph) -> Vec<(Option<&str>, InputKind, Shape)> {
    let inputs = saved.inputs().iter();
    inputs.map(|input| (input.name.as_deref(), input.kind, input.shape.clone())).collect()
}

fn bits(tensor: &[f32]) -> Vec<u32> {
    tensor.iter().map(|x| x.to_bits()).collect()
}

fn ramp(shape: impl Into<Shape>) -> Tensor {
    Tensor::from_fn(shape, |i| (i as f32 * 0.7).sin())
}

struct Network {
    hidden: Dense,
    output: Dense,
}

impl Network {
    fn new(params: &mut Params) -> Self {
        let hidden = Dense::new(6, 8).init(HeNormal).penalty(L2(1e-2)).build(params, "hidden");
        Self { hidden, output: Dense::new(8, 3).build(params, "output") }
    }
}

impl Layer for Network {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.output.forward(self.hidden.forward(x).relu().dropout(0.25))
    }
}

/// The parameters of a loaded graph with the numbers of others, as of a checkpoint.
fn filled(saved: &SavedGraph, numbers: &Params) -> Params {
    let mut params = saved.params();
    for parameter in saved.parameters() {
        let to = params.find(&parameter.name).expect("it was made for the graph");
        let from = numbers.find(&parameter.name).expect("the graph was made of it");
        params.values_mut(to).copy_from_slice(numbers.values(from));
    }
    params
}

#[test]
fn a_loaded_network_with_noise_and_penalties_trains_to_the_same_bits() {
    let mut params = Params::<f32>::new(Seed(3));
    let network = Network::new(&mut params);
    let (x, labels) = (ramp([5, 6]), Indices::from([0, 2, 1, 1, 0]));
    let loss = |tape: &Tape<'_>| -> SavedGraph {
        let x = tape.input(&x);
        let loss = network.forward(x).cross_entropy(&labels) + tape.penalty();
        tape.save(&[("x", x)], &[("loss", loss)]).expect("it can be saved")
    };
    let saved = reread(&loss(&Tape::training(&params, Seed(0))));
    let mut loaded = filled(&saved, &params);
    assert_eq!(
        listed(&saved),
        [(Some("x"), InputKind::Tensor, [5, 6].into()), (None, InputKind::Indices, [5].into())]
    );
    assert_eq!(saved.outputs().collect::<Vec<_>>(), ["loss"]);

    let mut optimizers = [Adam::new(0.01), Adam::new(0.01)];
    for step in 0..10 {
        let tape = Tape::training(&params, Seed(step));
        let original = network.forward(tape.input(&x)).cross_entropy(&labels) + tape.penalty();
        let gradients = tape.backward(original);

        let again = Tape::training(&loaded, Seed(step));
        let outputs = saved.record(again.graph(), &[again.input(&x), again.input(&labels)]);
        let loss = outputs.expect("everything fits")["loss"];
        let gradients_again = again.backward(loss);
        assert_eq!(again.item(loss).to_bits(), tape.item(original).to_bits());

        let [optimizer, other] = &mut optimizers;
        optimizer.step(&mut params, &gradients);
        other.step(&mut loaded, &gradients_again);
        assert_eq!(bits(loaded.flat()), bits(params.flat()), "step {step}");
    }
}

#[test]
fn saved_gradients_train_a_convolutional_network() {
    let mut params = Params::<f32>::new(Seed(5));
    let filter = params.add(Parameter::new("filter", [4, 1, 3, 3]).init(HeNormal));
    let dense = Dense::new(4 * 3 * 3, 3).build(&mut params, "dense");
    let images = ramp([2, 1, 8, 8]);
    let labels = Indices::from([2, 0]);

    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&images);
    let maps = x.conv2d(tape.param(filter), Convolution::new()).relu().max_pool2d(2);
    let logits = dense.forward(maps.reshape([2, 36]));
    let loss = logits.cross_entropy(&labels);
    let names = ["filter", "dense/kernel", "dense/bias"];
    let weights = names.map(|name| tape.param(params.find(name).expect("it was added")));
    let gradients = tape.gradient(loss, &weights);
    let mut wanted: Vec<(&str, Var<'_>)> = std::iter::zip(names, gradients).collect();
    wanted.extend([("loss", loss), ("logits", logits)]);
    let saved = reread(&tape.save(&[("images", x)], &wanted).expect("it can be saved"));

    // No line of what follows knows of convolutions or of how to differentiate.
    let run = |params: &Params| -> BTreeMap<String, Tensor> {
        saved.run(params, &[&images, &labels]).expect("everything fits")
    };
    let outputs = run(&params);
    for (name, var) in &wanted {
        assert_eq!(bits(outputs[*name].data()), bits(tape.value(*var).data()), "{name}");
    }
    let mut loaded = filled(&saved, &params);
    for _ in 0..40 {
        let outputs = run(&loaded);
        for name in names {
            let id = loaded.find(name).expect("the graph uses it");
            let pairs = loaded.values_mut(id).iter_mut().zip(outputs[name].data());
            pairs.for_each(|(w, g)| *w -= 0.2 * g);
        }
    }
    assert!(run(&loaded)["loss"].item() < 0.1 * outputs["loss"].item());
}

#[test]
fn loaded_graphs_are_differentiated_and_checked_in_double_precision() {
    let mut params = Params::<f32>::new(Seed(3));
    let network = Network::new(&mut params);
    let tape = Tape::training(&params, Seed(7));
    let x = tape.input(&ramp([5, 6]));
    let loss = network.forward(x).tanh().square().mean(..) + tape.penalty();
    let saved = reread(&tape.save(&[("x", x)], &[("loss", loss)]).expect("it can be saved"));
    let report = gradcheck(&filled(&saved, &params), |tape| {
        let x = tape.input(&ramp([5, 6]).cast());
        saved.record(tape.graph(), &[x]).expect("everything fits")["loss"]
    });
    report.expect("it can be checked").assert_below(1e-6);
}

#[test]
fn only_what_the_outputs_need_is_saved() {
    let mut params = Params::<f32>::new(Seed(0));
    let [used, _unused] = ["used", "unused"].map(|name| params.add_tensor(name, &ramp([3])));
    let tape = Tape::inference(&params);
    let [a, b, c] = [0, 1, 2].map(|_| tape.input(&ramp([3])));
    let _dead = a.exp().sum(..);
    let inner = (b + tape.param(used)).tanh();
    let y = inner * c;
    let saved = tape.save(&[("c", c)], &[("y", y)]).expect("it can be saved");
    let names: Vec<_> = saved.inputs().iter().map(|input| input.name.as_deref()).collect();
    assert_eq!(names, [Some("c"), None], "named ones first, then those that are needed too");
    assert_eq!(saved.parameters().len(), 1);
    let file = serde_json::to_value(&saved).expect("a graph can be written");
    assert_eq!(file["nodes"].as_array().map(Vec::len), Some(6));

    // Behind an input nothing is saved, whatever computed it there.
    let saved = tape.save(&[("c", c), ("inner", inner)], &[("y", y)]).expect("it can be saved");
    assert!(saved.parameters().is_empty());
    let outputs = reread(&saved).run(&Params::new(Seed(0)), &[&ramp([3]), &ramp([3])]);
    let squares: Vec<f32> = ramp([3]).data().iter().map(|x| x * x).collect();
    assert_eq!(outputs.expect("everything fits")["y"].data(), squares);
}

#[test]
fn the_file_is_readable() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("w", &ramp([2]));
    let tape = Tape::inference(&params);
    let x = tape.input(&ramp([3, 2]));
    let y = (x * tape.param(w)).leaky_relu(0.1).max(0);
    let line = line!() - 1;
    let saved = tape.save(&[("x", x)], &[("y", y)]).expect("it can be saved");
    let file = serde_json::to_value(&saved).expect("a graph can be written");
    assert_eq!(file["format"], json!(1));
    assert_eq!(
        file["parameters"],
        json!([{"name": "w", "shape": [2], "role": "Weight", "trainable": true}])
    );
    assert_eq!(file["inputs"], json!([{"name": "x", "shape": [3, 2], "kind": "tensor"}]));
    assert_eq!(file["outputs"], json!({"y": 4}));
    let nodes = &file["nodes"];
    assert_eq!(nodes[0]["op"], json!({"source": {"input": 0}}));
    assert_eq!(nodes[1]["op"], json!({"source": {"param": 0}}));
    assert_eq!(nodes[2]["op"], json!({"elementwise": "mul"}));
    assert_eq!(nodes[2]["inputs"], json!([0, 1]));
    assert_eq!(nodes[3]["op"], json!({"elementwise": {"leaky_relu": {"slope": "0.1"}}}));
    assert_eq!(nodes[4]["op"], json!({"reduce": {"kind": "max", "axes": [0], "keep": false}}));
    assert_eq!(nodes[4]["shape"], json!([2]));
    let location = nodes[4]["location"].as_str().expect("a location is text");
    assert!(location.starts_with(&format!("{}:{line}:", file!())), "{location}");
}

#[test]
fn infinite_constants_survive() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&ramp([3]));
    let y = x.pad(&[[1, 1]], f64::NEG_INFINITY).maximum(f64::NAN) + 0.1;
    let z = x.equal(0.0).select(f64::NEG_INFINITY, x) * 1e300;
    let saved = reread(&tape.save(&[("x", x)], &[("y", y), ("z", z)]).expect("it can be saved"));
    let outputs = saved.run(&params, &[&ramp([3])]).expect("everything fits");
    assert_eq!(bits(outputs["y"].data()), bits(tape.value(y).data()));
    assert_eq!(bits(outputs["z"].data()), bits(tape.value(z).data()));
    assert_eq!(outputs["z"].data()[0], f32::NEG_INFINITY);
}

#[test]
fn what_a_loaded_node_did_wrong_is_said_of_the_line_that_it_was_written_in() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&ramp([2, 2]));
    let y = x.sum(..).ln() + 1.0;
    let line = line!() - 1;
    let saved = reread(&tape.save(&[("x", x)], &[("y", y)]).expect("it can be saved"));

    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::full([2, 2], -1.0));
    let outputs = saved.record(tape.graph(), &[x]).expect("everything fits");
    assert!(tape.item(outputs["y"]).is_nan());
    let culprit = tape.find_non_finite().expect("a logarithm of a negative number");
    assert_eq!(culprit.op, "ln");
    assert!(culprit.location.starts_with(&format!("{}:{line}:", file!())), "{culprit}");
    assert_eq!(tape.to_string().lines().nth(1), Some("%1  []      sum(%0, axes=[0, 1])"));
}

#[test]
fn a_graph_recorded_twice_has_noise_of_its_own_each_time() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::training(&params, Seed(9));
    let ones = Tensor::full([400], 1.0);
    let x = tape.input(&ones);
    let y = x.dropout(0.5);
    let saved = reread(&tape.save(&[("x", x)], &[("y", y)]).expect("it can be saved"));
    let original = tape.value(y);

    // Noise is part of the graph, whatever the tape is for.
    let tape = Tape::training(&params, Seed(9));
    let x = tape.input(&ones);
    let record = || saved.record(tape.graph(), &[x]).expect("everything fits")["y"];
    let [first, second, own] = [record(), record(), x.dropout(0.5)].map(|y| tape.value(y));
    assert_eq!(first, original);
    for (a, b) in [(&first, &second), (&first, &own), (&second, &own)] {
        let agreeing = a.data().iter().zip(b.data()).filter(|(a, b)| a == b).count();
        assert!((140..260).contains(&agreeing), "{agreeing} of 400");
    }
    let run = saved.run(&params, &[&ones]).expect("everything fits");
    assert!(run["y"].data().contains(&0.0));
}

#[test]
fn inputs_that_do_not_fit_are_refused_by_name() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let [x, y] = [0, 1].map(|_| tape.input(&ramp([4, 3])));
    let z = (x + y).pick([0, 1, 2, 0]);
    let saved = reread(&tape.save(&[("x", x)], &[("z", z)]).expect("it can be saved"));
    let refused = |inputs: &[&dyn Input<f32>]| {
        saved.run(&params, inputs).expect_err("it does not fit").to_string()
    };
    let (fits, labels) = (ramp([4, 3]), Indices::from([0, 1, 2, 0]));
    let text = |rest: &str| format!("saved graph: {rest}");
    assert_eq!(refused(&[&fits]), text("expected 3 inputs, found 1"));
    assert_eq!(refused(&[&fits, &fits]), text("expected 3 inputs, found 2"));
    let wide = refused(&[&fits, &ramp([4, 5]), &labels]);
    assert_eq!(wide, text("input 1: expected shape [4, 3], found [4, 5]"));
    let flat = refused(&[&ramp([12]), &fits, &labels]);
    assert_eq!(flat, text("input `x`: expected shape [4, 3], found [12]"));
    let short = refused(&[&ramp([3, 3]), &fits, &labels]);
    assert!(short.contains("batch of 4") && short.contains("`add` recorded at "), "{short}");
    let above = refused(&[&fits, &fits, &Indices::from([0, 1, 3, 0])]);
    assert!(above.contains("`pick` recorded at ") && above.ends_with("index 3 is not below 3"));
    let shape = refused(&[&fits, &fits, &Indices::from([0])]);
    assert!(shape.contains("batch of 4"), "{shape}");
    assert!(saved.run(&params, &[&fits, &fits, &labels]).is_ok());
}

#[test]
fn labels_are_an_input_like_any_other() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let (x, labels) = (tape.input(&ramp([4, 3])), tape.input(&Indices::from([0, 1, 2, 0])));
    let each = cross_entropy(x, labels);
    let inputs = [("labels", labels), ("x", x)];
    let saved = reread(&tape.save(&inputs, &[("each", each)]).expect("it can be saved"));
    let (name, kind) = ("labels", InputKind::Indices);
    assert_eq!(listed(&saved)[0], (Some(name), kind, [4].into()));

    // Others of a smaller batch, chosen anew each time.
    let x = ramp([2, 3]);
    for labels in [[2, 1], [0, 0]] {
        let labels = Indices::from(labels);
        let tape = Tape::inference(&params);
        let each = cross_entropy(tape.input(&x), tape.input(&labels));
        let outputs = saved.run(&params, &[&labels, &x]).expect("everything fits");
        assert_eq!(outputs["each"], tape.value(each));
    }

    let rows = SparseRows::multi_hot(3, [[0], [2]]).expect("columns below 3");
    let labels = Indices::from([2, 1]);
    let kinds: [([&dyn Input<f32>; 2], &str); 4] = [
        ([&x, &x], "input `labels`: expected whole numbers, found numbers"),
        ([&rows, &x], "input `labels`: expected whole numbers, found sparse rows"),
        ([&labels, &labels], "input `x`: expected numbers, found whole numbers"),
        ([&labels, &rows], "input `x`: expected numbers, found sparse rows"),
    ];
    for (inputs, reason) in kinds {
        let error = saved.run(&params, &inputs).expect_err("it is of another kind").to_string();
        assert_eq!(error, format!("saved graph: {reason}"));
    }
}

#[test]
fn sparse_rows_may_hold_another_number_of_entries_each_time() {
    let mut params = Params::<f32>::new(Seed(2));
    let layer = Dense::new(5, 2).build(&mut params, "layer");
    let texts = |words: &[&[u32]]| SparseRows::multi_hot(5, words).expect("words below 5");
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&texts(&[&[0, 3], &[1]]));
    let y = layer.forward(x).tanh();
    let saved = reread(&tape.save(&[("texts", x)], &[("y", y)]).expect("it can be saved"));
    assert_eq!(listed(&saved), [(Some("texts"), InputKind::SparseRows, [2, 5].into())]);
    for words in [&[&[][..], &[4]][..], &[&[0, 1, 2, 3, 4], &[2, 3]], &[&[1]], &[&[0], &[], &[4]]] {
        let rows = texts(words);
        let tape = Tape::inference(&params);
        let y = layer.forward(tape.input(&rows)).tanh();
        let outputs = saved.run(&params, &[&rows]).expect("everything fits");
        assert_eq!(outputs["y"], tape.value(y), "{words:?}");
    }
    let dense = saved.run(&params, &[&texts(&[&[0]]).to_dense()]).expect_err("it is dense");
    let reason = "saved graph: input `texts`: expected sparse rows, found numbers";
    assert_eq!(dense.to_string(), reason);
}

/// A loss that reads the statistics of the batch, and takes them into a running mean.
fn gathering<'t>(graph: &'t Graph, mean: ParamId, w: ParamId, x: Var<'t>) -> Var<'t> {
    let of_batch = x.mean(0);
    graph.update(mean, 0.9 * graph.state(mean) + 0.1 * of_batch);
    ((x - of_batch) * graph.param(w)).square().mean(..)
}

#[test]
fn a_saved_graph_updates_no_state_unless_its_user_does() {
    let mut params = Params::<f32>::new(Seed(0));
    let mean = params.add(Parameter::new("mean", [3]).role(Role::State));
    let w = params.add_tensor("w", &Tensor::from([0.5, -1.0, 2.0]));
    let names = |saved: &SavedGraph| -> Vec<String> {
        saved.parameters().iter().map(|parameter| parameter.name.clone()).collect()
    };
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&ramp([4, 3]));
    let loss = gathering(tape.graph(), mean, w, x);
    let without = reread(&tape.save(&[("x", x)], &[("loss", loss)]).expect("it can be saved"));
    assert_eq!(names(&without), ["w"], "what the output does not read is left out");
    let outputs = [("loss", loss), ("mean", tape.graph().state(mean))];
    let with = reread(&tape.save(&[("x", x)], &outputs).expect("it can be saved"));
    assert_eq!(names(&with), ["mean", "w"]);
    assert!(!serde_json::to_string(&with).expect("it can be written").contains("update"));
    // Behind an input nothing is saved, whatever updates it there.
    let inputs = [("x", x), ("mean", tape.graph().state(mean))];
    let given = reread(&tape.save(&inputs, &outputs).expect("it can be saved"));
    assert_eq!(names(&given), ["w"]);
    let start = params.clone();
    let gradients = tape.backward(loss);
    gradients.apply_updates(&mut params);

    // The traces of `params` know updates at the very nodes that the loaded graph repeats.
    for graph in [&without, &with] {
        for params in [&start, &params] {
            let mut loaded = params.clone();
            let tape = Tape::training(params, Seed(0));
            let outputs = graph.record(tape.graph(), &[tape.input(&ramp([4, 3]))]);
            let gradients = tape.backward(outputs.expect("everything fits")["loss"]);
            gradients.apply_updates(&mut loaded);
            assert_eq!(bits(loaded.flat()), bits(params.flat()));
        }
    }

    let mut loaded = start;
    let tape = Tape::training(&loaded, Seed(0));
    let outputs = with.record(tape.graph(), &[tape.input(&ramp([4, 3]))]).expect("everything fits");
    tape.graph().update(mean, outputs["mean"]);
    let gradients = tape.backward(outputs["loss"]);
    gradients.apply_updates(&mut loaded);
    assert_ne!(loaded.values(mean), [0.0; 3]);
    assert_eq!(bits(loaded.flat()), bits(params.flat()));
}

#[test]
fn outputs_are_numbers() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let labels = tape.input(&Indices::from([0, 1]));
    let rows = tape.input(&SparseRows::multi_hot(3, [[0], [2]]).expect("columns below 3"));
    for (y, reason) in [(labels, "is indices %0 [2]: whole"), (rows, "is sparse %1 [2, 3]: sparse")]
    {
        let error = tape.save(&[], &[("y", y)]).expect_err("it is no output").to_string();
        assert!(error.contains(&format!("output `y` {reason}")), "{error}");
    }
}

#[test]
fn all_parameters_that_do_not_fit_are_named_at_once() {
    let mut params = Params::<f32>::new(Seed(0));
    let network = Network::new(&mut params);
    let tape = Tape::inference(&params);
    let x = tape.input(&ramp([5, 6]));
    let y = network.forward(x);
    let saved = tape.save(&[("x", x)], &[("y", y)]).expect("it can be saved");
    let mut others = Params::<f32>::new(Seed(0));
    Dense::new(6, 7).build(&mut others, "hidden");
    let tape = Tape::inference(&others);
    let x = tape.input(&ramp([5, 6]));
    let error = saved.record(tape.graph(), &[x]).expect_err("they do not fit").to_string();
    assert_eq!(
        error,
        "saved graph: the parameters do not fit: `hidden/kernel` is of shape [6, 7] and not \
         [6, 8]; `hidden/bias` is of shape [7] and not [8]; `output/kernel` of shape [8, 3] is \
         missing; `output/bias` of shape [3] is missing"
    );
    assert_eq!(tape.to_string().lines().count(), 1, "nothing is recorded");
}

struct Twice;

impl CustomKernel for Twice {
    fn name(&self) -> &'static str {
        "twice"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        Ok(inputs[0].clone())
    }

    fn run_f32(&self, inputs: &[(&[f32], &Shape)], out: &mut [f32]) {
        std::iter::zip(out, inputs[0].0).for_each(|(y, x)| *y = 2.0 * x);
    }

    fn run_f64(&self, inputs: &[(&[f64], &Shape)], out: &mut [f64]) {
        std::iter::zip(out, inputs[0].0).for_each(|(y, x)| *y = 2.0 * x);
    }

    fn vjp<'t>(&self, _: usize, g: Var<'t>, _: &[Var<'t>], _: Var<'t>) -> Option<Var<'t>> {
        Some(2.0 * g)
    }
}

#[test]
fn operations_of_your_own_are_named_instead_of_saved() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&ramp([3]));
    let line = line!();
    let kernel = apply_kernel(&Arc::new(Twice), &[x]);
    let rule = CustomOp::new("spike", |[x]| x.relu(), |g, _, _| [g]).apply([x]);
    for (y, name, line) in [(kernel, "twice", line + 1), (rule, "spike", line + 2)] {
        let error = tape.save(&[("x", x)], &[("y", y + 1.0)]).expect_err("it is code").to_string();
        assert!(error.contains(&format!("`{name}` recorded at {}:{line}:", file!())), "{error}");
    }
    assert!(tape.save(&[("x", x)], &[("y", x.exp())]).is_ok(), "what is not needed does no harm");
}

#[test]
fn names_given_twice_are_refused() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let [x, y] = [0, 1].map(|_| tape.input(&ramp([3])));
    let z = x + y;
    let refused = |inputs: &[(&str, Var<'_>)], outputs: &[(&str, Var<'_>)]| {
        tape.save(inputs, outputs).expect_err("it is ambiguous").to_string()
    };
    assert!(refused(&[("x", x), ("x", y)], &[("z", z)]).contains("two inputs named `x`"));
    assert!(refused(&[("x", x), ("y", x)], &[("z", z)]).contains("input `y` and another"));
    assert!(refused(&[("x", x)], &[("z", z), ("z", x)]).contains("two outputs named `z`"));
}

#[test]
fn an_empty_tensor_is_padded_and_sliced_back() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::zeros([0, 3]));
    let y = x.pad(&[[2, 0], [1, 0]], 5.0);
    let gradient = tape.gradient(y.sum(..), &[x])[0];
    assert_eq!(tape.value(y), Tensor::full([2, 4], 5.0));
    assert_eq!(tape.value(gradient), Tensor::zeros([0, 3]));
    let far = tape.input(&ramp([4])).slice_step(0, 1..2, usize::MAX);
    assert_eq!(tape.value(far).data(), &ramp([4]).data()[1..2]);
}
