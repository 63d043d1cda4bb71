//! The task that looks after all bridges: time, rates for boards just met, and
//! the level of the lamps.

use std::sync::Arc;
use std::time::Duration;

use firmware_bridge::message::IndicatorLevel;
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Bridges;
use super::link::Link;
use alerting::{Alert, Alerts, Filter, Level};

/// How often time passes for guards and the emergency stop; also how late a lamp
/// follows an alert that left the book without an event.
const TICK: Duration = Duration::from_secs(1);

/// Runs until `stop`, then ends every link.
pub(super) async fn run(bridges: Bridges, stop: CancellationToken) {
    let mut events = bridges.inner.pipeline.alerts().subscribe();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                // Which event does not matter, nor how many: the book is asked.
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    while events.try_recv().is_ok() {}
                    bridges.indicate();
                }
                Err(RecvError::Closed) => break,
            },
            () = bridges.inner.met.notified() => {
                bridges.greet();
                let given_away = bridges.given_away();
                if !given_away.is_empty() {
                    let alerts = bridges.inner.pipeline.alerts().clone();
                    resolve_alerts_of(alerts, given_away, "another sensor").await;
                }
                for (link, stood_at) in bridges.acknowledging() {
                    acknowledge_standing(bridges.inner.pipeline.alerts(), &link, stood_at).await;
                }
            }
            _ = ticks.tick() => {
                bridges.tick();
                bridges.indicate();
            }
            () = stop.cancelled() => break,
        }
    }
    bridges.end();
}

/// What lamps and buzzers show for an alert of that level. A buzzer that sounds
/// without end is for what cannot wait: `error` is shown as a warning.
pub(super) fn indicator(worst: Option<Level>) -> IndicatorLevel {
    match worst {
        None => IndicatorLevel::Clear,
        Some(Level::Info) => IndicatorLevel::Info,
        Some(Level::Warning | Level::Error) => IndicatorLevel::Warning,
        Some(Level::Critical) => IndicatorLevel::Critical,
    }
}

/// Acknowledges what stood at `stood_at`: whoever pressed the button has seen the lamp,
/// which shows the alerts of the whole gateway, and cannot have seen what came later.
/// The lamp goes on showing them until they are resolved.
pub(super) async fn acknowledge_standing(alerts: &Alerts, link: &Link, stood_at: Timestamp) {
    let by = &*link.subject;
    let open = alerts.list(&Filter {
        unresolved_only: true,
        ..Filter::default()
    });
    let mut done = 0_u32;
    let stood = |alert: &&Arc<Alert>| alert.acknowledged.is_none() && alert.created <= stood_at;
    for alert in open.iter().filter(stood) {
        match alerts.acknowledge(&alert.id, by).await {
            Ok(_) => done += 1,
            Err(error) => {
                tracing::warn!(%error, alert = &*alert.id, by, "alert not acknowledged by the button")
            }
        }
    }
    if done > 0 && link.may_log() {
        tracing::info!(by, alerts = done, "acknowledged by a button");
    }
}

/// Resolves what is open about bridges that are no longer configured, or sensors
/// whose place another one took: nothing will ever be heard of them that could end it.
pub(super) async fn resolve_alerts_of(alerts: Alerts, subjects: Vec<Arc<str>>, by: &str) {
    let open = alerts.list(&Filter {
        unresolved_only: true,
        ..Filter::default()
    });
    let of_removed = |subject: &str| {
        subjects.iter().any(|gone| {
            subject
                .strip_prefix(&**gone)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    for alert in open.iter().filter(|alert| of_removed(&alert.subject)) {
        if let Err(error) = alerts.resolve(&alert.id, by).await {
            tracing::warn!(%error, alert = &*alert.id, "alert of what is gone for good not resolved");
        }
    }
}
