//! What Home Assistant is told so that it finds gateway and drones by itself. Pure.
//!
//! A device each, by its discovery of whole devices: sensors, binary sensors, and where
//! commands are on a button for land and one for stop. A drone has no other button: what
//! begins a flight is not pressed in a living room.
//! <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>

use serde_json::{Value, json};

use super::values::{said, topic_of};
use crate::broker::{Class, Message};
use crate::sources::vehicles::DroneView;

/// Where Home Assistant looks unless somebody tells it otherwise.
const PREFIX: &str = "homeassistant/device";

const KEPT: Class = Class {
    acknowledged: true,
    retained: true,
    expires_s: None,
};

/// The gateway as a device.
pub(super) fn gateway(base: &str, name: &str, page: Option<&str>) -> Message {
    let id = id(base, None);
    let state = format!("{base}/board/state");
    let alerts = format!("{base}/alerts");
    let sensor = |key: &str, name: &str, class: Option<&str>, unit: &str| {
        (
            key.to_owned(),
            json!({
                "p": "sensor",
                "unique_id": format!("{id}_{key}"),
                "name": name,
                "device_class": class,
                "unit_of_measurement": unit,
                "state_class": "measurement",
                "state_topic": state,
                "value_template": format!("{{{{ value_json.{key} | default(none) }}}}"),
            }),
        )
    };
    let mut components: serde_json::Map<String, Value> = [
        sensor("temperature", "Temperature", Some("temperature"), "°C"),
        sensor("cpu_usage", "CPU", None, "%"),
        sensor("memory_usage", "Memory", None, "%"),
        sensor("disk_usage", "Disk", None, "%"),
    ]
    .into_iter()
    .collect();
    components.insert(
        "alerts".to_owned(),
        json!({
            "p": "sensor",
            "unique_id": format!("{id}_alerts"),
            "name": "Alerts",
            "state_topic": alerts,
            "value_template": "{{ value_json.standing }}",
            "json_attributes_topic": alerts,
        }),
    );
    components.insert(
        "problem".to_owned(),
        json!({
            "p": "binary_sensor",
            "unique_id": format!("{id}_problem"),
            "name": "Problem",
            "device_class": "problem",
            "state_topic": alerts,
            "value_template": "{{ 'ON' if value_json.standing > 0 else 'OFF' }}",
        }),
    );
    let device = json!({
        "ids": [id],
        "name": name,
        "mdl": "MFG drone gateway",
        "sw": env!("CARGO_PKG_VERSION"),
        "cu": page,
    });
    found(base, &id, device, components)
}

/// A drone as a device, by way of the gateway.
pub(super) fn drone(base: &str, drone: &DroneView, has_buttons: bool) -> Message {
    let id = id(base, Some(&drone.id));
    let topic = topic_of(base, drone);
    let state = format!("{topic}/state");
    let sensor = |key: &str, name: &str, class: Option<&str>, unit: &str| {
        (
            key.to_owned(),
            json!({
                "p": "sensor",
                "unique_id": format!("{id}_{key}"),
                "name": name,
                "device_class": class,
                "unit_of_measurement": unit,
                "state_class": "measurement",
                "state_topic": state,
                "value_template": format!("{{{{ value_json.{key} | default(none) }}}}"),
            }),
        )
    };
    let yes_or_no = |key: &str, name: &str, class: &str| {
        (
            key.to_owned(),
            json!({
                "p": "binary_sensor",
                "unique_id": format!("{id}_{key}"),
                "name": name,
                "device_class": class,
                "state_topic": state,
                "value_template": format!("{{{{ 'ON' if value_json.{key} else 'OFF' }}}}"),
            }),
        )
    };
    let mut components: serde_json::Map<String, Value> = [
        sensor("battery_pct", "Battery", Some("battery"), "%"),
        sensor("temperature_c", "Temperature", Some("temperature"), "°C"),
        sensor("height_cm", "Height", Some("distance"), "cm"),
        yes_or_no("connected", "Connected", "connectivity"),
        yes_or_no("may_fly", "In the air", "moving"),
    ]
    .into_iter()
    .collect();
    let of_drone = format!("value_json.subjects.get('{}', 0)", drone.id);
    components.insert(
        "problem".to_owned(),
        json!({
            "p": "binary_sensor",
            "unique_id": format!("{id}_problem"),
            "name": "Alert",
            "device_class": "problem",
            "state_topic": format!("{base}/alerts"),
            "value_template": format!("{{{{ 'ON' if {of_drone} > 0 else 'OFF' }}}}"),
        }),
    );
    for (command, name) in [("land", "Land"), ("stop", "Stop")] {
        // Without buttons their places are named empty: that removes what was there before.
        let button = match has_buttons {
            false => json!({ "p": "button" }),
            true => json!({
                "p": "button",
                "unique_id": format!("{id}_{command}"),
                "name": name,
                "command_topic": format!("{topic}/command"),
                // An id and a moment: a message that was under way for long moves nothing.
                "command_template": format!(
                    "{{\"command\":\"{command}\",\"id\":\"{{{{ now().timestamp() }}}}-{command}\",\"at\":{{{{ now().timestamp() }}}}}}"
                ),
                "retain": false,
                "qos": 0,
            }),
        };
        components.insert(command.to_owned(), button);
    }
    let name = match drone.simulated {
        true => format!("{} (simulated)", drone.name),
        false => drone.name.to_string(),
    };
    let device = json!({
        "ids": [id],
        "name": name,
        "mf": "Ryze",
        "mdl": "Tello",
        "via_device": self::id(base, None),
    });
    found(base, &id, device, components)
}

fn found(
    base: &str,
    id: &str,
    device: Value,
    components: serde_json::Map<String, Value>,
) -> Message {
    let mut whole = json!({
        "dev": device,
        "o": {
            "name": "mfg-drone-gateway",
            "sw": env!("CARGO_PKG_VERSION"),
        },
        "cmps": components,
        "availability_topic": format!("{base}/availability"),
    });
    leave_out_nulls(&mut whole);
    said(format!("{PREFIX}/{id}/config"), &whole, KEPT)
}

/// Home Assistant takes null for a value, and refuses a whole device for one member that
/// may not have it: the address of the page, where nobody configured one.
fn leave_out_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(leave_out_nulls);
    }
}

/// An id that no other gateway's device has, of the characters that Home Assistant takes.
fn id(base: &str, drone: Option<&str>) -> String {
    let whole = match drone {
        Some(drone) => format!("{base}_{drone}"),
        None => base.to_owned(),
    };
    whole
        .chars()
        .map(|one| {
            if one.is_ascii_alphanumeric() || one == '_' {
                one
            } else {
                '_'
            }
        })
        .collect()
}
