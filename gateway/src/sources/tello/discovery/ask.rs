//! Asks each configured drone, once, whether it is there: for `check`, while no
//! gateway runs.
//!
//! With the words and the patience of a search, and nothing else: `command` and
//! `battery?` are harmless to a drone at rest. One that may be in the air is not asked. A running gateway is asked instead
//! of its drones.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::search;
use super::sweep::Target;
use crate::config::Drones;
use crate::sources::tello::flights::may_still_fly;
use crate::sources::tello::plan::{DronePlan, FleetError, FleetPlan};
use crate::sources::tello::socket;

/// How long an answer is waited for: three tries of a search.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// What a drone had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The gateway starts its simulator itself.
    OwnSimulator,
    /// It is there.
    There {
        /// Battery in percent, as far as it said.
        battery_pct: Option<u8>,
    },
    /// It is not, or cannot be used: why, in words.
    Silent(String),
    /// The search speaks IPv4 only.
    NotAsked,
    /// It may be in the air: `command` would end a landing that it makes by itself.
    InTheAir,
}

/// Asks every configured drone, all at once, but for those that were in the air when the
/// gateway of the state directory `state_dir` last ran.
///
/// # Errors
/// [`FleetError`]; nobody was asked.
pub(crate) async fn ask_configured(
    config: &Drones,
    state_dir: &Path,
) -> Result<Vec<(Arc<str>, Answer)>, FleetError> {
    let flying = may_still_fly(state_dir);
    let plan = FleetPlan::new(config)?;
    let asked = plan.drones.iter().map(|drone| async {
        let answer = match flying.contains(&drone.id) {
            true => Answer::InTheAir,
            false => ask(drone).await,
        };
        (drone.id.clone(), answer)
    });
    Ok(join_all(asked).await)
}

async fn ask(drone: &DronePlan) -> Answer {
    if drone.own_simulator {
        return Answer::OwnSimulator;
    }
    let IpAddr::V4(address) = drone.address else {
        return Answer::NotAsked;
    };
    let from = SocketAddr::new(drone.from, 0);
    let socket = match socket::bind(from, drone.interface.as_deref(), false, &[]) {
        Ok(socket) => socket,
        Err(error) => return Answer::Silent(unheard(drone, &error)),
    };
    let target = Target { socket: 0, address };
    let port = |_| drone.command_port;
    let outcome = search::run(&[socket], vec![target], port, ANSWER_WITHIN, 1).await;
    match outcome.hits.first() {
        None => Answer::Silent(format!(
            "no answer from {address}:{}; is it on, and in the same network?",
            drone.command_port
        )),
        Some(hit) => match hit.hindrance {
            Some(hindrance) => Answer::Silent(hindrance.words().to_owned()),
            None => Answer::There {
                battery_pct: hit.battery_pct,
            },
        },
    }
}

fn unheard(drone: &DronePlan, error: &std::io::Error) -> String {
    match &drone.interface {
        Some(name) if socket::is_missing_interface(error) => {
            format!("interface {name} does not exist; `ip link` lists those that do")
        }
        Some(name) => format!("interface {name} cannot be used: {error}"),
        None => format!("{} cannot be used: {error}; see drones.bind", drone.from),
    }
}
