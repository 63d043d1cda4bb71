//! What records of each kind say, as JSON: made here, read by exports and by people.

use std::sync::Arc;

use alerting::{Alert, AlertEvent, Rule, RuleText};
use jiff::Timestamp;
use readings::command::BootId;
use readings::event::EventLog;
use recording::Opening;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::{Config, Drones};
use crate::sources::vehicles::{DroneView, LinkState};

/// What happened to an alert, and how it is now.
#[derive(Serialize)]
struct AlertRecord<'a> {
    event: &'static str,
    id: &'a str,
    title: &'a str,
    level: &'static str,
    #[serde(rename = "type")]
    alert_type: &'static str,
    subject: &'a str,
    origin: &'a str,
    message: &'a str,
    metric: Option<&'static str>,
    value: Option<f64>,
    threshold: Option<f64>,
    created: Timestamp,
    cleared: Option<Timestamp>,
    acknowledged_by: Option<&'a str>,
    resolved_by: Option<&'a str>,
}

/// The opening of a recording that begins at `started`; its key is the library's to fill in.
pub(super) fn opening(
    events: &EventLog,
    id: String,
    drone_id: &str,
    started: Timestamp,
) -> Opening {
    Opening {
        id,
        drone_id: drone_id.to_owned(),
        drone_name: String::new(),
        simulated: false,
        gateway: events.gateway().to_string(),
        boot: boot(events.boot()),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        clock_synchronised: events.is_clock_synchronised(),
        public_key: String::new(),
    }
}

/// An alert, as JSON.
pub(super) fn alert(event: &AlertEvent) -> Vec<u8> {
    let (event, alert): (_, &Alert) = match event {
        AlertEvent::Raised(alert) => ("raised", alert),
        AlertEvent::Changed(alert, _) => ("changed", alert),
    };
    let measured = alert.measured;
    bytes(&AlertRecord {
        event,
        id: &alert.id,
        title: &alert.title,
        level: alert.level.name(),
        alert_type: alert.alert_type.name(),
        subject: &alert.subject,
        origin: &alert.origin,
        message: &alert.message,
        metric: measured.map(|measured| measured.metric.name()),
        value: measured.map(|measured| measured.value),
        threshold: measured.map(|measured| measured.threshold),
        created: alert.created,
        cleared: alert.cleared,
        acknowledged_by: alert.acknowledged.as_ref().map(|(_, by)| &**by),
        resolved_by: alert.resolved.as_ref().map(|(_, by)| &**by),
    })
}

/// The state of a link, as JSON.
pub(super) fn link(view: &DroneView) -> Vec<u8> {
    let state = match view.link {
        LinkState::Disconnected => "disconnected",
        LinkState::Connecting => "connecting",
        LinkState::Connected => "connected",
        LinkState::Lost => "lost",
    };
    bytes(&json!({"state": state, "reason": view.reason}))
}

/// That `lost` records are missing here, as JSON.
pub(super) fn gap(lost: u64, why: &str) -> Vec<u8> {
    bytes(&json!({"lost": lost, "why": why}))
}

/// What judges the flight of a drone, as JSON: rules, the drones' settings, the program.
pub(super) fn judging(rules: &Value, config: &Config, drone: &str) -> Vec<u8> {
    bytes(&json!({
        "program": env!("CARGO_PKG_VERSION"),
        "rules": rules,
        "auto_resolve": config.alerts.auto_resolve,
        "drones": settings(config, drone),
    }))
}

fn settings(config: &Config, drone: &str) -> Drones {
    let mut settings = config.drones.clone();
    settings.drone.retain(|other| other.id == drone);
    settings
}

/// The same at the beginning, with what fired about the drone before `started`: whether it
/// stands, and when the cool-down began. Of each rule the last one.
pub(super) fn judging_first(
    (rules, config): (&Value, &Config),
    drone: &str,
    alerts: &[Arc<Alert>],
    started: Timestamp,
) -> Vec<u8> {
    let mut before: Vec<Value> = Vec::new();
    let about = alerts
        .iter()
        .filter(|alert| *alert.subject == *drone && alert.created < started);
    for alert in about {
        let Some(measured) = alert.measured else {
            continue;
        };
        // (They come newest first.)
        if !before.iter().any(|other| other["rule"] == *alert.title) {
            before.push(json!({
                "rule": *alert.title,
                "value": measured.value,
                "created": alert.created,
                "stands": alert.is_open(),
            }));
        }
    }
    bytes(&json!({
        "program": env!("CARGO_PKG_VERSION"),
        "rules": rules,
        "auto_resolve": config.alerts.auto_resolve,
        "drones": settings(config, drone),
        "fired_before": before,
    }))
}

/// The rules in effect.
pub(super) fn rules<'a>(rules: impl Iterator<Item = &'a Rule>) -> Value {
    rules
        .map(|rule| {
            json!(RuleText {
                name: rule.name.to_string(),
                metric: rule.metric.name().to_owned(),
                operator: rule.operator.symbol().to_owned(),
                threshold: rule.threshold,
                level: rule.level.name().to_owned(),
                alert_type: Some(rule.alert_type.name().to_owned()),
                enabled: rule.enabled,
                cooldown_minutes: rule.cooldown_minutes(),
                for_s: rule.for_s(),
                hysteresis: rule.hysteresis,
                source: rule.source.as_deref().map(str::to_owned),
                auto_resolve: rule.auto_resolve,
                action: rule.action.as_ref().map(|own| own.what.name().to_owned()),
                drones: rule
                    .action
                    .iter()
                    .flat_map(|own| own.drones.iter())
                    .map(|id| id.to_string())
                    .collect(),
            })
        })
        .collect()
}

/// Id of a recording of `drone` that begins at `started`.
pub(super) fn id(drone: &str, started: Timestamp) -> String {
    format!("{}-{drone}", started.strftime("%Y%m%dT%H%M%SZ"))
}

/// The run of the gateway, as openings have it.
fn boot(boot: BootId) -> String {
    boot.to_string()
}

/// As JSON. Our own types have string keys and write to memory: that cannot fail.
pub(super) fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
