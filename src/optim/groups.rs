//! Groups of parameters that are treated in ways of their own.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::hyperparameter::{Allowed, Hyperparameter};
use super::{GroupRow, GroupTable, Schedule, WeightDecay};
use crate::params::{Entry, Gradients, Layout, Role};
use crate::scalar::Scalar;

/// Parameters that an optimizer treats in a way of their own: those whose [`Entry`] (path, shape,
/// role) satisfies a predicate.
///
/// A parameter may be in several groups; where they disagree, the one that was added last has its
/// way. `optimizer.groups(&params)` is a table of who is in which.
///
/// ```
/// use gradtape::prelude::*;
///
/// let mut params = Params::new(Seed(42));
/// Dense::new(2, 4).build(&mut params, "hidden");
/// Dense::new(4, 1).build(&mut params, "output");
///
/// let optimizer: AdamW = AdamW::new(1e-3)
///     .exempt_biases_and_normalization()
///     .group(Group::new("head", |entry| entry.name.starts_with("output/")).rate_factor(10.0))
///     .group(Group::new("body", |entry| entry.name.starts_with("hidden/")).frozen());
/// println!("{}", optimizer.groups(&params));
/// ```
#[derive(Clone)]
pub struct Group {
    name: String,
    predicate: Arc<dyn Fn(&Entry) -> bool + Send + Sync>,
    rate: Option<GroupRate>,
    decay: Option<Option<WeightDecay>>,
    l1: Option<f64>,
    frozen: bool,
    may_be_empty: bool,
}

#[derive(Clone)]
enum GroupRate {
    Own(Hyperparameter),
    Factor(f64),
}

impl Group {
    /// The parameters for which this holds. By itself, a group changes nothing.
    pub fn new(
        name: impl Into<String>,
        predicate: impl Fn(&Entry) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            predicate: Arc::new(predicate),
            rate: None,
            decay: None,
            l1: None,
            frozen: false,
            may_be_empty: false,
        }
    }

    /// Biases and the scales and shifts of normalizations, of which a model may have none.
    pub fn biases_and_normalization() -> Self {
        let exempt = |entry: &Entry| matches!(entry.role, Role::Bias | Role::Normalization);
        Self::new("biases and normalization", exempt).may_be_empty()
    }

    /// A rate of its own: a number or a schedule, which
    /// [`set_rate`](super::Optimizer::set_rate) does not change.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn rate(mut self, rate: impl Into<Schedule>) -> Self {
        let allowed = Allowed::NotNegative;
        self.rate =
            Some(GroupRate::Own(Hyperparameter::new("Group", "the rate", allowed, rate.into())));
        self
    }

    /// The optimizer's rate, times this.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn rate_factor(mut self, factor: f64) -> Self {
        let factor = Allowed::NotNegative.check("Group", "the factor of the rate", factor);
        self.rate = Some(GroupRate::Factor(factor));
        self
    }

    /// A weight decay of its own.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn weight_decay(mut self, decay: WeightDecay) -> Self {
        self.decay = Some(Some(decay.checked("Group")));
        self
    }

    /// No weight decay, whatever the optimizer's.
    pub fn no_weight_decay(mut self) -> Self {
        self.decay = Some(None);
        self
    }

    /// A proximal L1 of its own, 0 for none: `p = sgn(p) · max(|p| - rate · λ, 0)` after the step.
    ///
    /// # Panics
    ///
    /// If it is negative, infinite or NaN.
    #[track_caller]
    pub fn proximal_l1(mut self, lambda: f64) -> Self {
        self.l1 = Some(Allowed::NotNegative.check("Group", "proximal_l1", lambda));
        self
    }

    /// No steps of this optimizer at all. Gradients are computed all the same, and running statistics
    /// are kept up: [`Params::freeze`](crate::Params::freeze) is what excludes parameters from training.
    pub fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }

    /// Allows the group to be empty, which is else taken for a mistake in its predicate.
    pub fn may_be_empty(mut self) -> Self {
        self.may_be_empty = true;
        self
    }

    /// Whether a parameter is in the group.
    pub(super) fn contains(&self, entry: &Entry) -> bool {
        (self.predicate)(entry)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        match &self.rate {
            Some(GroupRate::Own(rate)) => write!(f, " at {rate:?}")?,
            Some(GroupRate::Factor(factor)) => write!(f, " at {factor} × the rate")?,
            None => {}
        }
        match self.decay {
            Some(Some(decay)) => write!(f, ", {decay}")?,
            Some(None) => f.write_str(", no weight decay")?,
            None => {}
        }
        if let Some(l1) = self.l1 {
            write!(f, ", proximal L1 {l1}")?;
        }
        f.write_str(if self.frozen { ", frozen" } else { "" })
    }
}

/// How a parameter is treated.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Settings {
    pub(super) decay: Option<WeightDecay>,
    pub(super) l1: f64,
    pub(super) frozen: bool,
}

/// The parameters that are in the same groups.
#[derive(Clone, Default)]
pub(super) struct Class {
    pub(super) settings: Settings,
    /// The positions of the groups.
    members: Vec<usize>,
    /// The position of the group whose rate applies.
    rate: Option<usize>,
}

/// An optimizer's groups, and the settings of what is in none.
#[derive(Clone, Default)]
pub(super) struct Groups {
    pub(super) base: Settings,
    list: Vec<Group>,
    /// What the predicates said of the parameters of the last step.
    classes: Vec<Class>,
    class_of: Vec<usize>,
    asked: Asked,
}

/// The parameters that predicates were asked about last.
#[derive(Clone, Default)]
pub(super) struct Asked(Option<Arc<Layout>>);

