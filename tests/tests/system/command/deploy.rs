//! `rollcall deploy`, and `rollcall up` with functions elsewhere, as far as that needs no Lambda.

use rollcall_tests::{Up, User, free_port, problem};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::test]
async fn development_keys_are_deployed_to_this_machine_only() {
    let user = User::new();
    // An address that is loopback to the system, and not to whoever reads it.
    let elsewhere = format!("http://0.0.0.0:{}", free_port());
    let functions = user.functions().to_string_lossy().into_owned();
    let deploy = ["deploy", "--endpoint-url", &elsewhere, "--functions", &functions];
    let (token_keys, console_keys) = ("ROLLCALL_TOKEN_KEYS", "ROLLCALL_CONSOLE_KEYS");
    // RFC 8037, appendix A.2.
    let public = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "2026-09",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let told = |key: &serde_json::Value| format!("{token_keys}={}", json!({ "keys": [key] }));
    for (given, missing) in [
        (&[][..], "with --env ROLLCALL_TOKEN_KEYS=… and --env ROLLCALL_CONSOLE_KEYS=…"),
        (&[token_keys], "with --env ROLLCALL_CONSOLE_KEYS=…"),
        (&[console_keys], "with --env ROLLCALL_TOKEN_KEYS=…"),
    ] {
        let given: Vec<_> = given.iter().flat_map(|name| ["--env".to_owned(), format!("{name}=its own")]).collect();
        let arguments: Vec<_> = deploy.iter().map(ToString::to_string).chain(given).collect();
        let refused = user.run(&arguments).await;
        let said = problem(&refused);
        assert!(said.contains("development keys") && said.ends_with(missing), "{said}");
    }
    let deployed = async |token_keys: &str| {
        let both = ["--env", token_keys, "--env", "ROLLCALL_CONSOLE_KEYS=its own"];
        problem(&user.run(&[&deploy[..], &both].concat()).await)
    };
    let said = deployed(&told(&public)).await;
    assert!(said.contains("DynamoDB refused to create the table"), "with keys of its own, it is tried: {said}");
    let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let mut private = public.clone();
    private["d"] = json!(secret);
    let symmetric = json!({"kty": "oct", "alg": "HS256", "kid": "2026-09", "k": secret});
    let mut short = public.clone();
    short["x"] = json!("11qYAYKx");
    for (token_keys, reason) in [
        (told(&private), "key \"2026-09\" has its private part with it (d)"),
        (told(&symmetric), "2026-09 would let whoever reads a function's configuration sign tokens"),
        (told(&short), "key \"2026-09\" has an x that is not 32 bytes"),
        (format!("{token_keys}={secret}"), "not a JWK set"),
        (format!("{token_keys}="), "not a JWK set"),
    ] {
        let said = deployed(&token_keys).await;
        assert!(said.contains("ROLLCALL_TOKEN_KEYS") && said.contains(reason), "{token_keys}: {said}");
        assert!(
            !said.contains(secret) && !said.contains("DynamoDB"),
            "it is not repeated, and nothing is made: {said}"
        );
    }
}

#[tokio::test]
async fn where_nothing_but_invoke_is_served_the_table_is_taken_for_the_default() {
    let user = User::new();
    let server = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", server.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    let up = ["up", "--ws-port", "0", "--http-port", "0", "--backend", "lambda", "--endpoint-url", &url];
    let program = user.start(&up);
    assert_eq!(Up::of(&program).await.table, "rollcall");
}
