//! The real binary as a child process.

mod binary;
mod builder;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::Context as _;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::{Block, Client, PATIENCE};

pub use binary::{binary, binary_with_crash_points, profile};
pub use builder::{GatewayBuilder, Prepared};

/// Key with all permissions that tests start the gateway with.
pub const ADMIN_KEY: &str = "test-admin-key-0123456789abcdef";
/// Key with `read` and `dashboard`.
pub const READONLY_KEY: &str = "test-readonly-key-0123456789abcdef";

/// A running gateway; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Option<Child>,
    prepared: Prepared,
    output: PathBuf,
}

impl Gateway {
    /// A gateway with addresses of its own and the test keys.
    #[must_use]
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder {
            block: Block::claim(),
            binary: None,
            config: String::new(),
            environment: BTreeMap::from([
                ("MFG_DRONE_ADMIN_KEY".to_owned(), ADMIN_KEY.to_owned()),
                ("MFG_DRONE_READONLY_KEY".to_owned(), READONLY_KEY.to_owned()),
                ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ]),
            state: None,
            plain_http: false,
            server: String::new(),
            access: String::new(),
            drones: String::new(),
        }
    }

    /// Sets or removes a variable for the next start.
    pub fn set_env(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self
                .prepared
                .environment
                .insert(name.to_owned(), value.to_owned()),
            None => self.prepared.environment.remove(name),
        };
    }

    /// Starts the process again on the same files.
    ///
    /// # Errors
    /// It ends or stays silent instead of becoming ready.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill().await?;
        // systemd's readiness protocol tells exactly when it serves.
        let socket = self.prepared.temporary.path().join("notify");
        drop(std::fs::remove_file(&socket));
        let notify = UnixDatagram::bind(&socket)?;
        let output = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.output)?;
        let mut command = self.prepared.command(&["run"]);
        command
            .env("NOTIFY_SOCKET", &socket)
            .stdout(output.try_clone()?)
            .stderr(output);
        let mut child = command.spawn()?;
        let ready = async {
            let mut buffer = [0u8; 1024];
            loop {
                tokio::select! {
                    received = notify.recv(&mut buffer) => {
                        if String::from_utf8_lossy(&buffer[..received?]).contains("READY=1") {
                            return anyhow::Ok(());
                        }
                    }
                    status = child.wait() => anyhow::bail!("the gateway ended with {}", status?),
                }
            }
        };
        let outcome = timeout(PATIENCE, ready)
            .await
            .context("not ready in time")
            .and_then(|result| result);
        outcome.with_context(|| format!("output:\n{}", self.output()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Everything it wrote to standard output and standard error.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Waits until `words` stand in its output: a line may come after the answer that it is
    /// about.
    ///
    /// # Errors
    /// They never do.
    pub async fn says(&self, words: &str) -> anyhow::Result<()> {
        crate::eventually(words, || async {
            Ok(self.output().contains(words).then_some(()))
        })
        .await
    }

    /// The file with that output.
    #[must_use]
    pub fn output_file(&self) -> &Path {
        &self.output
    }

    /// Its HTTPS address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.block().gateway(), 8443)
    }

    /// Its plain HTTP address.
    #[must_use]
    pub fn plain_address(&self) -> SocketAddr {
        SocketAddr::new(self.block().gateway(), 8000)
    }

    /// Its addresses.
    #[must_use]
    pub const fn block(&self) -> Block {
        self.prepared.block
    }

    /// Its state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.prepared.state
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_file(&self) -> &Path {
        &self.prepared.file
    }

    /// The command line of this gateway with another subcommand.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.prepared.command(arguments)
    }

    /// A client that trusts this gateway's own authority and sends the admin key.
    ///
    /// # Errors
    /// The authority's certificate cannot be read.
    pub fn admin(&self) -> anyhow::Result<Client> {
        Ok(self.anonymous()?.with_key(ADMIN_KEY))
    }

    /// The same with the read-only key.
    ///
    /// # Errors
    /// The authority's certificate cannot be read.
    pub fn reader(&self) -> anyhow::Result<Client> {
        Ok(self.anonymous()?.with_key(READONLY_KEY))
    }

    /// The same without a key.
    ///
    /// # Errors
    /// The authority's certificate cannot be read.
    pub fn anonymous(&self) -> anyhow::Result<Client> {
        Client::https(self.address(), &self.state().join("tls/ca.pem"))
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))))
    }

    /// Sends a signal by name (`HUP`, `TERM`, `STOP` …).
    ///
    /// # Errors
    /// The process is gone.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.pid().context("not running")?;
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(pid.to_string())
            .status()
            .await?;
        anyhow::ensure!(status.success(), "kill -{name} {pid} failed");
        Ok(())
    }

    /// Asks it to stop and waits for the end.
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal("TERM").await?;
        let mut child = self.child.take().context("not running")?;
        timeout(PATIENCE, child.wait())
            .await
            .with_context(|| format!("does not stop; output:\n{}", self.output()))?
            .map_err(Into::into)
    }

    /// Kills it like a power cut would.
    ///
    /// # Errors
    /// The kill itself fails.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }
}
