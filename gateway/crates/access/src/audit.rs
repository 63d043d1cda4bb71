//! Security events: one line in the log under the target `security`, one
//! record in the audit trail. Keys appear by name and preview only.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::budget::Budget;
use super::client::ClientAddress;
use super::gate::Incident;
use super::records::{AuditRecord, Change, KeyRecord};
use super::secret::preview;
use readings::clock::Mono;

/// Target of every security event, for the log that keeps them.
const TARGET: &str = "security";

/// The record of a key made. Tell it with [`tell`] once it is durable.
pub(super) fn key_created(key: &KeyRecord, by: &str, at_us: i64) -> AuditRecord {
    about_key("key_created", key, by, at_us)
}

/// The record of a key revoked. Tell it with [`tell`] once it is durable.
pub(super) fn key_revoked(key: &KeyRecord, by: &str, at_us: i64) -> AuditRecord {
    about_key("key_revoked", key, by, at_us)
}

/// The record of a lock-out that an administrator ended.
pub(super) fn lockout_lifted(client: ClientAddress, by: &str, at_us: i64) -> AuditRecord {
    AuditRecord {
        at_us,
        event: "lockout_lifted".to_owned(),
        client: None,
        actor: Some(by.to_owned()),
        subject: client.to_string(),
    }
}

fn about_key(event: &str, key: &KeyRecord, by: &str, at_us: i64) -> AuditRecord {
    AuditRecord {
        at_us,
        event: event.to_owned(),
        client: None,
        actor: Some(by.to_owned()),
        subject: format!("{} ({})", key.name, preview(&key.id)),
    }
}

/// Logs what is durable now.
pub(super) fn tell(record: &AuditRecord) {
    let AuditRecord {
        event,
        actor,
        subject,
        ..
    } = record;
    tracing::info!(target: TARGET, event, actor, subject);
}

/// Logs every audit record among `changes`, which are durable now.
pub(super) fn tell_all(changes: &[Change]) {
    for change in changes {
        if let Change::Audit(record) = change {
            tell(record);
        }
    }
}

/// Writer of what clients cause; one budget a kind, so that a flood of one
/// does not silence another.
#[derive(Debug, Default)]
pub(super) struct Incidents {
    failed: Mutex<Budget>,
    locked_out: Mutex<Budget>,
    refused: Mutex<Budget>,
    flown: Mutex<Budget>,
    browsers: Mutex<Budget>,
}

impl Incidents {
    /// Logs that a drone was commanded; its audit record, unless the budget is
    /// used up: the log is complete, the durable trail bounded.
    pub(super) fn flown(
        &self,
        actor: &str,
        client: IpAddr,
        subject: &str,
        now: Mono,
        at_us: i64,
    ) -> Option<AuditRecord> {
        let event = "drone_command";
        tracing::info!(target: TARGET, event, %client, actor, subject);
        self.flown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(now)?;
        Some(AuditRecord {
            at_us,
            event: event.to_owned(),
            client: Some(client.to_string()),
            actor: Some(actor.to_owned()),
            subject: subject.to_owned(),
        })
    }

    /// Logs that a browser signed in, was signed out, or may do so by a link; its
    /// audit record, as above.
    pub(super) fn browser(
        &self,
        event: &str,
        actor: &str,
        client: Option<IpAddr>,
        subject: String,
        now: Mono,
        at_us: i64,
    ) -> Option<AuditRecord> {
        let client = client.map(|client| client.to_string());
        tracing::info!(target: TARGET, event, client, actor, subject);
        self.browsers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(now)?;
        Some(AuditRecord {
            at_us,
            event: event.to_owned(),
            client,
            actor: Some(actor.to_owned()),
            subject,
        })
    }

    /// Logs the incident; its audit record, unless the budget is used up.
    pub(super) fn record(
        &self,
        incident: &Incident,
        client: IpAddr,
        now: Mono,
        at_us: i64,
    ) -> Option<AuditRecord> {
        let budget = match incident {
            Incident::KeyFailed { .. } => &self.failed,
            Incident::LockedOut { .. } => &self.locked_out,
            Incident::PermissionRefused { .. } => &self.refused,
        };
        let left_out = budget
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(now)?;
        let (event, actor, subject) = match incident {
            Incident::KeyFailed {
                failures: Some(failures),
            } => ("key_failed", None, format!("failure {failures}")),
            Incident::KeyFailed { failures: None } => {
                ("key_failed", None, "not counted".to_owned())
            }
            Incident::LockedOut { failures } => {
                ("lockout", None, format!("after {failures} failures"))
            }
            Incident::PermissionRefused { key, lacks } => (
                "permission_refused",
                Some(key.as_ref().to_owned()),
                format!("lacks {lacks}"),
            ),
        };
        tracing::warn!(target: TARGET, event, %client, actor, subject, left_out);
        Some(AuditRecord {
            at_us,
            event: event.to_owned(),
            client: Some(client.to_string()),
            actor,
            subject,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::permission::Permission;
    use super::*;

    #[test]
    fn a_flood_of_one_kind_does_not_silence_another() {
        let incidents = Incidents::default();
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let failed = Incident::KeyFailed { failures: Some(1) };
        let written = (0..1000)
            .filter(|_| incidents.record(&failed, client, Mono::ZERO, 0).is_some())
            .count();
        assert!(written < 100, "{written}");
        let refused = Incident::PermissionRefused {
            key: "Tablet".into(),
            lacks: Permission::Admin,
        };
        let record = incidents
            .record(&refused, client, Mono::ZERO, 5)
            .expect("written");
        let expected = AuditRecord {
            at_us: 5,
            event: "permission_refused".to_owned(),
            client: Some("127.0.0.1".to_owned()),
            actor: Some("Tablet".to_owned()),
            subject: "lacks admin".to_owned(),
        };
        assert_eq!(record, expected);
    }
}
