//! What invokes the console: a request of API Gateway, or the schedule of rollouts.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::{Headed, now, request};
use rollcall_service::console::Console;
use rollcall_service::http::HttpAnswer;
use rollcall_service::{Clock, Connections, Queue, Store, chain};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What has invoked the function.
pub(crate) enum Invoked {
    /// The schedule (Amazon `EventBridge` User Guide, "Events from AWS services").
    Schedule,
    /// A request.
    Request(Box<ApiGatewayV2httpRequest>),
}

impl<'de> Deserialize<'de> for Invoked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Value::deserialize(deserializer)?;
        if event.get("detail-type").is_some_and(|kind| kind == "Scheduled Event") {
            return Ok(Self::Schedule);
        }
        let Headed(request) = Headed::deserialize(event).map_err(D::Error::custom)?;
        Ok(Self::Request(Box::new(request)))
    }
}

/// Answers a request, or takes the next steps of rollouts.
pub(crate) async fn handle<S: Store, C: Connections, K: Clock, Q: Queue>(
    console: &Console<S, C, K, Q>,
    invoked: Invoked,
) -> Result<HttpAnswer, Diagnostic> {
    let event = match invoked {
        Invoked::Request(event) => *event,
        Invoked::Schedule => {
            let stepped = Box::pin(console.step_rollouts(now)).await;
            return stepped.map(|_| HttpAnswer::status(204)).map_err(|problem| problem.detail.into());
        }
    };
    match request(event, now()) {
        // Boxed, since most of its size is for what only some requests need.
        Ok(request) => Ok(Box::pin(console.handle(&request)).await),
        Err(error) => {
            tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "console");
            Ok(HttpAnswer::status(500))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_event_of_a_schedule_is_taken_for_one() {
        let scheduled = json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
        assert!(matches!(serde_json::from_value(scheduled), Ok(Invoked::Schedule)));
        let request = json!({
            "version": "2.0", "rawPath": "/v1/health", "headers": {"detail-type": "Scheduled Event"},
            "requestContext": {"http": {"method": "GET", "path": "/v1/health"}, "timeEpoch": 1},
        });
        assert!(matches!(serde_json::from_value(request), Ok(Invoked::Request(_))));
    }
}
