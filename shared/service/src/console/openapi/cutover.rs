//! The operations of the cut-over from a legacy polling endpoint.

use rollcall_cutover::Mapping;

use super::{CutoverModeSpec, CutoverPage, CutoverView, Problems};

operations! {
    /// The mapping of the legacy endpoint, and the modes of nodes.
    #[utoipa::path(get, path = "/v1/cutover", operation_id = "getCutover", tag = "cut-over", responses(
        (status = 200, description = "The settings", body = CutoverView),
        Problems,
    ))]
    cutover;

    /// Sets the mapping of the legacy endpoint. It is in effect within five seconds.
    #[utoipa::path(put, path = "/v1/cutover/mapping", operation_id = "setCutoverMapping", tag = "cut-over",
    request_body = Mapping, responses(
        (status = 204, description = "The mapping is set"),
        Problems,
    ))]
    set_mapping;

    /// Removes the mapping of the legacy endpoint: its requests are answered with 404.
    #[utoipa::path(delete, path = "/v1/cutover/mapping", operation_id = "removeCutoverMapping", tag = "cut-over", responses(
        (status = 204, description = "There is no mapping"),
        Problems,
    ))]
    remove_mapping;

    /// Sets who answers nodes. It is in effect within five seconds.
    #[utoipa::path(put, path = "/v1/cutover/mode", operation_id = "setCutoverMode", tag = "cut-over",
    request_body = CutoverModeSpec, responses(
        (status = 200, description = "The modes, without the mapping", body = CutoverView),
        Problems,
    ))]
    set_mode;

    /// A page of nodes that have polled the legacy endpoint, with what became of it.
    #[utoipa::path(get, path = "/v1/cutover/nodes", operation_id = "listCutoverNodes", tag = "cut-over", params(
        ("limit" = Option<u32>, Query, description = "How many nodes to read", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = CutoverPage),
        Problems,
    ))]
    cutover_nodes;
}
