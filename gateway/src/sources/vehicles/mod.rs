//! What every kind of vehicle shares: how a drone is shown, how it is commanded, and
//! who is there to command it.
//!
//! Beside the sources that use it, so that routes and live sockets know drones and not
//! kinds of drones: [`VehicleKind`] is the seam. Must not know any kind.

mod bounds;
mod control;
mod drone_words;
mod kind;
mod presence;
mod standstill;
mod takeoff;
mod view;
mod wish;

pub(crate) use bounds::{
    Bounds, PadPlace, SECONDS_PER_PERCENT, TAKEOFF_HEIGHT_CM, takes_s, within,
};
pub use control::{Control, Controls};
pub(crate) use drone_words::{DroneWords, explained};
pub use kind::{VehicleKind, Vehicles};
pub use presence::{Presence, Presences};
pub use standstill::Standstills;
pub(crate) use standstill::{LOOKS_EVERY, boot_ms};
pub(crate) use takeoff::linked;
pub use takeoff::{NoHold, TakeoffCheck, TakeoffFacts, TakeoffGate, TakeoffHold, takeoff_checks};
pub use view::{Basis, DroneView, Flight, Identity, LinkState, Phase, Verification};
pub use wish::{
    Aim, CommandError, ConnectError, Operator, Outcome, OwnWish, Pending, Refusal, UnknownDrone,
};
pub(crate) use wish::{CEILING_CM, GATEWAY, MAX_MOVE_CM, MIN_MOVE_CM};
