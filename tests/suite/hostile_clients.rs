//! Clients that lie, stall or flood: cut off and counted, others unharmed.

use gateway_tests::{Client, Gateway, PATIENCE, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Reads until the peer closes; what came.
async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> anyhow::Result<Vec<u8>> {
    let mut everything = Vec::new();
    // A reset is a way to be cut off, too.
    drop(timeout(PATIENCE, stream.read_to_end(&mut everything)).await?);
    Ok(everything)
}

async fn unharmed(client: &Client) -> anyhow::Result<()> {
    client.get("/health").await?.expect(200);
    Ok(())
}

#[tokio::test]
async fn silent_clients_are_cut_off() -> anyhow::Result<()> {
    let short =
        "handshake_timeout_s = 1\nheader_timeout_s = 1\nbody_timeout_s = 1\nidle_timeout_s = 1";
    let gateway = Gateway::builder().server(short).start().await?;
    let client = gateway.admin()?;
    let mut no_handshake = tokio::net::TcpStream::connect(gateway.address()).await?;
    let mut no_request = client.connect().await?;
    let mut half_header = client.connect().await?;
    half_header
        .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        .await?;
    let mut half_body = client.connect().await?;
    let key = client.key().unwrap();
    let head = format!(
        "POST /api/alerts/rules HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    );
    half_body.write_all(head.as_bytes()).await?;
    unharmed(&client).await?;
    assert_eq!(until_closed(&mut no_handshake).await?, b"");
    until_closed(&mut no_request).await?;
    until_closed(&mut half_header).await?;
    let answer = until_closed(&mut half_body).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    unharmed(&client).await?;
    let metrics = client.get("/metrics").await?.expect(200).text();
    for counter in [
        "mfg_drone_tls_handshake_timeouts_total 1",
        "mfg_drone_header_timeouts_total",
    ] {
        assert!(metrics.contains(counter), "{counter} in\n{metrics}");
    }
    Ok(())
}

#[tokio::test]
async fn oversized_bodies_are_refused_before_they_are_read() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let client = gateway.admin()?;
    let key = client.key().unwrap();
    let mut announced = client.connect().await?;
    let head = format!(
        "POST /api/alerts/rules HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: 10485760\r\nConnection: close\r\n\r\n"
    );
    announced.write_all(head.as_bytes()).await?;
    let answer = String::from_utf8_lossy(&until_closed(&mut announced).await?).into_owned();
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("HTTP_413"),
        "{answer}"
    );

    let mut chunked = client.connect().await?;
    let head = format!(
        "POST /api/alerts/rules HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    chunked.write_all(head.as_bytes()).await?;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // Who sends all of it before looking for an answer gets the answer, and no reset.
    for _ in 0..160 {
        chunked.write_all(chunk.as_bytes()).await?;
    }
    let answer = String::from_utf8_lossy(&until_closed(&mut chunked).await?).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    unharmed(&client).await
}

/// A WebSocket by hand, for what a library does not send.
async fn raw_socket(client: &Client) -> anyhow::Result<impl AsyncReadExt + AsyncWriteExt + Unpin> {
    let mut stream = client.connect().await?;
    let key = client.key().unwrap();
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(stream.read_u8().await?);
    }
    assert!(
        heard.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&heard)
    );
    Ok(stream)
}

