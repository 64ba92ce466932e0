//! Conditional requests (RFC 9110, section 13).
//!
//! The tag of a configuration is its version, `"7"`. Once the node has reported something, a hash of the report
//! follows, as in `"7-0b5c31aa"`: a configuration is shown with the report, so its tag must change with it. Setting a
//! configuration replaces the version alone. So for `If-Match`, both tags are version 7, and `"0"` is a node that never
//! had one. That a configuration was unset counts as a version, too.

use crate::http::HttpAnswer;
use crate::http::Request;
use data_encoding::HEXLOWER;
use rollcall_core::{Expected, Node, Versions};
use rollcall_wire::console::{Problem, ProblemCode};
use sha2::{Digest as _, Sha256};

use crate::console::clip;
use crate::console::view;

/// The headers that make a request conditional. Headers with a date are ignored, as they must be for resources without
/// a date of their last change (RFC 9110, sections 13.1.3 and 13.1.4).
const IF_MATCH: &str = "if-match";
const IF_NONE_MATCH: &str = "if-none-match";
/// How many tags a header may have. So many easily fit a condition of DynamoDB.
const TAGS: usize = 32;
/// How many digits of the report's hash are in a tag.
const DIGITS: usize = 8;

/// The conditions of a request on the tag of its resource.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// The value of such a header.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    /// `*`
    Any,
    Listed(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    is_weak: bool,
    opaque: String,
}

impl Conditions {
    /// Reads the conditions of a request.
    pub(crate) fn read(request: &Request) -> Result<Self, Problem> {
        Ok(Self { if_match: header(request, IF_MATCH)?, if_none_match: header(request, IF_NONE_MATCH)? })
    }

    /// Refuses conditions in a request for a resource that has no tag. Otherwise they would be ignored.
    pub(crate) fn refuse(request: &Request) -> Result<Self, Problem> {
        let found = [IF_MATCH, IF_NONE_MATCH].into_iter().find(|name| request.headers.contains_key(*name));
        found.map_or_else(
            || Ok(Self::default()),
            |name| {
                let detail = format!(
                    "{name}: this request can't be conditional; only reads can, and those that set, roll back or unset \
                     the configuration of one node"
                );
                Err(Problem::new(ProblemCode::InvalidParameter, detail))
            },
        )
    }

    /// The condition on the version that is desired, for another configuration to be set, or none.
    pub(crate) fn expected(&self) -> Expected {
        let versions = |tags: &Tags, is_strong: bool| match tags {
            Tags::Any => Versions::Any,
            Tags::Listed(tags) => {
                let counted = tags.iter().filter(|tag| !(is_strong && tag.is_weak));
                Versions::Listed(counted.filter_map(|tag| version(&tag.opaque)).collect())
            }
        };
        Expected {
            // `If-Match` compares strong tags only, `If-None-Match` weak ones, too (RFC 9110, sections 13.1.1 and
            // 13.1.2).
            one_of: self.if_match.as_ref().map(|tags| versions(tags, true)),
            none_of: self.if_none_match.as_ref().map(|tags| versions(tags, false)),
        }
    }

    /// The answer to a read, if its conditions hold. They are checked in this order (RFC 9110, section 13.2.2).
    pub(crate) fn settle(&self, answer: HttpAnswer) -> Result<HttpAnswer, Problem> {
        let opaque = answer.headers.get("etag").map(|tag| tag.trim_matches('"'));
        let matches = self.if_match.as_ref().is_none_or(|tags| match tags {
            Tags::Any => true,
            Tags::Listed(tags) => {
                tags.iter().any(|tag| !tag.is_weak && opaque.is_some_and(|now| same(&tag.opaque, now)))
            }
        });
        if !matches {
            return Err(Problem::new(ProblemCode::VersionMismatch, "if-match: the tag is another one now"));
        }
        let is_known = self.if_none_match.as_ref().is_some_and(|tags| match tags {
            Tags::Any => true,
            Tags::Listed(tags) => tags.iter().any(|tag| opaque == Some(&*tag.opaque)),
        });
        if !is_known {
            return Ok(answer);
        }
        let mut unchanged = HttpAnswer::status(304);
        unchanged.headers.extend(answer.headers.into_iter().filter(|(name, _)| *name != "content-type"));
        Ok(unchanged)
    }
}

/// The tag of a node's configuration.
pub(crate) fn etag(node: &Node) -> String {
    let version = node.config_version;
    if node.config.is_none() && node.applied.is_none() {
        return format!("\"{version}\"");
    }
    // Plain structs can always be written as JSON.
    let seen = (node.config.as_ref().map(view::reported), node.applied, view::progress(node));
    let reported = serde_json::to_vec(&seen).unwrap_or_default();
    let mark = HEXLOWER.encode(&Sha256::digest(reported)[..DIGITS / 2]);
    format!("\"{version}-{mark}\"")
}

/// The version in a tag; `None` if the tag does not have this form.
fn version(opaque: &str) -> Option<u64> {
    let (digits, reported) = opaque.split_once('-').map_or((opaque, None), |(digits, hex)| (digits, Some(hex)));
    let is_hex = |hex: &str| hex.len() == DIGITS && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_plain = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| is_plain && reported.is_none_or(is_hex))
}

/// Whether two tags are the same for `If-Match`.
fn same(tag: &str, now: &str) -> bool {
    tag == now || version(tag).is_some_and(|version_of_tag| version(now) == Some(version_of_tag))
}

fn header(request: &Request, name: &'static str) -> Result<Option<Tags>, Problem> {
    let lines: Vec<_> =
        request.headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let text = lines.join(",");
    tags(&text).map(Some).ok_or_else(|| {
        let detail = format!(
            "{name}: must be * or at most {TAGS} tags in quotes, such as \"7\", separated by commas; not {}",
            clip::value(&text)
        );
        Problem::new(ProblemCode::InvalidParameter, detail)
    })
}

