//! Alerts and rules to and from their stored form, and the store as their journal.
//!
//! A condition's record holds its title as the rule and its key as the origin,
//! so that it can be recognised after a restart without a field of its own.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::actions::ActionFile;
use super::rule_record::{rule_record, rule_text};
use super::sensors::SensorFile;
use alerting::{
    Alert, AlertChange, AlertType, Change, Journal, JournalError, Kept, Level, Measured, Rule,
    StoredRule, alert_id, parse_id,
};
use readings::Metric;
use store::{AlertRecord, OutboxEvent, RuleRecord, StorageError, Store};

/// The store, as the alert service's journal; what rules do, and which sensors alerts are
/// of, lies in files beside it.
pub struct StoreJournal {
    store: Store,
    actions: ActionFile,
    sensors: SensorFile,
}

impl StoreJournal {
    /// The journal in `store`, whose state directory is `dir`.
    #[must_use]
    pub fn new(store: Store, dir: &Path) -> StoreJournal {
        StoreJournal {
            store,
            actions: ActionFile::open(dir),
            sensors: SensorFile::open(dir),
        }
    }

    /// The journal in `store`, without files: what rules of the API do is forgotten at
    /// the end.
    #[must_use]
    pub fn of(store: Store) -> StoreJournal {
        StoreJournal {
            store,
            actions: ActionFile::default(),
            sensors: SensorFile::default(),
        }
    }
}

impl Journal for StoreJournal {
    fn kept(&self) -> Kept {
        let records = self.store.alerts();
        let mut kept = Kept {
            highest_seq: records.iter().map(|record| record.seq).max().unwrap_or(0),
            alerts: records
                .into_iter()
                .filter_map(|record| self.alert(record))
                .collect(),
            epoch: self.store.epoch(),
            ..Kept::default()
        };
        self.sensors.forget_others(&kept.alerts);
        for record in self.store.rules() {
            let name = record.name.clone();
            match stored_rule(record, &self.actions) {
                Some(rule) => kept.rules.push(rule),
                None => kept.rules_ignored.push(name),
            }
        }
        kept
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        let saved = self.actions.save(&changes).await;
        saved.map_err(|error| JournalError::Unavailable(error.to_string().into()))?;
        // The alert itself comes first: what it is of can be read in its words.
        if let Err(error) = self.sensors.save(&changes).await {
            tracing::warn!(%error, "sensors of alerts not saved; tried again with the next alert");
        }
        let changes = changes.into_iter().map(stored_form).collect();
        self.store.commit(changes).await.map_err(refused)
    }

    fn defer(&self, changes: Vec<Change>) {
        self.store
            .defer(changes.into_iter().map(stored_form).collect());
    }
}

impl StoreJournal {
    fn alert(&self, record: AlertRecord) -> Option<Alert> {
        let mut alert = alert(record)?;
        self.sensors.complete(&mut alert);
        Some(alert)
    }
}

fn refused(error: StorageError) -> JournalError {
    match error {
        StorageError::Unavailable(reason) => JournalError::Unavailable(reason),
        StorageError::Busy => JournalError::Busy,
        StorageError::Stopping => JournalError::Stopping,
    }
}

fn stored_form(change: Change) -> store::Change {
    match change {
        Change::PutAlert(alert, event) => {
            store::Change::PutAlert(alert_record(&alert), event.map(outbox_event))
        }
        Change::DeleteAlert(seq) => store::Change::DeleteAlert(seq),
        Change::PutRule(stored) => {
            store::Change::PutRule(rule_record(&stored.rule, stored.deleted))
        }
        Change::DeleteRule(name) => store::Change::DeleteRule(name),
    }
}

fn outbox_event(event: AlertChange) -> OutboxEvent {
    match event {
        AlertChange::Raised => OutboxEvent::Raised,
        AlertChange::Acknowledged => OutboxEvent::Acknowledged,
        AlertChange::Cleared => OutboxEvent::Cleared,
        AlertChange::Resolved => OutboxEvent::Resolved,
    }
}

/// The rule of a record; none if it is not understood.
fn stored_rule(record: RuleRecord, actions: &ActionFile) -> Option<StoredRule> {
    let deleted = record.deleted;
    let rule = Rule::parse(&actions.complete(rule_text(record))).ok()?;
    Some(StoredRule { rule, deleted })
}

