//! The URLs that events may be sent to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::future::BoxFuture;
use http::Uri;
use rollcall_core::{LINK_LOCAL, refused_address};

/// The longest URL, in bytes.
const URL_BYTES: usize = 1024;

/// Finds the addresses of a host name.
pub type Resolver = Box<dyn Fn(&str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Whether events may be sent to addresses that are not public. None is ever sent to a link-local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PrivateAddresses {
    Allowed,
    Refused,
}

impl PrivateAddresses {
    /// Why no event is sent to this address.
    fn refuse(self, address: IpAddr) -> Option<&'static str> {
        refused_address(address).filter(|what| self == Self::Refused || *what == LINK_LOCAL)
    }
}

/// A URL that events may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether the connection is encrypted.
    pub is_https: bool,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The path, with the query if there is one.
    pub path: String,
    /// The value of the header `host`.
    pub authority: String,
}

/// A host of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Host {
    Name(String),
    Address(IpAddr),
}

/// Why no event is sent to a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is no URL, or too long.
    #[error("must be a URL of at most {URL_BYTES} bytes of visible ASCII, such as https://app.example.com/events")]
    NoUrl,
    /// It is for another protocol.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// It has a user name or a password.
    #[error("must have no user name and no password: events are signed, see webhook-signature")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("must have no fragment (#…)")]
    Fragment,
    /// It has a host that is neither a name nor an address in the usual form.
    #[error("{0:?} is no host name, and no address in its usual form (192.0.2.1 or [2001:db8::1])")]
    Host(String),
    /// The host is an address that is not public.
    #[error("{0} is {1}: no event is sent there")]
    Address(IpAddr, &'static str),
    /// The host's name leads to an address that is not public.
    #[error("{0} leads to {1}, which is {2}: no event is sent there")]
    LeadsTo(String, IpAddr, &'static str),
    /// The host's name leads nowhere.
    #[error("the name {0} can't be resolved")]
    Unresolved(String),
}

impl Target {
    /// Reads a URL. Its host is checked if it is an address; a name must be [checked](Self::addresses) whenever
    /// something is sent there.
    ///
    /// # Errors
    /// Why nothing is sent there.
    pub fn read(url: &str, private: PrivateAddresses) -> Result<Self, InvalidUrl> {
        if url.len() > URL_BYTES || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidUrl::NoUrl);
        }
        let lower = url.to_ascii_lowercase();
        if !lower.starts_with("http://") && !lower.starts_with("https://") {
            return Err(InvalidUrl::Scheme);
        }
        // A backslash is a slash for some clients, and part of the host for others.
        if url.contains('\\') {
            return Err(InvalidUrl::NoUrl);
        }
        if url.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        let uri: Uri = url.parse().map_err(|_| InvalidUrl::NoUrl)?;
        let authority = uri.authority().ok_or(InvalidUrl::NoUrl)?;
        if authority.as_str().contains('@') {
            return Err(InvalidUrl::Credentials);
        }
        let host = Host::read(authority.host())?;
        if let Host::Address(address) = &host
            && let Some(what) = private.refuse(*address)
        {
            return Err(InvalidUrl::Address(*address, what));
        }
        let is_https = uri.scheme_str() == Some("https");
        // A port that is there and can't be read is not left out.
        let port = match authority.as_str().strip_prefix(authority.host()).unwrap_or_default() {
            "" | ":" => {
                if is_https {
                    443
                } else {
                    80
                }
            }
            _ => authority.port_u16().filter(|port| *port > 0).ok_or(InvalidUrl::NoUrl)?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { is_https, host, port, path, authority: authority.as_str().to_owned() })
    }

    /// The addresses of the host. All of them are checked, and only to these may a connection be opened: a second
    /// lookup may have another answer.
    ///
    /// # Errors
    /// If there is none, or one of them may not be sent anything.
    pub async fn addresses(&self, resolver: &Resolver, private: PrivateAddresses) -> Result<Vec<IpAddr>, InvalidUrl> {
        let name = match &self.host {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name) => name,
        };
        let addresses = resolver(name).await.unwrap_or_default();
        if addresses.is_empty() {
            return Err(InvalidUrl::Unresolved(name.clone()));
        }
        for address in &addresses {
            if let Some(what) = private.refuse(*address) {
                return Err(InvalidUrl::LeadsTo(name.clone(), *address, what));
            }
        }
        Ok(addresses)
    }
}

