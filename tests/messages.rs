//! Mistakes in a model's code: what the message says, and that it points at the user's line.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Mutex;

use gradtape::prelude::*;

/// The message and line of the panic that a mistake makes.
fn panic_of<R>(mistake: impl FnOnce() -> R) -> (String, String) {
    static SEEN: Mutex<Option<String>> = Mutex::new(None);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        *SEEN.lock().unwrap() = place;
    }));
    let result = catch_unwind(AssertUnwindSafe(|| drop(mistake())));
    std::panic::set_hook(hook);
    let payload = result.expect_err("the mistake should panic");
    let message = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
        .expect("a panic with a message");
    (message, SEEN.lock().unwrap().take().unwrap_or_default())
}

/// Asserts that a mistake, written on the line of the call, panics there and says all of this.
#[track_caller]
fn assert_says<R>(mistake: impl FnOnce() -> R, parts: &[&str]) {
    let here = Location::caller();
    let (message, place) = panic_of(mistake);
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in:\n{message}");
    }
    // The mistake is on the line of the call or on the next one.
    let lines = [here.line(), here.line() + 1];
    assert!(lines.iter().any(|line| place == format!("{}:{line}", here.file())), "{place}");
}

#[test]
fn shapes_that_do_not_fit() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add(Parameter::new("hidden/kernel", [4, 5]));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::zeros([2, 3]));
    let w = tape.param(w);
    let broadcast = "add: shapes [2, 3] and [4, 5] do not broadcast at axis 0 (2 vs 4)";
    assert_says(|| x + w, &[broadcast, "hidden/kernel [4, 5]", "input %0 [2, 3]"]);
    let columns = "matmul: shapes [2, 3] and [4, 5] do not fit: 3 columns of the first, 4 rows";
    assert_says(|| x.matmul(w), &[columns, "hidden/kernel"]);
    let images = tape.input(&Tensor::zeros([2, 1, 3, 3]));
    let columns = "matmul: shapes [2, 1, 3, 3] and [4, 5] do not fit: 3 columns of the first";
    assert_says(|| images.matmul(w), &[columns, "input %2 [2, 1, 3, 3]"]);
    assert_says(|| x.tanh().maximum(w), &["maximum: ", "tanh(%0)"]);
    assert_says(|| x.reshape([7]), &["reshape: [2, 3] holds 6 elements, but [7] holds 7"]);
    assert_says(|| x.broadcast_to([3, 3]), &["broadcast_to: [2, 3] does not broadcast to"]);
    assert_says(|| x.permute(&[0, 0]), &["permute: ", "does not name each axis"]);
    assert_says(|| x.sum(0).transpose(), &["transpose: [3] has fewer than two axes"]);
    assert_says(|| x.sum([0, 2]), &["axis 2 is out of range for shape [2, 3]"]);
    assert_says(|| x.softmax(-3), &["axis -3 is out of range for shape [2, 3]"]);
}

#[test]
fn losses_and_labels() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add(Parameter::new("w", [2, 3]));
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::zeros([2, 3]));
    let label = "cross_entropy: label 3 of example 1 for predictions of 3 classes, 0 to 2";
    assert_says(|| x.cross_entropy([0, 3]), &[label]);
    let labels = "cross_entropy: labels of shape [3] for predictions of shape [2, 3]";
    assert_says(|| x.cross_entropy([0, 1, 2]), &[labels]);
    let numbers = "cross_entropy: labels are whole numbers, bound as `Indices`, and not input %0";
    assert_says(|| loss::cross_entropy(x, x), &[numbers, "see `cross_entropy_of_targets`"]);
    let logits = tape.input(&Tensor::zeros([2, 1]));
    assert_says(
        || loss::binary_cross_entropy(logits, tape.input(&Indices::from([0, 1]))),
        &["targets of shape [2] for predictions of shape [2, 1]", "`Dataset::numeric_labels()`"],
    );
    assert_says(
        || loss::binary_cross_entropy(logits, tape.input(&Tensor::zeros([2]))),
        &["targets of shape [2] for predictions of shape [2, 1]; reshape them to [2, 1]"],
    );
    assert_says(|| L2(-1.0).penalty(x), &["L2: the factor has to be finite and not negative"]);
    assert_says(
        || x.mean_squared_error(tape.input(&Tensor::zeros([3]))),
        &["squared_error: targets of shape [3] for predictions of shape [2, 3]"],
    );
    assert_says(|| tape.backward(tape.param(w)), &["backward: ", "[2, 3]", "mean(..)"]);
    assert_says(|| tape.backward(x.sum(..)), &["depends on no trainable parameter"]);
    assert_says(|| x.dropout(1.0), &["dropout: the rate has to be in [0, 1), got 1"]);
}

