//! How a selector compares.

use std::fmt;

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Is,
    IsNot,
    Has,
    HasNot,
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Op {
    /// Every operator. One that another begins with comes after it.
    const ALL: [Self; 8] =
        [Self::IsNot, Self::HasNot, Self::AtMost, Self::AtLeast, Self::Is, Self::Has, Self::Below, Self::Above];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Has => "~",
            Self::HasNot => "!~",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }

    /// The operator that a text begins with, and how many bytes it has.
    pub(super) fn read(text: &str) -> Option<(Self, usize)> {
        let op = Self::ALL.into_iter().find(|op| text.starts_with(op.as_str()))?;
        Some((op, op.as_str().len()))
    }

    /// Whether a term with it is about what does not hold.
    pub(super) const fn is_negative(self) -> bool {
        matches!(self, Self::IsNot | Self::HasNot)
    }

    /// Whether it says that something comes before or after a value.
    pub(super) const fn orders(self) -> bool {
        matches!(self, Self::Below | Self::AtMost | Self::Above | Self::AtLeast)
    }

    /// Whether it holds for what stands in this order to the value.
    pub(super) fn allows(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
            Self::Is | Self::IsNot | Self::Has | Self::HasNot => ordering.is_eq(),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Operators for a sentence.
pub(super) fn listed(ops: &[Op]) -> String {
    let listed: Vec<_> = ops.iter().map(|op| op.as_str()).collect();
    listed.join(" ")
}
