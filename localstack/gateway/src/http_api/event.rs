//! The event of an HTTP API, payload format 2.0 ("Create AWS Lambda proxy integrations for HTTP APIs").

use std::{collections::BTreeMap, net::SocketAddr, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, USER_AGENT},
    request::Parts,
};
use serde::Serialize;

use super::routes::Selected;
use crate::{
    assumed::http_api as assumed,
    config::{ACCOUNT_ID, API_ID},
    event::{epoch_ms, json, request_time},
    request::{front_end_headers, is_nominated, query, text},
};

type Values = BTreeMap<String, String>;

/// The parts of which an event is made.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) at: SystemTime,
    pub(crate) peer: SocketAddr,
    pub(crate) request_id: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) domain_name: &'a str,
    pub(crate) parts: &'a Parts,
    pub(crate) body: &'a Bytes,
}

impl Arrival<'_> {
    /// The event for the function of the route that was selected.
    pub(crate) fn event(&self, selected: &Selected<'_>) -> Bytes {
        let (method, uri) = (self.parts.method.as_str(), &self.parts.uri);
        let path = assumed::path_text(uri.path());
        let (body, is_base64_encoded) = self.body();
        json(&Event {
            version: "2.0",
            route_key: selected.key,
            raw_path: &path,
            raw_query_string: uri.query().unwrap_or(""),
            cookies: cookies(&self.parts.headers),
            headers: self.headers(),
            query_string_parameters: joined(query(uri)),
            request_context: Context {
                account_id: ACCOUNT_ID,
                api_id: API_ID,
                domain_name: self.domain_name,
                // In AWS's own domain names it is the first label. An address has no such label.
                domain_prefix: API_ID,
                http: Http {
                    method,
                    path: &path,
                    protocol: format!("{:?}", self.parts.version),
                    source_ip: self.peer.ip().to_string(),
                    user_agent: self.parts.headers.get(USER_AGENT).map_or_else(String::new, text),
                },
                request_id: self.request_id,
                route_key: selected.key,
                stage: self.stage,
                time: request_time(self.at),
                time_epoch: epoch_ms(self.at),
            },
            path_parameters: &selected.path_parameters,
            body,
            is_base64_encoded,
        })
    }

    /// The headers under lower-case names. As in AWS, the front end adds some, and `content-length` is that of the
    /// whole body, even if it came in chunks.
    fn headers(&self) -> Values {
        let mut headers = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in &self.parts.headers {
            let one_hop = assumed::is_hop_header(name.as_str()) || is_nominated(&self.parts.headers, name.as_str());
            if name != COOKIE && !one_hop {
                headers.entry(name.as_str().to_owned()).or_default().push(text(value));
            }
        }
        for (name, value) in front_end_headers(self.at, self.peer) {
            headers.insert(name.to_ascii_lowercase(), vec![value]);
        }
        headers.insert(CONTENT_LENGTH.as_str().to_owned(), vec![self.body.len().to_string()]);
        joined(headers)
    }

    /// The body, and whether it is in base64.
    fn body(&self) -> (Option<String>, bool) {
        if self.body.is_empty() {
            return (None, false);
        }
        let content_type = self.parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match str::from_utf8(self.body) {
            Ok(text) if assumed::is_text(content_type) => (Some(text.to_owned()), false),
            _ => (Some(STANDARD.encode(self.body)), true),
        }
    }
}

fn joined(values: BTreeMap<String, Vec<String>>) -> Values {
    values.into_iter().map(|(name, values)| (name, values.join(","))).collect()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(COOKIE).iter().map(text).collect::<Vec<_>>();
    let cookies = lines.iter().flat_map(|line| line.split(';')).map(str::trim);
    cookies.filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: Values,
    #[serde(skip_serializing_if = "Values::is_empty")]
    query_string_parameters: Values,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Values::is_empty")]
    path_parameters: &'a Values,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: String,
    source_ip: String,
    user_agent: String,
}
