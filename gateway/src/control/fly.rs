//! One command to one drone, over the control socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Control, Refusal};

/// Gives the drone of that id a command in the SDK's words: what came of it, or why
/// nothing did.
pub(crate) type Fly =
    Box<dyn Fn(String, String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// A command to a drone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FlyRequest {
    /// Its id.
    pub drone: String,
    /// The command, as the SDK writes it.
    pub command: String,
}

/// Gives it, and waits for its end.
pub(super) async fn fly(
    State(control): State<Arc<Control>>,
    Json(request): Json<FlyRequest>,
) -> Result<String, Refusal> {
    let done = (control.fly)(request.drone, request.command).await;
    done.map_err(|why| (StatusCode::CONFLICT, why))
}
