//! A drone's state as the gateway's readings: which field is which metric.
//!
//! The protocol knows nothing of metrics, and the metrics know nothing of a
//! Tello; they meet here. Must never allocate: this runs for every state.

use heapless::Vec;
use readings::{Metric, Reading};
use tello::state::State;

/// Most readings a state gives.
const MAX_READINGS: usize = 12;

/// What is known of `state` as readings. An unknown field gives none, and so
/// does a value that its metric cannot have.
#[must_use]
pub fn readings_of(state: &State) -> Vec<Reading, MAX_READINGS> {
    let pad = state.seen_pad();
    let over = |axis: usize| pad.map(|(_, at)| f64::from(at[axis]));
    let values: [(Metric, Option<f64>); MAX_READINGS] = [
        (Metric::BatteryLevel, state.battery_pct.map(f64::from)),
        (Metric::DroneTemperature, state.temperature_high_c),
        (Metric::DroneTemperatureLow, state.temperature_low_c),
        (Metric::Height, state.height_cm.map(f64::from)),
        (Metric::FloorDistance, state.floor_cm.map(f64::from)),
        (Metric::BarometricAltitude, state.barometric_m),
        (Metric::FlightTime, state.motor_time_s.map(f64::from)),
        (Metric::Speed, state.speed_cm_s()),
        (Metric::MissionPad, pad.map(|(pad, _)| f64::from(pad))),
        (Metric::MissionPadX, over(0)),
        (Metric::MissionPadY, over(1)),
        (Metric::MissionPadZ, over(2)),
    ];
    values
        .into_iter()
        .filter_map(|(metric, value)| Reading::plausible(metric, value?))
        .collect()
}

#[cfg(test)]
mod tests {
    use tello::state::parse;

    use super::*;

    const FLIGHT: &str =
        include_str!("../../../../tests/data/tello/xg590_flight_20201018_states.tsv");

    #[test]
    fn a_captured_state_gives_every_reading_but_the_floor_out_of_range() {
        let states: Vec<State, 256> = FLIGHT
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(_, datagram)| parse(datagram.replace("\\r\\n", "\r\n").as_bytes()).state)
            .filter(|state| !state.is_empty())
            .collect();
        assert_eq!(states.len(), 216);
        for state in states {
            // It has no pads: those four are absent.
            let expected = MAX_READINGS - 4 - usize::from(state.floor_cm.is_none());
            assert_eq!(readings_of(&state).len(), expected, "{state:?}");
        }
    }

    #[test]
    fn each_field_becomes_its_metric() {
        let text = b"vgx:3;vgy:-4;templ:61;temph:63;tof:90;h:80;bat:87;baro:12.50;time:9;";
        let pairs: Vec<_, MAX_READINGS> = readings_of(&parse(text).state)
            .iter()
            .map(|reading| (reading.metric, reading.value))
            .collect();
        assert_eq!(
            pairs,
            [
                (Metric::BatteryLevel, 87.0),
                (Metric::DroneTemperature, 63.0),
                (Metric::DroneTemperatureLow, 61.0),
                (Metric::Height, 80.0),
                (Metric::FloorDistance, 90.0),
                (Metric::BarometricAltitude, 12.5),
                (Metric::FlightTime, 9.0),
                (Metric::Speed, 50.0),
            ]
        );
    }

    #[test]
    fn a_pad_is_read_only_where_one_is_seen() {
        let pads = |text: &str| -> Vec<(Metric, f64), MAX_READINGS> {
            let readings = readings_of(&parse(text.as_bytes()).state);
            readings
                .iter()
                .map(|reading| (reading.metric, reading.value))
                .collect()
        };
        assert_eq!(
            pads("mid:3;x:12;y:-40;z:95;mpry:0,0,0;"),
            [
                (Metric::MissionPad, 3.0),
                (Metric::MissionPadX, 12.0),
                (Metric::MissionPadY, -40.0),
                (Metric::MissionPadZ, 95.0),
            ]
        );
        for unseen in ["-2", "-1", "0", "64", "257"] {
            let text = format!("mid:{unseen};x:-100;y:-100;z:-100;mpry:0,0,0;");
            assert!(pads(&text).is_empty(), "{unseen}");
        }
    }

    #[test]
    fn unknown_values_give_no_readings() {
        let readings = readings_of(&parse(b"bat:87;tof:6553;h:-70;").state);
        let pairs: Vec<_, MAX_READINGS> = readings
            .iter()
            .map(|reading| (reading.metric, reading.value))
            .collect();
        assert_eq!(
            pairs,
            [(Metric::BatteryLevel, 87.0), (Metric::Height, -70.0)]
        );
    }
}
