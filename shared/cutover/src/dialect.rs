//! A mapping that was checked: requests are heard, and answers made.

use std::fmt;

use http::{HeaderMap, HeaderValue, Method};
use rollcall_core::{NodeId, mac_address};
use rollcall_wire::{CommandResult, CommandStatus, Health};

use crate::answer::{Answer, ConfigNews, News};
use crate::check::Check;
use crate::mapping::{Mapping, NodeFormat};
use crate::path::Pattern;
use crate::place::Place;
use crate::reading::Reading;
use crate::template::Template;

/// How a legacy endpoint is spoken for.
#[derive(Debug)]
pub struct Dialect {
    mapping: Mapping,
    methods: Vec<Method>,
    pattern: Pattern,
    name: Template,
    status: Template,
    headers: Vec<(String, Template)>,
    body: Template,
    /// Whether a template asks for the configuration that the node runs already.
    uses_desired: bool,
}

/// What is wrong with a mapping: at least one line, each with the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Mistakes {}

/// A request, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, with its percent signs.
    pub path: &'a str,
    /// The query, without the question mark.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// What a node has said with a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Heard {
    /// The node.
    pub node: NodeId,
    /// What the node proves its identity with; `None` if the mapping names no place for it.
    pub credential: Option<String>,
    /// The firmware version that it runs.
    pub firmware: Option<String>,
    /// What it calls the configuration that it runs.
    pub config: Option<String>,
    /// How it is doing.
    pub health: Option<Health>,
    /// The result of a command.
    pub result: Option<CommandResult>,
}

/// Without the credential.
impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, credential, firmware, config, health, result } = self;
        f.debug_struct("Heard")
            .field("node", node)
            .field("has_credential", &credential.is_some())
            .field("firmware", firmware)
            .field("config", config)
            .field("health", health)
            .field("result", result)
            .finish()
    }
}

/// Why a check-in is not understood. It is passed on to the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There is nothing where the node's id should be.
    #[error("there is no node id in {0}")]
    NoNode(Place),
    /// The node's id is not one.
    #[error("{place}: {error}")]
    Node {
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        error: rollcall_core::InvalidId,
    },
    /// There is nothing where the credential should be.
    #[error("there is no credential in {0}")]
    NoCredential(Place),
}

