//! What the types of the configuration cannot say.
//!
//! Collects every problem instead of stopping at the first: an operator fixes
//! a file once. Opens no file. Checks that need another room's parser (rules,
//! log levels, webhooks) are made there and located through [`Loaded::place`].

use std::path::Path;

use super::load::{Flag, Loaded};
use super::place::{ConfigError, Problem};
use super::{Config, Profile, Server};

/// The source of the board's own readings; no drone may have this id.
pub const BOARD_SOURCE: &str = "board";
/// Most connections: every one costs file descriptors and buffers.
pub const MAX_CONNECTIONS: usize = 4096;
/// Least and greatest cap of an update bundle: one packet of it, and more than any
/// root slot holds.
const MIN_BUNDLE_BYTES: u64 = 1024;
const MAX_BUNDLE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Longest pause between snapshots, a month: the journal since the last one is
/// read at every start.
const MAX_SNAPSHOT_INTERVAL_S: u64 = 31 * 24 * 3600;
/// Most rotated log files kept.
const MAX_LOG_FILES: usize = 100;
/// Least requests per minute for ordinary routes: the web dashboard polls three routes every 5 s.
const LEAST_OTHER_PER_MINUTE: u32 = 120;

impl Loaded {
    /// Merges and then checks what the types cannot say. For commands that work
    /// on what the configuration names; what is to run is judged further, by
    /// `Settings::resolve`.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found.
    pub fn read(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Loaded, ConfigError> {
        let loaded = Loaded::merge(path, environment, flags)?;
        ConfigError::unless_sound(loaded.problems())?;
        Ok(loaded)
    }

    /// Everything wrong with the values themselves and their combinations, in
    /// the order of the sections. Opens no file.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut check = Check {
            loaded: self,
            problems: Vec::new(),
        };
        let config = &self.config;
        check.server(config);
        check.access(config);
        check.storage(config);
        check.drones(config);
        for (key, message) in config.camera.problems() {
            check.refuse(&["camera", key], message);
        }
        check.bridges(config);
        for (key, message) in super::upstream::problems(&config.upstream) {
            check.refuse(&["upstream", key], message);
        }
        check.update(config);
        check.problems
    }
}

pub(super) struct Check<'a> {
    loaded: &'a Loaded,
    problems: Vec<Problem>,
}

