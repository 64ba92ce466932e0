//! The selection of the route for a request ("Create routes for HTTP APIs in API Gateway").

use std::collections::BTreeMap;

use http::Method;

use super::config::{DEFAULT_STAGE, HttpConfig};
use crate::assumed::http_api as assumed;

const DEFAULT: &str = "$default";

/// One segment of a route's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This text.
    Literal(String),
    /// `{name}`: one segment.
    Variable(String),
    /// `{name+}`: the rest of the path.
    Greedy(String),
}

/// All routes of an API.
#[derive(Debug)]
pub(crate) struct Routes {
    /// The beginning of every path: the stage, or nothing.
    prefix: String,
    /// The routes but `$default`, the most specific one first.
    keyed: Vec<Route>,
    default: Option<String>,
}

#[derive(Debug)]
struct Route {
    key: String,
    /// `None` for `ANY`.
    method: Option<Method>,
    path: Vec<Segment>,
    function: String,
}

/// The route that a request takes.
#[derive(Debug)]
pub(crate) struct Selected<'a> {
    pub(crate) key: &'a str,
    pub(crate) function: &'a str,
    /// The decoded values of the path variables.
    pub(crate) path_parameters: BTreeMap<String, String>,
}

impl Routes {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let prefix = if config.stage == DEFAULT_STAGE { String::new() } else { format!("/{}", config.stage) };
        let mut routes = Self { prefix, keyed: Vec::new(), default: None };
        for route in &config.routes {
            if route.key == DEFAULT {
                routes.default.get_or_insert_with(|| route.function.clone());
            } else if let Some(route) = Route::parse(&route.key, &route.function) {
                routes.keyed.push(route);
            } else {
                tracing::warn!(key = route.key, "not a route key: the route is never matched");
            }
        }
        routes.keyed.sort_by_cached_key(|route| assumed::preference(&route.path, route.method.is_none()));
        routes
    }

    /// The most specific route for a path that is still percent-encoded. `None` if no route matches, if the path is not
    /// in the stage, or if the target is not a path, as with `CONNECT`.
    pub(crate) fn select(&self, method: &Method, path: &str) -> Option<Selected<'_>> {
        let path = path.strip_prefix(&self.prefix)?;
        // The URL of the stage itself may lack the slash at its end.
        let path = if path.is_empty() && !self.prefix.is_empty() { "" } else { path.strip_prefix('/')? };
        let keyed = self.keyed.iter().find_map(|route| {
            let path_parameters = route.matched(method, path)?;
            Some(Selected { key: &route.key, function: &route.function, path_parameters })
        });
        keyed.or_else(|| {
            let function = self.default.as_deref()?;
            Some(Selected { key: DEFAULT, function, path_parameters: BTreeMap::new() })
        })
    }
}

impl Route {
    fn parse(key: &str, function: &str) -> Option<Self> {
        let (method, path) = key.split_once(' ')?;
        let method = if method == "ANY" { None } else { Some(method.parse().ok()?) };
        let path = path.strip_prefix('/')?.split('/').map(Segment::parse).collect::<Option<Vec<_>>>()?;
        let (_, before_last) = path.split_last()?;
        if before_last.iter().any(|segment| matches!(segment, Segment::Greedy(_))) {
            return None;
        }
        Some(Self { key: key.to_owned(), method, path, function: function.to_owned() })
    }

    /// The values of the path variables, if the route matches this method and path.
    fn matched(&self, method: &Method, path: &str) -> Option<BTreeMap<String, String>> {
        if self.method.as_ref().is_some_and(|own| own != method) {
            return None;
        }
        let mut values = BTreeMap::new();
        let mut rest = Some(path);
        for segment in &self.path {
            let left = rest?;
            let (first, after) = left.split_once('/').map_or((left, None), |(first, after)| (first, Some(after)));
            rest = after;
            match segment {
                Segment::Literal(text) if *text == assumed::path_text(first) => {}
                Segment::Variable(name) if assumed::EMPTY_VARIABLES || !first.is_empty() => {
                    values.insert(name.clone(), assumed::path_text(first));
                }
                Segment::Greedy(name) => {
                    values.insert(name.clone(), assumed::path_text(left));
                    return Some(values);
                }
                Segment::Literal(_) | Segment::Variable(_) => return None,
            }
        }
        rest.is_none().then_some(values)
    }
}

impl Segment {
    fn parse(text: &str) -> Option<Self> {
        let Some(name) = text.strip_prefix('{') else {
            return (!text.contains(['{', '}'])).then(|| Self::Literal(text.to_owned()));
        };
        let name = name.strip_suffix('}')?;
        let (name, greedy) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        if name.is_empty() || name.contains(['{', '}', '+']) {
            return None;
        }
        Some(if greedy { Self::Greedy(name.to_owned()) } else { Self::Variable(name.to_owned()) })
    }
}
