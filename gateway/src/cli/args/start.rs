//! Arguments of what starts a gateway, or judges a start: where the configuration
//! comes from, and how flags become settings.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::Flag;
use crate::settings::Inputs;

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

/// Arguments of `run`, and of `check`, which judges what `run` would do with them.
#[derive(Clone, Debug, Args)]
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

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Let phones and other computers of this network in, by keys made at the start.
    #[arg(long)]
    pub lan: bool,
    /// Leave the drones on the ground until somebody flies them.
    #[arg(long)]
    pub still: bool,
    /// HTTPS listener [default: 127.0.0.1:8443, with --lan 0.0.0.0:8443].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
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

impl ConfigArgs {
    /// The flags that stand for keys.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        flag("--state-dir", ["storage", "dir"], self.state_dir.as_ref())
            .into_iter()
            .collect()
    }
}

impl RunArgs {
    /// What the settings of this command line are made of.
    pub(crate) fn inputs(&self) -> Inputs {
        let (listen, http_listen) = (
            self.listen.map(|address| address.to_string()),
            self.http_listen.map(|address| address.to_string()),
        );
        let mut flags = self.config.flags();
        flags.extend(flag("--listen", ["server", "listen"], listen));
        flags.extend(flag(
            "--http-listen",
            ["server", "http_listen"],
            http_listen,
        ));
        flags.extend(flag(
            "--log-level",
            ["logging", "level"],
            self.log_level.as_ref(),
        ));
        Inputs::of_process(self.config.config.as_deref(), flags)
    }
}

fn flag(
    name: &'static str,
    key: [&'static str; 2],
    value: Option<impl Into<OsString>>,
) -> Option<Flag> {
    let value = value?.into();
    Some(Flag { name, key, value })
}
