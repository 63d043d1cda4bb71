//! A notification as the store hands it out, for the tests of this room.

use store::{AlertRecord, OutboxEvent, OutboxRecord};

pub(super) fn alert() -> AlertRecord {
    AlertRecord {
        seq: 9,
        epoch: 0xDEAD_BEEF,
        rule: "low_battery".to_owned(),
        subject: "drone_001".to_owned(),
        level: "critical".to_owned(),
        alert_type: "drone".to_owned(),
        message: "battery_level is 9.0 (threshold: < 10.0)".to_owned(),
        details: Some("land now".to_owned()),
        origin: "system_monitor".to_owned(),
        metric: Some("battery_level".to_owned()),
        value: Some(9.0),
        threshold: Some(10.0),
        created_us: 1_738_314_902_123_456,
        cleared_us: None,
        acknowledged: Some((1_738_314_905_000_000, "admin".to_owned())),
        resolved: None,
    }
}

pub(super) fn outbox() -> OutboxRecord {
    OutboxRecord {
        event: OutboxEvent::Acknowledged,
        alert: alert(),
    }
}
