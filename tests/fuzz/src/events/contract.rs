//! What must hold for the answers of the console: its own OpenAPI document says so.

use std::cell::OnceCell;

use rollcall_service::http::{AUTHORIZATION, HttpAnswer, Request};
use rollcall_wire::console::{
    BatchResult, CommandPage, CommandView, ConfigSet, ConfigView, DeltaSpec, FirmwareSet, FirmwareSpec, FirmwareView,
    HealthView, ModelPage, ModelView, NodePage, NodeView, Problem, ProblemCode, SiteConfigSet,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answers::valid_headers;
use super::world::World;
use crate::now::now;

/// The longest detail of a problem, in bytes.
const DETAIL_BYTES: usize = 768;
/// The largest answer of a function, in bytes (AWS Lambda quotas).
const ANSWER_BYTES: usize = 6 * 1024 * 1024;
/// Paths that another function answers. The console only says which methods they have.
const POLLED: [&[&str]; 3] = [&["v1", "check-in"], &["v1", "configs", "{sha256}"], &["v1", "firmware", "{version}"]];

thread_local! {
    static DOCUMENT: OnceCell<Value> = const { OnceCell::new() };
}

/// The document, as the console gives it.
fn document() -> Value {
    let mut request = Request { method: "GET".to_owned(), path: "/v1/openapi.json".to_owned(), ..Request::default() };
    request.headers.insert(AUTHORIZATION, "Bearer r".parse().expect("a header"));
    let answer = now(World::new(false).console.handle(&request));
    assert_eq!(answer.status_code, 200);
    serde_json::from_str(&answer.body.unwrap_or_default()).expect("JSON")
}

/// Checks an answer, and tells what it was.
pub(super) fn check(request: &Request, answer: &HttpAnswer, may_fail: bool) -> String {
    valid_headers(answer);
    let (status, body) = (answer.status_code, answer.body.as_deref());
    assert!(body.is_none_or(|body| body.len() <= ANSWER_BYTES));
    assert!(status < 500 || may_fail, "{answer:?}");
    let code = if status >= 400 { Some(problem(answer)) } else { None };
    let operation = DOCUMENT.with(|known| {
        let known = known.get_or_init(document);
        let Some((path, item)) = find(known, &request.path) else {
            let polled = POLLED.iter().any(|template| fits(template, &request.path));
            match (code, status) {
                (Some(ProblemCode::NoRoute), _) => assert!(!polled),
                (Some(ProblemCode::MethodNotAllowed), _) | (None, 204) => assert!(polled, "{answer:?}"),
                _ => panic!("an answer at a path that is not in the document: {answer:?}"),
            }
            return "no path".to_owned();
        };
        let method = request.method.to_ascii_lowercase();
        let is_known = request.method.chars().all(|c| c.is_ascii_uppercase());
        let Some(operation) = item.get(&method).filter(|_| is_known) else {
            assert_eq!(code, Some(ProblemCode::MethodNotAllowed), "{answer:?}");
            let allowed = answer.headers["allow"].split(", ").map(str::to_ascii_lowercase);
            assert!(allowed.eq(methods(item)), "{:?}", answer.headers);
            return format!("no method at {path}");
        };
        described(operation, request, answer);
        operation["operationId"].as_str().unwrap_or_default().to_owned()
    });
    format!("{operation} {status} {}", code.map_or(String::new(), |code| code.to_string()))
}

/// The methods of a path, in the order in which `Allow` lists them.
fn methods(item: &Value) -> impl Iterator<Item = String> {
    let all = ["get", "head", "put", "patch", "post", "delete", "options"];
    all.into_iter().filter(|method| item.get(method).is_some()).map(str::to_owned)
}

fn find<'a>(document: &'a Value, path: &str) -> Option<(&'a str, &'a Value)> {
    let paths = document["paths"].as_object()?;
    let found = paths.iter().find(|(template, _)| {
        let template: Vec<&str> = template.split('/').skip(1).collect();
        fits(&template, path)
    });
    found.map(|(template, item)| (template.as_str(), item))
}

/// Whether a path is one of a template's, whatever its variables are.
fn fits(template: &[&str], path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else { return false };
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |(part, segment): (&&str, &&str)| part.starts_with('{') || part == segment;
    segments.len() == template.len() && template.iter().zip(&segments).all(fits)
}

/// Checks an answer against its operation.
fn described(operation: &Value, request: &Request, answer: &HttpAnswer) {
    let status = answer.status_code.to_string();
    let range = format!("{}XX", &status[..1]);
    let responses = &operation["responses"];
    let response = responses.get(&status).or_else(|| responses.get(&range));
    let response = response.unwrap_or_else(|| panic!("{status} is not in the document: {answer:?}"));
    // API Gateway drops the body of an answer to `HEAD`.
    if request.method == "HEAD" {
        return;
    }
    let contents: Vec<&String> = response["content"].as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    let given: Vec<&String> = answer.headers.get("content-type").into_iter().collect();
    assert_eq!(given, contents, "the type of {answer:?}");
    for (name, _) in response["headers"].as_object().into_iter().flatten() {
        assert!(answer.headers.contains_key(&*name.to_ascii_lowercase()), "{name} is missing: {answer:?}");
    }
    if let Some(body) = answer.body.as_deref().filter(|_| answer.status_code < 300) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(has_its_type(id, body), "{id} answers {body}");
    }
}

/// Whether a body is of the type of its operation.
fn has_its_type(operation: &str, body: &str) -> bool {
    match operation {
        "getHealth" => is::<HealthView>(body),
        "getOpenApi" => serde_json::from_str::<Value>(body).is_ok(),
        "listNodes" => is::<NodePage>(body) || has_some_fields(body),
        "registerBatch" => is::<Vec<BatchResult>>(body),
        "registerNode" | "patchNode" | "getNode" => is::<NodeView>(body),
        "setConfig" => is::<ConfigSet>(body),
        "getConfig" => is::<ConfigView>(body),
        "setSiteConfig" => is::<SiteConfigSet>(body),
        "queueCommand" => is::<CommandView>(body),
        "listCommands" => is::<CommandPage>(body),
        "setNodeFirmware" => is::<FirmwareSet>(body),
        "addFirmware" => is::<FirmwareSpec>(body),
        "getFirmware" => is::<FirmwareView>(body),
        "addDelta" | "getDelta" => is::<DeltaSpec>(body),
        "putModel" | "getModel" => is::<ModelView>(body),
        "listModels" => is::<ModelPage>(body),
        _ => false,
    }
}

/// Whether a body is a page of nodes of which only some fields are shown.
fn has_some_fields(body: &str) -> bool {
    let page: Value = serde_json::from_str(body).unwrap_or_default();
    let shown = |node: &Value| {
        let fields = node.as_object().map(|node| node.keys().all(|name| NodeView::FIELDS.contains(&name.as_str())));
        node["node"].is_string() && fields == Some(true)
    };
    page["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(shown))
}

/// Whether a body can be read as this type, and is written as it was.
fn is<T: DeserializeOwned + Serialize>(body: &str) -> bool {
    serde_json::from_str::<T>(body).is_ok_and(|read| serde_json::to_string(&read).is_ok_and(|again| again == body))
}

/// The code of the problem that a refusal has as its body.
fn problem(answer: &HttpAnswer) -> ProblemCode {
    let body = answer.body.as_deref().unwrap_or_default();
    let problem: Problem = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    assert_eq!(problem.code.status(), (answer.status_code, &*problem.title));
    assert!((1..=DETAIL_BYTES).contains(&problem.detail.len()), "{problem:?}");
    problem.code
}
