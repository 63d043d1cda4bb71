//! `sticks` on `/ws`: `{"type": "sticks", "drone_id", "roll", "pitch", "throttle", "yaw"}`.
//!
//! Thirty a second, so read without allocating and before all other messages, and without
//! an answer; why frames are not taken is said once for as long as it stays so.

use serde::Deserialize;

use crate::http::params::{Kind, Location, Param};
use crate::http::state::App;
use crate::live::control_messages::{DRONE, Flyer};
use crate::live::message::{ClientMessage, Reply, refusal, stands_in};

/// Sticks, each −100 to 100; what a pad measures between whole numbers is rounded.
#[derive(Deserialize)]
struct Sticks<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    drone_id: &'a str,
    roll: f32,
    pitch: f32,
    throttle: f32,
    yaw: f32,
}

/// The type of a message that is no frame as it should be.
#[derive(Deserialize)]
struct OfType<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

/// One of the axes.
const fn axis(name: &'static str, about: &'static str) -> Param {
    let kind = Kind::Range {
        min: -100.0,
        max: 100.0,
        default: None,
    };
    Param::required(Location::Body, name, kind, about)
}

/// What a client may say of its sticks.
pub(super) const HEARD: &[ClientMessage] = &[ClientMessage {
    kind: KIND,
    members: &[
        DRONE,
        axis("roll", "Right is positive"),
        axis("pitch", "Forward is positive"),
        axis("throttle", "Up is positive"),
        axis("yaw", "Clockwise is positive"),
    ],
    about: "Holds the sticks of a drone for 300 ms, with control of it: 10 to 30 a second; no answer",
    answers: &[],
}];

const KIND: &str = "sticks";
const CODE: &str = "STICKS_ERROR";

/// The answer to a frame; none when the message is about something else.
pub(crate) fn reply(app: &App, flyer: &Flyer, text: &str) -> Option<Reply> {
    // Most messages are not looked at any closer.
    if !text.contains(KIND) {
        return None;
    }
    let axes = match serde_json::from_str::<Sticks<'_>>(text) {
        Ok(sticks) if stands_in(HEARD, sticks.kind) => {
            axes(&sticks).map(|axes| (sticks.drone_id, axes))
        }
        Ok(_) => return None,
        Err(_) => {
            let of = serde_json::from_str::<OfType<'_>>(text).ok()?;
            stands_in(HEARD, of.kind).then_some(())?;
            None
        }
    };
    let Some((drone, axes)) = axes else {
        let words =
            "sticks need drone_id, and roll, pitch, throttle, yaw as numbers from -100 to 100";
        return Some(Reply::Now(refusal(CODE, words)));
    };
    if !flyer.may_write {
        let words = "Insufficient permissions: write is required";
        return Some(Reply::Now(refusal(CODE, words)));
    }
    Some(match app.vehicles.sticks(drone, axes, &flyer.speaker.by) {
        Ok(None) => Reply::Nothing,
        Ok(Some(why)) => Reply::Now(refusal(CODE, &why.to_string())),
        Err(error) => Reply::Now(refusal(CODE, &error.to_string())),
    })
}

fn axes(sticks: &Sticks<'_>) -> Option<[i8; 4]> {
    let given = [sticks.roll, sticks.pitch, sticks.throttle, sticks.yaw];
    let is_good = given.iter().all(|axis| (-100.0..=100.0).contains(axis));
    is_good.then(|| given.map(|axis| axis.round() as i8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_four_numbers_within_what_the_drone_takes() {
        let read = |text: &str| {
            let sticks = serde_json::from_str::<Sticks<'_>>(text).ok()?;
            axes(&sticks)
        };
        let frame = |roll: &str| {
            format!(
                r#"{{"type":"sticks","drone_id":"d1","roll":{roll},"pitch":0,"throttle":-100,"yaw":0.6}}"#
            )
        };
        assert_eq!(read(&frame("12.4")), Some([12, 0, -100, 1]));
        for roll in ["101", "-100.5", "1e9", "null", "\"1\""] {
            assert_eq!(read(&frame(roll)), None, "{roll}");
        }
        let text = frame("12.4");
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                assert!(read(&text).is_some());
            }
        });
        assert_eq!(counted.count_total, 0, "{counted:?}");
    }
}
