//! `status`: the running gateway on one screen.
//!
//! Nothing is worked out here: each part is what the API says, put beside the others.

use hyper::Method;
use serde_json::{Value, json};

use super::args::StatusArgs;
use super::console::{Console, print_json, shown};
use super::{alerts, colour};
use crate::config::Config;
use crate::control::Health;

/// Most alerts on the screen; `alerts list` has them all.
const MOST_ALERTS: usize = 10;

pub(super) fn status(args: &StatusArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    super::small_runtime()?.block_on(async {
        let gateway = Console::open(&config).await?;
        let health = gateway.health().await?;
        let ask = async |path: &str| gateway.ask(Method::GET, path, None).await;
        let alerts = ask("/api/alerts?limit=0&unresolved_only=true").await?;
        let all = Parts {
            system: ask("/api/dashboard/system").await?,
            drones: ask("/api/dashboard/drones").await?,
            alerts: alerts["alerts"].clone(),
            targets: ask("/api/notify/targets").await?["targets"].clone(),
        };
        match args.json {
            true => print_json(&all.json(&config, &health)),
            false => {
                all.show(&config, &health);
                Ok(())
            }
        }
    })
}

/// What the gateway answered.
struct Parts {
    system: Value,
    drones: Value,
    alerts: Value,
    targets: Value,
}

impl Parts {
    fn json(&self, config: &Config, health: &Health) -> Value {
        json!({
            "gateway": config.gateway.name_or_host(),
            "version": env!("CARGO_PKG_VERSION"),
            "listen": health.listen,
            "problem": health.problem,
            "airborne": health.airborne,
            "system": self.system,
            "drones": self.drones,
            "alerts": self.alerts,
            "targets": self.targets,
        })
    }

    fn show(&self, config: &Config, health: &Health) {
        let well = match &health.problem {
            None => colour::verdict("well", true),
            Some(problem) => colour::verdict(problem, false),
        };
        println!(
            "{}  {well}  version {}, up {}, on {}",
            config.gateway.name_or_host(),
            env!("CARGO_PKG_VERSION"),
            duration(self.system["uptime"].as_u64().unwrap_or(0)),
            health.listen
        );
        let percent = |name: &str| with_unit(&self.system[name], " %");
        println!(
            "board: CPU {}, memory {}, disk {}, temperature {}",
            percent("cpu_usage"),
            percent("memory_usage"),
            percent("disk_usage"),
            with_unit(&self.system["temperature"], " °C")
        );
        self.show_drones();
        self.show_alerts();
        self.show_targets();
    }

    fn show_drones(&self) {
        println!("\ndrones");
        let drones = items(&self.drones);
        if drones.is_empty() {
            println!("  none");
        }
        for drone in drones {
            println!(
                "  {:<20} {:<13} {:<11} battery {:<6} {:<8} {}",
                shown(&drone["name"]),
                shown(&drone["connection_status"]),
                shown(&drone["flight_status"]),
                with_unit(&drone["battery_level"], " %"),
                with_unit(&drone["temperature"], " °C"),
                if drone["simulated"] == true {
                    "simulated"
                } else {
                    ""
                },
            );
        }
    }

    fn show_alerts(&self) {
        let alerts = items(&self.alerts);
        println!("\nalerts that are not resolved: {}", alerts.len());
        for alert in alerts.iter().take(MOST_ALERTS) {
            print!("  ");
            alerts::line(alert);
        }
        if alerts.len() > MOST_ALERTS {
            println!("  … `mfg-drone-gateway alerts list` has all");
        }
    }

    fn show_targets(&self) {
        let targets = items(&self.targets);
        if targets.is_empty() {
            println!("\nnobody is notified: there is no [[notify.…]] in the configuration");
            return;
        }
        println!("\nnotified");
        for target in targets {
            println!(
                "  {:<20} {:<13} sent {}, failed {}, given up {}",
                shown(&target["name"]),
                shown(&target["kind"]),
                shown(&target["sent"]),
                shown(&target["failed"]),
                shown(&target["refused"])
            );
            if let Some(problem) = target["problem"].as_str() {
                println!("    {}", colour::verdict(problem, false));
            }
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A number with its unit; a dash where it is not known.
fn with_unit(value: &Value, unit: &str) -> String {
    match value.as_f64() {
        Some(number) => format!("{number}{unit}"),
        None => "-".to_owned(),
    }
}

/// Seconds as people say them, in the two largest parts.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_two_parts_and_unknown_is_no_number() {
        let said = [7, 61, 3_661, 90_061].map(duration);
        assert_eq!(said, ["7 s", "1 min", "1 h 1 min", "1 d 1 h"]);
        assert_eq!(with_unit(&Value::Null, " %"), "-");
        assert_eq!(with_unit(&json!(42.5), " %"), "42.5 %");
    }
}
