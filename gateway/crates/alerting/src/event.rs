//! What happened to an alert: decided here, once, for everybody who is told.
//!
//! Pure. The committer sends the event along with the change that makes it durable, so
//! that the store, the outbox and the channels repeat a decision and make none.

use readings::event::AlertChange;

use super::model::Alert;

/// What happened between two states of one alert, of which `before` is the last that is
/// known. Of several things that happened at once the last in an alert's life counts. One
/// that is not known yet was raised, whatever came then; the store, which knows better,
/// tells only what it does not hold yet.
pub(super) fn between(before: Option<&Alert>, after: &Alert) -> Option<AlertChange> {
    let Some(before) = before else {
        return Some(AlertChange::Raised);
    };
    if before.resolved.is_none() && after.resolved.is_some() {
        Some(AlertChange::Resolved)
    } else if before.acknowledged.is_none() && after.acknowledged.is_some() {
        Some(AlertChange::Acknowledged)
    } else if before.cleared.is_none() && after.cleared.is_some() {
        Some(AlertChange::Cleared)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::tests::alert;
    use super::*;

    #[test]
    fn the_last_thing_that_happened_is_the_event() {
        let open = alert(1, 0);
        let stamp = Some((open.created, "auto".into()));
        let acknowledged = Alert {
            acknowledged: stamp.clone(),
            ..open.clone()
        };
        let cleared = Alert {
            cleared: Some(open.created),
            ..open.clone()
        };
        let resolved = Alert {
            acknowledged: stamp.clone(),
            resolved: stamp,
            ..cleared.clone()
        };
        let durable_at_last = Alert {
            durable: false,
            ..open.clone()
        };
        let table = [
            (None, &open, Some(AlertChange::Raised)),
            (None, &resolved, Some(AlertChange::Raised)),
            (Some(&open), &acknowledged, Some(AlertChange::Acknowledged)),
            (Some(&open), &cleared, Some(AlertChange::Cleared)),
            (Some(&open), &resolved, Some(AlertChange::Resolved)),
            (Some(&acknowledged), &resolved, Some(AlertChange::Resolved)),
            (Some(&cleared), &resolved, Some(AlertChange::Resolved)),
            (Some(&durable_at_last), &open, None),
            (Some(&acknowledged), &acknowledged, None),
            (Some(&cleared), &cleared, None),
            (Some(&resolved), &resolved, None),
            (Some(&resolved), &open, None),
        ];
        for (before, after, event) in table {
            assert_eq!(between(before, after), event, "{before:?} {after:?}");
        }
    }
}
