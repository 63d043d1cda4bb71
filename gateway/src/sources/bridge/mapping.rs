//! What a bridge's sensor becomes: its source's name, its metric, its value.
//!
//! Pure. What a board says of itself is not believed further than its form:
//! names come from the wire, so they are cut down to what a source may be called.

use firmware_bridge::sensor::{Sensor, SensorKind, Unit};

use readings::Metric;

/// Significant digits of an `f32`; what is behind them is noise of its binary form.
const DIGITS: i32 = 7;

/// The metric that rules see a sensor as: the one of its kind, if its unit is
/// the metric's and its whole range is plausible for it; else `generic`.
pub(super) fn metric_of(sensor: &Sensor) -> Metric {
    let metric = match (sensor.kind, sensor.unit) {
        (SensorKind::Voltage, Unit::Volt) => Metric::Voltage,
        (SensorKind::Current, Unit::Ampere) => Metric::Current,
        (SensorKind::Power, Unit::Watt) => Metric::Power,
        (SensorKind::Temperature, Unit::Celsius) => Metric::BridgeTemperature,
        (SensorKind::Humidity, Unit::Percent) => Metric::Humidity,
        (SensorKind::Charge, Unit::Percent) => Metric::BatteryLevel,
        _ => return Metric::Generic,
    };
    let (low, high) = metric.plausible();
    let fits = f64::from(sensor.min) >= low && f64::from(sensor.max) <= high;
    if fits { metric } else { Metric::Generic }
}

/// Sensor names as sources and labels carry them: what is neither letter, digit,
/// `.`, `_` nor `-` becomes `_`; of several alike the later ones get their number.
pub(super) fn names(sensors: &[Sensor]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(sensors.len());
    for (index, sensor) in sensors.iter().enumerate() {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '_'
            }
        };
        let name: String = sensor.name.as_str().chars().map(plain).collect();
        // The number is unique; a name that ends like another's number is too rare
        // to be told apart from it by more than one more underscore.
        let mut unique = name.clone();
        while names.contains(&unique) {
            unique = format!("{unique}_{index}");
        }
        names.push(unique);
    }
    names
}

/// The decimal number a person would read off the `f32`: 11.1, not 11.100000381.
pub(super) fn decimal(value: f32) -> f64 {
    let wide = f64::from(value);
    if wide == 0.0 || !wide.is_finite() {
        return wide;
    }
    let places = DIGITS - 1 - wide.abs().log10().floor() as i32;
    // Above ten million every digit is before the point.
    if places <= 0 {
        return wide;
    }
    let scale = 10_f64.powi(places);
    let rounded = (wide * scale).round() / scale;
    // Subnormal numbers have a scale that no f64 holds.
    if rounded.is_finite() { rounded } else { wide }
}

/// `voltage`, `temperature` and so on, for people and labels.
pub(super) fn kind_name(kind: SensorKind) -> &'static str {
    match kind {
        SensorKind::Voltage => "voltage",
        SensorKind::Current => "current",
        SensorKind::Power => "power",
        SensorKind::Temperature => "temperature",
        SensorKind::Humidity => "humidity",
        SensorKind::Pressure => "pressure",
        SensorKind::Light => "light",
        SensorKind::Distance => "distance",
        SensorKind::Charge => "charge",
        SensorKind::Count => "count",
        SensorKind::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sensor(name: &str, kind: SensorKind, unit: Unit, max: f32) -> Sensor {
        Sensor {
            name: name.into(),
            kind,
            unit,
            min: 0.0,
            max,
            interval_ms: 500,
        }
    }

    #[test]
    fn kind_unit_and_range_must_agree() {
        let of = |kind, unit, max| metric_of(&sensor("x", kind, unit, max));
        assert_eq!(of(SensorKind::Voltage, Unit::Volt, 26.0), Metric::Voltage);
        assert_eq!(
            of(SensorKind::Voltage, Unit::Percent, 26.0),
            Metric::Generic
        );
        assert_eq!(
            of(SensorKind::Voltage, Unit::Volt, 400.0),
            Metric::Generic,
            "mains is no battery"
        );
        assert_eq!(
            of(SensorKind::Temperature, Unit::Celsius, 125.0),
            Metric::BridgeTemperature
        );
        assert_eq!(of(SensorKind::Light, Unit::Lux, 1e5), Metric::Generic);
    }

    #[test]
    fn names_from_the_wire_are_made_harmless_and_unique() {
        let named = |names: &[&str]| {
            let sensors: Vec<Sensor> = names
                .iter()
                .map(|name| sensor(name, SensorKind::Other, Unit::None, 1.0))
                .collect();
            super::names(&sensors)
        };
        assert_eq!(
            named(&["battery_voltage", "a/b \"c\"", "電"]),
            ["battery_voltage", "a_b__c_", "_"]
        );
        assert_eq!(named(&["x", "x", "x"]), ["x", "x_1", "x_2"]);
        assert_eq!(named(&["x_2", "x", "x"]), ["x_2", "x", "x_2_2"]);
    }

    #[test]
    fn values_read_as_they_were_written() {
        assert_eq!(decimal(11.1).to_string(), "11.1");
        assert_eq!(decimal(-0.003_2).to_string(), "-0.0032");
        assert_eq!(decimal(101_325.0).to_string(), "101325");
        assert_eq!(decimal(0.0).to_string(), "0");
    }

    proptest! {
        #[test]
        fn no_value_moves_by_more_than_its_own_precision(value in any::<f32>().prop_filter("finite", |v| v.is_finite())) {
            let wide = f64::from(value);
            prop_assert!((decimal(value) - wide).abs() <= wide.abs() * 1e-6 + f64::MIN_POSITIVE);
        }
    }
}
