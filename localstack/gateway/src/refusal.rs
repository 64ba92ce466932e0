//! HTTP answers of the gateway itself: refusals in the forms that clients and AWS SDKs expect.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use http_body_util::Full;
use serde::Serialize;

use crate::{assumed, event};

/// The type of every HTTP answer of the gateway.
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

/// The error for a client: a frame on an open connection, or the body of a refused handshake.
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

/// An answer with a JSON body, and the headers that RFC 9110 demands for its status.
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

/// The answer to a request with a method that is not one of these.
pub(crate) fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = message(assumed::WRONG_METHOD);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

/// The answer to a request for an unknown stage or path, or from a caller that is not allowed.
pub(crate) fn forbidden() -> Answer {
    exception(assumed::WRONG_STAGE.0, "ForbiddenException", assumed::WRONG_STAGE.1)
}

/// An answer with a status and the body `{"message": …}`.
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
