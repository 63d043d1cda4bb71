//! What happens on its own: time for the rules, batches for the store, the
//! store's health as an alert, the watchdog.

use std::sync::Arc;
use std::time::Duration;

use access::Access;
use alerting::{AlertType, Alerts, Condition, Level};
use https::ConnectionLimiter;
use readings::BOARD;
use readings::clock::Mono;
use readings::telemetry::{FinishedMinutes, Telemetry};
use store::{Change, HistoryRecord, Store};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::clock_watch::{self, ClockWatch};
use super::heap::{self, Heap};
use super::loss;
use crate::mutes::Mutes;
use crate::networks;
use crate::supervision::{Service, Supervisor};

/// How often the networks of this host are looked at: an adapter that was pulled
/// out and put back has them anew.
const NETWORKS_EVERY: Duration = Duration::from_secs(30);

/// How often rules see time pass.
const TICK: Duration = Duration::from_secs(1);

/// The rooms that are looked after.
#[derive(Clone)]
pub(super) struct Housekeeping {
    pub(super) alerts: Alerts,
    pub(super) mutes: Arc<Mutes>,
    pub(super) access: Arc<Access>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) store: Store,
    pub(super) clock: ClockWatch,
}

/// Starts the tasks; they end with `stop`.
pub(super) fn spawn(
    supervisor: &Supervisor,
    rooms: &Housekeeping,
    limiter: &Arc<ConnectionLimiter>,
    batch_interval: Duration,
    stop: &CancellationToken,
) {
    let (alerts, mutes) = (rooms.alerts.clone(), rooms.mutes.clone());
    let until = stop.clone();
    supervisor.keep("rule clock", Some(Service::Monitoring), move || {
        let (alerts, mutes) = (alerts.clone(), mutes.clone());
        every(TICK, until.clone(), move || {
            alerts.tick(Mono::now());
            for ended in mutes.expire(Mono::now()) {
                mutes.tell_what_stands(&ended, &alerts);
            }
        })
    });
    let (kept, until) = (rooms.clone(), stop.clone());
    supervisor.keep("history batches", None, move || {
        let rooms = kept.clone();
        every(batch_interval, until.clone(), move || rooms.batch())
    });
    let (watched, until) = (rooms.clock.clone(), stop.clone());
    supervisor.keep("clock watch", None, move || {
        clock_watch::watch(watched.clone(), until.clone())
    });
    let (kept, until) = (rooms.clone(), stop.clone());
    supervisor.keep("sessions", None, move || {
        keep_sessions(kept.access.clone(), batch_interval, until.clone())
    });
    let (kept, until) = (rooms.clone(), stop.clone());
    supervisor.keep("store watch", None, move || {
        watch_store(kept.store.clone(), kept.alerts.clone(), until.clone())
    });
    let (kept, until) = (rooms.clone(), stop.clone());
    supervisor.keep("store loss", None, move || {
        loss::report(kept.store.clone(), kept.alerts.clone(), until.clone())
    });
    let (access, limiter, until) = (rooms.access.clone(), limiter.clone(), stop.clone());
    supervisor.keep("attached networks", None, move || {
        let (access, limiter) = (access.clone(), limiter.clone());
        every(NETWORKS_EVERY, until.clone(), move || {
            let attached = networks::attached();
            limiter.attach(attached.iter().map(|network| network.parts()).collect());
            access.attach(attached);
        })
    });
    keep_process(supervisor, stop);
}

/// What the process does for itself.
fn keep_process(supervisor: &Supervisor, stop: &CancellationToken) {
    let until = stop.clone();
    supervisor.keep("freed memory", None, move || {
        let mut heap = Heap::default();
        every(heap::LOOK_EVERY, until.clone(), move || heap.look())
    });
    if let Some(period) = sd_notify::watchdog_enabled() {
        let until = stop.clone();
        supervisor.keep("systemd watchdog", None, move || {
            every(period / 2, until.clone(), feed_watchdog)
        });
    }
}

impl Housekeeping {
    /// Hands finished minutes and changed usage counts to the store's batch.
    pub(super) fn batch(&self) {
        let minutes = self.telemetry.drain_minutes(Mono::now());
        if !minutes.is_empty() {
            self.store.defer(minutes.into_iter().map(stored).collect());
        }
        self.access.flush_usage();
    }
}

/// Writes sign-ins that came too quickly to be written at once.
async fn keep_sessions(access: Arc<Access>, period: Duration, stop: CancellationToken) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while tokio::select! { _ = ticks.tick() => true, () = stop.cancelled() => false } {
        if let Err(error) = access.flush_sessions().await {
            tracing::warn!(%error, "sign-ins would not outlive a restart");
        }
    }
}

fn stored(minutes: FinishedMinutes) -> Change {
    Change::History(HistoryRecord {
        source: minutes.source,
        metric: minutes.metric.name().to_owned(),
        steps: minutes.steps,
    })
}

pub(super) async fn every(period: Duration, stop: CancellationToken, mut work: impl FnMut()) {
    let mut ticks = interval(period);
    // A suspended board must not work off hours of ticks when it wakes.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while tokio::select! { _ = ticks.tick() => true, () = stop.cancelled() => false } {
        work();
    }
}

/// Raises an alert while the medium refuses writes and ends it when it heals.
async fn watch_store(store: Store, alerts: Alerts, stop: CancellationToken) {
    const KEY: &str = "storage_unavailable";
    let mut health = store.health();
    loop {
        let now = health.borrow_and_update().clone();
        if now.healthy {
            alerts.clear(KEY, BOARD);
        } else {
            let reason = now.reason.as_deref().unwrap_or("the medium refuses");
            alerts.raise(Condition {
                key: KEY,
                subject: BOARD.into(),
                level: Level::Critical,
                alert_type: AlertType::System,
                title: "Storage Unavailable",
                message: format!("the state directory does not take writes: {reason}"),
                details: Some(
                    "Readings and alerts go on from memory; changes to keys, rules and alerts are refused until it \
                     heals. Free space, or replace the SD card."
                        .to_owned(),
                ),
            });
        }
        tokio::select! {
            changed = health.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

/// Feeds systemd's watchdog from this runtime: if its tasks no longer run, the
/// feeding stops and systemd restarts the gateway.
fn feed_watchdog() {
    drop(sd_notify::notify(&[sd_notify::NotifyState::Watchdog]));
}
