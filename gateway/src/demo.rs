//! What the demo runs on: three simulated drones at loopback addresses of their
//! own, one low on battery and one hot, and the published keys.
//!
//! Nothing of it is reachable from another machine, which [`config`] sees to, unless that is
//! asked for: then the published keys are not accepted, and keys are made at the start.

mod pilot;
mod stage;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use crate::config::{Config, Drone, DroneGroup, DroneMode};

pub(crate) use pilot::fly;
pub(crate) use stage::{Happening, Stage};

/// The documented admin key; accepted in the demo only.
pub(crate) const ADMIN_KEY: &str = access::PUBLISHED_ADMIN_KEY;
/// The documented read-only key; accepted in the demo only.
pub(crate) const READONLY_KEY: &str = access::PUBLISHED_READONLY_KEY;

/// Where everything listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// HTTPS.
    pub listen: SocketAddr,
    /// Plain HTTP.
    pub http_listen: Option<SocketAddr>,
    /// State datagrams.
    pub state: u16,
    /// Video of the drones.
    pub video: u16,
    /// Drone commands.
    pub command: u16,
}

/// One drone of the demo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DemoDrone {
    /// Id in the API.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Where it listens.
    pub address: IpAddr,
    /// Battery at the start in percent.
    pub battery_pct: f64,
    /// Main-board temperature at the start in °C.
    pub temperature_c: f64,
}

/// The three drones.
pub(crate) const DRONES: [DemoDrone; 3] = [
    DemoDrone {
        id: "drone_001",
        name: "Tello EDU #1 (simulated)",
        address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)),
        battery_pct: 88.0,
        temperature_c: 62.0,
    },
    DemoDrone {
        id: "drone_002",
        name: "Tello EDU #2 (simulated, battery low)",
        address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 12)),
        battery_pct: 15.0,
        temperature_c: 60.0,
    },
    DemoDrone {
        id: "drone_003",
        name: "Tello EDU #3 (simulated, hot)",
        address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 13)),
        battery_pct: 64.0,
        temperature_c: 93.0,
    },
];

/// The group that all three are in.
const GROUP: &str = "demo";

/// Why the demo does not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "the demo answers on loopback only, because its keys are public; {0} is not a loopback address"
)]
pub(crate) struct NotLoopback(SocketAddr);

/// The demo's configuration.
///
/// # Errors
/// [`NotLoopback`] when a listener is reachable from elsewhere.
pub(crate) fn config(ports: Ports, state_dir: &Path, lan: bool) -> Result<Config, NotLoopback> {
    // Plain HTTP is for this host alone in any case.
    for address in [Some(ports.listen).filter(|_| !lan), ports.http_listen]
        .into_iter()
        .flatten()
    {
        if !address.ip().is_loopback() {
            return Err(NotLoopback(address));
        }
    }
    let mut config = Config::default();
    config.server.listen = ports.listen;
    config.server.http_listen = ports.http_listen;
    config.access.lockout_exempts_loopback = !lan;
    config.storage.dir = state_dir.to_owned();
    config.drones.bind = IpAddr::V4(Ipv4Addr::LOCALHOST);
    config.drones.state_port = ports.state;
    config.drones.video_port = ports.video;
    config.drones.command_port = ports.command;
    config.drones.drone = DRONES
        .iter()
        .map(|drone| Drone {
            id: drone.id.to_owned(),
            name: Some(drone.name.to_owned()),
            mode: Some(DroneMode::Simulation),
            address: Some(drone.address),
            command_port: None,
            interface: None,
            serial: None,
            down: None,
            limits: Default::default(),
        })
        .collect();
    config.drones.group = vec![DroneGroup {
        id: GROUP.to_owned(),
        drones: DRONES.iter().map(|drone| drone.id.to_owned()).collect(),
    }];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_keys_never_leave_loopback() {
        let ports = |listen: &str| Ports {
            listen: listen.parse().expect("address"),
            http_listen: None,
            state: tello::STATE_PORT,
            video: tello::VIDEO_PORT,
            command: tello::COMMAND_PORT,
        };
        let dir = Path::new("/tmp/demo");
        assert!(config(ports("127.0.0.1:8443"), dir, false).is_ok());
        assert!(config(ports("[::1]:8443"), dir, false).is_ok());
        assert!(config(ports("0.0.0.0:8443"), dir, false).is_err());
        assert!(config(ports("192.168.1.5:8443"), dir, false).is_err());
        assert!(config(ports("0.0.0.0:8443"), dir, true).is_ok());
        let plain = Ports {
            http_listen: Some("0.0.0.0:8000".parse().expect("address")),
            ..ports("0.0.0.0:8443")
        };
        assert!(config(plain, dir, true).is_err(), "plain HTTP for all");
    }
}
