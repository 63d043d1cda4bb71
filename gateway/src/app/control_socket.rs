//! What the control socket answers with: each of its requests, tied to the room that knows.
//!
//! The socket itself (`crate::control`) knows no room; whoever reaches it stands at the
//! board, and acts as "console".

use std::sync::Arc;

use https::Tls;

use super::core::Core;
use crate::config::Config;
use crate::control::bridges::{BridgeState, SensorState};
use crate::control::{self, Control, Health, ListedStop, PlanRequest, StopRequest};
use crate::http::App;
use crate::routes::{console_fly, down_all, plans};
use crate::safety::Safety;
use crate::sources::bridge::{BridgeView, SensorView};
use crate::sources::vehicles::{DroneView, LinkState};

/// Answers on it until the gateway stops.
pub(super) fn serve(
    config: &Config,
    core: &Core,
    app: &Arc<App>,
    tls: &Arc<Tls>,
    api: axum::Router,
) {
    let (tls, shown, asked) = (tls.clone(), tls.clone(), app.clone());
    let (named, downs, accepts, flies) = (tls.clone(), app.clone(), app.clone(), app.clone());
    let planned = app.clone();
    let (listed, acting) = (core.safety.clone(), core.safety.clone());
    let bridges = app.bridges.clone();
    let control = Control {
        access: app.access.clone(),
        store: app.store.clone(),
        health: Box::new(move || health(&asked, &shown)),
        bridges: Box::new(move || bridges.views().into_iter().map(bridge_state).collect()),
        names: Box::new(move || named.info().names.clone()),
        stops: Box::new(move || listed_stops(&listed)),
        act_on_stops: Box::new(move |request| act_on_stops(&acting, request)),
        api,
        renew_certificate: Box::new(move |renewal| {
            tls.renew(renewal)
                .map(|info| info.to_string())
                .map_err(|error| error.to_string())
        }),
        down_all: Box::new(move |command| down_all::by_console(&downs, command)),
        fly: Box::new(move |drone, text| console_fly::by_console(&flies, drone, text)),
        plan: Box::new(
            move |PlanRequest {
                      action,
                      subject,
                      session,
                  }| {
                plans::by_console(&planned, &action, &subject, session.as_deref())
            },
        ),
        accept_serial: Box::new(move |drone| {
            let app = accepts.clone();
            Box::pin(async move {
                let accepted = app.fleet.accept_serial(&drone).await;
                let serial = accepted.map_err(|error| error.to_string())?;
                let told = format!("{drone}: serial number {serial} accepted");
                let here = std::net::Ipv4Addr::LOCALHOST.into();
                app.access.record_flight(control::ACTOR, None, here, &told);
                Ok(serial)
            })
        }),
    };
    match control::open(&config.storage.dir, control, core.stop.clone()) {
        Ok(serving) => {
            tokio::spawn(core.supervisor.watched("control socket", None, serving));
        }
        Err(error) => {
            tracing::error!(%error, "no control socket: `keys` and `backup` work only while the gateway is stopped");
        }
    }
}

fn listed_stops(safety: &Safety) -> Vec<ListedStop> {
    let stops = safety.stops().into_iter();
    let listed = stops.map(|stop| ListedStop {
        bridge: stop.bridge,
        state: match stop.engaged {
            Some(true) => "engaged",
            Some(false) => "released",
            None => "unknown",
        }
        .to_owned(),
        latched: stop.latched_us.is_some(),
        refuses_takeoff: stop.refuses,
    });
    listed.collect()
}

fn act_on_stops(safety: &Safety, request: &StopRequest) -> Result<String, String> {
    let done = match request {
        StopRequest::Reset => safety.reset().map(|reset| match &*reset {
            [] => "no emergency stop is latched".to_owned(),
            reset => format!("reset: {}", reset.join(", ")),
        }),
        StopRequest::Override { bridge, .. } => safety
            .override_lost(bridge)
            .map(|()| format!("drones may take off without {bridge}")),
    };
    done.map_err(|error| error.to_string())
}

/// What `check` and `bridge monitor` ask over the control socket.
fn bridge_state(view: BridgeView) -> BridgeState {
    let sensor = |sensor: SensorView| SensorState {
        name: sensor.name,
        state: sensor.state.to_owned(),
        value: sensor.value,
        unit: sensor.unit.to_owned(),
        reason: sensor.reason,
    };
    BridgeState {
        name: view.name,
        selector: view.selector,
        port: view.port,
        state: view.state.to_owned(),
        reason: view.reason,
        board: view.board,
        firmware: view.firmware,
        emergency_stop: view.emergency_stop,
        indicator: view.indicator.map(str::to_owned),
        sensors: view.sensors.into_iter().map(sensor).collect(),
    }
}

/// What `health` asks over the control socket; HTTPS it tries itself.
fn health(app: &App, tls: &Tls) -> Health {
    let config = app.config.load();
    let store = app.store.stats();
    let down = app.supervisor.down();
    let problem = if !store.healthy {
        Some("the state directory does not take writes".to_owned())
    } else if !down.is_empty() {
        let down = down.join(", ");
        Some(format!(
            "parts of the gateway have ended: {down}; see the log"
        ))
    } else {
        None
    };
    let drones = app.vehicles.views();
    let airborne = drones.iter().filter(|drone| drone.airborne);
    let silent = drones
        .iter()
        .filter(|drone| matches!(drone.link, LinkState::Connecting | LinkState::Lost));
    let why = |drone: &DroneView| {
        drone
            .reason
            .clone()
            .unwrap_or_else(|| "not heard".to_owned())
    };
    Health {
        problem,
        airborne: airborne.map(|drone| drone.id.to_string()).collect(),
        silent: silent
            .map(|drone| (drone.id.to_string(), why(drone)))
            .collect(),
        listen: config.server.listen,
        own_certificate: tls.info().authority_limited.is_some() && config.tls.client_ca.is_none(),
        asked_from_outside: app.access.stats().asked_from_outside,
    }
}
