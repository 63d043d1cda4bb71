//! A gateway from its start to its stop: phases, reload, the way down.
//!
//! `core` opens what others write to, `observe` starts the sources, `edges` opens
//! what reaches out, `serve` takes requests: each phase needs those before it and
//! knows nothing of those after it.

use std::sync::Arc;
use std::time::Duration;

use readings::clock::wall_now;
use readings::event::{EventKind, NewEvent, Values};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::alert_events;
use super::core::Core;
use super::edges::Edges;
use super::guard_audit;
use super::observe::Observing;
use super::serve;
use crate::config::{Config, Reload};
use crate::http::App;
use crate::settings::Settings;

/// A gateway that has been started.
pub(super) struct Running {
    core: Core,
    observing: Observing,
    edges: Edges,
    app: Arc<App>,
    listeners: Vec<JoinHandle<()>>,
    drain: Duration,
}

impl Running {
    /// Starts every room, announces, serves.
    pub(super) async fn start(settings: &Settings) -> anyhow::Result<Running> {
        let config = settings.config();
        let core = Core::open(settings).await?;
        guard_audit::spawn(&core.supervisor, &core.events, &core.store, &core.stop);
        alert_events::spawn(&core);
        let observing = Observing::start(settings, &core).await?;
        let edges = Edges::open(config, &core, &observing.vehicles).await?;
        let app = serve::assemble(config, &core, &observing, &edges);
        let listeners = serve::serve(settings, &core, &edges, &app)?;
        Ok(Running {
            core,
            observing,
            edges,
            app,
            listeners,
            drain: Duration::from_secs(config.server.drain_timeout_s),
        })
    }

    #[cfg(test)]
    pub(super) fn supervisor(&self) -> &crate::supervision::Supervisor {
        &self.core.supervisor
    }

    /// The admin key, if this start made it.
    #[cfg(test)]
    pub(super) fn admin_key(&self) -> Option<String> {
        self.core
            .first_keys
            .as_ref()
            .map(|keys| keys.admin.to_string())
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> Arc<Config> {
        self.app.config.load_full()
    }

    /// Puts settings in force that differ from the running ones in nothing that
    /// needs a restart.
    pub(super) fn apply(&self, settings: &Settings, reload: &Reload) {
        let config = settings.config();
        let mut effective = config.clone();
        if let Err(error) = self.core.alerts.reload(&config.alerts) {
            tracing::error!("rules not reloaded, the running ones stay: {error}");
            effective.alerts = self.config().alerts.clone();
        }
        if let Err(error) = self.core.logging.set_level(&config.logging.level) {
            tracing::error!("log level not reloaded: {error}");
            effective.logging.level = self.config().logging.level.clone();
        }
        // Also when the names of the files are the same: SIGHUP is how a
        // renewed certificate is announced.
        if let Err(error) = self.edges.tls.reload(&config.tls) {
            tracing::error!("certificate not reloaded, the running one stays: {error}");
            effective.tls = self.config().tls.clone();
        }
        self.app
            .fingerprint
            .store(Some(Arc::new(self.edges.tls.info().fingerprint.clone())));
        self.core.access.reload(&config.access);
        self.observing.bridges.apply(&config.bridge);
        self.app.config.store(Arc::new(effective));
        // Who is in without a key may need one now.
        self.core.access.ring();
        let event = NewEvent {
            drone: None,
            kind: EventKind::Configuration,
            who: None,
            why: None,
            values: Values::Configuration {
                applied: reload.applied.clone(),
                needs_restart: reload.needs_restart.clone(),
            },
        };
        self.core.events.publish(event, wall_now());
    }

    /// Drains requests, then flushes and closes everything durable.
    pub(super) async fn stop(self, patience: Duration) {
        self.core.stop.cancel();
        for listener in self.listeners {
            if timeout(self.drain + patience, listener).await.is_err() {
                tracing::warn!("requests in flight were cut off at the stop");
            }
        }
        self.observing.vehicles.stop().await;
        self.core.alerts.stop().await;
        // (A slow card has what is left of the unit's 30 s: a flight's end is worth it.)
        self.observing.recordings.stop(3 * patience).await;
        self.core.housekeeping().batch();
        if let Err(error) = self.core.access.flush_sessions().await {
            tracing::warn!(%error, "browsers have to sign in again after this stop");
        }
        self.core.store.close().await;
    }
}
