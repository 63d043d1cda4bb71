//! `[[bridge]]`: a microcontroller on a serial line, and what is wrong with
//! what was written about it.
//!
//! A file of its own because the list stands at the top level, unlike every
//! other section, and because its checks need the parser of port names.

use std::collections::BTreeMap;

use firmware_bridge::host::PortSelector;
use firmware_bridge::sensor::{MAX_INTERVAL_MS, MIN_INTERVAL_MS};
use serde::{Deserialize, Serialize};

/// Most bridges: each has a thread, and room for its sensors among the sources.
pub const MAX_BRIDGES: usize = 8;
/// Longest name; it begins the name of every source of the bridge.
const MAX_NAME_BYTES: usize = 32;
/// Slowest and fastest line; USB boards take any.
const BAUDS: std::ops::RangeInclusive<u32> = 1_200..=4_000_000;
/// Most lithium cells in series; the firmware's INA219 measures up to 26 V.
const MAX_CELLS: u8 = 12;

/// `[[bridge]]`
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Name in sources, alerts and metrics: letters, digits, `_`, `-`. Its
    /// sensors are the sources `bridge/<name>/<sensor>`.
    pub name: String,
    /// The port, by a name that survives replugging: `/dev/serial/by-id/…`, USB
    /// `VID:PID` or `VID:PID:SERIAL`, or `serial:NUMBER`. `bridge list` shows them.
    pub selector: String,
    /// Bits per second; without meaning on a USB board.
    #[serde(default = "usual_baud")]
    pub baud: u32,
    /// Off switch.
    #[serde(default = "on")]
    pub enabled: bool,
    /// Lithium cells in series behind the board's voltage sensor. With it there
    /// are default rules for a low battery; without it nobody knows what is low.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery_cells: Option<u8>,
    /// What its buttons do.
    #[serde(default)]
    pub button: ButtonAction,
    /// What an engaged emergency stop does to drones in the air; `land` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_emergency_stop: Option<OnEmergencyStop>,
    /// What happens while a bridge with an emergency stop is lost; `refuse_takeoff` when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_lost: Option<OnBridgeLost>,
    /// Ids of the drones that its emergency stop is for; all when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drones: Vec<String>,
    /// Milliseconds between two readings by sensor, where the board's own rate
    /// is not wanted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub interval_ms: BTreeMap<String, u32>,
}

/// What an engaged emergency stop does to drones in the air. Whatever it is, none takes
/// off until somebody has reset it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnEmergencyStop {
    /// They are landed.
    #[default]
    Land,
    /// Their motors are cut.
    Emergency,
    /// Nothing is sent.
    Nothing,
}

/// What happens while a bridge with an emergency stop is lost: nobody could stop a drone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBridgeLost {
    /// None takes off.
    #[default]
    RefuseTakeoff,
    /// None takes off, and those in the air are landed.
    Land,
    /// Nothing.
    Nothing,
}

/// What a button of a bridge does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ButtonAction {
    /// Calls for somebody: an alert while it is pressed.
    #[default]
    Alert,
    /// Acknowledges every alert that stands, in the name of the bridge.
    Acknowledge,
}

fn usual_baud() -> u32 {
    115_200
}

fn on() -> bool {
    true
}

impl Bridge {
    /// The port it means; none for a selector that the configuration refuses.
    #[must_use]
    pub fn port(&self) -> Option<PortSelector> {
        self.selector.parse().ok()
    }

    /// Whether its configuration says that it has an emergency stop. (A board does not.)
    #[must_use]
    pub fn names_emergency_stop(&self) -> bool {
        self.on_emergency_stop.is_some() || self.on_lost.is_some() || !self.drones.is_empty()
    }
}

/// Everything wrong with the list: where, and what is allowed.
pub(super) fn problems(bridges: &[Bridge]) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    if bridges.len() > MAX_BRIDGES {
        let count = bridges.len();
        let words = format!("{count} are configured; at most {MAX_BRIDGES} fit");
        found.push((vec!["bridge".to_owned()], words));
    }
    for (index, bridge) in bridges.iter().enumerate() {
        let place = |key: &str| vec!["bridge".to_owned(), index.to_string(), key.to_owned()];
        one(bridge, &bridges[..index], &mut |key, words| {
            found.push((place(key), words));
        });
    }
    found
}

