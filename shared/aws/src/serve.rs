//! A function's life: one event after the other.

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

/// Where the next event is to be had (AWS Lambda Developer Guide, "Using the Lambda runtime API").
const NEXT: &str = "/2018-06-01/runtime/invocation/next";
/// The header of an event that says which invocation it is.
const REQUEST_ID: &str = "lambda-runtime-aws-request-id";

/// Handles events until the process is ended.
///
/// What handles an event and answers it is `lambda_runtime`'s. What asks for the next one is here, because
/// `lambda_runtime::run` puts every event's trace into the environment, and what glibc's `setenv` was ever given stays
/// allocated (`docs/adr/0017-a-process-does-not-grow.md`). [`telemetry`] passes the trace on instead.
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
    let handle = |LambdaEvent { payload, context }: LambdaEvent<Request>| {
        // Boxed: the compiler counts how deeply futures are nested.
        let handling = Box::pin(handler(payload));
        async move { telemetry::invocation(context, handling).await }
    };
    // A layer is given all that is below it: the handler, and what posts its answers. Nothing else gives that away.
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

/// Lambda's Runtime API, as far as events come from it.
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
            return Err(format!("the Runtime API has no event, but status {}", parts.status).into());
        }
        let request_id = parts.headers.get(REQUEST_ID).ok_or("an event does not say which invocation it is")?;
        let context = Context::new(request_id.to_str()?, Arc::clone(&self.config), &parts.headers)?;
        Ok(LambdaInvocation { parts, body, context })
    }
}
