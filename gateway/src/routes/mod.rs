//! One file for each section of the contract. These translate; they must never
//! hold a rule that belongs to the rooms below them (alerts, access, drones,
//! performance).

pub(crate) mod alerts;
pub(crate) mod bridges;
pub(crate) mod camera;
pub(crate) mod dashboard;
pub(crate) mod down_all;
pub(crate) mod drone_command;
pub(crate) mod drone_views;
pub(crate) mod flight;
pub(crate) mod frame;
pub(crate) mod health;
pub(crate) mod lockouts;
pub(crate) mod machine;
pub(crate) mod metrics;
pub(crate) mod network;
pub(crate) mod pages;
pub(crate) mod performance;
pub(crate) mod root;
pub(crate) mod rules;
pub(crate) mod samples;
pub(crate) mod security;
pub(crate) mod system;
pub(crate) mod update;
pub(crate) mod upstream;
