//! The table, and the document that it gives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::http::document::DOCUMENT;
use crate::http::openapi::{TAGS, build, describe as document_of, operation_id};

/// Set to write the document anew after a wanted change of the API.
const UPDATE: &str = "UPDATE_OPENAPI";

#[test]
fn the_committed_document_is_the_one_the_table_gives() {
    let made = document_of(table());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &made).expect("the document can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the document is committed");
    assert!(
        made == committed,
        "gateway/openapi.json is stale: run the tests with {UPDATE}=1 and review the change"
    );
}

#[test]
fn what_is_served_is_the_committed_document_in_fewer_bytes() {
    let committed: Value = serde_json::from_str(&document_of(table())).expect("JSON");
    let bytes = DOCUMENT.unpack().expect("unpacks");
    let served: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(served, committed);
    assert_eq!(
        bytes.len(),
        serde_json::to_vec(&served).expect("serialises").len()
    );
}

#[test]
fn no_two_schemas_share_a_name() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (name, schema) in build(table()).1 {
        let text = serde_json::to_string(&schema).expect("serialises");
        let first = seen.entry(name.clone()).or_insert_with(|| text.clone());
        assert_eq!(*first, text, "two schemas are called {name}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_its_own_id() {
    let (document, schemas) = build(table());
    let text = serde_json::to_string(&document).expect("serialises");
    let names: BTreeSet<&str> = schemas.iter().map(|(name, _)| name.as_str()).collect();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a quote ends it");
        assert!(names.contains(name), "{name} is not described");
    }
    let ids: BTreeSet<String> = table().routes().map(operation_id).collect();
    assert_eq!(ids.len(), table().routes().count());
    assert!(text.starts_with("{\"openapi\":\"3.1"));
}

#[test]
fn a_reader_of_the_document_need_not_guess() {
    let document: Value = serde_json::from_str(&document_of(table())).expect("JSON");
    let told: BTreeSet<&str> = TAGS.iter().map(|(name, _)| *name).collect();
    for (path, verbs) in document["paths"].as_object().expect("paths") {
        for (verb, operation) in verbs.as_object().expect("operations") {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            assert!(
                told.contains(tag),
                "{verb} {path}: the group {tag} is not described"
            );
            // An empty list says that no key is asked for.
            assert!(operation["security"].is_array(), "{verb} {path}");
            for (place, content) in [
                (
                    "body",
                    &operation["requestBody"]["content"]["application/json"],
                ),
                (
                    "answer",
                    &operation["responses"]["200"]["content"]["application/json"],
                ),
            ] {
                let is_described = content.get("schema").is_some();
                // What the vision service answers as well; the documents themselves are none.
                assert!(
                    content.is_null() || is_described || tag == "documents",
                    "{verb} {path}: {place} is of no shape"
                );
                assert_eq!(
                    content.get("example").is_some(),
                    is_described,
                    "{verb} {path}: {place}"
                );
            }
        }
    }
}

#[test]
fn every_member_of_every_schema_is_described() {
    let document: Value = serde_json::from_str(&document_of(table())).expect("JSON");
    let mut silent = Vec::new();
    members(
        &document,
        &document["components"]["schemas"],
        "",
        &mut silent,
    );
    members(&document, &document["paths"], "", &mut silent);
    assert!(silent.is_empty(), "without a description: {silent:#?}");
}

/// A flattened part that may be absent has optional members: an object is never null.
#[test]
fn no_part_of_an_object_is_itself_optional() {
    let document: Value = serde_json::from_str(&document_of(table())).expect("JSON");
    let schemas = document["components"]["schemas"].as_object();
    for (name, schema) in schemas.expect("schemas") {
        let parts = schema["allOf"].as_array().into_iter().flatten();
        for part in parts {
            assert!(part.get("oneOf").is_none(), "{name}: {part}");
        }
    }
}

/// The members of every object schema below `at` that say nothing of themselves.
fn members(document: &Value, at: &Value, path: &str, silent: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match at {
        Value::Object(object) => object.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(list) => list.iter().map(|v| (String::new(), v)).collect(),
        _ => return,
    };
    if let Some(Value::Object(properties)) = at.get("properties") {
        let of = properties.iter();
        let says_nothing = of.filter(|(_, member)| !is_described(document, member));
        silent.extend(says_nothing.map(|(name, _)| format!("{path}: {name}")));
    }
    // What stands in an example is nobody's schema.
    for (name, value) in below.into_iter().filter(|(name, _)| name != "example") {
        members(document, value, &format!("{path}/{name}"), silent);
    }
}

/// Whether a member is described, by itself or by the schema that it is of.
fn is_described(document: &Value, member: &Value) -> bool {
    let refers = |to: &Value| {
        let reference = to["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
        reference.is_some_and(|to| {
            let schema = document.pointer(to);
            schema.is_some_and(|schema| schema.get("description").is_some())
        })
    };
    let one_of = member["oneOf"].as_array();
    member.get("description").is_some()
        || refers(member)
        || one_of.is_some_and(|kinds| kinds.iter().any(refers))
}

#[test]
fn paths_are_found_by_their_templates() {
    assert!(table().exists("/") && table().exists("/health"));
    for wrong in ["//evil.example", "/nowhere", "/health/x"] {
        assert!(!table().exists(wrong), "{wrong}");
    }
}

#[test]
fn no_method_of_a_path_stands_twice() {
    for endpoint in table().endpoints() {
        for (index, route) in endpoint.routes.iter().enumerate() {
            assert!(
                endpoint.routes[..index]
                    .iter()
                    .all(|other| other.verb != route.verb),
                "{}",
                endpoint.path
            );
        }
    }
}
