//! Saved graphs and batches of another size than the one that they were recorded with.

use gradtape::prelude::*;

use crate::{ramp, reread};

/// A function of one value.
type Model = dyn for<'t> Fn(Var<'t>) -> Var<'t>;

/// Saves a function of `x` recorded for a batch of 4, and runs it for one of 7 and one of 1.
#[track_caller]
fn follows_the_batch(item: &[usize], model: &Model) {
    let params = Params::<f32>::new(Seed(0));
    let shape = |rows: usize| -> Shape { [&[rows], item].concat().into() };
    let tape = Tape::inference(&params);
    let x = tape.input(&ramp(shape(4)));
    let saved = reread(&tape.save(&[("x", x)], &[("y", model(x))]).expect("it can be saved"));
    for rows in [4, 7, 1, 0] {
        let x = ramp(shape(rows));
        let tape = Tape::inference(&params);
        let y = model(tape.input(&x));
        let outputs = saved.run(&params, &[&x]).expect("it follows the batch");
        assert_eq!(outputs["y"], tape.value(y), "{rows} rows");
    }
}

#[test]
fn inference_follows_the_size_of_the_batch() {
    follows_the_batch(&[3], &|x| (2.0 * x).relu().softmax(-1));
    follows_the_batch(&[3], &|x| x.normalize(-1, 1e-5).sum(1));
    follows_the_batch(&[1, 6, 6], &|x| {
        let filter = x.graph().scalar(0.5).broadcast_to([2, 1, 3, 3]);
        let maps = x.conv2d(filter, Convolution::new().padding(1)).max_pool2d(2);
        let flat = maps.reshape([x.shape()[0], 18]);
        flat.matmul(x.graph().scalar(0.1).broadcast_to([18, 2]))
    });
    // Many matrices times one are multiplied as one of many rows, several for each entry.
    follows_the_batch(&[5, 3], &|x| {
        let y = x.matmul(x.graph().scalar(0.1).broadcast_to([3, 6]));
        y.matmul(y.transpose()).slice(1, 1..3).pad(&[[0, 0], [1, 0], [0, 2]], 1.0).flip(-1)
    });
    follows_the_batch(&[2], &|x| Var::concat(&[x, x.cumsum(0), x.square()], 1));
}

#[test]
fn what_holds_on_to_the_size_of_the_batch_is_refused_by_name() {
    let params = Params::<f32>::new(Seed(0));
    let refused = |model: &Model, size: usize| -> String {
        let tape = Tape::training(&params, Seed(0));
        let x = tape.input(&ramp([4, 4]));
        let saved = tape.save(&[("x", x)], &[("y", model(x))]).expect("it can be saved");
        let run = saved.run(&params, &[&ramp([size, 4])]);
        run.expect_err("the size of the batch is part of it").to_string()
    };
    for size in [1, 2, 3, 5, 8] {
        let mean = refused(&|x| x.mean(..), size);
        let expected = format!(
            "saved graph: recorded for a batch of 4, it cannot be run with one of {size}: node 1, \
             `sum` recorded at {}:",
            file!()
        );
        assert!(mean.starts_with(&expected), "{mean}");
        let models: [(&str, &Model); 8] = [
            ("sum", &|x| x.sum(0)),
            ("sum", &|x| x.mean_keep(0)),
            ("permute", &|x| x.transpose()),
            ("matmul", &|x| x.matmul(x)),
            ("slice", &|x| x.slice(0, 1..3)),
            ("embed", &|x| x.pad(&[[4, 0], [0, 0]], 0.0)),
            ("mul", &|x| x.dropout(0.5)),
            ("broadcast_to", &|x| x.sum(1).broadcast_to([4, 4])),
        ];
        for (op, model) in models {
            let error = refused(model, size);
            assert!(error.contains(&format!(" `{op}` recorded at ")), "{size}, {op}: {error}");
        }
    }
}

#[test]
fn noise_of_a_single_entry_is_not_shared_by_many() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::full([1, 3], 1.0));
    let saved = tape.save(&[("x", x)], &[("y", x.dropout(0.5))]).unwrap();
    let tape = Tape::training(&params, Seed(1));
    assert!(saved.record(tape.graph(), &[tape.input(&Tensor::full([1, 3], 1.0))]).is_ok());
    let many = tape.input(&Tensor::full([16, 3], 1.0));
    let error = saved.record(tape.graph(), &[many]).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("recorded for a batch of 1") && error.contains("noise"), "{error}");
}

#[test]
fn noise_of_parameters_is_shared_by_all_entries() {
    let mut params = Params::<f32>::new(Seed(0));
    let layer = DropConnect::new(3, 1, 0.5).per_batch().build(&mut params, "layer");
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::full([1, 3], 1.0));
    let saved = tape.save(&[("x", x)], &[("y", layer.forward(x))]).unwrap();
    let tape = Tape::training(&params, Seed(1));
    let many = tape.input(&Tensor::full([16, 3], 1.0));
    assert_eq!(saved.record(tape.graph(), &[many]).unwrap()["y"].shape(), [16, 1].into());
}

#[test]
fn noise_of_an_entry_is_told_whatever_its_rank_was() {
    let params = Params::<f32>::new(Seed(0));
    let tape = Tape::training(&params, Seed(0));
    let x = tape.input(&Tensor::full([1, 4, 3], 1.0));
    let mask = tape.bernoulli(0.5, [1, 3]).reshape([1, 1, 3]);
    let saved = tape.save(&[("x", x)], &[("y", x * mask)]).unwrap();
    let tape = Tape::training(&params, Seed(1));
    let many = tape.input(&Tensor::full([16, 4, 3], 1.0));
    assert!(saved.record(tape.graph(), &[many]).is_err());
}
