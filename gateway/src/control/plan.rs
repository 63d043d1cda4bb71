//! Flight plans over the control socket: for whoever stands at the board.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Control, Refusal};

/// Does what is asked of plans: the answer, or why not.
pub(crate) type RunPlan = Box<dyn Fn(PlanRequest) -> Result<Value, String> + Send + Sync>;

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PlanRequest {
    /// `check`, `start`, `look`, `pause`, `resume`, `end` or `list`.
    pub action: String,
    /// A plan for the first two, the id of one for the others.
    pub subject: Value,
    /// The session that a start made: whoever asks with it is there.
    pub session: Option<String>,
}

/// Does it.
pub(super) async fn plan(
    State(control): State<Arc<Control>>,
    Json(request): Json<PlanRequest>,
) -> Result<Json<Value>, Refusal> {
    let done = (control.plan)(request);
    done.map(Json).map_err(|why| (StatusCode::CONFLICT, why))
}
