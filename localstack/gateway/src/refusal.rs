//! HTTP answers: refusals in the shapes that clients and AWS SDKs expect.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde::Serialize;

use crate::event;

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

/// JSON with a status.
pub(crate) fn answer(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
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
