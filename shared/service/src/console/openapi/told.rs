//! The operations by which the application is told what happens: events, and where they are sent.

use super::{
    DeliveryList, EndpointList, EndpointSecret, EndpointSpec, EndpointView, EventPage, NodeEventPage, Problems, Replay,
    Replayed, TestSent,
};

operations! {
    /// The JSON Schemas of events.
    #[utoipa::path(get, path = "/v1/events/schema.json", operation_id = "getEventSchema", tag = "events", responses(
        (status = 200, description = "JSON Schema, draft 2020-12; `$defs` has the schema of each type of events",
            content_type = "application/schema+json"),
        Problems,
    ))]
    event_schema;

    /// The events after a cursor, in order for each node. If there are none, the answer may wait for one.
    ///
    /// Keep the cursor of the answer, and ask with it again: no event is passed over. Events are kept for 30 days.
    #[utoipa::path(get, path = "/v1/events", operation_id = "listEvents", tag = "events", params(
        ("after" = Option<String>, Query, description = "The cursor of an earlier answer, or `now`; or else all events"),
        ("limit" = Option<u32>, Query, description = "How many events to read", minimum = 1, maximum = 100),
        ("type" = Option<String>, Query, description = "Only events of this type: `node.online`, or `node.*`"),
        ("node" = Option<String>, Query, description = "Only events of this node", pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("wait_s" = Option<u32>, Query, description = "How long to wait for an event, in seconds", minimum = 0,
            maximum = 20),
    ), responses(
        (status = 200, description = "Events, and the next cursor", body = EventPage),
        Problems,
    ))]
    events;

    /// A page of a node's events, the newest first.
    #[utoipa::path(get, path = "/v1/nodes/{node}/events", operation_id = "listNodeEvents", tag = "events", params(
        ("node" = String, Path, pattern = "^[A-Za-z0-9:_-]{1,64}$"),
        ("limit" = Option<u32>, Query, description = "How many events to read", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "The cursor of the page before"),
    ), responses(
        (status = 200, description = "A page", body = NodeEventPage),
        Problems,
    ))]
    node_events;

    /// All endpoints.
    #[utoipa::path(get, path = "/v1/endpoints", operation_id = "listEndpoints", tag = "endpoints", responses(
        (status = 200, description = "The endpoints", body = EndpointList),
        Problems,
    ))]
    list_endpoints;

    /// Makes an endpoint, or changes it and enables it again.
    ///
    /// A field that is left out stands for all types, or for all sites.
    #[utoipa::path(put, path = "/v1/endpoints/{name}", operation_id = "putEndpoint", tag = "endpoints", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$"),
    ), request_body = EndpointSpec, responses(
        (status = 200, description = "The endpoint is changed; its secret stays", body = EndpointView),
        (status = 201, description = "The endpoint is made. The secret is shown this once", body = EndpointSecret,
            headers(("Location" = String, description = "The path of the endpoint"))),
        Problems,
    ))]
    put_endpoint;

    /// An endpoint.
    #[utoipa::path(get, path = "/v1/endpoints/{name}", operation_id = "getEndpoint", tag = "endpoints", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$"),
    ), responses(
        (status = 200, description = "The endpoint", body = EndpointView),
        Problems,
    ))]
    endpoint;

    /// Removes an endpoint. What is on its way to it is dropped.
    #[utoipa::path(delete, path = "/v1/endpoints/{name}", operation_id = "removeEndpoint", tag = "endpoints", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$"),
    ), responses(
        (status = 204, description = "Done"),
        Problems,
    ))]
    remove_endpoint;

    /// Sends an event of the type `rollcall.test` to an endpoint, whichever types it wants.
    #[utoipa::path(post, path = "/v1/endpoints/{name}/test", operation_id = "testEndpoint", tag = "endpoints", params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$"),
    ), responses(
        (status = 202, description = "The event is on its way", body = TestSent),
        Problems,
    ))]
    test_endpoint;

    /// Gives an endpoint a new secret. For 24 hours, events are signed with the secret before as well.
    #[utoipa::path(post, path = "/v1/endpoints/{name}/rotate", operation_id = "rotateEndpoint", tag = "endpoints",
    params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$"),
    ), responses(
        (status = 200, description = "The secret, which is shown this once", body = EndpointSecret),
        Problems,
    ))]
    rotate_endpoint;

    /// The last deliveries of an endpoint.
    #[utoipa::path(get, path = "/v1/endpoints/{name}/deliveries", operation_id = "listDeliveries", tag = "endpoints",
    params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$"),
        ("limit" = Option<u32>, Query, description = "How many deliveries to read", minimum = 1, maximum = 100),
    ), responses(
        (status = 200, description = "The deliveries", body = DeliveryList),
        Problems,
    ))]
    deliveries;

    /// Sends events that happened to an endpoint once more, of those types and sites that it wants.
    ///
    /// One request puts a part of a long replay on its way. The answer then has a cursor: ask again with it.
    #[utoipa::path(post, path = "/v1/endpoints/{name}/replay", operation_id = "replayEvents", tag = "endpoints",
    params(
        ("name" = String, Path, pattern = "^[a-z0-9-]{1,32}$"),
    ), request_body = Replay, responses(
        (status = 202, description = "The events are on their way", body = Replayed),
        Problems,
    ))]
    replay;
}
