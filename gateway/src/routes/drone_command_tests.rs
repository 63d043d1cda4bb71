//! What two clients ask in two units, and nonsense.

use serde_json::json;
use tello::catalog::COMMANDS;

use super::*;
use crate::routes::drone_command_params::{NAMES, OWN};

fn requested(body: Value) -> Option<Requested> {
    parse(body.as_object().expect("an object"))
        .map(|(_, requested)| requested)
        .ok()
}

fn up(direction: Direction, distance_cm: u16) -> Command {
    Command::Move {
        direction,
        distance_cm,
    }
}

#[test]
fn the_two_clients_count_in_their_units() {
    let metres =
        requested(json!({"command": "move", "params": {"direction": "backward", "distance": 1.5}}));
    assert_eq!(metres, Some(Requested::Fly(up(Direction::Back, 150))));
    let centimetres =
        requested(json!({"type": "move", "parameters": {"direction": "up", "distance": 50}}));
    assert_eq!(centimetres, Some(Requested::Fly(up(Direction::Up, 50))));
    let other = requested(
        json!({"droneId": "d", "command": "rotate", "parameters": {"direction": "clockwise", "angle": 90}}),
    );
    assert_eq!(
        other,
        Some(Requested::Fly(Command::Rotate {
            clockwise: true,
            angle_deg: 90
        }))
    );
}

#[test]
fn every_name_that_the_document_lists_is_a_command() {
    let params = json!({
        "direction": "clockwise", "angle": 90, "distance": 1, "altitude": 1, "speed": 0.5, "text": "led 1 2 3", "what": "battery",
    });
    for name in OWN {
        let mut params = params.clone();
        if name == "move" {
            params["direction"] = "up".into();
        }
        let metres = json!({"command": name, "params": params});
        params["distance"] = 100.into();
        params["speed"] = 50.into();
        let centimetres = json!({"type": name, "parameters": params});
        assert!(
            requested(metres).is_some() || requested(centimetres).is_some(),
            "{name}"
        );
    }
    assert!(requested(json!({"command": "loop"})).is_none());
    assert!(NAMES.ends_with(&[COMMANDS.last().expect("some").word]));
}

#[test]
fn axes_win_and_turns_are_signed() {
    let body = json!({"command": "move", "params": {"x": -1, "y": 0, "z": 0.5, "direction": "up", "distance": 5}});
    assert_eq!(
        requested(body),
        Some(Requested::Moves(vec![
            up(Direction::Up, 50),
            up(Direction::Left, 100)
        ]))
    );
    let body = json!({"command": "rotate", "params": {"mode": "relative", "angle": 30, "rotationAngle": -30}});
    assert_eq!(
        requested(body),
        Some(Requested::Fly(Command::Rotate {
            clockwise: false,
            angle_deg: 30
        }))
    );
    let body = json!({"command": "rotate", "params": {"mode": "absolute", "absoluteHeading": 270}});
    assert_eq!(requested(body), Some(Requested::Aim(Aim::Heading(270))));
    let takeoff = |params: Value| requested(json!({"command": "takeoff", "params": params}));
    assert_eq!(
        takeoff(json!({"altitude": 1.5})),
        Some(Requested::TakeOff(150))
    );
    assert_eq!(takeoff(json!({})), Some(Requested::TakeOff(120)));
    assert_eq!(takeoff(json!({"altitude": 0.4})), None);
}

#[test]
fn commands_of_the_table_are_known_in_both_units() {
    for (body, text) in [
        (
            json!({"command": "go", "params": {"x": 1.5, "y": 0, "z": -0.5, "speed": 0.3}}),
            "go 150 0 -50 30",
        ),
        (
            json!({"type": "go", "parameters": {"x": 150, "y": 0, "z": -50, "speed": 30, "pad": 2}}),
            "go 150 0 -50 30 m2",
        ),
        (
            json!({"command": "flip", "params": {"direction": "left"}}),
            "flip l",
        ),
        (
            json!({"type": "set_speed", "parameters": {"speed": 50}}),
            "speed 50",
        ),
        (json!({"command": "mon"}), "mon"),
        (json!({"command": "stop"}), "stop"),
        (json!({"type": "stop"}), "stop"),
        (
            json!({"command": "setbitrate", "params": {"bitrate": 3}}),
            "setbitrate 3",
        ),
    ] {
        let Some(Requested::Fly(command)) = requested(body.clone()) else {
            panic!("{body} is refused");
        };
        assert_eq!(command.to_string(), text);
    }
}

#[test]
fn what_cannot_be_read_is_refused_and_never_left_out() {
    let go = |name: &str, value: Value| {
        let mut params = json!({"x": 100, "y": 0, "z": 50, "speed": 30});
        params[name] = value;
        requested(json!({"type": "go", "parameters": params}))
    };
    // Without its pad it would be another path: one that starts from where the drone is.
    for pad in [
        json!("three"),
        json!(true),
        json!(1.5),
        json!(1e12),
        json!([3]),
        json!(9),
    ] {
        assert_eq!(go("pad", pad.clone()), None, "pad {pad}");
    }
    for name in ["Pad", "mid", "wait"] {
        assert_eq!(go(name, json!(3)), None, "{name}");
    }
    assert!(go("pad", Value::Null).is_some(), "null is absent");
    // A text counts as the number in it does.
    let metres = json!({"x": "1.5", "y": 0, "z": "-0.5", "speed": "0.3", "pad": "m2"});
    assert_eq!(
        requested(json!({"command": "go", "params": metres}))
            .map(|requested| format!("{requested:?}")),
        go_of("go 150 0 -50 30 m2"),
    );
    for (name, params) in [
        ("flip", json!({"direction": 1})),
        ("setfps", json!({"fps": 0})),
        ("setbitrate", json!({"bitrate": 2.5})),
        ("mon", json!({"on": true})),
    ] {
        assert_eq!(
            requested(json!({"type": name, "parameters": params})),
            None,
            "{name}"
        );
    }
}

fn go_of(text: &str) -> Option<String> {
    let command = Command::parse(text).expect("of the SDK");
    Some(format!("{:?}", Requested::Fly(command)))
}

#[test]
fn nonsense_is_refused() {
    for body in [
        json!({}),
        json!({"command": "dance"}),
        json!({"command": "takeoff", "params": [3]}),
        json!({"type": "takeoff", "parameters": "high"}),
        json!({"command": "move", "params": {"direction": "up", "distance": 0.1}}),
        json!({"command": "move", "params": {"x": 9}}),
        json!({"command": "move", "params": {"x": 0}}),
        json!({"command": "move", "params": {"x": "far"}}),
        json!({"command": "rotate", "params": {"angle": 0}}),
        json!({"command": "change_altitude", "params": {}}),
        json!({"type": "set_speed", "parameters": {"speed": 500}}),
        json!({"type": "go", "parameters": {"x": 100, "y": 0, "z": 0}}),
        json!({"command": "go", "params": {"x": 9, "y": 0, "z": 0, "speed": 0.5}}),
        json!({"type": "curve", "parameters": {"x1": 100, "y1": 0, "z1": 0, "x2": 200, "y2": 0, "z2": 0, "speed": 20}}),
    ] {
        assert_eq!(requested(body.clone()), None, "{body}");
    }
}
