//! Reading values out of a request.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use serde_json::Value;

use crate::dialect::Incoming;
use crate::place::Place;

/// The longest value that is taken from a request, in bytes.
const VALUE_BYTES: usize = 1024;

/// A request, with the parts of it that were read.
pub(crate) struct Reading<'a> {
    request: &'a Incoming<'a>,
    path: &'a [(&'a str, Cow<'a, str>)],
    json: Option<Value>,
    basic: Option<(String, String)>,
}

impl<'a> Reading<'a> {
    /// A request, and the variables of its path.
    pub(crate) fn new(request: &'a Incoming<'a>, path: &'a [(&'a str, Cow<'a, str>)]) -> Self {
        let basic = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(basic);
        Self { request, path, json: serde_json::from_slice(request.body).ok(), basic }
    }

    /// What is at a place; `None` if there is nothing, or nothing that fits a line.
    pub(crate) fn value(&self, place: &Place) -> Option<String> {
        let value = match place {
            Place::Path(name) => self.path.iter().find(|(each, _)| each == name)?.1.clone().into_owned(),
            Place::Query(name) => first(self.request.query.as_bytes(), name)?,
            Place::Form(name) => first(self.request.body, name)?,
            Place::Header(name) => self.request.headers.get(name)?.to_str().ok()?.to_owned(),
            Place::User => self.basic.as_ref()?.0.clone(),
            Place::Password => self.basic.as_ref()?.1.clone(),
            Place::Json(pointer) => match self.json.as_ref()?.pointer(pointer)? {
                Value::String(text) => text.clone(),
                value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            },
        };
        let value = value.trim();
        (!value.is_empty() && value.len() <= VALUE_BYTES).then(|| value.to_owned())
    }
}

fn first(form: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(form).find(|(each, _)| each == name).map(|(_, value)| value.into_owned())
}

/// The user and the password of HTTP Basic authentication (RFC 7617).
fn basic(authorization: &str) -> Option<(String, String)> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
    let decoded = String::from_utf8(decoded).ok()?;
    decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}