impl Dialect {
    /// Checks a mapping, and tries its templates.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(mapping: Mapping) -> Result<Self, Mistakes> {
        let mut check = Check::default();
        check.application(&mapping.application);
        let (methods, pattern) = (check.methods(&mapping.request.methods), check.path(&mapping));
        let name = check.template("config.name", &mapping.config.name);
        let status = check.template("answer.status", &mapping.answer.status);
        let headers = check.headers(&mapping.answer.headers);
        let body = check.template("answer.body", &mapping.answer.body);
        match (pattern, name, status, headers, body) {
            (Some(pattern), Some(name), Some(status), Some(headers), Some(body)) if check.mistakes.is_empty() => {
                let of_desired = |name: &String| name == "desired" || name.starts_with("desired.");
                let uses = |template: &Template| template.names().iter().any(of_desired);
                let uses_desired = uses(&status) || uses(&body) || headers.iter().any(|(_, template)| uses(template));
                Self { mapping, methods, pattern, name, status, headers, body, uses_desired }.tried()
            }
            _ => Err(Mistakes(check.mistakes)),
        }
    }

    /// The mapping, with its templates tried on news of each kind. What a document has, only the application knows.
    fn tried(self) -> Result<Self, Mistakes> {
        let mut mistakes: Vec<_> = self
            .samples()
            .into_iter()
            .filter_map(|(kind, made)| Some(format!("{} (with {kind})", made.err()?)))
            .collect();
        mistakes.dedup();
        if mistakes.is_empty() { Ok(self) } else { Err(Mistakes(mistakes)) }
    }

    /// The mapping.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Whether an answer needs the desired configuration although the node runs it.
    pub fn uses_desired(&self) -> bool {
        self.uses_desired
    }

    /// What a node has said; `None` if the request is no check-in.
    ///
    /// # Errors
    /// If it is not clear which node has sent it.
    pub fn hear(&self, request: &Incoming<'_>) -> Result<Option<Heard>, Unreadable> {
        let Some(values) = self.pattern.values(request.path) else { return Ok(None) };
        if !self.methods.iter().any(|method| method.as_str() == request.method) {
            return Ok(None);
        }
        let reading = Reading::new(request, &values);
        let map = &self.mapping.request;
        let node = reading.value(&map.node).ok_or_else(|| Unreadable::NoNode(map.node.clone()))?;
        let node = match map.node_format {
            NodeFormat::AsIs => node,
            NodeFormat::Lower => node.to_lowercase(),
            NodeFormat::Mac => mac_address(&node).unwrap_or(node),
        };
        let node = node.parse().map_err(|error| Unreadable::Node { place: map.node.clone(), error })?;
        let credential = match &map.credential {
            None => None,
            Some(place) => Some(reading.value(place).ok_or_else(|| Unreadable::NoCredential(place.clone()))?),
        };
        let of = |place: &Option<Place>| place.as_ref().and_then(|place| reading.value(place));
        let number = |place: &Option<Place>| of(place).and_then(|text| text.trim().parse::<u64>().ok());
        let small = |place: &Option<Place>| number(place).and_then(|number| number.try_into().ok());
        let health = Health {
            uptime_s: number(&map.health.uptime_s),
            load_percent: small(&map.health.load_percent),
            memory_free_kib: number(&map.health.memory_free_kib),
            clients: small(&map.health.clients),
        };
        let result = map.result.as_ref().and_then(|map| {
            let status = reading.value(&map.status)?;
            let is_done = map.done.contains(&status);
            Some(CommandResult {
                command: reading.value(&map.command)?.trim().parse().ok().filter(|number| *number > 0)?,
                status: if is_done { CommandStatus::Done } else { CommandStatus::Failed },
                output: of(&map.output),
            })
        });
        Ok(Some(Heard {
            node,
            credential,
            firmware: of(&map.firmware),
            config: of(&map.config),
            health: Some(health).filter(|health| *health != Health::default()),
            result,
        }))
    }

    /// What the endpoint calls a configuration.
    ///
    /// # Errors
    /// If the template makes nothing of it.
    pub fn name_of(&self, config: &ConfigNews) -> Result<String, String> {
        #[derive(serde::Serialize)]
        struct Of<'a> {
            config: &'a ConfigNews,
        }
        let name = self.name.make(&Of { config }).map_err(|error| format!("config.name: {error}"))?;
        Ok(name.trim().to_owned())
    }

    /// The answer to a node that has these news.
    ///
    /// # Errors
    /// If a template makes no part of an answer of them.
    pub fn answer(&self, news: &News) -> Result<Answer, String> {
        self.made(|template| template.make(news))
    }

    /// An answer to news of each kind, for who writes a mapping.
    pub fn samples(&self) -> Vec<(&'static str, Result<Answer, String>)> {
        let made = |news: &News| self.made(|template| template.make_of_sample(news));
        News::samples().iter().map(|(kind, news)| (*kind, made(news))).collect()
    }

    fn made(&self, fill: impl Fn(&Template) -> Result<String, String>) -> Result<Answer, String> {
        let made = |field: &str, template: &Template| fill(template).map_err(|error| format!("{field}: {error}"));
        let status = made("answer.status", &self.status)?;
        let status = status.trim().parse().ok().filter(|status| (200..=599).contains(status));
        let status = status.ok_or("answer.status: must be a number from 200 to 599")?;
        let mut headers = vec![];
        for (name, template) in &self.headers {
            let value = made(&format!("answer.headers.{name}"), template)?;
            let value = value.trim();
            if HeaderValue::from_str(value).is_err() {
                return Err(format!("answer.headers.{name}: makes more than one line"));
            }
            if !value.is_empty() {
                headers.push((name.clone(), value.to_owned()));
            }
        }
        Ok(Answer { status, headers, body: made("answer.body", &self.body)?.into_bytes() })
    }
}

#[cfg(test)]
#[path = "dialect_tests.rs"]
mod tests;
