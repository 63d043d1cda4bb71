//! Makes `docs/commands.md` from the tables, and holds the committed one to it.
//!
//! `UPDATE_COMMANDS=1 cargo test -p tello --lib catalog::document_tests` writes it.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::command::Query;

const FILE: &str = "../../../docs/commands.md";

const HEAD: &str = "\
# Every command of the SDK

Made from the tables in `gateway/crates/tello/src/catalog/`; do not write here. How commands are given is in `flying.md`.

## Commands of the table

Each is `POST /api/drones/{drone_id}/WORD`, the same for a group, an action of `POST …/command` and of `command` on the WebSocket, a step of a flight plan (but for
`reboot`) and `fly DRONE WORD` on the command line. Lengths are centimetres, speeds cm/s.

| command | SDK | values | changes | done when | what |
|---|---|---|---|---|---|
";

const ASKED: &str = "
## Questions

`POST /api/drones/{drone_id}/ask` with `{\"what\": \"wifi\"}`, or `fly DRONE ask wifi`. The drone answers in its own words, units and all.

| what | SDK |
|---|---|
";

const OTHERS: &str = "
## The SDK's other words

| word | SDK | here |
|---|---|---|
";

fn sdk(major: u8) -> &'static str {
    ["", "1.3", "2.0", "3.0"]
        .get(usize::from(major))
        .copied()
        .unwrap_or_default()
}

fn values(entry: &Entry) -> String {
    let values = entry.parameters.iter().map(|parameter| {
        let kind = match parameter.kind {
            Kind::Number { low, high, unit } => format!("{low} to {high} {}", unit.symbol())
                .trim_end()
                .to_owned(),
            Kind::Choice(choices) => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                names.join(", ")
            }
            Kind::Pad { any: true } => {
                "1 to 8 (SDK 2.0), −1 any, −2 the nearest (SDK 3.0)".to_owned()
            }
            Kind::Pad { any: false } => "1 to 8".to_owned(),
        };
        let optional = if parameter.optional {
            ", may be left out"
        } else {
            ""
        };
        format!("`{}`: {kind}{optional}", parameter.name)
    });
    values.collect::<Vec<_>>().join("<br>")
}

fn changes(changes: Changes) -> String {
    let mut all = Vec::new();
    all.extend(changes.position.then_some("where it is"));
    all.extend(changes.heading.then_some("where it looks"));
    let phase = changes.phase.map(|phase| format!("it {phase}"));
    all.extend(phase.as_deref());
    match (all.is_empty(), changes.confirmed) {
        (false, _) => all.join(", "),
        (true, Confirmed::OkAfterIt) => "nothing that lasts".to_owned(),
        (true, _) => "a setting".to_owned(),
    }
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for entry in COMMANDS {
        let done = match entry.effect.changes().confirmed {
            Confirmed::OkAfterIt => "`ok`, when it is over",
            Confirmed::OkAtOnce => "`ok`, at once",
            Confirmed::State => "its states show it",
        };
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {done} | {} |",
            entry.word,
            sdk(entry.since_sdk),
            values(entry),
            changes(entry.effect.changes()),
            entry.about
        )
        .expect("text");
    }
    text.push_str(ASKED);
    for query in Query::ALL {
        writeln!(text, "| `{}` | {} |", query.name(), sdk(query.since_sdk())).expect("text");
    }
    text.push_str(OTHERS);
    for known in ELSEWHERE
        .iter()
        .filter(|known| !known.word.ends_with('?') || known.word == "active?")
    {
        let here = match known.place {
            Place::Is(what) => what.to_owned(),
            Place::Refused(why) => format!("refused: {why}"),
        };
        writeln!(
            text,
            "| `{}` | {} | {here} |",
            known.word,
            sdk(known.since_sdk)
        )
        .expect("text");
    }
    text
}

#[test]
fn the_committed_document_is_that_of_the_tables() {
    let (file, made) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE), document());
    if std::env::var_os("UPDATE_COMMANDS").is_some() {
        std::fs::write(&file, &made).expect("written");
    }
    let committed = std::fs::read_to_string(&file).expect("docs/commands.md");
    assert!(
        committed == made,
        "docs/commands.md is old: UPDATE_COMMANDS=1 writes it"
    );
}
