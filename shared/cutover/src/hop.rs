//! Headers that are not passed on.

/// Whether a header is for one connection (RFC 9110, section 7.6.1), or says how long the body is, which whoever sends it
/// does. `name`: in lower case.
pub fn is_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}
