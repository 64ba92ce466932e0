//! Where the console is, and with which key it is asked.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use http::{HeaderValue, Uri};
use rollcall_aws::{Environment, Lookup};

use crate::args::Address;
use crate::aws;
use crate::files::{self, Text, tidy};
use crate::key;
use crate::local::Local;
use crate::loopback::is_loopback;
use crate::problem::Problem;
use crate::stack::{Output, StackName};

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
    /// The one in the file that was named.
    File,
    /// The environment's.
    Environment,
    /// This machine's, made from the development key.
    Machine,
}

impl FromStr for ConsoleUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let text = tidy(text);
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
    /// If the environment's is not one, or its stack does not say where it is.
    pub(super) async fn find(given: &Address, lookup: &impl Lookup) -> Result<Self, Problem> {
        let stack = match place(given, lookup)? {
            Place::At(url) => return Ok(url),
            Place::Of(stack) => stack,
        };
        let text = aws::output(&stack, Output::Http).await?;
        text.parse().map_err(|error| {
            Problem::new(format!(
                "the stack {stack} says that its console is at {text}, which is no URL of one: {error}"
            ))
        })
    }

    /// Whether what is sent is encrypted on its way.
    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Whether what is sent never leaves this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.uri)
    }

    /// The local cloud whose console this is, if it runs and is this user's.
    pub(super) fn local(&self) -> Option<Local> {
        if !self.is_loopback() {
            return None;
        }
        Local::find(self.uri.port_u16().unwrap_or(80))
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
    pub(super) fn authorization(&self, file: Option<&Path>) -> Result<(HeaderValue, KeyOf), Problem> {
        let (key, of) = self.key(file)?;
        let header = HeaderValue::try_from(format!("Bearer {key}"));
        let mut header = header.map_err(|error| Problem::plain(&error))?;
        header.set_sensitive(true);
        Ok((header, of))
    }

    /// The key for it, and whose that is.
    fn key(&self, file: Option<&Path>) -> Result<(String, KeyOf), Problem> {
        const WHAT: &str = "the console's key";
        let (key, of) = match (file, Environment.get(KEY)) {
            (Some(file), _) => (files::read_secret(file, WHAT)?, KeyOf::File),
            (None, Some(key)) => (Text::new(KEY, &key), KeyOf::Environment),
            (None, None) if self.is_loopback() => (Text::new("this machine's key", &key::console()?), KeyOf::Machine),
            (None, None) => {
                return Err(Problem::new(format!(
                    "this machine's development key is sent to http:// on this machine only, and not to {self}: set \
                     {KEY} to the key of the console there, or name a file with it (--key-file)"
                )));
            }
        };
        Ok((key.word(WHAT)?.to_owned(), of))
    }
}

/// Where a console is, and the key for it.
///
/// # Errors
/// If there is no telling where it is, or no key for it.
#[cfg(feature = "simulate")]
pub(crate) async fn console_of(address: &Address, lookup: &impl Lookup) -> Result<(String, String), Problem> {
    let url = ConsoleUrl::find(address, lookup).await?;
    let (key, _) = url.key(address.key_file.as_deref())?;
    Ok((url.to_string(), key))
}

/// Where a console is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// There.
    At(ConsoleUrl),
    /// Where this stack says.
    Of(StackName),
}

/// What is given comes before the environment, and an address before a stack.
fn place(given: &Address, lookup: &impl Lookup) -> Result<Place, Problem> {
    if let Some(url) = &given.url {
        return Ok(Place::At(url.clone()));
    }
    let set = lookup.get(URL).filter(|_| given.stack.is_none());
    if let (None, Some(stack)) = (&set, StackName::find(given.stack.as_ref(), lookup)?) {
        return Ok(Place::Of(stack));
    }
    let parsed = set.as_deref().unwrap_or(HERE).parse();
    parsed.map(Place::At).map_err(|error| Problem::new(format!("{URL} is not the URL of a console: {error}")))
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
        let (url, stack) = ("http://localhost:1", "given");
        let given = |url: Option<&str>, stack: Option<&str>| Address {
            key_file: None,
            url: url.map(|url| url.parse().expect("a URL")),
            stack: stack.map(|stack| stack.parse().expect("a name")),
        };
        let found = |given: Address, set: &[(&str, &str)]| {
            let lookup = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
            place(&given, &lookup).ok().map(|place| match place {
                Place::At(url) => url.to_string(),
                Place::Of(stack) => format!("of {stack}"),
            })
        };
        let (set_url, set_stack) = ((URL, "https://console.example.com/"), ("ROLLCALL_STACK", "set"));
        let both = [set_url, set_stack];
        assert_eq!(found(given(Some(url), None), &both).as_deref(), Some(url));
        assert_eq!(found(given(None, Some(stack)), &both).as_deref(), Some("of given"));
        assert_eq!(found(given(None, None), &both).as_deref(), Some("https://console.example.com"));
        assert_eq!(found(given(None, None), &[set_stack]).as_deref(), Some("of set"));
        assert_eq!(found(given(None, None), &[]).as_deref(), Some(HERE));
        assert_eq!(found(given(None, None), &[(URL, "nonsense")]), None);
        assert_eq!(found(given(None, None), &[("ROLLCALL_STACK", "a b")]), None);
    }
}
