//! What others may know of a bridge: copied out for handlers and `/metrics`.

use firmware_bridge::host::{LinkState, LinkStats};
use firmware_bridge::message::IndicatorLevel;

use super::Running;
use super::link::{Held, LinkRecord};
use super::mapping::kind_name;
use super::sensor::{Freshness, SensorRecord};
use crate::sources::sensor_state::{ABSENT, FRESH, STALE};

/// State of a bridge whose board answers.
pub(super) const LIVE: &str = "live";
/// State of a bridge that has no link, and a reason why.
pub(crate) const LOST: &str = "lost";

/// A bridge at one instant.
#[derive(Clone, Debug)]
pub struct BridgeView {
    /// Its name.
    pub name: String,
    /// The port as configured.
    pub selector: String,
    /// `live`, `greeting` or `lost`.
    pub state: &'static str,
    /// The port tried last, when the selector names one.
    pub port: Option<String>,
    /// Why there is no link.
    pub reason: Option<String>,
    /// Kind and serial number of the board met last.
    pub board: Option<String>,
    /// Version of its firmware.
    pub firmware: Option<String>,
    /// Whether the emergency stop is engaged; none while that is not known.
    pub emergency_stop: Option<bool>,
    /// What the board says its lamp shows: `clear`, `info`, `warning`, `critical`.
    pub indicator: Option<&'static str>,
    /// Its sensors, as the board met last described them.
    pub sensors: Vec<SensorView>,
    /// Counters of the link.
    pub stats: LinkStats,
    pub(super) held: Held,
}

/// A sensor of a bridge at one instant.
#[derive(Clone, Debug)]
pub struct SensorView {
    /// Its name on the board.
    pub name: String,
    /// The name rules and histories know it by.
    pub source: String,
    /// What is measured: `voltage`, `temperature` …
    pub kind: &'static str,
    /// Symbol of its unit.
    pub unit: &'static str,
    /// Least value it can give.
    pub min: f64,
    /// Greatest value it can give.
    pub max: f64,
    /// The metric that rules see it as; none when there was no room for its source.
    pub metric: Option<&'static str>,
    /// `fresh`, `stale` or `absent`.
    pub state: &'static str,
    /// The last value, however old.
    pub value: Option<f64>,
    /// Why there is no fresh value.
    pub reason: Option<String>,
    /// Times it gave none.
    pub faults: u64,
}

impl BridgeView {
    pub(super) fn of(bridge: &Running, now_ms: u64) -> BridgeView {
        let mut state = bridge.link.state();
        let stats = bridge
            .handle
            .as_ref()
            .map(firmware_bridge::host::LinkHandle::stats)
            .unwrap_or_default();
        let stop = state.stop.state(now_ms);
        let stop = state.stop.heard().and(stop);
        let greeting = state.board.as_deref().map(|board| &board.greeting);
        BridgeView {
            name: bridge.link.config.name.clone(),
            selector: bridge.link.config.selector.clone(),
            state: link_state(&state),
            port: stats.port.as_deref().map(str::to_owned),
            reason: reason(bridge, &state),
            board: state
                .board
                .as_deref()
                .map(firmware_bridge::host::BoardDescription::id),
            firmware: greeting.map(|greeting| greeting.firmware.as_str().to_owned()),
            emergency_stop: stop,
            indicator: stats
                .indicator
                .filter(|_| stats.state == LinkState::Live)
                .map(indicator_name),
            sensors: state
                .slots
                .iter()
                .map(|slot| SensorView::of(slot, state.live, now_ms))
                .collect(),
            held: state.held,
            stats,
        }
    }
}

fn link_state(state: &LinkRecord) -> &'static str {
    match (state.live, &state.reason) {
        (true, _) => LIVE,
        (false, None) => "greeting",
        (false, Some(_)) => LOST,
    }
}

fn reason(bridge: &Running, state: &LinkRecord) -> Option<String> {
    if bridge.handle.is_none() {
        return Some("the system refused a thread; restart the gateway".to_owned());
    }
    state.reason.as_ref().map(ToString::to_string)
}

fn indicator_name(level: IndicatorLevel) -> &'static str {
    match level {
        IndicatorLevel::Clear => "clear",
        IndicatorLevel::Info => "info",
        IndicatorLevel::Warning => "warning",
        IndicatorLevel::Critical => "critical",
    }
}

impl SensorView {
    fn of(slot: &SensorRecord, live: bool, now_ms: u64) -> SensorView {
        let what = &slot.what;
        let freshness = slot.freshness(now_ms);
        let fresh = live && freshness == Freshness::Fresh;
        let last = slot.last.map(|(value, _)| value);
        SensorView {
            name: what.name.clone(),
            source: what.source_name.to_string(),
            kind: kind_name(what.sensor.kind),
            unit: what.sensor.unit.symbol(),
            min: super::mapping::decimal(what.sensor.min),
            max: super::mapping::decimal(what.sensor.max),
            metric: what.source.map(|_| what.metric.name()),
            state: match (fresh, last) {
                (true, _) => FRESH,
                (false, Some(_)) => STALE,
                (false, None) => ABSENT,
            },
            value: last,
            reason: match freshness {
                _ if fresh => None,
                _ if !live => Some("the bridge is lost".to_owned()),
                _ => Some(slot.why(now_ms)),
            },
            faults: slot.faults,
        }
    }
}
