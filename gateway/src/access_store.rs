//! Keys and the audit trail in the gateway's store.
//!
//! The one place where the records of `access` meet those on disk: the formats
//! are the store's, and neither crate knows the other.

use std::path::Path;

use crate::access_sessions::SessionFile;
use access::{
    AuditRecord, Change, Committed, DRONE_COMMAND, KeyId, KeyRecord, NotDurable, Records,
    SessionRecord,
};
use readings::clock::wall_now;
use readings::event::{EventKind, EventLog, NewEvent, Values};
use store::Store;

/// The store, as `access` sees it, the file of signed-in browsers, and who hears of it.
pub(crate) struct AccessStore {
    store: Store,
    sessions: Option<SessionFile>,
    events: EventLog,
}

impl AccessStore {
    /// Keeps keys and audit trail in `store`.
    pub(crate) fn new(store: Store) -> AccessStore {
        AccessStore {
            store,
            sessions: None,
            events: EventLog::default(),
        }
    }

    /// The same, with signed-in browsers in a file of the state directory `dir`, and what
    /// comes into the audit trail told in `events`.
    pub(crate) fn of_gateway(store: Store, dir: &Path, events: EventLog) -> AccessStore {
        AccessStore {
            store,
            sessions: Some(SessionFile::at(dir)),
            events,
        }
    }

    fn publish(&self, events: Vec<NewEvent>) {
        for event in events {
            self.events.publish(event, wall_now());
        }
    }
}

/// Events of what `changes` bring into the audit trail. What somebody commands a drone is
/// an event of its own already.
fn events_of(changes: &[Change]) -> Vec<NewEvent> {
    let of = |change: &Change| match change {
        Change::Audit(record) if record.event != DRONE_COMMAND => Some(NewEvent {
            drone: None,
            kind: EventKind::Access,
            who: record.actor.as_deref().map(Into::into),
            why: None,
            values: Values::Access {
                action: record.event.as_str().into(),
                client: record.client.as_deref().map(Into::into),
                subject: record.subject.as_str().into(),
            },
        }),
        _ => None,
    };
    changes.iter().filter_map(of).collect()
}

impl Records for AccessStore {
    fn keys(&self) -> Vec<KeyRecord> {
        self.store.keys().into_iter().map(from_stored).collect()
    }

    fn commit(&self, changes: Vec<Change>) -> Committed<'_> {
        let events = events_of(&changes);
        let changes = changes.into_iter().map(to_stored).collect();
        Box::pin(async {
            let committed = self.store.commit(changes).await;
            committed.map_err(|error| NotDurable(error.to_string().into()))?;
            self.publish(events);
            Ok(())
        })
    }

    fn defer(&self, changes: Vec<Change>) {
        self.publish(events_of(&changes));
        self.store
            .defer(changes.into_iter().map(to_stored).collect());
    }

    fn sessions(&self) -> Vec<SessionRecord> {
        let file = self.sessions.as_ref();
        file.map(SessionFile::read).unwrap_or_default()
    }

    fn keep_sessions(&self, sessions: Vec<SessionRecord>) -> Committed<'_> {
        Box::pin(async move {
            let Some(file) = &self.sessions else {
                return Ok(());
            };
            let written = file.write(sessions).await;
            written.map_err(|error| NotDurable(format!("the session is not saved: {error}").into()))
        })
    }
}

fn from_stored(key: store::KeyRecord) -> KeyRecord {
    KeyRecord {
        id: KeyId(key.id.0),
        name: key.name,
        permissions: key.permissions,
        created_us: key.created_us,
        expires_us: key.expires_us,
        last_used_us: key.last_used_us,
        usage_count: key.usage_count,
    }
}

fn to_stored(change: Change) -> store::Change {
    match change {
        Change::PutKey(key) => store::Change::PutKey(store::KeyRecord {
            id: store::KeyId(key.id.0),
            name: key.name,
            permissions: key.permissions,
            created_us: key.created_us,
            expires_us: key.expires_us,
            last_used_us: key.last_used_us,
            usage_count: key.usage_count,
        }),
        Change::DeleteKey(id) => store::Change::DeleteKey(store::KeyId(id.0)),
        Change::Audit(AuditRecord {
            at_us,
            event,
            client,
            actor,
            subject,
        }) => store::Change::Audit(store::AuditRecord {
            at_us,
            event,
            client,
            actor,
            subject,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_comes_back_as_it_was_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(dir.path()).expect("opened");
        let records = AccessStore::new(store.clone());
        let key = KeyRecord {
            id: KeyId([7; 32]),
            name: "Tablet".to_owned(),
            permissions: vec!["write".to_owned(), "read".to_owned()],
            created_us: 1,
            expires_us: Some(2),
            last_used_us: Some(3),
            usage_count: 4,
        };
        let line = AuditRecord {
            at_us: 5,
            event: "key_created".to_owned(),
            client: Some("192.0.2.7".to_owned()),
            actor: Some("Admin Key".to_owned()),
            subject: "Tablet".to_owned(),
        };
        let changes = vec![Change::PutKey(key.clone()), Change::Audit(line.clone())];
        records.commit(changes).await.expect("durable");
        assert_eq!(records.keys(), std::slice::from_ref(&key));
        let [kept] = &store.audit(10)[..] else {
            panic!("one line")
        };
        assert_eq!(
            (&kept.event, &kept.client, &kept.actor, &kept.subject),
            (&line.event, &line.client, &line.actor, &line.subject)
        );
        assert_eq!(kept.at_us, line.at_us);
        let gone = vec![Change::DeleteKey(key.id)];
        records.commit(gone).await.expect("durable");
        assert!(records.keys().is_empty());
        store.close().await;
        let refused = records.commit(Vec::new()).await.expect_err("closed");
        assert!(refused.to_string().contains("stopping"), "{refused}");
    }
}
