//! Checking a mapping: everything that is wrong with it is told at once.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use http::{HeaderName, Method};
use url::Url;

use crate::hop::is_hop;
use crate::mapping::{Application, Mapping};
use crate::path::Pattern;
use crate::place::Place;
use crate::template::Template;

/// How long the endpoint may take to answer, in seconds: API Gateway gives up after 30.
const TIMEOUTS_S: RangeInclusive<u32> = 1..=25;

/// What was found wrong with a mapping so far.
#[derive(Debug, Default)]
pub(crate) struct Check {
    pub(crate) mistakes: Vec<String>,
}

impl Check {
    fn wrong(&mut self, field: &str, error: impl fmt::Display) {
        self.mistakes.push(format!("{field}: {error}"));
    }

    pub(crate) fn application(&mut self, application: &Application) {
        if let Err(error) = url(&application.url) {
            self.wrong("application.url", error);
        }
        if !TIMEOUTS_S.contains(&application.timeout_s) {
            self.wrong("application.timeout_s", format!("must be from {} to {}", TIMEOUTS_S.start(), TIMEOUTS_S.end()));
        }
    }

    pub(crate) fn methods(&mut self, methods: &[String]) -> Vec<Method> {
        if methods.is_empty() {
            self.wrong("request.methods", "must have at least one method");
        }
        let read: Result<Vec<Method>, _> = methods.iter().map(|method| method.parse()).collect();
        if read.is_err() {
            self.wrong("request.methods", "must be names of methods, such as GET");
        }
        read.unwrap_or_default()
    }

    /// The path, which must have the variables that places name.
    pub(crate) fn path(&mut self, mapping: &Mapping) -> Option<Pattern> {
        let path = &mapping.request.path;
        let pattern = Pattern::read(path).map_err(|error| self.wrong("request.path", error)).ok()?;
        for (field, place) in places(mapping) {
            if let Place::Path(name) = place
                && !pattern.has(name)
            {
                self.wrong(field, format!("the path {path:?} has no {{{name}}}"));
            }
        }
        Some(pattern)
    }

    /// A template, which must use no names but those that there are.
    pub(crate) fn template(&mut self, field: &str, source: &str) -> Option<Template> {
        let template = Template::read(source).map_err(|error| self.wrong(field, error)).ok()?;
        for name in template.names() {
            if !is_known(&name) {
                self.wrong(field, format!("there is no {name}"));
            }
        }
        Some(template)
    }

    /// The templates of headers, by their names in lower case.
    pub(crate) fn headers(&mut self, headers: &BTreeMap<String, String>) -> Option<Vec<(String, Template)>> {
        let mut templates = vec![];
        for (name, source) in headers {
            let name = name.to_ascii_lowercase();
            if name.parse::<HeaderName>().is_err() {
                self.wrong("answer.headers", format!("{name:?} is not the name of a header"));
                continue;
            }
            let field = format!("answer.headers.{name}");
            if is_hop(&name) {
                self.wrong(&field, "an answer can't have this header");
            }
            if headers.keys().filter(|other| other.eq_ignore_ascii_case(&name)).count() > 1 {
                self.wrong(&field, "it is there twice");
            }
            templates.push(self.template(&field, source).map(|template| (name, template)));
        }
        templates.into_iter().collect()
    }
}

/// Whether templates may use a name: it is there, or below something of which only the application knows what it has.
fn is_known(name: &str) -> bool {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let known: &[&str] = match first {
        "config" | "desired" => &["version", "sha256", "text", "document"],
        "command" => &["number", "name", "args"],
        "firmware" => &["version", "url", "size", "sha256", "signature"],
        "node" | "unchanged" | "next_check_in_s" | "now_s" => &[],
        // Functions of the language.
        "range" | "dict" | "namespace" | "debug" => return rest.is_empty(),
        _ => return false,
    };
    let (second, third) = rest.split_once('.').unwrap_or((rest, ""));
    second.is_empty() || (known.contains(&second) && (third.is_empty() || matches!(second, "document" | "args")))
}

/// Every place that a mapping names, with its field.
fn places(mapping: &Mapping) -> Vec<(&'static str, &Place)> {
    let map = &mapping.request;
    let result = map.result.as_ref();
    let optional = [
        ("request.credential", map.credential.as_ref()),
        ("request.firmware", map.firmware.as_ref()),
        ("request.config", map.config.as_ref()),
        ("request.health.uptime_s", map.health.uptime_s.as_ref()),
        ("request.health.load_percent", map.health.load_percent.as_ref()),
        ("request.health.memory_free_kib", map.health.memory_free_kib.as_ref()),
        ("request.health.clients", map.health.clients.as_ref()),
        ("request.result.command", result.map(|result| &result.command)),
        ("request.result.status", result.map(|result| &result.status)),
        ("request.result.output", result.and_then(|result| result.output.as_ref())),
    ];
    let optional = optional.into_iter().filter_map(|(field, place)| Some((field, place?)));
    [("request.node", &map.node)].into_iter().chain(optional).collect()
}

fn url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no user and no password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment".to_owned());
    }
    Ok(())
}
