//! Whether something stays on this machine.

use std::net::IpAddr;

use http::Uri;

/// Whether what is sent to this URL never leaves this machine. Names other than `localhost` may mean anything tomorrow.
pub(crate) fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    url.scheme_str() == Some("http") && (address || host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_to_this_machine_is_loopback() {
        for (text, loopback) in [
            ("http://127.0.0.1:8788", true),
            ("http://127.8.0.1/prefix/", true),
            ("http://[::1]:8788", true),
            ("http://LOCALHOST", true),
            ("https://127.0.0.1", false),
            ("http://127.0.0.1.example.com", false),
            ("http://127.0.0.1@example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
            ("http://0.0.0.0", false),
            ("http://[::ffff:10.0.0.1]", false),
        ] {
            let url = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(is_loopback(&url), loopback, "{text}");
        }
    }
}
