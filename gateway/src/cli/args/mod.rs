//! The command line: one table from which parsing, help, man page and
//! completions are made.
//!
//! `start` has the arguments from which settings come, `devices` those that
//! reach for hardware or simulate it. No file here does anything with an argument.

mod console;
mod devices;
mod fly;
mod join;
mod plan;
mod recordings;
mod start;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(super) use console::{
    AlertsArgs, AlertsCommand, ConfigCommand, ConfigFileArgs, LogsArgs, RuleFields, RulesArgs,
    RulesCommand, StatusArgs,
};
pub(super) use devices::{
    BoardsArgs, BoardsCommand, BridgeArgs, BridgeCommand, EmergencyStopArgs, EmergencyStopCommand,
    SimulateArgs,
};
pub(super) use fly::FlyArgs;
pub(super) use join::JoinArgs;
pub(super) use plan::{PlanArgs, PlanCommand};
pub(super) use recordings::{RecordingsArgs, RecordingsCommand, ReplayArgs};
pub(super) use start::{CheckArgs, ConfigArgs, DemoArgs, RunArgs};

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
    /// Run the gateway until SIGTERM or Ctrl-C; SIGHUP reloads the configuration.
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
    /// Land every drone of the running gateway.
    LandAll(DownArgs),
    /// Stop every drone of the running gateway where it is.
    StopAll(DownArgs),
    /// Cut the motors of every drone of the running gateway, wherever it is.
    EmergencyAll(DownArgs),
    /// Give one drone of the running gateway a command, and wait for its end.
    ///
    /// Nobody looks at the drone when the command line has ended: it lands by itself 15 s
    /// after its last command.
    Fly(FlyArgs),
    /// Flight plans: judge one, fly it, with simulated drones first; see, pause, end those under way.
    Plan(PlanArgs),
    /// The drones: accept an exchanged one, have one join the site's network.
    Drones(DronesArgs),
    /// Emergency stops of bridges: which are latched; reset them, or override one that is lost.
    EmergencyStop(EmergencyStopArgs),
    /// The certificate: show it, or make a new one.
    Cert(CertArgs),
    /// The running gateway on one screen: drones, alerts, the board, who is told.
    Status(StatusArgs),
    /// The log: its newest lines, or what comes.
    Logs(LogsArgs),
    /// Alerts: list, acknowledge, resolve.
    Alerts(AlertsArgs),
    /// Alert rules: list, check, try out, add, edit, delete.
    Rules(RulesArgs),
    /// The configuration: what is in force and where it was set, a new file, its schema.
    Config(ConfigFileArgs),
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
    /// Recordings of flights: list, export, verify, replay, compare.
    Recordings(RecordingsArgs),
    /// The packaged service's firewall: open it to what is configured.
    Firewall(FirewallArgs),
    /// Update the whole system, where it was started from an image.
    Update(UpdateArgs),
    /// Collect one redacted file for a support request.
    Diag(DiagArgs),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for each command.
    Man {
        /// Directory for the pages.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
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
    /// Show a QR code that signs a phone in, once, within five minutes.
    Qr(QrArgs),
}

/// Arguments of `keys qr`.
#[derive(Debug, Args)]
pub struct QrArgs {
    /// Sign in to this key, by the preview shown by `keys list`; else to a new one.
    #[arg(long, conflicts_with_all = ["permissions", "name"])]
    pub key: Option<String>,
    /// What the new key may do.
    #[arg(
        long,
        short,
        visible_alias = "permission",
        default_value = "read,write,admin,dashboard",
        help = concat!("What the new key may do: a comma list of ", access::permission_names!())
    )]
    pub permissions: String,
    /// Name of the new key; whose phone it is.
    #[arg(long)]
    pub name: Option<String>,
    /// Where the phone reaches the gateway, as HOST:PORT.
    #[arg(long)]
    pub address: Option<String>,
    /// Print the link only.
    #[arg(long)]
    pub no_code: bool,
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

/// Arguments of `land-all`, `stop-all` and `emergency-all`.
#[derive(Debug, Args)]
pub struct DownArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `drones`.
#[derive(Debug, Args)]
pub struct DronesArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: DronesCommand,
}

/// `drones …`
#[derive(Debug, Subcommand)]
pub enum DronesCommand {
    /// Accept the serial number that a drone says as its own, after a repair or an exchange.
    AcceptSerial {
        /// Id of the drone.
        id: String,
    },
    /// Tell a Tello EDU or TT to leave its own network for the site's, and find it there.
    Join(JoinArgs),
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
    /// Confirm that all of it may be removed.
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
    /// List the channels: where notifications go, and from which level on.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send a test notification by one channel and say what came of it.
    Test {
        /// Name of the channel.
        name: String,
    },
}

/// Arguments of `firewall`.
#[derive(Debug, Args)]
pub struct FirewallArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: FirewallCommand,
}

/// `firewall …`
#[derive(Debug, Subcommand)]
pub enum FirewallCommand {
    /// Show what would be written.
    Show,
    /// Write it beside the unit, for systemd.
    Write {
        /// Another directory than that of the unit.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
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
