//! What the gateway works with and does not hold: drones, those whom notifications go to,
//! the vision service. Each is asked whether it is there, all at the same time.

use futures_util::future::join3;

use super::{Finding, Running, Severity, finding};
use crate::config::Config;
use crate::notify;
use crate::sources::tello::{self as drones, Answer};
use crate::upstream::Upstream;

/// Asks all of them.
pub(super) async fn ask(config: &Config, running: &Running) -> Vec<Finding> {
    let (mut found, channels, upstream) = join3(
        drones(config, running),
        channels(config),
        vision_service(config),
    )
    .await;
    found.extend(channels);
    found.extend(upstream);
    found
}

async fn drones(config: &Config, running: &Running) -> Vec<Finding> {
    if config.drones.drone.is_empty() {
        let text = "none configured; add [[drones.drone]] with id and address, or run `demo`";
        return vec![finding(Severity::Warning, "drones", text)];
    }
    // Who talks to a drone that another program has would only disturb both.
    if let Running::Yes(health) = running {
        let silent = health.iter().flat_map(|health| &health.silent);
        let mut found: Vec<Finding> = silent
            .map(|(id, reason)| finding(Severity::Error, id, reason.as_str()))
            .collect();
        if found.is_empty() {
            let text = "the running gateway misses none that it is connected to; those it is not connected to \
                        were not asked";
            found.push(finding(Severity::Ok, "drones", text));
        }
        return found;
    }
    match drones::ask_configured(&config.drones, crate::cli::state_dir(config)).await {
        Ok(answers) => answers
            .into_iter()
            .map(|(id, answer)| drone(&id, &answer))
            .collect(),
        Err(error) => vec![finding(Severity::Refused, "drones", error.to_string())],
    }
}

fn drone(id: &str, answer: &Answer) -> Finding {
    match answer {
        Answer::OwnSimulator => finding(Severity::Ok, id, "simulated by the gateway"),
        Answer::There { battery_pct } => {
            let battery = battery_pct.map_or_else(String::new, |pct| format!(", battery {pct} %"));
            finding(Severity::Ok, id, format!("it answers{battery}"))
        }
        Answer::Silent(reason) => finding(Severity::Error, id, reason.as_str()),
        Answer::NotAsked => finding(Severity::Warning, id, "not asked: it has an IPv6 address"),
        Answer::InTheAir => {
            let text = "not asked: it was in the air when the gateway last ran, and may be still";
            finding(Severity::Warning, id, text)
        }
    }
}

async fn channels(config: &Config) -> Vec<Finding> {
    let checked = notify::check(config).await;
    checked
        .into_iter()
        .map(|(subject, outcome)| reachable(&subject, outcome))
        .collect()
}

async fn vision_service(config: &Config) -> Option<Finding> {
    // Refused settings do not come here.
    let upstream = Upstream::new(&config.upstream).ok()?;
    let outcome = upstream.reach().await?;
    Some(reachable("upstream", outcome))
}

fn reachable(subject: &str, outcome: Result<(), String>) -> Finding {
    match outcome {
        Ok(()) => finding(Severity::Ok, subject, "it takes connections"),
        Err(reason) => finding(
            Severity::Error,
            subject,
            format!("it cannot be reached: {reason}"),
        ),
    }
}
