//! The link to a drone: makes it stream, notices when it stops, says why.
//!
//! [`machine`] decides and is pure; [`reason`] words what was observed;
//! [`task`] owns the socket and the clock.

mod machine;
mod reason;
mod status;
mod task;

pub use reason::Reason;
pub use status::LinkStats;
pub(crate) use status::LinkStatus;
pub(super) use task::LinkTask;
