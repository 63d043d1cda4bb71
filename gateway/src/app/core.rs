//! First and second phase of a start: what others write to.
//!
//! Logs, the durable state and the keys are opened; then the table of sources, the
//! telemetry and the alerts that every later room publishes to, and the supervisor
//! that watches every later task. Nothing here reaches out of the process.

use std::sync::Arc;
use std::time::Duration;

use access::{Access, FirstKeys};
use alerting::Alerts;
use readings::clock::{self, Mono};
use readings::command::BootId;
use readings::event::EventLog;
use readings::telemetry::Telemetry;
use readings::{BOARD, Metric, SourceId, SourceKind, Sources};
use store::Store;
use tokio_util::sync::CancellationToken;

use super::path::PathThread;
use crate::access_store::AccessStore;
use crate::alerts::StoreJournal;
use crate::config::Config;
use crate::mutes::Mutes;
use crate::notify::Clock;
use crate::players::Players;
use crate::recordings::StateTap;
use crate::safety::Safety;
use crate::settings::{Origin, Settings};
use crate::sources::sink::Pipeline;
use crate::supervision::{Service, Supervisor};
use crate::{logging, notify};

/// How long what the board said of its clock stands: it says so every few seconds.
const CLOCK_KNOWN_FOR: Duration = Duration::from_secs(60);

/// What every room needs.
pub(super) struct Core {
    pub(super) logging: logging::LogWriters,
    pub(super) stop: CancellationToken,
    pub(super) store: Store,
    pub(super) access: Arc<Access>,
    /// The keys made by this start, to be printed once.
    pub(super) first_keys: Option<FirstKeys>,
    pub(super) sources: Arc<Sources>,
    /// The source that the board and the host publish as.
    pub(super) board_source: SourceId,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) alerts: Alerts,
    pub(super) mutes: Arc<Mutes>,
    pub(super) players: Arc<Players>,
    pub(super) supervisor: Supervisor,
    /// Where datagrams of drones become alerts.
    pub(super) path: PathThread,
    pub(super) pipeline: Pipeline,
    pub(super) events: EventLog,
    pub(super) safety: Safety,
    /// State datagrams as they come, for the recordings of flights.
    pub(super) tap: Arc<StateTap>,
}

impl Core {
    pub(super) async fn open(settings: &Settings) -> anyhow::Result<Core> {
        let config = settings.config();
        let logging = logging::init(&config.logging)?;
        let stop = CancellationToken::new();
        let storage = config.storage.clone();
        let (store, recovery) =
            tokio::task::spawn_blocking(move || Store::open_with(&storage)).await??;
        if let Some(mended) = &recovery.mended {
            tracing::warn!("the store was damaged and put right without loss: {mended}");
        }

        clock::is_at_least(store.newest_us());
        // Before the committer runs and the first source is read.
        notify::keep_outbox(config, &store).await?;
        let sources = Arc::new(Sources::default());
        let board_source = sources.register(BOARD, SourceKind::Board)?;
        let telemetry = Arc::new(Telemetry::new(sources.clone()));
        let journal = StoreJournal::new(store.clone(), &config.storage.dir);
        let (alerts, committer) = Alerts::prepare(&config.alerts, sources.clone(), journal)?;
        let supervisor = Supervisor::new(alerts.clone(), stop.clone());
        tokio::spawn(supervisor.watched("store writer", None, store.writer_ended()));
        let path = PathThread::start()?;
        let committer = supervisor.watched("alert committer", Some(Service::Alerts), committer);
        path.handle().spawn(committer);
        let events = open_events(config, telemetry.clone(), board_source)?;
        let (access, first_keys) = open_access(settings, &store, &events).await?;
        let safety = Safety::open(&config.drones, &config.storage.dir);
        alerts.set_actor(Arc::new(safety.clone()));
        let tap = Arc::new(StateTap::new());
        let mut pipeline = Pipeline::new(sources.clone(), telemetry.clone(), alerts.clone())
            .with_events(events.clone());
        if config.recording.max_bytes > 0 {
            pipeline = pipeline.with_tap(tap.clone());
        }
        Ok(Core {
            logging,
            stop,
            store,
            access: Arc::new(access),
            first_keys,
            sources,
            board_source,
            telemetry,
            alerts,
            mutes: Arc::new(Mutes::open(&config.storage.dir)),
            players: Arc::new(Players::open(&config.storage.dir)),
            supervisor,
            path,
            pipeline,
            events,
            safety,
            tap,
        })
    }
}

/// The log of this run's events.
fn open_events(
    config: &Config,
    telemetry: Arc<Telemetry>,
    board: SourceId,
) -> anyhow::Result<EventLog> {
    let boot = BootId(getrandom::u64()?);
    let name = config.gateway.name_or_host().into();
    let clock = clock(telemetry, board);
    Ok(EventLog::new(boot, name, Box::new(move || clock())))
}

/// Says whether the clock on the wall is synchronised, as far as the board knows.
pub(super) fn clock(telemetry: Arc<Telemetry>, board: SourceId) -> Clock {
    Arc::new(move || {
        let latest = telemetry.latest(board, Metric::ClockSynchronised);
        let fresh = latest.filter(|latest| Mono::now().since(latest.at) < CLOCK_KNOWN_FOR);
        fresh.map(|latest| latest.value >= 1.0)
    })
}

async fn open_access(
    settings: &Settings,
    store: &Store,
    events: &EventLog,
) -> anyhow::Result<(Access, Option<FirstKeys>)> {
    let (config, records) = (&settings.config().access, store.clone());
    let dir = &settings.config().storage.dir;
    let records = AccessStore::of_gateway(records, dir, events.clone());
    Ok(match settings.origin() {
        // `demo::config` has refused every listener off loopback.
        Origin::Demo => (Access::open_demo(config, records).await?, None),
        Origin::Installed | Origin::DemoOnLan => {
            let (admin, readonly) = (settings.admin_key(), settings.readonly_key());
            Access::open(config, records, admin, readonly).await?
        }
    })
}
