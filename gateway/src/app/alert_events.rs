//! What happens to alerts, as events: beside commands and links, in one order.
//!
//! Only listens: must never hold up the committer. An event that it misses because it was
//! slow is logged, and the alert is in the book all the same.

use alerting::{AUTO, Alert, AlertChange, AlertEvent};
use readings::clock::wall_now;
use readings::event::{EventKind, EventLog, NewEvent, Values};
use readings::{SourceKind, Sources};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::core::Core;

/// Starts the task; it ends with the gateway.
pub(super) fn spawn(core: &Core) {
    let (alerts, sources, events) = (
        core.alerts.clone(),
        core.sources.clone(),
        core.events.clone(),
    );
    let stop = core.stop.clone();
    core.supervisor.keep("alert events", None, move || {
        let (heard, until) = (alerts.subscribe(), stop.clone());
        let (sources, events) = (sources.clone(), events.clone());
        async move {
            tokio::select! {
                () = publish(heard, &sources, &events) => {}
                () = until.cancelled() => {}
            }
        }
    });
}

async fn publish(mut heard: Receiver<AlertEvent>, sources: &Sources, events: &EventLog) {
    loop {
        let (alert, change) = match heard.recv().await {
            Ok(AlertEvent::Raised(alert)) => (alert, AlertChange::Raised),
            Ok(AlertEvent::Changed(alert, Some(change))) => (alert, change),
            Ok(AlertEvent::Changed(_, None)) => continue,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "alerts changed too fast to tell each as an event");
                continue;
            }
            Err(RecvError::Closed) => return,
        };
        events.publish(event(&alert, change, sources), wall_now());
    }
}

fn event(alert: &Alert, change: AlertChange, sources: &Sources) -> NewEvent {
    let by = match change {
        AlertChange::Acknowledged => alert.acknowledged.as_ref(),
        AlertChange::Resolved => alert.resolved.as_ref(),
        AlertChange::Raised | AlertChange::Cleared => None,
    };
    let source = sources.find(&alert.subject);
    let is_drone = source.is_some_and(|source| source.kind == SourceKind::Drone);
    NewEvent {
        drone: is_drone.then(|| alert.subject.clone()),
        kind: EventKind::Alert,
        who: by.map(|(_, by)| by.clone()).filter(|by| &**by != AUTO),
        why: Some(alert.message.as_str().into()),
        values: Values::Alert {
            alert_id: alert.id.clone(),
            change,
            level: alert.level.name(),
            title: alert.title.clone(),
            subject: alert.subject.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use readings::Level;
    use readings::command::BootId;

    use super::*;

    #[tokio::test]
    async fn each_thing_that_happens_is_one_event_and_names_who_did_it() {
        let sources = Sources::default();
        sources.register("d1", SourceKind::Drone).expect("room");
        let raised = Alert {
            seq: 1,
            id: "alert_1".into(),
            level: Level::Critical,
            alert_type: alerting::AlertType::Drone,
            title: "Low Battery".into(),
            message: "battery_level is 9".to_owned(),
            details: None,
            origin: "system_monitor".into(),
            subject: "d1".into(),
            measured: None,
            sensors: Vec::new(),
            created: wall_now(),
            cleared: None,
            acknowledged: None,
            resolved: None,
            durable: true,
        };
        let stamped = |by: &str| Some((wall_now(), by.into()));
        let seen = Alert {
            acknowledged: stamped("Tablet"),
            ..raised.clone()
        };
        let over = Alert {
            resolved: stamped(AUTO),
            subject: "board".into(),
            ..seen.clone()
        };
        let (alerts, heard) = tokio::sync::broadcast::channel(8);
        let events = EventLog::new(BootId(1), "mast".into(), Box::new(|| None));
        let mut told = events.subscribe();
        for event in [
            AlertEvent::Raised(Arc::new(raised.clone())),
            AlertEvent::Changed(Arc::new(raised), None),
            AlertEvent::Changed(Arc::new(seen), Some(AlertChange::Acknowledged)),
            AlertEvent::Changed(Arc::new(over), Some(AlertChange::Resolved)),
        ] {
            alerts.send(event).expect("heard");
        }
        drop(alerts);
        publish(heard, &sources, &events).await;
        let mut steps = Vec::new();
        while let Ok(event) = told.try_recv() {
            let Values::Alert { change, .. } = event.values else {
                panic!("{event:?}")
            };
            assert_eq!(event.why.as_deref(), Some("battery_level is 9"));
            steps.push((change, event.who.clone(), event.drone.clone()));
        }
        let name = |text: &str| Some(Arc::<str>::from(text));
        assert_eq!(
            steps,
            [
                (AlertChange::Raised, None, name("d1")),
                (AlertChange::Acknowledged, name("Tablet"), name("d1")),
                (AlertChange::Resolved, None, None),
            ]
        );
    }
}
