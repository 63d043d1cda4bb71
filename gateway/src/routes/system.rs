//! The part of contract 11 that is not about drones: system health and status, for
//! clients that ask for services by name.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::respond;
use crate::http::route::{Gives, Route};
use crate::http::rows::{READ, get};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::http::state::App;
use crate::routes::bridges;
use crate::routes::dashboard::SystemStatus;
use crate::routes::drone_views::DroneStatus;
use crate::routes::status::{DEGRADED, DOWN, HEALTHY, UP};
use crate::routes::upstream_health as upstream;
use crate::supervision::Service;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/system/health",
        READ,
        health,
        Gives::Json(of::<SystemHealth>()),
    )
    .about("system", "Get the health of each service"),
    get(
        "/api/system/status",
        READ,
        status,
        Gives::Json(of::<SystemReport>()),
    )
    .about("system", "Get the system status with services and drones"),
];

/// One service of `/api/system/health`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceState {
    /// `up`, `down` or `degraded`.
    status: &'static str,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Only in `/api/system/status`.
    #[serde(rename = "lastCheck", skip_serializing_if = "Option::is_none")]
    last_check: Option<Ts>,
}

/// Answer of `/api/system/health`.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemHealth {
    /// `healthy` while requests are served.
    status: &'static str,
    timestamp: Ts,
    /// State by name.
    services: BTreeMap<&'static str, ServiceState>,
}

/// `GET /api/system/health`
pub(crate) fn health(call: &mut Call) -> Outcome {
    let services = services(&call.app, None);
    Ok(respond::json(&SystemHealth {
        status: HEALTHY,
        timestamp: Ts::now(),
        services,
    }))
}

/// Answer of `/api/system/status`.
#[derive(Serialize, ToSchema)]
pub(crate) struct SystemReport {
    #[serde(flatten)]
    system: SystemStatus,
    /// State by name.
    services: BTreeMap<&'static str, ServiceState>,
    /// Every configured drone.
    drones: Vec<DroneStatus>,
}

/// `GET /api/system/status`
pub(crate) fn status(call: &mut Call) -> Outcome {
    let app = &call.app;
    app.performance()?;
    app.alerts()?;
    let drones = app.vehicles.views();
    Ok(respond::json(&SystemReport {
        system: SystemStatus::now(app),
        services: services(app, Some(Ts::now())),
        drones: drones.iter().map(DroneStatus::from).collect(),
    }))
}

/// The gateway itself: requests are served, and yet a part of it may have ended.
fn backend(app: &App, last_check: Option<Ts>) -> ServiceState {
    let down = app.supervisor.down();
    ServiceState {
        status: if down.is_empty() { UP } else { DEGRADED },
        message: (!down.is_empty()).then(|| format!("not running: {}", down.join(", "))),
        last_check,
    }
}

fn services(app: &App, last_check: Option<Ts>) -> BTreeMap<&'static str, ServiceState> {
    let state = |up: bool, message: &str| ServiceState {
        status: if up { UP } else { DOWN },
        message: (!up).then(|| message.to_owned()),
        last_check,
    };
    let of = |service| state(app.supervisor.is_up(service), "not initialized");
    let passed_on = || match upstream::trouble(&app.upstream) {
        None => state(false, "not configured on this gateway"),
        Some(None) => state(true, ""),
        Some(Some(message)) => state(false, &message),
    };
    let mut services = BTreeMap::from([
        ("backend", backend(app, last_check)),
        ("drone_manager", of(Service::Drones)),
        ("alert_service", of(Service::Alerts)),
        ("performance_service", of(Service::Performance)),
        ("monitoring", of(Service::Monitoring)),
        ("vision_service", passed_on()),
        ("model_service", passed_on()),
        ("dataset_service", passed_on()),
    ]);
    // Whether it takes writes is asked of the store itself, not of a switch.
    let healthy = app.store.stats().healthy;
    let status = if healthy { UP } else { DEGRADED };
    let message =
        (!healthy).then(|| "writes are refused; changes cannot be made durable".to_owned());
    services.insert(
        "store",
        ServiceState {
            status,
            message,
            last_check,
        },
    );
    if let Some(message) = bridges::trouble(&app.bridges) {
        let status = if message.is_none() { UP } else { DEGRADED };
        services.insert(
            "bridges",
            ServiceState {
                status,
                message,
                last_check,
            },
        );
    }
    services
}
