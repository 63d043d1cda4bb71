//! Emergency stops over the control socket: for whoever stands at the board.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{ACTOR, Control, Refusal};

/// What is wished of the emergency stops.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum StopRequest {
    /// Reset all that are released.
    Reset,
    /// Let drones take off although a bridge is lost, or gone.
    Override {
        /// Name of the bridge.
        bridge: String,
        /// Why, for the audit trail.
        reason: String,
    },
}

/// An emergency stop as listed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ListedStop {
    /// Name of its bridge.
    pub bridge: String,
    /// `engaged`, `released` or `unknown`.
    pub state: String,
    /// Whether nobody has reset it.
    pub latched: bool,
    /// Why drones may not take off.
    pub refuses_takeoff: Option<String>,
}

/// Lists them.
pub(crate) type ListStops = Box<dyn Fn() -> Vec<ListedStop> + Send + Sync>;
/// Does what is wished: what was done, or why not.
pub(crate) type ActOnStops = Box<dyn Fn(&StopRequest) -> Result<String, String> + Send + Sync>;

/// Lists the emergency stops.
pub(super) async fn list(State(control): State<Arc<Control>>) -> Json<Vec<ListedStop>> {
    Json((control.stops)())
}

/// Resets them, or overrides the loss of one.
pub(super) async fn act(
    State(control): State<Arc<Control>>,
    Json(request): Json<StopRequest>,
) -> Result<String, Refusal> {
    let refuse = |message| (StatusCode::CONFLICT, message);
    let done = (control.act_on_stops)(&request).map_err(refuse)?;
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let why = match &request {
        StopRequest::Reset => String::new(),
        StopRequest::Override { reason, .. } => format!(", because: {reason}"),
    };
    let subject = format!("emergency stop: {done}{why}");
    control.access.record_flight(ACTOR, None, here, &subject);
    Ok(done)
}
