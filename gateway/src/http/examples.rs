//! Examples for the OpenAPI document, made from its schemas.
//!
//! A value is made for what a schema says (range, choice, format) and for what a field is
//! called, so that an example cannot say what the description forbids, and a new route has
//! one without anybody writing it. For tests only, as the document is (`openapi`).

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::http::params::{Kind, Location, Param};
use crate::http::shape::Schemas;

/// Schemas within schemas that are followed; deeper ones are left empty.
const MAX_DEPTH: usize = 8;

/// What fields of these names hold in an example: values of one drone, one board and one
/// alert that fit together.
const NAMED: &[(&str, &str)] = &[
    ("drone_id", "drone_001"),
    ("drone_name", "Roof"),
    ("id", "drone_001"),
    ("alert_id", "alert_0192f3c4"),
    ("rule_id", "battery_low"),
    ("source", "drone_001"),
    ("metric_name", "battery_level"),
    ("metric", "battery_level"),
    ("unit", "%"),
    ("level", "warning"),
    ("title", "Low Battery"),
    ("name", "Roof"),
    ("message", "Battery level is 15 %"),
    ("version", "0.1.0"),
    ("firmware", "0.1.0"),
    ("address", "192.168.10.1"),
    ("ip_address", "192.168.10.1"),
    ("client", "192.0.2.17"),
];

/// An example of a JSON body with these fields.
pub(crate) fn of_body(params: &[Param]) -> Value {
    let fields = params.iter().filter(|param| {
        let in_body = matches!(param.location, Location::Body | Location::QueryOrBody);
        // What need not be given stands in the schema; an example shows what must be,
        // and the choices that make it readable.
        in_body && (param.required || matches!(param.kind, Kind::Choice(_) | Kind::Int { .. }))
    });
    Value::Object(
        fields
            .map(|param| (param.name.to_owned(), of_param(param)))
            .collect(),
    )
}

/// An example of one parameter.
pub(crate) fn of_param(param: &Param) -> Value {
    match param.kind {
        Kind::Choice(names) => names.first().copied().unwrap_or_default().into(),
        Kind::Int { min, max, default } => default.unwrap_or(50.clamp(min, max)).into(),
        Kind::Range { min, max, default } => default.unwrap_or(1.5_f64.clamp(min, max)).into(),
        Kind::Number => 20.into(),
        Kind::Flag => true.into(),
        Kind::Fields(fields) => of_body(fields),
        Kind::Objects(example) => serde_json::from_str(example).unwrap_or_default(),
        Kind::Id | Kind::Text | Kind::Chars { .. } | Kind::File => text(param.name, None),
    }
}

/// An example of `schema`, whose references lead into `schemas`.
pub(crate) fn of_schema(schema: &RefOr<Schema>, schemas: &Schemas) -> Value {
    let schema = serde_json::to_value(schema).unwrap_or_default();
    value("", &schema, schemas, 0)
}

fn value(name: &str, schema: &Value, schemas: &Schemas, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(given) = ["example", "const", "default"]
        .iter()
        .find_map(|key| schema.get(key))
    {
        return given.clone();
    }
    if let Some(target) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        let found = schemas.iter().find(|(known, _)| known == target);
        let found = found.and_then(|(_, schema)| serde_json::to_value(schema).ok());
        return value(name, &found.unwrap_or_default(), schemas, depth + 1);
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        let mut forms = schema[several].as_array().into_iter().flatten();
        if let Some(form) = forms.find(|form| form["type"] != "null") {
            return value(name, form, schemas, depth + 1);
        }
    }
    if let Some(choice) = schema["enum"]
        .as_array()
        .and_then(|choices| choices.first())
    {
        return choice.clone();
    }
    match kind(schema) {
        "object" => object(schema, schemas, depth),
        "array" => json!([value(name, &schema["items"], schemas, depth + 1)]),
        "string" => text(name, schema["format"].as_str()),
        "integer" => (number(name, schema) as i64).into(),
        "number" => number(name, schema).into(),
        "boolean" => true.into(),
        _ => Value::Null,
    }
}

/// The first type that is not `null`.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => types
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or_default(),
        one => one.as_str().unwrap_or_default(),
    }
}

fn object(schema: &Value, schemas: &Schemas, depth: usize) -> Value {
    let mut made = Map::new();
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        made.insert(field.clone(), value(field, schema, schemas, depth + 1));
    }
    // A map: one entry, under the key that most maps here have.
    let others = &schema["additionalProperties"];
    if others.is_object() {
        made.insert(
            "drone_001".to_owned(),
            value("", others, schemas, depth + 1),
        );
    }
    Value::Object(made)
}

fn text(name: &str, format: Option<&str>) -> Value {
    let is_time = format == Some("date-time") || name.ends_with("_at") || name == "timestamp";
    let named = NAMED.iter().find(|(known, _)| *known == name);
    match named {
        _ if is_time => "2026-11-30T09:00:00.000Z".into(),
        Some((_, text)) => (*text).into(),
        None if name.is_empty() => "text".into(),
        None => name.replace('_', " ").into(),
    }
}

fn number(name: &str, schema: &Value) -> f64 {
    let plausible: f64 = match name {
        name if name.contains("battery") => 78.0,
        name if name.contains("temperature") => 41.5,
        name if name.contains("port") => 8443.0,
        name if name.contains("percent") || name.ends_with("_usage") => 23.5,
        _ => 1.0,
    };
    let bound = |key: &str| schema[key].as_f64();
    let raised = bound("minimum").map_or(plausible, |least| plausible.max(least));
    bound("maximum").map_or(raised, |most| raised.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_keeps_to_what_its_schema_says() {
        let schema = json!({
            "type": "object",
            "properties": {
                "battery_level": {"type": ["integer", "null"], "maximum": 50},
                "level": {"type": "string", "enum": ["critical", "high"]},
                "since": {"oneOf": [{"type": "null"}, {"type": "string", "format": "date-time"}]},
                "notes": {"type": "array", "items": {"type": "string"}},
                "ports": {"type": "object", "additionalProperties": {"type": "number", "minimum": 9000}},
            },
        });
        let made = value("", &schema, &Schemas::new(), 0);
        assert_eq!(made["battery_level"], 50);
        assert_eq!(made["level"], "critical");
        assert_eq!(made["since"], "2026-11-30T09:00:00.000Z");
        assert_eq!(made["notes"], json!(["notes"]));
        assert_eq!(made["ports"]["drone_001"], 9000.0);
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let around = Schemas::new();
        let schema = json!({"type": "array", "items": {"$ref": "#/components/schemas/None"}});
        assert_eq!(value("", &schema, &around, 0), json!([null]));
    }

    #[test]
    fn a_body_shows_what_must_be_given() {
        let params = [
            Param::required(
                Location::Body,
                "direction",
                Kind::Choice(&["up", "down"]),
                "",
            ),
            Param::optional(Location::Body, "note", Kind::Text, ""),
            Param::optional(
                Location::Body,
                "speed",
                Kind::Int {
                    min: 60,
                    max: 100,
                    default: None,
                },
                "",
            ),
            Param::required(Location::Path, "drone_id", Kind::Id, ""),
        ];
        assert_eq!(of_body(&params), json!({"direction": "up", "speed": 60}));
    }
}
