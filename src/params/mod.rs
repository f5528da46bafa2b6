//! All parameters of a model, in one contiguous slice with a table of what is where.

pub(crate) mod file;
mod gradients;
mod layout;

use std::fmt;
use std::sync::Arc;

pub use gradients::Gradients;
pub use layout::{Entry, Layout, ParamId, Role};

use crate::exec::WorkspaceStore;
use crate::graph::TraceStore;
use crate::init::{Fans, Initializer, Zeros};
use crate::pages;
use crate::penalty::Penalty;
use crate::scalar::Scalar;
use crate::seed::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// All parameters of a model: one contiguous slice of numbers and a table of names, shapes,
/// penalties and trainable flags.
///
/// Layers hold [`ParamId`]s, never numbers, so a model's code is the same for every precision and
/// the numbers can be saved, averaged or stepped in one pass. Initial values depend on the seed
/// and on each parameter's name only: adding a parameter does not change the others.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let kernel = params.add(
///     Parameter::new("hidden/kernel", [784, 512])
///         .init(HeNormal)
///         .fans(Fans { fan_in: 784, fan_out: 512 }),
/// );
/// assert_eq!(params.values(kernel).len(), 784 * 512);
/// assert_eq!(params.find("hidden/kernel"), Some(kernel));
/// ```
pub struct Params<T: Scalar = f32> {
    seed: Seed,
    layout: Arc<Layout>,
    values: Vec<T>,
    /// What earlier steps leave for later ones.
    traces: Arc<TraceStore>,
    workspaces: Arc<WorkspaceStore<T>>,
}

/// What a parameter is before it has numbers: name, shape, initializer, penalty.
#[must_use = "a parameter exists once it is added to `Params`"]
pub struct Parameter {
    entry: Entry,
    fans: Fans,
    init: Box<dyn Initializer>,
}

impl Parameter {
    /// A trainable parameter that starts at zero. Its name is a path like `hidden/kernel`.
    pub fn new(name: impl Into<String>, shape: impl Into<Shape>) -> Self {
        let (name, shape) = (name.into(), shape.into());
        let fans = Fans { fan_in: 1, fan_out: 1 };
        let role = Role::Weight;
        let entry = Entry { name, shape, offset: 0, role, penalty: None, trainable: true };
        Self { entry, fans, init: Box::new(Zeros) }
    }

    /// Another shape.
    pub(crate) fn shape(mut self, shape: Shape) -> Self {
        self.entry.shape = shape;
        self
    }

    /// How the initial values are drawn.
    pub fn init(mut self, init: impl Initializer + 'static) -> Self {
        self.init = Box::new(init);
        self
    }

    /// How many inputs and outputs a unit of the layer has; what Glorot's, He's and LeCun's
    /// initializers scale by. The layer knows; it is never guessed from the shape.
    pub fn fans(mut self, fans: Fans) -> Self {
        self.fans = fans;
        self
    }

    /// A penalty on this parameter, part of [`Tape::penalty`](crate::Tape::penalty).
    pub fn penalty(mut self, penalty: impl Penalty + 'static) -> Self {
        self.entry.penalty = Some(Arc::new(penalty));
        self
    }

    /// Puts the parameter into a layer: its name becomes `layer/name`.
    pub fn within(mut self, layer: &str) -> Self {
        self.entry.name = format!("{layer}/{}", self.entry.name);
        self
    }

    /// What the parameter is in its layer: a weight unless this says otherwise. State is not
    /// trained.
    pub fn role(mut self, role: Role) -> Self {
        self.entry.role = role;
        self.entry.trainable &= role != Role::State;
        self
    }

    /// Excludes the parameter from training: see [`Params::freeze`].
    pub fn frozen(mut self) -> Self {
        self.entry.trainable = false;
        self
    }
}

impl<T: Scalar> Params<T> {
    /// No parameters yet; those added draw their initial values from this seed.
    pub fn new(seed: Seed) -> Self {
        Self::from_parts(seed, Arc::default(), Vec::new())
    }

    /// Adds a parameter and draws its initial values.
    ///
    /// # Panics
    ///
    /// If there is one of this name already.
    #[track_caller]
    pub fn add(&mut self, parameter: Parameter) -> ParamId {
        let Parameter { entry, fans, init } = parameter;
        let seed = self.seed.derive_named(&entry.name);
        let values = init.sample(&entry.shape, fans, seed);
        assert_eq!(values.len(), entry.shape.numel(), "initializer of {}: wrong count", entry.name);
        pages::reserve(&mut self.values, self.layout.len() + values.len());
        self.values.extend(values.into_iter().map(T::from_f64));
        // What was planned for fewer parameters is of no use any more.
        (self.traces, self.workspaces) = Default::default();
        Arc::make_mut(&mut self.layout).push(entry)
    }

    /// Adds a trainable parameter with these initial values.
    ///
    /// # Panics
    ///
    /// If there is one of this name already.
    #[track_caller]
    pub fn add_tensor(&mut self, name: impl Into<String>, values: &Tensor<T>) -> ParamId {
        let id = self.add(Parameter::new(name, values.shape()));
        self.values_mut(id).copy_from_slice(values.data());
        id
    }

