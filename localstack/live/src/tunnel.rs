//! The network of one node: a proxy on loopback whose traffic can be held up, delayed and cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the network does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Nothing that the node sends passes.
    pub(crate) up_is_dead: bool,
    /// Nothing that the cloud sends passes.
    pub(crate) down_is_dead: bool,
    /// How long everything takes each way.
    pub(crate) delay: Duration,
    /// Counts up each time that every connection is cut.
    pub(crate) cuts: u64,
}

/// The network of a node. Dropping it ends every connection.
#[derive(Debug)]
pub(crate) struct Tunnel {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    _serving: JoinSet<()>,
}

impl Tunnel {
    /// A network to this server.
    pub(crate) async fn to(server: String, weather: Weather) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let weather = Arc::new(watch::Sender::new(weather));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, server, weather.subscribe()));
        Ok(Self { address, weather, _serving: serving })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the network does.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }

    /// How to change it from elsewhere.
    pub(crate) fn weather(&self) -> Arc<watch::Sender<Weather>> {
        Arc::clone(&self.weather)
    }
}

async fn serve(listener: TcpListener, server: String, weather: watch::Receiver<Weather>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, weather) = (server.clone(), weather.clone());
        connections.spawn(async move {
            // Both sides see for themselves that a connection has ended.
            let _ = connection(client, &server, weather).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(client: TcpStream, server: &str, mut weather: watch::Receiver<Weather>) -> io::Result<()> {
    let cuts = weather.borrow_and_update().cuts;
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let up = pass(from_client, to_server, weather.clone(), |weather| weather.up_is_dead);
    let down = pass(from_server, to_client, weather.clone(), |weather| weather.down_is_dead);
    tokio::select! {
        passed = async { tokio::try_join!(up, down) } => passed.map(|_| ()),
        _ = weather.wait_for(|weather| weather.cuts != cuts) => Ok(()),
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    is_dead: impl Fn(&Weather) -> bool,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let size = from.read(&mut bytes).await?;
        // What is held up arrives once the network is back, as TCP sends it again.
        let delay = match weather.wait_for(|weather| !is_dead(weather)).await {
            Ok(weather) => weather.delay,
            Err(_) => return Ok(()),
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if size == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes[..size]).await?;
    }
}
