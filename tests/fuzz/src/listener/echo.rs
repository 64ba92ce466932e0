//! A function that returns the body of its request, if the event is one that Rollcall's functions can read.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rollcall_aws::{Headed, request};
use rollcall_core::Timestamp;
use rollcall_gateway::{Invoke, InvokeError};
use serde_json::json;

pub(super) struct Echo;

impl Invoke for Echo {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        assert_eq!(function, "echo");
        let event: Headed<ApiGatewayV2httpRequest> =
            serde_json::from_slice(&payload).unwrap_or_else(|error| panic!("{error}: {payload:?}"));
        let request = request(event.0, Timestamp(0)).expect("an event of the gateway");
        let is_base64_encoded = request.is_base64_encoded;
        let answer = match &request.body {
            Some(body) => json!({ "statusCode": 200, "body": body, "isBase64Encoded": is_base64_encoded }),
            None => json!({ "statusCode": 204 }),
        };
        ready(Ok(answer.to_string().into())).boxed()
    }
}
