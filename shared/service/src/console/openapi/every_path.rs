//! The operations that every path has besides its own: `HEAD` where there is `GET`, and `OPTIONS`.

use utoipa::Modify;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterIn, PathItem};
use utoipa::openapi::response::{ResponseBuilder, Responses};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Header, RefOr};

/// Adds these operations to the document.
pub(super) struct EveryPath;

impl Modify for EveryPath {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            item.head = item.get.as_ref().map(head);
            item.options = Some(options(item));
        }
    }
}

/// The `HEAD` operation for a `GET` operation.
fn head(get: &Operation) -> Operation {
    let mut head = get.clone();
    head.operation_id = head.operation_id.map(|id| head_of(&id));
    head.summary = Some("The same as GET, without a body.".to_owned());
    for response in head.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.clear();
        }
    }
    head
}

/// The name of the `HEAD` operation: `headNode` for `getNode`, `headNodes` for `listNodes`, `headExportNodes` for
/// `exportNodes`.
fn head_of(id: &str) -> String {
    match id.strip_prefix("get").or_else(|| id.strip_prefix("list")) {
        Some(what) => format!("head{what}"),
        None => format!("head{}{}", id[..1].to_uppercase(), &id[1..]),
    }
}

/// The `OPTIONS` operation of a path.
fn options(item: &PathItem) -> Operation {
    let any = [&item.get, &item.put, &item.post, &item.delete].into_iter().flatten().next();
    let parameters = any.and_then(|operation| operation.parameters.clone()).unwrap_or_default();
    let in_path = parameters.into_iter().filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path => Some(parameter),
        _ => None,
    });
    let parameters: Vec<Parameter> = in_path.collect();
    let id = any.and_then(|operation| operation.operation_id.clone()).unwrap_or_default();
    let methods = ResponseBuilder::new()
        .description("The methods are in the header Allow")
        .header("Allow", Header::default())
        .build();
    let mut responses = Responses::new();
    responses.responses.insert("204".to_owned(), methods.into());
    OperationBuilder::new()
        .tags(any.and_then(|operation| operation.tags.clone()))
        .operation_id(Some(format!("{id}Options")))
        .summary(Some("The methods of the path."))
        .parameters(Some(parameters).filter(|parameters| !parameters.is_empty()))
        .securities(Some([SecurityRequirement::default()]))
        .responses(responses)
        .build()
}
