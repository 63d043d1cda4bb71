//! `bridge monitor`: what a board says, as a live table or event by event.
//!
//! The table is for a person at a terminal, lines are for a log, JSON is for a
//! script. A port that is not there, or goes away, is said and waited for.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use firmware_bridge::host::{
    BoardDescription, HostLink, LinkConfig, LinkEvent, LinkState, LinkStats, PortSelector,
};
use firmware_bridge::message::Event;
use firmware_bridge::monitor;
use serde_json::{Value, json};

/// How often the table is drawn.
const DRAW: Duration = Duration::from_millis(250);
/// Characters of a line of the table: a line that a terminal breaks in two would
/// not be written over.
const WIDTH: usize = 79;
/// Log lines, events and losses kept below the table.
const MAX_RECENT: usize = 8;

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Table,
    Lines,
    Json,
}

impl Form {
    /// What was asked for; a table only where it can be drawn.
    pub(super) fn wanted(lines: bool, json: bool) -> Form {
        match (lines, json) {
            (_, true) => Form::Json,
            (true, false) => Form::Lines,
            (false, false) if std::io::stdout().is_terminal() => Form::Table,
            (false, false) => Form::Lines,
        }
    }
}

pub(super) fn monitor(port: &str, baud: u32, form: Form) -> anyhow::Result<()> {
    let selector: PortSelector = port.parse()?;
    let config = LinkConfig {
        baud,
        ..LinkConfig::new(selector)
    };
    let epoch = config.epoch;
    let table = Arc::new(Mutex::new(Table::default()));
    let known = table.clone();
    let link = HostLink::spawn(config, move |event| {
        let mut table = known.lock().unwrap_or_else(PoisonError::into_inner);
        match form {
            Form::Table => {}
            Form::Lines => println!("{}", monitor::line(&event, table.board.as_deref())),
            Form::Json => println!("{}", object(&event, table.board.as_deref())),
        }
        table.take(event);
    })?;
    if form == Form::Lines {
        eprintln!("listening at {port}; waits when nothing is there, Ctrl-C ends");
    }
    let mut drawn = 0;
    crate::cli::small_runtime()?.block_on(async {
        let mut draw = tokio::time::interval(DRAW);
        let ended = tokio::signal::ctrl_c();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                ended = &mut ended => return ended,
                _ = draw.tick(), if form == Form::Table => {
                    let now_ms = millis(epoch.elapsed());
                    let text = table.lock().unwrap_or_else(PoisonError::into_inner).text(&link.stats(), now_ms);
                    redraw(&text, &mut drawn)?;
                }
            }
        }
    })?;
    let stats = link.stats();
    link.stop();
    eprintln!("{}", counters(&stats));
    Ok(())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Writes over what was drawn before, line by line, so that nothing flickers.
pub(super) fn redraw(text: &str, drawn: &mut usize) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if *drawn > 0 {
        write!(out, "\x1b[{drawn}A")?;
    }
    for line in text.lines() {
        let line: String = line.chars().take(WIDTH).collect();
        writeln!(out, "{line}\x1b[K")?;
    }
    // Lines of a longer table before.
    write!(out, "\x1b[J")?;
    *drawn = text.lines().count();
    out.flush()
}

/// What is known of one sensor.
#[derive(Clone, Default)]
struct Row {
    value: Option<f32>,
    fault: Option<String>,
    at_ms: u64,
    readings: u64,
    faults: u64,
}

/// What is known of a board, for the table.
#[derive(Default)]
struct Table {
    board: Option<Arc<BoardDescription>>,
    rows: Vec<Row>,
    stop: Option<bool>,
    recent: heapless::Deque<String, MAX_RECENT>,
}

