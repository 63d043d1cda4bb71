//! Arguments of what reaches for hardware, or simulates it: boards, serial bridges,
//! drones.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::start::ConfigArgs;

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
    /// Ask NVMe disks for their wear, as root, and leave the answers below /run for the
    /// gateway. The package's mfg-drone-disks.timer does so every ten minutes.
    AskDisks,
}

/// Arguments of `emergency-stop`.
#[derive(Debug, Args)]
pub struct EmergencyStopArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: EmergencyStopCommand,
}

/// `emergency-stop …`
#[derive(Debug, Subcommand)]
pub enum EmergencyStopCommand {
    /// Show each, and why drones may not take off.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Reset what is latched, once every one is released: drones may take off again.
    Reset,
    /// Let drones take off although a bridge with an emergency stop is lost, or was taken
    /// out of the configuration.
    Override {
        /// Name of the bridge.
        bridge: String,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: String,
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
    /// terminal, else a line for each event. Of a port that the running gateway
    /// has, what the gateway knows is shown each second.
    Monitor {
        /// Whose gateway may have the port.
        #[command(flatten)]
        config: ConfigArgs,
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
    /// SDK of each [default: all three in turn].
    #[arg(long, value_name = "VERSION", value_parser = ["1.3", "2.0", "3.0"])]
    pub sdk: Option<String>,
    /// Address of the first drone in a network that it is told to join, which this host must
    /// have; without one it is not seen again after that, until `reset N`.
    #[arg(long, value_name = "ADDRESS")]
    pub station: Option<Ipv4Addr>,
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
