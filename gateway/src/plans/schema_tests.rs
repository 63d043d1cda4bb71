//! Makes the JSON Schema of flight plans, and holds the committed one to it.
//!
//! From the table of the SDK's commands, so that a new entry there is a step here.
//! `UPDATE_SCHEMA=1 cargo test -p mfg-drone-gateway --lib plans::schema_tests` writes it.

use std::path::Path;

use serde_json::{Map, Value, json};
use tello::catalog::{COMMANDS, Effect, Kind, pads};
use tello::command::{Direction, MAX_EXTENSION_BYTES};

use super::document::{MAX_STEPS, OnFailure, Plan, TIMEOUTS_S, WAITS_S};
use crate::config::Drones;

const FILE: &str = "../docs/plan.schema.json";

fn number((least, most): (u64, u64), about: &str) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most, "description": about })
}

fn one_of(names: &[&str], about: &str) -> Value {
    json!({ "enum": names, "description": about })
}

/// A command: its word, what it does, and its values.
type Entry = (&'static str, &'static str, Vec<(&'static str, Value, bool)>);

/// Every command of a plan.
fn commands() -> Vec<Entry> {
    let directions: Vec<&str> = Direction::ALL
        .iter()
        .map(|direction| direction.word())
        .collect();
    let text = json!({ "type": "string", "minLength": 1, "maxLength": MAX_EXTENSION_BYTES, "description": "What stands behind EXT" });
    let mut all: Vec<Entry> = vec![
        ("takeoff", "Take off and hover", vec![]),
        ("land", "Land", vec![]),
        ("stop", "Stop and hover", vec![]),
        (
            "wait",
            "Stay as it is",
            vec![("seconds", number(WAITS_S, "For so long"), true)],
        ),
        (
            "move",
            "Fly in a straight line",
            vec![
                ("direction", one_of(&directions, "Where to"), true),
                ("distance", number((20, 500), "Centimetres"), true),
            ],
        ),
        (
            "rotate",
            "Rotate",
            vec![
                (
                    "direction",
                    one_of(&["clockwise", "counter_clockwise"], "Where to"),
                    true,
                ),
                ("angle", number((1, 360), "Degrees"), true),
            ],
        ),
        (
            "ext",
            "Pass text on to the controller on a TT's back",
            vec![("text", text, true)],
        ),
    ];
    let listed = COMMANDS
        .iter()
        .filter(|entry| entry.effect != Effect::Restarts);
    all.extend(listed.map(|entry| {
        let values = entry.parameters.iter().map(|parameter| {
            let value = match parameter.kind {
                Kind::Choice(choices) => {
                    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                    one_of(&names, parameter.about)
                }
                Kind::Number { low, high, unit } => {
                    let about = format!("{}{}", parameter.about, unit.behind());
                    json!({ "type": "integer", "minimum": low, "maximum": high, "description": about })
                }
                Kind::Pad { any } => {
                    let (least, most) = pads(any).into_inner();
                    json!({ "type": "integer", "minimum": least, "maximum": most, "description": parameter.about })
                }
            };
            (parameter.name, value, !parameter.optional)
        });
        (entry.word, entry.about, values.collect())
    }));
    all
}

/// A command with its drones; of a step also what is the step's.
fn order(of_step: bool) -> Value {
    let forms = commands().into_iter().map(|(word, about, values)| {
        let mut properties = Map::new();
        properties.insert("command".into(), json!({ "const": word }));
        let mut required = vec!["command"];
        for (name, value, needed) in values {
            properties.insert(name.into(), value);
            required.extend(needed.then_some(name));
        }
        for name in ["drones", "group"].into_iter().chain(
            of_step
                .then_some(["timeout_s", "on_failure"])
                .into_iter()
                .flatten(),
        ) {
            properties.insert(name.into(), json!({ "$ref": format!("#/$defs/{name}") }));
        }
        json!({
            "description": about,
            "type": "object",
            "properties": properties,
            "required": required,
            "oneOf": [{ "required": ["drones"] }, { "required": ["group"] }],
            "additionalProperties": false,
        })
    });
    json!({ "oneOf": forms.collect::<Vec<_>>() })
}

fn schema() -> Value {
    let policies = OnFailure::ALL.map(OnFailure::name);
    let mut step = order(true);
    let together = json!({
        "description": "Several commands at once, each with its drones",
        "type": "object",
        "properties": {
            "together": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/order" } },
            "timeout_s": { "$ref": "#/$defs/timeout_s" },
            "on_failure": { "$ref": "#/$defs/on_failure" },
        },
        "required": ["together"],
        "additionalProperties": false,
    });
    step["oneOf"].as_array_mut().expect("a list").push(together);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://mfg-drone.example/plan.schema.json",
        "title": "Flight plan of the MFG drone gateway",
        "description": "Steps for one drone or many; each is over when every drone in it has confirmed. See docs/flight-plans.md.",
        "type": "object",
        "properties": {
            "$schema": { "type": "string" },
            "name": { "description": "Its name", "type": "string", "minLength": 1, "maxLength": 64 },
            "steps": { "type": "array", "minItems": 1, "maxItems": MAX_STEPS, "items": { "$ref": "#/$defs/step" } },
        },
        "required": ["name", "steps"],
        "additionalProperties": false,
        "$defs": {
            "drones": { "description": "Ids of the drones", "type": "array", "minItems": 1, "uniqueItems": true, "items": { "type": "string" } },
            "group": { "description": "Id of a group of drones", "type": "string" },
            "timeout_s": number(TIMEOUTS_S, "Seconds until a drone that has not confirmed has failed; 120 when absent"),
            "on_failure": one_of(&policies, "What happens to the rest when a drone fails: they land (when absent), hover for 30 s at most until a person decides, or go on"),
            "order": order(false),
            "step": step,
        },
    })
}

