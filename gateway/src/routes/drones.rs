//! Drones as they are listed and connected (contract 9).

use futures_util::future::BoxFuture;
use http::StatusCode;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{READ, SUCCESS, WRITE, get, later};
use crate::http::shape::{list_of, of};
use crate::routes::drone_call;
use crate::routes::drone_call::{audit, drone, said, unknown};
use crate::routes::drone_views::{Drone, DroneStatus, TypeInfo};
use crate::sources::vehicles::ConnectError;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get("/api/drones", READ, list, Gives::Json(list_of::<Drone>()))
        .about("drones", "List all drones"),
    get(
        "/api/drones/status",
        READ,
        statuses,
        Gives::Json(list_of::<DroneStatus>()),
    )
    .about("drones", "Get the status of all drones"),
    get(
        "/api/drones/{drone_id}",
        READ,
        one,
        Gives::Json(of::<Drone>()),
    )
    .about("drones", "Get one drone")
    .takes(drone_call::ONE),
    get(
        "/api/drones/{drone_id}/status",
        READ,
        status,
        Gives::Json(of::<DroneStatus>()),
    )
    .about("drones", "Get the status of one drone")
    .takes(drone_call::ONE),
    get(
        "/api/drones/{drone_id}/type-info",
        READ,
        type_info,
        Gives::Json(of::<TypeInfo>()),
    )
    .about("drones", "Get whether a drone is real or simulated")
    .takes(drone_call::ONE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/connect",
        WRITE,
        connect,
        SUCCESS,
    )
    .about(
        "drones",
        "Connect a drone; in mode auto a simulator replaces a drone that cannot be reached",
    )
    .takes(drone_call::ONE)
    .may_conflict(),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/disconnect",
        WRITE,
        disconnect,
        SUCCESS,
    )
    .about(
        "drones",
        "Disconnect a drone; its silence is no alert from then on",
    )
    .takes(drone_call::ONE),
];

/// `GET /api/drones`
pub(crate) fn list(call: &mut Call) -> Answer {
    let drones = call.app.vehicles.views();
    Ok(respond::json(
        &drones.iter().map(Drone::from).collect::<Vec<_>>(),
    ))
}

/// `GET /api/drones/{drone_id}`
pub(crate) fn one(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&Drone::from(&drone)))
}

/// `GET /api/drones/{drone_id}/status`
pub(crate) fn status(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&DroneStatus::from(&drone)))
}

/// `GET /api/drones/{drone_id}/type-info`
pub(crate) fn type_info(call: &mut Call) -> Answer {
    drone(call).map(|drone| respond::json(&TypeInfo::from(&drone)))
}

/// `GET /api/drones/status`
pub(crate) fn statuses(call: &mut Call) -> Answer {
    let drones = call.app.vehicles.views();
    Ok(respond::json(
        &drones.iter().map(DroneStatus::from).collect::<Vec<_>>(),
    ))
}

/// `POST /api/drones/{drone_id}/connect`
pub(crate) fn connect(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        said(open(&call).await?)
    })
}

/// `POST /api/drones/{drone_id}/disconnect`
pub(crate) fn disconnect(call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        drone(&call)?;
        said(close(&call)?)
    })
}

async fn open(call: &Call) -> Result<String, ApiError> {
    audit(call, "connect");
    call.app
        .vehicles
        .connect(&call.param)
        .await
        .map_err(|error| match error {
            ConnectError::Unknown(_) => unknown(),
            ConnectError::Already(_) => ApiError::new(
                StatusCode::CONFLICT,
                "DRONE_ALREADY_CONNECTED",
                error.to_string(),
            ),
            ConnectError::Unreachable { .. } => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "DRONE_UNAVAILABLE",
                error.to_string(),
            ),
        })?;
    Ok(format!("Drone {} connected", call.param))
}

fn close(call: &Call) -> Result<String, ApiError> {
    audit(call, "disconnect");
    call.app
        .vehicles
        .disconnect(&call.param)
        .map_err(|_| unknown())?;
    Ok(format!("Drone {} disconnected", call.param))
}

/// `connect`, `disconnect` and `get_status` as `/command` runs them.
pub(crate) mod session {
    use super::{ApiError, Call, DroneStatus, close, drone, open};

    /// The drone exists.
    pub(crate) fn exists(call: &Call) -> Result<(), ApiError> {
        drone(call).map(drop)
    }

    /// Connects it.
    pub(crate) async fn connect(call: &Call) -> Result<String, ApiError> {
        open(call).await
    }

    /// Disconnects it.
    pub(crate) fn disconnect(call: &Call) -> Result<String, ApiError> {
        close(call)
    }

    /// Its status.
    pub(crate) fn status(call: &Call) -> Result<DroneStatus, ApiError> {
        drone(call).map(|drone| DroneStatus::from(&drone))
    }
}
