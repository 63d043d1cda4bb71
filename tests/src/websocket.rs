//! A WebSocket client over the same TLS.

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::client::Stream;
use crate::{Client, PATIENCE};

/// An open WebSocket.
pub struct WebSocket {
    stream: WebSocketStream<Box<dyn Stream>>,
}

impl WebSocket {
    /// Opens `path` with the client's key and further headers.
    ///
    /// # Errors
    /// The handshake is refused.
    pub async fn open(
        client: &Client,
        path: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<WebSocket> {
        let mut request = format!("ws://{}{path}", client.address()).into_client_request()?;
        let key = client.key().map(|key| ("x-api-key", key));
        for (name, value) in headers.iter().copied().chain(key) {
            request
                .headers_mut()
                .insert(http::HeaderName::try_from(name)?, value.parse()?);
        }
        let (stream, _) = tokio_tungstenite::client_async(request, client.connect().await?).await?;
        Ok(WebSocket { stream })
    }

    /// The next JSON message.
    ///
    /// # Errors
    /// The socket closes, or nothing comes in time.
    pub async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            let message = timeout(PATIENCE, self.stream.next())
                .await
                .context("no message came")?;
            match message.context("the socket was closed")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(frame) => anyhow::bail!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next frame of video; text messages are passed over.
    ///
    /// # Errors
    /// As [`WebSocket::next`].
    pub async fn next_frame(&mut self) -> anyhow::Result<Bytes> {
        loop {
            let message = timeout(PATIENCE, self.stream.next())
                .await
                .context("no frame came")?;
            match message.context("the socket was closed")?? {
                Message::Binary(bytes) => return Ok(bytes),
                Message::Close(frame) => anyhow::bail!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next message of that type; others are passed over.
    ///
    /// # Errors
    /// As [`WebSocket::next`].
    pub async fn next_of(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            let message = self.next().await?;
            if message["type"] == kind {
                return Ok(message);
            }
        }
    }

    /// Sends a text frame.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }
}
