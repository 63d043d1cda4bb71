//! What is told of the board beside its values: descriptions that were refused, devices
//! that hang.

use alerting::{AlertType, Condition, Level};
use boards::{Absence, Board, Freshness};

/// Key of the condition that descriptions of sensors were refused.
pub(super) const REFUSED: &str = "board_description_refused";
/// Key of the condition that a bus or a device does not come back from a read.
pub(super) const STUCK: &str = "board_bus_stuck";
/// What a person reads of many; the others are counted.
const MAX_NAMED: usize = 6;

/// What was refused: of files, and what fits two devices.
pub(super) fn refused(board: &Board) -> Vec<String> {
    let files = board.problems().iter().map(ToString::to_string);
    files
        .chain(board.sensors().refused().iter().cloned())
        .collect()
}

pub(super) fn description_refused(why: &[String]) -> Condition {
    Condition {
        key: REFUSED,
        subject: "board".into(),
        level: Level::Warning,
        alert_type: AlertType::System,
        title: "Board Description Refused",
        message: named(why, "; "),
        details: Some("Everything else about the board is as before. Correct the file, then restart the gateway.".to_owned()),
    }
}

pub(super) fn bus_stuck(board: &Board, now_ms: u64) -> Condition {
    let sensors = board.sensors();
    let is_stuck = |now| {
        matches!(
            now,
            Freshness::Absent(Absence::Stuck)
                | Freshness::Stale {
                    why: Some(Absence::Stuck),
                    ..
                }
        )
    };
    let of_sensors = sensors
        .iter()
        .filter(|(index, _)| is_stuck(sensors.value(*index, now_ms)))
        .map(|(_, sensor)| sensor.name.clone());
    let devices = sensors.stuck_devices().map(str::to_owned);
    let all: Vec<String> = of_sensors.chain(devices).collect();
    Condition {
        key: STUCK,
        subject: "board".into(),
        level: Level::Error,
        alert_type: AlertType::System,
        title: "Board Bus Stuck",
        message: format!("the kernel does not come back from reading {}", named(&all, ", ")),
        details: Some(
            "A chip holds its bus, or its driver hangs; their values are unknown. The others are read on. Check the wires of the bus, then restart the board."
                .to_owned(),
        ),
    }
}

fn named(all: &[String], between: &str) -> String {
    let first = all[..all.len().min(MAX_NAMED)].join(between);
    match all.len().saturating_sub(MAX_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
