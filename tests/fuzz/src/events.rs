//! Events of API Gateway, through everything that the functions do with them, on a store in memory.

mod answers;
mod contract;
mod edges;
mod world;

use aws_lambda_events::apigw::{
    ApiGatewayV2httpRequest, ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext as Context,
};
use rollcall_aws::{Headed, close_code, instance, request, socket};
use rollcall_core::Timestamp;
use rollcall_service::http::Request;
use rollcall_service::{SUBPROTOCOL_HEADER, Socket, connect, disconnect, unknown_connection};
use serde::de::DeserializeOwned;

use crate::now::now;
use crate::{Outcomes, kind};
use edges::Fault;
use world::World;

/// How many events an input has at most.
const EVENTS: usize = 64;

/// Lines, of which each is an event for a function: its word, a space, and the event's JSON. All of them come to the
/// same nodes, in this order. In an event, `TOKEN` stands for a valid token of the node `ap-1`, and `CURSOR` for the
/// last cursor that the console gave. The other lines:
///
/// * `closed` at the beginning: registration is closed.
/// * `now MS`: the clock of the functions shows this from now on.
/// * `fault WORD`: the next request to the table fails; see `Fault`.
///
/// The keys of the console are `w` for writing and `r` for reading.
pub fn events(data: &[u8]) -> Outcomes {
    let text = String::from_utf8_lossy(data);
    let mut world = World::new(text.starts_with("closed"));
    let mut outcomes = vec![];
    for line in text.lines().take(EVENTS) {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let json = world.fill_in(rest);
        world.begin();
        let outcome = match kind {
            "connect" => on_socket::<Headed<ApiGatewayWebsocketProxyRequest>>(&world, &json, connects),
            "message" => on_socket::<ApiGatewayWebsocketProxyRequest>(&world, &json, says),
            "disconnect" => on_socket::<ApiGatewayWebsocketProxyRequest>(&world, &json, leaves),
            "poll" => by_http(&mut world, &json, polls),
            "console" => by_http(&mut world, &json, asks),
            "now" => {
                world.now = rest.trim().parse().map_or(world.now, Timestamp);
                continue;
            }
            "fault" => {
                world.store.fail_next(Fault::named(rest.trim()));
                continue;
            }
            _ => continue,
        };
        world.check();
        outcomes.push(format!("{kind}: {outcome}"));
    }
    outcomes
}

/// The JSON of an event of a WebSocket.
trait OnSocket: DeserializeOwned {
    fn event(self) -> ApiGatewayWebsocketProxyRequest;
}

impl OnSocket for ApiGatewayWebsocketProxyRequest {
    fn event(self) -> ApiGatewayWebsocketProxyRequest {
        self
    }
}

impl OnSocket for Headed<ApiGatewayWebsocketProxyRequest> {
    fn event(self) -> ApiGatewayWebsocketProxyRequest {
        self.0
    }
}

/// Reads an event of a WebSocket as its function does, and handles it.
fn on_socket<Event: OnSocket>(
    world: &World,
    json: &str,
    handle: fn(&World, &Socket, ApiGatewayWebsocketProxyRequest) -> String,
) -> String {
    let event = match serde_json::from_str::<Event>(json) {
        Ok(event) => event.event(),
        Err(error) => return format!("unreadable, {}", kind(&error.to_string())),
    };
    match socket(&event.request_context, world.now) {
        Ok(socket) => {
            identified(&socket, &event.request_context);
            handle(world, &socket, event)
        }
        Err(error) => {
            let answer = unknown_connection();
            answers::frame(answer.body.as_deref().expect("a frame"));
            kind(&error.to_string())
        }
    }
}

/// Checks that the socket is the one of the event.
fn identified(socket: &Socket, context: &Context) {
    assert_eq!(Some(socket.connection.id.as_str()), context.connection_id.as_deref());
    assert_eq!(context.authorizer.fields["node"], socket.node.as_str());
    assert_eq!(i64::try_from(socket.at.0), Ok(context.request_time_epoch));
}

#[expect(clippy::needless_pass_by_value, reason = "an event is handled once")]
fn connects(world: &World, socket: &Socket, event: ApiGatewayWebsocketProxyRequest) -> String {
    let offered = event.headers.get(SUBPROTOCOL_HEADER).map(|offered| offered.to_str().unwrap_or_default());
    let (store, sockets) = (&world.store, &world.sockets);
    let answer = now(connect(socket, instance(&event), offered, store, sockets, &world.policy));
    let allowed = [200, 400, 403, 409, 429].contains(&answer.status_code);
    assert!(allowed || (answer.status_code == 503 && world.store.failed()), "{answer:?}");
    assert_eq!(answer.body, None);
    answer.status_code.to_string()
}

fn says(world: &World, socket: &Socket, event: ApiGatewayWebsocketProxyRequest) -> String {
    let text = event.body.unwrap_or_default();
    let answer = now(world.polls.check_ins.message(socket, &text, &world.sockets));
    assert_eq!(answer.status_code, 200, "API Gateway passes on no frame with another status");
    answer
        .body
        .map_or_else(|| "nothing".to_owned(), |frame| answers::said(&answers::frame(&frame), world.store.failed()))
}

fn leaves(world: &World, socket: &Socket, event: ApiGatewayWebsocketProxyRequest) -> String {
    let (code, reason) = (close_code(&event.request_context), event.request_context.disconnect_reason);
    let answer = now(disconnect(socket, code, reason, &world.store, &world.policy));
    assert!(answer.status_code == 200 || (answer.status_code == 503 && world.store.failed()), "{answer:?}");
    answer.status_code.to_string()
}

/// Reads a request of the HTTP API as the functions do, and handles it.
fn by_http(world: &mut World, json: &str, handle: fn(&mut World, &Request) -> String) -> String {
    let event = match serde_json::from_str::<Headed<ApiGatewayV2httpRequest>>(json) {
        Ok(Headed(event)) => event,
        Err(error) => return format!("unreadable, {}", kind(&error.to_string())),
    };
    match request(event, world.now) {
        Ok(request) => handle(world, &request),
        Err(error) => kind(&error.to_string()),
    }
}

fn polls(world: &mut World, request: &Request) -> String {
    let answer = now(world.polls.handle(request));
    answers::poll(request, &answer, world.store.failed())
}

fn asks(world: &mut World, request: &Request) -> String {
    let answer = now(world.console.handle(request));
    let may_fail = world.store.failed() || world.sockets.failed();
    let outcome = contract::check(request, &answer, may_fail);
    world.remember_cursor(&answer);
    outcome
}
