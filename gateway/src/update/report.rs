//! An update that was left or refused, told to people as an alert, once.
//!
//! It is what happened, not what stands: the alert stays until somebody
//! resolves it, and is not raised anew at each start, for the image's program
//! says the same until the next update. Hence a mark beside the spool, made
//! when the alert is durable.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::notices::Notices;
use super::{UpdateError, Updates};
use alerting::{AlertType, Alerts, Condition, Filter, Level};
use readings::BOARD;
use update_status::{State, StatusFile};

/// Key of the alert's condition.
pub(crate) const KEY: &str = alerting::UPDATE_ENDED;

/// How often the status is looked at: a few hundred bytes from memory.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Tells outcomes and notices until `stop`. Without an image there is nothing to watch.
pub(crate) async fn watch(updates: Arc<Updates>, alerts: Alerts, stop: CancellationToken) {
    if matches!(updates.status(), Err(UpdateError::NotSupported(_))) {
        return;
    }
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut notices = Notices::default();
    while tokio::select! { _ = ticks.tick() => true, () = stop.cancelled() => false } {
        if let Ok(status) = updates.status() {
            look(&updates, &alerts, &status);
        }
        notices.look(updates.notices(), &alerts);
    }
}

fn look(updates: &Updates, alerts: &Alerts, status: &StatusFile) {
    let Some(condition) = condition(status) else {
        return;
    };
    // The same reason may come twice; the time tells them apart.
    let outcome = format!(
        "{} {}",
        status.changed_at.as_deref().unwrap_or_default(),
        condition.message
    );
    if updates.was_reported(&outcome) {
        return;
    }
    let known = alerts.list(&Filter {
        alert_type: Some(AlertType::System),
        ..Filter::default()
    });
    match known.iter().find(|alert| {
        &*alert.origin == KEY && alert.details.as_deref() == condition.details.as_deref()
    }) {
        Some(alert) if alert.durable => updates.mark_reported(&outcome),
        Some(_) => {}
        None => alerts.raise(condition),
    }
}

/// What there is to tell of a status, if anything.
fn condition(status: &StatusFile) -> Option<Condition> {
    let (title, level, what) = match status.state {
        State::RolledBack => ("Update Rolled Back", Level::Error, "rolled back"),
        State::Failed => ("Update Failed", Level::Warning, "failed"),
        _ => return None,
    };
    let version = status
        .update
        .version
        .as_deref()
        .map(|version| format!(" to {version}"))
        .unwrap_or_default();
    let reason = status.reason.as_deref().unwrap_or("no reason was given");
    let running = status.running.version.as_deref().unwrap_or("unknown");
    let at = status.changed_at.as_deref().unwrap_or("an unknown time");
    Some(Condition {
        key: KEY,
        subject: BOARD.into(),
        level,
        alert_type: AlertType::System,
        title,
        message: format!("update{version} {what}: {reason}"),
        details: Some(format!(
            "Version {running} in slot {} runs; {what} at {at}.",
            status.running.slot
        )),
    })
}

#[cfg(test)]
mod tests {
    use update_status::{SlotStatus, UpdateSource};

    use super::*;

    fn status(state: State) -> StatusFile {
        StatusFile {
            format: 1,
            state,
            reason: Some("it never answered".to_owned()),
            changed_at: Some("2026-11-25T18:00:00Z".to_owned()),
            progress_pct: None,
            update: UpdateSource {
                version: Some("0.2.0".to_owned()),
                ..UpdateSource::default()
            },
            running: SlotStatus {
                slot: "A".to_owned(),
                version: Some("0.1.0".to_owned()),
                bootable: None,
            },
            other: SlotStatus {
                slot: "B".to_owned(),
                ..SlotStatus::default()
            },
        }
    }

    #[test]
    fn only_what_went_wrong_is_told() {
        let told = condition(&status(State::RolledBack)).expect("told");
        assert_eq!(
            told.message,
            "update to 0.2.0 rolled back: it never answered"
        );
        assert_eq!(told.level, Level::Error);
        assert!(condition(&status(State::Failed)).is_some_and(|told| told.level == Level::Warning));
        for state in [
            State::Idle,
            State::Installing,
            State::Trying,
            State::Committed,
        ] {
            assert!(condition(&status(state)).is_none());
        }
    }
}
