//! Bridges: microcontrollers on serial lines, as sources beside the board and
//! the drones.
//!
//! Each bridge has a thread of its own (`firmware_bridge::host`) that publishes
//! its sensors as `bridge/<name>/<sensor>` and its emergency stop as
//! `bridge/<name>`. A missing port, a broken line or a mad board is an alert
//! with a reason, never more: nothing here may end the gateway or hold it up.
//! The lamps of all boards follow the worst alert that is not resolved.

mod guard;
mod link;
mod mapping;
mod measured;
mod rules;
mod slot;
mod tend;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firmware_bridge::host::{HostLink, LinkConfig, LinkHandle};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::{Bridge, MAX_DRONES};
use crate::sources::sink::Pipeline;
use readings::clock::Mono;
use readings::{MAX_SOURCES, SourceId, SourceKind, Sources};

use link::Link;
pub(crate) use rules::defaults as default_rules;
pub use view::{BridgeView, SensorView};

/// Most sources that bridges may take: what the board and all drones leave. A
/// board that names its sensors anew at every start must not crowd out drones.
pub const MAX_BRIDGE_SOURCES: usize = MAX_SOURCES - 1 - MAX_DRONES;

/// The name of the source that is the bridge itself.
fn source(bridge: &str) -> String {
    format!("bridge/{bridge}")
}

/// The name of the source that is a sensor of a bridge.
fn sensor_source(bridge: &str, sensor: &str) -> String {
    format!("bridge/{bridge}/{sensor}")
}

/// The sources that bridges take.
pub(super) struct Seats {
    sources: Arc<Sources>,
    taken: Mutex<usize>,
    refused: AtomicU64,
}

impl Seats {
    fn new(sources: Arc<Sources>) -> Seats {
        Seats {
            sources,
            taken: Mutex::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// The source of that name; none, counted, when there is no room.
    fn seat(&self, name: &str) -> Option<SourceId> {
        if let Some(known) = self.sources.find(name) {
            return Some(known.id);
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let room = *taken < MAX_BRIDGE_SOURCES;
        let source = room
            .then(|| self.sources.register(name, SourceKind::Bridge).ok())
            .flatten();
        *taken += usize::from(source.is_some());
        if source.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                source = name,
                "no room for another source: no rules and no history for it"
            );
        }
        source
    }
}

/// Every bridge; clones share them.
#[derive(Clone)]
pub struct Bridges {
    inner: Arc<Inner>,
}

struct Inner {
    pipeline: Pipeline,
    seats: Arc<Seats>,
    met: Arc<Notify>,
    running: Mutex<Vec<Running>>,
}

/// A bridge and the hand on its thread.
struct Running {
    link: Arc<Link>,
    /// None when the system refused a thread.
    handle: Option<LinkHandle>,
}

impl Bridges {
    /// No bridges yet.
    #[must_use]
    pub fn new(sources: Arc<Sources>, pipeline: Pipeline) -> Bridges {
        let inner = Inner {
            pipeline,
            seats: Arc::new(Seats::new(sources)),
            met: Arc::default(),
            running: Mutex::default(),
        };
        Bridges {
            inner: Arc::new(inner),
        }
    }

    /// Takes a seat for a source that an earlier run stored, if its bridge is
    /// still configured: so its history is there before its board is.
    #[must_use]
    pub fn adopt(&self, source: &str, bridges: &[Bridge]) -> Option<SourceId> {
        let name = source.strip_prefix("bridge/")?.split('/').next()?;
        let wanted = bridges
            .iter()
            .any(|bridge| bridge.enabled && bridge.name == name);
        wanted.then(|| self.inner.seats.seat(source)).flatten()
    }

    /// Starts what looks after them until `stop`, then ends them.
    pub fn tend(&self, stop: CancellationToken) {
        tokio::spawn(tend::run(self.clone(), stop));
    }