/// The stored form of an alert.
fn alert_record(alert: &Alert) -> AlertRecord {
    let stamped = |(at, by): &(Timestamp, Arc<str>)| (at.as_microsecond(), by.to_string());
    AlertRecord {
        seq: alert.seq,
        epoch: parse_id(&alert.id).map_or(0, |(epoch, _)| epoch),
        rule: alert.title.to_string(),
        subject: alert.subject.to_string(),
        level: alert.level.name().to_owned(),
        alert_type: alert.alert_type.name().to_owned(),
        message: alert.message.clone(),
        details: alert.details.clone(),
        origin: alert.origin.to_string(),
        metric: alert
            .measured
            .map(|measured| measured.metric.name().to_owned()),
        value: alert.measured.map(|measured| measured.value),
        threshold: alert.measured.map(|measured| measured.threshold),
        created_us: alert.created.as_microsecond(),
        cleared_us: alert.cleared.map(Timestamp::as_microsecond),
        acknowledged: alert.acknowledged.as_ref().map(stamped),
        resolved: alert.resolved.as_ref().map(stamped),
    }
}

/// The alert of a record; none if it was written by something that knows
/// levels, metrics or times this version does not.
pub(crate) fn alert(record: AlertRecord) -> Option<Alert> {
    let stamp = |us: i64| Timestamp::from_microsecond(us).ok();
    // An act with an unreadable time was still an act: it keeps the alert's time.
    let created = stamp(record.created_us)?;
    let stamped = |(us, by): (i64, String)| (stamp(us).unwrap_or(created), by.into());
    let measured = match (record.metric, record.value, record.threshold) {
        (Some(metric), Some(value), Some(threshold)) => Some(Measured {
            metric: Metric::from_name(&metric)?,
            value,
            threshold,
        }),
        _ => None,
    };
    Some(Alert {
        seq: record.seq,
        id: alert_id(record.epoch, record.seq),
        level: Level::from_name(&record.level)?,
        alert_type: AlertType::from_name(&record.alert_type)?,
        title: record.rule.into(),
        message: record.message,
        details: record.details,
        origin: record.origin.into(),
        subject: record.subject.into(),
        measured,
        // In a file of their own.
        sensors: Vec::new(),
        created,
        cleared: record.cleared_us.map(|us| stamp(us).unwrap_or(created)),
        acknowledged: record.acknowledged.map(stamped),
        resolved: record.resolved.map(stamped),
        durable: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn records_lead_back() {
        let stamp = |s| Timestamp::from_second(s).expect("in range");
        let alert = Alert {
            seq: 7,
            id: alert_id(0xdead_beef, 7),
            level: Level::Critical,
            alert_type: AlertType::Drone,
            title: "Low Battery".into(),
            message: "m".into(),
            details: Some("d".into()),
            origin: "system_monitor".into(),
            subject: "drone_001".into(),
            measured: Some(Measured {
                metric: Metric::BatteryLevel,
                value: 9.0,
                threshold: 10.0,
            }),
            sensors: Vec::new(),
            created: stamp(100),
            cleared: Some(stamp(200)),
            acknowledged: Some((stamp(150), "Admin Key".into())),
            resolved: Some((stamp(200), "auto".into())),
            durable: true,
        };
        assert_eq!(super::alert(alert_record(&alert)), Some(alert.clone()));
        let mut unknown = alert_record(&alert);
        unknown.level = "fatal".into();
        assert_eq!(super::alert(unknown), None);
        let mut rules: Vec<Arc<Rule>> = alerting::effective_rules(&config::Alerts::default(), &[])
            .expect("the defaults are valid")
            .into_iter()
            .map(|view| view.rule)
            .collect();
        // Nothing as it would be where nothing is said.
        let unusual = config::Rule {
            alert_type: Some("security".to_owned()),
            enabled: false,
            cooldown_minutes: 7,
            for_s: 11,
            hysteresis: 2.5,
            source: Some("drone_001".to_owned()),
            auto_resolve: Some(false),
            ..config::Rule::new("Unusual", Metric::BatteryLevel, "<=", 20.5, "info")
        };
        rules.push(Arc::new(Rule::parse(&unusual).expect("valid")));
        for (rule, deleted) in rules.iter().flat_map(|rule| [(rule, false), (rule, true)]) {
            let stored = StoredRule {
                rule: Rule::clone(rule),
                deleted,
            };
            let none = ActionFile::default();
            assert_eq!(stored_rule(rule_record(rule, deleted), &none), Some(stored));
        }
        let mut unknown = rule_record(&rules[0], false);
        unknown.metric = "phase_of_the_moon".to_owned();
        assert_eq!(stored_rule(unknown, &ActionFile::default()), None);
    }
}
