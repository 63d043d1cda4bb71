//! Somebody who flies: a socket that says each half second that they are there, and
//! requests that belong to it.

use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;

use crate::{Client, WebSocket};

/// Twice as often as a page, so that a busy machine loses none.
const SPEAKS_EVERY: Duration = Duration::from_millis(500);

/// A session at which somebody is.
pub struct Flyer {
    client: Client,
    session: String,
    speaks: JoinHandle<()>,
}

impl Flyer {
    /// Opens a socket with the client's key.
    ///
    /// # Errors
    /// It does not open.
    pub async fn open(client: &Client) -> anyhow::Result<Flyer> {
        Flyer::open_at(client, "/ws").await
    }

    /// Takes the session up again over another socket.
    ///
    /// # Errors
    /// It does not open.
    pub async fn again(self, client: &Client) -> anyhow::Result<Flyer> {
        self.speaks.abort();
        Flyer::open_at(client, &format!("/ws?session={}", self.session)).await
    }

    async fn open_at(client: &Client, path: &str) -> anyhow::Result<Flyer> {
        let mut socket = WebSocket::open(client, path, &[]).await?;
        let greeting = socket.next().await?;
        let session = greeting["session"]
            .as_str()
            .context("no session")?
            .to_owned();
        let client = client.clone().with_header("x-session", &session);
        socket.send(r#"{"type":"presence"}"#).await?;
        // A request on another connection may overtake it: what is answered has been heard.
        socket.send(r#"{"type":"ping"}"#).await?;
        socket.next_of("pong").await?;
        let speaks = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SPEAKS_EVERY);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {
                        if socket.send(r#"{"type":"presence"}"#).await.is_err() {
                            return;
                        }
                    }
                    said = socket.next() => if said.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Flyer {
            client,
            session,
            speaks,
        })
    }

    /// Requests of this session.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its session, as the greeting said it.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }
}

impl Drop for Flyer {
    fn drop(&mut self) {
        self.speaks.abort();
    }
}
