//! What the firmware says of the drone: its state, the answers to queries, and
//! the text of replies.
//!
//! Separate from what it obeys, since nothing here changes what the drone does;
//! only the noise of its sensors moves on. Pure.

use std::fmt::Write;

use heapless::String;
use tello::command::Query;
use tello::state::State;

use super::Firmware;
use crate::body::Body;
use crate::floor;

/// Highest floor distance the sensor sees, in cm.
const FLOOR_RANGE_CM: f64 = 800.0;

/// Floor distance on the ground, in cm (captured).
const FLOOR_OFFSET_CM: f64 = 10.0;

/// Longest reply.
pub(super) type Text = String<96>;

/// What the controller on the TT's back answers. It knows its words, and no more.
pub(super) fn extended(text: &str) -> Text {
    let mut words = text.split_ascii_whitespace();
    match words.next() {
        Some("led") => said(match words.count() {
            3..=8 => "led ok",
            _ => "led error",
        }),
        Some("mled") => said("matrix ok"),
        // Nothing within its range.
        Some("tof?") => said("tof 8192"),
        Some("version?") => said("esp32v1.0.0.33"),
        _ => written(format_args!("unknown command: {text}")),
    }
}

impl Firmware {
    /// Answers as firmware writes them: with units in the text, and CRLF.
    pub(super) fn answer(&mut self, query: Query) -> Text {
        let state = self.state();
        let (low, high) = (
            state.temperature_low_c.unwrap_or(0.0),
            state.temperature_high_c.unwrap_or(0.0),
        );
        let [pitch, roll, yaw] = state.attitude_deg().unwrap_or_default();
        let [agx, agy, agz] = state.acceleration_mg.map(Option::unwrap_or_default);
        match query {
            Query::Battery => written(format_args!("{}\r\n", state.battery_pct.unwrap_or(0))),
            Query::Speed => written(format_args!("{}.0\r\n", self.speed_cm_s)),
            Query::Time => written(format_args!("{}s\r\n", state.motor_time_s.unwrap_or(0))),
            Query::Wifi => said("90\r\n"),
            Query::Height => written(format_args!("{}dm\r\n", state.height_cm.unwrap_or(0) / 10)),
            Query::Temperature => written(format_args!("{low}~{high}C\r\n")),
            Query::Attitude => written(format_args!("pitch:{pitch};roll:{roll};yaw:{yaw};\r\n")),
            Query::Barometer => {
                written(format_args!("{:.6}\r\n", state.barometric_m.unwrap_or(0.0)))
            }
            Query::Acceleration => {
                written(format_args!("agx:{agx:.2};agy:{agy:.2};agz:{agz:.2};\r\n"))
            }
            Query::Floor => written(format_args!(
                "{}mm\r\n",
                u32::from(state.floor_cm.unwrap_or(6553)) * 10
            )),
            Query::Sdk => written(format_args!("{}0", self.sdk_number())),
            Query::SerialNumber => {
                written(format_args!("0TQDSIM{:07}", self.options.seed % 10_000_000))
            }
            Query::Hardware => said("TELLO"),
            Query::WifiVersion => said("1.3.0.0"),
            Query::Ssid => said("simulated"),
            Query::AccessPoint => said(self.joined.as_deref().unwrap_or("none")),
        }
    }

    pub(super) fn state(&mut self) -> State {
        let Body {
            position_m: [_, _, z],
            velocity_m_s,
            ..
        } = self.body;
        let floor_cm = FLOOR_OFFSET_CM + z * 100.0;
        let seen = self.pads.then(|| floor::seen(&self.body)).flatten();
        // What firmware writes where there is none: −1, or −2 when it does not look.
        let unseen = if self.pads { -1 } else { -2 };
        let mut shake = || {
            if self.body.motors {
                self.rng.noise() * 40.0
            } else {
                self.rng.noise() * 3.0
            }
        };
        let (x, y, down) = (shake(), shake(), -1000.0 + shake());
        State {
            pitch_deg: Some(0),
            roll_deg: Some(if self.is_over { 178 } else { 0 }),
            yaw_deg: Some(self.body.yaw_deg.round() as i16),
            velocity_dm_s: velocity_m_s.map(|velocity| Some((velocity * 10.0).round())),
            temperature_low_c: Some((self.body.board_c - 2.2).round()),
            temperature_high_c: Some(self.body.board_c.round()),
            floor_cm: (floor_cm <= FLOOR_RANGE_CM).then_some(floor_cm.round() as u16),
            height_cm: Some((z * 10.0).round() as i32 * 10),
            battery_pct: Some(self.body.battery_pct.ceil() as u8),
            barometric_m: Some(((42.0 + z) * 100.0).round() / 100.0),
            motor_time_s: Some(self.body.motor_time_s as u32),
            acceleration_mg: [x, y, down].map(|value| Some(value.round())),
            pad: Some(seen.map_or(unseen, |seen| seen.pad)),
            pad_position_cm: seen
                .map_or([Some(unseen * 100); 3], |seen| seen.position_cm.map(Some)),
            pad_angles_deg: Some([0; 3]),
        }
    }
}

pub(super) fn said(text: &str) -> Text {
    text.chars().take(Text::new().capacity()).collect()
}

/// Cut at the longest reply: only an unknown command can be longer.
pub(super) fn written(arguments: std::fmt::Arguments<'_>) -> Text {
    let mut text = Text::new();
    if text.write_fmt(arguments).is_err() {
        return said("unknown command");
    }
    text
}
