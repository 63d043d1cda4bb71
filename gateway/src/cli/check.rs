//! `check`: everything a start would stumble over, found without starting.
//!
//! Each finding says what is wrong and what to do. Nothing is changed: ports
//! are bound and released, files are read.

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

use firmware_bridge::host::Port;
use serde::Serialize;

use super::args::CheckArgs;
use crate::config::{Bridge, Config};
use crate::control;
use crate::settings::Settings;
use https::port_holder::{self, Protocol};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    /// As it should be.
    Ok,
    /// Works, but look at it.
    Warning,
    /// Will not work.
    Error,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Finding {
    severity: Severity,
    subject: String,
    text: String,
}

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::resolve(&args.run.inputs())?;
    super::warn(settings.warnings());
    let config = settings.config();
    let mut findings = vec![finding(
        Severity::Ok,
        "configuration",
        match settings.file() {
            Some(file) => format!("{} is sound", file.display()),
            None => "no file, the defaults apply".to_owned(),
        },
    )];
    let running = super::small_runtime()?
        .block_on(control::Client::connect(super::state_dir(config)))
        .is_some();
    if running {
        findings.push(finding(
            Severity::Ok,
            "gateway",
            "it runs; its ports are its own".to_owned(),
        ));
    } else {
        ports(config, &mut findings);
    }
    state(config, &mut findings);
    certificate(config, &mut findings);
    sensors(config, &mut findings);
    drones(config, &mut findings);
    findings.extend(config.bridge.iter().map(|bridge| serial(bridge, running)));
    findings.extend(rules_of_unknown_bridges(config));
    report(&findings, args.json)?;
    let errors = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Ok(if errors {
        ExitCode::from(super::EXIT_FINDINGS)
    } else {
        ExitCode::SUCCESS
    })
}

fn finding(severity: Severity, subject: &str, text: String) -> Finding {
    Finding {
        severity,
        subject: subject.to_owned(),
        text,
    }
}

fn ports(config: &Config, findings: &mut Vec<Finding>) {
    let server = &config.server;
    let tcp = [
        ("server.listen", Some(server.listen)),
        ("server.http_listen", server.http_listen),
        ("server.metrics_listen", server.metrics_listen),
    ];
    for (key, address) in tcp
        .into_iter()
        .filter_map(|(key, address)| Some((key, address?)))
    {
        let bound = std::net::TcpListener::bind(address).map(drop);
        findings.push(port(key, Protocol::Tcp, address, bound));
    }
    let drones = &config.drones;
    for (key, number) in [
        ("drones.state_port", drones.state_port),
        ("drones.video_port", drones.video_port),
    ] {
        let address = SocketAddr::new(drones.bind, number);
        findings.push(port(
            key,
            Protocol::Udp,
            address,
            UdpSocket::bind(address).map(drop),
        ));
    }
}

fn port(key: &str, protocol: Protocol, address: SocketAddr, bound: std::io::Result<()>) -> Finding {
    match bound {
        Ok(()) => finding(
            Severity::Ok,
            key,
            format!("{protocol} {} is free", address.port()),
        ),
        Err(error) => finding(
            Severity::Error,
            key,
            port_holder::explain(protocol, address, &error, key),
        ),
    }
}

fn state(config: &Config, findings: &mut Vec<Finding>) {
    let dir = super::state_dir(config);
    let probe = dir.join(".check");
    let outcome = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    findings.push(match outcome {
        Ok(()) => finding(
            Severity::Ok,
            "storage.dir",
            format!("{} can be written", dir.display()),
        ),
        Err(error) => finding(
            Severity::Error,
            "storage.dir",
            format!(
                "{} cannot be written: {error}; run as the gateway's user, or set storage.dir",
                dir.display()
            ),
        ),
    });
}

