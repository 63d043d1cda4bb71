//! Everything the suites need to treat the gateway as a user would: start the
//! real binary, talk to it over real TLS and UDP, and play the drone.
//!
//! Nothing here reaches into the gateway's library: a test sees what an
//! operator, a client or a drone sees.

pub mod authority;
pub mod bridge;
pub mod client;
pub mod crash;
pub mod drone;
pub mod emulator;
pub mod flight;
pub mod flyer;
pub mod gateway;
pub mod http2;
pub mod loopback;
pub mod namespaces;
pub mod process;
pub mod simulated;
pub mod video;
pub mod vision;
pub mod websocket;

pub use client::{Answer, Client};
pub use drone::Drone;
pub use flyer::Flyer;
pub use gateway::{Gateway, GatewayBuilder};
pub use http2::Http2;
pub use loopback::{Block, spare_port};
pub use simulated::Simulated;
pub use websocket::WebSocket;

/// Says that something is not checked here, and why, past the harness, which keeps
/// what a passing test prints. `.ci/run` lists these lines at its end.
pub fn skipped(why: &str) {
    use std::io::Write as _;
    // A line that cannot be written is no reason to fail.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

/// How long anything observable may take before a test gives up. Generous: the
/// machines are slow and shared, and nothing here measures time.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Polls `probe` until it yields a value.
///
/// # Errors
/// After [`PATIENCE`], with `what` was waited for.
pub async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe().await? {
            return Ok(value);
        }
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "waited {PATIENCE:?} in vain: {what}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
