//! The real binary as its users see it. One file a subject.
#![allow(missing_docs, reason = "tests are named, not documented")]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod access;
mod board_names;
mod boards;
mod bridge;
mod bridge_emulated;
mod bridge_line;
mod callers;
mod camera;
mod command_line;
mod commands;
mod contract;
mod control;
mod cross_config;
mod crowd;
mod demo;
mod discovery;
mod documents;
mod doors;
mod durable;
mod errors;
mod fairness;
mod flags;
mod flight;
mod held_bytes;
mod hostile_clients;
mod hostile_drones;
mod impaired;
mod lifecycle;
mod live;
mod namespaces;
mod permissions;
mod progress;
mod reload;
mod revocation;
mod rival;
mod rule_preview;
mod sessions;
mod settings;
mod tls;
mod trust;
mod update;
mod upstream;
mod verdicts;
mod webhooks;
