//! Examples for the document: what requests send, and what they get.

use serde_json::Value;
use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{OpenApi, RefOr};

/// Adds the examples to the document.
pub(super) struct Examples;

/// A configuration, which may be any JSON.
const CONFIGURATION: &str = r#"{"channel": 36, "ssid": "guest"}"#;

/// Declares the examples, each as JSON after the type that it is for. They are kept as text, which takes the least
/// space in the binary.
macro_rules! examples {
    ($($type:ident: $json:literal,)*) => {
        /// The name of each schema that has an example, and the example.
        pub(super) const EXAMPLES: &[(&str, &str)] = &[$((stringify!($type), $json),)*];

        #[cfg(test)]
        mod tests {
            use rollcall_cutover::Mapping;
            use rollcall_wire::console::*;
            use serde_json::Value;

            #[test]
            fn every_example_is_of_its_type_and_complete() {
                $({
                    let read = serde_json::from_str::<$type>($json);
                    let read = read.unwrap_or_else(|error| panic!("{}: {error}", stringify!($type)));
                    let written = serde_json::to_value(read).expect("JSON");
                    let given: Value = serde_json::from_str($json).expect("JSON");
                    assert_eq!(written, given, "{}", stringify!($type));
                })*
            }
        }
    };
}

impl Modify for Examples {
    fn modify(&self, openapi: &mut OpenApi) {
        if let Some(components) = openapi.components.as_mut() {
            for (name, json) in EXAMPLES {
                if let Some(RefOr::T(Schema::Object(schema))) = components.schemas.get_mut(*name) {
                    schema.examples.extend(serde_json::from_str::<Value>(json).ok());
                }
            }
        }
        let puts = openapi.paths.paths.values_mut().filter_map(|item| item.put.as_mut());
        for put in puts {
            show_configuration(put);
        }
    }
}

/// Adds the example of a configuration to an operation that sets one: its body is the only one without a named schema.
fn show_configuration(put: &mut Operation) {
    let Some(RefOr::T(body)) = put.request_body.as_mut() else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(content) = content
            && !matches!(content.schema, Some(RefOr::Ref(_)))
        {
            content.example = serde_json::from_str(CONFIGURATION).ok();
        }
    }
}

