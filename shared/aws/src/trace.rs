//! Adds the trace of an invocation to its calls of AWS.

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

use crate::telemetry;

/// The header that carries a trace (AWS X-Ray Developer Guide, "Tracing header"). Lambda also uses it to count how
/// often a function invokes itself.
const HEADER: &str = "x-amzn-trace-id";

/// Adds the trace of the current invocation to every call of a client. The SDK would read the trace from the
/// environment, where nothing puts it: see [`serve`](crate::serve()).
#[derive(Debug)]
pub(crate) struct Traced;

impl Intercept for Traced {
    fn name(&self) -> &'static str {
        "Traced"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(trace) = telemetry::trace() {
            context.request_mut().headers_mut().try_insert(HEADER, trace)?;
        }
        Ok(())
    }
}
