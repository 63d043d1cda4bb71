//! A gateway about to be started: its configuration, addresses and environment.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use super::Gateway;
use super::binary::binary;
use crate::Block;

/// A gateway about to be started.
#[derive(Debug)]
pub struct GatewayBuilder {
    pub(super) block: Block,
    pub(super) binary: Option<PathBuf>,
    pub(super) config: String,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) state: Option<PathBuf>,
    pub(super) plain_http: bool,
    pub(super) server: String,
    pub(super) access: String,
    pub(super) drones: String,
}

impl GatewayBuilder {
    /// The addresses it will have.
    #[must_use]
    pub const fn block(&self) -> Block {
        self.block
    }

    /// TOML appended to the configuration file: whole sections that the harness
    /// does not write itself.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        let _ = writeln!(self.config, "{toml}");
        self
    }

    /// Lines for `[server]`.
    #[must_use]
    pub fn server(mut self, lines: &str) -> Self {
        let _ = writeln!(self.server, "{lines}");
        self
    }

    /// Lines for `[access]`.
    #[must_use]
    pub fn access(mut self, lines: &str) -> Self {
        let _ = writeln!(self.access, "{lines}");
        self
    }

    /// Lines for `[drones]`, then `[[drones.drone]]` tables.
    #[must_use]
    pub fn drones(mut self, lines: &str) -> Self {
        let _ = writeln!(self.drones, "{lines}");
        self
    }

    /// A real drone at `host(last)` of the block.
    #[must_use]
    pub fn drone(self, id: &str, last: u8) -> Self {
        let address = self.block.host(last);
        self.drones(&format!(
            "[[drones.drone]]\nid = \"{id}\"\nmode = \"real\"\naddress = \"{address}\""
        ))
    }

    /// Another binary than [`binary`].
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With the environment that the packaged service gives it: glibc's heaps.
    ///
    /// # Panics
    /// When the service's file has none.
    #[must_use]
    pub fn as_the_service(mut self) -> Self {
        const UNIT: &str = include_str!("../../../deploy/deb/mfg-drone-gateway.service");
        let lines = UNIT
            .lines()
            .filter_map(|line| line.strip_prefix("Environment="));
        let pairs = lines
            .flat_map(str::split_whitespace)
            .filter_map(|pair| pair.split_once('='));
        let given: BTreeMap<String, String> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert!(!given.is_empty(), "the service's file names no variables");
        self.environment.extend(given);
        self
    }

    /// Without the keys that tests usually give: the first start makes its own.
    #[must_use]
    pub fn without_keys(mut self) -> Self {
        self.environment.remove("MFG_DRONE_ADMIN_KEY");
        self.environment.remove("MFG_DRONE_READONLY_KEY");
        self
    }

    /// Uses (and keeps) a state directory.
    #[must_use]
    pub fn state(mut self, dir: &Path) -> Self {
        self.state = Some(dir.to_owned());
        self
    }

    /// Also serves plain HTTP on the block's port 8000.
    #[must_use]
    pub const fn plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Writes the configuration without starting anything.
    ///
    /// # Errors
    /// The temporary directory cannot be written.
    pub fn prepare(self) -> anyhow::Result<Prepared> {
        let temporary = tempfile::Builder::new().prefix("gateway-test-").tempdir()?;
        let state = self
            .state
            .clone()
            .unwrap_or_else(|| temporary.path().join("state"));
        let address = self.block.gateway();
        let mut config = format!("[server]\nlisten = \"{address}:8443\"\n");
        if self.plain_http {
            let _ = writeln!(config, "http_listen = \"{address}:8000\"");
        }
        let _ = write!(
            config,
            "{}\n[access]\n{}\n[storage]\ndir = {state:?}\n{}\n[drones]\nbind = \"{address}\"\n{}\n",
            self.server, self.access, self.config, self.drones
        );
        let file = temporary.path().join("gateway.toml");
        std::fs::write(&file, config)?;
        let binary = self.binary.unwrap_or_else(|| binary().to_owned());
        Ok(Prepared {
            temporary,
            file,
            state,
            block: self.block,
            binary,
            environment: self.environment,
        })
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Errors
    /// It does not start; with everything it wrote.
    pub async fn start(self) -> anyhow::Result<Gateway> {
        self.prepare()?.start().await
    }
}

/// A configuration on disk.
#[derive(Debug)]
pub struct Prepared {
    pub(super) temporary: TempDir,
    /// The configuration file.
    pub file: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// Its addresses.
    pub block: Block,
    binary: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
}

impl Prepared {
    /// The command with this configuration and a clean environment.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--config").arg(&self.file);
        command
            .env_clear()
            .envs(&self.environment)
            .kill_on_drop(true)
            .stdin(Stdio::null());
        command
    }

    /// Starts `run`.
    ///
    /// # Errors
    /// It ends or stays silent instead of becoming ready.
    pub async fn start(self) -> anyhow::Result<Gateway> {
        let output = self.temporary.path().join("output.log");
        let mut gateway = Gateway {
            child: None,
            prepared: self,
            output,
        };
        gateway.restart().await?;
        Ok(gateway)
    }
}
