//! Last phase of a start: requests are taken, and the gateway is announced.
//!
//! Listeners last, so that no request meets a half-made gateway.

use std::sync::Arc;
use std::time::Duration;

use access::{Denial, FirstKeys};
use alerting::{AlertType, Alerts, Condition, Level};
use arc_swap::{ArcSwap, ArcSwapOption};
use https::{ConnectionLimiter, Limits, Server, Tls, Via};
use readings::BOARD;
use readings::clock::Mono;
use readings::measured::Measured;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::announce::Announcement;
use super::clock_watch::ClockWatch;
use super::control_socket;
use super::core::Core;
use super::edges::Edges;
use super::housekeeping::{self, Housekeeping};
use super::listeners::{self, ListenerSpec};
use super::observe::Observing;
use crate::config::Config;
use crate::http::{App, Edge, ResponseCache, router};
use crate::rtsp::Rtsp;
use crate::settings::{Origin, Settings};
use crate::table::table;
use crate::update;

/// What the handlers reach.
pub(super) fn assemble(
    config: &Config,
    core: &Core,
    observing: &Observing,
    edges: &Edges,
) -> Arc<App> {
    Arc::new(App {
        config: ArcSwap::from_pointee(config.clone()),
        sources: core.sources.clone(),
        telemetry: core.telemetry.clone(),
        alerts: core.alerts.clone(),
        events: core.events.clone(),
        mutes: core.mutes.clone(),
        access: core.access.clone(),
        performance: observing.performance.clone(),
        responses: ResponseCache::new(edges.cache.clone()),
        store: core.store.clone(),
        vehicles: observing.vehicles.clone(),
        safety: core.safety.clone(),
        fleet: observing.fleet.clone(),
        started: Mono::now(),
        tls: edges.tls.clone(),
        notifier: edges.notifier.clone(),
        fingerprint: ArcSwapOption::from_pointee(edges.tls.info().fingerprint.clone()),
        supervisor: core.supervisor.clone(),
        edge: Edge::new(table().templates().len()),
        measured: measured(core, observing, edges),
        board: observing.board.clone(),
        bridges: observing.bridges.clone(),
        upstream: edges.upstream.clone(),
        updates: edges.updates.clone(),
        photos: edges.album.clone(),
        recordings: observing.recordings.clone(),
        stage: observing.stage.clone(),
        plans: observing.plans.clone(),
        players: core.players.clone(),
        stop: core.stop.clone(),
    })
}

/// Every room with counters.
fn measured(core: &Core, observing: &Observing, edges: &Edges) -> Vec<Arc<dyn Measured>> {
    let mut measured: Vec<Arc<dyn Measured>> = vec![
        Arc::new(core.supervisor.clone()),
        edges.stats.clone(),
        edges.ledger.clone(),
        Arc::new(core.store.clone()),
        edges.cache.clone(),
        Arc::new(core.alerts.clone()),
        Arc::new(core.events.clone()),
        Arc::new(core.safety.clone()),
        Arc::new(core.logging.dropped_counters()),
        edges.notifier.clone(),
        edges.mqtt.clone(),
        edges.rtsp.clone(),
        edges.updates.clone(),
        Arc::new(edges.upstream.clone()),
        edges.album.clone(),
    ];
    measured.extend(observing.measured());
    measured
}

/// Opens the listeners and starts what happens on its own.
pub(super) fn serve(
    settings: &Settings,
    core: &Core,
    edges: &Edges,
    app: &Arc<App>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let config = settings.config();
    let limiter = ConnectionLimiter::new(
        config.server.max_connections,
        config.server.max_connections_per_address,
    );
    let server = Arc::new(Server {
        limits: Limits::from(&config.server),
        limiter: limiter.clone(),
        budgets: edges.budgets.clone(),
        stats: edges.stats.clone(),
        stop: core.stop.clone(),
    });
    let router = router(table(), app);
    let (mut handles, mut unbound) = (Vec::new(), None);
    for wanted in wanted_listeners(config, &edges.tls) {
        let is_main = wanted.via == Via::Https;
        let (router, server) = (router.clone(), server.clone());
        let (handle, why) = listeners::serve(wanted, settings.origin(), router, server, core)?;
        handles.push(handle);
        unbound = unbound.or(why.filter(|_| is_main));
    }
    handles.extend(serve_rtsp(config, core, edges, app));
    control_socket::serve(config, core, app, &edges.tls, router);
    housekeeping::spawn(
        &core.supervisor,
        &core.housekeeping(),
        &limiter,
        Duration::from_secs(config.storage.batch_interval_s),
        &core.stop,
    );
    keep_watches(core, edges, app);
    announce(
        config,
        settings.origin(),
        &edges.tls,
        core.first_keys.as_ref(),
        unbound.as_deref(),
    );
    Ok(handles)
}

