//! What happened to an alert: decided here, once, for everybody who is told.
//!
//! Pure. The committer sends the event along with the change that makes it durable, so
//! that the store, the outbox and the channels repeat a decision and make none.

use super::model::Alert;

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was raised.
    Raised,
    /// Somebody has seen it.
    Acknowledged,
    /// Its value came back, and nobody has resolved it yet.
    Cleared,
    /// It is over.
    Resolved,
}

impl EventKind {
    /// What happened between two states of one alert, of which `before` is the last that
    /// is known to be durable. Of several things that happened at once the last in an
    /// alert's life counts. One that is not known to be durable was raised, whatever came
    /// then; the store, which knows better, tells only what it does not hold yet.
    pub(super) fn between(before: Option<&Alert>, after: &Alert) -> Option<EventKind> {
        let Some(before) = before else {
            return Some(EventKind::Raised);
        };
        if before.resolved.is_none() && after.resolved.is_some() {
            Some(EventKind::Resolved)
        } else if before.acknowledged.is_none() && after.acknowledged.is_some() {
            Some(EventKind::Acknowledged)
        } else if before.cleared.is_none() && after.cleared.is_some() {
            Some(EventKind::Cleared)
        } else {
            None
        }
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
            (None, &open, Some(EventKind::Raised)),
            (None, &resolved, Some(EventKind::Raised)),
            (Some(&open), &acknowledged, Some(EventKind::Acknowledged)),
            (Some(&open), &cleared, Some(EventKind::Cleared)),
            (Some(&open), &resolved, Some(EventKind::Resolved)),
            (Some(&acknowledged), &resolved, Some(EventKind::Resolved)),
            (Some(&cleared), &resolved, Some(EventKind::Resolved)),
            (Some(&durable_at_last), &open, None),
            (Some(&acknowledged), &acknowledged, None),
            (Some(&cleared), &cleared, None),
            (Some(&resolved), &resolved, None),
            (Some(&resolved), &open, None),
        ];
        for (before, after, event) in table {
            assert_eq!(
                EventKind::between(before, after),
                event,
                "{before:?} {after:?}"
            );
        }
    }
}
