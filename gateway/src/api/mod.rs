//! The HTTP API: one file per section of the contract, one table of routes.
//!
//! [`routes`] names every route once: method, path, who may call it, how often,
//! what it takes, what it answers. The router, the order of checks
//! ([`gate`]), the statistics and the OpenAPI document all come from that
//! table. This room translates; it must never hold a rule that belongs to the
//! rooms below it (alerts, access, drones, performance).

mod client;
mod cors;
mod envelope;
mod gate;
mod latency;
mod respond;
mod routes;
mod scalars;
mod state;
mod tickets;
mod validate;

mod root;

pub use latency::Latencies;
pub use routes::{router, templates};
pub use state::{ApiStats, App, DroneList, Edge, Service, Services};
pub use tickets::Tickets;
