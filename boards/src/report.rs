//! What was detected and what every sensor says: a table for people and a
//! structure for scripts, from the same data.

use std::fmt::{self, Write as _};

use serde::Serialize;

use crate::detect::{Confidence, Detected};
use crate::discover::{Fact, TripPoint};
use crate::profile::{Fan, Led, Power, Uart, Watchdog};
use crate::quantity::{Quantity, Range, Role};
use crate::sampler::{Counters, Sensors, TemperatureLimits};
use crate::sensor::{Freshness, Reading, Sensor};
use crate::tree::printable;

/// The state of a board at one instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Which board.
    pub board: BoardReport,
    /// UPS HATs recognised.
    pub hats: Vec<String>,
    /// What does not change.
    pub facts: Vec<Fact>,
    /// Every sensor.
    pub sensors: Vec<SensorReport>,
    /// Temperatures at which something happens.
    pub trip_points: Vec<TripPoint>,
    /// The lowest of them for the board's own temperature.
    pub limits: TemperatureLimits,
    /// What is not there, and why.
    pub notes: Vec<String>,
    /// Profiles that were refused.
    pub problems: Vec<String>,
    /// What has happened so far.
    pub counters: Counters,
}

/// Which board, and what its profile says of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoardReport {
    /// The profile's identifier.
    pub id: String,
    /// What to call it: the profile's name, or the model where no profile is of it.
    pub name: String,
    /// Where the profile is.
    pub profile: String,
    /// How sure the choice is.
    pub confidence: Confidence,
    /// Why.
    pub why: Vec<String>,
    /// The device tree's model.
    pub model: Option<String>,
    /// Kernel architecture.
    pub architecture: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// How it is fed.
    pub power: Option<Power>,
    /// Its watchdog.
    pub watchdog: Option<Watchdog>,
    /// Its serial ports.
    pub uarts: Vec<Uart>,
    /// Its fan header.
    pub fan: Option<Fan>,
    /// Its lights.
    pub leds: Vec<Led>,
    /// The profile's notes.
    pub notes: Vec<String>,
}

/// One sensor at one instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SensorReport {
    /// Unique name.
    pub name: String,
    /// What it was called before names said where a sensor is.
    pub formerly: Option<String>,
    /// For people.
    pub label: String,
    /// What is measured.
    pub quantity: Quantity,
    /// Unit of the value.
    pub unit: &'static str,
    /// What it means.
    pub role: Role,
    /// `fresh`, `stale` or `absent`.
    pub state: &'static str,
    /// The value; the last one when stale.
    pub value: Option<f64>,
    /// Age of the value.
    pub age_ms: Option<u64>,
    /// Why there is none, or none since.
    pub reason: Option<String>,
    /// Computed by a curve.
    pub estimated: bool,
    /// The file.
    pub source: String,
    /// Milliseconds between samples.
    pub period_ms: u64,
    /// What is plausible.
    pub range: Range,
    /// The rule that watches it; this crate knows none, its caller fills it in.
    pub rule: Option<String>,
}

/// Puts together what is known at `now_ms`.
pub fn report(detected: &Detected, sensors: &Sensors, now_ms: u64) -> Report {
    let profile = &detected.profile;
    Report {
        board: BoardReport {
            id: profile.id.as_str().to_owned(),
            name: detected.name(),
            profile: detected.profile_file.clone(),
            confidence: detected.confidence,
            why: detected.why.clone(),
            model: detected.model.clone(),
            architecture: detected.architecture.clone(),
            kernel: detected.kernel.clone(),
            power: profile.power.clone(),
            watchdog: profile.watchdog.clone(),
            uarts: profile.uarts.clone(),
            fan: profile.fan.clone(),
            leds: profile.leds.clone(),
            notes: profile.notes.clone(),
        },
        hats: sensors.hats().to_vec(),
        facts: sensors.facts().to_vec(),
        sensors: sensors
            .iter()
            .map(|(index, sensor)| one(sensor, sensors.value(index, now_ms), now_ms))
            .collect(),
        trip_points: sensors.trip_points().to_vec(),
        limits: sensors.temperature_limits(),
        notes: sensors.notes().to_vec(),
        problems: detected
            .profiles
            .problems()
            .iter()
            .map(ToString::to_string)
            .chain(sensors.refused().iter().cloned())
            .collect(),
        counters: sensors.counters(),
    }
}

fn one(sensor: &Sensor, now: Freshness, now_ms: u64) -> SensorReport {
    let (state, last, why): (_, Option<Reading>, _) = match now {
        Freshness::Fresh(reading) => ("fresh", Some(reading), None),
        Freshness::Stale { last, why } => ("stale", Some(last), why),
        Freshness::Absent(why) => ("absent", None, Some(why)),
    };
    SensorReport {
        name: sensor.name.clone(),
        formerly: sensor.formerly.clone(),
        label: sensor.label.clone(),
        quantity: sensor.quantity,
        unit: sensor.quantity.unit(),
        role: sensor.role,
        state,
        value: last.map(|reading| reading.value),
        age_ms: last.map(|reading| now_ms.saturating_sub(reading.at_ms)),
        reason: why.map(|why| why.to_string()),
        estimated: sensor.estimated,
        source: sensor.source.clone(),
        period_ms: sensor.period_ms,
        range: sensor.range,
        rule: None,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text)?;
        // Paths may hold what a terminal acts upon.
        f.write_str(&printable(&text))
    }
}

