//! Makes the response to the client from a function's answer ("Lambda function response for format 2.0").

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE},
};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    assumed::http_api::{self as assumed, HeaderText},
    refusal::{self, Answer},
};

/// Why an answer can't be passed on. It never quotes the answer, so it may be logged.
pub(crate) type Malformed = &'static str;

/// The response for a function's answer. If the answer has a `statusCode`, its fields make the response; any other JSON
/// is itself the body.
pub(crate) fn answer(output: Bytes) -> Result<Answer, Malformed> {
    match serde_json::from_slice::<Value>(&output) {
        Ok(value) if value.get("statusCode").is_some_and(|status| !status.is_null()) => {
            Proxy::deserialize(value).map_err(|_| "a field has the wrong type")?.into_answer()
        }
        Err(_) if !assumed::NOT_JSON_IS_AN_ANSWER => Err("it is not JSON"),
        _ => Ok(refusal::answer(StatusCode::OK, output)),
    }
}

/// An answer with a `statusCode`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proxy {
    status_code: u16,
    headers: Option<BTreeMap<String, Value>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

impl Proxy {
    fn into_answer(self) -> Result<Answer, Malformed> {
        let status = assumed::usable_status(self.status_code).ok_or("its statusCode is not a final status")?;
        let mut headers = headers(self.headers.unwrap_or_default())?;
        for cookie in self.cookies.unwrap_or_default() {
            headers.append(SET_COOKIE, header_value(&cookie)?);
        }
        let body = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded == Some(true) {
            STANDARD.decode(body).map_err(|_| "its body is not base64")?.into()
        } else {
            Bytes::from(body)
        };
        let body = if assumed::has_content(status) { body } else { Bytes::new() };
        if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(assumed::DEFAULT_CONTENT_TYPE));
        }
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

fn headers(returned: BTreeMap<String, Value>) -> Result<HeaderMap, Malformed> {
    let mut headers = HeaderMap::new();
    let nominated = nominated(&returned);
    for (name, value) in returned {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "the name of a header is not valid")?;
        // The function's `content-length` is ignored: the response has the length of its body.
        let one_hop = assumed::is_hop_header(name.as_str()) || nominated.iter().any(|nominated| name == **nominated);
        if one_hop || name == CONTENT_LENGTH {
            continue;
        }
        match assumed::header_text(value) {
            HeaderText::Text(text) => {
                headers.append(name, header_value(&text)?);
            }
            HeaderText::LeftOut => {}
            HeaderText::Invalid => return Err("a header is not text"),
        }
    }
    Ok(headers)
}

/// The headers that the answer's own `Connection` header marks as for one hop.
fn nominated(returned: &BTreeMap<String, Value>) -> Vec<String> {
    let connection = returned.iter().filter(|(name, _)| name.eq_ignore_ascii_case(CONNECTION.as_str()));
    let options = connection.filter_map(|(_, value)| value.as_str()).flat_map(|value| value.split(','));
    options.map(|option| option.trim().to_ascii_lowercase()).collect()
}

/// The value of a header. It must be printable ASCII, because the meaning of other bytes in a header is not defined.
fn header_value(text: &str) -> Result<HeaderValue, Malformed> {
    let printable = text.bytes().all(|byte| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic());
    let value = printable.then(|| HeaderValue::from_str(text).ok()).flatten();
    value.ok_or("the value of a header is not valid")
}
