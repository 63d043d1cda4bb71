//! What the store lost, told to people as a critical alert.
//!
//! Told until the alert itself is durable: a power cut between a repaired
//! store and the alert about it must not swallow the only word of the loss.
//! Hence its own task, which waits; it must never hold up the start.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use alerting::{AlertType, Alerts, Condition, Filter, Level, STORE_LOSS};
use readings::BOARD;
use store::Store;

/// Tells every loss the store speaks of, until `stop`.
pub(super) async fn report(store: Store, alerts: Alerts, stop: CancellationToken) {
    let mut health = store.health();
    loop {
        let lost = health.borrow_and_update().lost.clone();
        let round = async {
            if let Some(lost) = lost {
                tell_one(&store, &alerts, &lost).await;
            }
            health.changed().await
        };
        tokio::select! {
            changed = round => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

async fn tell_one(store: &Store, alerts: &Alerts, lost: &Arc<str>) {
    tracing::error!("the store was damaged: {lost}");
    let message = format!("the store was damaged and has been recovered: {lost}");
    // Before it is raised, so that no event of it is missed.
    let mut events = alerts.subscribe();
    alerts.raise(Condition {
        key: STORE_LOSS,
        subject: BOARD.into(),
        level: Level::Critical,
        alert_type: AlertType::System,
        title: "Stored Data Lost",
        message: message.clone(),
        details: Some(
            "Check keys, rules and alerts; replace the SD card if this happens again.".to_owned(),
        ),
    });
    while !is_durable(alerts, &message) {
        // What was missed does not matter: the book is asked again.
        if matches!(events.recv().await, Err(RecvError::Closed)) {
            return;
        }
    }
    // Refused, the loss is told again after the next change of the store's
    // health, or at the next start; the alert in the book is then found.
    if let Err(error) = store.loss_reported().await {
        tracing::warn!(%error, "the loss will be told again");
    }
}

fn is_durable(alerts: &Alerts, message: &str) -> bool {
    let critical = Filter {
        level: Some(Level::Critical),
        ..Filter::default()
    };
    alerts
        .list(&critical)
        .iter()
        .any(|alert| alert.durable && *alert.origin == *STORE_LOSS && alert.message == message)
}
