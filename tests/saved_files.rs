//! Files of saved graphs that are not what they say: refused, with the reason.

use gradtape::SavedGraph;
use gradtape::prelude::*;
use serde_json::{Value, json};

/// A graph that is read after a change to its file.
fn changed(place: &str, value: Value) -> Result<SavedGraph, String> {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add_tensor("w", &Tensor::from([0.5, -2.0]));
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::zeros([3, 2]));
    let y = (x * tape.param(w)).dropout(0.5).pick([0, 1, 0]);
    let saved = tape.save(&[("x", x)], &[("y", y)]).expect("it can be saved");
    let mut file = serde_json::to_value(&saved).expect("a graph can be written");
    *file.pointer_mut(place).expect("there is such a place") = value;
    serde_json::from_value(file).map_err(|error| error.to_string())
}

#[test]
fn files_that_are_not_what_they_say_are_refused() {
    // x, w, x w, the seed, the mask, their product, the labels, what they pick
    for (place, value, reason) in [
        ("/format", json!(2), "integer `2`, expected version 1 of the format of saved graphs"),
        ("/inputs/0/shape", json!([4, 2]), "expected a result of shape [3, 2], found [4, 2]"),
        ("/inputs/0/shape", json!([u64::MAX, 2]), "is too large"),
        ("/inputs/0/kind", json!("indices"), "input 0 is whole numbers, not numbers"),
        ("/inputs/0/kind", json!("sparse_rows"), "input 0 is sparse rows, not numbers"),
        ("/inputs/0/kind", json!("seed"), "unknown variant `seed`"),
        ("/inputs/1/kind", json!("tensor"), "input 1 is numbers, not whole numbers"),
        ("/inputs/1/shape", json!([2]), "expected a result of shape [3], found [2]"),
        ("/nodes/6/op", json!({"source": {"indices": 0}}), "0 is numbers, not whole numbers"),
        ("/nodes/6/op", json!({"source": {"indices": 2}}), "there are not so many"),
        ("/nodes/6/op", json!({"source": {"sparse": 1}}), "1 is whole numbers, not sparse rows"),
        ("/parameters", json!([]), "`param` recorded at"),
        ("/nodes/2/inputs", json!([0, 2]), "reads node 2, which does not come before it"),
        ("/nodes/2/inputs", json!([0]), "expected 2 inputs, found 1"),
        ("/nodes/2/inputs", json!([0, 1, 1]), "expected 2 inputs, found 3"),
        ("/nodes/4/inputs", json!([0]), "expected the seed as input 0, found numbers"),
        ("/nodes/5/inputs", json!([2, 3]), "expected numbers as input 1, found the seed"),
        ("/nodes/7/inputs", json!([5, 4]), "expected whole numbers as input 1, found numbers"),
        ("/nodes/4/op/noise/stream", json!(u32::MAX), "is not below"),
        ("/nodes/5/shape", json!([2, 3]), "expected a result of shape [2, 3], found [3, 2]"),
        ("/nodes/2/op", json!({"custom": 0}), "unknown variant `custom`"),
        ("/nodes/2/op", json!({"update": null}), "unknown variant `update`"),
        ("/nodes/2/op", json!({"flip": {"axes": [2]}}), "expected 1 inputs, found 2"),
        ("/nodes/2/location", json!("nowhere"), "expected a file, line and column"),
        ("/outputs/y", json!(8), "output `y` is node 8, which has no numbers"),
        ("/outputs/y", json!(6), "output `y` is node 6, which has no numbers"),
    ] {
        let error = changed(place, value).expect_err("it makes no sense");
        assert!(error.contains(reason), "{place}: {error}");
    }
    assert!(changed("/nodes/2/location", json!("a:b.rs:1:2")).is_ok());
}

