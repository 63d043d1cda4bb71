//! Default rules about bridges.
//!
//! Pure. A voltage has no threshold that fits every battery, so there are rules
//! about it only where the configuration says how many cells there are.

use readings::Metric;

use crate::config::{Bridge, Rule};

/// Volts of a lithium cell under load: by the lower one it is about to be empty,
/// and below it the cell is harmed.
const LOW_CELL_V: f64 = 3.5;
const EMPTY_CELL_V: f64 = 3.3;
/// What a battery sags under load and recovers, by cell.
const SAG_CELL_V: f64 = 0.1;
/// How long the voltage must be low: a motor's start is shorter.
const LOW_FOR_S: u32 = 10;

/// All rules about bridges so configured; none without a bridge.
pub(crate) fn defaults(bridges: &[Bridge]) -> Vec<Rule> {
    if bridges.is_empty() {
        return Vec::new();
    }
    let mut rules = vec![
        // Pressing it again is a new emergency, however soon.
        Rule {
            cooldown_minutes: 0,
            ..Rule::new(
                "Emergency Stop",
                Metric::EmergencyStop,
                ">=",
                1.0,
                "critical",
            )
        },
        // Lithium cells are to be used up to 60 °C; the microcontroller itself
        // and what is soldered beside it up to 85 °C.
        Rule {
            for_s: 5,
            hysteresis: 2.0,
            ..Rule::new(
                "High Bridge Temperature",
                Metric::BridgeTemperature,
                ">=",
                60.0,
                "warning",
            )
        },
        Rule {
            for_s: 5,
            hysteresis: 2.0,
            ..Rule::new(
                "Critical Bridge Temperature",
                Metric::BridgeTemperature,
                ">=",
                80.0,
                "critical",
            )
        },
    ];
    for bridge in bridges.iter().filter(|bridge| bridge.enabled) {
        let cells = bridge.battery_cells.map(f64::from);
        rules.extend(
            cells
                .into_iter()
                .flat_map(|cells| of_battery(bridge, cells)),
        );
    }
    rules
}

/// The rules about a battery of so many cells.
fn of_battery(bridge: &Bridge, cells: f64) -> [Rule; 2] {
    let low = |name: &str, volts: f64, level| Rule {
        for_s: LOW_FOR_S,
        hysteresis: tenths(cells * SAG_CELL_V),
        source: Some(super::sensor_source(&bridge.name, BATTERY)),
        ..Rule::new(
            &format!("{name} ({})", bridge.name),
            Metric::Voltage,
            "<",
            tenths(cells * volts),
            level,
        )
    };
    [
        low("Low Battery Voltage", LOW_CELL_V, "warning"),
        low("Critical Battery Voltage", EMPTY_CELL_V, "critical"),
    ]
}

/// The sensor that the firmware measures a battery with.
const BATTERY: &str = "battery_voltage";

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MAX_BRIDGES;

    fn bridge(number: usize, cells: Option<u8>) -> Bridge {
        let text = format!(
            "name = \"name-of-thirty-two-characters-{number:02}\"\nselector = \"2e8a:000a\"\n"
        );
        Bridge {
            battery_cells: cells,
            ..toml::from_str(&text).expect("a bridge")
        }
    }

    #[test]
    fn every_default_rule_is_valid_and_there_is_room() {
        let all: Vec<Bridge> = (0..MAX_BRIDGES)
            .map(|number| bridge(number, Some(6)))
            .collect();
        let rules = defaults(&all);
        for rule in &rules {
            assert_eq!(alerting::check_rule(rule), Ok(()), "{rule:?}");
        }
        // Twelve are built in; a board adds eleven and lowers two of the twelve.
        assert!(rules.len() + 12 + 11 <= alerting::MAX_DEFAULT_RULES);
        assert!(defaults(&[]).is_empty());
    }

    #[test]
    fn a_battery_is_low_by_its_cells() {
        let rules = defaults(&[bridge(1, Some(3)), bridge(2, None)]);
        let low: Vec<&Rule> = rules
            .iter()
            .filter(|rule| rule.metric == "voltage")
            .collect();
        assert_eq!(
            low.iter().map(|rule| rule.threshold).collect::<Vec<_>>(),
            [10.5, 9.9]
        );
        assert_eq!(
            low[0].source.as_deref(),
            Some("bridge/name-of-thirty-two-characters-01/battery_voltage")
        );
    }
}
