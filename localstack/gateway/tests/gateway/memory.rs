//! The memory of an idle connection. The test measures a whole process, so it runs in a process of its own.

use crate::support::{functions, gateway, soon};
use rollcall_gateway::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const CONNECTIONS: usize = 3000;

#[test]
fn an_idle_connection_costs_less_than_20_kib() {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    let alone = alone.args(["--exact", "memory::idle_connections_alone_in_a_process", "--ignored"]).output().unwrap();
    let output = String::from_utf8_lossy(&alone.stdout).into_owned() + &String::from_utf8_lossy(&alone.stderr);
    assert!(alone.status.success() && output.contains("1 passed"), "{output}");
}

#[tokio::test]
#[ignore = "an_idle_connection_costs_less_than_20_kib runs it, in a process of its own"]
async fn idle_connections_alone_in_a_process() {
    let (functions, record) = functions();
    // Without this the record would be measured as well.
    drop(record);
    let fast = Limits { new_connections_per_second: 1_000_000, burst: 1_000_000, ..Limits::default() };
    let gateway = gateway(functions, fast).await;
    let mut clients = Vec::with_capacity(CONNECTIONS);
    for _ in 0..100 {
        clients.push(open(&gateway).await);
    }
    let before = resident_kib();
    while clients.len() < CONNECTIONS {
        clients.push(open(&gateway).await);
    }
    let each = (resident_kib() - before) / (CONNECTIONS - 100);
    assert_eq!(gateway.connections(), CONNECTIONS);
    assert!(each < 20, "{each} KiB a connection");
}

/// Opens a WebSocket. The client holds only its socket.
async fn open(gateway: &rollcall_gateway::Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.local_addr()).await.unwrap();
    let request = "GET /prod?token=t HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: probe/1\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        soon(stream.read_buf(&mut answer)).await.unwrap();
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