impl Host {
    fn read(text: &str) -> Result<Self, InvalidUrl> {
        let no_host = || InvalidUrl::Host(text.chars().take(253).collect());
        if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return inside.parse::<Ipv6Addr>().map(|address| Self::Address(address.into())).map_err(|_| no_host());
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        // A name whose last label is a number is read as an address by some: 2130706433, 0x7f.1, 0177.0.0.1 (URL
        // Standard, "ends in a number checker").
        let last = labels().next_back().unwrap_or_default();
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
            || last
                .to_ascii_lowercase()
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if text.len() > 253 || is_number || !labels().all(is_label) {
            return Err(no_host());
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> Option<InvalidUrl> {
        Target::read(url, PrivateAddresses::Refused).err()
    }

    #[test]
    fn a_url_is_read_with_its_port_and_path() {
        let read = |url| Target::read(url, PrivateAddresses::Refused).map(|t| (t.is_https, t.host, t.port, t.path));
        let name = || Host::Name("app.example.com".to_owned());
        assert_eq!(read("https://App.example.com"), Ok((true, name(), 443, "/".to_owned())));
        assert_eq!(read("http://app.example.com:8080/a?b=c"), Ok((false, name(), 8080, "/a?b=c".to_owned())));
        assert_eq!(read("HTTPS://1.1.1.1/"), Ok((true, Host::Address([1, 1, 1, 1].into()), 443, "/".to_owned())));
        assert!(refused("https://[2606:4700::1111]:8443/x").is_none());
    }

    #[test]
    fn what_is_no_url_for_events_is_refused_and_said_why() {
        for (url, why) in [
            ("", "http://"),
            ("app.example.com", "http://"),
            ("ftp://a.test/", "http://"),
            ("file:///etc/passwd", "http://"),
            ("https://user:pass@a.test/", "password"),
            ("https://user@a.test/", "password"),
            ("https://a.test/#x", "#"),
            ("https://a.test\\@b.test/", "URL"),
            ("https://a b.test/", "URL"),
            ("https:///x", "URL"),
            ("https://a.test:99999/", "URL"),
            ("https://a.test:0/", "URL"),
            ("https://ä.test/", "URL"),
            ("https://a..b/", "host"),
            ("https://%31.test/", "URL"),
            ("https://[fe80::1%25eth0]/", ""),
        ] {
            let text = refused(url).map_or_else(|| panic!("{url} is taken"), |error| error.to_string());
            assert!(text.contains(why), "{url}: {text}");
        }
        assert!(refused(&format!("https://a.test/{}", "x".repeat(1024))).is_some());
    }

    #[test]
    fn a_private_address_is_refused_however_it_is_spelled() {
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://0.0.0.0/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://017700000001/",
            "http://127.0.0.1./",
            "http://10.0.0.1/",
            "http://100.64.0.1/",
            "http://[fd00:ec2::254]/",
            "http://[fe80::1]/",
            "http://224.0.0.1/",
            "http://[ff02::1]/",
            "http://1.2.3.0x4/",
            "http://127.0.0.0x1/",
            "http://00000177.0.0.1/",
        ] {
            assert!(refused(url).is_some(), "{url} is taken");
        }
        assert!(Target::read("http://127.0.0.1:9/", PrivateAddresses::Allowed).is_ok());
        for metadata in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:169.254.1.2]/"] {
            assert!(Target::read(metadata, PrivateAddresses::Allowed).is_err(), "{metadata} is taken");
        }
        assert!(
            Target::read("http://2130706433/", PrivateAddresses::Allowed).is_err(),
            "even where it would be allowed"
        );
    }

    #[test]
    fn a_name_is_refused_if_one_of_its_addresses_is_private() {
        use futures_util::FutureExt as _;
        let resolver = |addresses: &[&str]| -> Resolver {
            let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
            Box::new(move |_| Box::pin(std::future::ready(Ok(addresses.clone()))))
        };
        let target = Target::read("https://a.test/", PrivateAddresses::Refused).expect("a URL");
        let found = |addresses, private| target.addresses(&resolver(addresses), private).now_or_never().expect("now");
        assert!(found(&["1.1.1.1", "2606:4700::1111"], PrivateAddresses::Refused).is_ok());
        let refused = found(&["1.1.1.1", "169.254.169.254"], PrivateAddresses::Refused).expect_err("private");
        assert!(refused.to_string().contains("a.test leads to 169.254.169.254"), "{refused}");
        assert!(found(&["127.0.0.1"], PrivateAddresses::Allowed).is_ok());
        assert!(found(&["127.0.0.1", "169.254.169.254"], PrivateAddresses::Allowed).is_err());
        assert_eq!(found(&[], PrivateAddresses::Allowed), Err(InvalidUrl::Unresolved("a.test".to_owned())));
    }
}