    /// Makes the running bridges those of `wanted`: ends others, starts new
    /// ones, restarts changed ones.
    pub fn apply(&self, wanted: &[Bridge]) {
        if let Err(error) = self
            .inner
            .pipeline
            .alerts()
            .set_defaults("bridge", &rules::defaults(wanted))
        {
            tracing::error!(%error, "the bridges' default rules are not in effect");
        }
        let mut running = self.running();
        let (kept, ended): (Vec<Running>, Vec<Running>) = running
            .drain(..)
            .partition(|bridge| wanted.contains(&bridge.link.config));
        for bridge in &ended {
            // Before its successor: what ends here must not end what begins there.
            bridge.link.retire();
        }
        let gone = |name: &str| {
            !wanted
                .iter()
                .any(|bridge| bridge.enabled && bridge.name == name)
        };
        let removed: Vec<Arc<str>> = ended
            .iter()
            .filter(|b| gone(&b.link.config.name))
            .map(|b| b.link.subject.clone())
            .collect();
        drop(ended);
        *running = kept;
        for config in wanted.iter().filter(|config| config.enabled) {
            if !running.iter().any(|bridge| bridge.link.config == *config) {
                running.extend(self.start(config));
            }
        }
        drop(running);
        self.indicate();
        if !removed.is_empty() {
            tokio::spawn(tend::resolve_alerts_of(
                self.inner.pipeline.alerts().clone(),
                removed,
            ));
        }
    }

    /// Every running bridge, in configured order as far as they were not changed.
    #[must_use]
    pub fn views(&self) -> Vec<BridgeView> {
        let now_ms = Mono::now().as_millis();
        self.running()
            .iter()
            .map(|bridge| BridgeView::of(bridge, now_ms))
            .collect()
    }

    /// Sources refused because there was no room.
    #[must_use]
    pub fn sources_refused(&self) -> u64 {
        self.inner.seats.refused.load(Ordering::Relaxed)
    }

    fn start(&self, config: &Bridge) -> Option<Running> {
        let inner = &self.inner;
        let selector = config.port()?;
        let link = Arc::new(Link::new(
            config.clone(),
            inner.pipeline.clone(),
            inner.seats.clone(),
            inner.met.clone(),
        ));
        let taker = link.clone();
        let settings = LinkConfig {
            selector,
            baud: config.baud,
            epoch: epoch(),
        };
        let handle = HostLink::spawn(settings, move |event| taker.take(event));
        let handle = handle.inspect_err(
            |error| tracing::error!(%error, bridge = config.name, "bridge not started"),
        );
        Some(Running {
            link,
            handle: handle.ok(),
        })
    }

    /// Lets time pass at every bridge.
    fn tick(&self) {
        let now_ms = Mono::now().as_millis();
        self.running()
            .iter()
            .for_each(|bridge| bridge.link.tick(now_ms));
    }

    /// Tells boards that were just met what is wanted of them.
    fn greet(&self) {
        for bridge in self.running().iter() {
            let Some(handle) = &bridge.handle else {
                continue;
            };
            for (sensor, interval_ms) in bridge.link.wanted_rates() {
                if handle.set_rate(sensor, interval_ms).is_err() {
                    tracing::warn!(
                        bridge = bridge.link.config.name,
                        sensor,
                        "rate not set: too many requests"
                    );
                }
            }
        }
    }

    /// Who pressed a button that acknowledges.
    fn acknowledging(&self) -> Vec<Arc<str>> {
        self.running()
            .iter()
            .filter(|b| b.link.wants_acknowledgement())
            .map(|b| b.link.subject.clone())
            .collect()
    }

    /// Shows the worst unresolved alert on every lamp, now and after every
    /// reconnection.
    fn indicate(&self) {
        let level = tend::indicator(self.inner.pipeline.alerts().worst_unresolved());
        self.running()
            .iter()
            .filter_map(|bridge| bridge.handle.as_ref())
            .for_each(|handle| handle.set_indicator(level));
    }

    fn end(&self) {
        self.running().clear();
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        // Valid after every statement above.
        self.inner
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The instant at which the gateway's monotonic clock is zero.
fn epoch() -> std::time::Instant {
    let now = tokio::time::Instant::now().into_std();
    now.checked_sub(Duration::from_millis(Mono::now().as_millis()))
        .unwrap_or(now)
}