examples! {
    NodeSpec: r#"{"site": "hq", "model": "ax-2", "tags": ["roof"], "credential_version": 1, "name": "Lobby, east",
        "labels": {"floor": "3"}}"#,
    NodePatch: r#"{"site": null, "model": "ax-3", "labels": {"floor": "4", "rack": null}}"#,
    BatchNode: r#"{"node": "ap-1", "site": "hq", "tags": ["roof"]}"#,
    BatchResult: r#"{"node": "ap-1", "status": 200}"#,
    NodeImport: r#"{"node": "ap-1", "site": "hq", "model": "ax-2", "tags": ["roof"], "credential_version": 2,
        "revoked": false, "config": {"channel": 36, "ssid": "guest"}, "firmware": "2.5.0", "name": "Lobby, east",
        "labels": {"floor": "3"}}"#,
    ImportResult: r#"{"node": "ap-1", "status": 200, "changed": ["registered", "site", "config"]}"#,
    RenumberNode: r#"{"node": "ap-1"}"#,
    Mapping: r#"{"application": {"url": "https://old.example.com", "timeout_s": 10},
        "request": {"methods": ["GET"], "path": "/checkin", "node": "query:mac", "node_format": "mac",
        "config": "query:config"}, "config": {"name": "{{ config.version }}"},
        "answer": {"status": "200", "headers": {"content-type": "text/plain"},
        "body": "{% if config %}{{ config.text }}{% else %}OK{% endif %}"}}"#,
    CutoverModeSpec: r#"{"mode": "serve", "percent": "10"}"#,
    CutoverView: r#"{"rules": [{"mode": "observe", "percent": "10", "shifted": "serve"}]}"#,
    RolloutSpec: r#"{"select": "site=hq model=ax-2", "change": {"config": {"channel": 36, "ssid": "guest"}},
        "waves": [{"nodes": 5}, {"percent": 10}, {"percent": 100}],
        "gate": {"wait_s": 900, "failure_percent": 5, "on_failure": "roll-back"},
        "retry": [{"code": "wrong-hash", "times": 3, "wait_s": 60}]}"#,
    DriftReport: r#"{"compared": 5000, "missing": 12, "unknown": 0, "changed": 3, "stale": 1}"#,
    PresenceView: r#"{"state": "silent", "since_ms": 1757000600000, "reason": "check-ins-missed"}"#,
    NodeView: r#"{"node": "ap-1", "presence": {"state": "online", "since_ms": 1757000000000, "reason": "connected"},
        "online": true, "since_ms": 1757000000000, "last_seen_ms": 1757000060000,
        "last_check_in_ms": 1757000060000, "connection": {"opened_at_ms": 1757000000000, "closed": null},
        "polling": false, "site": "hq", "model": "ax-2", "tags": ["roof"], "name": "Lobby, east",
        "labels": {"floor": "3"}, "credential_version": 1, "revoked": false,
        "firmware": "2.4.1", "desired": {"version": 7,
        "sha256": "71e44fb6f33a6a4ca512dfb701d2a57e644ddb44472bcb5044597ec1e2d7a5f8", "origin": "site"},
        "reported": {"version": 7, "status": "applied"}, "config": "applied", "desired_firmware": "2.5.0",
        "update": {"version": "2.5.0", "status": "downloading"}, "firmware_update": "downloading",
        "open_commands": 0, "takeovers": null, "health": {"uptime_s": 86400, "load_percent": 12,
        "memory_free_kib": 20480, "clients": 9}, "budget": null}"#,
    ConfigSet: r#"{"node": "ap-1", "version": 7,
        "sha256": "71e44fb6f33a6a4ca512dfb701d2a57e644ddb44472bcb5044597ec1e2d7a5f8", "delivery": "pushed"}"#,
    ConfigView: r#"{"status": "pending", "desired": {"version": 7,
        "sha256": "71e44fb6f33a6a4ca512dfb701d2a57e644ddb44472bcb5044597ec1e2d7a5f8", "origin": "node"},
        "document": {"channel": 36, "ssid": "guest"}, "reported": {"version": 6, "status": "applied"},
        "applied": {"version": 6, "sha256": "b65e17be398199ee4476fc306557bf29c8d4a6ea21fe88c7cb74d72ee811e9dc",
        "document": {"channel": 40, "ssid": "guest"}},
        "difference": [{"op": "replace", "path": "/channel", "value": 36}]}"#,
    SiteConfigSet: r#"{"pushed": 12, "pending": 2, "unchanged": 0, "kept": 1, "kept_nodes": ["ap-7"], "failed": []}"#,
    ConfigUnset: r#"{"node": "ap-1", "version": 8, "changed": true, "applied": 7}"#,
    ConfigVersionView: r#"{"version": 7, "sha256": "71e44fb6f33a6a4ca512dfb701d2a57e644ddb44472bcb5044597ec1e2d7a5f8",
        "state": "applied", "runs": true, "origin": "site", "set_at_ms": 1757000000000, "actor": "deploy"}"#,
    RollingBack: r#"{"to": 6}"#,
    RolledBack: r#"{"node": "ap-1", "from": 7, "to": 6, "version": 8,
        "sha256": "b65e17be398199ee4476fc306557bf29c8d4a6ea21fe88c7cb74d72ee811e9dc", "delivery": "pushed"}"#,
    CommandSpec: r#"{"name": "led", "args": {"on": true}, "expires_in_s": 60}"#,
    CommandView: r#"{"command": 3, "name": "led", "args": {"on": true}, "state": "sent",
        "queued_at_ms": 1757000000000, "expires_at_ms": 1757000060000, "sent_at_ms": 1757000000012,
        "ended_at_ms": null, "output": null}"#,
    FirmwareSpec: r#"{"object_key": "ax-2/2.5.0/ax.bin", "size": 8123456,
        "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "signature": "c2lnbmF0dXJl"}"#,
    FirmwareView: r#"{"object_key": "ax-2/2.5.0/ax.bin", "size": 8123456,
        "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "signature": "c2lnbmF0dXJl",
        "deltas": [{"from": "2.4.1", "size": 312004}]}"#,
    DeltaSpec: r#"{"object_key": "ax-2/2.5.0/from-2.4.1.delta", "size": 312004,
        "sha256": "e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317"}"#,
    DeltaView: r#"{"from": "2.4.1", "size": 312004}"#,
    FirmwareWish: r#"{"version": "2.5.0"}"#,
    FirmwareSet: r#"{"node": "ap-1", "version": "2.5.0", "delivery": "pending"}"#,
    ModelSpec: r#"{"minimum_version": "2.4.0", "public_key": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
        "signature_required": true}"#,
    ModelPatch: r#"{"minimum_version": "2.5.0"}"#,
    ModelView: r#"{"model": "ax-2", "minimum_version": "2.4.0",
        "public_key": "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=", "signature_required": true}"#,
    EndpointSpec: r#"{"url": "https://app.example.com/rollcall", "types": ["node.*"], "site": "hq"}"#,
    EndpointSecret: r#"{"name": "crm", "url": "https://app.example.com/rollcall",
        "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "before_until_ms": 1757086400000}"#,
    EndpointView: r#"{"name": "crm", "url": "https://app.example.com/rollcall", "types": ["node.*"], "site": "hq",
        "select": null, "created_at_ms": 1757000000000, "disabled": null, "failing_since_ms": null, "rotating_until_ms": null, "signature": "v1",
        "public_key": null}"#,
    Replay: r#"{"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T13:00:00Z"}"#,
    Replayed: r#"{"queued": 120}"#,
    TestSent: r#"{"event": "test-1757000000000-5f3a9c21"}"#,
    DeliveryView: r#"{"event": "00017.0", "type": "node.online", "subject": "ap-1", "state": "retrying", "tries": 2,
        "tried_at_ms": 1757000005000, "status": 503, "error": null, "answer": "busy\\r\\n",
        "next_try_at_ms": 1757000305000}"#,
    HealthView: r#"{"table": "ok"}"#,
    Problem: r#"{"type": "about:blank", "title": "Precondition Failed", "status": 412, "code": "version-mismatch",
        "detail": "the node's configuration is at version 7", "current_version": 7}"#,
}
