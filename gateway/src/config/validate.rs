//! What the types of the configuration cannot say.
//!
//! Collects every problem instead of stopping at the first: an operator fixes
//! a file once. Single numbers are judged in `limits`. Opens no file. Checks that need
//! another room's parser (rules, log levels, channels) are made there and located
//! through [`Loaded::place`].

use std::path::Path;

use super::limits;
use super::load::{Flag, Loaded};
use super::place::{ConfigError, Problem};
use super::{Board, Camera, Config, Profile, Upstream};

impl Loaded {
    /// Merges and then checks what the types cannot say. For commands that work
    /// on what the configuration names; what is to run is judged further, by
    /// `Settings::resolve`.
    ///
    /// # Errors
    /// `ConfigError` with every problem found.
    pub fn read(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Loaded, ConfigError> {
        let loaded = Loaded::merge(path, environment, flags)?;
        ConfigError::unless_sound(loaded.problems())?;
        Ok(loaded)
    }

    /// Everything wrong with the values themselves and their combinations: single
    /// numbers first, then section by section. Opens no file.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut check = Check {
            loaded: self,
            problems: Vec::new(),
        };
        let config = &self.config;
        for (path, words) in limits::problems(&super::to_table(config)) {
            check.refuse(&path, words);
        }
        for (key, words) in super::gateway::problems(&config.gateway) {
            check.refuse(&["gateway", key], words);
        }
        check.server(config);
        check.access(config);
        check.camera(&config.camera);
        check.board(&config.board);
        check.upstream(&config.upstream);
        let lists = super::bridge::problems(&config.bridge);
        for (path, words) in super::validate_drones::problems(&config.drones)
            .into_iter()
            .chain(lists)
            .chain(super::actions::problems(config))
        {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            check.refuse(&path, words);
        }
        check.problems
    }
}

