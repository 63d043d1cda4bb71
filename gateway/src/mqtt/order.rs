//! What somebody wrote to a drone's topic, judged before anything moves. Pure.
//!
//! Nobody on a broker has a key of ours, so only what brings a drone down or holds it is
//! taken at all, and only while it is fresh: what a broker kept, what was under way for
//! long and what was here before move nothing.

use std::collections::VecDeque;

use serde::Deserialize;
use tello::command::Command;

use crate::broker::SessionEvent;

/// After which an order is too old. A person who presses stop wants it now or not at all.
const FRESH_S: f64 = 2.0;

/// Longest order, and longest id in it.
const MAX_BYTES: usize = 512;
const MAX_ID_CHARS: usize = 64;

/// Ids that are remembered, over all drones: a repetition comes within seconds.
const MAX_SEEN: usize = 64;

/// What an order says.
#[derive(Deserialize)]
struct Words {
    command: String,
    id: String,
    /// Seconds of the wall clock at which it was given.
    at: Option<f64>,
}

/// An order that may be carried out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) command: Command,
    pub(super) id: String,
}

/// Ids of orders that were here.
#[derive(Debug, Default)]
pub(super) struct RecentOrders(VecDeque<String>);

impl RecentOrders {
    fn is_new(&mut self, id: &str) -> bool {
        if self.0.iter().any(|seen| seen == id) {
            return false;
        }
        if self.0.len() >= MAX_SEEN {
            self.0.pop_front();
        }
        self.0.push_back(id.to_owned());
        true
    }
}

/// The wall clock: seconds, and whether it is known to be wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    pub(super) now_s: f64,
    pub(super) is_wrong: bool,
}

/// What is to be done, or why nothing is.
///
/// # Errors
/// The reason, in words.
pub(super) fn judge(
    heard: &SessionEvent,
    seen: &mut RecentOrders,
    wall: WallClock,
) -> Result<Order, &'static str> {
    let SessionEvent::Message {
        payload,
        retained,
        again,
        expires_s,
        ..
    } = heard
    else {
        return Err("it is no message");
    };
    if *retained {
        return Err("the broker kept it: an order must not be retained");
    }
    if payload.len() > MAX_BYTES {
        return Err("it is longer than an order");
    }
    let words: Words =
        serde_json::from_slice(payload).map_err(|_| "it is no JSON with command and id")?;
    let command = match &*words.command {
        "land" => Command::Land,
        "stop" => Command::Stop,
        _ => return Err("only land and stop are taken"),
    };
    if words.id.is_empty() || words.id.chars().count() > MAX_ID_CHARS {
        return Err("its id must have 1 to 64 characters");
    }
    // A broker throws away what has expired; what says nothing of it must say when.
    let expires_soon = expires_s.is_some_and(|expiry| f64::from(expiry) <= FRESH_S);
    let is_of_now = match words.at {
        Some(at) if !wall.is_wrong => Some((wall.now_s - at).abs() <= FRESH_S),
        _ => None,
    };
    match (is_of_now, expires_soon) {
        (Some(false), _) => return Err("it is late, or from a clock that is wrong"),
        (None, false) => {
            return Err(
                "it neither expires within 2 s nor says when it was given by a clock that both sides share",
            );
        }
        _ => {}
    }
    if *again || !seen.is_new(&words.id) {
        return Err("it was here before");
    }
    Ok(Order {
        command,
        id: words.id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: WallClock = WallClock {
        now_s: 1000.0,
        is_wrong: false,
    };

    fn message(payload: &str, expires_s: Option<u32>) -> SessionEvent {
        SessionEvent::Message {
            topic: "t".to_owned(),
            payload: payload.as_bytes().to_vec(),
            retained: false,
            again: false,
            expires_s,
        }
    }

    #[test]
    fn only_what_is_fresh_and_new_brings_a_drone_down() {
        let mut seen = RecentOrders::default();
        let mut judged =
            |heard: &SessionEvent, wall| judge(heard, &mut seen, wall).map(|it| it.command);
        let land = r#"{"command":"land","id":"1","at":999.5}"#;
        assert_eq!(judged(&message(land, None), WALL), Ok(Command::Land));
        assert_eq!(
            judged(&message(land, None), WALL),
            Err("it was here before")
        );
        let by_expiry = r#"{"command":"stop","id":"2"}"#;
        assert_eq!(
            judged(&message(by_expiry, Some(2)), WALL),
            Ok(Command::Stop)
        );
        let late = r#"{"command":"land","id":"3","at":997.0}"#;
        assert!(judged(&message(late, Some(1)), WALL).is_err());
        let kept = SessionEvent::Message {
            topic: "t".to_owned(),
            payload: br#"{"command":"land","id":"4","at":1000}"#.to_vec(),
            retained: true,
            again: false,
            expires_s: Some(1),
        };
        assert!(judged(&kept, WALL).is_err());
        // A clock that is wrong says nothing of age; an expiry does.
        let wrong = WallClock {
            is_wrong: true,
            ..WALL
        };
        let five = r#"{"command":"land","id":"5","at":1000}"#;
        assert!(judged(&message(five, None), wrong).is_err());
        assert_eq!(judged(&message(five, Some(1)), wrong), Ok(Command::Land));
        for no_order in [
            r#"{"command":"takeoff","id":"6","at":1000}"#,
            r#"{"command":"land","at":1000}"#,
            r#"{"command":"land","id":"","at":1000}"#,
            r#"{"command":"land","id":"7"}"#,
            "land",
            "",
        ] {
            assert!(
                judged(&message(no_order, None), WALL).is_err(),
                "{no_order}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_an_order_or_a_reason(
            payload in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
        ) {
            let heard = SessionEvent::Message {
                topic: "t".to_owned(),
                payload,
                retained: false,
                again: false,
                expires_s: Some(1),
            };
            proptest::prop_assert!(judge(&heard, &mut RecentOrders::default(), WALL).is_err());
        }
    }

    #[test]
    fn ids_are_remembered_within_a_bound() {
        let mut seen = RecentOrders::default();
        for number in 0..=MAX_SEEN {
            assert!(seen.is_new(&number.to_string()));
        }
        assert_eq!(seen.0.len(), MAX_SEEN);
        assert!(!seen.is_new("64") && seen.is_new("0"));
    }
}
