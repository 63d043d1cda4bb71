//! What is said of a cause, for people: in events, alerts and refusals.
//!
//! Pure. Words are made when something is done, never while a reading is judged.

use super::causes::Origin;
use super::limits::LimitKind;
use crate::config::FlightLimits;

/// What a cause is, with the limits of the drone that it acts on.
pub(super) fn cause(origin: &Origin, limits: Option<&FlightLimits>) -> String {
    match origin {
        Origin::Rule {
            rule,
            source,
            value,
        } => {
            let unit = rule.metric.unit().symbol();
            format!(
                "rule {:?}: {} of {source} is {value} {unit} ({} {} {unit})",
                &*rule.name,
                rule.metric,
                rule.operator.symbol(),
                rule.threshold,
            )
        }
        Origin::Stop(bridge) => format!("the emergency stop of bridge {bridge} is engaged"),
        Origin::Lost(bridge) => {
            format!("bridge {bridge}, which has an emergency stop, is lost")
        }
        Origin::Limit(kind) => exceeded(*kind, limits, 1),
    }
}

/// That a limit is exceeded, and how it is changed; `stage` 0 warns, 1 lands.
pub(super) fn exceeded(kind: LimitKind, limits: Option<&FlightLimits>, stage: usize) -> String {
    let (what, key, unit) = kind.words();
    let prefix = if stage == 0 { "warn" } else { "land" };
    let limit = limits.and_then(|limits| kind.stages(limits)[stage]);
    let limit = limit.map_or_else(String::new, |limit| format!(" of {limit} {unit}"));
    format!("its {what} is over the limit{limit} (drones.limits.{prefix}_{key})")
}
