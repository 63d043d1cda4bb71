//! Finds one drone again in the networks of this board: by its serial number, and by
//! nothing else. For a drone that was told to join one of them.
//!
//! A search as any other (private ranges of /24 at most, nobody behind a router, nobody who
//! is configured), again and again until it is there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::search;
use super::targets::{self, Endpoint, Wanted};
use super::{MAX_DRONES, networks};
use crate::config::{Drones, Range};
use crate::sources::tello::joining::Talk;

/// One round: a /24 that is asked thrice takes two seconds.
const ROUND: Duration = Duration::from_secs(5);
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(500);

/// Where it is.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) address: Ipv4Addr,
    pub(crate) interface: Arc<str>,
}

/// Looks for the drone of that serial number in `ranges`, for as long as `patience`, by
/// every interface but `not_by`.
pub(crate) async fn find_by_serial(
    config: &Drones,
    ranges: &[Range],
    (serial, not_by): (&str, &str),
    patience: Duration,
) -> Option<Found> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = round(config, ranges, (serial, not_by)).await {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(PAUSE).await;
    }
}

async fn round(config: &Drones, ranges: &[Range], (serial, not_by): (&str, &str)) -> Option<Found> {
    let mut networks = networks::here();
    networks.retain(|network| network.is_beside(not_by));
    // Whoever is somebody else by the configuration is not asked.
    let others = config
        .drone
        .iter()
        .filter(|drone| drone.serial.as_deref() != Some(serial));
    let left_alone = others.filter_map(|drone| match drone.address?.to_canonical() {
        IpAddr::V4(address) => Some(Endpoint {
            interface: drone.interface.as_deref().map(Arc::from),
            address,
        }),
        IpAddr::V6(_) => None,
    });
    let wanted = Wanted {
        ranges,
        left_alone: left_alone.collect(),
        ..Wanted::default()
    };
    let (mut interfaces, mut targets) = targets::choose(&wanted, &networks);
    let sockets = search::open(config.bind, &mut interfaces, &mut targets).ok()?;
    let port = config.command_port;
    let outcome = search::run(&sockets, targets, |_| port, ROUND, MAX_DRONES).await;
    for hit in outcome.hits {
        let (interface, address) = (&interfaces[hit.target.socket], hit.target.address);
        let to = SocketAddr::new(address.into(), port);
        let Ok(talk) = Talk::open(config.bind, interface, to) else {
            continue;
        };
        if talk.serial().await.ok().flatten().as_deref() == Some(serial) {
            return Some(Found {
                address,
                interface: interface.clone(),
            });
        }
    }
    None
}
