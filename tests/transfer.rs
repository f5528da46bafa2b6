//! Training a part of what was trained before, and going on with what an optimizer remembers.

use std::path::PathBuf;

use gradtape::prelude::*;
use gradtape::{Error, SavedGraph};

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("gradtape-transfer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

struct Network {
    body: Sequential,
    head: Dense,
}

impl Network {
    fn new(params: &mut Params, classes: usize) -> Self {
        let body = Sequential::new()
            .then(Dense::new(4, 8).build(params, "body/dense"))
            .then(BatchNorm::new(8).build(params, "body/norm"))
            .then(Relu);
        Self { body, head: Dense::new(8, classes).build(params, "head") }
    }
}

impl Layer for Network {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.head.forward(self.body.forward(x))
    }
}

/// The values of all parameters whose names begin like this.
fn values(params: &Params, prefix: &str) -> Vec<f32> {
    let layout = params.layout();
    let ids = layout.ids().filter(|&id| layout.entry(id).name.starts_with(prefix));
    ids.flat_map(|id| params.values(id).to_vec()).collect()
}

/// A step; how many products the backward pass takes.
fn step(params: &mut Params, model: &Network, optimizer: &mut dyn Optimizer, seed: u64) -> usize {
    let x = Tensor::from_fn([6, 4], |i| ((i as u64 + seed) as f32 * 0.7).sin());
    let tape = Tape::training(params, Seed(seed));
    let loss = model.forward(tape.input(&x)).cross_entropy([0, 1, 2, 0, 1, 2]);
    let forward = tape.to_string().len();
    let gradients = tape.backward(loss);
    let products = tape.to_string()[forward..].matches("matmul").count();
    optimizer.step(params, &gradients);
    products
}

#[test]
fn what_is_frozen_stays_as_it_is_and_costs_no_backward_pass() {
    let mut params = Params::new(Seed(42));
    let model = Network::new(&mut params, 3);
    let mut optimizer = Adam::new(0.1);
    // The head's kernel and what goes on from it; the body's kernel.
    assert_eq!(step(&mut params, &model, &mut optimizer, 0), 3);

    params.freeze(|entry| entry.name.starts_with("body/"));
    let (body, head) = (values(&params, "body/"), values(&params, "head/"));
    for seed in 1..4 {
        assert_eq!(step(&mut params, &model, &mut optimizer, seed), 1);
    }
    assert_eq!(values(&params, "body/"), body, "with the running statistics");
    assert_ne!(values(&params, "head/"), head);

    // A frozen normalization does what it does in inference.
    let x = Tensor::from_fn([6, 4], |i| i as f32);
    let [training, inference] =
        [Tape::training(&params, Seed(0)), Tape::inference(&params)].map(|tape| {
            let y = model.forward(tape.input(&x));
            tape.value(y)
        });
    assert_eq!(training, inference);

    params.unfreeze(|entry| entry.role != Role::Bias);
    let before = values(&params, "body/");
    assert_eq!(step(&mut params, &model, &mut optimizer, 4), 3);
    assert_ne!(values(&params, "body/"), before);
    assert!(params.to_string().matches("frozen").count() == 1, "the body's bias:\n{params}");
}

#[test]
#[should_panic(expected = "freeze: no parameter is meant; there are\nparameter")]
fn freezing_nothing_is_a_mistake() {
    let mut params = Params::new(Seed(42));
    let _ = Network::new(&mut params, 3);
    params.freeze(|entry| entry.name.starts_with("boddy/"));
}

#[test]
fn a_part_of_a_file_is_loaded() {
    let path = scratch("pretrained.safetensors");
    let mut pretrained = Params::new(Seed(7));
    let _ = Network::new(&mut pretrained, 10);
    pretrained.save(&path).unwrap();

    let mut params = Params::new(Seed(42));
    let _ = Network::new(&mut params, 3);
    let head = values(&params, "head/");
    assert!(matches!(params.load(&path), Err(Error::Mismatch { .. })));
    params.load_where(&path, |entry| entry.name.starts_with("body/")).unwrap();
    assert_eq!(values(&params, "body/"), values(&pretrained, "body/"));
    assert_eq!(values(&params, "head/"), head);

    // What is asked for has to be there, and of this shape; nothing is changed otherwise.
    let before = params.clone();
    let error = params.load_where(&path, |_| true).unwrap_err().to_string();
    assert!(error.contains("`head/kernel` is of shape [8, 10], not [8, 3]"), "{error}");
    params.add(Parameter::new("body/more", [2]));
    let error = params.load_where(&path, |entry| entry.name.starts_with("body/"));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`body/more` of shape [2] is missing"), "{error}");
    assert_eq!(params.flat()[..before.flat().len()], *before.flat());
}

