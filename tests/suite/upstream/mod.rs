//! Vision, datasets, models: checked here, answered by a service of the site,
//! which may be slow, wrong, huge, dead, or back again.

mod checks;
mod passing;
mod trouble;

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use gateway_tests::authority::certificate;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::vision::{Conduct, Vision};
use gateway_tests::{Client, Gateway, GatewayBuilder, eventually, process};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

const KEY: &str = "the-upstream-s-own-key";
const FORM: &str = "multipart/form-data; boundary=edge";

fn before(address: SocketAddr, more: &str) -> GatewayBuilder {
    Gateway::builder().config(&format!(
        "[upstream]\nurl = \"http://{address}\"\nkey = {KEY:?}\n{more}"
    ))
}

fn said(status: u16, body: &Value) -> Conduct {
    Conduct::Answer(status, String::new(), body.to_string())
}

/// The value of a metric, 0 when absent.
async fn metric(client: &Client, line_start: &str) -> anyhow::Result<f64> {
    let text = client.get("/metrics").await?.expect(200).text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("mfg_drone_{line_start}")));
    Ok(line
        .and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0))
}

async fn outcome(client: &Client, outcome: &str) -> anyhow::Result<f64> {
    metric(
        client,
        &format!("upstream_requests_total{{outcome=\"{outcome}\"}}"),
    )
    .await
}

/// The first line of the answer to a body that is announced and not sent.
async fn announced(
    client: &Client,
    path: &str,
    kind: &str,
    length: usize,
) -> anyhow::Result<String> {
    let mut stream = client.connect().await?;
    let key = client.key().unwrap_or_default();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-type: {kind}\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(line)
}
