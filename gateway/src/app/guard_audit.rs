//! What the gateway commands by itself goes into the audit trail, as what people command
//! does on its way through the API.
//!
//! Reads the events, so that a kind of vehicle needs no way to the audit. Must never hold
//! up a drone: it only listens.

use std::sync::Arc;

use readings::command::CommandState;
use readings::event::{Event, EventKind, EventLog, Values};
use store::{AuditRecord, Change, Store};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::supervision::Supervisor;

/// Starts the task; it ends with `stop`.
pub(super) fn spawn(
    supervisor: &Supervisor,
    events: &EventLog,
    store: &Store,
    stop: &CancellationToken,
) {
    let (events, store, until) = (events.clone(), store.clone(), stop.clone());
    supervisor.keep("guard audit", None, move || {
        let (heard, store, until) = (events.subscribe(), store.clone(), until.clone());
        async move {
            tokio::select! {
                () = keep(heard, &store) => {}
                () = until.cancelled() => {}
            }
        }
    });
}

async fn keep(mut heard: Receiver<Arc<Event>>, store: &Store) {
    loop {
        match heard.recv().await {
            Ok(event) => store.defer(record_of(&event).map(Change::Audit).into_iter().collect()),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "events came too fast to audit what the guard did");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// The record of a command's first step, if the gateway gave it; its later steps are in
/// the list of commands under the same id.
fn record_of(event: &Event) -> Option<AuditRecord> {
    let Values::Command {
        command_id,
        command,
        state: CommandState::Queued,
    } = &event.values
    else {
        return None;
    };
    let drone = event.drone.as_deref().unwrap_or("no drone");
    let why = event.why.as_deref().unwrap_or("no reason given");
    (event.kind == EventKind::Guard).then(|| AuditRecord {
        at_us: event.time.as_microsecond(),
        event: access::DRONE_COMMAND.to_owned(),
        client: None,
        actor: event.who.as_deref().map(str::to_owned),
        subject: format!("{drone}: {command}, command {command_id}: {why}"),
    })
}

#[cfg(test)]
mod tests {
    use readings::clock::Timestamp;
    use readings::command::BootId;
    use readings::event::NewEvent;

    use super::*;

    #[tokio::test]
    async fn what_the_guard_did_is_audited_once_with_its_id() {
        let dir = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(dir.path()).expect("store");
        let events = EventLog::new(BootId(7), "mast".into(), Box::new(|| None));
        let heard = events.subscribe();
        let id = events.command_ids().next();
        for (kind, state) in [
            (EventKind::Guard, CommandState::Queued),
            (EventKind::Guard, CommandState::Sent),
            (EventKind::Command, CommandState::Queued),
        ] {
            let event = NewEvent {
                drone: Some("d1".into()),
                kind,
                who: Some("gateway".into()),
                why: Some("its battery is nearly empty".into()),
                values: Values::Command {
                    command_id: id,
                    command: "land".into(),
                    state,
                },
            };
            events.publish(event, Timestamp::UNIX_EPOCH);
        }
        drop(events);
        keep(heard, &store).await;
        store.flush().await.expect("written");
        let trail = store.audit(9);
        let subjects: Vec<&str> = trail.iter().map(|record| &*record.subject).collect();
        assert_eq!(
            subjects,
            ["d1: land, command 0000000000000007-1: its battery is nearly empty"]
        );
        assert_eq!(trail[0].actor.as_deref(), Some("gateway"));
    }
}
