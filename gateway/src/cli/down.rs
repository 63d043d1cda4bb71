//! `land-all`, `stop-all`, `emergency-all`: every drone of the running gateway, for whoever
//! stands at the board without a key at hand.

use std::process::ExitCode;

use anyhow::Context as _;
use hyper::Method;
use serde_json::Value;

use super::args::DownArgs;
use crate::control::Client;

/// Tells all of them; the exit code says whether each that needed it was told.
pub(super) fn all(args: &DownArgs, command: &str) -> anyhow::Result<ExitCode> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    let results: Value = super::small_runtime()?.block_on(async {
        let gateway = Client::connect(super::state_dir(&config)).await;
        let gateway = gateway.context(
            "no gateway runs on this state directory, so nobody tells the drones; they land by themselves 15 s after \
             their last command",
        )?;
        let path = format!("/down/{command}");
        let told = gateway.json(Method::POST, &path, None::<&()>).await;
        told.map_err(anyhow::Error::from)
    })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        for line in lines(&results) {
            println!("{line}");
        }
    }
    Ok(match results["success"] == true {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(super::EXIT_FINDINGS),
    })
}

/// One line for each drone, and what it comes to.
fn lines(results: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let each = results["results"].as_array().into_iter().flatten();
    let mut lines: Vec<String> = each
        .map(|one| {
            format!(
                "{:<12}  {}: {}",
                text(&one["result"]),
                text(&one["drone_id"]),
                text(&one["message"])
            )
        })
        .collect();
    lines.push(text(&results["message"]));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_drone_has_a_line_and_all_have_one() {
        let results = json!({
            "success": false,
            "message": "land: 1 of 2 drones told, 1 failed",
            "results": [
                {"drone_id": "d1", "result": "sent", "message": "Drone d1: land taken"},
                {"drone_id": "d2", "result": "failed", "message": "the task of this drone has ended"},
            ],
        });
        let lines = lines(&results);
        assert_eq!(lines.len(), 3);
        assert!(lines[1].starts_with("failed") && lines[1].contains("d2: the task"));
        assert_eq!(lines[2], "land: 1 of 2 drones told, 1 failed");
    }
}
