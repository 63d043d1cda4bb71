//! The simulators that are the gateway's own: of drones in simulation mode without an
//! address, and stand-ins for drones in mode `auto` that are not there.

use std::net::SocketAddr;
use std::sync::{MutexGuard, PoisonError};

use tello_simulator::SimulatedDrone;

use super::super::plan::DronePlan;
use super::super::roster::DroneRecord;
use super::Fleet;

impl Fleet {
    /// Puts a simulator in the place of a drone in mode `auto`; whether one is there.
    pub(super) fn stand_in(&self, index: usize, slot: &DroneRecord) -> bool {
        let Some(address) = slot.plan.stand_in.filter(|_| !slot.was_real()) else {
            return false;
        };
        let address = SocketAddr::new(address, slot.plan.command_port);
        let mut simulators = self.simulators();
        if simulators.iter().all(|(of, _)| *of != index) {
            let options = tello_simulator::Options {
                state_port: self.state_port(),
                video_port: self.video_port(),
                ..tello_simulator::Options::default()
            };
            match SimulatedDrone::start(address, options) {
                Ok(simulator) => simulators.push((index, simulator)),
                Err(error) => {
                    tracing::warn!(drone = %slot.plan.id, %address, %error, "no stand-in");
                    return false;
                }
            }
        }
        tracing::info!(drone = %slot.plan.id, %address, "not found: a simulator stands in");
        slot.stand_in(true);
        true
    }

    /// A connect begins with a fresh simulator: charged, on the ground.
    pub(super) fn renew_simulator(&self, index: usize) {
        if let Some((_, simulator)) = self.simulators().iter().find(|(of, _)| *of == index) {
            simulator.renew();
        }
    }

    pub(super) fn simulators(&self) -> MutexGuard<'_, Vec<(usize, SimulatedDrone)>> {
        // The list is whole between any two statements.
        self.inner
            .simulators
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the simulators that are ours to start. One that cannot bind is a
/// drone that does not answer, and reported as such.
pub(super) fn own_simulators(
    drones: &[DronePlan],
    (state_port, video_port): (u16, u16),
) -> Vec<(usize, SimulatedDrone)> {
    let ours = drones
        .iter()
        .enumerate()
        .filter(|(_, drone)| drone.own_simulator);
    ours.filter_map(|(index, drone)| {
        let address = SocketAddr::new(drone.address, drone.command_port);
        let options = tello_simulator::Options { state_port, video_port, ..tello_simulator::Options::default() };
        SimulatedDrone::start(address, options)
            .inspect_err(|error| tracing::warn!(drone = %drone.id, %address, %error, "simulator not started"))
            .ok()
            .map(|simulator| (index, simulator))
    })
    .collect()
}
