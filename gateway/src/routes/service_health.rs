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
use crate::routes::status::{DEGRADED, HEALTHY, UNHEALTHY};
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
    /// One by one.
    services: ServiceStates,
    /// Names of those that are not healthy.
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
    /// What is wrong; null while all is well.
    error: Option<String>,
    /// Whether this gateway has such a service at all.
    configured: bool,
    /// 0 without an upstream; only the upstream could count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    available_models: Option<u32>,
    /// 0 without an upstream; only the upstream could count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_models: Option<u32>,
    /// 0 without an upstream; only the upstream could count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_jobs: Option<u32>,
    /// 0 without an upstream; only the upstream could count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_datasets: Option<u32>,
}

impl ServiceState {
    /// Of a service that this gateway has; `trouble` is what is wrong with it.
    fn of(trouble: Option<String>) -> ServiceState {
        ServiceState {
            status: word(trouble.is_none()),
            error: trouble,
            configured: true,
            ..ServiceState::default()
        }
    }

    fn is_healthy(&self) -> bool {
        self.error.is_none()
    }
}

const fn word(is_healthy: bool) -> &'static str {
    if is_healthy { HEALTHY } else { UNHEALTHY }
}

/// `GET /api/dashboard/health`
pub(crate) fn service_health(call: &mut Call) -> Outcome {
    let app = &call.app;
    let drones_down = !app.supervisor.is_up(Service::Drones);
    let services = services(
        drones_down.then(|| "Drone manager not initialized".to_owned()),
        upstream::trouble(&app.upstream),
        bridges::trouble(&app.bridges),
    );
    Ok(respond::json(&ServiceHealth::of(services)))
}

/// The services, by what is wrong with each. Of the upstream and the bridges, nothing
/// at all is told where there are none.
fn services(
    drones: Option<String>,
    upstream: Option<Option<String>>,
    bridges: Option<Option<String>>,
) -> ServiceStates {
    // Vision, models and datasets live behind an upstream. Not having one is
    // not a fault: nothing is unhealthy, and there is nothing to count.
    let passed_on = || ServiceState {
        configured: upstream.is_some(),
        ..ServiceState::of(upstream.clone().flatten())
    };
    // What it holds only it could count; zero is said where there is nothing.
    let count = upstream.is_none().then_some(0);
    ServiceStates {
        drone_manager: ServiceState::of(drones),
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
        bridges: bridges.map(ServiceState::of),
    }
}

impl ServiceHealth {
    fn of(services: ServiceStates) -> ServiceHealth {
        let unhealthy: Vec<&'static str> = [
            ("drone_manager", Some(&services.drone_manager)),
            ("vision_service", Some(&services.vision_service)),
            ("model_service", Some(&services.model_service)),
            ("dataset_service", Some(&services.dataset_service)),
            ("bridges", services.bridges.as_ref()),
        ]
        .into_iter()
        .filter(|(_, state)| state.is_some_and(|state| !state.is_healthy()))
        .map(|(name, _)| name)
        .collect();
        ServiceHealth {
            overall_status: if unhealthy.is_empty() {
                HEALTHY
            } else {
                DEGRADED
            },
            services,
            unhealthy_services: unhealthy,
            checked_at: Ts::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_no_fault() {
        let health = ServiceHealth::of(services(None, None, None));
        assert_eq!(health.overall_status, "healthy");
        assert!(health.unhealthy_services.is_empty());
        let vision = &health.services.vision_service;
        assert_eq!(
            (vision.configured, vision.available_models),
            (false, Some(0))
        );
        assert!(health.services.bridges.is_none());
    }

    #[test]
    fn what_is_wrong_is_named_once_for_each_service() {
        let wrong = || Some("away".to_owned());
        let health = ServiceHealth::of(services(wrong(), Some(wrong()), Some(wrong())));
        assert_eq!(health.overall_status, "degraded");
        assert_eq!(
            health.unhealthy_services,
            [
                "drone_manager",
                "vision_service",
                "model_service",
                "dataset_service",
                "bridges"
            ]
        );
        let models = &health.services.model_service;
        assert_eq!(
            (models.status, models.error.as_deref()),
            ("unhealthy", Some("away"))
        );
        // Only the upstream could count what it holds.
        assert_eq!((models.configured, models.total_models), (true, None));
        let drones = ServiceHealth::of(services(None, Some(None), Some(wrong())));
        assert_eq!(drones.unhealthy_services, ["bridges"]);
        assert_eq!(drones.services.drone_manager.status, "healthy");
    }
}
