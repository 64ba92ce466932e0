//! The loop of a function: it handles one event after the other.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use lambda_runtime::tower::ServiceExt as _;
use lambda_runtime::tower::layer::layer_fn;
use lambda_runtime::{
    Config, Context, Diagnostic, Error, LambdaEvent, LambdaInvocation, Runtime, Service as _, service_fn,
};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use serde::{Deserialize, Serialize};

use crate::error::Fatal;
use crate::telemetry;

/// The path of the next event (AWS Lambda Developer Guide, "Using the Lambda runtime API").
const NEXT: &str = "/2018-06-01/runtime/invocation/next";
/// The header with the id of an event's invocation.
const REQUEST_ID: &str = "lambda-runtime-aws-request-id";

/// Handles events until the process is ended.
///
/// `lambda_runtime` handles each event and sends its answer. Asking for the next event is done here, because
/// `lambda_runtime::run` puts the trace of every event into the environment, and glibc never frees what `setenv` was
/// given (`docs/adr/0017-a-process-does-not-grow.md`). [`telemetry`] passes the trace on instead.
///
/// # Errors
/// If Lambda's Runtime API can no longer be reached.
pub async fn serve<Request, Reply, Error, Handler, Handling>(handler: Handler) -> Result<(), Fatal>
where
    Request: for<'de> Deserialize<'de>,
    Reply: Serialize,
    Error: Into<Diagnostic> + Debug,
    Handler: Fn(Request) -> Handling,
    Handling: Future<Output = Result<Reply, Error>>,
{
    let handle = |LambdaEvent { payload, context }: LambdaEvent<Request>| {
        // Boxed, because the compiler limits how deeply futures may be nested.
        let handling = Box::pin(handler(payload));
        async move { telemetry::invocation(context, handling).await }
    };
    // A layer gets the service below it: the handler, and the code that posts its answers. There is no other way to get
    // that service.
    let answering = Cell::new(None);
    let _ = Runtime::new(service_fn(handle)).layer(layer_fn(|service| {
        answering.set(Some(service));
        service_fn(async |_: LambdaInvocation| Ok(()))
    }));
    let Some(mut answering) = answering.into_inner() else { return Ok(()) };
    let events = Events::new();
    loop {
        let event = events.next().await.map_err(Fatal::new)?;
        answering.ready().await.map_err(Fatal::new)?.call(event).await.map_err(Fatal::new)?;
    }
}

/// The part of Lambda's Runtime API that events come from.
struct Events {
    api: PooledClient,
    config: Arc<Config>,
}

impl Events {
    fn new() -> Self {
        Self { api: PooledClient::builder().with_pool_size(1).build(), config: Arc::new(Config::from_env()) }
    }

    /// Waits for the next event.
    async fn next(&self) -> Result<LambdaInvocation, Error> {
        let answer = self.api.call(build_request().uri(NEXT).body(Body::empty())?).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        if !parts.status.is_success() {
            return Err(format!("the Runtime API answers with status {} instead of an event", parts.status).into());
        }
        let request_id = parts.headers.get(REQUEST_ID).ok_or("an event of the Runtime API has no invocation id")?;
        let context = Context::new(request_id.to_str()?, Arc::clone(&self.config), &parts.headers)?;
        Ok(LambdaInvocation { parts, body, context })
    }
}
