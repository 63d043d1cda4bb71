//! A key that is revoked is gone: what it opened ends within a second.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use gateway_tests::{Client, Gateway, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

/// What the gateway promises.
const PROMISED: Duration = Duration::from_secs(1);

/// A new key with these permissions, and its client.
async fn key(gateway: &Gateway, permissions: &str) -> anyhow::Result<Client> {
    let path = format!("/api/security/api-keys?name=Tablet&permissions={permissions}");
    let made = gateway.admin()?.post(&path).await?.expect(200).json();
    let key = made["api_key"].as_str().context("no key")?;
    Ok(gateway.anonymous()?.with_key(key))
}

/// Revokes the key of `client`; says when it was acknowledged.
async fn revoke(gateway: &Gateway, client: &Client) -> anyhow::Result<Instant> {
    let path = format!("/api/security/api-keys/{}", client.key().context("no key")?);
    gateway.admin()?.delete(&path).await?.expect(200);
    Ok(Instant::now())
}

/// Waits until the socket is closed; it must happen in time.
async fn closed_in_time(socket: &mut WebSocket, since: Instant) -> anyhow::Result<()> {
    let closed = async {
        loop {
            if let Err(error) = socket.next().await {
                return error;
            }
        }
    };
    let error = timeout(PROMISED, closed)
        .await
        .context("the socket outlives its key")?;
    ensure!(error.to_string().contains("closed"), "{error:#}");
    ensure!(since.elapsed() < PROMISED, "{:?}", since.elapsed());
    Ok(())
}

#[tokio::test]
async fn sockets_and_tickets_end_with_their_key() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("alpha", 2).start().await?;
    let tablet = key(&gateway, "read").await?;
    let ticket = || async {
        let answer = tablet.post("/api/ws-ticket").await?.expect(200).json();
        let ticket = answer["ticket"].as_str().context("no ticket")?;
        anyhow::Ok(format!("/ws?ticket={ticket}"))
    };
    let anonymous = gateway.anonymous()?;
    let mut events = WebSocket::open(&tablet, "/ws", &[]).await?;
    let mut by_ticket = WebSocket::open(&anonymous, &ticket().await?, &[]).await?;
    let mut video = WebSocket::open(&tablet, "/ws/video/alpha", &[]).await?;
    let mut other = WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    let unused = ticket().await?;
    events.next().await?;

    let since = revoke(&gateway, &tablet).await?;
    closed_in_time(&mut events, since).await?;
    closed_in_time(&mut by_ticket, since).await?;
    closed_in_time(&mut video, since).await?;
    assert!(
        WebSocket::open(&anonymous, &unused, &[]).await.is_err(),
        "a ticket from before opens nothing"
    );
    // A neighbour's socket goes on.
    other.next_of("connection_established").await?;
    other.send(r#"{"type":"ping"}"#).await?;
    other.next_of("pong").await?;
    Ok(())
}

#[tokio::test]
async fn a_request_under_way_ends_with_its_key() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let tablet = key(&gateway, "admin").await?;
    let mut stream = tablet.connect().await?;
    let head = format!(
        "POST /api/alerts/rules HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{\"name\":",
        tablet.key().context("no key")?
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    // The gateway is at the body when it has counted the request.
    let path = "/api/security/api-keys";
    gateway_tests::eventually("the request is let in", || async {
        let keys = gateway.admin()?.get(path).await?.expect(200).json();
        let used = keys["api_keys"]
            .as_object()
            .context("no keys")?
            .values()
            .any(|key| key["name"] == "Tablet" && key["usage_count"] == 1);
        Ok(used.then_some(()))
    })
    .await?;

    let since = revoke(&gateway, &tablet).await?;
    let mut answer = [0; 12];
    timeout(PROMISED, stream.read_exact(&mut answer))
        .await
        .context("the request outlives its key")??;
    assert_eq!(&answer, b"HTTP/1.1 401");
    assert!(since.elapsed() < PROMISED, "{:?}", since.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_key_that_revokes_itself_is_answered() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    for _ in 0..3 {
        let tablet = key(&gateway, "admin").await?;
        let own = format!("/api/security/api-keys/{}", tablet.key().context("no key")?);
        tablet.delete(&own).await?.expect(200);
        tablet.get("/api/security/config").await?.expect(401);
    }
    Ok(())
}

#[tokio::test]
async fn the_last_admin_key_that_does_not_expire_stays() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let (path, own) = (
        "/api/security/api-keys",
        format!("/api/security/api-keys/{}", admin.key().context("no key")?),
    );
    let made = admin
        .post(&format!(
            "{path}?name=Guest&permissions=admin&expires_days=1"
        ))
        .await?
        .expect(200)
        .json();
    let guest = made["api_key"].as_str().context("no key")?;
    let guest = gateway.anonymous()?.with_key(guest);
    for client in [&admin, &guest] {
        let refused = client.delete(&own).await?.expect(409).text();
        assert!(refused.contains("does not expire"), "{refused}");
    }
    key(&gateway, "admin").await?;
    guest.delete(&own).await?.expect(200);
    admin.get(path).await?.expect(401);
    Ok(())
}

#[tokio::test]
async fn a_socket_without_a_key_ends_when_the_profile_asks_for_one() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .access("profile = \"documented\"\nallow_open_access = true")
        .start()
        .await?;
    let mut open = WebSocket::open(&gateway.anonymous()?, "/ws", &[]).await?;
    open.next_of("connection_established").await?;
    let file = std::fs::read_to_string(gateway.config_file())?;
    let strict = file.replace("profile = \"documented\"", "profile = \"strict\"");
    std::fs::write(gateway.config_file(), strict)?;
    gateway.signal("HUP").await?;
    timeout(gateway_tests::PATIENCE, async {
        while open.next().await.is_ok() {}
    })
    .await
    .context("it outlives the profile")?;
    assert!(
        WebSocket::open(&gateway.anonymous()?, "/ws", &[])
            .await
            .is_err()
    );
    // (A key that is not asked for opens no session: its socket is opened anew as well.)
    WebSocket::open(&gateway.reader()?, "/ws", &[]).await?;
    Ok(())
}
