//! Arguments of `drones join`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Args;

/// Arguments of `drones join`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// Adapter that is in the drone's own network; never the site's, nor the one by which
    /// you are logged in.
    #[arg(long, short, value_name = "INTERFACE")]
    pub interface: String,
    /// Name of the network that the drone is to join.
    #[arg(long, value_name = "NAME")]
    pub ssid: String,
    /// File with its password in one line; asked for by default. Never an argument.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Address of the drone in its own network.
    #[arg(long, value_name = "ADDRESS", default_value_t = tello::ACCESS_POINT_ADDRESS)]
    pub address: Ipv4Addr,
    /// Where to look for it afterwards, as 192.168.1.0/24; more than once for several
    /// [default: drones.scan_ranges].
    #[arg(long, value_name = "NETWORK")]
    pub network: Vec<String>,
    /// Seconds to look for it.
    #[arg(long, value_name = "SECONDS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub wait: u16,
    /// Id of its table in the configuration [default: the next free drone_001 and so on].
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Add the table to the configuration file; printed by default.
    #[arg(long)]
    pub write: bool,
    /// Go on although the network is not heard, or does not look as if the drone could join.
    #[arg(long)]
    pub anyway: bool,
    /// Do not ask before the drone is told.
    #[arg(long, short)]
    pub yes: bool,
}