#[test]
fn what_an_optimizer_remembers_goes_through_a_file() {
    let path = scratch("optimizer.safetensors");
    let mut params = Params::new(Seed(42));
    let model = Network::new(&mut params, 3);
    let make = || Averaged::new(Lookahead::new(Adam::new(0.1), 2, 0.5), Average::equal());
    let mut optimizer = make();
    for seed in 0..3 {
        step(&mut params, &model, &mut optimizer, seed);
    }
    optimizer.state(&params).save(&path).unwrap();
    let mut others = params.clone();
    let mut resumed = make();
    resumed.restore(&others, &OptimizerState::load(&path).unwrap()).unwrap();
    for seed in 3..6 {
        step(&mut params, &model, &mut optimizer, seed);
        step(&mut others, &model, &mut resumed, seed);
    }
    assert_eq!(params.flat(), others.flat());
    assert_eq!(optimizer.state(&params), resumed.state(&others));

    let error = Adam::<f32>::new(0.1).restore(&params, &OptimizerState::load(&path).unwrap());
    assert!(error.unwrap_err().to_string().contains("it is that of Averaged(Lookahead(Adam))"));
    params.save(&path).unwrap();
    let error = OptimizerState::<f32>::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("expected the state of an optimizer, found something else"), "{error}");
}

#[test]
fn a_graph_and_its_weights_go_through_files() {
    let (graph, weights) = (scratch("graph.json"), scratch("graph.safetensors"));
    let mut params = Params::new(Seed(42));
    let model = Network::new(&mut params, 3);
    let x = Tensor::from_fn([5, 4], |i| i as f32 * 0.1);
    let tape = Tape::inference(&params);
    let input = tape.input(&x);
    let y = model.forward(input);
    tape.save(&[("x", input)], &[("y", y)]).unwrap().save(&graph).unwrap();
    let want = tape.value(y);
    params.add(Parameter::new("of another model", [2]));
    params.save(&weights).unwrap();

    let saved = SavedGraph::load(&graph).unwrap();
    let mut params = saved.params::<f32>();
    params.load_where(&weights, |_| true).unwrap();
    assert_eq!(saved.run(&params, &[&x]).unwrap()["y"], want);

    std::fs::write(&graph, "{}").unwrap();
    let error = SavedGraph::load(&graph).unwrap_err().to_string();
    assert!(error.contains("graph.json: expected a saved graph, found missing field"), "{error}");
}

#[test]
fn gradients_of_before_move_nothing_that_is_frozen_now() {
    let mut params = Params::new(Seed(42));
    let model = Network::new(&mut params, 3);
    let mut gathering = Accumulate::new(Sgd::new(0.1), 4);
    step(&mut params, &model, &mut gathering, 0);
    params.freeze(|entry| entry.name.starts_with("body/"));
    let (body, head) = (values(&params, "body/"), values(&params, "head/"));
    gathering.flush(&mut params);
    assert_eq!(values(&params, "body/"), body);
    assert_ne!(values(&params, "head/"), head);

    // What is unfrozen in the middle of a round moves by what was gathered since.
    step(&mut params, &model, &mut gathering, 1);
    params.unfreeze(|_| true);
    step(&mut params, &model, &mut gathering, 2);
    let body = values(&params, "body/dense/");
    gathering.flush(&mut params);
    assert_ne!(values(&params, "body/dense/"), body);
}

#[test]
fn groups_are_asked_again_when_something_is_frozen() {
    let mut params = Params::<f32>::new(Seed(42));
    let _ = Network::new(&mut params, 3);
    let trained = Group::new("trained", |entry| entry.trainable).rate_factor(10.0);
    let mut optimizer = Sgd::new(0.1).group(trained.may_be_empty());
    let ones = vec![1.0; params.flat().len()];
    let moved = |params: &mut Params, optimizer: &mut Sgd| {
        let head = params.find("head/bias").unwrap();
        let before = params.values(head)[0];
        let gradients = Gradients::new(params, ones.clone(), 0.0);
        optimizer.step(params, &gradients);
        before - params.values(head)[0]
    };
    params.freeze(|entry| entry.name.starts_with("head/"));
    assert_eq!(moved(&mut params, &mut optimizer), 0.0);
    params.unfreeze(|entry| entry.name.starts_with("head/"));
    assert!((moved(&mut params, &mut optimizer) - 1.0).abs() < 1e-6);
}
