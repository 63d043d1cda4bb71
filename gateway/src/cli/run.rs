//! `run` and `demo`: the long-running commands.

use std::path::Path;

use anyhow::Context as _;

use super::args::{DemoArgs, RunArgs};
use crate::config::LogFormat;
use crate::demo::{self, Ports};
use crate::settings::Settings;

pub(super) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let settings = Settings::resolve(&args.inputs())?;
    super::warn(settings.warnings());
    let args = args.clone();
    let again = Box::new(move || Settings::resolve(&args.inputs()));
    super::runtime()?.block_on(crate::app::run(settings, again))
}

pub(super) fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let temporary = TemporaryState::new(args.state_dir.as_deref())?;
    let ports = Ports {
        listen: args.listen,
        http_listen: args.http_listen,
        state: args.state_port,
        video: args.video_port,
        command: args.command_port,
    };
    let mut config = demo::config(ports, temporary.path())?;
    config.logging.level.clone_from(&args.log_level);
    config.logging.format = LogFormat::Text;
    let settings = Settings::demo(config)?;
    let unchanged = settings.clone();
    let again = Box::new(move || Ok(unchanged.clone()));
    super::runtime()?.block_on(crate::app::run(settings, again))
}

/// The demo's state directory; removed at the end unless the user named it.
struct TemporaryState {
    path: std::path::PathBuf,
    remove: bool,
}

impl TemporaryState {
    fn new(named: Option<&Path>) -> anyhow::Result<TemporaryState> {
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

    fn path(&self) -> &Path {
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
