//! A Lambda function that does what its payload says, for the tests of the process host.
// It panics on request, and reads its environment as any function does.
#![allow(clippy::panic, clippy::disallowed_methods)]

use std::{
    collections::BTreeMap,
    env,
    io::{Read, Write},
    net::TcpStream,
    process,
    time::Duration,
};

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "probe starts")?;
    match env::var("PROBE_INIT").as_deref() {
        Ok("exit") => {
            writeln!(stderr, "no table given")?;
            process::exit(7);
        }
        Ok("report") => report_init_error()?,
        _ => {}
    }
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let LambdaEvent { payload, context } = event;
    Ok(match payload["do"].as_str().unwrap_or_default() {
        "panic" => panic!("the probe was told to panic"),
        "fail" => {
            let error_message = "the probe was told to fail".into();
            return Err(Diagnostic { error_type: "Probe.Failed".into(), error_message });
        }
        "exit" => process::exit(3),
        "sleep" => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Value::Null
        }
        "print" => {
            let _ = writeln!(std::io::stdout(), "to stdout");
            let _ = writeln!(std::io::stderr(), "to stderr");
            Value::Null
        }
        "large" => "x".repeat(7 * 1024 * 1024).into(),
        "pid" => process::id().into(),
        "environment" => json!(env::vars().collect::<BTreeMap<_, _>>()),
        "context" => json!({
            "requestId": context.request_id,
            "deadline": context.deadline,
            "arn": context.invoked_function_arn,
            "trace": context.xray_trace_id,
        }),
        "wait" => {
            wait(&payload);
            process::id().into()
        }
        _ => payload,
    })
}

/// Connects to the port in the payload, sends the process id, and waits until it receives something.
fn wait(payload: &Value) {
    let port = payload["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return;
    };
    let _ = stream.write_all(&process::id().to_be_bytes());
    let _ = stream.read(&mut [0]);
}

/// Reports an error of the initialization, as a runtime does whose handler can't be loaded.
fn report_init_error() -> Result<(), Error> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API")?;
    let api = api.trim_start_matches("http://");
    let (address, base) = api.split_once('/').unwrap_or((api, ""));
    let body = r#"{"errorType":"Probe.NoHandler","errorMessage":"there is no handler"}"#;
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /{base}/2018-06-01/runtime/init/error HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let _ = stream.read(&mut [0; 256])?;
    loop {
        std::thread::park();
    }
}
