//! Lamps and buttons of boards on serial lines: the lamps show the worst alert that
//! is not resolved, the buttons acknowledge what stands.
//!
//! Here and not in the bridges, because both are about the alerts of the whole
//! gateway, which a source of readings must not reach.

use std::sync::Arc;
use std::time::Duration;

use alerting::{Alert, Alerts, Filter};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::sources::bridge::{PanelControl, Press};
use crate::supervision::{Service, Supervisor};

/// How late a lamp follows an alert that left the book without an event.
const TICK: Duration = Duration::from_secs(1);

/// Starts both tasks; they end with `stop`.
pub(super) fn spawn(
    supervisor: &Supervisor,
    control: PanelControl,
    alerts: &Alerts,
    stop: &CancellationToken,
) {
    let service = Some(Service::Monitoring);
    let (worst, shown, until) = (control.worst, alerts.clone(), stop.clone());
    supervisor.keep("bridge lamps", service, move || {
        show(worst.clone(), shown.clone(), until.clone())
    });
    let presses = Arc::new(Mutex::new(control.presses));
    let (acted_on, until) = (alerts.clone(), stop.clone());
    supervisor.keep("bridge buttons", service, move || {
        act(presses.clone(), acted_on.clone(), until.clone())
    });
}

/// Keeps the level of the lamps that of the worst alert.
async fn show(
    worst: watch::Sender<Option<alerting::Level>>,
    alerts: Alerts,
    stop: CancellationToken,
) {
    let mut events = alerts.subscribe();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = alerts.worst_unresolved();
        worst.send_if_modified(|before| std::mem::replace(before, now) != now);
        tokio::select! {
            event = events.recv() => match event {
                // Which event does not matter, nor how many: the book is asked.
                Ok(_) | Err(RecvError::Lagged(_)) => while events.try_recv().is_ok() {},
                Err(RecvError::Closed) => return,
            },
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Acts on what is pressed.
async fn act(presses: Arc<Mutex<mpsc::Receiver<Press>>>, alerts: Alerts, stop: CancellationToken) {
    let mut presses = presses.lock().await;
    loop {
        tokio::select! {
            press = presses.recv() => match press {
                Some(press) => acknowledge_standing(&alerts, &press).await,
                // Every bridge has ended; that is not this task's end.
                None => return stop.cancelled().await,
            },
            () = stop.cancelled() => return,
        }
    }
}

/// Acknowledges what stood when the button was pressed: whoever pressed it has seen
/// the lamp, and cannot have seen what came later. The lamp goes on showing the
/// alerts until they are resolved.
async fn acknowledge_standing(alerts: &Alerts, press: &Press) {
    let by = &*press.by;
    let open = alerts.list(&Filter {
        unresolved_only: true,
        ..Filter::default()
    });
    let stood =
        |alert: &&Arc<Alert>| alert.acknowledged.is_none() && alert.created <= press.stood_at;
    let mut acknowledged = 0_u32;
    for alert in open.iter().filter(stood) {
        match alerts.acknowledge(&alert.id, by).await {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                tracing::warn!(%error, alert = &*alert.id, by, "alert not acknowledged by the button")
            }
        }
    }
    // An alert is acknowledged once: a button held down fills no log.
    if acknowledged > 0 {
        tracing::info!(by, alerts = acknowledged, "acknowledged by a button");
    }
}

#[cfg(test)]
mod tests {
    use alerting::{AlertType, Condition, Level};
    use readings::Sources;
    use store::Store;

    use super::*;
    use crate::alerts::StoreJournal;
    use crate::sources::bridge::panel;

    #[tokio::test]
    async fn a_lamp_follows_the_alerts_and_a_button_acknowledges_only_what_stood() {
        let dir = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(dir.path()).expect("a store");
        let sources = Arc::new(Sources::default());
        let alerts = Alerts::start(
            &alerting::Config::default(),
            sources,
            StoreJournal::of(store),
        )
        .expect("alerts");
        let stop = CancellationToken::new();
        let (_panel, control) = panel();
        let mut lamp = control.worst.subscribe();
        let supervisor = Supervisor::new(alerts.clone(), stop.clone());
        spawn(&supervisor, control, &alerts, &stop);
        alerts.raise(Condition {
            key: "bridge_lost",
            subject: "bridge/mast".into(),
            level: Level::Error,
            alert_type: AlertType::System,
            title: "Bridge Lost",
            message: "unplugged".to_owned(),
            details: None,
        });
        lamp.wait_for(|level| *level == Some(Level::Error))
            .await
            .expect("shown");
        let alert = alerts.list(&Filter::default())[0].clone();
        let pressed = |stood_at| Press {
            by: "bridge/mast".into(),
            stood_at,
        };
        let before = alert.created - jiff::SignedDuration::from_millis(1);
        acknowledge_standing(&alerts, &pressed(before)).await;
        let open = alerts.find(&alert.id).expect("kept");
        assert!(open.acknowledged.is_none(), "nobody saw it yet");
        acknowledge_standing(&alerts, &pressed(alert.created)).await;
        let open = alerts.find(&alert.id).expect("kept");
        assert!(open.acknowledged.is_some());
    }
}
