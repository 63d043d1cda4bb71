//! One file for each section of the contract. These translate; they must never
//! hold a rule that belongs to the rooms below them (alerts, access, drones,
//! performance).

pub(crate) mod alerts;
pub(crate) mod ask;
mod assets;
pub(crate) mod bridges;
pub(crate) mod camera;
pub(crate) mod commands;
pub(crate) mod console_fly;
pub(crate) mod control;
pub(crate) mod dashboard;
pub(crate) mod demo;
pub(crate) mod down_all;
pub(crate) mod drone_call;
pub(crate) mod drone_command;
pub(crate) mod drone_command_params;
pub(crate) mod drone_views;
pub(crate) mod drones;
pub(crate) mod extension;
pub(crate) mod flight;
pub(crate) mod frame;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod joining;
pub(crate) mod lockouts;
pub(crate) mod logs;
pub(crate) mod machine;
pub(crate) mod metrics;
pub(crate) mod mute;
pub(crate) mod network;
pub(crate) mod network_views;
pub(crate) mod pages;
pub(crate) mod performance;
pub(crate) mod photos;
pub(crate) mod plans;
pub(crate) mod players;
pub(crate) mod recording_download;
pub(crate) mod recordings;
pub(crate) mod root;
pub(crate) mod rule_preview;
pub(crate) mod rules;
pub(crate) mod safety;
pub(crate) mod samples;
pub(crate) mod sdk_commands;
pub(crate) mod security;
pub(crate) mod service_health;
pub(crate) mod session;
pub(crate) mod session_link;
pub(crate) mod status;
pub(crate) mod system;
pub(crate) mod system_time;
pub(crate) mod targets;
pub(crate) mod trust;
pub(crate) mod update;
pub(crate) mod upstream;
pub(crate) mod upstream_health;
pub(crate) mod upstream_params;
pub(crate) mod upstream_refusals;
pub(crate) mod upstream_shapes;

use crate::http::route::Route;

/// The routes of every file here.
pub(crate) const SECTIONS: &[&[Route]] = &[
    alerts::ROUTES,
    ask::ROUTES,
    camera::ROUTES,
    commands::ROUTES,
    control::ROUTES,
    dashboard::ROUTES,
    demo::ROUTES,
    down_all::ROUTES,
    drone_command::ROUTES,
    drones::ROUTES,
    extension::ROUTES,
    flight::ROUTES,
    frame::ROUTES,
    health::ROUTES,
    joining::ROUTES,
    lockouts::ROUTES,
    logs::ROUTES,
    metrics::ROUTES,
    mute::ROUTES,
    network::ROUTES,
    pages::ROUTES,
    performance::ROUTES,
    photos::ROUTES,
    plans::ROUTES,
    players::ROUTES,
    recording_download::ROUTES,
    recordings::ROUTES,
    root::ROUTES,
    rule_preview::ROUTES,
    rules::ROUTES,
    safety::ROUTES,
    samples::ROUTES,
    security::ROUTES,
    service_health::ROUTES,
    session::ROUTES,
    session_link::ROUTES,
    system::ROUTES,
    system_time::ROUTES,
    targets::ROUTES,
    trust::ROUTES,
    update::ROUTES,
    upstream::ROUTES,
];
