//! Functions that Lambda runs somewhere else, or whatever speaks its `Invoke` API.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::invoke::{InvokeError as Refused, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use rollcall_aws::{Lookup, chain, endpoint_config};
use rollcall_gateway::{Invoke, InvokeError, Logs};
use serde::Deserialize;

/// How long a call may take: longer than API Gateway waits for a function (29 s; Amazon API Gateway quotas, WebSocket
/// API), so that it is the gateway that gives up.
const PATIENCE: Duration = Duration::from_secs(35);
/// How much of a log comes back with an answer, in bytes (AWS Lambda API Reference, Invoke, `LogResult`).
const TAIL: usize = 4096;
/// How the lines begin that Lambda writes into a function's log itself.
const LAMBDAS_OWN: [&str; 6] =
    ["START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_", "EXTENSION", "XRAY"];

/// A client of the Lambda API at an endpoint.
pub fn lambda_client(lookup: &impl Lookup, endpoint: &str) -> Client {
    Client::new(&endpoint_config(lookup, endpoint, PATIENCE))
}

/// Runs functions through Lambda's `Invoke`, each under its name with a prefix before it.
#[derive(Clone)]
pub struct LambdaInvoke {
    client: Client,
    prefix: String,
    logs: Logs,
}

impl std::fmt::Debug for LambdaInvoke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LambdaInvoke").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What a function that failed answers (AWS Lambda Developer Guide, "Lambda function errors").
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FunctionError {
    error_type: String,
    error_message: String,
}

impl LambdaInvoke {
    /// Functions are called `prefix` and their name; what they log goes to `logs`.
    pub fn new(client: Client, prefix: &str, logs: Logs) -> Self {
        Self { client, prefix: prefix.to_owned(), logs }
    }
}

impl Invoke for LambdaInvoke {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let (function, logs) = (function.to_owned(), self.logs.clone());
        let name = format!("{}{function}", self.prefix);
        let call = self.client.invoke().function_name(&name).log_type(LogType::Tail).payload(Blob::new(payload));
        Box::pin(async move {
            let output = call.send().await.map_err(|error| unanswered(&name, error))?;
            for line in logged(&output) {
                logs(&function, &line);
            }
            answer(output)
        })
    }
}

fn unanswered(function: &str, error: SdkError<Refused>) -> InvokeError {
    match error {
        SdkError::TimeoutError(_) => InvokeError::TimedOut,
        SdkError::ServiceError(refused) if refused.err().is_too_many_requests_exception() => InvokeError::Throttled,
        error => InvokeError::Unavailable(format!("{function} can't be invoked: {}", chain(&error))),
    }
}

fn answer(output: InvokeOutput) -> Result<Bytes, InvokeError> {
    let payload = Bytes::from(output.payload.map(Blob::into_inner).unwrap_or_default());
    if output.function_error.is_none() {
        return Ok(payload);
    }
    let error: FunctionError = serde_json::from_slice(&payload).unwrap_or_default();
    if error.error_type == "Sandbox.Timedout" || error.error_message.contains("Task timed out after") {
        return Err(InvokeError::TimedOut);
    }
    Err(InvokeError::Function { kind: error.error_type, message: error.error_message })
}

/// The lines that the function itself wrote, as far as they came back with its answer.
fn logged(output: &InvokeOutput) -> Vec<String> {
    let tail = output.log_result.as_deref().and_then(|tail| STANDARD.decode(tail).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&tail);
    // A tail of full length begins in the middle of a line.
    let cut = usize::from(tail.len() >= TAIL);
    let own = |line: &&str| !line.is_empty() && !LAMBDAS_OWN.iter().any(|start| line.starts_with(start));
    text.lines().skip(cut).filter(own).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(log: &str) -> InvokeOutput {
        InvokeOutput::builder().log_result(STANDARD.encode(log)).build()
    }

    #[test]
    fn only_the_functions_own_lines_are_passed_on() {
        let log = "START RequestId: 1 Version: $LATEST\n{\"a\":1}\npanic\nEND RequestId: 1\nREPORT RequestId: 1\tx\n";
        assert_eq!(logged(&output(log)), ["{\"a\":1}", "panic"]);
    }

    #[test]
    fn a_line_whose_beginning_was_cut_off_is_left_out() {
        let log = format!("{}\nwhole\n", "x".repeat(TAIL - 7));
        assert_eq!(logged(&output(&log)), ["whole"]);
    }
}