#[tokio::test]
async fn a_message_of_endless_fragments_is_cut_off_and_one_of_many_is_heard() -> anyhow::Result<()>
{
    const TEXT: u8 = 0x01;
    const MORE: u8 = 0x00;
    const LAST: u8 = 0x80;
    let frame = |first: u8, payload: &[u8]| {
        let head = [first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        [head.as_slice(), payload].concat()
    };
    let gateway = Gateway::builder().start().await?;
    let client = gateway.admin()?;
    let mut patient = raw_socket(&client).await?;
    let mut bytes = frame(TEXT, b"{\"type\":");
    for _ in 0..200 {
        bytes.extend(frame(MORE, b""));
    }
    bytes.extend(frame(LAST, b"\"ping\"}"));
    patient.write_all(&bytes).await?;
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("\"pong\"") {
        let mut piece = [0; 1024];
        let length = timeout(PATIENCE, patient.read(&mut piece)).await??;
        anyhow::ensure!(length > 0, "closed: {}", String::from_utf8_lossy(&heard));
        heard.extend(&piece[..length]);
    }
    let mut endless = raw_socket(&client).await?;
    let mut bytes = frame(TEXT, b"");
    for _ in 0..1_000 {
        bytes.extend(frame(MORE, b""));
    }
    endless.write_all(&bytes).await?;
    until_closed(&mut endless).await?;
    let metrics = client.get("/metrics").await?.expect(200).text();
    assert!(
        metrics.contains("mfg_drone_websockets_fragmented_total 1"),
        "{metrics}"
    );
    unharmed(&client).await
}

#[tokio::test]
async fn malformed_requests_do_not_harm() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let client = gateway.admin()?;
    let many_headers: String = (0..500).map(|n| format!("X-{n}: 1\r\n")).collect();
    let requests = [
        "NONSENSE\r\n\r\n".to_owned(),
        "GET /health HTTP/9.9\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)),
        format!("GET /health HTTP/1.1\r\nHost: x\r\n{many_headers}\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "b".repeat(100_000)),
        "POST /api/alerts/rules HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef".to_owned(),
        "POST /api/alerts/rules HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n".to_owned(),
    ];
    for request in requests {
        let mut stream = client.connect().await?;
        drop(stream.write_all(request.as_bytes()).await);
        drop(stream.shutdown().await);
        let answer = String::from_utf8_lossy(&until_closed(&mut stream).await?).into_owned();
        assert!(
            !answer.starts_with("HTTP/1.1 5"),
            "{:.60}: {answer}",
            request
        );
        unharmed(&client).await?;
    }
    // TLS garbage, and HTTP on the TLS port.
    for bytes in [
        &[0x16u8, 3, 1, 0xff, 0xff, 1, 2, 3][..],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = tokio::net::TcpStream::connect(gateway.address()).await?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        until_closed(&mut stream).await?;
        unharmed(&client).await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_address_cannot_take_every_connection() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .server("max_connections_per_address = 4\nmax_connections = 20")
        .start()
        .await?;
    let client = gateway.admin()?;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(client.connect().await?);
    }
    let mut extra = tokio::net::TcpStream::connect(gateway.address()).await?;
    assert_eq!(until_closed(&mut extra).await?, b"");
    drop(held);
    eventually("a free place", || async {
        Ok(client.get("/health").await.ok())
    })
    .await?
    .expect(200);
    let metrics = eventually("metrics", || async {
        Ok(client.get("/metrics").await.ok())
    })
    .await?
    .expect(200)
    .text();
    assert!(
        metrics.contains("mfg_drone_connections_refused_total{cap=\"address\"}"),
        "{metrics}"
    );
    Ok(())
}

#[tokio::test]
async fn stopped_clients_do_not_stop_others() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .server("write_timeout_s = 1")
        .start()
        .await?;
    let client = gateway.admin()?;
    let key = client.key().unwrap();
    // Asks for megabytes and never reads: pipelined requests fill every buffer.
    let mut deaf = client.connect().await?;
    let request = format!("GET /openapi.json HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n");
    let flood = async {
        for _ in 0..100_000 {
            if deaf.write_all(request.as_bytes()).await.is_err() {
                break;
            }
        }
    };
    // Ends when the gateway cuts the connection, not when a clock says so.
    timeout(PATIENCE, flood).await?;
    // On a busy machine somebody else may be a second late as well, this client too: it
    // asks again.
    eventually("it is counted, and others are answered", || async {
        let Ok(answer) = client.get("/metrics").await else {
            return Ok(None);
        };
        let text = answer.expect(200).text();
        let count = text.lines().find_map(|line| {
            let rest = line.strip_prefix("mfg_drone_write_timeouts_total ")?;
            rest.parse::<f64>().ok()
        });
        Ok(count.filter(|count| *count >= 1.0))
    })
    .await?;
    Ok(())
}
