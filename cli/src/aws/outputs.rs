//! What a `CloudFormation` stack says of itself, such as where its console is.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
use aws_sdk_cloudformation::types::Stack;
use rollcall_aws::{AccountError, Environment, Lookup as _, account_config, variable};
use rollcall_service::chain;

use crate::problem::Problem;
use crate::stack::{Output, StackName};

/// How long CloudFormation may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a stack says in this output.
///
/// # Errors
/// If `CloudFormation` does not answer, or the stack has no such output.
pub(crate) async fn output(name: &StackName, output: Output) -> Result<String, Problem> {
    let asked = Asked::new(name).await?;
    let stack = asked.describe().await?;
    stated(&stack, output.name()).map(str::to_owned).ok_or_else(|| asked.unstated(&stack, output))
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
        let described = self.client.describe_stacks().stack_name(self.name.to_string()).send().await;
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
