//! The ring at its limit, and the record held to its published schema.

use serde_json::Value;

use super::*;
use crate::command::CommandIds;

const SCHEMA: &str = include_str!("../../../../docs/event.schema.json");

fn log() -> (EventLog, CommandIds) {
    let boot = BootId(7);
    let log = EventLog::new(boot, "mast".into(), Box::new(|| Some(false)));
    let ids = log.command_ids();
    (log, ids)
}

fn step(id: CommandId, kind: EventKind, state: CommandState, why: Option<&str>) -> NewEvent {
    NewEvent {
        drone: Some("drone_001".into()),
        kind,
        who: Some("Operator".into()),
        why: why.map(Into::into),
        values: Values::Command {
            command_id: id,
            command: "land".into(),
            state,
        },
    }
}

#[test]
fn the_newest_events_stay_and_the_others_are_counted() {
    let (log, ids) = log();
    let mut heard = log.subscribe();
    for _ in 0..MAX_EVENTS + 3 {
        let event = step(ids.next(), EventKind::Command, CommandState::Queued, None);
        log.publish(event, Timestamp::UNIX_EPOCH);
    }
    let commands = log.commands();
    assert_eq!(commands.len(), MAX_EVENTS);
    assert_eq!(commands[0].id.to_string(), "0000000000000007-515");
    assert_eq!(
        commands[MAX_EVENTS - 1].id.to_string(),
        "0000000000000007-4"
    );
    assert!(heard.try_recv().is_err(), "it is told what it missed");
    assert_eq!(
        heard.try_recv().expect("the oldest that waits").sequence,
        (MAX_EVENTS + 3 - MAX_WAITING + 1) as u64
    );
    let page = crate::measured::page(move |page| log.measure(page)).expect("a page");
    assert!(page.contains("mfg_drone_events_total 515"), "{page}");
    assert!(
        page.contains("mfg_drone_events_forgotten_total 3"),
        "{page}"
    );
}

/// What another kind of event says.
fn other_values() -> [(EventKind, Values); 5] {
    [
        (
            EventKind::Alert,
            Values::Alert {
                alert_id: "alert_1".into(),
                change: AlertChange::Raised,
                level: "critical",
                title: "Low Battery".into(),
                subject: "drone_001".into(),
            },
        ),
        (
            EventKind::Link,
            Values::Link {
                source: "drone_001".into(),
                state: LinkChange::Lost,
            },
        ),
        (
            EventKind::Access,
            Values::Access {
                action: "lockout".into(),
                client: Some("192.0.2.7".into()),
                subject: "after 5 failures".into(),
            },
        ),
        (
            EventKind::Configuration,
            Values::Configuration {
                applied: vec!["logging.level".to_owned()],
                needs_restart: vec!["server.listen".to_owned()],
            },
        ),
        (
            EventKind::Plan,
            Values::Plan {
                plan_id: "0007-1".into(),
                name: "square".into(),
                state: "running",
                step: 2,
                steps: 5,
            },
        ),
    ]
}

fn other((kind, values): (EventKind, Values)) -> NewEvent {
    NewEvent {
        drone: Some("drone_001".into()),
        kind,
        who: Some("Operator".into()),
        why: Some("x".into()),
        values,
    }
}

#[test]
fn a_burst_of_others_pushes_out_no_command() {
    let (log, ids) = log();
    let command = step(ids.next(), EventKind::Command, CommandState::Queued, None);
    log.publish(command, Timestamp::UNIX_EPOCH);
    let mut heard = log.subscribe();
    for _ in 0..MAX_EVENTS {
        for values in other_values() {
            log.publish(other(values), Timestamp::UNIX_EPOCH);
        }
    }
    assert_eq!(log.commands().len(), 1);
    assert!(heard.try_recv().is_err(), "it is told what it missed");
    // (The burst is a whole number of rounds.)
    let kinds = other_values().map(|(kind, _)| kind);
    let oldest = (kinds.len() - MAX_WAITING % kinds.len()) % kinds.len();
    assert_eq!(
        heard.try_recv().expect("the oldest that waits").kind,
        kinds[oldest]
    );
    let page = crate::measured::page(move |page| log.measure(page)).expect("a page");
    assert!(page.contains("mfg_drone_events_total 2561"), "{page}");
    assert!(
        page.contains("mfg_drone_events_forgotten_total 0"),
        "{page}"
    );
}

