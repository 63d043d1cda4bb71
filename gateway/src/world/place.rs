//! What stands in the world: drones, and the places of gateways.

use std::net::IpAddr;

use tello_simulator::Firmware;

use super::board::Board;
use super::gateway::{Gateway, drone_address};
use super::scene::Who;

/// A drone as it is.
pub(super) struct Craft {
    pub(super) firmware: Firmware,
    /// Where it stands in the network.
    pub(super) address: IpAddr,
    pub(super) is_dead: bool,
    pub(super) on_ground_ms: u64,
    /// Until when it may go on with what it was told before everybody went.
    pub(super) busy_until_ms: u64,
}

/// A gateway's place: its medium, and the process while there is one.
pub(super) struct Site {
    pub(super) board: Board,
    pub(super) gateway: Option<Gateway>,
    pub(super) back_ms: Option<u64>,
    /// Whether its emergency stop is pressed.
    pub(super) is_pressed: bool,
    pub(super) plugged_ms: Option<u64>,
    pub(super) thumbs: Vec<Thumb>,
}

/// Thumbs on the sticks of a drone.
pub(super) struct Thumb {
    pub(super) who: Who,
    pub(super) drone: usize,
    pub(super) axes: [i8; 4],
    pub(super) until_ms: u64,
    pub(super) next_ms: u64,
}

impl Site {
    /// Plugs its adapter in, or pulls it out.
    pub(super) fn plug(&mut self, is_in: bool) {
        for wire in self.gateway.iter().flat_map(|gateway| &gateway.fleet.wires) {
            wire.cut(!is_in);
        }
    }
}

/// Which drone of the configuration has that address.
pub(super) fn place_of(address: IpAddr, drones: usize) -> usize {
    let mut all = 0..drones;
    all.find(|index| drone_address(*index) == address)
        .unwrap_or(0)
}

/// The drone that stands where the configuration has drone `index`.
pub(super) fn craft_at(crafts: &[Craft], index: usize) -> &Craft {
    &crafts[number_at(crafts, index)]
}

/// Its number, by which the air knows it.
pub(super) fn number_at(crafts: &[Craft], index: usize) -> usize {
    let mut all = crafts.iter();
    let found = all.position(|craft| craft.address == drone_address(index));
    found.expect("addresses are only exchanged")
}
