//! The configuration: what can be set, and the defaults that work without a file.
//!
//! The structures here are the one description of `gateway.toml`: names, units
//! (at the end of each name), defaults. Reading the file, the environment and
//! checking what the types cannot say live in `load` and `validate`.
//! Unknown keys are refused everywhere.

mod bridge;
mod camera;
mod load;
mod ranges;
mod reload;
mod rule;
mod upstream;
mod validate;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use bridge::{Bridge, ButtonAction, MAX_BRIDGES};
pub use camera::Camera;
pub use load::{ConfigError, DEFAULT_PATH, ENV_PREFIX, Loaded, Place, Problem};
pub use ranges::{MAX_RANGES, Range, RangeError};
pub use reload::Reload;
pub use rule::Rule;
pub use upstream::Upstream;
pub use validate::{MAX_CONNECTIONS, MAX_DRONES};

/// A configuration from a table, by way of its text: so only one deserialiser of
/// this whole structure is in the binary.
fn from_table(table: &toml::Table) -> Result<Config, toml::de::Error> {
    let text = toml::to_string(table).map_err(serde::de::Error::custom)?;
    toml::from_str(&text)
}

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Listeners, time-outs and caps.
    pub server: Server,
    /// Certificates.
    pub tls: Tls,
    /// Who may do what, and how often.
    pub access: Access,
    /// Where durable state lives and how much may be written.
    pub storage: Storage,
    /// Log files and their limits.
    pub logging: Logging,
    /// The drones.
    pub drones: Drones,
    /// Their video, and photos.
    pub camera: Camera,
    /// The board's own sensors.
    pub board: Board,
    /// Microcontrollers on serial lines.
    pub bridge: Vec<Bridge>,
    /// Alert rules, retention and evaluation.
    pub alerts: Alerts,
    /// Outgoing notifications.
    pub notify: Notify,
    /// The service behind vision, datasets and models.
    pub upstream: Upstream,
    /// Updates of the whole system.
    pub update: Update,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// HTTPS listener.
    pub listen: SocketAddr,
    /// Plain HTTP listener for clients on the same host; loopback only.
    pub http_listen: Option<SocketAddr>,
    /// Listener for `/metrics` without a key; loopback only.
    pub metrics_listen: Option<SocketAddr>,
    /// Seconds a TLS hand-shake may take.
    pub handshake_timeout_s: u64,
    /// Seconds until a connection's request header must be complete.
    pub header_timeout_s: u64,
    /// Seconds a request body may take.
    pub body_timeout_s: u64,
    /// Seconds a kept-alive connection may stay idle.
    pub idle_timeout_s: u64,
    /// Seconds a blocked write may take before the peer is cut off.
    pub write_timeout_s: u64,
    /// Seconds a graceful stop waits for requests in flight.
    pub drain_timeout_s: u64,
    /// Connections in all.
    pub max_connections: usize,
    /// Connections per client address (IPv6: per /64); never more than in all.
    pub max_connections_per_address: usize,
    /// WebSocket clients in all; never more than `max_connections`.
    pub max_websockets: usize,
    /// Largest request body in bytes (detection uploads have their own cap).
    pub max_body_bytes: usize,
    /// Origins added to the documented CORS list.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed (its right-most entry).
    pub trusted_proxies: Vec<IpAddr>,
    /// The `phase` text of `/health`; existing test suites differ on it.
    pub phase: String,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8443),
            http_listen: None,
            metrics_listen: None,
            handshake_timeout_s: 10,
            header_timeout_s: 10,
            body_timeout_s: 30,
            idle_timeout_s: 60,
            write_timeout_s: 30,
            drain_timeout_s: 10,
            max_connections: 256,
            // A hundred parallel requests from one host are a documented load.
            max_connections_per_address: 128,
            max_websockets: 128,
            max_body_bytes: 1024 * 1024,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            phase: "Phase 5 - Web Dashboard Ready".to_owned(),
        }
    }
}

/// `[tls]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM file of the certificate chain; with `key`, replaces the device's own.
    pub cert: Option<PathBuf>,
    /// PEM file of the private key.
    pub key: Option<PathBuf>,
    /// PEM file of authorities whose client certificates are required.
    pub client_ca: Option<PathBuf>,
    /// Host names and addresses added to the device's own certificate.
    pub names: Vec<String>,
}

/// Which routes need a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Reading needs `read`, flying needs `write`.
    #[default]
    Strict,
    /// The contract's default: drone routes open.
    Documented,
    /// The dashboard routes open as well.
    Legacy,
}