/// Reads `*`, or a list of tags (RFC 9110, sections 5.6.1 and 8.8.3).
fn tags(text: &str) -> Option<Tags> {
    const SPACE: [char; 2] = [' ', '\t'];
    let mut rest = text.trim_matches(SPACE);
    if rest == "*" {
        return Some(Tags::Any);
    }
    let mut tags = vec![];
    loop {
        // A list may have empty elements.
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(Tags::Listed(tags)).filter(|_| !text.trim_matches([' ', '\t', ',']).is_empty());
        }
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |rest| (true, rest));
        let (opaque, behind) = quoted.strip_prefix('"')?.split_once('"')?;
        if !opaque.chars().all(|c| c == '!' || ('#'..='~').contains(&c) || c >= '\u{80}') || tags.len() == TAGS {
            return None;
        }
        tags.push(Tag { is_weak, opaque: opaque.to_owned() });
        rest = behind.trim_start_matches(SPACE);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Conditions, u16> {
        let mut request = Request::default();
        for (name, value) in [(IF_MATCH, if_match), (IF_NONE_MATCH, if_none_match)] {
            if let Some(value) = value {
                request.headers.insert(name, value.parse().expect("a header"));
            }
        }
        Conditions::read(&request).map_err(|problem| problem.status)
    }

    fn holds(if_match: Option<&str>, if_none_match: Option<&str>) -> [bool; 4] {
        let expected = conditions(if_match, if_none_match).expect("well-formed").expected();
        [0, 1, 2, 3].map(|version| expected.holds(version))
    }

    #[test]
    fn the_condition_on_the_desired_version_is_that_of_the_headers() {
        assert_eq!(holds(None, None), [true; 4]);
        assert_eq!(holds(Some("*"), None), [false, true, true, true]);
        assert_eq!(holds(Some("\"0\""), None), [true, false, false, false]);
        assert_eq!(holds(Some("\"1\", \"3\""), None), [false, true, false, true]);
        assert_eq!(holds(Some(" ,\"1\",,\t\"3-00c0ffee\" ,"), None), [false, true, false, true]);
        assert_eq!(holds(Some("W/\"3\", \"2\""), None), [false, false, true, false], "weak tags never match");
        for nothing in
            ["W/\"3\"", "\"03\"", "\"+3\"", "\"3,1\"", "\"3-x\"", "\"3-00C0FFEE\"", "\"\"", "\"abc\"", "\"ö\""]
        {
            assert_eq!(holds(Some(nothing), None), [false; 4], "{nothing}");
        }
        assert_eq!(holds(None, Some("*")), [true, false, false, false], "only if no configuration is desired");
        assert_eq!(
            holds(None, Some("W/\"3\", \"1\"")),
            [true, false, true, false],
            "If-None-Match compares weak tags, too"
        );
        assert_eq!(holds(Some("*"), Some("\"3\"")), [false, true, true, false], "both headers");
        assert_eq!(holds(Some("\"1\""), Some("*")), [false; 4]);
    }

    #[test]
    fn a_header_that_is_no_list_of_tags_is_refused() {
        for wrong in [
            "",
            " ",
            ",",
            "3",
            "three",
            "\"3",
            "3\"",
            "'3'",
            "\"1\" \"3\"",
            "*, \"3\"",
            "\"3\", *",
            "**",
            "w/\"3\"",
            "W/",
            "W/3",
            "\"a b\"",
            "\"1\";",
        ] {
            assert_eq!(conditions(Some(wrong), None), Err(400), "{wrong:?}");
            assert_eq!(conditions(None, Some(wrong)), Err(400), "{wrong:?}");
        }
        let many = vec!["\"1\""; TAGS + 1].join(",");
        assert_eq!(conditions(Some(&many), None), Err(400));
        assert!(conditions(Some(&many[4..]), None).is_ok());
    }

    #[test]
    fn a_read_is_answered_in_full_if_its_tag_is_another_one() {
        let settled = |if_match, if_none_match, tag: Option<&str>| {
            let answer = HttpAnswer::json(200, &1).with("cache-control", "no-store".to_owned());
            let answer = tag.into_iter().fold(answer, |answer, tag| answer.with("etag", tag.to_owned()));
            conditions(if_match, if_none_match).expect("well-formed").settle(answer)
        };
        let status = |if_match, if_none_match, tag| match settled(if_match, if_none_match, tag) {
            Ok(answer) => answer.status_code,
            Err(problem) => problem.status,
        };
        let tag = Some("\"3-00c0ffee\"");
        for (if_match, if_none_match, tag, expected) in [
            (None, None, tag, 200),
            (None, Some("\"3-00c0ffee\""), tag, 304),
            (None, Some("\"2\", W/\"3-00c0ffee\""), tag, 304),
            (None, Some("\"3\""), tag, 200),
            (None, Some("*"), tag, 304),
            (None, Some("*"), None, 304),
            (None, Some("\"3\""), None, 200),
            (Some("\"3\""), None, tag, 200),
            (Some("W/\"3\""), None, tag, 412),
            (Some("\"2\""), Some("*"), tag, 412),
            (Some("\"3\""), None, None, 412),
            (Some("*"), Some("*"), tag, 304),
        ] {
            assert_eq!(status(if_match, if_none_match, tag), expected, "{if_match:?} {if_none_match:?} {tag:?}");
        }
        let unchanged = settled(None, Some("*"), tag).expect("unchanged");
        assert_eq!(unchanged.body, None);
        assert_eq!(unchanged.headers.keys().copied().collect::<Vec<_>>(), ["cache-control", "etag"]);
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
pub(crate) mod on_every_route;
