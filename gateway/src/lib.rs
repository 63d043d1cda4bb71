//! The MFG drone gateway: battery and temperature from a drone's UDP state and
//! the board's sensors, turned into alerts and served over TLS.
//!
//! `ARCHITECTURE.md` in the repository has the map; each module's header says
//! what it does and what it must never do. Dependencies point downwards; the table in
//! `tests/walls.rs` says who may import whom. Public is what the program, tests,
//! examples and fuzzers need, by name: in everything else dead code is seen.
#![allow(
    unreachable_pub,
    reason = "what leaves this crate is named below; `pub` inside is for other rooms"
)]

mod access_sessions;
mod access_store;
mod alerts;
mod app;
mod broker;
mod cache;
mod cli;
mod config;
mod control;
mod demo;
mod http;
mod live;
mod logging;
mod mqtt;
mod mutes;
mod networks;
mod notify;
mod outbound;
mod performance;
mod photos;
mod plans;
mod players;
mod qr;
mod recordings;
mod routes;
mod rtsp;
mod safety;
mod settings;
mod shares;
mod sources;
mod state_file;
mod supervision;
mod table;
mod update;
mod upstream;
#[cfg(test)]
mod world;

pub use alerts::StoreJournal;
pub use cache::{CAPACITY, Cache, MAX_VALUE_BYTES};
pub use cli::{main, run};
pub use config::Loaded;
pub use performance::{Host, Performance, RouteId};
pub use sources::tello::readings_of;
