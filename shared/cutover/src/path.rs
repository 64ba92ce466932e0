//! The path of check-ins.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A path whose segments in braces are variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Variable(String),
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix('/').ok_or("must begin with /")?;
        let segments = path.strip_suffix('/').unwrap_or(path).split('/').map(|segment| {
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) if !name.is_empty() && !name.contains(['{', '}']) => Ok(Segment::Variable(name.to_owned())),
                None if !segment.contains(['{', '}', '?', '#', '%']) => Ok(Segment::Text(segment.to_owned())),
                _ => Err(format!("{segment:?} must be a text, or a whole segment in braces, such as {{mac}}")),
            }
        });
        let segments: Vec<_> = segments.collect::<Result<_, String>>()?;
        let mut names: Vec<_> = segments.iter().filter_map(Segment::variable).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[one, other]| one == other) {
            return Err(format!("the variable {{{twice}}} is there twice"));
        }
        Ok(Self(segments))
    }

    /// Whether it has a variable of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().filter_map(Segment::variable).any(|variable| variable == name)
    }

    /// The values of the variables in a path as it was sent; `None` if it is another path. A slash at the end makes no
    /// difference, as legacy servers have it.
    pub(crate) fn values<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, Cow<'a, str>)>> {
        let path = path.strip_prefix('/')?;
        let segments: Vec<_> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        if segments.len() != self.0.len() {
            return None;
        }
        let mut values = vec![];
        for (segment, sent) in self.0.iter().zip(segments) {
            let sent = percent_decode_str(sent).decode_utf8().ok()?;
            match segment {
                Segment::Text(text) if *text == sent => {}
                Segment::Text(_) => return None,
                Segment::Variable(_) if sent.is_empty() => return None,
                Segment::Variable(name) => values.push((name.as_str(), sent)),
            }
        }
        Some(values)
    }
}

impl Segment {
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name),
            Self::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gives_the_values_of_its_variables() {
        let pattern = Pattern::read("/nodes/{mac}/checkin").expect("a pattern");
        let values = |path| pattern.values(path).map(|values| values.iter().map(|(_, v)| v.to_string()).collect());
        assert_eq!(values("/nodes/aa%3Abb/checkin"), Some(vec!["aa:bb".to_owned()]));
        assert_eq!(values("/nodes/ap-1/checkin/"), Some(vec!["ap-1".to_owned()]));
        for other in
            ["/nodes/ap-1", "/nodes//checkin", "/nodes/a/b/checkin", "nodes/ap-1/checkin", "/nodes/%ff/checkin", ""]
        {
            assert_eq!(values(other), None::<Vec<String>>, "{other}");
        }
        for (pattern, path) in [("/", "/"), ("/check-in/", "/check-in"), ("/check-in", "/check-in/")] {
            assert_eq!(Pattern::read(pattern).expect("a pattern").values(path), Some(vec![]), "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused_with_why() {
        for (wrong, why) in [
            ("checkin", "begin with /"),
            ("/a{b}", "whole segment"),
            ("/{}", "whole segment"),
            ("/a?x=1", "must be a text"),
            ("/{a}/{a}", "{a} is there twice"),
        ] {
            let error = Pattern::read(wrong).expect_err(wrong);
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
