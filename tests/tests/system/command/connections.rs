//! Where `rollcall up` serves `@connections`.

use rollcall_tests::{Http, Socket, Up, User, free_port};
use rollcall_wire::ByeReason;
use serde_json::json;

#[tokio::test]
async fn connections_are_served_at_the_port_that_was_chosen_and_functions_reach_nodes_there() {
    let user = User::new();
    let port = free_port();
    let program = user.start(&user.up(&["--connections-port", &port.to_string()]));
    let up = Up::of(&program).await;
    assert_eq!(up.connections, format!("http://127.0.0.1:{port}/local"));
    let mut first = user.socket(&up, "ap-1").await;
    let _second = user.socket(&up, "ap-1").await;
    assert_eq!(first.dismissed(true).await, Some(ByeReason::Superseded));
    assert!(Socket::open(&format!("ws://127.0.0.1:{port}/local"), &user.token("ap-1").await).await.is_err());
    let (path, shared) = ("/@connections/none%3D", up.ws.replace("ws://", "http://"));
    for url in [&up.connections, &shared] {
        let unsigned = Http::new(url.clone(), "").get(path).await;
        let refused = json!({"message": "Missing Authentication Token"});
        assert_eq!((unsigned.status, unsigned.json()), (403, refused), "{url}");
        let signed = [("authorization", "AWS4-HMAC-SHA256 Credential=x")];
        assert_eq!(Http::new(url.clone(), "").send_with("GET", path, &signed, "").await.status, 410, "{url}");
    }
}