/// What is wrong with one bridge, `earlier` ones being sound.
fn one(bridge: &Bridge, earlier: &[Bridge], refuse: &mut impl FnMut(&'static str, String)) {
    if let Some(words) = name_problem(bridge, earlier) {
        refuse("name", words);
    }
    if let Some(words) = selector_problem(bridge, earlier) {
        refuse("selector", words);
    }
    let (baud, slowest, fastest) = (bridge.baud, BAUDS.start(), BAUDS.end());
    if !BAUDS.contains(&baud) {
        refuse(
            "baud",
            format!("{baud} is outside {slowest} to {fastest} bits per second"),
        );
    }
    if bridge
        .battery_cells
        .is_some_and(|cells| !(1..=MAX_CELLS).contains(&cells))
    {
        refuse(
            "battery_cells",
            format!("must be 1 to {MAX_CELLS} cells in series"),
        );
    }
    let slow_or_fast = |interval: &u32| !(MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(interval);
    let mut intervals = bridge.interval_ms.iter();
    if let Some((sensor, interval)) = intervals.find(|(_, interval)| slow_or_fast(interval)) {
        refuse(
            "interval_ms",
            format!(
                "{sensor}: {interval} is outside {MIN_INTERVAL_MS} to {MAX_INTERVAL_MS} milliseconds"
            ),
        );
    }
}

fn name_problem(bridge: &Bridge, earlier: &[Bridge]) -> Option<String> {
    let name = &bridge.name;
    let problem = super::id::problem(name, MAX_NAME_BYTES);
    if problem.is_some() {
        return problem;
    }
    let first = earlier.iter().position(|other| other.name == *name)?;
    Some(format!(
        "{name:?} is used already by bridge number {}",
        first + 1
    ))
}

fn selector_problem(bridge: &Bridge, earlier: &[Bridge]) -> Option<String> {
    if let Err(error) = bridge.selector.parse::<PortSelector>() {
        return Some(error.to_string());
    }
    let same = |other: &&Bridge| other.enabled && other.selector == bridge.selector;
    let other = earlier.iter().find(same).filter(|_| bridge.enabled)?;
    Some(format!(
        "{} is the port of bridge {:?} already; name the serial number as well (VID:PID:SERIAL)",
        bridge.selector, other.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        #[derive(Deserialize)]
        struct Part {
            bridge: Vec<Bridge>,
        }
        let part: Part = toml::from_str(text).expect("the types fit");
        problems(&part.bridge)
            .into_iter()
            .map(|(path, message)| format!("{}: {message}", path.join(".")))
            .collect()
    }

    #[test]
    fn a_name_and_a_selector_are_enough() {
        assert_eq!(
            found("[[bridge]]\nname = \"mast\"\nselector = \"2e8a:000a\"\n"),
            [""; 0]
        );
        let whole = "[[bridge]]\nname = \"mast\"\nselector = \"/dev/serial/by-id/x\"\nbaud = 9600\nenabled = false\n\
                     battery_cells = 3\nbutton = \"acknowledge\"\non_emergency_stop = \"emergency\"\n\
                     on_lost = \"nothing\"\ndrones = [\"d1\"]\ninterval_ms = { battery_voltage = 200 }\n";
        assert_eq!(found(whole), [""; 0]);
    }

    #[test]
    fn every_problem_is_named_with_what_is_allowed() {
        let text = "[[bridge]]\nname = \"a b\"\nselector = \"ttyACM0\"\nbaud = 5\nbattery_cells = 99\n\
                    interval_ms = { x = 1 }\n\
                    [[bridge]]\nname = \"m\"\nselector = \"serial:1\"\n\
                    [[bridge]]\nname = \"m\"\nselector = \"serial:1\"\n";
        let found = found(text);
        for wanted in [
            "bridge.0.name: \"a b\" is not an id",
            "bridge.0.selector: `ttyACM0` names no serial port",
            "bridge.0.baud: 5 is outside 1200",
            "bridge.0.battery_cells: must be 1 to 12",
            "bridge.0.interval_ms: x: 1 is outside 10 to 3600000",
            "bridge.2.name: \"m\" is used already by bridge number 2",
            "bridge.2.selector: serial:1 is the port of bridge \"m\" already",
        ] {
            assert!(
                found.iter().any(|message| message.starts_with(wanted)),
                "{wanted} in {found:#?}"
            );
        }
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn the_list_is_bounded_and_two_of_one_port_may_take_turns() {
        let one = |n: usize, enabled: bool| {
            format!("[[bridge]]\nname = \"b{n}\"\nselector = \"serial:{n}\"\nenabled = {enabled}\n")
        };
        let many: String = (0..=MAX_BRIDGES).map(|n| one(n, true)).collect();
        assert_eq!(found(&many), ["bridge: 9 are configured; at most 8 fit"]);
        let turns = one(1, true)
            + "[[bridge]]\nname = \"spare\"\nselector = \"serial:1\"\nenabled = false\n";
        assert_eq!(found(&turns), [""; 0]);
    }
}
