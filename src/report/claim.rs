//! What is said, and whether the runs bear it out.

use std::fmt;

/// A statement that was measured, and the verdict.
///
/// ```
/// use gradtape::report::Claim;
///
/// let (sgd, momentum) = (0.31, 0.12);
/// let claim = Claim::new("Momentum learns faster than plain SGD", momentum < sgd)
///     .measured(format!("loss after 5 epochs: {momentum} against {sgd}"))
///     .otherwise("The rate suits plain SGD so well that nothing is left to gain.");
/// assert!(claim.held());
/// println!("{claim}");
/// ```
#[derive(Clone, PartialEq, Debug)]
#[must_use = "a claim is there to be reported"]
pub struct Claim {
    statement: String,
    held: bool,
    measured: String,
    otherwise: String,
}

impl Claim {
    const NOT_KNOWN: &str = "Not on these data and with these seeds; the reason is not known.";

    /// A statement, and whether it held in the runs.
    pub fn new(statement: impl Into<String>, held: bool) -> Self {
        let (measured, otherwise) = Default::default();
        Self { statement: statement.into(), held, measured, otherwise }
    }

    /// The figures that decided it.
    pub fn measured(mut self, figures: impl Into<String>) -> Self {
        self.measured = figures.into();
        self
    }

    /// What is known of the cases in which it does not hold; told only if it did not. Without it
    /// the page says that the reason is not known.
    pub fn otherwise(mut self, reason: impl Into<String>) -> Self {
        self.otherwise = reason.into();
        self
    }

    /// The statement.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// Whether it held.
    pub fn held(&self) -> bool {
        self.held
    }

    /// The figures that decided it; empty if there are none.
    pub fn figures(&self) -> &str {
        &self.measured
    }

    /// Why it did not hold, or that the reason is not known; none if it did hold.
    pub fn reason(&self) -> Option<&str> {
        let known = !self.otherwise.is_empty();
        (!self.held).then_some(if known { &self.otherwise } else { Self::NOT_KNOWN })
    }

    /// The verdict in words.
    pub(super) fn verdict(&self) -> &'static str {
        if self.held { "held" } else { "did not hold" }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict(), self.statement)?;
        for line in [self.figures(), self.reason().unwrap_or_default()] {
            if !line.is_empty() {
                write!(f, "\n      {line}")?;
            }
        }
        Ok(())
    }
}

/// How many claims there are, and how many of them held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// How many were measured.
    pub measured: usize,
    /// How many of them held.
    pub held: usize,
}

impl<'a> FromIterator<&'a Claim> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a Claim>>(claims: I) -> Self {
        claims.into_iter().fold(Self::default(), |tally, claim| Self {
            measured: tally.measured + 1,
            held: tally.held + usize::from(claim.held),
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { measured, held } = self;
        write!(f, "{held} held, {} did not, {measured} measured", measured - held)
    }
}
