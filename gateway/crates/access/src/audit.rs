//! Security events: one line in the log under the target `security`, one
//! record in the audit trail. Keys appear by name and preview only.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::budget::{Budgets, COMMANDS, LINES};
use super::client::ClientAddress;
use super::gate::Incident;
use super::records::{AuditRecord, Change, KeyRecord};
use super::secret::preview;
use readings::clock::Mono;

/// Target of every security event, for the log that keeps them.
const TARGET: &str = "security";

/// Event of a record that says what somebody commanded a drone.
pub const DRONE_COMMAND: &str = "drone_command";

/// The record of a key made. Log it with [`log`] once it is durable.
pub(super) fn key_created(key: &KeyRecord, by: &str, at_us: i64) -> AuditRecord {
    about_key("key_created", key, by, at_us)
}

/// The record of a key revoked. Log it with [`log`] once it is durable.
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

/// The record of keys whose terms begin when the clock was first set.
pub(super) fn terms_anchored(keys: usize, by_us: i64, at_us: i64) -> AuditRecord {
    AuditRecord {
        at_us,
        event: "terms_anchored".to_owned(),
        client: None,
        actor: Some("gateway".to_owned()),
        subject: format!(
            "{keys} keys, {} s later: the clock was set",
            by_us / 1_000_000
        ),
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
pub(super) fn log(record: &AuditRecord) {
    let AuditRecord {
        event,
        actor,
        subject,
        ..
    } = record;
    tracing::info!(target: TARGET, event, actor, subject);
}

/// Logs every audit record among `changes`, which are durable now.
pub(super) fn log_all(changes: &[Change]) {
    for change in changes {
        if let Change::Audit(record) = change {
            log(record);
        }
    }
}

/// Writer of what clients cause; one budget a principal and kind, so that a flood of one
/// silences nothing else.
#[derive(Debug, Default)]
pub(super) struct Incidents {
    /// By address: anybody can have many.
    strangers: Mutex<Budgets>,
    /// By key.
    holders: Mutex<Budgets>,
}

/// Kinds of lines with budgets of their own.
#[derive(Clone, Copy, Hash)]
enum Kind {
    Failed,
    LockedOut,
    Refused,
    Command,
    /// Of commands, what the audit trail keeps: less than the log, which is larger.
    CommandKept,
    Browser,
    Recording,
}

impl Incidents {
    /// Logs that a drone was commanded; its audit record. Each within its budget.
    pub(super) fn flown(
        &self,
        actor: &str,
        client: IpAddr,
        subject: &str,
        now: Mono,
        at_us: i64,
    ) -> Option<AuditRecord> {
        let event = DRONE_COMMAND;
        let left_out = self.of_holder(Kind::Command, actor, COMMANDS, now)?;
        tracing::info!(target: TARGET, event, %client, actor, subject, left_out);
        self.of_holder(Kind::CommandKept, actor, LINES, now)?;
        Some(AuditRecord {
            at_us,
            event: event.to_owned(),
            client: Some(client.to_string()),
            actor: Some(actor.to_owned()),
            subject: subject.to_owned(),
        })
    }

    fn of_holder(&self, kind: Kind, name: &str, lines: u32, now: Mono) -> Option<u64> {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        holders.take((kind, name), lines, now)
    }

    fn of_stranger(&self, kind: Kind, address: ClientAddress, now: Mono) -> Option<u64> {
        let strangers = self.strangers.lock();
        let mut strangers = strangers.unwrap_or_else(PoisonError::into_inner);
        strangers.take((kind, address), LINES, now)
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
        self.of_kind(Kind::Browser, event, actor, client, subject, now, at_us)
    }

    /// Logs that somebody took a recording of a flight, pinned or removed it; its audit
    /// record, as above.
    pub(super) fn recording(
        &self,
        event: &str,
        actor: &str,
        client: IpAddr,
        subject: String,
        now: Mono,
        at_us: i64,
    ) -> Option<AuditRecord> {
        let client = Some(client.to_string());
        self.of_kind(Kind::Recording, event, actor, client, subject, now, at_us)
    }

    #[expect(clippy::too_many_arguments, reason = "the members of one record")]
    fn of_kind(
        &self,
        kind: Kind,
        event: &str,
        actor: &str,
        client: Option<String>,
        subject: String,
        now: Mono,
        at_us: i64,
    ) -> Option<AuditRecord> {
        let left_out = self.of_holder(kind, actor, LINES, now)?;
        tracing::info!(target: TARGET, event, client, actor, subject, left_out);
        Some(AuditRecord {
            at_us,
            event: event.to_owned(),
            client,
            actor: Some(actor.to_owned()),
            subject,
        })
    }

    /// Logs the incident; its audit record, unless the budget is used up. `counted_as` is
    /// what limits count `client` as.
    pub(super) fn record(
        &self,
        incident: &Incident,
        client: IpAddr,
        counted_as: ClientAddress,
        now: Mono,
        at_us: i64,
    ) -> Option<AuditRecord> {
        let left_out = match incident {
            Incident::KeyFailed { .. } => self.of_stranger(Kind::Failed, counted_as, now)?,
            Incident::LockedOut { .. } => self.of_stranger(Kind::LockedOut, counted_as, now)?,
            Incident::PermissionRefused { key, .. } => {
                self.of_holder(Kind::Refused, key, LINES, now)?
            }
        };
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
    fn commands_of_one_key_are_cut_in_the_log_as_well_and_another_s_are_not() {
        let (incidents, client) = (Incidents::default(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let flown = |actor, commands| {
            let each = 0..commands;
            each.filter(|_| {
                incidents
                    .flown(actor, client, "d1: up", Mono::ZERO, 0)
                    .is_some()
            })
            .count()
        };
        assert_eq!(flown("loop", 10_000), LINES as usize);
        assert_eq!(
            incidents.of_holder(Kind::Command, "loop", COMMANDS, Mono::ZERO),
            None
        );
        assert_eq!(flown("pilot", 3), 3);
    }

    #[test]
    fn a_flood_of_one_kind_does_not_silence_another() {
        let incidents = Incidents::default();
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let failed = Incident::KeyFailed { failures: Some(1) };
        let record = |incident, client, at_us| {
            incidents.record(
                incident,
                client,
                ClientAddress::of(client, &[]),
                Mono::ZERO,
                at_us,
            )
        };
        let flood = (0..1000).filter(|_| record(&failed, client, 0).is_some());
        let written = flood.count();
        assert!(written < 100, "{written}");
        let neighbour = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        assert!(record(&failed, neighbour, 0).is_some(), "nor another's");
        let refused = Incident::PermissionRefused {
            key: "Tablet".into(),
            lacks: Permission::Admin,
        };
        let record = record(&refused, client, 5).expect("written");
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