impl Check<'_> {
    pub(super) fn refuse(&mut self, path: &[&str], message: impl Into<String>) {
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
        self.server_limits(server);
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

    fn server_limits(&mut self, server: &Server) {
        for (key, seconds) in [
            ("handshake_timeout_s", server.handshake_timeout_s),
            ("header_timeout_s", server.header_timeout_s),
            ("body_timeout_s", server.body_timeout_s),
            ("idle_timeout_s", server.idle_timeout_s),
            ("write_timeout_s", server.write_timeout_s),
            ("drain_timeout_s", server.drain_timeout_s),
        ] {
            if !(1..=3600).contains(&seconds) {
                self.refuse(
                    &["server", key],
                    format!("{seconds} is outside 1 to 3600 seconds"),
                );
            }
        }
        if !(1..=MAX_CONNECTIONS).contains(&server.max_connections) {
            self.refuse(
                &["server", "max_connections"],
                format!("must be 1 to {MAX_CONNECTIONS}"),
            );
        }
        if server.max_connections_per_address == 0 {
            self.refuse(
                &["server", "max_connections_per_address"],
                "must be at least 1",
            );
        }
        if !(1024..=64 * 1024 * 1024).contains(&server.max_body_bytes) {
            self.refuse(
                &["server", "max_body_bytes"],
                "must be 1024 to 67108864 bytes",
            );
        }
    }

    /// Of two listeners on one port only one would ever be bound.
    fn listeners_apart(&mut self, config: &Config) {
        let server = &config.server;
        let listeners = [
            ("listen", Some(server.listen)),
            ("http_listen", server.http_listen),
            ("metrics_listen", server.metrics_listen),
        ];
        for (index, (key, address)) in listeners.into_iter().enumerate() {
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
                self.refuse(
                    &["server", key],
                    format!("{address} is the port of server.{other} already; use another one"),
                );
            }
        }
    }

    fn update(&mut self, config: &Config) {
        if !(MIN_BUNDLE_BYTES..=MAX_BUNDLE_BYTES).contains(&config.update.max_bundle_bytes) {
            self.refuse(
                &["update", "max_bundle_bytes"],
                format!("must be {MIN_BUNDLE_BYTES} to {MAX_BUNDLE_BYTES} bytes"),
            );
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
        if access.max_failed_attempts == 0 {
            self.refuse(
                &["access", "max_failed_attempts"],
                "must be at least 1; access.lockout = false turns the lock-out off",
            );
        }
        if !(1..=168).contains(&access.failed_attempt_window_hours) {
            self.refuse(
                &["access", "failed_attempt_window_hours"],
                "must be 1 to 168 hours",
            );
        }
        if (1..LEAST_OTHER_PER_MINUTE).contains(&access.other_per_minute) {
            self.refuse(
                &["access", "other_per_minute"],
                format!(
                    "must be 0 (unlimited) or at least {LEAST_OTHER_PER_MINUTE}: dashboards poll three routes every 5 s"
                ),
            );
        }
        for (key, limit) in [
            ("root_per_minute", access.root_per_minute),
            ("health_per_minute", access.health_per_minute),
            ("page_per_minute", access.page_per_minute),
        ] {
            if limit == 0 {
                self.refuse(
                    &["access", key],
                    "must be at least 1; access.rate_limit_enabled = false turns all limits off",
                );
            }
        }
        if !(2..=4096).contains(&access.max_keys) {
            self.refuse(&["access", "max_keys"], "must be 2 to 4096");
        }
    }

    fn storage(&mut self, config: &Config) {
        let storage = &config.storage;
        if !(60..=3600).contains(&storage.batch_interval_s) {
            self.refuse(
                &["storage", "batch_interval_s"],
                "must be 60 to 3600 seconds: shorter wears out the SD card",
            );
        }
        if !(1..=7).contains(&storage.history_days) {
            self.refuse(&["storage", "history_days"], "must be 1 to 7 days");
        }
        if !(600..=MAX_SNAPSHOT_INTERVAL_S).contains(&storage.snapshot_interval_s) {
            self.refuse(
                &["storage", "snapshot_interval_s"],
                format!("must be 600 to {MAX_SNAPSHOT_INTERVAL_S} seconds"),
            );
        }
        if !(1..=10_000).contains(&config.alerts.max_alerts) {
            self.refuse(&["alerts", "max_alerts"], "must be 1 to 10000");
        }
        if !(1..=365).contains(&config.alerts.retention_days) {
            self.refuse(&["alerts", "retention_days"], "must be 1 to 365 days");
        }
        if !(64 * 1024..=1024 * 1024 * 1024).contains(&config.logging.max_file_bytes) {
            self.refuse(
                &["logging", "max_file_bytes"],
                "must be 65536 to 1073741824 bytes",
            );
        }
        if config.logging.max_files > MAX_LOG_FILES {
            self.refuse(
                &["logging", "max_files"],
                format!("must be 0 to {MAX_LOG_FILES}"),
            );
        }
        if !(200..=60_000).contains(&config.board.sample_interval_ms) {
            self.refuse(
                &["board", "sample_interval_ms"],
                "must be 200 to 60000 milliseconds",
            );
        }
        if !(1..=3600).contains(&config.board.lost_after_s) {
            self.refuse(&["board", "lost_after_s"], "must be 1 to 3600 seconds");
        }
    }

    fn bridges(&mut self, config: &Config) {
        for (path, message) in super::bridge::problems(&config.bridge) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            self.refuse(&path, message);
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