    /// Excludes the parameters for which this holds from training: they get no gradient, which is
    /// then not computed either, and no update. Where the scale of a
    /// [`BatchNorm`](crate::layers::BatchNorm) is frozen, the layer normalizes by its running
    /// statistics and leaves them as they are, as in inference. Noise stays.
    ///
    /// Fine-tuning: what was trained before is loaded and frozen, and a new head is trained.
    ///
    /// ```
    /// use gradtape::prelude::*;
    ///
    /// # let path = std::env::temp_dir().join("gradtape-example-pretrained.safetensors");
    /// # let mut pretrained = Params::<f32>::new(Seed(7));
    /// # Dense::new(8, 16).build(&mut pretrained, "body");
    /// # Dense::new(16, 10).build(&mut pretrained, "head");
    /// # pretrained.save(&path)?;
    /// let mut params = Params::<f32>::new(Seed(42));
    /// let body = Dense::new(8, 16).build(&mut params, "body");
    /// let head = Dense::new(16, 3).build(&mut params, "head");
    /// params.load_where(&path, |entry| entry.name.starts_with("body/"))?;
    /// params.freeze(|entry| entry.name.starts_with("body/"));
    ///
    /// let tape = Tape::training(&params, Seed(1));
    /// let x = tape.input(&Tensor::full([4, 8], 0.5));
    /// let loss = head.forward(body.forward(x).relu()).cross_entropy([0, 1, 2, 0]);
    /// let gradients = tape.backward(loss);
    /// assert!(gradients.get(head.kernel()).is_some() && gradients.get(body.kernel()).is_none());
    ///
    /// // Later, all of it:
    /// params.unfreeze(|_| true);
    /// # Ok::<(), gradtape::Error>(())
    /// ```
    ///
    /// A [`Group::frozen`](crate::optim::Group::frozen) of an optimizer skips the steps of that
    /// optimizer only: gradients are computed, and running statistics are kept up.
    ///
    /// # Panics
    ///
    /// If it holds for none.
    #[doc(alias = "requires_grad")]
    #[doc(alias = "trainable")]
    #[track_caller]
    pub fn freeze(&mut self, which: impl Fn(&Entry) -> bool) {
        self.set_trainable("freeze", false, which);
    }

    /// Has the parameters for which this holds trained again, all but state.
    ///
    /// An optimizer such as Adam counts its steps for all parameters together, so it takes the moments of
    /// those that join later for better known than they are: their first steps are longer than the rate.
    /// Give such a phase an optimizer of its own.
    ///
    /// # Panics
    ///
    /// If it holds for none.
    #[track_caller]
    pub fn unfreeze(&mut self, which: impl Fn(&Entry) -> bool) {
        self.set_trainable("unfreeze", true, which);
    }

    #[track_caller]
    fn set_trainable(&mut self, what: &str, trainable: bool, which: impl Fn(&Entry) -> bool) {
        let any = Arc::make_mut(&mut self.layout).set_trainable(trainable, which);
        assert!(any, "{what}: no parameter is meant; there are\n{}", self.layout);
        // What was planned is for gradients of others.
        (self.traces, self.workspaces) = Default::default();
    }

    /// The table of names, shapes, penalties and trainable flags.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The parameter of this name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.layout.find(name)
    }

    /// The values of one parameter, row by row.
    #[track_caller]
    pub fn values(&self, id: ParamId) -> &[T] {
        &self.values[self.layout.range(id)]
    }

    /// The values of one parameter, to be changed.
    #[track_caller]
    pub fn values_mut(&mut self, id: ParamId) -> &mut [T] {
        &mut self.values[self.layout.range(id)]
    }

    /// A copy of one parameter.
    #[track_caller]
    pub fn tensor(&self, id: ParamId) -> Tensor<T> {
        let values = self.values(id);
        Tensor::from_fn(&self.layout.entry(id).shape, |i| values[i])
    }

    /// The values of all parameters, in the order of the [`Layout`].
    pub fn flat(&self) -> &[T] {
        &self.values
    }

    /// The values of all parameters, to be changed.
    pub fn flat_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// The same parameters in another number type.
    pub fn cast<U: Scalar>(&self) -> Params<U> {
        let values = self.values.iter().map(|x| U::from_f64(x.to_f64())).collect();
        Params::from_parts(self.seed, self.layout.clone(), values)
    }

    fn from_parts(seed: Seed, layout: Arc<Layout>, values: Vec<T>) -> Self {
        let (traces, workspaces) = (Arc::default(), Arc::default());
        Self { seed, layout, values, traces, workspaces }
    }

    /// The recordings of earlier steps.
    pub(crate) fn traces(&self) -> &Arc<TraceStore> {
        &self.traces
    }

    /// The memory and plans of earlier steps.
    pub(crate) fn workspaces(&self) -> &Arc<WorkspaceStore<T>> {
        &self.workspaces
    }
}

impl<T: Scalar> Clone for Params<T> {
    fn clone(&self) -> Self {
        self.cast()
    }
}

/// A table: name, shape and number of values of each parameter, and the total.
impl<T: Scalar> fmt::Display for Params<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.layout, f)
    }
}

impl<T: Scalar> fmt::Debug for Params<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