/// `[access]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Which routes need a key.
    pub profile: Profile,
    /// Allows a profile other than `strict` off loopback.
    pub allow_open_access: bool,
    /// Wrong keys from one address before it is locked out.
    pub max_failed_attempts: u32,
    /// Hours in which those failures count, and how long a lock-out lasts.
    pub failed_attempt_window_hours: u32,
    /// Whether wrong keys lock an address out.
    pub lockout: bool,
    /// Whether loopback is exempt from the lock-out (demo only).
    pub lockout_exempts_loopback: bool,
    /// Whether rate limits apply.
    pub rate_limit_enabled: bool,
    /// Requests per minute and address on `/`.
    pub root_per_minute: u32,
    /// Requests per minute and address on `/health`.
    pub health_per_minute: u32,
    /// Requests per minute and address on each page.
    pub page_per_minute: u32,
    /// Requests per minute and client on all other routes; 0 is unlimited.
    pub other_per_minute: u32,
    /// Most keys kept.
    pub max_keys: usize,
}

impl Default for Access {
    fn default() -> Self {
        Access {
            profile: Profile::Strict,
            allow_open_access: false,
            max_failed_attempts: 5,
            failed_attempt_window_hours: 1,
            lockout: true,
            lockout_exempts_loopback: false,
            rate_limit_enabled: true,
            root_per_minute: 100,
            health_per_minute: 200,
            page_per_minute: 50,
            other_per_minute: 0,
            max_keys: 256,
        }
    }
}

/// `[storage]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// The state directory: store, certificates, first keys.
    pub dir: PathBuf,
    /// Seconds between writes of histories and usage counts.
    pub batch_interval_s: u64,
    /// Days of minute history kept on disk.
    pub history_days: u32,
    /// Seconds between snapshots of the store.
    pub snapshot_interval_s: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Storage {
            dir: PathBuf::from("/var/lib/mfg-drone"),
            batch_interval_s: 300,
            history_days: 1,
            snapshot_interval_s: 24 * 3600,
        }
    }
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where log lines go besides the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Journal {
    /// The journal when started by systemd, else standard error.
    #[default]
    Auto,
    /// Always the journal.
    Always,
    /// Standard error only.
    Never,
}

/// `[logging]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logging {
    /// Directory of `app.log`, `security.log`, `performance.log`; none: no files.
    pub dir: Option<PathBuf>,
    /// Level, or targets with levels: `info` or `info,mfg_drone_gateway::drones=debug`.
    pub level: String,
    /// Format of the files and of standard error.
    pub format: LogFormat,
    /// Size in bytes at which a file is rotated.
    pub max_file_bytes: u64,
    /// Rotated files kept of each log.
    pub max_files: usize,
    /// Use of the systemd journal.
    pub journal: Journal,
}

impl Default for Logging {
    fn default() -> Self {
        Logging {
            dir: None,
            level: "info".to_owned(),
            format: LogFormat::Text,
            max_file_bytes: 4 * 1024 * 1024,
            max_files: 3,
            journal: Journal::Auto,
        }
    }
}

/// How drones without a mode of their own are resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DroneMode {
    /// The real drone if it answers, else a simulated one on `connect`.
    #[default]
    Auto,
    /// Simulated only.
    Simulation,
    /// Real only.
    Real,
}

/// What becomes of a flying drone whose operator's connection is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOperatorLoss {
    /// It lands where it is.
    #[default]
    Land,
    /// It stops and hovers; without another command it lands by itself after 15 s.
    Hover,
    /// Nothing is sent; it lands by itself 15 s after its last command.
    Nothing,
}

/// `[drones]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drones {
    /// Default mode.
    pub mode: DroneMode,
    /// Address the sockets towards drones bind to.
    pub bind: IpAddr,
    /// UDP port on which drones send their state.
    pub state_port: u16,
    /// UDP port on which drones take commands.
    pub command_port: u16,
    /// UDP port on which drones send video.
    pub video_port: u16,
    /// Seconds of silence after which a drone counts as lost.
    pub lost_after_s: f64,
    /// Most drones.
    pub max_drones: usize,
    /// Whether drones are connected from the start, as if each had been asked to.
    pub connect_at_start: bool,
    /// What becomes of a flying drone whose operator's connection is lost.
    pub on_operator_loss: OnOperatorLoss,
    /// Seconds an operator's connection may be gone before that happens.
    pub operator_grace_s: f64,
    /// Battery in percent under which a flying drone is an alert; 0: never.
    pub warn_battery_pct: u8,
    /// Battery in percent under which a take-off is refused; 0: never.
    pub takeoff_battery_pct: u8,
    /// Battery in percent at which a flying drone is landed; 0: never.
    pub land_battery_pct: u8,
    /// Seconds a `connect` waits for the drone's state.
    pub connect_timeout_s: f64,
    /// Networks (CIDR) that may be searched for drones, each /24 or smaller and
    /// private. Of these only what the board reaches without a router is touched.
    pub scan_ranges: Vec<String>,
    /// Seconds between searches that the gateway makes by itself; 0: none until asked.
    pub auto_scan_interval_s: u32,
    /// The drones.
    pub drone: Vec<Drone>,
}

