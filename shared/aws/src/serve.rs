//! A function's life: one event after the other.

use std::fmt::Debug;
use std::future::Future;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

use crate::error::Fatal;
use crate::telemetry;

/// Handles events until the process is ended.
///
/// # Errors
/// If Lambda's Runtime API can't be reached any more.
pub async fn serve<Request, Reply, Error, Handler, Handling>(handler: Handler) -> Result<(), Fatal>
where
    Request: for<'de> Deserialize<'de>,
    Reply: Serialize,
    Error: Into<Diagnostic> + Debug,
    Handler: Fn(Request) -> Handling,
    Handling: Future<Output = Result<Reply, Error>>,
{
    let handle = |event: LambdaEvent<Request>| {
        // Boxed: the compiler counts how deeply futures are nested.
        let handling = Box::pin(handler(event.payload));
        async move { telemetry::invocation(&event.context, handling).await }
    };
    lambda_runtime::run(service_fn(handle)).await.map_err(Fatal::new)
}
