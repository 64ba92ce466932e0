//! The embedded DynamoDB and S3 refuse requests of web pages, and only their owner may read their files.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rollcall_aws::{LOCAL_REGION, create_tables, local_credentials, local_dynamo_client, presign};
use rollcall_core::Timestamp;
use rollcall_stack::{EmbeddedDynamo, EmbeddedS3, listen};

const BUCKET: &str = "images";

fn port() -> TcpListener {
    listen(0, "a test", "none").unwrap()
}

/// The answer of an HTTP server to `request`, in lower case.
fn ask(stream: &mut TcpStream, request: &str) -> String {
    use std::io::{Read as _, Write as _};
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 16 * 1024];
    let size = stream.read(&mut answer).unwrap();
    String::from_utf8(answer[..size].to_vec()).unwrap().to_ascii_lowercase()
}

/// Headers of web pages, and of clients that reach this machine under a name that is not its own.
const STRANGERS: [&str; 6] = [
    "Host: 127.0.0.1\r\nOrigin: http://evil.example",
    "Host: localhost\r\nOrigin: null",
    "Host: localhost\r\nOrigin: http://localhost",
    "Host: evil.example",
    "Host: 127.0.0.1.evil.example:8000",
    "Host: localhost:8000@evil.example",
];

fn assert_closed_to_strangers(url: &str) {
    let address = url.strip_prefix("http://").unwrap();
    for stranger in STRANGERS {
        for method in ["POST", "GET", "OPTIONS"] {
            let mut stream = TcpStream::connect(address).unwrap();
            let more = "Access-Control-Request-Method: POST\r\nContent-Length: 0";
            let answer = ask(&mut stream, &format!("{method} / HTTP/1.1\r\n{stranger}\r\n{more}\r\n\r\n"));
            let refused = answer.starts_with("http/1.1 403 ") || answer.starts_with("http/1.1 400 ");
            assert!(refused && !answer.contains("access-control"), "{method} {stranger}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_engine_serves_programs_and_refuses_web_pages() {
    let engine = EmbeddedDynamo::start(port(), None).unwrap();
    create_tables(&local_dynamo_client(&engine.url()), "table").await.unwrap();
    assert_closed_to_strangers(&engine.url());
}

#[tokio::test]
async fn every_request_on_one_connection_to_the_engine_is_checked() {
    let engine = EmbeddedDynamo::start(port(), None).unwrap();
    let mut stream = TcpStream::connect(engine.url().strip_prefix("http://").unwrap()).unwrap();
    for _ in 0..2 {
        assert!(ask(&mut stream, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("http/1.1 200 "));
    }
    let answer = ask(&mut stream, "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n");
    assert!(answer.starts_with("http/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn s3_serves_programs_and_refuses_web_pages() {
    let s3 = EmbeddedS3::start(port(), None, BUCKET).unwrap();
    assert!(put(&s3.url(), "a").await.is_success());
    let url = s3.url();
    tokio::task::spawn_blocking(move || assert_closed_to_strangers(&url)).await.unwrap();
}

async fn put(s3: &str, key: &str) -> http::StatusCode {
    let now = Timestamp(u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
    let url = presign("PUT", &format!("{s3}/{BUCKET}/{key}"), LOCAL_REGION, local_credentials(), now, 60).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = http::Request::put(url).body(Full::from("an image")).unwrap();
    client.request(request).await.unwrap().status()
}

fn add_modes(folder: &Path, modes: &mut Vec<(String, u32)>) {
    modes.push((folder.display().to_string(), fs::metadata(folder).unwrap().permissions().mode() & 0o777));
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_modes(&path, modes);
        } else {
            modes.push((path.display().to_string(), fs::metadata(&path).unwrap().permissions().mode() & 0o777));
        }
    }
}

fn assert_private(folder: &Path) -> usize {
    let mut modes = Vec::new();
    add_modes(folder, &mut modes);
    for (path, mode) in &modes {
        assert!(mode.trailing_zeros() >= 6, "others may use {path}: its mode is {mode:o}");
    }
    modes.len()
}

fn loosen(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            loosen(&path);
        } else {
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        }
    }
}

#[tokio::test]
async fn only_its_owner_may_use_a_data_folder_even_if_its_modes_were_loosened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    for time in 1..=2 {
        let mut engine = EmbeddedDynamo::start(port(), Some(&data)).unwrap();
        create_tables(&local_dynamo_client(&engine.url()), &format!("table{time}")).await.unwrap();
        let s3 = EmbeddedS3::start(port(), Some(&data), BUCKET).unwrap();
        assert!(put(&s3.url(), "deep/down/image").await.is_success());
        for file in ["dynamodb.sqlite", "dynamodb.sqlite-wal", "dynamodb.sqlite-shm"] {
            assert!(data.join(file).exists(), "SQLite has no {file} any more");
        }
        // At least: the folder, the lock, the engine's file and two of SQLite, S3's folder, the bucket, two folders in
        // it and the image. The S3 library adds files of its own.
        assert!(assert_private(&data) >= 10);
        s3.stop().await;
        engine.stop();
        loosen(&data);
    }
}

#[tokio::test]
async fn a_folder_that_holds_other_things_keeps_its_mode_and_gets_private_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("theirs"), "").unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path().join("theirs"), Permissions::from_mode(0o644)).unwrap();
    let _engine = EmbeddedDynamo::start(port(), Some(folder.path())).unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(""), mode("theirs"), mode("dynamodb.sqlite"), mode("lock")], [0o755, 0o644, 0o600, 0o600]);
}
