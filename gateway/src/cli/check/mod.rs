//! `check`: everything a start would stumble over, found without starting.
//!
//! Three answers, by the exit code. 2: `run` would refuse to start. 3: it would
//! start, and something outside it is missing: a drone that is silent, a target or
//! a port that cannot be had. 0: all is well. Each finding says what is wrong and
//! what to do. Nothing is changed: ports are bound and released, files are read,
//! drones and targets are asked whether they are there.

mod bridges;
mod here;
mod outside;
mod rules;
mod unit;

use std::process::ExitCode;

use serde::Serialize;

use super::args::CheckArgs;
use crate::config::{Config, ConfigError};
use crate::control::{self, Health};
use crate::settings::Settings;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// As it should be.
    Ok,
    /// Works, but look at it.
    Warning,
    /// Missing: the gateway starts without it.
    Error,
    /// The gateway does not start.
    Refused,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Finding {
    severity: Severity,
    subject: String,
    text: String,
}

fn finding(severity: Severity, subject: &str, text: impl Into<String>) -> Finding {
    Finding {
        severity,
        subject: subject.to_owned(),
        text: text.into(),
    }
}

/// The gateway that runs on the same state directory.
enum Running {
    No,
    /// With what it says of itself.
    Yes(Option<Health>),
}

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let settings = match Settings::resolve(&args.run.inputs()) {
        Ok(settings) => settings,
        Err(error) => {
            if args.json {
                report(&refusals(&error), true)?;
            }
            return Err(error.into());
        }
    };
    super::warn(settings.warnings());
    let config = settings.config();
    let about = match settings.file() {
        Some(file) => format!("{} is sound", file.display()),
        None => "no file, the defaults apply".to_owned(),
    };
    let mut findings = vec![finding(Severity::Ok, "configuration", about)];
    findings.extend(unit::by_root(config));
    let runtime = super::small_runtime()?;
    let running = runtime.block_on(running(config));
    here::look(config, &running, &mut findings);
    findings.extend(runtime.block_on(outside::ask(config, &running)));
    findings.extend(runtime.block_on(bridges::look(config, &running)));
    unit::look(config, &mut findings);
    findings.extend(rules::look(config));
    report(&findings, args.json)?;
    let worst = findings.iter().map(|finding| finding.severity).max();
    Ok(match worst {
        Some(Severity::Refused) => ExitCode::from(super::EXIT_USAGE),
        Some(Severity::Error) => ExitCode::from(super::EXIT_FINDINGS),
        Some(Severity::Warning | Severity::Ok) | None => ExitCode::SUCCESS,
    })
}

async fn running(config: &Config) -> Running {
    let Some(client) = control::Client::connect(super::state_dir(config)).await else {
        return Running::No;
    };
    let asked = client.json(http::Method::GET, "/health", None::<&()>).await;
    Running::Yes(asked.ok())
}

/// The problems of refused settings as findings.
fn refusals(error: &ConfigError) -> Vec<Finding> {
    let refused = |problem: &crate::config::Problem| {
        finding(
            Severity::Refused,
            &problem.place.to_string(),
            problem.message.as_str(),
        )
    };
    error.problems.iter().map(refused).collect()
}

fn report(findings: &[Finding], json: bool) -> anyhow::Result<()> {
    if json {
        println!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({ "findings": findings }))?
        );
        return Ok(());
    }
    for Finding {
        severity,
        subject,
        text,
    } in findings
    {
        let mark = match severity {
            Severity::Ok => "ok     ",
            Severity::Warning => "warning",
            Severity::Error => "ERROR  ",
            Severity::Refused => "REFUSED",
        };
        println!("{mark}  {subject}: {text}");
    }
    Ok(())
}
