//! What a CloudFormation stack says of itself, such as where its console is.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
use aws_sdk_cloudformation::types::Stack;
use rollcall_aws::{AccountError, Environment, Lookup, account_config, chain, variable};

use crate::files::tidy;
use crate::problem::Problem;

/// The variable that names a stack.
const STACK: &str = "ROLLCALL_STACK";
/// How long CloudFormation may take.
const PATIENCE: Duration = Duration::from_secs(30);
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

    /// What the stack says in this output.
    ///
    /// # Errors
    /// If it can't be asked, or does not say it.
    pub(crate) async fn output(&self, output: Output) -> Result<String, Problem> {
        let asked = Asked::new(self).await?;
        let stack = asked.describe().await?;
        stated(&stack, output.name()).map(str::to_owned).ok_or_else(|| asked.unstated(&stack, output))
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
    fn name(self) -> &'static str {
        match self {
            Self::Http => "HttpUrl",
            Self::WebSocket => "WebSocketUrl",
        }
    }
}

/// A stack in the CloudFormation that is asked for it.
struct Asked<'a> {
    name: &'a StackName,
    /// Where that is, if not at its own address.
    endpoint: Option<String>,
    region: String,
    client: Client,
}

impl<'a> Asked<'a> {
    async fn new(name: &'a StackName) -> Result<Self, Problem> {
        let get = |name| Environment.get(name);
        let endpoint = get(variable::ENDPOINT_URL_CLOUDFORMATION).or_else(|| get(variable::ENDPOINT_URL));
        let config = account_config(&Environment, endpoint.as_deref(), PATIENCE).await;
        let config = config.map_err(|error| Problem::with_advice(&error, advice(&error)))?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        Ok(Self { name, endpoint, region, client: Client::new(&config) })
    }

    async fn describe(&self) -> Result<Stack, Problem> {
        let described = self.client.describe_stacks().stack_name(&self.name.0).send().await;
        let described = described.map_err(|error| self.undescribed(&error))?;
        described.stacks.unwrap_or_default().pop().ok_or_else(|| self.missing())
    }

    fn undescribed(&self, error: &SdkError<DescribeStacksError>) -> Problem {
        let reason = chain(error);
        match (error, &self.endpoint) {
            (SdkError::ServiceError(refused), _) => match refused.err().message() {
                Some(text) if text.ends_with("does not exist") => self.missing(),
                _ => Problem::new(format!(
                    "CloudFormation does not describe the stack {} ({}): may these credentials do that \
                     (cloudformation:DescribeStacks)?",
                    self.name,
                    refused.err()
                )),
            },
            (_, Some(endpoint)) => Problem::passing(format!(
                "CloudFormation can't be asked at {endpoint} ({reason}): is AWS_ENDPOINT_URL right, and \
                 `localstack/host/localstack start` done?"
            )),
            (_, None) => Problem::passing(format!(
                "CloudFormation can't be asked in {} ({reason}): is AWS_REGION right?",
                self.region
            )),
        }
    }

    fn missing(&self) -> Problem {
        Problem::new(format!(
            "there is no stack {} in {}: is AWS_REGION right? `infra/deploy --stack {}` makes it",
            self.name, self.region, self.name
        ))
    }

    /// Why a stack does not say this.
    fn unstated(&self, stack: &Stack, output: Output) -> Problem {
        let (name, missing) = (self.name, output.name());
        if let Some(connections) = stated(stack, "ConnectionsUrl") {
            return Problem::new(format!(
                "the stack {name} has no APIs of its own, because its ConnectionsUrl is {connections}: name the address \
                 of what is there with --url"
            ));
        }
        let status = stack.stack_status().map_or("unknown", |status| status.as_str());
        Problem::new(format!(
            "the stack {name} ({status}) has no output {missing}: is it one of `infra/deploy`, and deployed to its end?"
        ))
    }
}

fn advice(error: &AccountError) -> &'static str {
    match error {
        AccountError::Region => "set AWS_REGION, such as AWS_REGION=eu-west-1",
        AccountError::NoCredentials | AccountError::Credentials(_) => {
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws configure export-credentials --format \
             env` prints those of single sign-on"
        }
    }
}

fn stated<'a>(stack: &'a Stack, output: &str) -> Option<&'a str> {
    stack.outputs().iter().find(|each| each.output_key() == Some(output)).and_then(|each| each.output_value())
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
