//! The host's side of the link: one serial port, one thread, one sink.
//!
//! ```no_run
//! use firmware_bridge::host::{HostLink, LinkConfig, LinkEvent, PortSelector};
//!
//! let selector: PortSelector = "2e8a:000a".parse().expect("VID:PID");
//! let link = HostLink::spawn(LinkConfig::new(selector), |event| match event {
//!     LinkEvent::Reading { sensor, value, host_ms } => { /* … */ }
//!     LinkEvent::Lost { reason, port } => { /* … */ }
//!     _ => {}
//! })
//! .expect("the system can start a thread");
//! link.set_indicator(firmware_bridge::message::IndicatorLevel::Warning);
//! link.stop();
//! ```
//!
//! [`HostSession`] is the pure half (bytes and time in, events and bytes out);
//! [`HostLink`] starts the thread around it. Several links run side by side without
//! sharing anything. A missing port is a state with a reason, never an exit.

mod backoff;
mod board;
mod clock;
mod event;
mod foreign;
mod link;
mod port;
mod refusal;
mod requests;
mod selector;
mod session;
mod stats;

pub use backoff::Backoff;
pub use board::BoardDescription;
pub use clock::ClockMap;
pub use event::{LinkEvent, LostReason};
pub use foreign::{FirstBytes, Foreign};
pub use link::{HostLink, LinkConfig, LinkHandle, QueueFull};
pub use port::{Gone, Port};
pub(crate) use port::{keep_from_children, wait_for};
pub use refusal::Refusal;
pub use selector::{FoundPort, PortSelector, SelectorError, available_ports};
pub use session::HostSession;
pub use stats::{LinkState, LinkStats};
