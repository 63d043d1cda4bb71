//! The AsyncAPI document of the WebSockets, made from the lists of messages that are said
//! and heard. Made by tests only, and compared with the committed copy that is served.

use std::path::Path;

use serde_json::{Map, Value, json};
use tello::catalog::{COMMANDS, Entry, Kind as SdkKind, Unit, pads};

use crate::http::document::{API_VERSION, SOCKETS};
use crate::http::openapi::schema;
use crate::http::params::Param;
use crate::http::shape::Schemas;
use crate::live::message::{self, ClientMessage, Described};
use crate::live::{
    commands, control_messages, down, events, messages, network_messages, sticks, video,
};
use crate::routes::sdk_commands::CM_PER_METRE;

/// Set to write the document anew after a wanted change, as for the routes' document.
const UPDATE: &str = "UPDATE_OPENAPI";

/// Messages said on `/ws`, by the files that say them.
const SAID: &[&[Described]] = &[
    message::SAID,
    messages::SAID,
    network_messages::SAID,
    control_messages::SAID,
    commands::SAID,
    down::SAID,
];
/// Messages heard there.
const HEARD: &[&[ClientMessage]] = &[
    messages::HEARD,
    network_messages::HEARD,
    control_messages::HEARD,
    sticks::HEARD,
    commands::HEARD,
    down::HEARD,
];

/// The published form of an event.
const EVENT: &str = include_str!("../../../docs/event.schema.json");

fn reference(to: &str) -> Value {
    json!({ "$ref": format!("#/{to}") })
}

fn at_channel(channel: &str, kind: &str) -> Value {
    reference(&format!("channels/{channel}/messages/{kind}"))
}

/// An object with a `type`, and the members that `params` describe.
fn object(kind: &str, params: &[Param]) -> Value {
    let mut properties = Map::new();
    let about = "What the message is";
    properties.insert(
        "type".into(),
        json!({ "const": kind, "description": about }),
    );
    let mut required = vec!["type"];
    for param in params {
        properties.insert(param.name.into(), json!(schema(param)));
        if param.required {
            required.push(param.name);
        }
    }
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The payload of what is heard; of a command with the values of each of the SDK's table.
fn asked(one: &ClientMessage) -> Value {
    let mut payload = object(one.kind, one.members);
    if one.kind == commands::KIND {
        payload["allOf"] = COMMANDS.iter().map(form).collect();
    }
    payload
}

/// What a command of the table takes, in metres.
fn form(entry: &Entry) -> Value {
    let mut properties = Map::new();
    for parameter in entry.parameters {
        let (schema, unit) = match parameter.kind {
            SdkKind::Number { low, high, unit } => {
                let (per, name) = match unit {
                    Unit::Centimetres => (Some(CM_PER_METRE), " (m)".to_owned()),
                    Unit::CentimetresPerSecond => (Some(CM_PER_METRE), " (m/s)".to_owned()),
                    unit => (None, unit.behind()),
                };
                let bounds = [low, high].map(|bound| match per {
                    Some(per) => json!(f64::from(bound) / per),
                    None => json!(bound),
                });
                let kind = if per.is_some() { "number" } else { "integer" };
                let [low, high] = bounds;
                let schema = json!({"type": kind, "minimum": low, "maximum": high});
                (schema, name)
            }
            SdkKind::Pad { any } => {
                let allowed: Vec<i32> = pads(any).filter(|pad| *pad != 0).collect();
                (json!({ "enum": allowed }), String::new())
            }
            SdkKind::Choice(choices) => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                (json!({ "enum": names }), String::new())
            }
        };
        let mut schema = schema;
        schema["description"] = format!("{}{unit}", parameter.about).into();
        properties.insert(parameter.name.to_owned(), schema);
    }
    let all = entry.parameters.iter();
    let required: Vec<&str> = all
        .filter(|one| !one.optional)
        .map(|one| one.name)
        .collect();
    let params = json!({
        "type": "object",
        "description": entry.about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    let needs = if required.is_empty() {
        json!([])
    } else {
        json!(["params"])
    };
    json!({
        "if": { "properties": { "command": { "const": entry.word } } },
        "then": { "properties": { "params": params }, "required": needs },
    })
}

/// The payload of what is said: its members, its type, the time.
fn told(one: &Described, schemas: &mut Schemas) -> Value {
    let mut head = object(one.kind, &[]);
    let time =
        json!({ "type": "string", "format": "date-time", "description": "When it was said" });
    head["properties"]["timestamp"] = time;
    head["required"] = json!(["type", "timestamp"]);
    json!({ "allOf": [head, (one.members.schema)(schemas)] })
}

/// The parameters of a hand-shake.
fn query(params: &[Param]) -> Value {
    let members = params
        .iter()
        .map(|param| (param.name.to_owned(), json!(schema(param))));
    let members: Map<String, Value> = members.collect();
    json!({ "ws": { "method": "GET", "query": { "type": "object", "properties": members } } })
}

/// What is done on the channels: each thing that is heard with its answers, and what is told.
fn operations(watched: &Map<String, Value>) -> Map<String, Value> {
    let mut operations = Map::new();
    let all = |channel: &str, kinds: &mut dyn Iterator<Item = &str>| -> Vec<Value> {
        kinds.map(|kind| at_channel(channel, kind)).collect()
    };
    for one in HEARD.iter().copied().flatten() {
        let answers = one.answers.iter().copied().chain([message::ERROR.kind]);
        let operation = json!({
            "action": "receive",
            "channel": reference("channels/live"),
            "summary": one.about,
            "messages": [at_channel("live", one.kind)],
            "reply": {
                "channel": reference("channels/live"),
                "messages": all("live", &mut { answers }),
            },
        });
        operations.insert(one.kind.to_owned(), operation);
    }
    for (name, channel, kinds) in [
        (
            "tell",
            "live",
            SAID.iter()
                .copied()
                .flatten()
                .map(|one| one.kind)
                .collect::<Vec<_>>(),
        ),
        (
            "show",
            "video",
            watched.keys().map(String::as_str).collect(),
        ),
    ] {
        let operation = json!({
            "action": "send",
            "channel": reference(&format!("channels/{channel}")),
            "messages": all(channel, &mut kinds.into_iter()),
        });
        operations.insert(name.to_owned(), operation);
    }
    operations
}

fn describe() -> String {
    let mut schemas = Schemas::new();
    let (mut parts, mut live, mut watched) = (Map::new(), Map::new(), Map::new());
    let mut add = |channel: &mut Map<String, Value>, kind: &str, about: &str, payload: Value| {
        let part = json!({ "name": kind, "summary": about, "payload": payload });
        let before = parts.insert(kind.to_owned(), part);
        assert!(before.is_none(), "{kind} stands twice");
        channel.insert(
            kind.to_owned(),
            reference(&format!("components/messages/{kind}")),
        );
    };
    for one in SAID.iter().copied().flatten() {
        add(&mut live, one.kind, one.about, told(one, &mut schemas));
    }
    for one in HEARD.iter().copied().flatten() {
        add(&mut live, one.kind, one.about, asked(one));
    }
    for one in video::SAID {
        add(&mut watched, one.kind, one.about, told(one, &mut schemas));
    }
    let picture =
        "A picture: one access unit of H.264, Annex B. After a gap the first is a whole one";
    let bytes = json!({ "type": "string", "contentMediaType": "video/h264" });
    add(&mut watched, "picture", picture, bytes);
    parts["picture"]["contentType"] = "video/h264".into();

    let operations = operations(&watched);
    let mut components: Map<String, Value> = schemas
        .iter()
        .map(|(name, schema)| (name.clone(), json!(schema)))
        .collect();
    // An event has a published form of its own.
    components.insert(
        "Event".to_owned(),
        serde_json::from_str(EVENT).expect("JSON"),
    );
    components["Happened"]["properties"]["event"] = reference("components/schemas/Event");
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "MFG drone gateway: WebSockets",
            "version": API_VERSION,
            "description": "What is said and heard on `/ws` and `/ws/video/{drone_id}`; the routes are in /openapi.json",
        },
        "servers": { "gateway": {
            "host": "gateway.local:8443",
            "protocol": "wss",
            "description": "The gateway that serves this document; a ticket of POST /api/ws-ticket lets a browser in",
        } },
        "defaultContentType": "application/json",
        "channels": {
            "live": {
                "address": "/ws",
                "summary": "Requests, their answers, and what is told unasked",
                "messages": live,
                "bindings": query(events::CONNECT),
            },
            "video": {
                "address": "/ws/video/{drone_id}",
                "summary": "A drone's camera, as it comes",
                "parameters": { "drone_id": { "description": "Id of the drone" } },
                "messages": watched,
            },
        },
        "operations": operations,
        "components": { "messages": parts, "schemas": components },
    });
    let mut text = serde_json::to_string_pretty(&document).expect("JSON");
    text.push('\n');
    text
}

