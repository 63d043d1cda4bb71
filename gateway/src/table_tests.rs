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
