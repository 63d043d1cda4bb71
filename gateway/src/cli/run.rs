//! `run` and `demo`: the long-running commands.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;

use super::args::{DemoArgs, QrArgs, RunArgs};
use super::keys_qr;
use crate::config::LogFormat;
use crate::control::Client;
use crate::demo::{self, Ports};
use crate::settings::Settings;

pub(super) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let settings = Settings::resolve(&args.inputs())?;
    super::warn(settings.warnings());
    let args = args.clone();
    let again = Box::new(move || Settings::resolve(&args.inputs()));
    super::runtime()?.block_on(crate::app::run(settings, again, || ()))
}

pub(super) fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let temporary = TemporaryState::new(args.state_dir.as_deref())?;
    let host = match args.lan {
        true => Ipv4Addr::UNSPECIFIED,
        false => Ipv4Addr::LOCALHOST,
    };
    let listen = args.listen.unwrap_or(SocketAddr::from((host, PORT)));
    let ports = Ports {
        listen,
        http_listen: args.http_listen,
        state: args.state_port,
        video: args.video_port,
        command: args.command_port,
    };
    let mut config = demo::config(ports, temporary.path(), args.lan)?;
    config.logging.level.clone_from(&args.log_level);
    config.logging.format = LogFormat::Text;
    let settings = Settings::demo(config, args.lan, args.still)?;
    let unchanged = settings.clone();
    let again = Box::new(move || Ok(unchanged.clone()));
    let (lan, dir) = (args.lan, temporary.path().to_owned());
    // (After what is announced: that says what the code means.)
    let invites = move || {
        if lan {
            tokio::spawn(invite(dir));
        }
    };
    super::runtime()?.block_on(crate::app::run(settings, again, invites))
}

/// Port of the demo.
const PORT: u16 = 8443;

/// Shows a phone the way into the demo, which is up.
async fn invite(state_dir: std::path::PathBuf) {
    let Some(gateway) = Client::connect(&state_dir).await else {
        tracing::warn!("no code for a phone: the control socket does not answer");
        return;
    };
    let phone = QrArgs {
        key: None,
        permissions: "read,dashboard,write".to_owned(),
        name: None,
        address: None,
        no_code: false,
    };
    if let Err(error) = keys_qr::show(&gateway, phone).await {
        tracing::warn!("no code for a phone: {error:#}");
    }
}

/// A state directory for a moment; removed at the end unless the user named it.
pub(super) struct TemporaryState {
    path: std::path::PathBuf,
    remove: bool,
}

impl TemporaryState {
    pub(super) fn new(named: Option<&Path>) -> anyhow::Result<TemporaryState> {
        if let Some(path) = named {
            return Ok(TemporaryState {
                path: path.to_owned(),
                remove: false,
            });
        }
        let path =
            std::env::temp_dir().join(format!("mfg-drone-demo-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(TemporaryState { path, remove: true })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryState {
    fn drop(&mut self) {
        if self.remove {
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}
