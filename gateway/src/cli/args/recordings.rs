//! Arguments of `recordings`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigArgs;

/// Arguments of `recordings`.
#[derive(Debug, Args)]
pub struct RecordingsArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: RecordingsCommand,
}

/// `recordings …`
#[derive(Debug, Subcommand)]
pub enum RecordingsCommand {
    /// List the recordings on this board, newest first.
    List {
        /// Only flights of this drone.
        #[arg(long, value_name = "ID")]
        drone: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a recording in a form that other programs read.
    Export {
        /// The file, or the id of a recording on this board.
        recording: String,
        /// jsonl: a JSON object a record; csv: a line a state; mp4: the pictures; record: the file itself.
        #[arg(long, value_parser = ["jsonl", "csv", "mp4", "record"], default_value = "jsonl")]
        format: String,
        /// File to write; standard output when absent.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say whether a recording is as it was written, and whose key signed it; else its first broken link.
    Verify {
        /// The file, or the id of a recording on this board; `audit`: the signed audit trail.
        recording: String,
        /// Key that must have signed it, in hexadecimal digits; that of this board when there is one.
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
    /// Play a recording as a drone on the wire: a gateway sees it fly again.
    Replay(ReplayArgs),
    /// Judge a recording once more by its own rules, and say which alerts differ; exit code 1 if any does.
    Compare {
        /// The file, or the id of a recording on this board.
        recording: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `recordings replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The file, or the id of a recording on this board.
    pub recording: String,
    /// So many times as fast as it was; hold times and cool-downs stay as they are.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub speed: f64,
    /// Address that the drone has, which this host must have.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.9")]
    pub address: IpAddr,
    /// Where the gateway is.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub gateway: IpAddr,
    /// UDP port on which the drone takes commands.
    #[arg(long, value_name = "PORT", default_value_t = tello::COMMAND_PORT)]
    pub command_port: u16,
    /// UDP port to which it sends its state.
    #[arg(long, value_name = "PORT", default_value_t = tello::STATE_PORT)]
    pub state_port: u16,
}