impl Asked {
    /// Whether parameters were added, frozen or unfrozen since; these are then what is asked about.
    pub(super) fn is_outdated(&mut self, layout: &Arc<Layout>) -> bool {
        let outdated = !self.0.as_ref().is_some_and(|asked| Arc::ptr_eq(asked, layout));
        if outdated {
            self.0 = Some(layout.clone());
        }
        outdated
    }
}

impl Groups {
    pub(super) fn push(&mut self, group: Group) {
        self.list.push(group);
        self.classes.clear();
    }

    /// Whether there is nothing to do but the rule.
    pub(super) fn are_plain(&self) -> bool {
        self.list.is_empty() && self.base == Settings::default()
    }

    /// Asks the predicates, if parameters were added, frozen or unfrozen since.
    #[track_caller]
    pub(super) fn assign(&mut self, owner: &str, layout: &Arc<Layout>) {
        if !self.asked.is_outdated(layout) && !self.classes.is_empty() {
            return;
        }
        for group in self.list.iter().filter(|group| !group.may_be_empty) {
            expect_some(&format!("{owner}: the group `{}`", group.name), layout, |entry| {
                group.contains(entry)
            });
        }
        let mut classes = vec![self.class_of_members(Vec::new())];
        self.class_of.clear();
        for entry in layout.entries() {
            let members = self.list.iter().enumerate().filter(|(_, group)| group.contains(entry));
            let members: Vec<usize> = members.map(|(i, _)| i).collect();
            let class = classes.iter().position(|class| class.members == members);
            self.class_of.push(class.unwrap_or_else(|| {
                classes.push(self.class_of_members(members));
                classes.len() - 1
            }));
        }
        self.classes = classes;
    }

    /// What the groups say together, the later ones last.
    fn class_of_members(&self, members: Vec<usize>) -> Class {
        let (mut settings, mut rate) = (self.base, None);
        for &i in &members {
            let group = &self.list[i];
            settings.decay = group.decay.unwrap_or(settings.decay);
            settings.l1 = group.l1.unwrap_or(settings.l1);
            settings.frozen |= group.frozen;
            rate = group.rate.as_ref().map(|_| i).or(rate);
        }
        Class { settings, members, rate }
    }

    /// The classes of the parameters that were assigned last.
    pub(super) fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The rate of a class at this step, given the optimizer's.
    #[track_caller]
    pub(super) fn rate(&self, class: &Class, rate: f64, step: u64) -> f64 {
        match class.rate.and_then(|i| self.list[i].rate.as_ref()) {
            Some(GroupRate::Own(own)) => own.at(step),
            Some(GroupRate::Factor(factor)) => rate * factor,
            None => rate,
        }
    }

    /// What moves: each part of the flat slice that has a gradient and is not frozen, with the
    /// position of its class and of its first parameter. Neighbours of a class are merged unless
    /// each parameter is wanted by itself.
    pub(super) fn parts<'a, T: Scalar>(
        &'a self,
        gradients: &'a Gradients<T>,
        each_by_itself: bool,
    ) -> impl Iterator<Item = Part> + 'a {
        let layout = gradients.layout();
        let moving = move |&id: &_| gradients.get(id).is_some();
        let mut parts = layout
            .ids()
            .filter(moving)
            .map(move |id| Part {
                range: layout.range(id),
                class: self.class_of[id.index()],
                parameter: id.index(),
            })
            .filter(|part| !self.classes[part.class].settings.frozen)
            .peekable();
        std::iter::from_fn(move || {
            let mut part = parts.next()?;
            while let Some(next) = parts.next_if(|next| {
                !each_by_itself && next.class == part.class && next.range.start == part.range.end
            }) {
                part.range.end = next.range.end;
            }
            Some(part)
        })
    }

    /// Who is in which group, and what that means at this step.
    #[track_caller]
    pub(super) fn table(
        &self,
        owner: &str,
        layout: &Arc<Layout>,
        rate: f64,
        step: u64,
    ) -> GroupTable {
        let mut assigned = self.clone();
        assigned.assign(owner, layout);
        let rows = layout.entries().iter().zip(&assigned.class_of).map(|(entry, &class)| {
            let class = &assigned.classes[class];
            GroupRow {
                parameter: entry.name.clone(),
                groups: class.members.iter().map(|&i| self.list[i].name.clone()).collect(),
                rate: assigned.rate(class, rate, step),
                weight_decay: class.settings.decay,
                proximal_l1: class.settings.l1,
                frozen: class.settings.frozen || !entry.trainable,
            }
        });
        GroupTable::new(rows.collect())
    }
}

/// For each group, what it is and does.
impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { decay, l1, .. } = self.base;
        if let Some(decay) = decay {
            write!(f, ", {decay}")?;
        }
        if l1 > 0.0 {
            write!(f, ", proximal L1 {l1}")?;
        }
        if !self.list.is_empty() {
            write!(f, ", groups {:?}", self.list)?;
        }
        Ok(())
    }
}

/// A part of the flat slice that moves.
pub(super) struct Part {
    pub(super) range: Range<usize>,
    /// The position of its class.
    pub(super) class: usize,
    /// The position of its first parameter in the layout.
    pub(super) parameter: usize,
}

/// Panics with the paths that there are if none satisfies a predicate: it is misspelt, most likely.
#[track_caller]
pub(super) fn expect_some(what: &str, layout: &Layout, predicate: impl Fn(&Entry) -> bool) {
    if !layout.entries().iter().any(predicate) {
        let names: Vec<&str> = layout.entries().iter().map(|entry| &entry.name[..]).collect();
        panic!("{what} matches none of the parameters: {}", names.join(", "));
    }
}
