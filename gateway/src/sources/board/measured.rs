//! The board's sensors at `/metrics`: one family for each kind of quantity.
//!
//! A value that is not fresh is left out; why it is missing is a label of
//! `board_sensor_fresh`. Bounded by [`boards::MAX_SENSORS`].

use std::fmt;

use boards::{Freshness, Quantity};

use super::view::{BoardView, SensorView, Snapshot};
use readings::measured::{Labels, Measured, Page};

/// Families of values, with base units in their names.
const FAMILIES: [(Quantity, &str, &str); 13] = [
    (
        Quantity::Temperature,
        "board_sensor_temperature_celsius",
        "Temperatures",
    ),
    (Quantity::Voltage, "board_sensor_voltage_volts", "Voltages"),
    (
        Quantity::Current,
        "board_sensor_current_amperes",
        "Currents; negative while a battery discharges",
    ),
    (Quantity::Power, "board_sensor_power_watts", "Powers"),
    (
        Quantity::Energy,
        "board_sensor_energy_joules",
        "Energy used, as chips count it",
    ),
    (
        Quantity::Percent,
        "board_sensor_percent",
        "Shares of a whole",
    ),
    (
        Quantity::Frequency,
        "board_sensor_frequency_hertz",
        "Processor clocks and their caps",
    ),
    (Quantity::FanSpeed, "board_sensor_fan_rpm", "Fan speeds"),
    (
        Quantity::Signal,
        "board_sensor_signal_dbm",
        "Received wireless signals",
    ),
    (Quantity::Duration, "board_sensor_seconds", "Durations"),
    (
        Quantity::Pressure,
        "board_sensor_pressure_pascals",
        "Pressures",
    ),
    (Quantity::Count, "board_sensor_level", "Counts and levels"),
    (Quantity::Flag, "board_sensor_flag", "1 yes, 0 no"),
];

impl Measured for BoardView {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        write(self, page)
    }
}

fn write(view: &BoardView, page: &mut Page<'_>) -> fmt::Result {
    let board: Labels<'_> = &[("profile", &view.profile), ("name", &view.name)];
    page.gauges("board_info", "The board that was detected", [(board, 1.0)])?;
    let snapshot = view.snapshot();
    values(&snapshot, page)?;
    states(&snapshot, page)?;
    let counters = snapshot.counters;
    page.counter("board_sensor_reads", "Sensor files read", counters.reads)?;
    page.counter(
        "board_sensor_searches",
        "Times sensors were searched for",
        counters.searches,
    )?;
    page.counter(
        "board_sensors_appeared",
        "Sensor files found after the start",
        counters.appeared,
    )?;
    page.counter(
        "board_sensors_vanished",
        "Sensor files lost",
        counters.vanished,
    )?;
    page.counter(
        "board_sensors_left_out",
        "Sensors beyond the table's capacity",
        counters.left_out,
    )?;
    page.counter(
        "board_sensor_reads_late",
        "Reads and searches that did not end in time",
        counters.late,
    )?;
    page.gauges(
        "board_sensor_readers_hung",
        "Readers that hang in the kernel now",
        [(&[] as Labels<'_>, snapshot.hung as f64)],
    )
}

fn values(snapshot: &Snapshot, page: &mut Page<'_>) -> fmt::Result {
    for (quantity, name, help) in FAMILIES {
        let fresh: Vec<_> = snapshot
            .sensors()
            .filter(|view| view.sensor.quantity == quantity)
            .filter_map(|view| Some((labels(view), view.now.value()?)))
            .collect();
        if !fresh.is_empty() {
            page.gauges(
                name,
                help,
                fresh
                    .iter()
                    .map(|(labels, value)| (labels.as_slice() as Labels<'_>, *value)),
            )?;
        }
    }
    Ok(())
}

fn states(snapshot: &Snapshot, page: &mut Page<'_>) -> fmt::Result {
    let views: Vec<SensorView<'_>> = snapshot.sensors().collect();
    let names: Vec<[(&str, &str); 1]> = views
        .iter()
        .map(|view| [("sensor", view.sensor.name.as_str())])
        .collect();
    let fresh: Vec<([(&str, &str); 2], f64)> = views
        .iter()
        .map(|view| {
            let up = matches!(view.now, Freshness::Fresh(_));
            (
                [
                    ("sensor", view.sensor.name.as_str()),
                    ("reason", reason(view.now)),
                ],
                f64::from(u8::from(up)),
            )
        })
        .collect();
    let fresh = fresh
        .iter()
        .map(|(labels, up)| (labels.as_slice() as Labels<'_>, *up));
    page.gauges(
        "board_sensor_fresh",
        "1 while the sensor has a value",
        fresh,
    )?;
    let failures = views
        .iter()
        .zip(&names)
        .map(|(view, name)| (name.as_slice() as Labels<'_>, view.failures));
    page.counters(
        "board_sensor_failures",
        "Samples that gave no value",
        failures,
    )
}

fn labels(view: SensorView<'_>) -> [(&str, &str); 4] {
    let sensor = view.sensor;
    [
        ("sensor", &sensor.name),
        ("label", &sensor.label),
        ("role", &sensor.role),
        ("subject", sensor.subject.as_deref().unwrap_or_default()),
    ]
}

/// One word, so that the label has few values.
fn reason(now: Freshness) -> &'static str {
    match now {
        Freshness::Fresh(_) => "",
        Freshness::Absent(why) | Freshness::Stale { why: Some(why), .. } => why.kind(),
        Freshness::Stale { why: None, .. } => "late",
    }
}
