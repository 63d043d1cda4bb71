//! `health`: whether the running gateway is well, asked as a client would.
//!
//! Two questions: what it says of itself over the control socket, and whether
//! HTTPS answers. It decides whether an update stays, so it must not say
//! "well" of a gateway that no client can use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::args::HealthArgs;
use crate::control::{Client, Health};
use crate::outbound;

/// A gateway that needs longer is not well.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn health(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let config = super::load(&args.config)?.config;
    let dir = super::state_dir(&config);
    super::small_runtime()?.block_on(async {
        let gateway = Client::connect(dir).await;
        let gateway = gateway.with_context(|| format!("no gateway runs on {}", dir.display()))?;
        let own = gateway.json(hyper::Method::GET, "/health", None::<&()>);
        let own: Health = timeout(PATIENCE, own)
            .await
            .context("the gateway does not answer")??;
        if let Some(problem) = &own.problem {
            anyhow::bail!("{problem}");
        }
        let asked = timeout(PATIENCE, ask(&own, dir)).await;
        asked
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("HTTPS on {}", own.listen))?;
        if args.grounded && !own.airborne.is_empty() {
            println!("in the air: {}", own.airborne.join(", "));
            return Ok(ExitCode::from(super::EXIT_FINDINGS));
        }
        println!("healthy");
        if own.asked_from_outside {
            // The update program looks for this line (`deploy/updater`, ASKED): who is
            // reached by another machine does not have to prove it otherwise.
            println!("asked from outside");
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// `GET /health` over TLS. With a certificate of somebody else's, or clients that
/// need one, there is nothing here to trust or show: then that the port answers
/// must do.
async fn ask(own: &Health, state_dir: &std::path::Path) -> anyhow::Result<()> {
    let stream = TcpStream::connect(reachable(own.listen)).await?;
    if !own.own_certificate {
        return Ok(());
    }
    let tls = outbound::tls(Some(&state_dir.join("tls/ca.pem"))).map_err(anyhow::Error::msg)?;
    let stream = TlsConnector::from(Arc::new(tls))
        .connect(ServerName::try_from("localhost")?, stream)
        .await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/health")
        .header("host", "localhost")
        .body(Empty::<Bytes>::new())?;
    let status = sender.send_request(request).await?.status();
    anyhow::ensure!(status.is_success(), "it answers with {status}");
    Ok(())
}

/// A listener on every address is reached on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
