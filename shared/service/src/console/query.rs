//! Reads the query of a request.
//!
//! The query is read from the text that was sent. API Gateway also passes it on as a map, but joins repeated names with
//! commas, and `aws_lambda_events` then splits every value at its commas (payload format 2.0): `site=a,b` would become
//! the site `a`.

use percent_encoding::percent_decode_str;
use rollcall_wire::console::{Problem, ProblemCode};

use crate::console::clip;

/// The parameters of a request. Each is there once, and none is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the parameters of a request that may have some of these. Any other parameter is refused by name, since its
    /// sender expects it to have an effect.
    pub(crate) fn read(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, Problem> {
        let mut read = Self::default();
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            let wrong = |what: &str| Err(invalid(format!("{}: {what}", clip::value(&name))));
            if !known(&name) {
                return wrong("this request has no such parameter");
            }
            if read.get(&name).is_some() {
                return wrong("the parameter is there twice");
            }
            if value.is_empty() {
                return wrong("the parameter is empty");
            }
            read.0.push((name, value));
        }
        Ok(read)
    }

    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Decodes text that is encoded as forms are (WHATWG URL, section 5): a `+` is a space. Text that is not UTF-8 is
/// refused.
fn decoded(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned);
    decoded.map_err(|_| invalid(format!("{}: a parameter must be UTF-8", clip::value(text))))
}

fn invalid(detail: String) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Query, String> {
        Query::read(text, |name| matches!(name, "site" | "limit")).map_err(|problem| problem.detail)
    }

    #[test]
    fn a_value_is_what_was_sent() {
        for (text, site) in [
            ("site=hq", Some("hq")),
            ("site=a,b", Some("a,b")),
            ("site=a%2Cb&limit=1", Some("a,b")),
            ("&&site=a=b&", Some("a=b")),
            ("s%69te=a+b", Some("a b")),
            ("site=%252F", Some("%2F")),
            ("limit=1", None),
            ("", None),
        ] {
            assert_eq!(
                read(text).map(|query| query.get("site").map(str::to_owned)),
                Ok(site.map(str::to_owned)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_parameter_that_is_unknown_repeated_empty_or_no_text_is_refused_by_name() {
        for (text, named) in [
            ("tag=roof", "tag: "),
            ("site=hq&colour=red", "colour: "),
            ("Site=hq", "Site: "),
            ("=hq", ": "),
            ("site=a&site=b", "site: "),
            ("site=a&limit=1&site=a", "site: "),
            ("site", "site: "),
            ("limit=", "limit: "),
            ("site=%ff", "%ff: "),
            ("%ff=1", "%ff: "),
        ] {
            let detail = read(text).expect_err(text);
            assert!(detail.starts_with(named), "{text}: {detail}");
        }
        assert!(read(&format!("{}=1", "x".repeat(9_000))).expect_err("unknown").len() < 200);
    }
}
