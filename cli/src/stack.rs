//! The name of a stack, and which of its outputs are needed.

use std::fmt;
use std::str::FromStr;

use rollcall_aws::Lookup;

use crate::files::tidy;
use crate::problem::Problem;

/// The variable that names a stack.
const STACK: &str = "ROLLCALL_STACK";
/// The longest name of a stack (AWS CloudFormation API Reference, `CreateStack`).
const NAME_LEN: usize = 128;

/// The name of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StackName(String);

impl FromStr for StackName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let text = tidy(text);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if text.len() <= NAME_LEN && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err("it must be letters, digits and hyphens, 128 at most, and begin with a letter")
    }
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StackName {
    /// The given one, or the environment's, if either names one.
    ///
    /// # Errors
    /// If the environment's is not one.
    pub(crate) fn find(given: Option<&Self>, lookup: &impl Lookup) -> Result<Option<Self>, Problem> {
        if given.is_some() {
            return Ok(given.cloned());
        }
        let parsed = lookup.get(STACK).map(|text| text.parse()).transpose();
        parsed.map_err(|error| Problem::new(format!("{STACK} is not the name of a stack: {error}")))
    }
}

/// What a stack says where it is, as `infra/template.yaml` calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output {
    /// The console API.
    Http,
    /// What nodes connect to.
    WebSocket,
}

impl Output {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "HttpUrl",
            Self::WebSocket => "WebSocketUrl",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_named_as_cloudformation_names_stacks() {
        for name in ["rollcall", "Rollcall-2", &"a".repeat(NAME_LEN)] {
            assert!(name.parse::<StackName>().is_ok(), "{name}");
        }
        for name in ["", "1st", "-a", "a_b", "a b", "a.b", &"a".repeat(NAME_LEN + 1)] {
            assert!(name.parse::<StackName>().is_err(), "{name}");
        }
    }

    #[test]
    fn the_given_stack_comes_before_the_environment_s() {
        let found = |given: Option<&StackName>, set: Option<&str>| {
            let lookup = |name: &str| set.filter(|_| name == STACK).map(str::to_owned);
            StackName::find(given, &lookup).map(|stack| stack.map(|name| name.to_string())).ok()
        };
        let given = StackName("given".to_owned());
        assert_eq!(found(Some(&given), Some("set")), Some(Some("given".to_owned())));
        assert_eq!(found(None, Some("set")), Some(Some("set".to_owned())));
        assert_eq!(found(None, None), Some(None));
        assert_eq!(found(None, Some("a b")), None);
    }
}
