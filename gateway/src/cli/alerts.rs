//! `alerts`: of the running gateway: listed, acknowledged, resolved.

use hyper::Method;
use serde_json::{Value, json};

use super::args::{AlertsArgs, AlertsCommand};
use super::console::{Console, at, print_json, segment, shown};

pub(super) fn alerts(args: AlertsArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Console::open(&config).await?;
        match args.command {
            AlertsCommand::List { all, json } => list(&gateway, all, json).await,
            AlertsCommand::Ack { ids, json } => answer(&gateway, &ids, "acknowledge", json).await,
            AlertsCommand::Resolve { ids, json } => answer(&gateway, &ids, "resolve", json).await,
        }
    })
}

async fn list(gateway: &Console, all: bool, as_json: bool) -> anyhow::Result<()> {
    let path = format!("/api/alerts?limit=0&unresolved_only={}", !all);
    let answer = gateway.ask(Method::GET, &path, None).await?;
    if as_json {
        return print_json(&answer["alerts"]);
    }
    let alerts = answer["alerts"].as_array().map_or(&[][..], Vec::as_slice);
    if alerts.is_empty() {
        println!("no alerts");
        return Ok(());
    }
    println!(
        "{:<24} {:<19} {:<9} {:<12} MESSAGE",
        "ID", "SINCE (UTC)", "LEVEL", "STATE"
    );
    alerts.iter().for_each(line);
    Ok(())
}

/// One alert on a line.
pub(super) fn line(alert: &Value) {
    let is = |name: &str| alert[name].as_bool().unwrap_or(false);
    let state = match (is("resolved"), is("acknowledged")) {
        (true, _) => "resolved",
        (false, true) => "acknowledged",
        (false, false) => "open",
    };
    println!(
        "{:<24} {:<19} {} {state:<12} {}",
        shown(&alert["id"]),
        at(&alert["created_at"]),
        super::colour::level(&shown(&alert["level"]), 9),
        shown(&alert["message"])
    );
}

/// Acknowledges or resolves each; the first that is refused ends it.
async fn answer(gateway: &Console, ids: &[String], act: &str, as_json: bool) -> anyhow::Result<()> {
    let mut done = Vec::new();
    for id in ids {
        let path = format!("/api/alerts/{}/{act}", segment(id));
        let answer = gateway.ask(Method::POST, &path, None).await;
        let answer = answer.map_err(|error| error.context(id.clone()))?;
        if !as_json {
            println!("{}", shown(&answer["message"]));
        }
        done.push(json!({ "id": id, "done": act }));
    }
    match as_json {
        true => print_json(&done),
        false => Ok(()),
    }
}