#[test]
fn things_that_belong_elsewhere() {
    let mut params = Params::<f32>::new(Seed(0));
    let mut others = Params::<f32>::new(Seed(0));
    others.add(Parameter::new("a", [1]));
    let foreign = others.add(Parameter::new("b", [1]));
    let tape = Tape::inference(&params);
    assert_says(|| tape.param(foreign), &["was made by other `Params`"]);
    let other_tape = Tape::inference(&others);
    let x = tape.scalar(1.0);
    assert_says(|| x + other_tape.scalar(1.0), &["recorded on different tapes"]);
    drop(tape);
    params.add(Parameter::new("a", [1]));
    assert_says(
        || params.add(Parameter::new("a", [2])),
        &["there is a parameter named `a` already"],
    );
}

#[test]
fn a_layer_that_does_not_fit_is_named() {
    let mut params = Params::<f32>::new(Seed(0));
    let layer = Dense::new(5, 2).build(&mut params, "second");
    let model = Sequential::new().then(Dense::new(3, 4).build(&mut params, "first")).then(layer);
    let tape = Tape::inference(&params);
    let x = tape.input(&Tensor::zeros([2, 3]));
    assert_says(|| layer.forward(x), &["matmul: ", "[2, 3]", "second/kernel [5, 2]"]);
    // Behind a `dyn Layer`, the place is the layer's own, so the parameter's name has to do.
    let (message, _) = panic_of(|| model.forward(x));
    assert!(message.contains("second/kernel [5, 2]") && message.contains("[2, 4]"), "{message}");
}

#[test]
fn what_a_trainer_calls_through_a_pointer_names_the_line_that_made_it() {
    let mut params = Params::<f32>::new(Seed(0));
    let model = Dense::new(2, 1).build(&mut params, "output");
    let labels = Dataset::new(Tensor::zeros([4, 2]), Indices::from([0, 1, 1, 0])).unwrap();
    let wide = Dataset::new(Tensor::zeros([4, 3]), Tensor::zeros([4, 1])).unwrap();
    let line = line!() + 1;
    let mut trainer = Trainer::new(&model, Sgd::new(0.1), loss::binary_cross_entropy);
    let made = format!("in the `Trainer` made at tests/messages.rs:{line}");
    let (of_loss, _) = panic_of(|| trainer.fit(&mut params, &labels).silent().run());
    assert!(of_loss.contains(&made) && of_loss.contains("numeric_labels"), "{of_loss}");
    let (of_model, _) = panic_of(|| trainer.evaluate(&params, &wide));
    assert!(of_model.contains(&made) && of_model.contains("output/kernel"), "{of_model}");
}

#[test]
fn sparse_rows_are_multiplied_by_a_matrix_and_nothing_else() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add(Parameter::new("hidden/kernel", [3, 4]));
    let rows = SparseRows::multi_hot(3, [[0], [2]]).unwrap();
    let tape = Tape::inference(&params);
    let (x, w) = (tape.input(&rows), tape.param(w));
    let way_out = "can only be multiplied by a matrix, `x.matmul(w)`; for anything else bind them \
                   dense: `tape.input(&rows.to_dense())`";
    assert_says(|| x + 1.0, &["add: sparse rows", way_out, "inputs: sparse %0 [2, 3]"]);
    assert_says(|| x.transpose(), &["permute: sparse rows", way_out]);
    assert_says(|| x.sum(..), &["sum: sparse rows", way_out]);
    assert_says(|| w.transpose().matmul(x.transpose()), &["permute: sparse rows"]);
    assert_says(|| w.matmul(x), &["matmul: sparse rows", way_out, "hidden/kernel"]);
    assert_says(|| x.matmul(x), &["sparse_matmul: sparse rows", way_out]);
    assert_says(|| tape.value(x), &["value: sparse rows", way_out]);
    assert_says(|| tape.keep(x), &["keep: sparse rows", way_out]);
    assert_says(|| tape.interpret(x), &["interpret: sparse rows", way_out]);
    let y = x.matmul(w).sum(..);
    assert_says(|| tape.gradient(y, &[x]), &["gradient: sparse rows", way_out]);

    let columns = "sparse_matmul: shapes [2, 3] and [4, 3] do not fit: 3 columns of the first, 4";
    assert_says(|| x.matmul(w.transpose()), &[columns]);
    let matrices = tape.input(&Tensor::zeros([2, 3, 4]));
    assert_says(|| x.matmul(matrices), &["multiplied by one matrix, not [2, 3, 4]"]);
}

