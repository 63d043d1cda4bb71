//! Any query and any body at every route of the document, with a key that may all: an
//! answer with a status comes, and never one that says that the gateway itself is at fault.
#![no_main]

mod running;

use std::fmt::Write as _;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

/// Not to be asked of the machine that fuzzes: they set its clock, send into its networks,
/// take what is put in place of the program, or answer without an end.
const LEFT_OUT: [&str; 8] = [
    "/api/system/time",
    "/api/system/auto-scan",
    "/api/system/update",
    "/api/drones/scan",
    "/api/drones/detect",
    "/stream",
    "/ws",
    "/api/session",
];

/// Method and path of each.
static ROUTES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let document: serde_json::Value =
        serde_json::from_str(include_str!("../../../gateway/openapi.json")).expect("our document");
    let paths = document["paths"].as_object().expect("paths");
    let mut routes = Vec::new();
    for (path, methods) in paths {
        if LEFT_OUT.iter().any(|part| path.contains(part)) {
            continue;
        }
        let path = path
            .replace("{drone_id}", "drone_001")
            .replace("{group_id}", "all");
        for method in ["get", "post", "put", "delete"] {
            if methods.get(method).is_some() {
                routes.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    routes
});

/// As a client writes it: what may not stand there is escaped.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'!'..=b'~' if byte != b'#' => text.push(byte.into()),
            _ => write!(text, "%{byte:02X}").expect("to a string"),
        }
    }
    text
}

// One byte says which route; then what stands for its variables, the query and the body,
// each up to a line's end.
fuzz_target!(|data: &[u8]| {
    let Some((&which, rest)) = data.split_first() else {
        return;
    };
    let mut parts = rest.splitn(3, |&byte| byte == b'\n');
    let [name, query, body] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let (method, path) = &ROUTES[usize::from(which) % ROUTES.len()];
    let mut target = String::new();
    for (index, part) in path.split(['{', '}']).enumerate() {
        // Every second part stands in braces.
        target += &if index % 2 == 0 {
            part.to_owned()
        } else {
            escaped(name).replace(['/', '?'], "_")
        };
    }
    if !query.is_empty() {
        target = format!("{target}?{}", escaped(query));
    }
    let more = if method == "GET" {
        String::new()
    } else {
        format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        )
    };
    let body = if method == "GET" { b"" } else { body };
    let (status, answer) = running::ask(method, &target, &more, body);
    // (503: no drone answers here, and no upstream.)
    assert!(status < 500 || status == 503, "{method} {target}: {answer}");
});
