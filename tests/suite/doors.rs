//! Web pages of others: what they may not make a browser do.

use gateway_tests::{Client, Gateway, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A gateway whose drone routes are open, and a client without a key.
async fn open_to_programs() -> anyhow::Result<(Gateway, Client)> {
    let gateway = Gateway::builder()
        .access("profile = \"documented\"")
        .plain_http()
        .start()
        .await?;
    let plain = Client::plain(gateway.plain_address());
    Ok((gateway, plain))
}

/// The status line of a request as it is written here.
async fn raw(client: &Client, request: &str) -> anyhow::Result<String> {
    let mut stream = client.connect().await?;
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[tokio::test]
async fn another_origins_page_flies_nothing() -> anyhow::Result<()> {
    let (gateway, plain) = open_to_programs().await?;
    let path = "/api/drones/none/takeoff";
    plain.post(path).await?.expect(404);
    let own = format!("http://{}", gateway.plain_address());
    let from = |name: &str, value: &str| plain.clone().with_header(name, value);
    from("origin", &own).post(path).await?.expect(404);
    from("sec-fetch-site", "same-origin")
        .post(path)
        .await?
        .expect(404);
    from("origin", "http://localhost:3000")
        .post(path)
        .await?
        .expect(404);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        from(name, value).post(path).await?.expect(403);
        // Reading tells the page nothing: the browser keeps the answer from it.
        from(name, value)
            .get("/api/system/health")
            .await?
            .expect(200);
    }
    let evil = [("origin", "https://evil.example")];
    assert!(WebSocket::open(&plain, "/ws", &evil).await.is_err());
    WebSocket::open(&plain, "/ws", &[("origin", &own)]).await?;
    Ok(())
}

#[tokio::test]
async fn a_rebound_name_reads_nothing_without_a_key() -> anyhow::Result<()> {
    let (gateway, plain) = open_to_programs().await?;
    let ask = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n")
    };
    let evil = "host: evil.example\r\n";
    assert_eq!(
        raw(&plain, &ask("/api/system/health", evil)).await?,
        "HTTP/1.1 421"
    );
    for own in ["localhost", "127.0.0.1:1", "[::1]"] {
        let request = ask("/api/system/health", &format!("host: {own}\r\n"));
        assert_eq!(raw(&plain, &request).await?, "HTTP/1.1 200", "{own}");
    }
    // Open to everybody in every profile; and where a key is asked for, any name will do.
    assert_eq!(raw(&plain, &ask("/health", evil)).await?, "HTTP/1.1 200");
    let key = gateway.reader()?.key().unwrap().to_owned();
    let keyed = format!("{evil}x-api-key: {key}\r\n");
    assert_eq!(
        raw(&plain, &ask("/api/alerts", &keyed)).await?,
        "HTTP/1.1 200"
    );
    assert_eq!(raw(&plain, &ask("/health", "")).await?, "HTTP/1.1 400");
    let twice = "host: localhost\r\nhost: localhost\r\n";
    assert_eq!(raw(&plain, &ask("/health", twice)).await?, "HTTP/1.1 400");
    Ok(())
}
