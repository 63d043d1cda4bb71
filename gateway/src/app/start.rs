//! Assembling the rooms, and taking them down again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::{ArcSwap, ArcSwapOption};
use tello_simulator::SimulatedDrone;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::announce::Announcement;
use super::housekeeping::{self, Rooms};
use super::listeners::{self, Wanted};
use crate::access_store::AccessStore;
use crate::alerts::StoreJournal;
use crate::cache::Cache;
use crate::config::Config;
use crate::control::{self, Control, Health};
use crate::http::{self, App, DroneList, Edge, Service, Services};
use crate::logging::DroppedLogLines;
use crate::notify::Notifier;
use crate::performance::{self, Performance, Sampler};
use crate::photos::Album;
use crate::settings::{Origin, Settings};
use crate::sources::sink::Pipeline;
use crate::sources::tello::{DroneView, Fleet, FleetOptions, LinkState};
use crate::sources::{board, bridge};
use crate::update::{self, Updates};
use crate::upstream::Upstream;
use crate::{demo, logging};
use access::{Access, FirstKeys};
use alerting::{AlertType, Alerts, Condition, Level};
use https::port_holder::{self, Protocol};
use https::{ConnectionLimiter, Limits, Server, ServerStats, Tls, Via};
use readings::clock::Mono;
use readings::measured::Measured;
use readings::telemetry::Telemetry;
use readings::{Metric, Reading, SourceId, SourceKind, Sources};
use store::Store;

/// Time to live of cached answers unless their route says otherwise (contract 6.5).
const CACHE_TTL: Duration = Duration::from_secs(300);
/// Where photos lie, in the state directory.
const PHOTOS: &str = "photos";
/// Age at which the board's temperature is no longer shown.
const TEMPERATURE_MAX_AGE: Duration = Duration::from_secs(30);

/// A gateway that has been started.
pub(super) struct Running {
    app: Arc<App>,
    alerts: Alerts,
    access: Arc<Access>,
    fleet: Fleet,
    bridges: bridge::Bridges,
    tls: Arc<Tls>,
    rooms: Rooms,
    listeners: Vec<JoinHandle<()>>,
    logging: logging::Guard,
    stop: CancellationToken,
    drain: Duration,
    _sampler: Sampler,
    _simulated: Vec<SimulatedDrone>,
}