#[test]
fn a_command_is_as_its_last_event_says() {
    let (log, ids) = log();
    let (first, second) = (ids.next(), ids.next());
    let at = |s| Timestamp::from_second(s).expect("a time");
    log.publish(
        step(first, EventKind::Command, CommandState::Queued, None),
        at(1),
    );
    log.publish(
        step(second, EventKind::Guard, CommandState::Sent, None),
        at(2),
    );
    let why = Some("it is busy");
    log.publish(
        step(first, EventKind::Command, CommandState::Refused, why),
        at(3),
    );
    let commands = log.commands();
    assert_eq!(
        commands.iter().map(|c| (c.id, c.state)).collect::<Vec<_>>(),
        [(second, CommandState::Sent), (first, CommandState::Refused)]
    );
    assert_eq!((commands[1].given, commands[1].changed), (at(1), at(3)));
    assert_eq!(commands[1].why.as_deref(), why);
}

#[test]
fn why_a_command_was_given_outlives_steps_that_say_nothing() {
    let (log, ids) = log();
    let id = ids.next();
    for (state, why) in [
        (CommandState::Queued, Some("its battery is nearly empty")),
        (CommandState::Sent, None),
        (CommandState::Confirmed, None),
    ] {
        let event = step(id, EventKind::Guard, state, why);
        log.publish(event, Timestamp::UNIX_EPOCH);
    }
    let command = &log.commands()[0];
    assert_eq!(command.state, CommandState::Confirmed);
    assert_eq!(command.why.as_deref(), Some("its battery is nearly empty"));
}

#[test]
fn the_words_of_a_drone_are_cut_at_a_whole_character() {
    let (log, ids) = log();
    let why = format!("x{}", "墜".repeat(MAX_WORDS_BYTES));
    let event = step(
        ids.next(),
        EventKind::Command,
        CommandState::Refused,
        Some(&why),
    );
    log.publish(event, Timestamp::UNIX_EPOCH);
    let kept = log.commands()[0].why.clone().expect("kept");
    assert_eq!(kept.len(), 1 + (MAX_WORDS_BYTES - 1) / 3 * 3);
    assert!(why.starts_with(&*kept));
}

/// Every kind of record, with all that can be absent once there and once not.
fn samples() -> Vec<Value> {
    let (log, ids) = log();
    let mut heard = log.subscribe();
    let mut samples = Vec::new();
    for values in other_values() {
        log.publish(other(values), Timestamp::UNIX_EPOCH);
        let mut event = Event::clone(&heard.try_recv().expect("published"));
        samples.push(serde_json::to_value(&event).expect("JSON"));
        if let Values::Access { client, .. } = &mut event.values {
            *client = None;
        }
        (event.drone, event.who, event.why) = (None, None, None);
        samples.push(serde_json::to_value(&event).expect("JSON"));
    }
    for kind in [EventKind::Command, EventKind::Guard] {
        for state in CommandState::ALL {
            log.publish(
                step(ids.next(), kind, state, Some("x")),
                Timestamp::UNIX_EPOCH,
            );
            let mut event = Event::clone(&heard.try_recv().expect("published"));
            samples.push(serde_json::to_value(&event).expect("JSON"));
            (event.drone, event.who, event.why) = (None, None, None);
            event.clock_synchronised = None;
            samples.push(serde_json::to_value(&event).expect("JSON"));
        }
    }
    samples
}

