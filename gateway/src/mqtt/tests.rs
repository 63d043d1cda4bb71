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
