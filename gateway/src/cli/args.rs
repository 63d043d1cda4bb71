//! The command line: one table from which parsing, help, man page and
//! completions are made.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(super) use super::run_args::RunArgs;

/// What scripts and systemd go by; also in the man page.
const EXIT_CODES: &str = "\
Exit codes:
  0  done; check: all is well
  1  failed
  2  wrong usage, or settings that run refuses; check: run would refuse to start
  3  check: run would start, and something outside is missing (a drone is silent,
     a target away, a port taken); health --grounded: a drone is in the air";

/// Edge gateway for Tello drones: battery and temperature alerts, drone
/// control and the Phase 4 API over TLS.
///
/// Without a configuration file the defaults work: HTTPS on port 8443, keys
/// made at the first start and printed once.
#[derive(Debug, Parser)]
#[command(
    name = "mfg-drone-gateway",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = EXIT_CODES
)]
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
    /// Say what is wrong with the configuration, ports, certificate, sensors, drones and targets, and what to do.
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Ask the running gateway, over HTTPS as a client would, whether it is well.
    Health(HealthArgs),
    /// API keys: list, create, revoke. Works while the gateway runs and while it does not.
    Keys(KeysArgs),
    /// Addresses locked out after wrong keys: list them, let one in again.
    Lockouts(LockoutsArgs),
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
    /// Update the whole system, where it was started from an image.
    Update(UpdateArgs),
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
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "MFG_DRONE_CONFIG",
        global = true
    )]
    pub config: Option<PathBuf>,
    /// State directory, instead of `storage.dir`.
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<PathBuf>,
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
    #[arg(long, value_name = "PORT", default_value_t = tello::STATE_PORT)]
    pub state_port: u16,
    /// UDP port for the drones' video.
    #[arg(long, value_name = "PORT", default_value_t = tello::VIDEO_PORT)]
    pub video_port: u16,
    /// UDP port on which the simulated drones take commands.
    #[arg(long, value_name = "PORT", default_value_t = tello::COMMAND_PORT)]
    pub command_port: u16,
    /// Level of log lines on standard error.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What `run` would be given.
    #[command(flatten)]
    pub run: RunArgs,
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
        #[arg(
            long,
            short,
            default_value = "read,dashboard",
            help = concat!("Comma list of ", access::permission_names!())
        )]
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

/// Arguments of `lockouts`.
#[derive(Debug, Args)]
pub struct LockoutsArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: LockoutsCommand,
}

/// `lockouts …`
#[derive(Debug, Subcommand)]
pub enum LockoutsCommand {
    /// List the addresses, those locked out longest first.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let an address in again before its time.
    Lift {
        /// The address, as listed.
        address: String,
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
    Renew {
        /// Make a new authority as well: everybody has to trust it anew.
        #[arg(long)]
        authority: bool,
    },
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
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show what a microcontroller sends until Ctrl-C: a live table on a
    /// terminal, else a line for each event.
    Monitor {
        /// Device path, USB `VID:PID`, or `serial:NUMBER`.
        port: String,
        /// Bits per second; USB boards take any.
        #[arg(long, default_value_t = 115_200)]
        baud: u32,
        /// A line for each event on a terminal too.
        #[arg(long)]
        lines: bool,
        /// One JSON object for each event.
        #[arg(long, conflicts_with = "lines")]
        json: bool,
    },
    /// Decode a raw capture of the serial line, or one in hexadecimal text.
    Decode {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// One JSON object for each frame or stretch of garbage.
        #[arg(long)]
        json: bool,
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
    /// How many drones; they take the addresses from `--address` on.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub drones: u8,
    /// Address of the first drone, which this host must have.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.2")]
    pub address: Ipv4Addr,
    /// UDP port on which they take commands.
    #[arg(long, value_name = "PORT", default_value_t = tello::COMMAND_PORT)]
    pub command_port: u16,
    /// UDP port to which they send their state.
    #[arg(long, value_name = "PORT", default_value_t = tello::STATE_PORT)]
    pub state_port: u16,
    /// Battery of each in percent [default: one of three is low].
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub battery: Option<u8>,
    /// Percent of what they send that is lost.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub drop: u8,
    /// Percent that arrives twice.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub duplicate: u8,
    /// Percent with some bytes replaced.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub garble: u8,
    /// Milliseconds by which everything they send is delayed.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub delay_ms: u16,
    /// Most milliseconds of random delay on top; over 100 it reorders states.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub jitter_ms: u16,
    /// UDP port to which they send their video.
    #[arg(long, value_name = "PORT", default_value_t = tello::VIDEO_PORT)]
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
    /// Send a test notification by one channel and say what came of it.
    Test {
        /// Name of the channel.
        name: String,
    },
}

/// Arguments of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Exit with 3 while a drone is in the air.
    #[arg(long)]
    pub grounded: bool,
}

/// Arguments of `update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: UpdateCommand,
}

/// `update …`
#[derive(Debug, Subcommand)]
pub enum UpdateCommand {
    /// How the last update went, and which version runs in which slot.
    Status {
        /// Print the image's own status file.
        #[arg(long)]
        json: bool,
    },
    /// Hand a signed bundle over; it is verified, installed and tried by itself.
    Install {
        /// The bundle, `*.raucb`.
        file: PathBuf,
        /// SHA-256 it must have.
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
        /// Install it although it is older than what runs, or the same.
        #[arg(long)]
        allow_downgrade: bool,
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