impl Report {
    fn write(&self, f: &mut String) -> fmt::Result {
        write!(f, "{}", self.board)?;
        for hat in &self.hats {
            writeln!(f, "UPS HAT    {hat}")?;
        }
        for fact in &self.facts {
            writeln!(f, "{:<10} {}", fact.name, fact.value)?;
        }
        writeln!(f, "\nSensors ({})", self.sensors.len())?;
        table(f, &self.sensors)?;
        if !self.trip_points.is_empty() {
            writeln!(f, "\nTrip points")?;
        }
        for trip in &self.trip_points {
            let kind = format!("{:?}", trip.kind).to_lowercase();
            let mark = if trip.of_soc { "  (judged by)" } else { "" };
            writeln!(
                f,
                "  {:<18} {kind:<9} {:>6.1} °C  {}{mark}",
                trip.zone, trip.celsius, trip.source
            )?;
        }
        list(f, "Not there", &self.notes)?;
        list(f, "Refused", &self.problems)
    }
}

impl fmt::Display for BoardReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Board      {} ({})", self.name, self.id)?;
        for reason in &self.why {
            writeln!(f, "           - {reason}")?;
        }
        if let Some(power) = &self.power {
            writeln!(f, "Power      {}", power.input)?;
        }
        if let Some(watchdog) = &self.watchdog {
            writeln!(f, "Watchdog   {}", watchdog.device.as_str())?;
        }
        for uart in &self.uarts {
            writeln!(f, "UART       {}: {}", uart.device.as_str(), uart.name)?;
        }
        if let Some(fan) = &self.fan {
            writeln!(f, "Fan        {}", fan.name)?;
        }
        for led in &self.leds {
            writeln!(f, "Light      {}: {}", led.path.as_str(), led.name)?;
        }
        for note in &self.notes {
            writeln!(f, "Note       {note}")?;
        }
        Ok(())
    }
}

/// What the columns hold.
const HEADINGS: [&str; 7] = [
    "NAME",
    "VALUE",
    "AGE",
    "EVERY",
    "RULE",
    "WHAT IT IS",
    "FROM",
];

/// Columns as wide as their widest cell; one without any is left out.
fn table(f: &mut String, sensors: &[SensorReport]) -> fmt::Result {
    let rows: Vec<[String; 7]> = sensors
        .iter()
        .map(|s| {
            [
                s.name.clone(),
                value(s),
                s.age_ms.map(span).unwrap_or_default(),
                span(s.period_ms),
                s.rule.clone().unwrap_or_default(),
                s.label.clone(),
                s.source.clone(),
            ]
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count()).max();
        match cells.unwrap_or(0) {
            0 => 0,
            cells => cells.max(HEADINGS[column].len()),
        }
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut line = |cells: [&str; 7]| {
        let mut text = String::from("  ");
        for (cell, width) in cells.iter().zip(widths).filter(|(_, width)| *width > 0) {
            write!(text, "{cell:<width$} ")?;
        }
        writeln!(f, "{}", text.trim_end())
    };
    if !rows.is_empty() {
        line(HEADINGS)?;
    }
    for (row, sensor) in rows.iter().zip(sensors) {
        line(row.each_ref().map(String::as_str))?;
        if let Some(reason) = &sensor.reason {
            let reason = format!("    {}: {reason}", sensor.state);
            line([&reason, "", "", "", "", "", ""])?;
        }
    }
    Ok(())
}

fn value(sensor: &SensorReport) -> String {
    let Some(value) = sensor.value else {
        return "-".to_owned();
    };
    let text = match sensor.quantity {
        Quantity::Flag => if value == 0.0 { "no" } else { "yes" }.to_owned(),
        Quantity::Frequency => format!("{:.0} MHz", value / 1e6),
        // As weather is told.
        Quantity::Pressure => format!("{:.1} hPa", value / 100.0),
        Quantity::Count => format!("{value:.0}"),
        Quantity::Duration => span((value * 1e3) as u64),
        Quantity::FanSpeed | Quantity::Signal => {
            format!("{value:.0} {}", sensor.unit)
        }
        Quantity::Percent => format!("{value:.0} %"),
        Quantity::Temperature => format!("{value:.1} {}", sensor.unit),
        _ => format!("{value:.3} {}", sensor.unit),
    };
    match sensor.estimated {
        true => format!("about {text}"),
        false => text,
    }
}

/// A time as people say it, in at most two units.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let two = |first: u64, unit: &str, second: u64, smaller: &str| match second {
        0 => format!("{first} {unit}"),
        _ => format!("{first} {unit} {second} {smaller}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(minutes, "min", seconds % 60, "s"),
        3_600..86_400 => two(hours, "h", minutes, "min"),
        _ => two(days, "d", hours, "h"),
    }
}

fn list(f: &mut String, title: &str, lines: &[String]) -> fmt::Result {
    if !lines.is_empty() {
        writeln!(f, "\n{title}")?;
    }
    lines.iter().try_for_each(|line| writeln!(f, "  - {line}"))
}
