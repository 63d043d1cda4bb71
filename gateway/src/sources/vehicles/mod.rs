//! What every kind of vehicle shares: how a drone is shown, how it is commanded, and
//! who is there to command it.
//!
//! Beside the sources that use it, so that routes and live sockets know drones and not
//! kinds of drones: [`VehicleKind`] is the seam. Must not know any kind.

mod control;
mod kind;
mod presence;
mod view;
mod wish;

pub use control::{Control, Controls, NoSession};
pub use kind::{VehicleKind, Vehicles};
pub use presence::{Presence, Presences};
pub use view::{Basis, DroneView, Flight, Identity, LinkState, Phase, Verification};
pub(crate) use wish::CEILING_CM;
pub use wish::{CommandError, ConnectError, Operator, Outcome, Pending, Refusal, UnknownDrone};
