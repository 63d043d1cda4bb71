//! The bridges of a running gateway, for a command line that finds their ports taken by it.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::{Client, Control};

/// A bridge as the running gateway knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BridgeState {
    /// Its name.
    pub name: String,
    /// The port as configured.
    pub selector: String,
    /// The port tried last.
    pub port: Option<String>,
    /// `live`, `greeting` or `lost`.
    pub state: String,
    /// Why there is no link.
    pub reason: Option<String>,
    /// Kind and serial number of its board.
    pub board: Option<String>,
    /// Version of its firmware.
    pub firmware: Option<String>,
    /// Whether its emergency stop is engaged.
    pub emergency_stop: Option<bool>,
    /// What its lamp shows.
    pub indicator: Option<String>,
    /// Its sensors.
    pub sensors: Vec<SensorState>,
}

/// A sensor of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SensorState {
    /// Its name on the board.
    pub name: String,
    /// `fresh`, `stale` or `absent`.
    pub state: String,
    /// The last value.
    pub value: Option<f64>,
    /// Symbol of its unit.
    pub unit: String,
    /// Why there is no fresh value.
    pub reason: Option<String>,
}

/// What a client may wait for at most.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// The bridges of the gateway that runs on this state directory; none when none runs, or
/// an older one that does not tell.
pub(crate) async fn ask(state_dir: &Path) -> Option<Vec<BridgeState>> {
    let client = Client::connect(state_dir).await?;
    let asked = client.json(http::Method::GET, "/bridges", None::<&()>);
    tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()
}

pub(super) async fn list(State(control): State<Arc<Control>>) -> Json<Vec<BridgeState>> {
    Json((control.bridges)())
}
