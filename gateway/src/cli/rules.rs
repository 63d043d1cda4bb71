//! `rules`: are the rules of a configuration sound, and which apply on this board? And
//! those of the running gateway: listed, tried out, added, changed, deleted.

use std::process::ExitCode;

use alerting::RuleView;
use anyhow::Context as _;
use boards::Board;
use hyper::Method;
use serde_json::{Map, Value, json};

use super::args::{ConfigArgs, RuleFields, RulesArgs, RulesCommand};
use super::console::{Console, print_json, segment, shown};
use crate::config::{Config, ConfigError};
use crate::settings;
use crate::sources::{board as board_room, bridge};

/// The rules in the API.
const RULES: &str = "/api/alerts/rules";

pub(super) fn rules(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    let config = &args.config;
    match &args.command {
        RulesCommand::Check { file } => {
            let mut config = config.clone();
            config.config = file.clone().or(config.config);
            of_configuration(&config, false)?;
        }
        RulesCommand::List { json } => list(config, *json)?,
        RulesCommand::Add { name, fields, json } => {
            let rule = with(json!({ "name": name }), fields)?;
            changed(config, Method::POST, RULES, &rule, *json)?;
        }
        RulesCommand::Edit { name, fields, json } => {
            let rule = with(of_name(config, name)?, fields)?;
            let path = format!("{RULES}/{}", segment(name));
            changed(config, Method::PUT, &path, &rule, *json)?;
        }
        RulesCommand::Delete { name } => {
            let path = format!("{RULES}/{}", segment(name));
            let answer = ask(config, Method::DELETE, &path, None)?;
            println!("{}", shown(&answer["message"]));
        }
        RulesCommand::Test { name, fields, json } => {
            let rule = match name {
                Some(name) => of_name(config, name)?,
                None => json!({}),
            };
            test(config, &with(rule, fields)?, *json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One question to the running gateway, as the owner of its state.
fn ask(
    config: &ConfigArgs,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let config = super::load(config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?
        .block_on(async { Console::open(&config).await?.ask(method, path, body).await })
}

/// The rule of that name, with what a body of it takes.
fn of_name(config: &ConfigArgs, name: &str) -> anyhow::Result<Value> {
    let mut answer = ask(config, Method::GET, RULES, None)?;
    let rules = answer["rules"].as_array_mut();
    let found = rules.and_then(|rules| rules.iter_mut().find(|rule| rule["name"] == name));
    let mut rule = found
        .map(Value::take)
        .with_context(|| format!("there is no rule called {name:?}; `rules list` shows them"))?;
    if let Some(rule) = rule.as_object_mut() {
        // What the gateway adds, and what is not set.
        rule.retain(|key, value| {
            !["origin", "last_triggered", "name"].contains(&key.as_str()) && !value.is_null()
        });
    }
    Ok(rule)
}

/// `rule` with what was given on the command line.
fn with(mut rule: Value, fields: &RuleFields) -> anyhow::Result<Value> {
    let given = json!({
        "metric": fields.metric,
        "operator": fields.operator,
        "threshold": fields.threshold,
        "level": fields.level,
        "type": fields.alert_type,
        "enabled": fields.enabled,
        "cooldown_minutes": fields.cooldown_minutes,
        "for_s": fields.for_s,
        "hysteresis": fields.hysteresis,
        "source": fields.source,
        "auto_resolve": fields.auto_resolve,
    });
    let none = Map::new();
    let given = given.as_object().unwrap_or(&none);
    let rule_fields = rule.as_object_mut().context("a rule is an object")?;
    for (key, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        rule_fields.insert(key.clone(), value.clone());
    }
    Ok(rule)
}

fn changed(
    config: &ConfigArgs,
    method: Method,
    path: &str,
    rule: &Value,
    as_json: bool,
) -> anyhow::Result<()> {
    let made = ask(config, method, path, Some(rule))?;
    if as_json {
        return print_json(&made);
    }
    heading();
    line(&made);
    Ok(())
}

fn test(config: &ConfigArgs, rule: &Value, as_json: bool) -> anyhow::Result<()> {
    let path = format!("{RULES}/preview");
    let preview = ask(config, Method::POST, &path, Some(rule))?;
    if as_json {
        return print_json(&preview);
    }
    println!("would have fired {} in the last 24 h", times(&preview));
    for source in preview["sources"].as_array().into_iter().flatten() {
        let recorded_h = source["recorded_s"].as_f64().unwrap_or(0.0) / 3600.0;
        println!(
            "  {:<20} {} ({recorded_h:.1} h recorded)",
            shown(&source["source"]),
            times(source)
        );
    }
    Ok(())
}

/// `3 times`, or `1 to 4 times` where it is not certain.
fn times(preview: &Value) -> String {
    match preview["fired"].as_u64() {
        Some(fired) => format!("{fired} times"),
        None => format!(
            "{} to {} times",
            shown(&preview["at_least"]),
            shown(&preview["at_most"])
        ),
    }
}

fn list(args: &ConfigArgs, as_json: bool) -> anyhow::Result<()> {
    let config = super::load(args)?.config;
    let running = super::small_runtime()?.block_on(async {
        let gateway = Console::find(&config).await?;
        gateway.ask(Method::GET, RULES, None).await.ok()
    });
    let Some(answer) = running else {
        return of_configuration(args, as_json);
    };
    if as_json {
        return print_json(&answer["rules"]);
    }
    heading();
    answer["rules"]
        .as_array()
        .into_iter()
        .flatten()
        .for_each(line);
    println!("As the running gateway has them.");
    Ok(())
}

fn of_configuration(args: &ConfigArgs, as_json: bool) -> anyhow::Result<()> {
    let loaded = super::load(args)?;
    ConfigError::unless_sound(settings::rule_problems(&loaded))?;
    let board = board(&loaded.config);
    let rules: Vec<Value> = in_effect(&loaded.config, board.as_ref())?
        .iter()
        .map(listed)
        .collect();
    if as_json {
        return print_json(&rules);
    }
    heading();
    rules.iter().for_each(line);
    if let Some(board) = board {
        println!(
            "With the default rules for this board, {}.",
            board.detected().profile.name
        );
    }
    Ok(())
}

/// The rules `run` would start with on that board; those changed through the
/// API are known to the running gateway only.
pub(super) fn in_effect(config: &Config, board: Option<&Board>) -> anyhow::Result<Vec<RuleView>> {
    let limits = board.map(|board| board.sensors().temperature_limits());
    let mut defaults = limits.map(board_room::default_rules).unwrap_or_default();
    defaults.extend(bridge::default_rules(&config.bridge));
    Ok(alerting::effective_rules(&config.alerts, &defaults)?)
}

/// The board of the configuration; none where its sensors are not read.
fn board(config: &Config) -> Option<Board> {
    let board = config
        .board
        .enabled
        .then(|| board_room::open(&config.board))?;
    board
        .inspect_err(|error| eprintln!("without rules for the board: {error}"))
        .ok()
}

/// A rule with the members that it has in the API.
fn listed(view: &RuleView) -> Value {
    let rule = &view.rule;
    json!({
        "name": &*rule.name,
        "metric": rule.metric.name(),
        "operator": rule.operator.symbol(),
        "threshold": rule.threshold,
        "level": rule.level.name(),
        "type": rule.alert_type.name(),
        "enabled": rule.enabled,
        "cooldown_minutes": rule.cooldown_minutes(),
        "for_s": rule.for_s(),
        "hysteresis": rule.hysteresis,
        "source": rule.source.as_deref(),
        "auto_resolve": rule.auto_resolve,
        "origin": view.origin,
    })
}

fn heading() {
    println!(
        "{:<28} {:<22} {:>2} {:>9}  {:<9} {:>6} {:>8}  SOURCE",
        "RULE", "METRIC", "", "THRESHOLD", "LEVEL", "FOR", "COOLDOWN"
    );
}

fn line(rule: &Value) {
    println!(
        "{:<28} {:<22} {:>2} {:>9}  {:<9} {:>4} s {:>4} min  {}{}",
        shown(&rule["name"]),
        shown(&rule["metric"]),
        shown(&rule["operator"]),
        rule["threshold"].as_f64().unwrap_or_default(),
        shown(&rule["level"]),
        shown(&rule["for_s"]),
        shown(&rule["cooldown_minutes"]),
        rule["source"].as_str().unwrap_or("all"),
        if rule["enabled"] == false {
            "  (disabled)"
        } else {
            ""
        },
    );
}