#[test]
fn the_committed_schema_is_that_of_the_table() {
    let made = format!("{:#}\n", schema());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == made,
        "docs/plan.schema.json is another; UPDATE_SCHEMA=1 writes it"
    );
}

/// A value that the schema allows.
fn example(schema: &Value) -> Value {
    match &schema["enum"][0] {
        Value::Null if schema["type"] == "string" => "led 0 0 0".into(),
        // (Paths are chosen to be flown: a curve through different points.)
        Value::Null => schema["maximum"].clone(),
        first => first.clone(),
    }
}

#[test]
fn every_command_of_the_schema_is_read_and_without_a_needed_value_refused() {
    let drones: Drones = toml::from_str("[[drone]]\nid = \"a\"").expect("a configuration");
    let read = |step: &Map<String, Value>| {
        let plan = json!({ "name": "p", "steps": [step] });
        Plan::read(plan.as_object().expect("an object"), &drones)
    };
    for (word, _, values) in commands() {
        let mut step = Map::from_iter([
            ("command".into(), word.into()),
            ("drones".into(), json!(["a"])),
        ]);
        for (name, value, _) in &values {
            step.insert((*name).into(), example(value));
        }
        if word == "curve" {
            step.extend([
                ("x1".into(), 100.into()),
                ("y1".into(), 0.into()),
                ("z1".into(), 100.into()),
            ]);
            step.extend([
                ("x2".into(), 200.into()),
                ("y2".into(), 0.into()),
                ("z2".into(), 0.into()),
            ]);
        }
        let plan = read(&step).unwrap_or_else(|faults| panic!("{word}: {faults:?}"));
        assert!(
            plan.steps[0].tasks[0]
                .1
                .to_string()
                .to_lowercase()
                .contains(if ["move", "rotate"].contains(&word) {
                    " "
                } else {
                    word
                })
        );
        for (name, _, needed) in &values {
            let mut without = step.clone();
            without.remove(*name);
            assert_eq!(read(&without).is_err(), *needed, "{word} without {name}");
            let mut wrong = step.clone();
            wrong.insert((*name).into(), json!([]));
            let faults = read(&wrong).expect_err("no list");
            assert!(faults[0].at == format!("steps[0].{name}"), "{faults:?}");
        }
    }
}

#[test]
fn what_a_plan_does_not_know_is_refused_with_its_place() {
    let config = "[[drone]]\nid = \"a\"\n[[group]]\nid = \"g\"\ndrones = [\"a\"]";
    let drones: Drones = toml::from_str(config).expect("a configuration");
    for (plan, at) in [
        (json!({ "name": "p" }), "steps"),
        (json!({ "name": "p", "steps": [], "loop": 3 }), "loop"),
        (json!({ "name": "", "steps": [{}] }), "name"),
        (json!({ "name": "p", "steps": [7] }), "steps[0]"),
        (
            json!({ "name": "p", "steps": [{ "drones": ["b"], "command": "land" }] }),
            "steps[0].drones",
        ),
        (
            json!({ "name": "p", "steps": [{ "drones": ["a", "a"], "command": "land" }] }),
            "steps[0].drones",
        ),
        (
            json!({ "name": "p", "steps": [{ "drones": ["a"], "group": "g", "command": "land" }] }),
            "steps[0].drones",
        ),
        (
            json!({ "name": "p", "steps": [{ "group": "x", "command": "land" }] }),
            "steps[0].group",
        ),
        (
            json!({ "name": "p", "steps": [{ "group": "g", "command": "emergency" }] }),
            "steps[0].command",
        ),
        (
            json!({ "name": "p", "steps": [{ "group": "g", "command": "reboot" }] }),
            "steps[0].command",
        ),
        (
            json!({ "name": "p", "steps": [{ "group": "g", "command": "land", "timeout": 3 }] }),
            "steps[0].timeout",
        ),
        (
            json!({ "name": "p", "steps": [{ "group": "g", "command": "land", "timeout_s": 0 }] }),
            "steps[0].timeout_s",
        ),
        (
            json!({ "name": "p", "steps": [{ "group": "g", "command": "land", "on_failure": "x" }] }),
            "steps[0].on_failure",
        ),
        (
            json!({ "name": "p", "steps": [{ "together": [{ "group": "g", "command": "land", "on_failure": "land" }] }] }),
            "steps[0].together[0].on_failure",
        ),
        (
            json!({ "name": "p", "steps": [{ "together": [], "command": "land" }] }),
            "steps[0].together",
        ),
    ] {
        let faults = Plan::read(plan.as_object().expect("an object"), &drones).expect_err("wrong");
        assert_eq!(faults[0].at, at, "{faults:?}");
    }
}
