//! One message on `/ws`: its type, its own members, the time.

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::http::scalars::Ts;
use crate::routes::drone_views::DroneStatus;

/// The answer to a message.
pub(crate) enum Reply {
    /// None is due.
    Nothing,
    /// This.
    Now(String),
    /// This at once, if there is something, and the rest when it is known.
    Later(Option<String>, BoxFuture<'static, String>),
}

/// A message: its type, its own members, the time.
#[derive(Serialize)]
struct Message<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    members: T,
    timestamp: Ts,
}

/// A message of that type, with its members and the time.
pub(crate) fn say(kind: &'static str, members: impl Serialize) -> String {
    // Our own types; see `respond::render` for why this cannot fail.
    serde_json::to_string(&Message {
        kind,
        members,
        timestamp: Ts::now(),
    })
    .unwrap_or_default()
}

/// An `error` message.
pub(crate) fn refusal(error_code: &'static str, message: &str) -> String {
    say(
        "error",
        Refusal {
            error_code,
            message,
        },
    )
}

#[derive(Serialize)]
struct Refusal<'a> {
    error_code: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
pub(super) struct OfDrone<'a> {
    pub(super) drone_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<DroneStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_absent_of_a_drone_is_left_out() {
        let message = |error| {
            let of = OfDrone {
                drone_id: "d1",
                status: None,
                error,
            };
            serde_json::from_str::<Value>(&say("unsubscribed", of)).expect("JSON")
        };
        assert_eq!(message(None).as_object().map(serde_json::Map::len), Some(3));
        assert_eq!(message(Some("gone"))["error"], "gone");
        let refused: Value = serde_json::from_str(&refusal("SCAN_ERROR", "why")).expect("JSON");
        assert_eq!(
            (
                &refused["type"],
                &refused["error_code"],
                &refused["message"]
            ),
            (&"error".into(), &"SCAN_ERROR".into(), &"why".into())
        );
    }
}
