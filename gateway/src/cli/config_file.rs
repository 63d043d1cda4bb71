//! `config`: what is in force and where it was set; the annotated file; its schema.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::args::{ConfigCommand, ConfigFileArgs};
use super::console::print_json;
use crate::config::{Shown, example, schema};

pub(super) fn config(args: &ConfigFileArgs) -> anyhow::Result<()> {
    match &args.command {
        ConfigCommand::Show { json, changed } => {
            let mut shown = super::load(&args.config)?.shown();
            if *changed {
                shown.retain(|one| one.from.is_some());
            }
            show(&shown, *json)
        }
        ConfigCommand::Init { file } => init(file.as_deref()),
        ConfigCommand::Schema => {
            print!(
                "{}",
                schema().context("the schema in the program is damaged")?
            );
            Ok(())
        }
    }
}

fn init(file: Option<&Path>) -> anyhow::Result<()> {
    let text = example().context("the file in the program is damaged")?;
    let Some(path) = file else {
        print!("{text}");
        return Ok(());
    };
    // Somebody's settings are never overwritten.
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    println!(
        "{}\nSwitch on what you need by removing the `#` in front of it; then: mfg-drone-gateway check --config {}",
        path.display(),
        path.display()
    );
    Ok(())
}

fn show(shown: &[Shown], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let one = |one: &Shown| {
            let value = json!({
                "value": one.value,
                "from": one.from.as_ref().map(ToString::to_string),
            });
            (one.path.join("."), value)
        };
        return print_json(&Value::Object(shown.iter().map(one).collect::<Map<_, _>>()));
    }
    let mut table: &[String] = &[];
    for one in shown {
        let (key, of) = match one.path.split_last() {
            Some(split) => split,
            None => continue,
        };
        if of != table {
            let is_first = table.is_empty();
            print!("{}{}\n", if is_first { "" } else { "\n" }, header(of));
            table = of;
        }
        let from = match &one.from {
            Some(place) => place.to_string(),
            None => "default".to_owned(),
        };
        println!("{:<52} # {from}", format!("{key} = {}", one.value));
    }
    Ok(())
}

/// `[server]`, or `[[drones.drone]]` where a number in a list stands at the end.
fn header(of: &[String]) -> String {
    match of.split_last() {
        Some((last, list)) if last.parse::<usize>().is_ok() => format!("[[{}]]", list.join(".")),
        _ => format!("[{}]", of.join(".")),
    }
}
