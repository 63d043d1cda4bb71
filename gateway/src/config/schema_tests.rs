//! Makes the JSON Schema of the configuration file, and holds the committed one to it.
//!
//! From what there is: the annotated file names every setting with an example and its
//! prose; the structures are asked, by wrong values, what they would take. So nothing is
//! written twice, and the program carries a file instead of a generator.
//! `UPDATE_SCHEMA=1 cargo test -p mfg-drone-gateway --lib schema_tests` writes it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

use super::*;
use readings::{AlertType, Level, Metric};

const EXAMPLE: &str = include_str!("../../../deploy/deb/gateway.toml");
const FILE: &str = "../deploy/deb/gateway.schema.json";

/// A setting as the annotated file has it.
#[derive(Clone, Debug)]
struct Setting {
    key: String,
    example: Value,
    prose: String,
}

/// A section by its header (`server`, or `drones.drone` for a list), whether it is a list, and
/// its settings.
type Section = (String, bool, Vec<Setting>);

/// Every section of the annotated file.
fn settings() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut prose: Vec<&str> = Vec::new();
    for line in EXAMPLE.lines() {
        let is_prose = line.starts_with("# ") && !is_secret(line);
        let bare = line.trim_start_matches(['#', ' ']);
        if is_prose {
            prose.push(bare);
        } else if let Some(header) = bare.strip_prefix("[[").and_then(|l| l.split_once("]]")) {
            sections.push((header.0.to_owned(), true, Vec::new()));
            prose.clear();
        } else if let Some(header) = bare.strip_prefix('[').and_then(|l| l.split_once(']')) {
            sections.push((header.0.to_owned(), false, Vec::new()));
            prose.clear();
        } else if let Ok(mut table) = toml::from_str::<Table>(bare) {
            let Some((key, _)) = bare.split_once(" = ") else {
                prose.clear();
                continue;
            };
            if let Some((_, limits)) = bare.rsplit_once("  # ") {
                prose.push(limits);
            }
            let section = sections.last_mut().expect("a setting stands in a section");
            section.2.push(Setting {
                key: key.to_owned(),
                example: table.remove(key).expect("it was just read"),
                prose: prose.join(" "),
            });
            prose.clear();
        } else {
            prose.clear();
        }
    }
    sections
}