impl Running {
    /// Starts every room, announces, serves.
    pub(super) async fn start(settings: &Settings) -> anyhow::Result<Running> {
        let (config, origin) = (settings.config().clone(), settings.origin());
        let logging = logging::init(&config.logging)?;
        let stop = CancellationToken::new();
        let storage = config.storage.clone();
        let (store, recovery) =
            tokio::task::spawn_blocking(move || Store::open_with(&storage)).await??;

        let sources = Arc::new(Sources::default());
        let board_source = sources.register("board", SourceKind::Board)?;
        let telemetry = Arc::new(Telemetry::new(sources.clone()));
        let alerts = Alerts::start(&config.alerts, sources.clone(), StoreJournal(store.clone()))?;
        if let Some(mended) = &recovery.mended {
            tracing::warn!("the store was damaged and put right without loss: {mended}");
        }
        let (access, first_keys) = open_access(settings, &store).await?;
        let access = Arc::new(access);
        let notifier = Arc::new(Notifier::start(&config.notify, store.clone()).await?);

        let upstream = Upstream::new(&config.upstream)?;

        let pipeline = Pipeline::new(telemetry.clone(), alerts.clone());
        let simulated = if origin == Origin::Demo {
            simulate(&config)?
        } else {
            Vec::new()
        };
        let options = FleetOptions {
            port_holder: udp_holder,
        };
        let fleet = Fleet::start(&config.drones, &sources, pipeline.clone(), options)?;
        let (photos, max_bytes) = (
            config.storage.dir.join(PHOTOS),
            config.camera.photos_max_bytes,
        );
        let album =
            Arc::new(tokio::task::spawn_blocking(move || Album::open(&photos, max_bytes)).await?);
        let bridges = bridge::Bridges::new(sources.clone(), pipeline.clone());
        restore_history(&store, &sources, &telemetry, |source| {
            bridges.adopt(source, &config.bridge)
        });
        // After the histories: a series takes stored steps only before its first reading.
        bridges.apply(&config.bridge);
        bridges.tend(stop.clone());
        let board = watch_board(&config, &pipeline, board_source, &stop);
        let performance = Arc::new(Performance::new(http::templates()));
        let sampler = sample_machine(&config, &performance, &pipeline, board_source).await?;

        let tls = Tls::open(&config.tls, &config.storage.dir)?;
        let stats = Arc::new(ServerStats::default());
        let drones = fleet.clone();
        let (one, connected) = (fleet.clone(), fleet.clone());
        let updates = Updates::new(&config.update);
        let cache = Arc::new(Cache::new(CACHE_TTL));
        let mut measured: Vec<Arc<dyn Measured>> = vec![
            performance.clone(),
            stats.clone(),
            Arc::new(store.clone()),
            cache.clone(),
            Arc::new(alerts.clone()),
            Arc::new(fleet.clone()),
            Arc::new(DroppedLogLines(logging.dropped_counters())),
            notifier,
            updates.clone(),
            Arc::new(bridges.clone()),
            Arc::new(upstream.clone()),
            album.clone(),
        ];
        measured.extend(board.clone().map(|board| board as Arc<dyn Measured>));
        let app = Arc::new(App {
            config: ArcSwap::from_pointee(config.clone()),
            sources: sources.clone(),
            telemetry: telemetry.clone(),
            alerts: alerts.clone(),
            access: access.clone(),
            performance,
            cache,
            store: store.clone(),
            drones: DroneList {
                all: Box::new(move || drones.drones()),
                one: Box::new(move |id| one.drone(id)),
                connected: Box::new(move || connected.connected()),
            },
            fleet: fleet.clone(),
            server: stats.clone(),
            started: Mono::now(),
            fingerprint: ArcSwapOption::from_pointee(tls.info().fingerprint.clone()),
            services: Services::default(),
            edge: Edge::default(),
            measured,
            board,
            bridges: bridges.clone(),
            upstream,
            updates: updates.clone(),
            photos: album,
            stop: stop.clone(),
        });
        for service in [
            Service::Drones,
            Service::Alerts,
            Service::Performance,
            Service::Monitoring,
        ] {
            app.services.mark(service, true);
        }

        let server = Arc::new(Server {
            limits: Limits::from(&config.server),
            limiter: ConnectionLimiter::new(
                config.server.max_connections,
                config.server.max_connections_per_address,
            ),
            stats,
            stop: stop.clone(),
        });
        let router = http::router(app.clone());
        let mut handles = Vec::new();
        for wanted in wanted_listeners(&config, &tls) {
            handles.push(listeners::serve(
                wanted,
                origin,
                router.clone(),
                server.clone(),
                alerts.clone(),
            )?);
        }
        watch_certificate(&tls, &app, &alerts, &stop);
        serve_control(&config, &app, &tls, &stop);
        tokio::spawn(update::watch(updates, alerts.clone(), stop.clone()));
        let rooms = Rooms {
            alerts: alerts.clone(),
            access: access.clone(),
            telemetry,
            store,
        };
        housekeeping::spawn(
            rooms.clone(),
            Duration::from_secs(config.storage.batch_interval_s),
            &stop,
        );
        announce(&config, origin, &tls, first_keys.as_ref())?;
        Ok(Running {
            app,
            alerts,
            access,
            fleet,
            bridges,
            tls,
            rooms,
            listeners: handles,
            logging,
            stop,
            drain: Duration::from_secs(config.server.drain_timeout_s),
            _sampler: sampler,
            _simulated: simulated,
        })
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> Arc<Config> {
        self.app.config.load_full()
    }

    /// Puts settings in force that differ from the running ones in nothing that
    /// needs a restart.
    pub(super) fn apply(&self, settings: &Settings) {
        let config = settings.config();
        let mut effective = config.clone();
        if let Err(error) = self.alerts.reload(&config.alerts) {
            tracing::error!("rules not reloaded, the running ones stay: {error}");
            effective.alerts = self.config().alerts.clone();
        }
        if let Err(error) = self.logging.set_level(&config.logging.level) {
            tracing::error!("log level not reloaded: {error}");
            effective.logging.level = self.config().logging.level.clone();
        }
        // Also when the names of the files are the same: SIGHUP is how a
        // renewed certificate is announced.
        if let Err(error) = self.tls.reload(&config.tls) {
            tracing::error!("certificate not reloaded, the running one stays: {error}");
            effective.tls = self.config().tls.clone();
        }
        self.app
            .fingerprint
            .store(Some(Arc::new(self.tls.info().fingerprint.clone())));
        self.access.reload(&config.access);
        self.bridges.apply(&config.bridge);
        self.app.config.store(Arc::new(effective));
    }

    /// Drains requests, then flushes and closes everything durable.
    pub(super) async fn stop(self, patience: Duration) {
        self.stop.cancel();
        for listener in self.listeners {
            if timeout(self.drain + patience, listener).await.is_err() {
                tracing::warn!("requests in flight were cut off at the stop");
            }
        }
        self.fleet.stop().await;
        self.alerts.stop().await;
        self.rooms.batch();
        self.rooms.store.close().await;
    }
}

async fn open_access(
    settings: &Settings,
    store: &Store,
) -> anyhow::Result<(Access, Option<FirstKeys>)> {
    let (config, records) = (&settings.config().access, AccessStore::new(store.clone()));
    Ok(match settings.origin() {
        // `demo::config` has refused every listener off loopback.
        Origin::Demo => (Access::open_demo(config, records).await?, None),
        Origin::Installed => {
            let (admin, readonly) = (settings.admin_key(), settings.readonly_key());
            Access::open(config, records, admin, readonly).await?
        }
    })
}

fn udp_holder(address: std::net::SocketAddr) -> Option<String> {
    port_holder::port_holder(Protocol::Udp, address).map(|holder| holder.to_string())
}

/// The demo's drones, on the wire before the fleet looks for them.
fn simulate(config: &Config) -> anyhow::Result<Vec<SimulatedDrone>> {
    let drones = &config.drones;
    demo::DRONES
        .iter()
        .enumerate()
        .map(|(index, drone)| {
            let address = std::net::SocketAddr::new(drone.address, drones.command_port);
            let options = tello_simulator::Options {
                state_port: drones.state_port,
                video_port: drones.video_port,
                battery_pct: drone.battery_pct,
                temperature_c: drone.temperature_c,
                idle_temperature_c: drone.temperature_c,
                ..tello_simulator::Options::varied(index)
            };
            SimulatedDrone::start(address, options).with_context(|| {
                format!(
                    "the demo's drone {} cannot listen on UDP {address}; set --command-port",
                    drone.id
                )
            })
        })
        .collect()
}

fn restore_history(
    store: &Store,
    sources: &Sources,
    telemetry: &Telemetry,
    adopt: impl Fn(&str) -> Option<SourceId>,
) {
    store.replay_history(|record| {
        let source = sources
            .find(&record.source)
            .map(|source| source.id)
            .or_else(|| adopt(&record.source));
        if let (Some(source), Some(metric)) = (source, Metric::from_name(&record.metric)) {
            telemetry.restore(source, metric, &record.steps);
        }
    });
}

/// Starts sampling the board's sensors. Without them the gateway still watches
/// drones.
fn watch_board(
    config: &Config,
    pipeline: &Pipeline,
    source: SourceId,
    stop: &CancellationToken,
) -> Option<Arc<board::Face>> {
    if !config.board.enabled {
        return None;
    }
    match board::spawn(config, source, pipeline.clone(), stop.clone()) {
        Ok(board) => {
            tracing::info!(
                board = board.name,
                profile = board.profile,
                "board detected"
            );
            Some(board)
        }
        Err(error) => {
            tracing::error!("no board sensors: {error:#}");
            None
        }
    }
}

/// Starts sampling the machine, and waits for the first figures.
async fn sample_machine(
    config: &Config,
    performance: &Arc<Performance>,
    pipeline: &Pipeline,
    source: SourceId,
) -> anyhow::Result<Sampler> {
    let interval = Duration::from_millis(config.board.sample_interval_ms);
    let (machine, noted) = (pipeline.clone(), performance.clone());
    let (root, state_dir) = (&config.board.root, &config.storage.dir);
    let mut sampler = performance::spawn_sampler(
        performance.clone(),
        root,
        state_dir,
        interval,
        move |snapshot| {
            let readings: heapless::Vec<Reading, 3> = snapshot.readings().collect();
            machine.publish(source, &readings);
            // The next snapshot shows the temperature that the board's thread read,
            // unless that has fallen silent.
            let latest = machine.telemetry().latest(source, Metric::Temperature);
            let fresh = latest.filter(|latest| Mono::now().since(latest.at) < TEMPERATURE_MAX_AGE);
            noted.set_board_temperature(fresh.map(|latest| latest.value));
        },
    )?;
    sampler.first_sample().await;
    Ok(sampler)
}

fn wanted_listeners(config: &Config, tls: &Arc<Tls>) -> Vec<Wanted> {
    let server = &config.server;
    let plain = [
        (server.http_listen, "server.http_listen", Via::Http),
        (server.metrics_listen, "server.metrics_listen", Via::Metrics),
    ];
    let https = Wanted {
        address: server.listen,
        key: "server.listen",
        via: Via::Https,
        tls: Some(tls.clone()),
    };
    let plain = plain.into_iter().filter_map(|(address, key, via)| {
        Some(Wanted {
            address: address?,
            key,
            via,
            tls: None,
        })
    });
    std::iter::once(https).chain(plain).collect()
}

/// Serves changed certificate files, and says what is wrong with bad ones.
fn watch_certificate(tls: &Arc<Tls>, app: &Arc<App>, alerts: &Alerts, stop: &CancellationToken) {
    const KEY: &str = "certificate_unusable";
    let (tls, app, alerts, stop) = (tls.clone(), app.clone(), alerts.clone(), stop.clone());
    tokio::spawn(async move {
        let watched = tls.clone();
        let outcome = move |outcome: Result<(), https::TlsError>| match outcome {
            Ok(()) => {
                tracing::info!(fingerprint = tls.info().fingerprint, "certificate reloaded");
                app.fingerprint
                    .store(Some(Arc::new(tls.info().fingerprint.clone())));
                alerts.clear(KEY, "board");
            }
            Err(error) => {
                tracing::error!("certificate not reloaded, the running one stays: {error}");
                alerts.raise(Condition {
                    key: KEY,
                    subject: "board".into(),
                    level: Level::Error,
                    alert_type: AlertType::Security,
                    title: "Certificate Unusable",
                    message: error.to_string(),
                    details: Some("The certificate loaded before is still served.".to_owned()),
                });
            }
        };
        watched.watch(stop, outcome).await;
    });
}

fn serve_control(config: &Config, app: &Arc<App>, tls: &Arc<Tls>, stop: &CancellationToken) {
    let (tls, asked) = (tls.clone(), app.clone());
    let control = Control {
        access: app.access.clone(),
        store: app.store.clone(),
        health: Box::new(move || health(&asked)),
        renew_certificate: Box::new(move || {
            tls.renew()
                .map(|info| info.to_string())
                .map_err(|error| error.to_string())
        }),
    };
    if let Err(error) = control::serve(&config.storage.dir, control, stop.clone()) {
        tracing::error!(%error, "no control socket: `keys` and `backup` work only while the gateway is stopped");
    }
}

/// What `health` asks over the control socket; HTTPS it tries itself.
fn health(app: &App) -> Health {
    let config = app.config.load();
    let store = app.store.stats();
    let problem = (!store.healthy).then(|| "the state directory does not take writes".to_owned());
    let drones = (app.drones.all)();
    let airborne = drones.iter().filter(|drone| drone.airborne);
    let silent = drones
        .iter()
        .filter(|drone| matches!(drone.link, LinkState::Connecting | LinkState::Lost));
    let why = |drone: &DroneView| {
        drone
            .reason
            .clone()
            .unwrap_or_else(|| "not heard".to_owned())
    };
    Health {
        problem,
        airborne: airborne.map(|drone| drone.id.to_string()).collect(),
        silent: silent
            .map(|drone| (drone.id.to_string(), why(drone)))
            .collect(),
        listen: config.server.listen,
        own_certificate: config.tls.cert.is_none() && config.tls.client_ca.is_none(),
        asked_from_outside: app.access.stats().asked_from_outside,
    }
}

fn announce(
    config: &Config,
    origin: Origin,
    tls: &Tls,
    first_keys: Option<&FirstKeys>,
) -> anyhow::Result<()> {
    let info = tls.info();
    let announcement = Announcement {
        origin,
        listen: config.server.listen,
        http_listen: config.server.http_listen,
        fingerprint: &info.fingerprint,
        state_dir: &config.storage.dir,
        first_keys,
    };
    announcement
        .make()
        .context("the first keys cannot be written")
}
