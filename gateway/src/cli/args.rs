//! The command line: one table from which parsing, help, man page and
//! completions are made.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Edge gateway for Tello drones: battery and temperature alerts, drone
/// control and the Phase 4 API over TLS.
///
/// Without a configuration file the defaults work: HTTPS on port 8443, keys
/// made at the first start and printed once. Exit codes: 0 done, 1 failed,
/// 2 wrong usage or configuration, 3 `check` found something to mend.
#[derive(Debug, Parser)]
#[command(name = "mfg-drone-gateway", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway until it is told to stop (SIGTERM, Ctrl-C); SIGHUP reloads.
    Run(RunArgs),
    /// Run everything simulated on this host and print what to try.
    Demo(DemoArgs),
    /// Say what is wrong with the configuration, ports, certificate, sensors and drones, and what to do.
    Check(CheckArgs),
    /// API keys: list, create, revoke. Works while the gateway runs and while it does not.
    Keys(KeysArgs),
    /// The certificate: show it, or make a new one.
    Cert(CertArgs),
    /// Alert rules.
    Rules(RulesArgs),
    /// The board: what was detected and why, every sensor and its value.
    Boards(BoardsArgs),
    /// The serial bridge to a microcontroller.
    Bridge(BridgeArgs),
    /// Run simulated drones that speak the Tello's UDP protocol.
    Simulate(SimulateArgs),
    /// Copy the durable state to a file, also while the gateway runs.
    Backup(BackupArgs),
    /// Replace the durable state by a backup. The gateway must not run.
    Restore(RestoreArgs),
    /// Factory reset: remove keys, certificates, alerts and histories.
    Reset(ResetArgs),
    /// Outgoing notifications.
    Notify(NotifyArgs),
    /// Collect one redacted file for a support request.
    Diag(DiagArgs),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page.
    Man,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file [default: /etc/mfg-drone/gateway.toml if it exists].
    #[arg(long, short, value_name = "FILE", env = "MFG_DRONE_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// State directory, instead of `storage.dir`.
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// HTTPS listener, instead of `server.listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Plain HTTP listener on loopback, instead of `server.http_listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub http_listen: Option<SocketAddr>,
    /// Level, instead of `logging.level`.
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// HTTPS listener.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub listen: SocketAddr,
    /// Plain HTTP listener on loopback.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub http_listen: Option<SocketAddr>,
    /// State directory; a temporary one that is removed at the end by default.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// UDP port for the drones' state.
    #[arg(long, value_name = "PORT", default_value_t = 8890)]
    pub state_port: u16,
    /// UDP port for the drones' video.
    #[arg(long, value_name = "PORT", default_value_t = 11111)]
    pub video_port: u16,
    /// UDP port on which the simulated drones take commands.
    #[arg(long, value_name = "PORT", default_value_t = 8889)]
    pub command_port: u16,
    /// Level of log lines on standard error.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// `keys …`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys: preview, name, permissions, use. Never the keys.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a key and print it, once.
    Create {
        /// Its name.
        name: String,
        /// Comma list of read, write, admin, dashboard.
        #[arg(long, short, default_value = "read,dashboard")]
        permissions: String,
        /// Days until it expires; never by default.
        #[arg(long, value_name = "DAYS")]
        expires_days: Option<u32>,
    },
    /// Revoke a key at once.
    Revoke {
        /// The preview shown by `keys list`, or the key.
        key: String,
    },
}

/// Arguments of `cert`.
#[derive(Debug, Args)]
pub struct CertArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: CertCommand,
}

/// `cert …`
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// Show fingerprint, names and validity.
    Show,
    /// Make a new certificate from the device's own authority.
    Renew,
}

/// Arguments of `rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// `rules …`
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List the rules a start would put in effect, with those for this board.
    List,
    /// Check the rules of a configuration file and list those in effect.
    Check {
        /// The file, instead of that of `--config`.
        file: Option<PathBuf>,
    },
}

/// Arguments of `boards`.
#[derive(Debug, Args)]
pub struct BoardsArgs {
    /// Configuration: drones' interfaces, rules, where the board is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Work on a captured tree instead of this machine.
    #[arg(long, value_name = "DIR|FILE")]
    pub tree: Option<PathBuf>,
    /// Directory of further profiles, instead of `board.profiles`.
    #[arg(long, value_name = "DIR")]
    pub profiles: Option<PathBuf>,
    /// What to do instead of reporting.
    #[command(subcommand)]
    pub command: Option<BoardsCommand>,
}

/// `boards …`
#[derive(Debug, Subcommand)]
pub enum BoardsCommand {
    /// Write a redacted capture of this board, to report an unknown one.
    Capture {
        /// The file to write.
        file: PathBuf,
    },
}

/// Arguments of `bridge`.
#[derive(Debug, Args)]
pub struct BridgeArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BridgeCommand,
}

/// `bridge …`
#[derive(Debug, Subcommand)]
pub enum BridgeCommand {
    /// List serial ports that could be bridges.
    List,
    /// Show what a microcontroller sends, as it comes, until Ctrl-C.
    Monitor {
        /// Device path, USB `VID:PID`, or `serial:NUMBER`.
        port: String,
        /// Bits per second; USB boards take any.
        #[arg(long, default_value_t = 115_200)]
        baud: u32,
    },
    /// Decode a raw capture of the serial line.
    Decode {
        /// The file.
        file: PathBuf,
    },
    /// Run a simulated board on a pseudo-terminal and print its path; lines on
    /// standard input make faults (`help` lists them).
    Simulate {
        /// Symbolic link to the terminal: a name that survives `unplug` and `plug`.
        #[arg(long, value_name = "PATH")]
        link: Option<PathBuf>,
    },
    /// Flash a Pico: check a UF2 file and copy it to the bootloader's volume.
    Flash {
        /// The UF2 file.
        file: PathBuf,
        /// Send the board on this port to its bootloader first, and meet it again afterwards.
        #[arg(long, value_name = "PORT")]
        port: Option<String>,
        /// Bits per second of that port; USB boards take any.
        #[arg(long, default_value_t = 115_200)]
        baud: u32,
        /// The bootloader's volume; the mounted RPI-RP2 or RP2350 by default.
        #[arg(long, value_name = "DIR")]
        volume: Option<PathBuf>,
    },
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// How many drones; they take 127.0.0.2, 127.0.0.3 and so on.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub drones: u8,
    /// UDP port on which they take commands.
    #[arg(long, value_name = "PORT", default_value_t = 8889)]
    pub command_port: u16,
    /// UDP port to which they send their state.
    #[arg(long, value_name = "PORT", default_value_t = 8890)]
    pub state_port: u16,
    /// UDP port to which they send their video.
    #[arg(long, value_name = "PORT", default_value_t = 11111)]
    pub video_port: u16,
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The file to write; it must not exist.
    pub file: PathBuf,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The backup.
    pub file: PathBuf,
}

/// Arguments of `reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Really do it.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `notify`.
#[derive(Debug, Args)]
pub struct NotifyArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: NotifyCommand,
}

/// `notify …`
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a test message to a target and say what it answered.
    Test {
        /// Name of the webhook.
        name: String,
    },
}

/// Arguments of `diag`.
#[derive(Debug, Args)]
pub struct DiagArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The file to write; standard output by default.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
