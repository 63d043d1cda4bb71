//! What is on this machine: ports, the state directory, certificates, the board.
//! Looked at, never changed.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use https::certificates::{self, CertificateInfo, LEFT_OUT, UNLIMITED};
use https::port_holder::{self, Protocol};
use rustix::fs::Access;
use store::Outlook;

use super::{Finding, Running, Severity, finding};
use crate::config::Config;

/// Looks at all of it.
pub(super) fn look(config: &Config, running: &Running, findings: &mut Vec<Finding>) {
    if matches!(running, Running::Yes(_)) {
        let text = "it runs; its ports and its state directory are its own";
        findings.push(finding(Severity::Ok, "gateway", text));
    } else {
        ports(config, findings);
        findings.push(state(config));
        findings.extend(recordings(config));
    }
    certificate(config, findings);
    sensors(config, findings);
}

fn ports(config: &Config, findings: &mut Vec<Finding>) {
    let server = &config.server;
    let tcp = [
        ("server.listen", Some(server.listen)),
        ("server.http_listen", server.http_listen),
        ("server.metrics_listen", server.metrics_listen),
        ("camera.rtsp_listen", config.camera.rtsp_listen),
    ];
    for (key, address) in tcp
        .into_iter()
        .filter_map(|(key, address)| Some((key, address?)))
    {
        let bound = std::net::TcpListener::bind(address).map(drop);
        findings.push(port([key, key], Protocol::Tcp, address, bound));
    }
    let drones = &config.drones;
    // Without drones nobody sends video, and its port is left to others.
    let video = (!drones.drone.is_empty()).then_some(("drones.video_port", drones.video_port));
    for (key, number) in [("drones.state_port", drones.state_port)]
        .into_iter()
        .chain(video)
    {
        let address = SocketAddr::new(drones.bind, number);
        let bound = UdpSocket::bind(address).map(drop);
        findings.push(port([key, "drones.bind"], Protocol::Udp, address, bound));
    }
}

/// Whether a port can be had; `keys` are those of its number and of its address.
fn port(
    keys: [&str; 2],
    protocol: Protocol,
    address: SocketAddr,
    bound: std::io::Result<()>,
) -> Finding {
    let Err(error) = bound else {
        let text = format!("{protocol} {} is free", address.port());
        return finding(Severity::Ok, keys[0], text);
    };
    let holder = || port_holder::port_holder(protocol, address).map(|holder| holder.to_string());
    let text = port_holder::advice(protocol, address, &error, keys, holder);
    finding(Severity::Error, keys[0], text)
}

fn state(config: &Config) -> Finding {
    let (dir, subject) = (crate::cli::state_dir(config), "storage.dir");
    let say =
        |severity, what: &str| finding(severity, subject, format!("{} {what}", dir.display()));
    match store::outlook(dir) {
        Ok(Outlook::New) => say(Severity::Ok, "is new, and can be made"),
        Ok(Outlook::Sound) => say(Severity::Ok, "can be used"),
        Ok(Outlook::Damaged(reason)) => say(
            Severity::Error,
            &format!("holds a damaged store ({reason}); a start puts right what it can"),
        ),
        Ok(Outlook::ReadOnly) => say(
            Severity::Error,
            "is read-only: nothing can be saved; mount it writable",
        ),
        Err(error) => finding(Severity::Refused, subject, error.to_string()),
    }
}

/// Where flights are to be kept, if that is another place than the state directory: it is
/// made at the start, below what is there.
fn recordings(config: &Config) -> Option<Finding> {
    let (dir, subject) = (&config.recording.dir, "recording.dir");
    if dir.as_os_str().is_empty() || config.recording.max_bytes == 0 {
        return None;
    }
    let mut above = dir
        .ancestors()
        .filter(|above| !above.as_os_str().is_empty());
    let above = above.find(|above| above.exists()).unwrap_or(Path::new("."));
    let is_writable = rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK);
    Some(match is_writable {
        Ok(()) if above.is_dir() => {
            let text = format!("{} can be used", dir.display());
            finding(Severity::Ok, subject, text)
        }
        _ => {
            let text = format!(
                "{} cannot be written: no flight is recorded until it can; is the medium there?",
                dir.display()
            );
            finding(Severity::Error, subject, text)
        }
    })
}

fn certificate(config: &Config, findings: &mut Vec<Finding>) {
    let (tls, dir, subject) = (&config.tls, crate::cli::state_dir(config), "certificate");
    if let Err(error) = certificates::outlook(tls, dir) {
        let (severity, text) = if error.comes_with_time() {
            let text = format!("{error}; until then the device's own is served");
            (Severity::Error, text)
        } else {
            (Severity::Refused, error.to_string())
        };
        findings.push(finding(severity, subject, text));
        return;
    }
    let Ok(info) = certificates::inspect(tls, dir) else {
        let text = "the device's own is made at the next start";
        findings.push(finding(Severity::Ok, subject, text));
        return;
    };
    let facts = info.to_string().trim().replace('\n', "; ");
    findings.push(finding(Severity::Ok, subject, facts));
    findings.extend(limits(&info));
}

/// What the device's authority may vouch for and should not, or should and may not.
fn limits(info: &CertificateInfo) -> Option<Finding> {
    let subject = "certificate authority";
    if info.authority_limited == Some(false) {
        return Some(finding(Severity::Warning, subject, UNLIMITED));
    }
    let names = info.left_out.join(", ");
    let text = format!("{names}: {LEFT_OUT}");
    (!names.is_empty()).then(|| finding(Severity::Warning, subject, text))
}

fn sensors(config: &Config, findings: &mut Vec<Finding>) {
    if !config.board.enabled {
        return;
    }
    match crate::sources::board::open(&config.board) {
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
            let refused = board.sensors().refused().iter();
            findings.extend(refused.map(|why| finding(Severity::Warning, "board", why.clone())));
        }
        Err(error) => findings.push(finding(Severity::Error, "board", error.to_string())),
    }
}
