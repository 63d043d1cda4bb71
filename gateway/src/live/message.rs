//! One message on `/ws`: its type, its own members, the time.
//!
//! A kind of message stands once, in a list (`said!`, [`ClientMessage`]): what is said and heard
//! comes from there, and so does its description for programs (`gateway/asyncapi.json`).

use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::params::Param;
use crate::http::scalars::Ts;
use crate::http::shape::Shape;
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

/// A kind of message that the gateway sends: its type, and what its members are.
pub(crate) struct MessageType<T> {
    pub(crate) kind: &'static str,
    members: PhantomData<fn() -> T>,
}

impl<T> MessageType<T> {
    /// For `said!`, which describes it as well.
    pub(crate) const fn new(kind: &'static str) -> MessageType<T> {
        MessageType {
            kind,
            members: PhantomData,
        }
    }
}

/// What a program has to know of a kind of message that it may get.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "read by what makes the document, a test")
)]
pub(crate) struct Described {
    pub(crate) kind: &'static str,
    pub(crate) about: &'static str,
    pub(crate) members: Shape,
}

/// The kinds that a file says, each once: its name here, its members, its type on the wire,
/// and when it is sent.
macro_rules! said {
    ($($seen:vis $name:ident: $members:ty = $kind:literal, $about:literal;)+) => {
        $($seen const $name: $crate::live::message::MessageType<$members> =
            $crate::live::message::MessageType::new($kind);)+
        /// What is said from here, for the document.
        #[cfg_attr(not(test), expect(dead_code, reason = "read by what makes the document, a test"))]
        pub(super) const SAID: &[$crate::live::message::Described] =
            &[$($crate::live::message::Described {
                kind: $kind,
                about: $about,
                members: $crate::http::shape::of::<$members>(),
            }),+];
    };
}
pub(crate) use said;

/// A kind of message that a client may send.
pub(crate) struct ClientMessage {
    pub(crate) kind: &'static str,
    /// Members beside `type`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by what makes the document, a test")
    )]
    pub(crate) members: &'static [Param],
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by what makes the document, a test")
    )]
    pub(crate) about: &'static str,
    /// Types of the messages that answer it, beside `error`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by what makes the document, a test")
    )]
    pub(crate) answers: &'static [&'static str],
}

/// Whether a kind stands in a list.
pub(crate) fn stands_in(heard: &[ClientMessage], kind: &str) -> bool {
    heard.iter().any(|one| one.kind == kind)
}

/// No members of its own.
#[derive(Serialize, ToSchema)]
pub(crate) struct Nothing {}

said! {
    pub(super) ERROR: Refusal<'static> = "error", "What a client said cannot be done";
    pub(super) DRONE_STATUS: OfDrone<'static> = "drone_status",
        "The state of a drone: it was asked for, or has changed";
    pub(super) DRONE_STATUS_UPDATE: OfDrone<'static> = "drone_status_update",
        "Each second: the state of a drone that the client follows";
    pub(super) UNSUBSCRIBED: OfDrone<'static> = "unsubscribed", "A drone is followed no longer";
    pub(super) SUBSCRIPTION_ERROR: OfDrone<'static> = "subscription_error", "A drone is not followed";
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
pub(crate) fn say<T: Serialize>(said: MessageType<T>, members: T) -> String {
    // Our own types; see `respond::render` for why this cannot fail.
    serde_json::to_string(&Message {
        kind: said.kind,
        members,
        timestamp: Ts::now(),
    })
    .unwrap_or_default()
}

/// An `error` message.
pub(crate) fn refusal(error_code: &'static str, message: &str) -> String {
    say(
        ERROR,
        Refusal {
            error_code,
            message,
        },
    )
}

/// Why it was not done.
#[derive(Serialize, ToSchema)]
pub(super) struct Refusal<'a> {
    /// For programs: `UNKNOWN_MESSAGE_TYPE`, `MISSING_DRONE_ID`…
    error_code: &'static str,
    /// For people.
    message: &'a str,
}

/// What there is to say of a drone.
#[derive(Serialize, ToSchema)]
pub(super) struct OfDrone<'a> {
    /// Its id.
    pub(super) drone_id: &'a str,
    /// Its state; absent where the message is not about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<DroneStatus>,
    /// Why not, where something was refused.
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
            serde_json::from_str::<Value>(&say(UNSUBSCRIBED, of)).expect("JSON")
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
