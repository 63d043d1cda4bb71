//! Room for everybody: connections that show no key give way to others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use gateway_tests::{Client, Gateway, WebSocket, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// What one address may hold by default.
const OF_ONE: usize = 128;

/// A connection from `127.0.0.last` that says nothing.
async fn silent(gateway: SocketAddr, last: u8) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)),
        0,
    ))?;
    Ok(socket.connect(gateway).await?)
}

/// As many of them as there are, from one address after the other.
async fn crowd(gateway: SocketAddr, lasts: &[u8]) -> anyhow::Result<Vec<TcpStream>> {
    let mut crowd = Vec::new();
    for last in lasts {
        for _ in 0..OF_ONE {
            crowd.push(silent(gateway, *last).await?);
        }
    }
    Ok(crowd)
}

async fn open(client: &Client) -> anyhow::Result<u64> {
    let metrics = client.get("/metrics").await?.expect(200).text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("mfg_drone_connections_open "));
    Ok(line.context("no gauge")?.parse::<f64>()? as u64)
}

#[tokio::test]
async fn two_addresses_with_silent_sockets_keep_nobody_out() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let client = gateway.admin()?;
    let mut crowd = crowd(gateway.address(), &[2, 3]).await?;
    for _ in 0..20 {
        client.get("/health").await?.expect(200);
        client.get("/api/drones").await?.expect(200);
        // The crowd comes back as often as it is sent away.
        crowd.push(silent(gateway.address(), 2).await?);
    }
    let metrics = client.get("/metrics").await?.expect(200).text();
    let displaced = "mfg_drone_connections_displaced_total";
    anyhow::ensure!(metrics.contains(displaced), "no {displaced}");
    Ok(())
}

#[tokio::test]
async fn holders_of_keys_stay_while_a_crowd_passes() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let (client, key) = (gateway.reader()?, gateway.reader()?);
    let key = key.key().context("a key")?;
    let mut kept = client.connect().await?;
    let request = format!("GET /api/drones HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n");
    let mut socket = WebSocket::open(&client, "/ws", &[]).await?;
    let mut heads = Vec::new();
    for round in 0..3 {
        kept.write_all(request.as_bytes()).await?;
        let mut head = [0; 15];
        kept.read_exact(&mut head).await?;
        heads.push(String::from_utf8_lossy(&head).into_owned());
        let mut rest = [0; 16 * 1024];
        let _ = kept.read(&mut rest).await?;
        drop(crowd(gateway.address(), &[2, 3, 4 + round]).await?);
    }
    assert!(
        heads.iter().all(|head| head == "HTTP/1.1 200 OK"),
        "{heads:?}"
    );
    socket.send(r#"{"type":"ping"}"#).await?;
    socket.next_of("pong").await?;
    // Whoever went is forgotten: none but these two and the question itself.
    eventually("the crowd is gone", || async {
        Ok((open(&client).await? <= 3).then_some(()))
    })
    .await
}

#[tokio::test]
async fn one_key_does_not_take_every_socket() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .server("max_websockets = 16")
        .start()
        .await?;
    let reader = gateway.reader()?;
    let mut taken = Vec::new();
    while let Ok(socket) = WebSocket::open(&reader, "/ws", &[]).await {
        taken.push(socket);
    }
    assert_eq!(taken.len(), 14, "seven eighths");
    let admin = gateway.admin()?;
    let mut socket = WebSocket::open(&admin, "/ws", &[]).await?;
    socket.next_of("connection_established").await?;
    // What is given back can be had again.
    taken.pop();
    eventually("a place again", || async {
        Ok(WebSocket::open(&reader, "/ws", &[]).await.ok())
    })
    .await?;
    Ok(())
}
