//! Contract 3: `/` and `/health`, open to everybody.

use http::{HeaderMap, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::document::API_VERSION;
use crate::http::envelope::Outcome;
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route};
use crate::http::rows::get;
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::routes::pages;
use crate::routes::status;
use crate::supervision::Service;
use access::RateClass;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get("/", Policy::Open, index, Gives::Json(of::<Root>()))
        .class(RateClass::Root)
        .about("root", "Get the name and version of this server"),
    get("/health", Policy::Open, health, Gives::Json(of::<Health>()))
        .class(RateClass::Health)
        .about("root", "Check that the gateway answers requests"),
];

/// Answer of `/`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Root {
    /// Name of this server.
    message: &'static str,
    /// Version of the API.
    version: &'static str,
    /// Always `running`.
    status: &'static str,
    /// How to be let in.
    security: &'static str,
    /// What this API is about.
    features: &'static [&'static str],
}

/// `GET /`: the page for a browser, facts for a program.
pub(crate) fn index(call: &mut Call) -> Outcome {
    if wants_page(&call.parts.headers) {
        return pages::page(&call.parts.headers);
    }
    Ok(respond::json(&Root {
        message: "MFG Drone Backend API Server",
        version: API_VERSION,
        status: "running",
        security: "API keys are required (X-API-Key header)",
        features: &[
            "drones",
            "vision",
            "models",
            "dashboard",
            "alerts",
            "performance",
        ],
    }))
}

/// Browsers name HTML when a person opens an address; programs name JSON or anything.
fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| {
            accepted
                .split([',', ';'])
                .any(|kind| kind.trim() == "text/html")
        })
}

/// Answer of `/health`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `healthy` while requests are served; how well is said by `/api/health/detailed`.
    status: &'static str,
    timestamp: Ts,
    services: HealthServices,
    /// As `server.phase` is configured.
    phase: String,
    /// Always true.
    security_enabled: bool,
}

/// Which services are up.
#[derive(Serialize, ToSchema)]
struct HealthServices {
    /// Whether drones are reached.
    drone_manager: bool,
    /// Whether alerts are raised and kept.
    alert_service: bool,
    /// Whether the machine is measured.
    performance_service: bool,
    /// Whether readings are taken and judged.
    monitoring_active: bool,
}

/// `GET /health`
pub(crate) fn health(call: &mut Call) -> Outcome {
    let services = &call.app.supervisor;
    Ok(respond::json(&Health {
        status: status::HEALTHY,
        timestamp: Ts::now(),
        services: HealthServices {
            drone_manager: services.is_up(Service::Drones),
            alert_service: services.is_up(Service::Alerts),
            performance_service: services.is_up(Service::Performance),
            monitoring_active: services.is_up(Service::Monitoring),
        },
        phase: call.config.server.phase.clone(),
        security_enabled: true,
    }))
}