/// Where `value` is not what `schema` says. As much of JSON Schema as ours uses; a
/// keyword that is not known here fails, so that nothing is passed over.
fn differences(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema") {
        let good = match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "examples" | "format" => true,
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("a list").contains(value),
            "minimum" => value.as_f64() >= wanted.as_f64(),
            "pattern" => pattern(wanted.as_str().expect("text"), value),
            "type" => match wanted {
                Value::Array(several) => several.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            },
            "required" => {
                let names = wanted.as_array().expect("a list");
                names
                    .iter()
                    .all(|name| value.get(name.as_str().expect("a name")).is_some())
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    differences(wanted, value, &format!("{at}/{index}"), found);
                }
                true
            }
            "allOf" => {
                for schema in wanted.as_array().expect("a list") {
                    differences(schema, value, at, found);
                }
                true
            }
            "if" => {
                let mut unlike = Vec::new();
                differences(wanted, value, at, &mut unlike);
                if unlike.is_empty() {
                    differences(&schema["then"], value, at, found);
                }
                true
            }
            "then" => schema.get("if").is_some(),
            "properties" => {
                for (name, schema) in wanted.as_object().expect("an object") {
                    if let Some(value) = value.get(name) {
                        differences(schema, value, &format!("{at}/{name}"), found);
                    }
                }
                true
            }
            _ => false,
        };
        if !good {
            found.push(format!("{at}: {value} is not {keyword} {wanted}"));
        }
    }
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().expect("a name") {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// The two patterns that the schema has: 16 hexadecimal digits, and these with a number.
fn pattern(pattern: &str, value: &Value) -> bool {
    let text = value.as_str().expect("text");
    match pattern {
        "^[0-9a-f]{16}$" => text.len() == 16 && u64::from_str_radix(text, 16).is_ok(),
        "^[0-9a-f]{16}-[0-9]+$" => text.parse::<CommandId>().is_ok(),
        _ => false,
    }
}

#[test]
fn every_record_is_as_the_published_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let mut found = Vec::new();
    for sample in samples() {
        differences(&schema, &sample, "", &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_schema_promises_nothing_that_the_record_has_not() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let names = |of: &Value| -> Vec<String> {
        of.as_object().expect("an object").keys().cloned().collect()
    };
    let samples = samples();
    assert_eq!(names(&schema["properties"]), names(&samples[0]));
    let mut states_of_commands = None;
    for kind in EventKind::ALL {
        let kind = serde_json::to_value(kind).expect("JSON");
        let sample = samples.iter().find(|sample| sample["kind"] == kind);
        let sample = sample.expect("a sample of each kind");
        let rules = schema["allOf"].as_array().expect("a rule for each kind");
        let rule = rules.iter().find(|rule| {
            let of = &rule["if"]["properties"]["kind"];
            of["const"] == kind || of["enum"].as_array().is_some_and(|of| of.contains(&kind))
        });
        let values = &rule.expect("a rule for each kind")["then"]["properties"]["values"];
        assert_eq!(
            names(&values["properties"]),
            names(&sample["values"]),
            "{kind}"
        );
        if kind == "command" {
            states_of_commands = values["properties"]["state"]["enum"].as_array().cloned();
        }
    }
    let all = |of: &[Value]| -> Vec<String> { of.iter().map(ToString::to_string).collect() };
    let kinds = EventKind::ALL.map(|kind| serde_json::to_value(kind).expect("JSON"));
    let listed = schema["properties"]["kind"]["enum"].as_array();
    assert_eq!(all(listed.expect("a list")), all(&kinds));
    let states = CommandState::ALL.map(|state| serde_json::to_value(state).expect("JSON"));
    assert_eq!(all(&states_of_commands.expect("a list")), all(&states));
}

#[test]
fn a_log_says_of_itself_what_its_events_say() {
    let (log, _) = log();
    let mut heard = log.subscribe();
    let [values, ..] = other_values();
    log.publish(other(values), Timestamp::UNIX_EPOCH);
    let event = heard.try_recv().expect("published");
    assert_eq!((log.boot(), &**log.gateway()), (BootId(7), "mast"));
    assert_eq!(log.is_clock_synchronised(), Some(false));
    assert_eq!((event.boot, &event.gateway), (log.boot(), log.gateway()));
    assert_eq!(event.clock_synchronised, log.is_clock_synchronised());
    assert_eq!(EventLog::default().is_clock_synchronised(), None);
}
