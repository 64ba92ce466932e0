//! A connection's life, as API Gateway tells it to the functions: what goes well, what is refused, and what is nonsense.

use rollcall_tests::WRITE_KEY;
use serde_json::{Value, json};

/// Nodes take turns, so that none is busier than a node may be.
const NODES: usize = 1_000;

/// How often each function gets what is nonsense.
const NONSENSE: usize = 6;

/// What an event is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// With this status, and this somewhere in the answer.
    Well(u16, &'static str),
    /// With anything.
    Somehow,
}

/// One event.
pub(crate) struct Call {
    pub(crate) function: &'static str,
    pub(crate) event: Value,
    pub(crate) answered: Answered,
}

/// Whose life it is, and when it begins, in milliseconds since 1970.
pub(crate) struct Life {
    pub(crate) node: String,
    pub(crate) token: String,
    pub(crate) connection: String,
    pub(crate) at: u64,
}

/// Whose the life with this number is.
pub(crate) fn node(number: usize) -> String {
    format!("soak-{}", number % NODES)
}

impl Life {
    /// Everything that happens in it, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = self.connecting();
        calls.extend(self.talking());
        calls.extend(self.leaving());
        calls.extend(self.polling());
        calls.extend(self.legacy());
        calls.extend(self.managing());
        calls.extend(self.telling());
        calls.extend(self.nonsense());
        calls
    }

    fn connecting(&self) -> Vec<Call> {
        let asked = |token: &str| {
            let arn = "arn:aws:execute-api:us-east-1:123456789012:api/local/$connect";
            let headers = json!({ "Authorization": format!("Bearer {token}") });
            let context = self.context("CONNECT", "$connect", 0);
            json!({ "type": "REQUEST", "methodArn": arn, "headers": headers, "requestContext": context })
        };
        let event = self.proxied("CONNECT", "$connect", 1, Value::Null);
        let mut older = event.clone();
        older["requestContext"]["connectedAt"] = json!(self.at - 86_400_000);
        older["requestContext"]["connectionId"] = json!("b2xkZXI=");
        vec![
            well("authorize", asked(&self.token), 0, "principalId"),
            somehow("authorize", asked("nonsense")),
            somehow("authorize", asked(&self.token.replace('.', ".x"))),
            well("connect", event.clone(), 200, ""),
            somehow("connect", older),
            somehow("connect", unsigned(event)),
        ]
    }

    fn talking(&self) -> Vec<Call> {
        let say = |after, body: &str| self.proxied("MESSAGE", "check-in", after, json!(body));
        let full = r#"{"type":"check-in","seq":2,"firmware":"1.2.3","health":{"uptime_s":86400,"clients":9}}"#;
        let idle = r#"{"type":"check-in","seq":1}"#;
        vec![
            well("check-in", say(2, idle), 200, "ack"),
            well("check-in", say(3, full), 200, "ack"),
            somehow("check-in", say(4, idle)),
            somehow("check-in", say(5, r#"{"type":"check-in","seq":"#)),
            somehow("check-in", say(6, r#"{"type":"nonsense"}"#)),
            somehow("check-in", say(7, r#"{"type":"config"}"#)),
            somehow("check-in", say(8, r#"{"type":"firmware-url","version":"9"}"#)),
            somehow("check-in", unsigned(say(9, idle))),
        ]
    }

    fn leaving(&self) -> Vec<Call> {
        let event = self.proxied("DISCONNECT", "$disconnect", 10, Value::Null);
        vec![
            well("disconnect", event.clone(), 200, ""),
            somehow("disconnect", event.clone()),
            somehow("disconnect", unsigned(event)),
        ]
    }

    fn polling(&self) -> Vec<Call> {
        let ask = |bearer: &str, method: &str, path: &str, body: &str| self.http(11, bearer, method, path, body);
        let check_in = |bearer: &str, body: &str| ask(bearer, "POST", "/v1/check-in", body);
        vec![
            well("poll", check_in(&self.token, r#"{"type":"check-in","seq":1}"#), 200, "ack"),
            somehow("poll", check_in("nonsense", "{}")),
            somehow("poll", check_in(&self.token, "{")),
            somehow("poll", ask(&self.token, "GET", &format!("/v1/configs/{}", "0".repeat(64)), "")),
        ]
    }

    fn managing(&self) -> Vec<Call> {
        let ask = |bearer: &str, method: &str, path: &str, body: &str| self.http(12, bearer, method, path, body);
        let node = format!("/v1/nodes/{}", self.node);
        let config = format!("{node}/config");
        let document = json!({ "ssid": "soak", "channel": self.at / 1_000 % 11 }).to_string();
        vec![
            well("console", ask(WRITE_KEY, "GET", &node, ""), 200, "soak"),
            well("console", ask(WRITE_KEY, "PUT", &config, &document), 200, "version"),
            somehow("console", ask(WRITE_KEY, "PUT", &config, "{")),
            somehow("console", ask("nonsense", "GET", "/v1/nodes", "")),
            somehow("console", ask(WRITE_KEY, "GET", "/v1/nothing", "")),
        ]
    }

    /// What no request causes: a schedule, a stream and a queue.
    fn telling(&self) -> Vec<Call> {
        let written = json!({
            "Keys": {"pk": {"S": format!("node#{}", self.node)}, "sk": {"S": "node"}},
            "NewImage": {"cv": {"N": "1"}, "m": {"S": ""}},
            "SequenceNumber": self.at.to_string(), "ApproximateCreationDateTime": self.at / 1_000,
        });
        let unreadable = json!({"Keys": {}, "SequenceNumber": "1"});
        let record = |written: Value| json!({"Records": [{"eventName": "MODIFY", "dynamodb": written}]});
        let told = json!({"id": "1.0", "type": "node.online", "subject": self.node, "data": {}});
        let body = json!({"endpoint": "nobody", "event": told}).to_string();
        let message = json!({
            "messageId": self.connection, "receiptHandle": "soak", "body": body, "md5OfBody": "", "messageAttributes": {},
            "attributes": {"MessageGroupId": format!("nobody/{}", self.node), "ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:soak", "awsRegion": "us-east-1",
        });
        vec![
            well("sweep", json!({"detail-type": "Scheduled Event"}), 0, "expired"),
            well("feed", record(written), 0, "batchItemFailures"),
            somehow("feed", record(unreadable)),
            well("deliver", json!({ "Records": [message] }), 0, "batchItemFailures"),
        ]
    }

    /// Polls of a legacy endpoint that is dead: Rollcall answers for it, and can't for who is not known.
    fn legacy(&self) -> Vec<Call> {
        let poll = |node: &str| {
            let mut event = self.http(12, "", "GET", "/checkin", "");
            event["rawQueryString"] = json!(format!("id={node}"));
            event
        };
        vec![
            well("cutover", poll(&self.node), 200, "soak-"),
            well("cutover", poll("nobody"), 502, ""),
            somehow("cutover", poll("not an id")),
        ]
    }

    /// What costs a function the least, and a stranger nothing.
    fn nonsense(&self) -> Vec<Call> {
        let unsigned = |event_type, route, body| unsigned(self.proxied(event_type, route, 13, body));
        let calls = [
            ("authorize", unsigned("CONNECT", "$connect", Value::Null)),
            ("connect", unsigned("CONNECT", "$connect", Value::Null)),
            ("check-in", self.proxied("MESSAGE", "check-in", 13, json!("nonsense"))),
            ("disconnect", unsigned("DISCONNECT", "$disconnect", Value::Null)),
            ("poll", self.http(13, "nonsense", "POST", "/v1/check-in", "")),
            ("console", self.http(13, "nonsense", "GET", "/v1/nodes", "")),
            ("feed", json!({"Records": 7})),
            ("deliver", json!({"Records": 7})),
        ];
        let repeated = std::iter::repeat_n(calls, NONSENSE).flatten();
        repeated.map(|(function, event)| somehow(function, event)).collect()
    }

    /// An event of the WebSocket API, so many milliseconds after the life began.
    #[expect(clippy::needless_pass_by_value, reason = "callers make it on the spot")]
    fn proxied(&self, event_type: &str, route: &str, after: u64, body: Value) -> Value {
        let context = self.context(event_type, route, after);
        json!({ "headers": {}, "requestContext": context, "body": body, "isBase64Encoded": false })
    }

    fn context(&self, event_type: &str, route: &str, after: u64) -> Value {
        json!({
            "routeKey": route, "eventType": event_type, "connectionId": self.connection, "connectedAt": self.at,
            "requestTimeEpoch": self.at + after, "requestId": "soak", "extendedRequestId": "soak",
            "requestTime": "15/Jan/2027:08:00:00 +0000", "messageDirection": "IN", "stage": "local", "apiId": "soak",
            "domainName": "127.0.0.1", "identity": { "sourceIp": "127.0.0.1" }, "disconnectStatusCode": 1001,
            "authorizer": { "principalId": self.node, "node": self.node, "cv": "1", "integrationLatency": 1 },
        })
    }

    /// An event of the HTTP API.
    fn http(&self, after: u64, bearer: &str, method: &str, path: &str, body: &str) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": { "authorization": format!("Bearer {bearer}"), "content-type": "application/json" },
            "requestContext": {
                "accountId": "123456789012", "apiId": "soak", "domainName": "127.0.0.1", "domainPrefix": "soak",
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "soak",
                },
                "requestId": "soak", "routeKey": "$default", "stage": "$default",
                "time": "15/Jan/2027:08:00:00 +0000", "timeEpoch": self.at + after,
            },
            "body": body, "isBase64Encoded": false,
        })
    }
}

/// The same without what the authorizer says: an event that our API can't have made.
fn unsigned(mut event: Value) -> Value {
    event["requestContext"]["authorizer"] = json!({});
    event
}

fn well(function: &'static str, event: Value, status: u16, with: &'static str) -> Call {
    Call { function, event, answered: Answered::Well(status, with) }
}

fn somehow(function: &'static str, event: Value) -> Call {
    Call { function, event, answered: Answered::Somehow }
}
