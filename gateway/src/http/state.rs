//! What every handler can reach: the rooms, the configuration, a few counters.
//!
//! Built once by the start-up code after every room is open, shared by `Arc`.
//! Holds no state of its own beyond bounded tables (tickets) and counters.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::demo::Stage;
use crate::http::envelope::ApiError;
use crate::http::latency::Latencies;
use crate::http::response_cache::ResponseCache;
use crate::mutes::Mutes;
use crate::notify::Notifier;
use crate::performance::Performance;
use crate::photos::Album;
use crate::plans::Plans;
use crate::players::Players;
use crate::recordings::Recordings;
use crate::safety::Safety;
use crate::shares::Shares;
use crate::sources::board::BoardView;
use crate::sources::bridge::Bridges;
use crate::sources::tello::{Fleet, Joining};
use crate::sources::vehicles::Vehicles;
use crate::supervision::{Service, Supervisor};
use crate::update::Updates;
use crate::upstream::Upstream;
use access::{Access, Tickets};
use alerting::Alerts;
use https::Tls;
use readings::Sources;
use readings::clock::Mono;
use readings::event::EventLog;
use readings::measured::Measured;
use readings::telemetry::Telemetry;
use store::Store;

/// Recordings downloaded at the same time: each takes a thread of its own for as long as
/// its client takes it.
const MAX_DOWNLOADS: usize = 4;

/// Counters of this room for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct ApiStats {
    /// Handlers that panicked; each was answered with a 500.
    pub panics: AtomicU64,
    /// Requests for paths that do not exist.
    pub unrouted: AtomicU64,
    /// WebSocket clients refused at the cap.
    pub websockets_refused: AtomicU64,
    /// WebSocket clients cut off because they did not read.
    pub websockets_cut: AtomicU64,
    /// WebSocket clients given up because they answered no ping.
    pub websockets_silent: AtomicU64,
    /// Broadcasts a WebSocket client lost because its queue was full.
    pub broadcasts_dropped: AtomicU64,
    /// Viewers of video refused at the cap.
    pub viewers_refused: AtomicU64,
    /// Whole pictures fetched one at a time.
    pub frames_fetched: AtomicU64,
    /// Viewers of video cut off because they did not read.
    pub viewers_cut: AtomicU64,
    /// Tickets evicted at capacity before they were used.
    pub tickets_evicted: AtomicU64,
}

/// What the API keeps for itself: counters and bounded tables.
pub(crate) struct Edge {
    /// Counters.
    pub stats: ApiStats,
    /// Tickets for WebSocket hand-shakes.
    pub tickets: Tickets,
    /// Who holds the places of WebSocket clients, and of viewers of video.
    pub clients: Arc<Shares>,
    pub viewers: Arc<Shares>,
    /// Latency histograms.
    pub latencies: Latencies,
    /// One photo is taken at a time.
    pub photo_turn: tokio::sync::Mutex<()>,
    /// Who may download a recording at the same time.
    pub downloads: Arc<tokio::sync::Semaphore>,
    /// One rule is tried out at a time.
    pub preview_turn: tokio::sync::Mutex<()>,
    /// Drones that are told to join the site's network.
    pub joining: Joining,
}

impl Edge {
    /// Empty tables for `routes` routes.
    #[must_use]
    pub(crate) fn new(routes: usize) -> Edge {
        Edge {
            stats: ApiStats::default(),
            tickets: Tickets::default(),
            clients: Arc::default(),
            viewers: Arc::default(),
            latencies: Latencies::new(routes),
            photo_turn: tokio::sync::Mutex::default(),
            downloads: Arc::new(tokio::sync::Semaphore::new(MAX_DOWNLOADS)),
            preview_turn: tokio::sync::Mutex::default(),
            joining: Joining::default(),
        }
    }
}

/// Everything the handlers use.
pub(crate) struct App {
    /// The configuration in force; replaced on reload.
    pub config: ArcSwap<Config>,
    /// Names of sources.
    pub sources: Arc<Sources>,
    /// Latest values and histories.
    pub telemetry: Arc<Telemetry>,
    /// Rules and alerts.
    pub alerts: Alerts,
    /// The newest events, and the commands that they speak of.
    pub events: EventLog,
    /// What is muted.
    pub mutes: Arc<Mutes>,
    /// Keys and limits.
    pub access: Arc<Access>,
    /// Statistics and the newest snapshot of the machine.
    pub performance: Arc<Performance>,
    /// Responses rendered lately.
    pub responses: ResponseCache,
    /// Durable state, for its counters and the audit trail.
    pub store: Store,
    /// The drones of every kind, to be looked at, connected and commanded. Asked whatever
    /// else has ended: that one drone's task is gone, or the search for others, must not
    /// keep the rest from being landed. Each drone's own link says what cannot be done.
    pub vehicles: Vehicles,
    /// What acts on drones by itself.
    pub safety: Safety,
    /// The Tellos: their video, and the search for them.
    pub fleet: Fleet,
    /// When the gateway started.
    pub started: Mono,
    /// What is served over TLS, and who vouches for it.
    pub tls: Arc<Tls>,
    /// Where notifications go.
    pub notifier: Arc<Notifier>,
    /// SHA-256 fingerprint of the certificate served, for people to compare.
    pub fingerprint: ArcSwapOption<String>,
    /// Which tasks run, and so which services are up.
    pub supervisor: Supervisor,
    /// What this room keeps for itself; start with its default.
    pub edge: Edge,
    /// Every room with counters for `/metrics`.
    pub measured: Vec<Arc<dyn Measured>>,
    /// The board and its sensors, unless switched off.
    pub board: Option<Arc<BoardView>>,
    /// Microcontrollers on serial lines.
    pub bridges: Bridges,
    /// The service behind vision, datasets and models.
    pub upstream: Upstream,
    /// Updates of the whole system.
    pub updates: Arc<Updates>,
    /// Photos kept.
    pub photos: Arc<Album>,
    /// Flights kept.
    pub recordings: Arc<Recordings>,
    /// What the demo plays on; none in a gateway that is none.
    pub stage: Option<Arc<Stage>>,
    /// Flight plans.
    pub plans: Plans,
    /// Credentials of players.
    pub players: Arc<Players>,
    /// Cancelled when the gateway stops; WebSockets close on it.
    pub stop: CancellationToken,
}

impl App {
    /// Whole seconds since the gateway started.
    #[must_use]
    pub(crate) fn uptime_s(&self) -> u64 {
        Mono::now().since(self.started).as_secs()
    }

    /// The alerts, or 503 while they are not up.
    pub(crate) fn alerts(&self) -> Result<&Alerts, ApiError> {
        self.up(Service::Alerts, "Alert service not initialized")
            .map(|()| &self.alerts)
    }

    /// The performance room, or 503 while it is not up.
    pub(crate) fn performance(&self) -> Result<&Performance, ApiError> {
        self.up(Service::Performance, "Performance service not initialized")
            .map(|()| &*self.performance)
    }

    fn up(&self, service: Service, message: &'static str) -> Result<(), ApiError> {
        if self.supervisor.is_up(service) {
            Ok(())
        } else {
            Err(ApiError::unavailable(message))
        }
    }
}