impl Table {
    fn take(&mut self, event: LinkEvent) {
        match &event {
            LinkEvent::Reading {
                sensor,
                value,
                host_ms,
            } => {
                if let Some(row) = self.rows.get_mut(usize::from(*sensor)) {
                    let readings = row.readings + 1;
                    *row = Row {
                        value: Some(*value),
                        fault: None,
                        at_ms: *host_ms,
                        readings,
                        faults: row.faults,
                    };
                }
                return;
            }
            LinkEvent::Fault { sensor, fault, .. } => {
                if let Some(row) = self.rows.get_mut(usize::from(*sensor)) {
                    (row.fault, row.faults) = (Some(format!("{fault:?}")), row.faults + 1);
                }
                return;
            }
            LinkEvent::Refused { sensor, value } => {
                if let Some(row) = self.rows.get_mut(usize::from(*sensor)) {
                    (row.fault, row.faults) = (Some(format!("{value} refused")), row.faults + 1);
                }
                return;
            }
            LinkEvent::Connected { board } => {
                self.rows = vec![Row::default(); board.sensors.len()];
                self.board = Some(board.clone());
            }
            LinkEvent::Event {
                event: Event::EmergencyStop { engaged },
                ..
            } => self.stop = Some(*engaged),
            LinkEvent::Lost { .. } | LinkEvent::StopUnknown => self.stop = None,
            LinkEvent::Event { .. } | LinkEvent::Log { .. } | LinkEvent::Restarted { .. } => {}
        }
        if self.recent.is_full() {
            self.recent.pop_front();
        }
        // There is room now.
        let _ = self
            .recent
            .push_back(monitor::line(&event, self.board.as_deref()));
    }

    fn text(&self, stats: &LinkStats, now_ms: u64) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text, stats, now_ms);
        text
    }

    fn write(&self, text: &mut String, stats: &LinkStats, now_ms: u64) -> std::fmt::Result {
        match (&self.board, &stats.state) {
            (_, LinkState::Down(reason)) => writeln!(text, "no link: {reason}")?,
            (Some(board), LinkState::Live) => {
                let (id, firmware) = (board.id(), &board.greeting.firmware);
                writeln!(
                    text,
                    "{id}  firmware {firmware}  protocol {}",
                    board.version
                )?;
            }
            (_, LinkState::Greeting | LinkState::Live) => {
                writeln!(text, "asking the board who it is")?
            }
        }
        writeln!(
            text,
            "{:<20} {:>12} {:<4} {:>9} {:>9} {:>7}",
            "SENSOR", "VALUE", "UNIT", "AGE", "READINGS", "FAULTS"
        )?;
        let sensors = self.board.iter().flat_map(|board| &board.sensors);
        for (sensor, row) in sensors.zip(&self.rows) {
            let value = row
                .value
                .map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let value = row.fault.clone().unwrap_or(value);
            let age_ms = now_ms.saturating_sub(row.at_ms);
            let age = row.value.map_or_else(
                || "-".to_owned(),
                |_| format!("{:.1} s", age_ms as f64 / 1e3),
            );
            let (name, unit) = (sensor.name.as_str(), sensor.unit.symbol());
            writeln!(
                text,
                "{name:<20} {value:>12} {unit:<4} {age:>9} {:>9} {:>7}",
                row.readings, row.faults
            )?;
        }
        let stop = match self.stop {
            Some(true) => "ENGAGED",
            Some(false) => "released",
            None => "unknown",
        };
        let lamp = stats.indicator.map_or_else(
            || "unknown".to_owned(),
            |level| format!("{level:?}").to_lowercase(),
        );
        writeln!(text, "emergency stop {stop}   lamp {lamp}")?;
        writeln!(text, "{}", counters(stats))?;
        self.recent
            .iter()
            .try_for_each(|line| writeln!(text, "{line}"))
    }
}

fn counters(stats: &LinkStats) -> String {
    let receive = &stats.receive;
    format!(
        "{} frames, {} lost, {} wrong check sums, {} bytes of no use",
        receive.frame.frames, receive.lost, receive.frame.crc_errors, receive.frame.garbage_bytes
    )
}