/// The problems found so far, and where they stand.
struct Check<'a> {
    loaded: &'a Loaded,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn refuse(&mut self, path: &[&str], message: impl Into<String>) {
        let message = format!("{}: {}", path.join("."), message.into());
        self.problems.push(Problem {
            place: self.loaded.place(path),
            message,
        });
    }

    fn server(&mut self, config: &Config) {
        let server = &config.server;
        for (key, address) in [
            ("http_listen", server.http_listen),
            ("metrics_listen", server.metrics_listen),
        ] {
            if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
                self.refuse(
                    &["server", key],
                    format!(
                        "{address} is not a loopback address; plain HTTP is for this host only, use e.g. 127.0.0.1:8000"
                    ),
                );
            }
        }
        self.listeners_apart(config);
        for (index, origin) in server.cors_origins.iter().enumerate() {
            let host = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
                self.refuse(
                    &["server", "cors_origins", &index.to_string()],
                    format!("{origin:?} is not an origin; write scheme and host without a path, e.g. https://panel.example:3000"),
                );
            }
        }
        if config.tls.cert.is_some() != config.tls.key.is_some() {
            let missing = if config.tls.cert.is_some() {
                "key"
            } else {
                "cert"
            };
            self.refuse(
                &["tls", if missing == "key" { "cert" } else { "key" }],
                format!("tls.{missing} is missing: set both or neither"),
            );
        }
    }

    /// Of two listeners on one port only one would ever be bound.
    fn listeners_apart(&mut self, config: &Config) {
        let server = &config.server;
        let listeners = [
            (["server", "listen"], Some(server.listen)),
            (["server", "http_listen"], server.http_listen),
            (["server", "metrics_listen"], server.metrics_listen),
            (["camera", "rtsp_listen"], config.camera.rtsp_listen),
        ];
        for (index, (path, address)) in listeners.into_iter().enumerate() {
            let Some(address) = address else { continue };
            let clash = listeners[..index].iter().find(|(_, other)| {
                other.is_some_and(|other| {
                    let everywhere = other.ip().is_unspecified() || address.ip().is_unspecified();
                    other.port() == address.port()
                        && address.port() != 0
                        && (everywhere || other.ip() == address.ip())
                })
            });
            if let Some((other, _)) = clash {
                let other = other.join(".");
                self.refuse(
                    &path,
                    format!("{address} is the port of {other} already; use another one"),
                );
            }
        }
    }

    fn access(&mut self, config: &Config) {
        let access = &config.access;
        if access.profile != Profile::Strict
            && !access.allow_open_access
            && !config.server.listen.ip().is_loopback()
        {
            let (listen, place) = (
                config.server.listen,
                self.loaded.place(&["server", "listen"]),
            );
            self.refuse(
                &["access", "profile"],
                format!(
                    "this profile lets anybody who reaches {listen} ({place}) fly the drones; use \"strict\", listen on loopback, or set access.allow_open_access = true"
                ),
            );
        }
    }

    fn board(&mut self, board: &Board) {
        for words in &board.sensor {
            if let Err(reason) = words.check() {
                self.refuse(&["board", "sensor"], format!("{}: {reason}", words.chip));
            }
        }
    }

    fn camera(&mut self, camera: &Camera) {
        if !camera.decoder.as_os_str().is_empty() && !camera.decoder.is_absolute() {
            self.refuse(
                &["camera", "decoder"],
                "must be a whole path such as /usr/bin/ffmpeg, or empty",
            );
        }
    }

    fn upstream(&mut self, upstream: &Upstream) {
        if upstream.url.is_none() && (upstream.key.is_some() || upstream.key_file.is_some()) {
            self.refuse(
                &["upstream", "url"],
                "there is a key for the upstream and no url; set both or neither",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), text).expect("written");
        match Loaded::read(Some(file.path()), [], &[]) {
            Ok(_) => Vec::new(),
            Err(error) => error.problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn plain_http_off_loopback_is_refused() {
        let found = messages("[server]\nhttp_listen = \"0.0.0.0:8000\"\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(":2:1: server.http_listen: 0.0.0.0:8000 is not a loopback address"),
            "{found:?}"
        );
    }

    #[test]
    fn an_open_profile_off_loopback_needs_consent() {
        let open = "[access]\nprofile = \"documented\"\n";
        assert!(messages(open)[0].contains("access.allow_open_access"));
        assert_eq!(
            messages(&format!("{open}allow_open_access = true\n")),
            [""; 0]
        );
        assert_eq!(
            messages(&format!("{open}[server]\nlisten = \"127.0.0.1:8443\"\n")),
            [""; 0]
        );
    }

    #[test]
    fn two_listeners_never_share_a_port() {
        let listeners = |http: &str| format!("[server]\nhttp_listen = \"{http}\"\n");
        let found = messages(&listeners("127.0.0.1:8443"));
        assert!(
            found[0].contains("server.http_listen: 127.0.0.1:8443 is the port of server.listen"),
            "{found:?}"
        );
        assert_eq!(messages(&listeners("127.0.0.1:8000")), [""; 0]);
        let apart = "[server]\nlisten = \"127.0.0.2:1\"\nhttp_listen = \"127.0.0.1:1\"\n";
        assert_eq!(messages(apart), [""; 0]);
        let any = "[server]\nlisten = \"127.0.0.1:0\"\nhttp_listen = \"127.0.0.1:0\"\n";
        assert_eq!(messages(any), [""; 0]);
    }

    #[test]
    fn a_drone_is_not_taken_for_the_board() {
        let found = messages("[[drones.drone]]\nid = \"board\"\n");
        assert!(found[0].contains("is the board itself"), "{found:?}");
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let found = messages(
            "[server]\nmax_connections = 0\nidle_timeout_s = 0\n[tls]\ncert = \"a.pem\"\n[access]\nother_per_minute = 5\n\
             [drones]\nscan_ranges = [\"192.168.1.0/24\", \"10.0.0.0/8\"]\nauto_scan_interval_s = 1\n\
             [[drones.drone]]\nid = \"a b\"\n[[drones.drone]]\nid = \"x\"\n[[drones.drone]]\nid = \"x\"\n",
        );
        let wanted = [
            "scan_ranges.1: 10.0.0.0/8 is too wide",
            "auto_scan_interval_s",
            "idle_timeout_s",
            "max_connections:",
            "tls.key is missing",
            "other_per_minute",
            "\"a b\"",
            "number 2",
        ];
        for word in wanted {
            assert!(
                found.iter().any(|message| message.contains(word)),
                "{word} in {found:#?}"
            );
        }
    }
}