/// Video for players that know no HTTPS, where an address is set.
fn serve_rtsp(
    config: &Config,
    core: &Core,
    edges: &Edges,
    app: &Arc<App>,
) -> Option<JoinHandle<()>> {
    let address = config.camera.rtsp_listen?;
    let access = core.access.clone();
    let rtsp = Rtsp {
        fleet: app.fleet.clone(),
        players: app.players.clone(),
        viewers: (app.edge.viewers.clone(), config.camera.max_viewers),
        // A wrong password counts as a wrong key does; a right key opens nothing here.
        wrong: Arc::new(move |client, password| {
            let judged = access.authorise(Some(password), client, None, Mono::now());
            matches!(judged, Err(Denial::Blocked { .. }))
        }),
        stats: edges.rtsp.clone(),
        stop: core.stop.clone(),
    };
    let serve = move || rtsp.clone().serve(address);
    Some(tokio::spawn(core.supervisor.kept(
        "RTSP".into(),
        None,
        serve,
    )))
}

/// Certificates and updates are looked at as long as the gateway runs.
fn keep_watches(core: &Core, edges: &Edges, app: &Arc<App>) {
    let (tls, app) = (edges.tls.clone(), app.clone());
    match edges.tls.problem() {
        Some(error) => {
            let details = "The device's own is served instead.";
            certificate_unusable(&core.alerts, error, details);
        }
        None => core.alerts.clear(CERTIFICATE_UNUSABLE, BOARD),
    }
    let (alerts, stop) = (core.alerts.clone(), core.stop.clone());
    core.supervisor.keep("certificate watch", None, move || {
        watch_certificate(tls.clone(), app.clone(), alerts.clone(), stop.clone())
    });
    let updates = edges.updates.clone();
    let (alerts, stop) = (core.alerts.clone(), core.stop.clone());
    core.supervisor.keep("update watch", None, move || {
        let (updates, alerts, stop) = (updates.clone(), alerts.clone(), stop.clone());
        async move {
            update::watch(updates, alerts, stop.clone()).await;
            // Where no image runs there is nothing to watch: that is no fault.
            stop.cancelled().await;
        }
    });
}

impl Core {
    /// What is looked after.
    pub(super) fn housekeeping(&self) -> Housekeeping {
        Housekeeping {
            alerts: self.alerts.clone(),
            mutes: self.mutes.clone(),
            access: self.access.clone(),
            telemetry: self.telemetry.clone(),
            store: self.store.clone(),
            clock: ClockWatch {
                alerts: self.alerts.clone(),
                access: self.access.clone(),
                telemetry: self.telemetry.clone(),
                board: self.board_source,
            },
        }
    }
}

fn wanted_listeners(config: &Config, tls: &Arc<Tls>) -> Vec<ListenerSpec> {
    let server = &config.server;
    let plain = [
        (server.http_listen, "server.http_listen", Via::Http),
        (server.metrics_listen, "server.metrics_listen", Via::Metrics),
    ];
    let https = ListenerSpec {
        address: server.listen,
        key: "server.listen",
        via: Via::Https,
        tls: Some(tls.clone()),
    };
    let plain = plain.into_iter().filter_map(|(address, key, via)| {
        Some(ListenerSpec {
            address: address?,
            key,
            via,
            tls: None,
        })
    });
    std::iter::once(https).chain(plain).collect()
}

/// Serves changed certificate files, and says what is wrong with bad ones.
async fn watch_certificate(tls: Arc<Tls>, app: Arc<App>, alerts: Alerts, stop: CancellationToken) {
    let watched = tls.clone();
    let outcome = move |outcome: Result<(), https::TlsError>| match outcome {
        Ok(()) => {
            tracing::info!(fingerprint = tls.info().fingerprint, "certificate reloaded");
            app.fingerprint
                .store(Some(Arc::new(tls.info().fingerprint.clone())));
            alerts.clear(CERTIFICATE_UNUSABLE, BOARD);
        }
        Err(error) => {
            tracing::error!("certificate not reloaded, the running one stays: {error}");
            let details = "The certificate loaded before is still served.";
            certificate_unusable(&alerts, &error, details);
        }
    };
    watched.watch(stop, outcome).await;
}

const CERTIFICATE_UNUSABLE: &str = "certificate_unusable";

fn certificate_unusable(alerts: &Alerts, error: &dyn std::error::Error, details: &str) {
    alerts.raise(Condition {
        key: CERTIFICATE_UNUSABLE,
        subject: BOARD.into(),
        level: Level::Error,
        alert_type: AlertType::Security,
        title: "Certificate Unusable",
        message: error.to_string(),
        details: Some(details.to_owned()),
    });
}

fn announce(
    config: &Config,
    origin: Origin,
    tls: &Tls,
    first_keys: Option<&FirstKeys>,
    unbound: Option<&str>,
) {
    let info = tls.info();
    let announcement = Announcement {
        origin,
        listen: config.server.listen,
        unbound,
        http_listen: config.server.http_listen,
        fingerprint: &info.fingerprint,
        state_dir: &config.storage.dir,
        first_keys,
    };
    announcement.make();
}
