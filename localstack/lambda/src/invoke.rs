//! Invokes functions that run elsewhere: in Lambda, or in any server of its `Invoke` API.

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
use rollcall_aws::{Lookup, endpoint_config};
use rollcall_gateway::{Invoke, InvokeError, Logs};
use rollcall_service::chain;
use serde::Deserialize;

/// How long a call may take. API Gateway waits 29 s for a function (Amazon API Gateway quotas, WebSocket API), so the
/// gateway gives up first.
const CALL_TIMEOUT: Duration = Duration::from_secs(35);
/// The most bytes of a function's log that an answer has; they are its end (AWS Lambda API Reference, Invoke,
/// `LogResult`).
const MAX_TAIL: usize = 4096;
/// Prefixes of the lines that Lambda itself writes into a function's log.
const LINES_OF_LAMBDA: [&str; 6] =
    ["START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_", "EXTENSION", "XRAY"];

/// A client of the Lambda API at an endpoint.
pub fn lambda_client(lookup: &impl Lookup, endpoint: &str) -> Client {
    Client::new(&endpoint_config(lookup, endpoint, CALL_TIMEOUT))
}

/// Invokes functions through Lambda's `Invoke` API. The name of a function in Lambda is a prefix and its own name.
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

/// The answer of a function that failed (AWS Lambda Developer Guide, "Lambda function errors").
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct FunctionError {
    error_type: String,
    error_message: String,
}

impl LambdaInvoke {
    /// `prefix` comes before each function's name. The log lines of the functions go to `logs`.
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
            let output = call.send().await.map_err(|error| call_error(&name, error))?;
            for line in log_lines(&output) {
                logs(&function, &line);
            }
            answer(output)
        })
    }
}

fn call_error(function: &str, error: SdkError<Refused>) -> InvokeError {
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

/// The lines of the function itself in the log tail of an answer.
fn log_lines(output: &InvokeOutput) -> Vec<String> {
    let tail = output.log_result.as_deref().and_then(|tail| STANDARD.decode(tail).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&tail);
    // A tail of full length begins in the middle of a line.
    let cut = usize::from(tail.len() >= MAX_TAIL);
    let own = |line: &&str| !line.is_empty() && !LINES_OF_LAMBDA.iter().any(|start| line.starts_with(start));
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
        assert_eq!(log_lines(&output(log)), ["{\"a\":1}", "panic"]);
    }

    #[test]
    fn a_line_whose_beginning_was_cut_off_is_left_out() {
        let log = format!("{}\nwhole\n", "x".repeat(MAX_TAIL - 7));
        assert_eq!(log_lines(&output(&log)), ["whole"]);
    }
}
