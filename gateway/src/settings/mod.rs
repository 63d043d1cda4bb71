//! The one way to settings: file, environment and flags are merged, then judged
//! once, completely. What comes out can be run; nothing else can.
//!
//! [`Settings`] has no public parts and two doors, [`Settings::resolve`] and
//! `Settings::demo`, so that a start cannot take a configuration that nobody
//! has judged. `run`, `demo`, `check` and a reload all come through here. This room
//! reads files and starts nothing; whether a port is free or a drone answers is not
//! its question, because a gateway starts without them.

mod first_keys;
mod judge;

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigError, Flag, Loaded, Reload};
use first_keys::GivenKeys;
use judge::judge;
pub(crate) use judge::rule_problems;

/// How the gateway came to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// For real.
    Installed,
    /// The demo: published keys, loopback only.
    Demo,
    /// The demo for others on the network: keys made at the start.
    DemoOnLan,
}

/// What settings are made of.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The file, when one is named.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Flags that stand for keys.
    pub flags: Vec<Flag>,
    /// Directory of systemd's credentials.
    pub credentials: Option<PathBuf>,
}

impl Inputs {
    /// Those of this process.
    #[must_use]
    pub fn of_process(file: Option<&Path>, flags: Vec<Flag>) -> Inputs {
        Inputs {
            file: file.map(Path::to_owned),
            environment: environment(),
            flags,
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        }
    }
}

/// The environment of this process. What is not text becomes so with marks in
/// it, which no key accepts: it is refused rather than overlooked.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| {
            let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
            (text(name), text(value))
        })
        .collect()
}

/// Settings that were judged, and that a gateway can be started with.
#[derive(Clone)]
pub struct Settings {
    loaded: Loaded,
    origin: Origin,
    keys: GivenKeys,
    /// Whether the demo's drones stay on the ground until somebody flies them.
    is_still: bool,
}

impl Settings {
    /// Merges and judges, completely.
    ///
    /// # Errors
    /// [`ConfigError`] with everything for which a start would be refused.
    pub fn resolve(inputs: &Inputs) -> Result<Settings, ConfigError> {
        let loaded = Loaded::merge(
            inputs.file.as_deref(),
            inputs.environment.iter().cloned(),
            &inputs.flags,
        )?;
        let mut problems = judge(&loaded);
        let keys = match GivenKeys::read(inputs) {
            Ok(keys) => keys,
            Err(found) => {
                problems.extend(found);
                GivenKeys::default()
            }
        };
        ConfigError::unless_sound(problems)?;
        Ok(Settings {
            loaded,
            origin: Origin::Installed,
            keys,
            is_still: true,
        })
    }

    /// Judges what the demo made up. The caller has seen to it that every listener
    /// is on loopback, where it is not `lan`.
    ///
    /// # Errors
    /// [`ConfigError`], for flags of the demo that make no sense.
    pub(crate) fn demo(config: Config, lan: bool, is_still: bool) -> Result<Settings, ConfigError> {
        let loaded = Loaded::made(config);
        ConfigError::unless_sound(judge(&loaded))?;
        Ok(Settings {
            loaded,
            origin: if lan { Origin::DemoOnLan } else { Origin::Demo },
            keys: GivenKeys::default(),
            is_still,
        })
    }

    /// What of these settings can take effect beside `running`, without a restart.
    ///
    /// The two together are judged again. A listener stays where it is until a
    /// restart, so a profile that is sound on the new one may open the old one.
    ///
    /// # Errors
    /// [`ConfigError`]: nothing of them can take effect.
    pub fn beside(mut self, running: &Config) -> Result<(Settings, Reload), ConfigError> {
        let reload = Reload::between(running, &self.loaded.config);
        self.loaded.config = reload.effective.clone();
        let mut problems = judge(&self.loaded);
        let waiting = reload.needs_restart.join(", ");
        for problem in &mut problems {
            problem.message += &format!(" (as long as a restart is due for {waiting})");
        }
        ConfigError::unless_sound(problems)?;
        Ok((self, reload))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.loaded.config
    }

    /// Whether drones of a demo fly only when somebody flies them.
    #[must_use]
    pub(crate) fn is_still(&self) -> bool {
        self.is_still
    }

    /// How the gateway came to be started.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The file they come from, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.loaded.file.as_deref()
    }

    /// What is probably a mistake, but harmless.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.loaded.warnings
    }

    /// String of the first admin key, when it is given.
    #[must_use]
    pub fn admin_key(&self) -> Option<String> {
        self.keys.admin()
    }

    /// String of the first read-only key, when it is given.
    #[must_use]
    pub fn readonly_key(&self) -> Option<String> {
        self.keys.readonly()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(flags: &[(&'static str, [&'static str; 2], &str)]) -> Inputs {
        Inputs {
            file: Some("/dev/null".into()),
            flags: flags
                .iter()
                .map(|(name, key, value)| Flag {
                    name,
                    key: *key,
                    value: value.into(),
                })
                .collect(),
            ..Inputs::default()
        }
    }

    fn refusal(inputs: &Inputs) -> String {
        match Settings::resolve(inputs) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    const LISTEN: [&str; 2] = ["server", "listen"];

    #[test]
    fn flags_win_over_the_environment_and_are_judged_with_it() {
        let mut inputs = inputs(&[("--listen", LISTEN, "0.0.0.0:8443")]);
        inputs.environment = vec![
            ("MFG_DRONE_SERVER__LISTEN".into(), "127.0.0.1:1".into()),
            ("MFG_DRONE_ACCESS__PROFILE".into(), "documented".into()),
        ];
        let refused = refusal(&inputs);
        assert!(
            refused.starts_with("environment variable MFG_DRONE_ACCESS__PROFILE: ")
                && refused.contains("0.0.0.0:8443 (--listen)"),
            "{refused}"
        );
        inputs.flags.clear();
        assert_eq!(refusal(&inputs), "");
    }

    #[test]
    fn a_profile_opens_only_with_the_listener_it_was_written_for() {
        let running = Config::default();
        let mut new = inputs(&[("--listen", LISTEN, "127.0.0.1:8443")]);
        new.environment = vec![("MFG_DRONE_ACCESS__PROFILE".into(), "legacy".into())];
        let settings = Settings::resolve(&new).expect("sound by itself");
        let refused = settings
            .beside(&running)
            .err()
            .expect("the running listener is off loopback")
            .to_string();
        assert!(
            refused.contains("restart is due for server.listen"),
            "{refused}"
        );
    }

    #[test]
    fn given_keys_are_judged_and_never_shown() {
        let mut short = inputs(&[]);
        short.environment = vec![("MFG_DRONE_ADMIN_KEY".into(), "secret-word".into())];
        let refused = refusal(&short);
        assert!(
            refused.contains("MFG_DRONE_ADMIN_KEY") && !refused.contains("secret-word"),
            "{refused}"
        );
        let dir = tempfile::tempdir().expect("temporary directory");
        let key = "from-a-credential-0123456789";
        std::fs::write(dir.path().join("mfg_drone_admin_key"), format!("{key}\n"))
            .expect("written");
        let mut given = inputs(&[]);
        given.credentials = Some(dir.path().to_owned());
        let settings = Settings::resolve(&given).expect("sound");
        assert_eq!(settings.admin_key().as_deref(), Some(key));
        assert_eq!(settings.readonly_key(), None);
    }
}