#[test]
fn the_committed_description_is_what_is_said_and_heard() {
    let made = describe();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("asyncapi.json");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &made).expect("the description can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the description is committed");
    assert!(
        made == committed,
        "gateway/asyncapi.json is stale: run the tests with {UPDATE}=1 and review the change"
    );
    let served = SOCKETS.unpack().expect("unpacks");
    let served: Value = serde_json::from_slice(&served).expect("JSON");
    assert_eq!(served, serde_json::from_str::<Value>(&made).expect("JSON"));
}

#[test]
fn every_reference_leads_somewhere_and_every_member_says_what_it_is() {
    let document: Value = serde_json::from_str(&describe()).expect("JSON");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let to = reference.split('"').next().expect("a quote ends it");
        assert!(document.pointer(to).is_some(), "{to} is not described");
    }
    for (name, message) in document["components"]["messages"]
        .as_object()
        .expect("messages")
    {
        let about = message["summary"].as_str().unwrap_or_default();
        assert!(about.len() > 5, "{name} says nothing of itself");
    }
}

#[test]
fn every_command_of_the_table_stands_in_it_with_its_values_in_metres() {
    let document: Value = serde_json::from_str(&describe()).expect("JSON");
    let payload = &document["components"]["messages"]["command"]["payload"];
    let names = payload["properties"]["command"]["enum"].as_array();
    for entry in COMMANDS {
        assert!(
            names.is_some_and(|names| names.contains(&entry.word.into())),
            "{}",
            entry.word
        );
        let forms = payload["allOf"].as_array().expect("forms");
        let of_it = |form: &&Value| form["if"]["properties"]["command"]["const"] == entry.word;
        let form = forms.iter().find(of_it).expect(entry.word);
        let params = &form["then"]["properties"]["params"]["properties"];
        for parameter in entry.parameters {
            assert!(
                params[parameter.name].is_object(),
                "{} {}",
                entry.word,
                parameter.name
            );
        }
    }
    let go = payload["allOf"].to_string();
    assert!(
        go.contains(r#""maximum":5.0"#) && go.contains("(m/s)"),
        "{go}"
    );
}
