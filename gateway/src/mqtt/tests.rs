//! Topics and payloads, letter by letter.

use super::*;
use crate::broker::Message;
use crate::sources::vehicles::{DroneView, LinkState};
use readings::Metric;
use serde_json::{Value, json};

fn drone() -> DroneView {
    DroneView {
        name: "North hall".into(),
        battery_pct: Some(64),
        fresh: true,
        ..DroneView::unheard("drone_001", LinkState::Connected)
    }
}

fn payload(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).expect("JSON")
}

#[test]
fn a_drone_is_told_as_it_is_and_what_is_unknown_is_absent() {
    let message = values::drone("mfg-drone/roof", &drone(), 10);
    assert_eq!(message.topic, "mfg-drone/roof/drones/drone_001/state");
    assert!(message.class.retained && !message.class.acknowledged);
    assert_eq!(message.class.expires_s, Some(30));
    let state = payload(&message);
    assert_eq!(
        (&state["battery_pct"], &state["link"]),
        (&json!(64), &json!("connected"))
    );
    assert!(state.get("height_cm").is_none(), "{state}");
    let silent = DroneView {
        fresh: false,
        link: LinkState::Lost,
        ..drone()
    };
    let state = payload(&values::drone("b", &silent, 10));
    assert!(
        state.get("battery_pct").is_none(),
        "an old value is no value: {state}"
    );
    let board = values::board("b", &[(Metric::CpuUsage, 12.5)], 10);
    assert_eq!(payload(&board), json!({ "cpu_usage": 12.5 }));
}

#[test]
fn home_assistant_gets_a_device_with_buttons_only_where_they_are_switched_on() {
    let with = payload(&home_assistant::drone("mfg-drone/roof", &drone(), true));
    let topic = "mfg-drone/roof/drones/drone_001";
    let land = &with["cmps"]["land"];
    assert_eq!(land["command_topic"], format!("{topic}/command"));
    assert_eq!((&land["retain"], &land["qos"]), (&json!(false), &json!(0)));
    let buttons = with["cmps"].as_object().expect("components").values();
    assert_eq!(buttons.filter(|one| one["p"] == "button").count(), 2);
    let without = payload(&home_assistant::drone("mfg-drone/roof", &drone(), false));
    // An empty place: that is how Home Assistant forgets one that was there.
    assert_eq!(without["cmps"]["land"], json!({ "p": "button" }));
    assert_eq!(with["dev"]["via_device"], "mfg_drone_roof");
    // Every component but an empty one has what Home Assistant asks of its kind.
    let gateway = home_assistant::gateway("mfg-drone/roof", "Roof", None);
    assert_eq!(gateway.topic, "homeassistant/device/mfg_drone_roof/config");
    for (key, one) in payload(&gateway)["cmps"].as_object().expect("components") {
        for member in ["p", "unique_id", "state_topic", "value_template"] {
            assert!(one.get(member).is_some(), "{key}: {member}");
        }
    }
}

/// Members that Home Assistant's documents allow: of a device, and of the kinds of
/// component that the gateway has, each with those it must have.
/// <https://www.home-assistant.io/integrations/mqtt/#discovery-payload>,
/// `/integrations/sensor.mqtt/`, `/integrations/binary_sensor.mqtt/`, `/integrations/button.mqtt/`.
const DEVICE: [&str; 11] = [
    "ids",
    "cns",
    "name",
    "mf",
    "mdl",
    "mdl_id",
    "sw",
    "hw",
    "sn",
    "cu",
    "via_device",
];
const ANY: [&str; 10] = [
    "p",
    "unique_id",
    "name",
    "device_class",
    "icon",
    "entity_category",
    "enabled_by_default",
    "qos",
    "json_attributes_topic",
    "json_attributes_template",
];
const KINDS: [(&str, &[&str], &[&str]); 3] = [
    (
        "sensor",
        &["state_topic"],
        &[
            "value_template",
            "unit_of_measurement",
            "state_class",
            "expire_after",
            "force_update",
            "suggested_display_precision",
        ],
    ),
    (
        "binary_sensor",
        &["state_topic"],
        &[
            "value_template",
            "payload_on",
            "payload_off",
            "expire_after",
            "off_delay",
        ],
    ),
    (
        "button",
        &["command_topic"],
        &["command_template", "payload_press", "retain"],
    ),
];
/// Units that a class of device goes with: another one makes Home Assistant complain.
const UNITS: [(&str, &[&str]); 3] = [
    ("battery", &["%"]),
    ("temperature", &["°C", "°F", "K"]),
    ("distance", &["mm", "cm", "m", "km"]),
];
const CLASSES_OF_YES_OR_NO: [&str; 3] = ["problem", "connectivity", "moving"];

#[test]
fn home_assistant_is_told_nothing_that_its_documents_do_not_have() {
    let page = Some("https://roof.example:8443");
    for message in [
        home_assistant::gateway("mfg-drone/roof", "Roof", None),
        home_assistant::gateway("mfg-drone/roof", "Roof", page),
        home_assistant::drone("mfg-drone/roof", &drone(), false),
        home_assistant::drone("mfg-drone/roof", &drone(), true),
    ] {
        let told = payload(&message);
        assert!(no_null(&told), "null is refused as a value: {told}");
        members(&told, &["dev", "o", "cmps", "availability_topic"], &[]);
        members(&told["dev"], &["ids", "name"], &DEVICE);
        members(&told["o"], &["name"], &["sw", "url"]);
        for (key, one) in told["cmps"].as_object().expect("components") {
            let kind = one["p"].as_str().expect("a kind");
            let (_, must, may) = KINDS
                .iter()
                .find(|(name, ..)| *name == kind)
                .expect("known");
            // A place that is emptied has its kind and nothing else.
            if one.as_object().is_some_and(|members| members.len() == 1) {
                continue;
            }
            let may = [&ANY, *may].concat();
            members(one, &[*must, &["unique_id", "name"]].concat(), &may);
            let (class, unit) = (&one["device_class"], &one["unit_of_measurement"]);
            match (kind, class.as_str()) {
                ("sensor", Some(class)) => {
                    let units = UNITS.iter().find(|(name, _)| *name == class);
                    let (_, units) = units.unwrap_or_else(|| panic!("{key}: {class}"));
                    assert!(
                        units.contains(&unit.as_str().expect("a unit")),
                        "{key}: {unit}"
                    );
                }
                ("binary_sensor", Some(class)) => {
                    assert!(CLASSES_OF_YES_OR_NO.contains(&class), "{key}: {class}");
                }
                _ => {}
            }
        }
    }
}

/// Fails unless `value` has all of `must`, and nothing beyond these and `may`.
fn members(value: &Value, must: &[&str], may: &[&str]) {
    let there = value.as_object().expect("an object");
    for name in must {
        assert!(there.contains_key(*name), "{name} is missing: {value}");
    }
    for name in there.keys() {
        let known = must.iter().chain(may).any(|known| known == name);
        assert!(known, "{name} is not in the documents: {value}");
    }
}

fn no_null(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(members) => members.values().all(no_null),
        Value::Array(items) => items.iter().all(no_null),
        _ => true,
    }
}