/// What is wrong with an operation on inputs of these shapes, the last of them indices if it reads
/// any.
fn refused(op: &Value, inputs: &[&[usize]], indices: bool) -> String {
    let whole = |i: usize| indices && i + 1 == inputs.len();
    let slot = |i: usize| if whole(i) { json!({"indices": i}) } else { json!({"input": i}) };
    let kind = |i: usize| if whole(i) { "indices" } else { "tensor" };
    let node = |op: Value, inputs: Vec<usize>, shape: &[usize]| {
        let location = "model.rs:1:1";
        json!({"op": op, "inputs": inputs, "shape": shape, "location": location})
    };
    let sources = inputs.iter().enumerate();
    let mut nodes: Vec<Value> =
        sources.map(|(i, shape)| node(json!({"source": slot(i)}), vec![], shape)).collect();
    nodes.push(node(op.clone(), (0..inputs.len()).collect(), &[]));
    let input = |(i, shape)| json!({"name": null, "shape": shape, "kind": kind(i)});
    let file = json!({
        "format": 1,
        "parameters": [],
        "inputs": inputs.iter().enumerate().map(input).collect::<Vec<_>>(),
        "nodes": nodes,
        "outputs": {"y": inputs.len()},
    });
    match serde_json::from_value::<SavedGraph>(file) {
        Ok(_) => format!("{op} of {inputs:?} is not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn constants_that_no_method_would_record_are_refused() {
    let conv = |wanted: Value, stride: usize, padding: usize, dilation: usize, groups: usize| {
        let settings = json!({
            "stride": [stride, 1], "padding": [[padding, 0], [0, 0]],
            "dilation": [1, dilation], "groups": groups,
        });
        json!({"conv": {"wanted": wanted, "settings": settings}})
    };
    let pool = |kind: Value, window: usize, padding: usize| {
        let settings = json!({
            "window": [window, 1], "stride": [1, 1], "padding": [[padding, 0], [0, 0]],
            "count_padding": true,
        });
        json!({"pool": {"kind": kind, "settings": settings}})
    };
    let slice = |start: usize, step: usize, size: usize| {
        let (starts, steps) = ([0, start], [1, step]);
        json!({"view": {"slice": {"starts": starts, "steps": steps, "shape": [4, size]}}})
    };
    let embed = |start: usize, step: usize| {
        let (starts, steps) = ([0, start], [1, step]);
        json!({"embed": {"starts": starts, "steps": steps, "shape": [4, 5], "value": "0"}})
    };
    const MAX: usize = usize::MAX;
    let (matrix, images, filter): (&[usize], &[usize], &[usize]) =
        (&[4, 4], &[1, 2, 5, 5], &[2, 2, 3, 3]);
    let output = || json!("output");
    for (op, inputs, reason) in [
        (json!({"flip": {"axes": [2]}}), &[matrix][..], "axis 2 is out of range"),
        (json!({"flip": {"axes": [32]}}), &[matrix], "axis 32 is not below 32"),
        (json!({"concat": {"axis": 2}}), &[matrix, matrix], "axis 2 is out of range"),
        (json!({"concat": {"axis": 0}}), &[], "expected 1 inputs, found 0"),
        (json!({"scan": {"arg_max": {"axis": 2}}}), &[matrix], "axis 2 is out of range"),
        (
            json!({"reduce": {"kind": "sum", "axes": [0, 7], "keep": true}}),
            &[matrix],
            "axis 7 is out of range",
        ),
        (json!({"softmax": {"axis": 2, "log": false}}), &[matrix], "axis 2 is out of range"),
        (json!({"view": {"permute": [0, 0]}}), &[matrix], "does not name each axis"),
        (json!({"view": {"permute": [1, 2]}}), &[matrix], "does not name each axis"),
        (json!({"view": {"permute": [0, 1, 1]}}), &[matrix], "does not name each axis"),
        (json!({"view": {"broadcast_to": [4]}}), &[matrix], "does not broadcast"),
        (json!({"view": {"broadcast_to": [MAX, 4, 4]}}), &[matrix], "is too large"),
        (slice(1, 1, 4), &[matrix], "does not lie within"),
        (slice(0, 0, 2), &[matrix], "does not lie within"),
        (slice(MAX, 1, 1), &[matrix], "does not lie within"),
        (slice(0, MAX, 1), &[matrix], "does not lie within"),
        (slice(1, MAX / 2 + 1, 3), &[matrix], "does not lie within"),
        (slice(0, 1, 2), &[&[4, 4, 4]], "does not lie within"),
        (embed(2, 1), &[matrix], "does not lie within"),
        (embed(0, 2), &[matrix], "does not lie within"),
        (embed(MAX, 1), &[matrix], "does not lie within"),
        (conv(output(), 0, 0, 1, 1), &[images, filter], "have to be above 0"),
        (conv(output(), 1, 0, 0, 1), &[images, filter], "have to be above 0"),
        (conv(output(), 1, 0, 1, 0), &[images, filter], "have to be above 0"),
        (conv(output(), 1, MAX, 1, 1), &[images, filter], "spans 3 places"),
        (conv(output(), 1, 0, MAX, 1), &[images, filter], "spans 18446744073709551615 places"),
        (conv(output(), 1, 0, 1, MAX), &[images, &[0, 2, 3, 3]], "channels"),
        (conv(json!({"input": [9, 9]}), 1, 0, 1, 1), &[images, filter], "does not lead to"),
        (conv(json!({"filter": [2, 2]}), 1, 0, 1, 1), &[images, images], "and not to"),
        (conv(json!({"filter": [2, 2]}), 1, 0, 1, 0), &[images, images], "have to be above 0"),
        (conv(json!({"filter": [2, 2]}), 1, 0, 1, 1), &[&[2], images], "not both images"),
        (pool(json!("max"), 0, 0), &[images], "have to be above 0"),
        (pool(json!("max"), MAX, MAX - 1), &[images], "is larger"),
        (pool(json!("mean"), 2, 2), &[images], "has to be below the window"),
        (pool(json!("at_max"), 2, 0), &[images, &[1, 2, 4, 5, 1]], "has to be of shape"),
        (pool(json!("to_max"), 2, 0), &[images, images], "has to be of shape"),
        (pool(json!({"spread": [9, 9]}), 2, 0), &[images], "has to be of shape"),
        (pool(json!({"spread": [9, 9]}), 2, 0), &[&[3]], "axes and not 4"),
    ] {
        let error = refused(&op, inputs, false);
        assert!(error.contains(reason), "{op}: {error}");
    }
    for (op, inputs, reason) in [
        (json!("gather_rows"), &[&[][..], &[2]], "a scalar has no rows"),
        (json!("pick"), &[matrix, &[3]], "do not name one entry of each row"),
        (json!({"scatter_rows": {"rows": 3}}), &[matrix, &[5]], "do not name a row for each"),
        (json!({"scatter_rows": {"rows": 3}}), &[&[4], &[4, 4]], "do not name a row for each"),
        (json!({"scatter_rows": {"rows": MAX}}), &[matrix, &[4]], "is too large"),
        (json!({"place": {"width": 3}}), &[matrix, &[4]], "do not place each entry"),
    ] {
        let error = refused(&json!({"index": op}), inputs, true);
        assert!(error.contains(reason), "{op}: {error}");
    }
}
