//! Where the console is, and with which key it is asked.

use std::fmt;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use rollcall_aws::{Environment, Lookup};

use crate::key;
use crate::loopback::is_loopback;
use crate::problem::Problem;

/// Where the console of `rollcall up` is.
const HERE: &str = "http://127.0.0.1:8788";
/// The variable that names another.
const URL: &str = "ROLLCALL_CONSOLE_URL";
/// The variable with its key.
pub(super) const KEY: &str = "ROLLCALL_CONSOLE_KEY";

/// Where a console is: what its paths are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsoleUrl {
    text: String,
    uri: Uri,
}

/// Whose key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyOf {
    /// The environment's.
    Environment,
    /// This machine's, made from the development key.
    Machine,
}

impl FromStr for ConsoleUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Err("it must begin with http:// or https://");
        }
        if text.contains(['?', '#', '@']) {
            return Err("it must be a scheme, a host and perhaps a port and a path, and nothing else");
        }
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
        match (uri.scheme(), uri.host()) {
            (Some(_), Some(host)) if !host.is_empty() => Ok(Self { text: text.to_owned(), uri }),
            _ => Err("it has no host"),
        }
    }
}

impl fmt::Display for ConsoleUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ConsoleUrl {
    /// The given one, or the environment's, or this machine's.
    ///
    /// # Errors
    /// If the environment's is not one.
    pub(super) fn find(given: Option<&Self>, lookup: &impl Lookup) -> Result<Self, Problem> {
        if let Some(given) = given {
            return Ok(given.clone());
        }
        let text = lookup.get(URL).unwrap_or_else(|| HERE.to_owned());
        text.parse().map_err(|error| Problem::new(format!("{URL} is not the URL of a console: {error}")))
    }

    /// Whether what is sent is encrypted on its way.
    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Whether what is sent never leaves this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.uri)
    }

    /// The command that serves a console there.
    pub(super) fn up(&self) -> String {
        match self.uri.port_u16() {
            Some(8788) => "rollcall up".to_owned(),
            port => format!("rollcall up --http-port {}", port.unwrap_or(80)),
        }
    }

    /// The authorization header for it, and whose key that is.
    ///
    /// # Errors
    /// If there is no key for it, which this machine's is only for this machine.
    pub(super) fn authorization(&self) -> Result<(HeaderValue, KeyOf), Problem> {
        let (key, of) = match Environment.get(KEY) {
            Some(key) => (key, KeyOf::Environment),
            None if self.is_loopback() => (key::console()?, KeyOf::Machine),
            None => {
                return Err(Problem::new(format!(
                    "this machine's development key is sent to http:// on this machine only, and not to {self}: set \
                     {KEY} to the key of the console there"
                )));
            }
        };
        let mut header = HeaderValue::try_from(format!("Bearer {}", key.trim())).map_err(|_| {
            Problem::new(format!("{KEY} is no key, because it has control characters in it: set it to one line"))
        })?;
        header.set_sensitive(true);
        Ok((header, of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_url_of_a_console_is_refused() {
        for text in
            ["127.0.0.1:8788", "http://", "http://127.0.0.1@example.com", "http://a/?b", "http://a/#b", "ftp://a"]
        {
            assert!(text.parse::<ConsoleUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_given_comes_before_the_environment() {
        let set = |name: &str| (name == URL).then(|| "https://console.example.com/".to_owned());
        let given = "http://localhost:1".parse().expect("a URL");
        let found = |given, lookup: &dyn Fn(&str) -> Option<String>| {
            ConsoleUrl::find(given, &|name: &str| lookup(name)).map(|url| url.to_string()).ok()
        };
        assert_eq!(found(Some(&given), &set).as_deref(), Some("http://localhost:1"));
        assert_eq!(found(None, &set).as_deref(), Some("https://console.example.com"));
        assert_eq!(found(None, &|_| None).as_deref(), Some(HERE));
        assert_eq!(found(None, &|_| Some("nonsense".to_owned())), None);
    }
}
