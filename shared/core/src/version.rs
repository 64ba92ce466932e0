//! The order of firmware versions.

use std::cmp::Ordering;

/// A firmware version as it is compared: `2.10` comes after `2.9`, and `2.5` is `2.5.0`.
///
/// The order is total. On versions of Semantic Versioning 2.0.0 it is that of its section 11; where that leaves two in
/// the same place, build metadata decides. Of any other text, these parts are compared one after the other:
///
/// 1. The text before the first digit: `ax-` in `ax-2.4.1`. A `v` alone counts as nothing.
/// 2. The numbers with dots between them. Zeros at the end don't count.
/// 3. What follows: a hyphen begins a pre-release, which comes before the version without one; anything else comes after
///    it, as in `1.0.2k`. Numbers in it are compared as numbers.
/// 4. What follows a `+`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version<'a> {
    family: &'a str,
    release: &'a str,
    rest: Rest<'a>,
    build: Option<&'a str>,
}

/// What follows the numbers of a version.
#[derive(Clone, Copy, Debug)]
enum Rest<'a> {
    /// A pre-release: what follows the hyphen.
    Before(&'a str),
    Nothing,
    After(&'a str),
}

impl<'a> Version<'a> {
    /// Reads a version. Every text is one.
    pub(crate) fn new(text: &'a str) -> Self {
        let (family, text) = text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()));
        let (release, text) = text.split_at(release_length(text.as_bytes()));
        let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
        let rest = match rest.strip_prefix('-') {
            Some(before) => Rest::Before(before),
            None if rest.is_empty() => Rest::Nothing,
            None => Rest::After(rest),
        };
        Self { family: if matches!(family, "v" | "V") { "" } else { family }, release, rest, build }
    }

    /// Whether one of the two can be called older: the texts before their numbers are the same, and both have numbers.
    pub(crate) fn is_comparable(&self, other: &Self) -> bool {
        self.family == other.family && self.release.is_empty() == other.release.is_empty()
    }
}

/// How many bytes digits with single dots between them have.
fn release_length(text: &[u8]) -> usize {
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let mut length = 0;
    while is_digit(length) || (text.get(length) == Some(&b'.') && is_digit(length + 1)) {
        length += 1;
    }
    length
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.family
            .cmp(other.family)
            .then_with(|| releases(self.release, other.release))
            .then_with(|| match (self.rest, other.rest) {
                (Rest::Before(one), Rest::Before(other)) => identifiers(one, other),
                (Rest::After(one), Rest::After(other)) => natural(one, other),
                (one, other) => one.place().cmp(&other.place()),
            })
            .then_with(|| match (self.build, other.build) {
                (Some(one), Some(other)) => identifiers(one, other),
                (one, other) => one.is_some().cmp(&other.is_some()),
            })
    }
}

impl PartialOrd for Version<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Two versions are the same if neither comes before the other: `v2.5` is `2.5.0`.
impl PartialEq for Version<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version<'_> {}

impl Rest<'_> {
    fn place(self) -> u8 {
        match self {
            Self::Before(_) => 0,
            Self::Nothing => 1,
            Self::After(_) => 2,
        }
    }
}

/// The order of numbers with dots between them. What one of them does not have counts as zero.
fn releases(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) => match numbers(one.unwrap_or_default(), other.unwrap_or_default()) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
        }
    }
}

/// The order of two numbers of any length.
fn numbers(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// The order of identifiers with dots between them (Semantic Versioning 2.0.0, section 11.4). Of two numbers that are the
/// same, the shorter comes first, as build metadata may have zeros before a number.
fn identifiers(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let ordering = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => match (is_number(one), is_number(other)) {
                (true, true) => numbers(one, other).then_with(|| one.len().cmp(&other.len())),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => one.cmp(other),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The order of texts in which numbers are compared as numbers. A number comes before any other text.
fn natural(mut one: &str, mut other: &str) -> Ordering {
    loop {
        if one.is_empty() || other.is_empty() {
            return one.len().cmp(&other.len());
        }
        let ((first, rest), (second, others)) = (piece(one), piece(other));
        let ordering = match (is_number(first), is_number(second)) {
            (true, true) => numbers(first, second).then_with(|| first.len().cmp(&second.len())),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => first.cmp(second),
        };
        if ordering.is_ne() {
            return ordering;
        }
        (one, other) = (rest, others);
    }
}

/// The digits that a text begins with, or else all before its first digit; and the rest.
fn piece(text: &str) -> (&str, &str) {
    let begins_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
    text.split_at(text.find(|c: char| c.is_ascii_digit() != begins_with_digit).unwrap_or(text.len()))
}

#[cfg(test)]
#[path = "version_tests.rs"]
mod tests;
