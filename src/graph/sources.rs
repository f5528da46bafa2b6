//! What enters a graph from outside: parameters, constants, inputs and the numbers of chance.

use super::{Attached, CodeLocation, Graph, Node, Source, Var};
use crate::ops::random::{Distribution, Noise};
use crate::ops::{Constant, Op};
use crate::params::ParamId;
use crate::shape::Shape;

impl Graph {
    /// A parameter.
    ///
    /// # Panics
    ///
    /// If the id belongs to other `Params`.
    #[track_caller]
    pub fn param(&self, id: ParamId) -> Var<'_> {
        self.param_at(id, CodeLocation::caller())
    }

    /// A parameter, recorded at this place of the source if it is not yet.
    #[track_caller]
    pub(super) fn param_at(&self, id: ParamId, location: CodeLocation) -> Var<'_> {
        let known = self.recording.borrow().param(id);
        match known {
            Some(node) => self.var(node),
            None => {
                let shape = &self.layout.entry(id).shape;
                let var = self.source_at(Source::Param(id), shape, location);
                self.recording.borrow_mut().trace.remember_param(id, var.id());
                var
            }
        }
    }

    /// A constant number, as a scalar.
    #[track_caller]
    pub fn scalar(&self, value: f64) -> Var<'_> {
        self.source(Source::Scalar(Constant(value)), &Shape::scalar())
    }

    /// The next input tensor, whose numbers the tape binds.
    #[track_caller]
    pub(crate) fn input(&self, shape: &Shape) -> Var<'_> {
        let slot = self.recording.borrow().inputs;
        self.recording.borrow_mut().inputs += 1;
        self.source(Source::Input(slot), shape)
    }

    /// Data that the graph is to hold itself, such as labels.
    #[track_caller]
    pub(crate) fn attach(&self, data: Attached) -> Var<'_> {
        self.attach_at(data, CodeLocation::caller())
    }

    /// Data that were bound at this place of the source.
    #[track_caller]
    pub(super) fn attach_at(&self, data: Attached, location: CodeLocation) -> Var<'_> {
        let (slot, shape) = {
            let attached = &mut self.recording.borrow_mut().attached;
            attached.push(data.clone());
            (attached.len() as u32 - 1, data.shape())
        };
        self.source_at(data.source(slot), shape, location)
    }

    /// The data that a value stands for, if the graph holds them.
    pub(crate) fn attached_to(&self, var: Var<'_>) -> Option<Attached> {
        let recording = self.recording.borrow();
        match recording.trace.nodes[var.id().index()].op {
            Op::Source(Source::Indices(slot) | Source::Sparse(slot)) => {
                Some(recording.attached[slot as usize].clone())
            }
            _ => None,
        }
    }

    /// All data that the graph holds so far, by slot.
    pub(crate) fn attached(&self) -> std::cell::Ref<'_, [Attached]> {
        std::cell::Ref::map(self.recording.borrow(), |recording| &recording.attached[..])
    }

    /// Takes so many streams of random numbers; which is the first.
    pub(super) fn take_streams(&self, count: u32) -> Option<u32> {
        let streams = &mut self.recording.borrow_mut().streams;
        let first = *streams;
        *streams = first.checked_add(count)?;
        Some(first)
    }

    /// Random numbers of a stream of their own.
    #[track_caller]
    pub(crate) fn noise(&self, shape: Shape, distribution: Distribution) -> Var<'_> {
        let (stream, seed) = self.random_stream();
        self.record(Noise { stream, distribution, shape }, &[seed.id()])
    }

    /// The number of the next random operation, which tells its draws from all others', and the
    /// run's seed as an input.
    #[track_caller]
    pub(crate) fn random_stream(&self) -> (u32, Var<'_>) {
        let stream = self.take_streams(1).expect("there are fewer random operations than streams");
        (stream, self.source(Source::Seed, &Shape::from([2])))
    }

    /// Records a source of this shape.
    #[track_caller]
    fn source(&self, source: Source, shape: &Shape) -> Var<'_> {
        self.source_at(source, shape, CodeLocation::caller())
    }

    /// Records a source of this shape, written at this place.
    #[track_caller]
    pub(super) fn source_at(
        &self,
        source: Source,
        shape: &Shape,
        location: CodeLocation,
    ) -> Var<'_> {
        assert!(shape.is_sensible(), "{}: shape {shape} is too large", source.name());
        let mut recording = self.recording.borrow_mut();
        let op = Op::Source(source);
        let repeated = recording.next().is_some_and(|node| node.op == op && node.shape == *shape);
        if !repeated {
            recording.diverge(&self.store, &op, &[], shape);
        }
        self.var(recording.advance(location, |location| Node {
            op,
            inputs: Default::default(),
            shape: shape.clone(),
            location,
        }))
    }
}
