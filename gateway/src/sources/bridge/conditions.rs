//! What the alerts about a bridge say.
//!
//! Pure: texts from what is known. When one is raised or ends is decided in `link`.

use std::sync::Arc;

use alerting::{
    AlertType, BRIDGE_SENSOR_LOST as SENSOR_LOST, BRIDGE_STOP_UNKNOWN, Condition, Level,
};
use firmware_bridge::host::LostReason;
use firmware_bridge::message::ResetCause;

use crate::config::Bridge;

use super::sensor::SensorRecord;

/// Key of the condition that a bridge cannot be talked to.
pub(super) const LOST: &str = "bridge_lost";
/// Key of the condition that a board starts again and again.
pub(super) const RESTARTS: &str = "bridge_restarts";
/// Key of the condition that sensors of a board have no place.
pub(super) const LEFT_OUT: &str = "bridge_sensors_left_out";
/// Key of the condition that a button is pressed.
pub(super) use alerting::BRIDGE_BUTTON as BUTTON;

/// What is said about one bridge.
pub(super) struct Wording<'a> {
    pub(super) config: &'a Bridge,
    /// `bridge/<name>`.
    pub(super) subject: &'a Arc<str>,
    /// The port tried last.
    pub(super) port: Option<Arc<str>>,
}

impl Wording<'_> {
    /// The bridge and where it is: `bridge mast at 2e8a:000a (/dev/ttyACM1)`.
    fn bridge(&self) -> String {
        let (name, selector) = (&self.config.name, &self.config.selector);
        match self.port.as_deref().filter(|port| port != selector) {
            Some(port) => format!("bridge {name} at {selector} ({port})"),
            None => format!("bridge {name} at {selector}"),
        }
    }

    pub(super) fn stop_unknown(&self) -> Condition {
        Condition {
            key: BRIDGE_STOP_UNKNOWN,
            subject: self.subject.clone(),
            level: Level::Error,
            alert_type: AlertType::System,
            title: "Emergency Stop Unknown",
            message: format!(
                "{}: the board was asked, and does not say whether its emergency stop is engaged",
                self.bridge()
            ),
            details: Some(
                "It may be engaged. Check the line and the firmware; it ends when the board says how it is."
                    .to_owned(),
            ),
        }
    }

    pub(super) fn restarts(&self, cause: ResetCause) -> Condition {
        let by = match cause {
            ResetCause::PowerOn => "its power came back; check the cable and the supply",
            ResetCause::Watchdog => "its watchdog bit; the firmware hangs",
            ResetCause::Requested => "somebody or something asked it to",
            ResetCause::Unknown => "it cannot tell why",
        };
        Condition {
            key: RESTARTS,
            subject: self.subject.clone(),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "Bridge Restarts",
            message: format!(
                "{}: the board starts again and again; the last time {by}",
                self.bridge()
            ),
            details: Some("Its sensors have gaps, and its lamp goes out each time.".to_owned()),
        }
    }

    pub(super) fn link_lost(&self, reason: Option<&LostReason>) -> Condition {
        let why = reason.map_or_else(
            || "nothing was heard of it yet".to_owned(),
            ToString::to_string,
        );
        Condition {
            key: LOST,
            subject: self.subject.clone(),
            level: Level::Error,
            alert_type: AlertType::System,
            title: "Bridge Lost",
            message: format!("{}: {why}", self.bridge()),
            details: Some(
                "Its sensors, its emergency stop and its lamp are without the gateway. It is tried again by itself."
                    .to_owned(),
            ),
        }
    }

    pub(super) fn sensor_lost(&self, slot: &SensorRecord, now_ms: u64) -> Condition {
        let what = &slot.what;
        let why = slot.why(now_ms);
        Condition {
            key: SENSOR_LOST,
            subject: what.source_name.clone(),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "Bridge Sensor Lost",
            message: format!(
                "{} of {} is no longer known: {why}",
                what.name,
                self.bridge()
            ),
            details: Some(format!(
                "Rules on {} of {} cannot fire until it is.",
                what.metric, what.source_name
            )),
        }
    }

    pub(super) fn left_out(&self, names: &[&str]) -> Condition {
        Condition {
            key: LEFT_OUT,
            subject: self.subject.clone(),
            level: Level::Error,
            alert_type: AlertType::System,
            title: "Bridge Sensors Left Out",
            message: format!(
                "bridge {} has no place for {}: no rule judges them",
                self.config.name,
                names.join(", ")
            ),
            details: Some(
                "The places are held by sensors that vanished with an alert nobody has acknowledged. Acknowledge those alerts."
                    .to_owned(),
            ),
        }
    }

    pub(super) fn button_pressed(&self, index: usize) -> Condition {
        Condition {
            key: BUTTON,
            subject: self.button_subject(index),
            level: Level::Info,
            alert_type: AlertType::System,
            title: "Button Pressed",
            message: format!("button {index} of bridge {} is pressed", self.config.name),
            details: None,
        }
    }

    pub(super) fn button_subject(&self, index: usize) -> Arc<str> {
        format!("{}/button{index}", self.subject).into()
    }
}
