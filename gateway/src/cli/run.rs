//! `run` and `demo`: the long-running commands.

use std::path::Path;

use anyhow::Context as _;

use super::args::{DemoArgs, RunArgs};
use crate::app::{Options, Origin};
use crate::config::{Loaded, LogFormat};
use crate::demo::{self, Ports};

/// Environment variables (or systemd credentials of the same, lower-case name)
/// that set the first keys.
const ADMIN_VARIABLE: &str = "MFG_DRONE_ADMIN_KEY";
const READONLY_VARIABLE: &str = "MFG_DRONE_READONLY_KEY";

pub(super) fn run(args: RunArgs) -> anyhow::Result<()> {
    let mut loaded = super::load(&args.config)?;
    super::check::semantic_problems(&loaded)?;
    let flags = Flags {
        listen: args.listen,
        http_listen: args.http_listen,
        log_level: args.log_level,
    };
    flags.apply(&mut loaded);
    let reload_args = args.config.clone();
    let options = Options {
        origin: Origin::Installed,
        admin_key: secret(ADMIN_VARIABLE)?,
        readonly_key: secret(READONLY_VARIABLE)?,
        reload: Box::new(move || {
            let mut loaded = super::load(&reload_args)?;
            super::check::semantic_problems(&loaded)?;
            flags.apply(&mut loaded);
            Ok(loaded.config)
        }),
        config: loaded.config,
    };
    super::runtime()?.block_on(crate::app::run(options))
}

/// Flags that stand for keys; they win over file and environment, also on reload.
struct Flags {
    listen: Option<std::net::SocketAddr>,
    http_listen: Option<std::net::SocketAddr>,
    log_level: Option<String>,
}

impl Flags {
    fn apply(&self, loaded: &mut Loaded) {
        let config = &mut loaded.config;
        config.server.listen = self.listen.unwrap_or(config.server.listen);
        config.server.http_listen = self.http_listen.or(config.server.http_listen);
        if let Some(level) = &self.log_level {
            config.logging.level.clone_from(level);
        }
    }
}

/// A secret from the environment, else from systemd's credentials directory.
fn secret(variable: &str) -> anyhow::Result<Option<String>> {
    if let Ok(value) = std::env::var(variable) {
        return Ok(Some(value).filter(|value| !value.is_empty()));
    }
    let Some(dir) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        return Ok(None);
    };
    let path = Path::new(&dir).join(variable.to_lowercase());
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("credential {}", path.display())),
    }
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
    let unchanged = config.clone();
    let options = Options {
        origin: Origin::Demo,
        admin_key: Some(demo::ADMIN_KEY.to_owned()),
        readonly_key: Some(demo::READONLY_KEY.to_owned()),
        reload: Box::new(move || Ok(unchanged.clone())),
        config,
    };
    super::runtime()?.block_on(crate::app::run(options))
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
