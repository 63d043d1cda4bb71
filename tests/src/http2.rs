//! HTTP/2 as frames: for what a client may do that no library does.

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::Client;
use crate::client::Stream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// What kind of frame it is.
pub mod kind {
    /// Bytes of a body.
    pub const DATA: u8 = 0x0;
    /// A request or the head of an answer.
    pub const HEADERS: u8 = 0x1;
    /// Takes a request back.
    pub const RST_STREAM: u8 = 0x3;
    /// Settings of a connection.
    pub const SETTINGS: u8 = 0x4;
    /// Asks for a sign of life.
    pub const PING: u8 = 0x6;
    /// Room for more bytes.
    pub const WINDOW_UPDATE: u8 = 0x8;
}

/// A frame.
#[derive(Debug)]
pub struct Frame {
    /// One of [`kind`], or another.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream, 0 for the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether the peer wants an answer to it.
    #[must_use]
    pub const fn wants_ack(&self) -> bool {
        matches!(self.kind, kind::SETTINGS | kind::PING) && self.flags & ACK == 0
    }

    /// Whether it ends its stream.
    #[must_use]
    pub const fn ends_stream(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS) && self.flags & END_STREAM != 0
    }
}

/// A connection that does what its test says, and nothing by itself.
pub struct Http2 {
    stream: Box<dyn Stream>,
    key: Option<String>,
}

impl Http2 {
    /// Connects and announces `window` bytes of room for each stream.
    ///
    /// # Errors
    /// The connection fails, or the gateway does not speak HTTP/2.
    pub async fn open(client: &Client, window: u32) -> anyhow::Result<Http2> {
        let mut http2 = Http2 {
            stream: client.connect_http2().await?,
            key: client.key().map(str::to_owned),
        };
        http2.stream.write_all(PREFACE).await?;
        let mut settings = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        settings.extend(window.to_be_bytes());
        http2.send(kind::SETTINGS, 0, 0, &settings).await?;
        Ok(http2)
    }

    /// Asks for `path` on a stream of its own: 1, 3, 5, ….
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn get(&mut self, stream: u32, path: &str) -> anyhow::Result<()> {
        // Indexed: `:method: GET`, `:scheme: https`; names by index: `:path`, `:authority`.
        let mut block = vec![0x82, 0x87, 0x04];
        text(&mut block, path)?;
        block.push(0x01);
        text(&mut block, "localhost")?;
        if let Some(key) = self.key.clone() {
            block.push(0x00);
            text(&mut block, "x-api-key")?;
            text(&mut block, &key)?;
        }
        self.send(kind::HEADERS, END_STREAM | END_HEADERS, stream, &block)
            .await
    }

    /// Gives `stream` and the connection room for so many bytes more.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn make_room(&mut self, stream: u32, bytes: u32) -> anyhow::Result<()> {
        for of in [0, stream] {
            self.send(kind::WINDOW_UPDATE, 0, of, &bytes.to_be_bytes())
                .await?;
        }
        Ok(())
    }

    /// Answers a frame that wants an answer.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn acknowledge(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let payload: &[u8] = match frame.kind {
            kind::PING => &frame.payload,
            _ => &[],
        };
        self.send(frame.kind, ACK, 0, payload).await
    }

    /// The next frame; none when the gateway closed the connection.
    pub async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        // A reset is a way to be cut off, too.
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & (u32::MAX >> 1),
            payload,
        })
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> anyhow::Result<()> {
        let length = u32::try_from(payload.len())?.to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).await?;
        Ok(self.stream.flush().await?)
    }
}

/// A string of HPACK, neither indexed nor compressed.
fn text(block: &mut Vec<u8>, text: &str) -> anyhow::Result<()> {
    let length = u8::try_from(text.len())
        .ok()
        .filter(|length| *length < 0x7f)
        .context("longer than one byte of length says")?;
    block.push(length);
    block.extend(text.as_bytes());
    Ok(())
}
