//! The checklist of the API contract: documented examples, negative checks and
//! the shapes of every answer.

mod alerts;
mod dashboards;
mod examples;
mod keys;
mod rules;

use gateway_tests::{Gateway, eventually};
use http::Method;
use serde_json::{Value, json};

/// Fails with the path of the first key that is absent.
fn has(value: &Value, keys: &[&str]) {
    for key in keys {
        let mut at = value;
        for part in key.split('.') {
            at = at
                .get(part)
                .unwrap_or_else(|| panic!("{key} is absent in {value:#}"));
        }
    }
}

fn is_timestamp(value: &Value) {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("no time stamp: {value}"));
    assert!(
        text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T',
        "{text}"
    );
}
