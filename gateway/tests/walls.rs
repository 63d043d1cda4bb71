//! Who may import whom inside the application: every arrow points down.
//!
//! The crates under `gateway/crates` keep their walls by the compiler. Inside the
//! application this table is the wall: a room may name (`crate::room`) only those
//! that stand in its row, and rows name only rooms that stand above them, so there
//! can be no circle.

#[path = "walls/circles.rs"]
mod circles;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A room, and whom it may import. Lowest first.
const ROOMS: &[(&str, &[&str])] = &[
    ("cache", &[]),
    ("config", &[]),
    ("control", &[]),
    ("networks", &[]),
    ("outbound", &[]),
    ("performance", &[]),
    ("shares", &[]),
    ("state_file", &[]),
    ("broker", &["config", "outbound"]),
    ("access_sessions", &["state_file"]),
    ("access_store", &["access_sessions"]),
    ("qr", &[]),
    ("mutes", &["state_file"]),
    ("players", &["state_file"]),
    ("supervision", &[]),
    ("alerts", &["config", "state_file"]),
    ("logging", &["config", "outbound"]),
    ("update", &["config"]),
    ("notify", &["broker", "config", "outbound", "supervision"]),
    ("upstream", &["config", "outbound", "shares"]),
    ("sources", &["config", "state_file", "supervision"]),
    ("demo", &["config", "sources"]),
    ("plans", &["config", "sources"]),
    ("safety", &["config", "sources", "state_file"]),
    // (For tests alone.)
    (
        "world",
        &["alerts", "config", "safety", "sources", "state_file"],
    ),
    ("mqtt", &["broker", "config", "sources", "supervision"]),
    ("rtsp", &["players", "shares", "sources"]),
    ("photos", &["config", "sources"]),
    ("recordings", &["config", "sources", "supervision"]),
    (
        "settings",
        &["config", "logging", "notify", "sources", "upstream"],
    ),
    (
        "http",
        &[
            "cache",
            "config",
            "demo",
            "mutes",
            "notify",
            "performance",
            "photos",
            "plans",
            "players",
            "recordings",
            "safety",
            "shares",
            "sources",
            "supervision",
            "update",
            "upstream",
        ],
    ),
    (
        "routes",
        &[
            "cache",
            "config",
            "demo",
            "mutes",
            "http",
            "logging",
            "notify",
            "performance",
            "photos",
            "plans",
            "players",
            "recordings",
            "qr",
            "safety",
            "sources",
            "supervision",
            "update",
            "upstream",
        ],
    ),
    (
        "live",
        &[
            "config", "mutes", "http", "players", "routes", "shares", "sources",
        ],
    ),
    ("table", &["http", "live", "routes"]),
    (
        "app",
        &[
            "access_store",
            "alerts",
            "cache",
            "config",
            "mqtt",
            "mutes",
            "control",
            "demo",
            "http",
            "logging",
            "networks",
            "notify",
            "performance",
            "photos",
            "plans",
            "players",
            "recordings",
            "routes",
            "rtsp",
            "settings",
            "safety",
            "sources",
            "supervision",
            "table",
            "update",
            "upstream",
        ],
    ),
    (
        "cli",
        &[
            "access_store",
            "app",
            "config",
            "control",
            "demo",
            "logging",
            "notify",
            "outbound",
            "plans",
            "qr",
            "recordings",
            "settings",
            "sources",
            "update",
            "upstream",
        ],
    ),
];

#[test]
fn rows_name_only_rooms_above_them() {
    for (index, (room, may)) in ROOMS.iter().enumerate() {
        for other in *may {
            assert!(
                ROOMS[..index].iter().any(|(above, _)| above == other),
                "{room} may import {other}, which does not stand above it"
            );
        }
    }
}

#[test]
fn every_room_imports_only_what_its_row_allows_and_no_row_allows_more() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for file in sources(&root) {
        let room = room_of(&root, &file);
        if ["lib", "main"].contains(&room.as_str()) {
            continue;
        }
        let Some((_, may)) = ROOMS.iter().find(|(known, _)| *known == room) else {
            wrong.push(format!("{} is of no room in the table", file.display()));
            continue;
        };
        let text = std::fs::read_to_string(&file).expect("a source can be read");
        for other in imported(&text) {
            if other == room {
                continue;
            }
            if !may.contains(&other.as_str()) {
                wrong.push(format!("{} imports {other}", file.display()));
            }
            used.insert((room.clone(), other));
        }
    }
    // What nothing uses any more is an arrow less.
    for (room, may) in ROOMS {
        let unused = may
            .iter()
            .filter(|other| !used.contains(&((*room).to_owned(), (**other).to_owned())));
        wrong.extend(unused.map(|other| format!("{room} does not need {other} any more")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Crates of the workspace, by their folders.
const CRATES: &[&str] = &[
    "boards",
    "deploy/update-status",
    "deploy/updater",
    "firmware-bridge",
    "gateway",
    "gateway/crates/access",
    "gateway/crates/alerting",
    "gateway/crates/durable",
    "gateway/crates/https",
    "gateway/crates/readings",
    "gateway/crates/recording",
    "gateway/crates/remux",
    "gateway/crates/store",
    "gateway/crates/tello",
    "gateway/crates/tello-simulator",
    "tests",
];

/// Circles that are still there. Exactly these: one that is gone leaves the list.
const KNOWN_CIRCLES: &[&[&str]] = &[];

#[test]
fn no_files_need_each_other_in_a_circle() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for name in CRATES {
        let root = workspace.join(name).join("src");
        for circle in circles::circles(&root, &sources(&root)) {
            let named = circle.iter().map(|file| format!("{name}/src/{file}"));
            found.push(named.collect::<Vec<_>>());
        }
    }
    assert_eq!(
        found, KNOWN_CIRCLES,
        "circles of files, and those that are known"
    );
}

/// The rooms that a file names, outside its tests: `crate::room`, also in a list.
fn imported(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut rooms = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let list = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => rest
                .split([';', ',', ' ', '(', '\n'])
                .next()
                .unwrap_or_default(),
        };
        let first = |path: &str| {
            let name: String = path
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            name
        };
        rooms.extend(list.split(',').map(first).filter(|room| !room.is_empty()));
    }
    rooms
}

/// Every Rust file below `dir` that is not of tests alone.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).expect("a folder can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "tests" {
                waiting.push(path);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                found.push(path);
            }
        }
    }
    found
}

fn room_of(root: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(root).expect("below the root");
    let first = inside.iter().next().unwrap_or_default().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}