/// An event for a script.
fn object(event: &LinkEvent, board: Option<&BoardDescription>) -> Value {
    let sensor = |index: u8| board.and_then(|board| board.sensors.get(usize::from(index)));
    let name = |index: u8| sensor(index).map(|sensor| sensor.name.as_str());
    match event {
        LinkEvent::Connected { board } => {
            let sensors: Vec<&str> = board
                .sensors
                .iter()
                .map(|sensor| sensor.name.as_str())
                .collect();
            let firmware = board.greeting.firmware.as_str();
            json!({ "event": "connected", "board": board.id(), "firmware": firmware, "sensors": sensors })
        }
        LinkEvent::Reading {
            sensor: index,
            value,
            host_ms,
        } => {
            let unit = sensor(*index).map(|sensor| sensor.unit.symbol());
            json!({ "event": "reading", "ms": host_ms, "sensor": name(*index), "value": value, "unit": unit })
        }
        LinkEvent::Fault {
            sensor,
            fault,
            host_ms,
        } => {
            json!({ "event": "fault", "ms": host_ms, "sensor": name(*sensor), "fault": format!("{fault:?}") })
        }
        LinkEvent::Refused {
            sensor: index,
            value,
        } => {
            // Not a number has no form in JSON.
            let range = sensor(*index).map(|sensor| [sensor.min, sensor.max]);
            json!({ "event": "refused", "sensor": name(*index), "value": value.to_string(), "range": range })
        }
        LinkEvent::Event { event, host_ms } => {
            json!({ "event": "event", "ms": host_ms, "what": monitor::happening(*event) })
        }
        LinkEvent::Log {
            level,
            text,
            host_ms,
        } => {
            json!({ "event": "log", "ms": host_ms, "level": format!("{level:?}").to_lowercase(), "text": text.as_str() })
        }
        LinkEvent::StopUnknown => json!({ "event": "stop_unknown" }),
        LinkEvent::Restarted { cause } => {
            json!({ "event": "restarted", "cause": format!("{cause:?}").to_lowercase() })
        }
        LinkEvent::Lost { reason, port } => {
            json!({ "event": "lost", "reason": reason.to_string(), "port": port.as_deref() })
        }
    }
}

#[cfg(test)]
mod tests {
    use firmware_bridge::host::LostReason;
    use firmware_bridge::message::{Greeting, ResetCause};
    use firmware_bridge::sensor::Fault;

    use super::*;

    fn met() -> Table {
        let greeting = Greeting {
            min: 1,
            current: 1,
            board: "test".into(),
            firmware: "0.1.0".into(),
            serial: 0,
            boot: 1,
            reset: ResetCause::PowerOn,
            ticks_hz: 1_000,
            sensors: 3,
        };
        let sensors = firmware_bridge::peer::sensors().into_iter().collect();
        let mut table = Table::default();
        table.take(LinkEvent::Connected {
            board: Arc::new(BoardDescription {
                greeting,
                version: 1,
                sensors,
            }),
        });
        table
    }

    #[test]
    fn the_table_shows_every_sensor_and_what_happened() {
        let mut table = met();
        table.take(LinkEvent::Reading {
            sensor: 0,
            value: 11.5,
            host_ms: 1_000,
        });
        table.take(LinkEvent::Fault {
            sensor: 2,
            fault: Fault::Absent,
            host_ms: 1_000,
        });
        table.take(LinkEvent::Event {
            event: Event::EmergencyStop { engaged: true },
            host_ms: 1_000,
        });
        let live = LinkStats {
            state: LinkState::Live,
            ..LinkStats::default()
        };
        let text = table.text(&live, 1_500);
        for wanted in [
            "battery_voltage            11.500 V        0.5 s         1       0",
            "Absent",
            "ENGAGED",
            "firmware 0.1.0",
        ] {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
        table.take(LinkEvent::Lost {
            reason: LostReason::Unplugged,
            port: None,
        });
        let down = LinkStats {
            state: LinkState::Down(LostReason::Unplugged),
            ..LinkStats::default()
        };
        let text = table.text(&down, 1_500);
        assert!(
            text.starts_with("no link: the serial port went away") && text.contains("stop unknown"),
            "{text}"
        );
    }

    #[test]
    fn recent_events_are_bounded_and_the_newest_stay() {
        let mut table = met();
        for index in 0..100 {
            table.take(LinkEvent::Event {
                event: Event::Button {
                    index,
                    pressed: true,
                },
                host_ms: 0,
            });
        }
        assert_eq!(table.recent.len(), MAX_RECENT);
        assert!(
            table
                .recent
                .back()
                .is_some_and(|line| line.contains("button 99"))
        );
    }

    #[test]
    fn an_event_for_a_script_names_its_sensor() {
        let table = met();
        let reading = LinkEvent::Reading {
            sensor: 0,
            value: 11.5,
            host_ms: 7,
        };
        let wanted = json!({ "event": "reading", "ms": 7, "sensor": "battery_voltage", "value": 11.5, "unit": "V" });
        assert_eq!(object(&reading, table.board.as_deref()), wanted);
    }
}
