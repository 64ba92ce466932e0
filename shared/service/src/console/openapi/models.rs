//! The operations on models: what holds for all firmware of one.

use super::{ModelPage, ModelPatch, ModelSpec, ModelView, Problems};

operations! {
    /// A page of the models for which something was ever set, by their names.
    #[utoipa::path(get, path = "/v1/models", operation_id = "listModels", tag = "firmware", params(
        ("limit" = Option<u32>, Query, description = "How many models to read", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = ModelPage),
        Problems,
    ))]
    models;

    /// Sets what holds for all firmware of a model, and replaces what held before.
    ///
    /// No version below the minimum can be desired any more, and no node is given such an image. A node that runs one goes
    /// on.
    #[utoipa::path(put, path = "/v1/models/{model}", operation_id = "putModel", tag = "firmware", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), request_body = ModelSpec, responses(
        (status = 200, description = "What holds", body = ModelView),
        Problems,
    ))]
    put_model;

    /// Changes what holds for all firmware of a model: a field that is left out stays (RFC 7396).
    ///
    /// The body may as well have the type `application/json`.
    #[utoipa::path(patch, path = "/v1/models/{model}", operation_id = "patchModel", tag = "firmware", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), request_body(content = ModelPatch, content_type = "application/merge-patch+json"), responses(
        (status = 200, description = "What holds", body = ModelView),
        Problems,
    ))]
    amend_model;

    /// What holds for all firmware of a model.
    #[utoipa::path(get, path = "/v1/models/{model}", operation_id = "getModel", tag = "firmware", params(
        ("model" = String, Path, pattern = "^[A-Za-z0-9:_.-]{1,32}$"),
    ), responses(
        (status = 200, description = "What holds: nothing, if nothing was ever set", body = ModelView),
        Problems,
    ))]
    model;
}