#[test]
fn whole_numbers_choose_and_nothing_else() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add(Parameter::new("hidden/kernel", [2, 4]));
    let tape = Tape::inference(&params);
    let (labels, w) = (tape.input(&Indices::from([1, 0])), tape.param(w));
    let way_out = "whole numbers, such as labels, are read by `gather_rows`, `pick`, `one_hot` and \
                   losses only; for arithmetic bind them as a `Tensor`";
    let says = |op: &str| format!("{op}: {way_out}");
    assert_says(|| labels + 1.0, &[&says("add"), "inputs: indices %0 [2]"]);
    assert_says(|| 2.0 * labels, &[&says("mul")]);
    assert_says(|| w.transpose() - labels, &[&says("sub"), "indices %0 [2]"]);
    assert_says(|| labels.sum(..), &[&says("sum")]);
    assert_says(|| labels.detach(), &[&says("detach")]);
    assert_says(|| labels.reshape([2, 1]), &[&says("reshape")]);
    assert_says(|| w.mean_squared_error(labels.broadcast_to([2, 4])), &[&says("broadcast_to")]);
    assert_says(|| Var::concat(&[labels, labels], 0), &[&says("concat")]);
    assert_says(|| labels.gather_rows([0]), &[&says("gather_rows")]);
    assert_says(|| tape.value(labels), &[&says("value")]);
    assert_says(|| tape.keep(labels), &[&says("keep")]);
    assert_says(|| tape.interpret(labels), &[&says("interpret")]);
    let y = w.pick(labels).sum(..);
    assert_says(|| tape.gradient(y, &[labels]), &[&says("gradient")]);
    assert_says(|| w.pick(w), &["pick: param hidden/kernel", "is not whole numbers; bind them as"]);
    let rows = SparseRows::multi_hot(2, [[0], [1]]).unwrap();
    let rows = tape.input(&rows);
    assert_says(|| w.pick(rows), &["pick: sparse", "is not whole numbers; bind them as"]);
    assert_says(|| rows.matmul(labels), &[&says("reshape")]);

    // An earlier step that had numbers in this place changes nothing.
    for _ in 0..2 {
        let tape = Tape::inference(&params);
        let _ = tape.value(tape.input(&Tensor::zeros([2])).exp());
        drop(tape);
        let tape = Tape::inference(&params);
        let labels = tape.input(&Indices::from([1, 0]));
        assert_says(|| labels.exp(), &[&says("exp")]);
    }
}

#[test]
fn shapes_that_no_memory_could_hold() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::inference(&params);
    let x = tape.scalar(1.0);
    assert_says(|| x.broadcast_to([1 << 60, 1]), &["broadcast_to: ", "is too large"]);
    assert_says(|| x.broadcast_to(vec![1; 33]), &["broadcast_to: ", "is too large"]);
    let wide = x.broadcast_to([1 << 40, 1]);
    assert_says(|| wide.matmul(x.broadcast_to([1, 1 << 40])), &["matmul: ", "is too large"]);
    assert!(Tensor::<f32>::new([1 << 40, 1 << 40], vec![]).is_err());
}

#[test]
fn values_of_another_tape() {
    let mut params = Params::<f32>::new(Seed(0));
    let w = params.add(Parameter::new("w", [2]).penalty(gradtape::penalty::from_fn(|w| w * 2.0)));
    let (tape, other) = (Tape::inference(&params), Tape::inference(&params));
    let x = other.param(w).sum(..);
    assert_says(|| tape.item(x), &["recorded on different tapes"]);
    assert_says(|| tape.interpret(x), &["recorded on different tapes"]);
    assert_says(|| tape.gradient(tape.param(w).sum(..), &[x]), &["recorded on different tapes"]);
    assert_says(|| tape.penalty(), &["the penalty of `w` is of shape [2]", "sum(..)"]);

    let mut others = Params::<f32>::new(Seed(0));
    let foreign = others.add(Parameter::new("other", [2]));
    assert_says(|| tape.param(foreign), &["was made by other `Params`"]);
    assert_says(|| params.values(foreign), &["was made by other `Params`"]);
    // A clone's parameters are the same ones.
    assert_eq!(params.clone().cast::<f64>().values(w), [0.0; 2]);
}

#[test]
fn a_parameter_of_one_clone_is_none_of_another() {
    let mut body = Params::<f32>::new(Seed(42));
    let shared = body.add(Parameter::new("body", [2]));
    let (mut first, mut second) = (body.clone(), body.clone());
    let of_first = first.add(Parameter::new("head", [2]));
    let _ = second.add(Parameter::new("head", [2]));
    assert_eq!(first.values(shared), second.values(shared));
    assert_says(|| second.values(of_first).len(), &["it was made by other `Params`"]);
}