/// A secret in place of its file, which the annotated file only mentions.
fn is_secret(line: &str) -> bool {
    ["# secret = ", "# key = ", "# token = ", "# password = "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// The whole example with one section's key changed, and what reading it comes to.
fn read(section: &str, is_list: bool, items: &Table) -> Result<(), String> {
    let mut table = Table::new();
    let (first, second) = match section.split_once('.') {
        Some((first, second)) => (first, Some(second)),
        None => (section, None),
    };
    let content = match is_list {
        true => Value::Array(vec![items.clone().into()]),
        false => items.clone().into(),
    };
    match second {
        Some(second) => {
            let inner = Table::from_iter([(second.to_owned(), content)]);
            table.insert(first.to_owned(), inner.into());
        }
        None => drop(table.insert(first.to_owned(), content)),
    }
    let read = from_table(&table).map(drop);
    read.map_err(|error| error.message().to_owned())
}

/// What a key of a section may be, as far as the structure says by refusing nonsense.
fn variants(section: &str, is_list: bool, items: &Table, key: &str) -> Option<Vec<String>> {
    let mut wrong = items.clone();
    wrong.insert(key.to_owned(), Value::String("?".to_owned()));
    let message = read(section, is_list, &wrong).err()?;
    let (_, expected) = message.split_once("unknown variant `?`, expected ")?;
    let names = expected.split('`').skip(1).step_by(2);
    Some(names.map(str::to_owned).collect())
}

/// Names that are text to the structure and are judged later.
fn names(key: &str) -> Option<Vec<String>> {
    let names: &[&str] = match key {
        "level" | "min_level" => Level::NAMES,
        "type" => AlertType::NAMES,
        "metric" => Metric::NAMES,
        "operator" => &[">", "<", ">=", "<=", "==", "!="],
        _ => return None,
    };
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

fn shape(value: &Value) -> Json {
    match value {
        Value::String(_) | Value::Datetime(_) => json!({ "type": "string" }),
        Value::Integer(_) => json!({ "type": "integer" }),
        Value::Float(_) => json!({ "type": "number" }),
        Value::Boolean(_) => json!({ "type": "boolean" }),
        Value::Array(list) => json!({
            "type": "array",
            "items": list.first().map_or(json!({}), shape),
        }),
        Value::Table(table) => json!({
            "type": "object",
            "additionalProperties": table.values().next().map_or(json!({}), shape),
        }),
    }
}

/// Every key that a section has, by what the structure says to an unknown one.
fn keys(section: &str, is_list: bool, items: &Table) -> Vec<String> {
    let mut wrong = items.clone();
    wrong.insert("?".to_owned(), true.into());
    let message = read(section, is_list, &wrong).expect_err("unknown keys are refused");
    let (_, expected) = message
        .split_once("unknown field `?`, expected ")
        .unwrap_or_else(|| panic!("{section}: {message}"));
    let names = expected.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

/// What the annotated file says of `key` in another table of the same section: the tables
/// of channels share keys, and it describes each once.
fn elsewhere(all: &[Section], section: &str, key: &str) -> Option<Setting> {
    let (first, _) = section.split_once('.')?;
    let of = all.iter().filter(|(name, ..)| name.starts_with(first));
    let mut found = of.flat_map(|(.., settings)| settings);
    found.find(|one| one.key == key).cloned()
}

/// A key of which the file says nothing: of the first type that the structure takes.
fn probed(section: &str, is_list: bool, items: &Table, key: String) -> Setting {
    let mut types = [
        Value::String("x".to_owned()),
        Value::Integer(1),
        Value::Float(1.0),
        Value::Boolean(true),
        Value::Array(Vec::new()),
        Value::Table(Table::new()),
    ]
    .into_iter();
    let takes = |value: &Value| {
        let mut with = items.clone();
        with.insert(key.clone(), value.clone());
        !read(section, is_list, &with).is_err_and(|why| why.contains("invalid type"))
    };
    let example = types.find(takes).expect("some type is taken");
    Setting {
        key,
        example,
        prose: String::new(),
    }
}

/// The settings of a section in the file, and the keys that stand elsewhere only.
fn complete(
    all: &[Section],
    (section, is_list): (&str, bool),
    items: &Table,
    settings: &[Setting],
) -> Vec<Setting> {
    let mut settings = settings.to_vec();
    for key in keys(section, is_list, items) {
        // Lists of tables have a section of their own.
        let list = format!("{section}.{key}");
        let is_there = settings.iter().any(|one| one.key == key);
        if !is_there && all.iter().all(|(name, ..)| *name != list) {
            let found = elsewhere(all, section, &key);
            settings.push(found.unwrap_or_else(|| probed(section, is_list, items, key)));
        }
    }
    settings
}

fn object(all: &[Section], section: &str, is_list: bool, settings: &[Setting]) -> Json {
    let items: Table = settings
        .iter()
        // A secret and its file exclude each other.
        .filter(|one| !is_secret(&format!("# {} = ", one.key)))
        .map(|one| (one.key.clone(), one.example.clone()))
        .collect();
    let defaults = to_table(&Config::default());
    let settings = complete(all, (section, is_list), &items, settings);
    let mut properties = Map::new();
    for Setting {
        key,
        example,
        prose,
    } in &settings
    {
        let mut schema = shape(example);
        // The log's level is a list of targets, too.
        let named = names(key).filter(|_| section != "logging");
        if let Some(names) = variants(section, is_list, &items, key).or(named) {
            schema = json!({ "enum": names });
        }
        if !prose.is_empty() {
            schema["description"] = json!(prose);
        }
        if let Some(default) = defaults
            .get(section)
            .and_then(|of| of.get(key))
            .filter(|_| !is_list)
        {
            schema["default"] = serde_json::to_value(default).expect("JSON");
        }
        if let Some((least, most)) = limits::bounds(section, key) {
            schema["minimum"] = number(least, example);
            if most.is_finite() {
                schema["maximum"] = number(most, example);
            }
        }
        properties.insert(key.clone(), schema);
    }
    let needed = |key: &&Setting| {
        let mut less = items.clone();
        less.remove(&key.key);
        is_list && read(section, is_list, &less).is_err_and(|why| why.contains("missing field"))
    };
    let required: Vec<&str> = settings
        .iter()
        .filter(needed)
        .map(|one| &*one.key)
        .collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// As whole as the setting's own values are.
fn number(bound: f64, example: &Value) -> Json {
    match example.is_integer() {
        true => json!(bound as i64),
        false => json!(bound),
    }
}

fn schema() -> Json {
    let mut sections: BTreeMap<String, Json> = BTreeMap::new();
    let all = settings();
    for (section, is_list, settings) in all.clone() {
        let made = object(&all, &section, is_list, &settings);
        let made = match is_list {
            true => json!({ "type": "array", "items": made }),
            false => made,
        };
        let Some((first, second)) = section.split_once('.') else {
            merge(sections.entry(section).or_insert(Json::Null), made);
            continue;
        };
        let outer = sections.entry(first.to_owned()).or_insert(Json::Null);
        merge(
            outer,
            json!({ "type": "object", "additionalProperties": false, "properties": { second: made } }),
        );
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://mfg-drone.example/gateway.schema.json",
        "title": "Configuration of the MFG drone gateway",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

/// A section's lists stand before or behind its own settings.
fn merge(into: &mut Json, made: Json) {
    if into.is_null() {
        *into = made;
        return;
    }
    let more = made["properties"].as_object().expect("an object").clone();
    let properties = into["properties"].as_object_mut().expect("an object");
    properties.extend(more);
}

#[test]
fn the_published_schema_is_that_of_the_structures() {
    let made = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(&path).expect("it is committed");
    assert!(
        made == committed,
        "UPDATE_SCHEMA=1 cargo test -p mfg-drone-gateway --lib schema_tests writes it anew"
    );
}

#[test]
fn the_schema_knows_what_the_structures_refuse() {
    let schema = schema();
    let of = |path: &str| schema.pointer(path).unwrap_or_else(|| panic!("no {path}"));
    let server = "/properties/server/properties";
    assert_eq!(of(&format!("{server}/idle_timeout_s/maximum")), 3600);
    assert_eq!(of(&format!("{server}/idle_timeout_s/default")), 60);
    assert_eq!(
        of("/properties/drones/properties/mode/enum"),
        &json!(["auto", "simulation", "real"])
    );
    let drone = "/properties/drones/properties/drone/items";
    assert_eq!(of(&format!("{drone}/required")), &json!(["id"]));
    let slack = "/properties/notify/properties/slack/items/properties";
    assert_eq!(of(&format!("{slack}/language/enum")), &json!(["en", "ja"]));
    // Every key that has a default is in it.
    for (section, content) in to_table(&Config::default()) {
        let keys = content.as_table().into_iter().flat_map(Table::keys);
        for key in keys {
            of(&format!("/properties/{section}/properties/{key}"));
        }
    }
}
