//! The real binary as a child process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::{Block, Client, PATIENCE};

/// Key with all permissions that tests start the gateway with.
pub const ADMIN_KEY: &str = "test-admin-key-0123456789abcdef";
/// Key with `read` and `dashboard`.
pub const READONLY_KEY: &str = "test-readonly-key-0123456789abcdef";

/// Path of the binary under test: `MFG_DRONE_GATEWAY_BIN` (an installed or
/// cross-built one), else built by cargo with the profile of the tests.
///
/// # Panics
/// When the binary cannot be built: no test of this package means anything then.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("MFG_DRONE_GATEWAY_BIN") {
            return path.into();
        }
        let build = cargo_build("mfg-drone-gateway").args(["--profile", &profile()]);
        build.run().expect("the gateway builds").path().to_owned()
    })
}

/// The cargo profile that this program was built with. Cargo tells only a build script,
/// and calls every profile of one's own `release` there; but it puts programs into
/// `target/<profile>/`, and tests and examples a folder deeper.
///
/// # Panics
/// When this program lies in no such folder.
#[must_use]
pub fn profile() -> String {
    let program = std::env::current_exe().expect("a running program has a path");
    let folder = program
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"))
        .and_then(Path::file_name)
        .expect("cargo puts programs into target/<profile>");
    match folder.to_string_lossy() {
        // The one whose folder has another name.
        debug if debug == "debug" => "dev".to_owned(),
        named => named.into_owned(),
    }
}

/// The binary with the store's crash points compiled in, which is the debug one. An
/// installed or cross-built binary has none: then kills come from outside only.
///
/// # Panics
/// When the binary cannot be built.
#[must_use]
pub fn binary_with_crash_points() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if std::env::var_os("MFG_DRONE_GATEWAY_BIN").is_some() {
            return binary().to_owned();
        }
        let build = cargo_build("mfg-drone-gateway").args(["--profile", "dev"]);
        build.run().expect("the gateway builds").path().to_owned()
    })
}

/// The build of one of the gateway's binaries, in the environment of a shell. Cargo tells
/// a test what package it belongs to; a build script that hears of it (`ring`'s)
/// believes that its own package has changed, and half the tree is built anew.
fn cargo_build(binary: &str) -> escargot::CargoBuild {
    let build = escargot::CargoBuild::new()
        .manifest_path(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../gateway/Cargo.toml"
        ))
        .bin(binary);
    let told =
        |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(told)
        .fold(build, escargot::CargoBuild::env_remove)
}

/// A gateway about to be started.
#[derive(Debug)]
pub struct GatewayBuilder {
    block: Block,
    binary: Option<PathBuf>,
    config: String,
    environment: BTreeMap<String, String>,
    state: Option<PathBuf>,
    plain_http: bool,
    server: String,
    access: String,
    drones: String,
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
    temporary: TempDir,
    /// The configuration file.
    pub file: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// Its addresses.
    pub block: Block,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
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
