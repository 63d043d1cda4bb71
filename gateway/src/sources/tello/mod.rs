//! Tello drones: state datagrams in, commands out, and a simulator that speaks
//! the same UDP. Simulated drones go through the same sockets and code as real
//! ones; nothing may bypass this room.
//!
//! ```text
//!            ┌─ commander (queue, guard) ◄── requests of operators
//! plan ──► fleet ──► state port ─► roster (identify) ─► live (parse, judge) ─► sink
//!            ├─────► video port ─► roster (identify) ─► video (frames) ─► viewers
//!            ├─────► link ─► command_port ─► drone                              ▲
//!            ├─────► simulator (for drones in simulation mode)    link's age, rate, conditions
//!            └─────► discovery (searches configured ranges, on request)
//! ```
//!
//! In front of every socket stands a `filter` of the kernel: only the interface that leads
//! to a drone (`ways`, from the kernel's `routes`) speaks for it.
//!
//! The protocol is the crate `tello`, the simulator `tello-simulator`. Pure: `plan`, `live`,
//! `flood`, `motion`, `rate`, `link::machine`, most of `video`, `unconfigured`, `discovery::{sweep, targets}`. Thin
//! tasks: `port`, `link::task`.

mod command_port;
mod commander;
mod discovery;
mod filter;
mod fleet;
mod flights;
mod flood;
mod joining;
mod link;
mod live;
mod measured;
mod motion;
mod plan;
mod port;
mod rate;
mod roster;
mod routes;
mod serials;
mod socket;
mod state_readings;
mod stick_slot;
mod unconfigured;
mod video;
mod ways;

pub(crate) use discovery::{Answer, Found, ask_configured, find_by_serial, networks_beside};
pub use discovery::{Detection, Method, NotAllowed, Searched, Verification};
#[cfg(test)]
pub(crate) use fleet::world;
pub use fleet::{Fleet, FleetOptions, FleetStats};
pub(crate) use joining::{
    Joining, Look, Met, Progress, RESET as JOIN_RESET, Stage as JoinStage, Talk, leading_to,
    look as look_for_network, refusal as interface_refusal, refusal_to, somebody_flies,
    survey as networks_heard, table as joined_table,
};
pub(crate) use plan::check_config;
pub use roster::{DroneStats, PortView};
pub use serials::{AcceptError, Serials};
pub use state_readings::readings_of;
pub use video::{Shown, Sps, Still, VideoCounts, Viewer};
