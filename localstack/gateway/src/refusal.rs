//! HTTP answers: refusals in the shapes that clients and AWS SDKs expect.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::Full;
use serde::Serialize;

use crate::{assumed, event};

/// Every HTTP answer of the gateway.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a handshake is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Refusal {
    pub(crate) fn new((status, message): (StatusCode, &str), connection: &str, request: &str) -> Self {
        Self { status, body: error_frame(message, connection, request) }
    }

    pub(crate) fn into_answer(self) -> Answer {
        answer(self.status, self.body)
    }
}

/// What a client is told, as a frame on an open connection or as the body of a refused handshake.
pub(crate) fn error_frame(message: &str, connection_id: &str, request_id: &str) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ErrorFrame<'a> {
        message: &'a str,
        connection_id: &'a str,
        request_id: &'a str,
    }
    event::json(&ErrorFrame { message, connection_id, request_id })
}

/// JSON with a status, and the headers that RFC 9110 demands of the status.
pub(crate) fn answer(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// What a client is told that uses another method than one of these.
pub(crate) fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = message(assumed::WRONG_METHOD);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

/// What is said of a stage, a path or a caller that is none.
pub(crate) fn forbidden() -> Answer {
    exception(assumed::WRONG_STAGE.0, "ForbiddenException", assumed::WRONG_STAGE.1)
}

/// `{"message": …}` with a status.
pub(crate) fn message((status, message): (StatusCode, &str)) -> Answer {
    #[derive(Serialize)]
    struct Body<'a> {
        message: &'a str,
    }
    answer(status, event::json(&Body { message }))
}

/// A modelled error of the management API: AWS SDKs read its type from the header.
pub(crate) fn exception(status: StatusCode, kind: &'static str, text: &str) -> Answer {
    let mut answer = message((status, text));
    answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    answer
}
