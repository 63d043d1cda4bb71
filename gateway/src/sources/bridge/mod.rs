//! Bridges: microcontrollers on serial lines, as sources beside the board and
//! the drones.
//!
//! Each bridge has a thread of its own (`firmware_bridge::host`) that publishes
//! its sensors as `bridge/<name>/<sensor>` and its emergency stop as
//! `bridge/<name>`. A missing port, a broken line or a mad board is an alert
//! with a reason, never more: nothing here may end the gateway or hold it up.
//! The lamps of all boards follow the worst alert that is not resolved.

mod blind_rules;
mod conditions;
mod guard;
mod link;
mod mapping;
mod measured;
mod panel;
mod rules;
mod sensor;
mod source_slots;
mod stop_inputs;
mod upkeep;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firmware_bridge::host::{HostLink, LinkConfig, LinkHandle};
use readings::SourceId;
use readings::clock::Mono;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Bridge;
use crate::sources::sink::Pipeline;
use crate::supervision::{Service, Supervisor, Thread};

use blind_rules::BlindRules;
use link::{Gives, Link};
pub use panel::{Panel, PanelControl, Press, panel};
pub(crate) use rules::defaults as default_rules;
use source_slots::SourceSlots;
pub use stop_inputs::StopInputs;
pub(crate) use view::LOST;
pub use view::{BridgeView, SensorView};

/// The name of the source that is the bridge itself.
fn source(bridge: &str) -> String {
    format!("bridge/{bridge}")
}

/// The name of the source that is a sensor of a bridge.
fn sensor_source(bridge: &str, sensor: &str) -> String {
    format!("bridge/{bridge}/{sensor}")
}

/// Every bridge; clones share them.
#[derive(Clone)]
pub struct Bridges {
    inner: Arc<BridgeTable>,
}

struct BridgeTable {
    pipeline: Pipeline,
    panel: Panel,
    /// Hears of their emergency stops.
    stops: Arc<dyn StopInputs>,
    /// Watches the links' threads.
    supervisor: Supervisor,
    source_slots: Arc<SourceSlots>,
    met: Arc<Notify>,
    blind_rules: Mutex<BlindRules>,
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
    pub fn new(
        pipeline: Pipeline,
        panel: Panel,
        stops: Arc<dyn StopInputs>,
        supervisor: Supervisor,
    ) -> Bridges {
        let inner = BridgeTable {
            source_slots: Arc::new(SourceSlots::new(pipeline.clone())),
            pipeline,
            panel,
            stops,
            supervisor,
            met: Arc::default(),
            blind_rules: Mutex::default(),
            running: Mutex::default(),
        };
        Bridges {
            inner: Arc::new(inner),
        }
    }

    /// Takes a slot for a source that an earlier run stored, if its bridge is
    /// still configured: so its history is there before its board is.
    #[must_use]
    pub fn adopt(&self, source: &str, bridges: &[Bridge]) -> Option<SourceId> {
        let name = source.strip_prefix("bridge/")?.split('/').next()?;
        let wanted = bridges
            .iter()
            .any(|bridge| bridge.enabled && bridge.name == name);
        wanted
            .then(|| self.inner.source_slots.adopt(name, source))
            .flatten()
    }

    /// Looks after them until `stop`, then ends them.
    pub fn upkeep(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        upkeep::run(self.clone(), stop)
    }

    /// Makes the running bridges those of `wanted`: ends others, starts new
    /// ones, restarts changed ones.
    pub fn apply(&self, wanted: &[Bridge]) {
        if let Err(error) = self
            .inner
            .pipeline
            .default_rules("bridge", &rules::defaults(wanted))
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
        let removed = ended
            .iter()
            .filter(|b| gone(&b.link.config.name))
            .map(|b| b.link.subject.clone());
        self.inner.source_slots.note_removed(removed);
        drop(ended);
        self.inner.stops.bridges(wanted);
        *running = kept;
        self.inner.source_slots.keep(|bridge| !gone(bridge));
        for config in wanted.iter().filter(|config| config.enabled) {
            if !running.iter().any(|bridge| bridge.link.config == *config) {
                running.extend(self.start(config));
            }
        }
        drop(running);
        self.indicate();
        self.inner.met.notify_one();
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
        self.inner.source_slots.refused()
    }

    fn start(&self, config: &Bridge) -> Option<Running> {
        let inner = &self.inner;
        let selector = config.port()?;
        let link = Arc::new(Link::new(
            config.clone(),
            inner.pipeline.clone(),
            inner.source_slots.clone(),
            inner.met.clone(),
            inner.stops.clone(),
        ));
        let service = Some(Service::Monitoring);
        let thread = inner.supervisor.thread("bridge link", service);
        let taker = LinkThread {
            link: link.clone(),
            watched: Some(thread),
        };
        let settings = LinkConfig {
            selector,
            baud: config.baud,
            epoch: epoch(),
        };
        let handle = HostLink::spawn(settings, move |event| taker.link.take(event));
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
        let running = self.running();
        running.iter().for_each(|bridge| bridge.link.tick(now_ms));
        let gives = |name: &str, sensor: Option<&str>| {
            let mut of_name = running
                .iter()
                .filter(|bridge| bridge.link.config.name == name);
            of_name
                .next()
                .map_or(Some(Gives::Nothing), |bridge| bridge.link.gives(sensor))
        };
        let blind = self.inner.blind_rules.lock();
        // Valid after every statement, as below.
        let mut blind = blind.unwrap_or_else(PoisonError::into_inner);
        blind.round(&self.inner.pipeline, now_ms, gives);
    }

    /// Tells boards that were just met what is wanted of them.
    fn greet(&self) {
        for bridge in self.running().iter() {
            let Some(handle) = &bridge.handle else {
                continue;
            };
            for (sensor, interval_ms) in bridge.link.wanted_rates() {
                if handle.set_rate(sensor, interval_ms).is_err() && bridge.link.may_log() {
                    tracing::warn!(
                        bridge = bridge.link.config.name,
                        sensor,
                        "rate not set: too many requests"
                    );
                }
            }
        }
    }

    /// Hands on the presses of buttons that acknowledge.
    fn hand_on_presses(&self) {
        for bridge in self.running().iter() {
            let link = &bridge.link;
            let Some(stood_at) = link.wants_acknowledgement() else {
                continue;
            };
            let by = link.subject.clone();
            if self
                .inner
                .panel
                .presses
                .try_send(Press { by, stood_at })
                .is_err()
            {
                link.count_held_press();
            }
        }
    }

    /// Resolves what is open about bridges and sensors that are gone for good.
    async fn resolve_gone(&self) {
        for (subject, by) in self.inner.source_slots.take_gone() {
            self.inner.pipeline.resolve_about(&[subject], by).await;
        }
    }

    /// Shows the worst unresolved alert on every lamp, now and after every
    /// reconnection.
    fn indicate(&self) {
        let level = upkeep::indicator(*self.inner.panel.worst.borrow());
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

/// What a link's thread holds until it ends.
struct LinkThread {
    link: Arc<Link>,
    watched: Option<Thread>,
}

impl Drop for LinkThread {
    fn drop(&mut self) {
        // One whose bridge was changed or taken out of the configuration may end.
        if let Some(watched) = self.watched.take().filter(|_| self.link.is_retired()) {
            watched.release();
        }
    }
}

/// The instant at which the gateway's monotonic clock is zero.
fn epoch() -> std::time::Instant {
    let now = tokio::time::Instant::now().into_std();
    now.checked_sub(Duration::from_millis(Mono::now().as_millis()))
        .unwrap_or(now)
}
