//! Checks the headers of a request's body before it is read.

use crate::http::Request;
use rollcall_wire::console::{Problem, ProblemCode};

use crate::console::clip;

/// The media types of JSON and of a JSON Merge Patch (RFC 7396).
pub(crate) const JSON: &str = "application/json";
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// The content of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Nothing,
    Json,
    /// A JSON Merge Patch, under either media type.
    MergePatch,
}

impl Content {
    /// The media types that the body may have.
    pub(crate) fn types(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Json => &[JSON],
            Self::MergePatch => &[MERGE_PATCH, JSON],
        }
    }

    /// Refuses a body that would have to be read in another way, or not at all.
    pub(crate) fn check(self, request: &Request) -> Result<(), Problem> {
        let is_empty = request.body.as_ref().is_none_or(String::is_empty);
        if self == Self::Nothing {
            let refused = Problem::new(ProblemCode::InvalidBody, "this request must have no body");
            return if is_empty { Ok(()) } else { Err(refused) };
        }
        let header = |name: &str| {
            let lines = request.headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
            Some(lines.collect::<Vec<_>>().join(",")).filter(|_| request.headers.contains_key(name))
        };
        if let Some(given) = header("content-type").filter(|given| !self.is_type(given)) {
            return Err(unsupported("content-type", &self.types().join(" or "), &given));
        }
        if let Some(given) = header("content-encoding").filter(|given| !given.trim().eq_ignore_ascii_case("identity")) {
            return Err(unsupported("content-encoding", "identity or absent", &given));
        }
        if header("content-range").is_some() {
            // RFC 9110, section 14.5.
            let detail = "content-range: only the whole can be set, not a part of it";
            return Err(Problem::new(ProblemCode::InvalidParameter, detail));
        }
        Ok(())
    }

    /// Whether a `Content-Type` is one of these types, in UTF-8 (RFC 9110, section 8.3; RFC 8259, section 8.1).
    fn is_type(self, given: &str) -> bool {
        let mut parts = given.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default();
        let is_utf8 = |part: &str| match part.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            // JSON has no other parameters. Any others are ignored (RFC 8259, section 11).
            _ => true,
        };
        self.types().iter().any(|known| essence.eq_ignore_ascii_case(known)) && parts.all(is_utf8)
    }
}

fn unsupported(name: &str, must_be: &str, given: &str) -> Problem {
    let detail = format!("{name}: must be {must_be}, not {}", clip::value(given));
    Problem::new(ProblemCode::UnsupportedMediaType, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(content: Content, body: &str, headers: &[(&'static str, &str)]) -> Result<(), u16> {
        let mut request = Request { body: Some(body.to_owned()), ..Request::default() };
        for (name, value) in headers {
            request.headers.append(*name, value.parse().expect("a header"));
        }
        content.check(&request).map_err(|problem| problem.status)
    }

    #[test]
    fn a_body_is_json_in_utf_8_if_it_says_what_it_is() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json; ",
        ] {
            assert_eq!(status(Content::Json, "{}", &[("content-type", good)]), Ok(()), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/json,application/json",
            MERGE_PATCH,
        ] {
            assert_eq!(status(Content::Json, "{}", &[("content-type", bad)]), Err(415), "{bad}");
        }
        assert_eq!(status(Content::Json, "{}", &[]), Ok(()));
        for (patch, expected) in [(MERGE_PATCH, Ok(())), (JSON, Ok(())), ("application/json-patch+json", Err(415))] {
            assert_eq!(status(Content::MergePatch, "{}", &[("content-type", patch)]), expected, "{patch}");
        }
    }

    #[test]
    fn a_body_that_would_have_to_be_read_in_another_way_is_refused() {
        let encoded = |encoding| status(Content::Json, "{}", &[("content-encoding", encoding)]);
        assert_eq!([encoded("gzip"), encoded("identity, gzip"), encoded("identity")], [Err(415), Err(415), Ok(())]);
        assert_eq!(status(Content::Json, "{}", &[("content-range", "bytes 0-1/2")]), Err(400));
        assert_eq!([status(Content::Nothing, "{}", &[]), status(Content::Nothing, "", &[])], [Err(400), Ok(())]);
    }
}
