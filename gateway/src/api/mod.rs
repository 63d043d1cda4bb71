//! The HTTP API: one file per section of the contract, one table of routes.
//!
//! `routes` names every route once: method, path, who may call it, how often,
//! what it takes, what it answers. The router, the order of checks
//! (`gate`), the statistics and the OpenAPI document all come from that
//! table. This room translates; it must never hold a rule that belongs to the
//! rooms below it (alerts, access, drones, performance).

mod client;
mod cors;
mod envelope;
mod gate;
mod latency;
mod rendered;
mod respond;
mod route;
mod routes;
mod scalars;
mod socket;
mod state;
mod tickets;
mod validate;

mod alerts;
mod bridges;
mod camera;
mod dashboard;
mod drone_command;
mod drone_views;
mod flight;
mod frame;
mod health;
mod machine;
mod metrics;
mod network;
mod openapi;
mod pages;
mod performance;
mod root;
mod rules;
mod samples;
mod security;
mod system;
mod update;
mod upstream;
mod ws;
mod ws_messages;
mod ws_network;
mod ws_video;

pub use latency::Latencies;
pub use openapi::describe;
pub use rendered::Outsize;
pub use routes::{router, templates};
pub use state::{ApiStats, App, DroneList, Edge, FindDrone, Service, Services};
pub use tickets::Tickets;
