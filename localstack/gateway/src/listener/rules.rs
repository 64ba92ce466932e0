//! The rules of RFC 9110 and RFC 9112 for every request.

use std::net::IpAddr;

use http::{
    HeaderMap, HeaderValue, StatusCode, Uri, Version,
    header::{EXPECT, HOST, ORIGIN, TRANSFER_ENCODING},
    request::Parts,
    uri::Authority,
};

/// A status and its text.
pub(crate) type Refused = (StatusCode, &'static str);

const BAD_HOST: Refused = (StatusCode::BAD_REQUEST, "Bad Request");
const UNKNOWN_CODING: Refused = (StatusCode::NOT_IMPLEMENTED, "Not Implemented");
const UNKNOWN_EXPECTATION: Refused = (StatusCode::EXPECTATION_FAILED, "Expectation Failed");

/// The refusal of a request that breaks a rule.
///
/// A target in absolute form replaces the `Host` header (RFC 9112, section 3.2.2).
pub(crate) fn refused(request: &mut Parts) -> Option<Refused> {
    if !has_one_host(request) {
        return Some(BAD_HOST);
    }
    if request.uri.scheme().is_some()
        && let Some(authority) = request.uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers.insert(HOST, host);
    }
    let headers = &request.headers;
    let codings = headers.get_all(TRANSFER_ENCODING);
    if codings.iter().count() > 1 || codings.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some(UNKNOWN_CODING);
    }
    let known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if request.version >= Version::HTTP_11 && !headers.get_all(EXPECT).iter().all(known) {
        return Some(UNKNOWN_EXPECTATION);
    }
    None
}

/// Whether the request has exactly one valid `Host` (RFC 9112, section 3.2). Before HTTP/1.1 it may have none.
fn has_one_host(request: &Parts) -> bool {
    let mut hosts = request.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version < Version::HTTP_11,
        (Some(host), None) => is_host(host.as_bytes()),
        _ => false,
    }
}

/// Whether this is `uri-host [ ":" port ]`. The name may be empty.
fn is_host(host: &[u8]) -> bool {
    let Ok(host) = str::from_utf8(host) else {
        return false;
    };
    let name = host.strip_prefix(':').map_or(host, |_| "");
    let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or("", |(_, port)| port);
    let no_user = !host.contains('@');
    no_user && port.bytes().all(|byte| byte.is_ascii_digit()) && (name.is_empty() || name.parse::<Authority>().is_ok())
}

/// Whether a request may come from a web page. A page can make a browser send requests to loopback addresses, and the
/// owner of the page can make a domain name resolve to one (DNS rebinding). So a server for this machine alone must
/// refuse a request that has an `Origin`, or a `Host` that is not this machine's.
pub fn is_stranger(headers: &HeaderMap, uri: &Uri) -> bool {
    let hosts = headers.get_all(HOST).iter().map(|host| str::from_utf8(host.as_bytes()).unwrap_or_default());
    let target = uri.scheme().and(uri.authority()).map(Authority::as_str);
    headers.contains_key(ORIGIN) || !hosts.chain(target).all(is_loopback)
}

/// Whether a `Host` is `localhost` or a loopback address.
pub fn is_loopback(host: &str) -> bool {
    let name = without_port(host);
    name.eq_ignore_ascii_case("localhost") || address(name).is_some_and(|address| address.is_loopback())
}

/// Whether a `Host` is an address, or a name under which no page on the web can be served: `localhost`, or the name of
/// this machine in the containers of functions.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let name = without_port(host);
    is_loopback(host) || address(name).is_some() || name.eq_ignore_ascii_case("host.docker.internal")
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn address(name: &str) -> Option<IpAddr> {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse().ok().filter(IpAddr::is_ipv6),
        None => name.parse().ok().filter(IpAddr::is_ipv4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in ["x", "", ":80", "example.com", "127.0.0.1:8787", "[::1]", "[::1]:80", "a_b:"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in ["a b", "a/b", "u@a", "a:b", "a:80:80", "[::1", "a?b", "a#b", "http://a", "\u{e9}"] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
        assert!(!is_host(b"\xff"));
    }

    #[test]
    fn names_that_only_begin_or_end_like_loopback_are_not_this_machine() {
        for host in ["127.0.0.1", "127.0.0.1:1", "127.9.9.9", "localhost", "LocalHost:80", "[::1]:80", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "::1",
            "[127.0.0.1]",
            "2130706433",
            "localhost:80@evil",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
        assert!(is_this_machine("172.30.87.1:8787") && is_this_machine("host.docker.internal:8787"));
        assert!(!is_this_machine("evil.example") && !is_this_machine("host.docker.internal.evil.example"));
    }
}
