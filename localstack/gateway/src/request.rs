//! A request's headers and query string, as events show them.

use std::{collections::BTreeMap, net::SocketAddr, time::SystemTime};

use http::{
    HeaderMap, HeaderValue, Uri,
    header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL},
};

use crate::{assumed, event, ids};

/// The parts of a handshake request that are kept until the handshake is decided.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) at: SystemTime,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) multi_value_headers: BTreeMap<String, Vec<String>>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) multi_value_query: BTreeMap<String, Vec<String>>,
}

impl Arrival {
    pub(crate) fn new(at: SystemTime, peer: SocketAddr, headers: &HeaderMap, uri: &Uri) -> Self {
        let mut multi_value_headers = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in headers {
            if !assumed::is_hop_header(name.as_str()) && !is_nominated(headers, name.as_str()) {
                multi_value_headers.entry(assumed::header_name(name.as_str())).or_default().push(text(value));
            }
        }
        for (name, value) in front_end_headers(at, peer) {
            multi_value_headers.insert(name.to_owned(), vec![value]);
        }
        let multi_value_query = query(uri);
        let mut single = last_values(&multi_value_headers);
        // The subprotocols may be spread over several lines (RFC 6455, section 11.3.4). They are joined here, because
        // `headers` otherwise has only the last line.
        let protocol = assumed::header_name(SEC_WEBSOCKET_PROTOCOL.as_str());
        if let Some(lines) = multi_value_headers.get(&protocol) {
            single.insert(protocol, lines.join(", "));
        }
        Self { at, headers: single, multi_value_headers, query: last_values(&multi_value_query), multi_value_query }
    }

    /// Whether an identity source (`route.request.header.NAME`, `route.request.querystring.NAME`) has a value.
    pub(crate) fn has(&self, source: &str) -> bool {
        let value = if let Some(name) = source.strip_prefix("route.request.header.") {
            self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        } else if let Some(name) = source.strip_prefix("route.request.querystring.") {
            self.query.get(name)
        } else {
            None
        };
        value.is_some_and(|value| !value.is_empty())
    }
}

/// Whether the `Connection` header of a message marks this header as for one hop (RFC 9110, section 7.6.1).
pub(crate) fn is_nominated(headers: &HeaderMap, name: &str) -> bool {
    let lines = headers.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case(name))
}

/// The headers that AWS's front end adds. They say TLS, as on AWS, although clients connect here without it.
pub(crate) fn front_end_headers(at: SystemTime, peer: SocketAddr) -> [(&'static str, String); 4] {
    [
        ("X-Amzn-Trace-Id", ids::trace(event::epoch_ms(at) / 1000)),
        ("X-Forwarded-For", peer.ip().to_string()),
        ("X-Forwarded-Port", "443".to_owned()),
        ("X-Forwarded-Proto", "https".to_owned()),
    ]
}

/// The decoded query string: all values of every name, in their order.
pub(crate) fn query(uri: &Uri) -> BTreeMap<String, Vec<String>> {
    let mut values = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
        values.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    values
}

fn last_values(multi: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    multi.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.clone()))).collect()
}

/// The value of a header. Bytes that are not UTF-8 are replaced.
pub(crate) fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
