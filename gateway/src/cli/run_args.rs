//! Arguments of `run`, and how the flags among them become settings.

use std::ffi::OsString;
use std::net::SocketAddr;

use clap::Args;

use super::args::ConfigArgs;
use crate::config::Flag;
use crate::settings::Inputs;

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

impl ConfigArgs {
    /// The flags that stand for keys.
    pub(super) fn flags(&self) -> Vec<Flag> {
        flag("--state-dir", ["storage", "dir"], self.state_dir.as_ref())
            .into_iter()
            .collect()
    }
}

impl RunArgs {
    /// What the settings of this command line are made of.
    pub(super) fn inputs(&self) -> Inputs {
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
