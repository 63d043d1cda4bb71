//! The bridges at `/metrics`: links, sensors, everything dropped or refused.
//!
//! A value that is not fresh is left out. Bounded by the number of bridges and
//! their sensors.

use std::fmt;

use readings::measured::{Labels, Measured, Page};

use super::Bridges;
use super::view::{BridgeView, LIVE, SensorView};
use crate::sources::sensor_state::FRESH;

/// A counter of a link: name, help, value.
type Counter = (&'static str, &'static str, fn(&BridgeView) -> u64);

const COUNTERS: [Counter; 21] = [
    ("bridge_received_bytes", "Bytes read from the line", |b| {
        b.stats.bytes_received
    }),
    ("bridge_sent_bytes", "Bytes written to the line", |b| {
        b.stats.bytes_sent
    }),
    ("bridge_frames", "Frames whose check sum held", |b| {
        b.stats.receive.frame.frames
    }),
    ("bridge_crc_errors", "Frames with a wrong check sum", |b| {
        b.stats.receive.frame.crc_errors
    }),
    (
        "bridge_malformed",
        "Stretches of bytes that were no frame",
        |b| b.stats.receive.frame.malformed,
    ),
    (
        "bridge_oversize",
        "Stretches of bytes longer than any frame",
        |b| b.stats.receive.frame.oversize,
    ),
    (
        "bridge_garbage_bytes",
        "Bytes that belonged to no good frame",
        |b| b.stats.receive.frame.garbage_bytes,
    ),
    (
        "bridge_frames_lost",
        "Frames missing by their numbers",
        |b| b.stats.receive.lost,
    ),
    (
        "bridge_frames_foreign",
        "Good frames of another direction or version",
        |b| b.stats.receive.foreign,
    ),
    (
        "bridge_frames_invalid",
        "Good frames that hold no valid message",
        |b| b.stats.receive.invalid,
    ),
    ("bridge_readings", "Readings taken", |b| b.stats.readings),
    (
        "bridge_readings_refused",
        "Readings outside their range or of no sensor",
        |b| b.stats.readings_refused,
    ),
    ("bridge_ports_opened", "Times the port was opened", |b| {
        b.stats.opened
    }),
    (
        "bridge_connections",
        "Times the board was met, restarts included",
        |b| b.stats.connected,
    ),
    (
        "bridge_restarts",
        "Times the board started anew, by what it says of itself",
        |b| b.stats.restarts,
    ),
    (
        "bridge_writes_blocked",
        "Times the port took none of what was to be written",
        |b| b.stats.writes_blocked,
    ),
    ("bridge_commands_done", "Commands the board did", |b| {
        b.stats.commands_done
    }),
    (
        "bridge_commands_failed",
        "Commands refused by the board or never answered",
        |b| b.stats.commands_failed,
    ),
    (
        "bridge_commands_dropped",
        "Commands refused because a queue was full",
        |b| b.stats.commands_dropped,
    ),
    (
        "bridge_logs_suppressed",
        "Log lines of the board beyond its budget",
        |b| b.held.logs,
    ),
    (
        "bridge_buttons_suppressed",
        "Presses too soon after the button's last alert",
        |b| b.held.buttons,
    ),
];

impl Measured for Bridges {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        write(self, page)
    }
}

fn write(bridges: &Bridges, page: &mut Page<'_>) -> fmt::Result {
    let views = bridges.views();
    page.counter(
        "bridge_sources_refused",
        "Sensors of bridges without a place among the sources",
        bridges.sources_refused(),
    )?;
    if views.is_empty() {
        return Ok(());
    }
    links(&views, page)?;
    sensors(&views, page)
}

fn links(views: &[BridgeView], page: &mut Page<'_>) -> fmt::Result {
    let labels: Vec<[(&str, &str); 1]> = views
        .iter()
        .map(|bridge| [("bridge", bridge.name.as_str())])
        .collect();
    let all = || {
        views
            .iter()
            .zip(&labels)
            .map(|(bridge, labels)| (bridge, labels.as_slice() as Labels<'_>))
    };
    let up = |bridge: &BridgeView| f64::from(u8::from(bridge.state == LIVE));
    page.gauges(
        "bridge_up",
        "1 while the board answers",
        all().map(|(b, l)| (l, up(b))),
    )?;
    for (name, help, value) in COUNTERS {
        page.counters(
            name,
            help,
            all().map(|(bridge, labels)| (labels, value(bridge))),
        )?;
    }
    let dropped = all().map(|(b, l)| (l, f64::from(b.stats.board_dropped)));
    page.gauges(
        "bridge_board_dropped",
        "Messages the board dropped since it started",
        dropped,
    )?;
    let trips = all().filter_map(|(b, l)| Some((l, b.stats.round_trip_us? as f64 / 1e6)));
    page.gauges(
        "bridge_round_trip_seconds",
        "Time between the last ping and its answer",
        trips,
    )?;
    let stops = all().filter_map(|(b, l)| Some((l, f64::from(u8::from(b.emergency_stop?)))));
    page.gauges(
        "bridge_emergency_stop",
        "1 while the emergency stop is engaged",
        stops,
    )
}

fn sensors(views: &[BridgeView], page: &mut Page<'_>) -> fmt::Result {
    let all: Vec<([(&str, &str); 4], &SensorView)> = views
        .iter()
        .flat_map(|bridge| {
            bridge
                .sensors
                .iter()
                .map(|sensor| (labels(bridge, sensor), sensor))
        })
        .collect();
    let each = || {
        all.iter()
            .map(|(labels, sensor)| (labels.as_slice() as Labels<'_>, *sensor))
    };
    let fresh = each().filter(|(_, sensor)| sensor.state == FRESH);
    page.gauges(
        "bridge_sensor_value",
        "The sensor's value in its unit",
        fresh.filter_map(|(l, s)| Some((l, s.value?))),
    )?;
    let is_fresh = |sensor: &SensorView| f64::from(u8::from(sensor.state == FRESH));
    page.gauges(
        "bridge_sensor_fresh",
        "1 while the sensor has a value",
        each().map(|(l, s)| (l, is_fresh(s))),
    )?;
    page.counters(
        "bridge_sensor_faults",
        "Times the sensor gave no value",
        each().map(|(l, s)| (l, s.faults)),
    )
}

fn labels<'a>(bridge: &'a BridgeView, sensor: &'a SensorView) -> [(&'a str, &'a str); 4] {
    [
        ("bridge", &bridge.name),
        ("sensor", &sensor.name),
        ("kind", sensor.kind),
        ("unit", sensor.unit),
    ]
}
