//! The bridges as health shows them: every board on a serial line and its
//! sensors, beside the gateway's own board.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::scalars::round2;
use crate::sources::bridge::{BridgeView, Bridges, LOST, SensorView};

/// Which bridges have no link and why; nothing in it while all have one, and
/// nothing at all where there are no bridges.
pub(crate) fn trouble(bridges: &Bridges) -> Option<Option<String>> {
    let views = bridges.views();
    let lost = views.iter().filter(|bridge| bridge.state == LOST);
    let reasons: Vec<String> = lost
        .map(|bridge| {
            format!(
                "{}: {}",
                bridge.name,
                bridge.reason.as_deref().unwrap_or("no link")
            )
        })
        .collect();
    (!views.is_empty()).then(|| (!reasons.is_empty()).then(|| reasons.join("; ")))
}

/// A microcontroller on a serial line.
#[derive(Serialize, ToSchema)]
pub(crate) struct BridgeHealth {
    /// Its name in the configuration.
    name: String,
    /// The port as configured.
    selector: String,
    /// `live`, `greeting` (nothing was heard yet) or `lost`.
    state: &'static str,
    /// Why there is no link, and what to do.
    reason: Option<String>,
    /// Kind and serial number of the board met last.
    board: Option<String>,
    /// Version of its firmware.
    firmware: Option<String>,
    /// Null while it is not known.
    emergency_stop: Option<bool>,
    /// What its lamp shows, as it says itself: `clear`, `info`, `warning`, `critical`.
    indicator: Option<&'static str>,
    /// Between the last ping and its answer.
    round_trip_ms: Option<f64>,
    /// At most 16.
    sensors: Vec<BridgeSensorHealth>,
}

#[derive(Serialize, ToSchema)]
struct BridgeSensorHealth {
    /// Its name on the board.
    name: String,
    /// Its name as a source of rules and histories.
    source: String,
    /// What is measured: `voltage`, `temperature` …
    kind: &'static str,
    /// The metric that rules see it as, if any.
    metric: Option<&'static str>,
    /// `fresh`, `stale` or `absent`.
    state: &'static str,
    /// The value; the last one while stale, null while absent.
    value: Option<f64>,
    /// Unit of the value.
    unit: &'static str,
    /// Least and greatest value it can give.
    range: [f64; 2],
    /// Why there is no fresh value.
    reason: Option<String>,
}

impl From<BridgeView> for BridgeHealth {
    fn from(view: BridgeView) -> BridgeHealth {
        BridgeHealth {
            name: view.name,
            selector: view.selector,
            state: view.state,
            reason: view.reason,
            board: view.board,
            firmware: view.firmware,
            emergency_stop: view.emergency_stop,
            indicator: view.indicator,
            round_trip_ms: view.stats.round_trip_us.map(|us| round2(us as f64 / 1e3)),
            sensors: view
                .sensors
                .into_iter()
                .map(BridgeSensorHealth::from)
                .collect(),
        }
    }
}

impl From<SensorView> for BridgeSensorHealth {
    fn from(view: SensorView) -> BridgeSensorHealth {
        BridgeSensorHealth {
            name: view.name,
            source: view.source,
            kind: view.kind,
            metric: view.metric,
            state: view.state,
            value: view.value,
            unit: view.unit,
            range: [view.min, view.max],
            reason: view.reason,
        }
    }
}
