//! What every kind of vehicle shares: how a drone is shown, how it is commanded, and
//! who is there to command it.
//!
//! Beside the sources that use it, so that routes and live sockets know drones and not
//! kinds of drones: [`VehicleKind`] is the seam. Must not know any kind.

mod kind;
mod presence;
mod takeoff;
mod view;
mod wish;

pub use kind::{VehicleKind, Vehicles};
pub use presence::{Presence, Presences};
pub(crate) use takeoff::linked;
pub use takeoff::{NoHold, TakeoffCheck, TakeoffFacts, TakeoffGate, TakeoffHold, takeoff_checks};
pub use view::{Basis, DroneView, Flight, LinkState, Phase};
pub(crate) use wish::CEILING_CM;
pub(crate) use wish::GATEWAY;
pub use wish::{
    CommandError, ConnectError, Operator, Outcome, OwnWish, Pending, Refusal, UnknownDrone,
};