impl Default for Drones {
    fn default() -> Self {
        Drones {
            mode: DroneMode::Auto,
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            state_port: 8890,
            command_port: 8889,
            video_port: 11111,
            lost_after_s: 3.0,
            max_drones: 64,
            connect_at_start: true,
            on_operator_loss: OnOperatorLoss::Land,
            operator_grace_s: 3.0,
            warn_battery_pct: 15,
            takeoff_battery_pct: 10,
            land_battery_pct: 5,
            connect_timeout_s: 3.0,
            scan_ranges: [
                "192.168.1.0/24",
                "192.168.10.0/24",
                "192.168.4.0/24",
                "10.0.0.0/24",
            ]
            .map(str::to_owned)
            .into(),
            auto_scan_interval_s: 0,
            drone: Vec::new(),
        }
    }
}

/// `[[drones.drone]]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drone {
    /// Id in the API: letters, digits, `_`, `-`.
    pub id: String,
    /// Name for people; the id when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Mode of this drone.
    #[serde(default)]
    pub mode: Option<DroneMode>,
    /// Its address; 192.168.10.1 when absent and not simulated.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Its command port, when it is not `drones.command_port`.
    #[serde(default)]
    pub command_port: Option<u16>,
    /// Network interface on which it is reached, for drones that share an address.
    #[serde(default)]
    pub interface: Option<String>,
}

/// `[board]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Board {
    /// Whether the board's sensors are read.
    pub enabled: bool,
    /// Root of the file tree holding /sys and /proc; only tests change it.
    pub root: PathBuf,
    /// Directory of further board profiles.
    pub profiles: PathBuf,
    /// Milliseconds between samples of processor, memory and network.
    pub sample_interval_ms: u64,
    /// Seconds a metric of the board must be missing before that is an alert:
    /// more than a driver's reload or a busy bus takes.
    pub lost_after_s: u64,
}

impl Default for Board {
    fn default() -> Self {
        Board {
            enabled: true,
            root: PathBuf::from("/"),
            profiles: PathBuf::from("/etc/mfg-drone/boards.d"),
            sample_interval_ms: 1000,
            lost_after_s: 30,
        }
    }
}

/// `[alerts]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Whether the documented default rules apply.
    pub default_rules: bool,
    /// Whether an alert resolves itself when its value has cleared.
    pub auto_resolve: bool,
    /// Most alerts kept.
    pub max_alerts: usize,
    /// Days an alert is kept.
    pub retention_days: u32,
    /// Further rules, and changes to default rules of the same name.
    pub rule: Vec<Rule>,
}

impl Default for Alerts {
    fn default() -> Self {
        Alerts {
            default_rules: true,
            auto_resolve: true,
            max_alerts: 1000,
            retention_days: 7,
            rule: Vec::new(),
        }
    }
}

/// `[notify]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Targets in order.
    pub webhook: Vec<Webhook>,
    /// Networks (CIDR) and host names to which webhooks may go; empty: none off loopback.
    pub allow: Vec<String>,
}

/// `[update]`: only where the system was started from an image.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Update {
    /// Directory shared with the image's update program.
    pub dir: PathBuf,
    /// Largest bundle taken, in bytes; `server.max_body_bytes` does not apply to it.
    pub max_bundle_bytes: u64,
}

impl Default for Update {
    fn default() -> Self {
        // A root slot is smaller than this, and a bundle is its packed content.
        Update {
            dir: PathBuf::from("/var/lib/mfg-drone-update"),
            max_bundle_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// Shape of a webhook's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookTemplate {
    /// The alert as in the API.
    #[default]
    Json,
    /// `{"text": …}` with attachments, as Slack-compatible receivers want it.
    Slack,
}

/// `[[notify.webhook]]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Name in logs and metrics.
    pub name: String,
    /// `https://` anywhere allowed, `http://` for loopback only.
    pub url: String,
    /// Secret of the HMAC-SHA256 signature; or `secret_file`.
    #[serde(default)]
    pub secret: Option<String>,
    /// File holding the secret.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Shape of the body.
    #[serde(default)]
    pub template: WebhookTemplate,
    /// Least level sent.
    #[serde(default)]
    pub min_level: Option<String>,
    /// PEM file of the authority that signed the target's certificate.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}