fn certificate(config: &Config, findings: &mut Vec<Finding>) {
    if config.tls.cert.is_none() && !super::state_dir(config).join("tls").exists() {
        let text = "the device's own is made at the first start".to_owned();
        findings.push(finding(Severity::Ok, "certificate", text));
        return;
    }
    findings.push(
        match https::certificates::inspect(&config.tls, super::state_dir(config)) {
            Ok(info) => finding(
                Severity::Ok,
                "certificate",
                info.to_string().trim().replace('\n', "; "),
            ),
            Err(error) => finding(Severity::Error, "certificate", error.to_string()),
        },
    );
}

fn sensors(config: &Config, findings: &mut Vec<Finding>) {
    if !config.board.enabled {
        return;
    }
    match boards::Board::open(&config.board.root, Some(&config.board.profiles)) {
        Ok(mut board) => {
            board.sample(0, &mut |_, _| {});
            let report = board.report(0);
            let found = report
                .sensors
                .iter()
                .filter(|sensor| sensor.value.is_some())
                .count();
            let text = format!(
                "{}: {found} of {} sensors read; see `boards`",
                report.board.name,
                report.sensors.len()
            );
            findings.push(finding(Severity::Ok, "board", text));
            findings.extend(
                board
                    .problems()
                    .iter()
                    .map(|problem| finding(Severity::Warning, "board", problem.to_string())),
            );
        }
        Err(error) => findings.push(finding(Severity::Error, "board", error.to_string())),
    }
}

fn drones(config: &Config, findings: &mut Vec<Finding>) {
    if config.drones.drone.is_empty() {
        let text =
            "none configured; add [[drones.drone]] with id and address, or run `demo`".to_owned();
        findings.push(finding(Severity::Warning, "drones", text));
    }
    for drone in &config.drones.drone {
        let place = drone
            .interface
            .as_deref()
            .map_or_else(String::new, |name| format!(" on {name}"));
        let missing = drone
            .interface
            .as_ref()
            .filter(|name| !std::path::Path::new("/sys/class/net").join(name).exists());
        findings.push(match missing {
            Some(name) => finding(
                Severity::Error,
                &drone.id,
                format!("interface {name} does not exist; `ip link` lists those that do"),
            ),
            None => {
                let address = drone
                    .address
                    .map_or_else(|| "192.168.10.1".to_owned(), |address| address.to_string());
                finding(
                    Severity::Ok,
                    &drone.id,
                    format!("expected at {address}{place}"),
                )
            }
        });
    }
}

/// Whether the port of a bridge is there and can be had.
fn serial(bridge: &Bridge, running: bool) -> Finding {
    let subject = format!("bridge {}", bridge.name);
    let of = |severity, text: String| Finding {
        severity,
        subject: subject.clone(),
        text,
    };
    if !bridge.enabled {
        return of(Severity::Ok, "switched off".to_owned());
    }
    let Some(path) = bridge
        .port()
        .and_then(|port| port.resolve())
        .filter(|path| path.exists())
    else {
        let text = format!(
            "{} is not there; plug the board in, or see `bridge list`",
            bridge.selector
        );
        return of(Severity::Warning, text);
    };
    if running {
        return of(
            Severity::Ok,
            format!("{} is there; the gateway has it", path.display()),
        );
    }
    match Port::open(&path, bridge.baud) {
        Ok(_) => of(Severity::Ok, format!("{} can be opened", path.display())),
        Err(reason) => of(Severity::Error, format!("{}: {reason}", path.display())),
    }
}

/// Rules that wait for a source no bridge will ever be.
fn rules_of_unknown_bridges(config: &Config) -> impl Iterator<Item = Finding> {
    config.alerts.rule.iter().filter_map(|rule| {
        let name = rule
            .source
            .as_deref()?
            .strip_prefix("bridge/")?
            .split('/')
            .next()?;
        let known = config.bridge.iter().any(|bridge| bridge.name == name);
        let text = format!("no bridge is called {name:?}; the rule will never fire");
        (!known).then(|| finding(Severity::Warning, &format!("rule {:?}", rule.name), text))
    })
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
        };
        println!("{mark}  {subject}: {text}");
    }
    Ok(())
}
