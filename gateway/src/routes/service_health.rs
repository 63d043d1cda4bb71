//! Contract 8.2: the health of the services, as a dashboard shows it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route};
use crate::http::rows::get;
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::routes::bridges;
use crate::routes::upstream_health as upstream;
use crate::supervision::Service;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[get(
    "/api/dashboard/health",
    Policy::Dashboard,
    service_health,
    Gives::Json(of::<ServiceHealth>()),
)
.about("dashboard", "Get the health of the services")];

/// Contract 8.2.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceHealth {
    /// `healthy` or `degraded`.
    overall_status: &'static str,
    services: ServiceStates,
    unhealthy_services: Vec<&'static str>,
    checked_at: Ts,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ServiceHealthParts)]
struct ServiceStates {
    drone_manager: ServiceState,
    vision_service: ServiceState,
    model_service: ServiceState,
    dataset_service: ServiceState,
    /// The boards on serial lines; only where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    bridges: Option<ServiceState>,
}

/// One service. Counts are there for the services that have them.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ServiceHealthPart)]
struct ServiceState {
    /// `healthy` or `unhealthy`.
    status: &'static str,
    error: Option<String>,
    /// Whether this gateway has such a service at all.
    configured: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    available_models: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_models: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_jobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_datasets: Option<u32>,
}

/// `GET /api/dashboard/health`
pub(crate) fn service_health(call: &mut Call) -> Outcome {
    let drones_up = call.app.supervisor.is_up(Service::Drones);
    let bridges = bridges::trouble(&call.app.bridges);
    let bridges_up = !matches!(bridges, Some(Some(_)));
    // Vision, models and datasets live behind an upstream. Not having one is
    // not a fault: nothing is unhealthy, and there is nothing to count.
    let trouble = upstream::trouble(&call.app.upstream);
    let upstream_up = !matches!(trouble, Some(Some(_)));
    let passed_on = || ServiceState {
        status: if upstream_up { "healthy" } else { "unhealthy" },
        error: trouble.clone().flatten(),
        configured: trouble.is_some(),
        ..ServiceState::default()
    };
    // What it holds only it could count; zero is said where there is nothing.
    let count = trouble.is_none().then_some(0);
    let all_up = drones_up && bridges_up && upstream_up;
    Ok(respond::json(&ServiceHealth {
        overall_status: if all_up { "healthy" } else { "degraded" },
        services: ServiceStates {
            drone_manager: ServiceState {
                status: if drones_up { "healthy" } else { "unhealthy" },
                error: (!drones_up).then(|| "Drone manager not initialized".to_owned()),
                configured: true,
                ..ServiceState::default()
            },
            vision_service: ServiceState {
                available_models: count,
                ..passed_on()
            },
            model_service: ServiceState {
                total_models: count,
                active_jobs: count,
                ..passed_on()
            },
            dataset_service: ServiceState {
                total_datasets: count,
                ..passed_on()
            },
            bridges: bridges.map(|error| ServiceState {
                status: if error.is_none() {
                    "healthy"
                } else {
                    "unhealthy"
                },
                error,
                configured: true,
                ..ServiceState::default()
            }),
        },
        unhealthy_services: [
            ("drone_manager", drones_up),
            ("vision_service", upstream_up),
            ("model_service", upstream_up),
            ("dataset_service", upstream_up),
            ("bridges", bridges_up),
        ]
        .into_iter()
        .filter_map(|(name, up)| (!up).then_some(name))
        .collect(),
        checked_at: Ts::now(),
    }))
}
