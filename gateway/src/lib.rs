//! The MFG drone gateway: battery and temperature from a drone's UDP state and
//! the board's sensors, turned into alerts and served over TLS.
//!
//! `ARCHITECTURE.md` in the repository has the map; each module's header says
//! what it does and what it must never do. Dependencies point downwards; the table in
//! `tests/walls.rs` says who may import whom. Public is what tests and
//! fuzzers of other crates use, and `cli::main`.

mod access_sessions;
mod access_store;
pub mod alerts;
pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
mod control;
mod demo;
mod http;
mod live;
mod logging;
mod mutes;
mod networks;
pub mod notify;
mod outbound;
pub mod performance;
mod photos;
mod qr;
mod recordings;
mod routes;
mod safety;
pub mod settings;
mod shares;
pub mod sources;
mod state_file;
pub mod supervision;
mod table;
mod update;
mod upstream;
