//! What is said on `/ws`: replies to a client's messages, and broadcasts.
//!
//! Pure translation: text in, text out, no sockets and no waiting.

use std::sync::Arc;

use access::SessionId;
use readings::event::Event;
use serde::Serialize;
use serde_json::Value;

use crate::http::scalars::Ts;
use crate::http::state::App;
use crate::live::control_messages::{self, Flyer};
use crate::live::message::{OfDrone, Reply, refusal, say};
use crate::live::network_messages;
use crate::live::subscriptions::Subscriptions;
use crate::mutes::Mutes;
use crate::routes::alerts::AlertView;
use crate::routes::drone_views::{Drone, DroneStatus, TypeInfo};
use alerting::Alert;

#[derive(Serialize)]
struct Greeting<'a> {
    message: &'a str,
    /// To be named in `X-Session` by requests that belong to this socket.
    session: String,
}

#[derive(Serialize)]
struct AllDrones {
    drones: Vec<Drone>,
}

#[derive(Serialize)]
struct NewAlert<'a> {
    alert: AlertView<'a>,
}

/// The first message on every connection.
pub(crate) fn greeting(session: SessionId) -> String {
    say(
        "connection_established",
        Greeting {
            message: "Connected to the MFG drone gateway",
            session: session.to_string(),
        },
    )
}

/// A new alert.
pub(crate) fn alert(alert: &Alert, mutes: &Mutes) -> String {
    say(
        "alert",
        NewAlert {
            alert: AlertView::broadcast(alert, mutes),
        },
    )
}

#[derive(Serialize)]
struct Happened<'a> {
    event: &'a Event,
}

/// Something that happened.
pub(crate) fn event(event: &Event) -> String {
    say("event", Happened { event })
}

/// The system's status, rendered already.
pub(crate) fn system_status(rendered: &[u8]) -> String {
    let status = String::from_utf8_lossy(rendered);
    format!(
        "{{\"type\":\"system_status\",\"status\":{status},\"timestamp\":\"{:.6}\"}}",
        Ts::now().0
    )
}

/// The state of a followed drone; none when there is no such drone.
pub(crate) fn drone_update(app: &App, id: &str) -> Option<String> {
    let drone = app.vehicles.view(id)?;
    let status = Some(DroneStatus::from(&drone));
    Some(say(
        "drone_status_update",
        OfDrone {
            drone_id: id,
            status,
            error: None,
        },
    ))
}

/// The answer to what is not JSON, binary frames included.
pub(crate) fn not_json() -> String {
    refusal("INVALID_JSON", "Messages are JSON objects in text frames")
}

/// The answer to a message of the client.
pub(crate) fn reply(
    app: &Arc<App>,
    subscriptions: &mut Subscriptions,
    flyer: &Flyer,
    text: &str,
) -> Reply {
    let message = match serde_json::from_str(text) {
        Ok(Value::Object(message)) => message,
        Ok(_) => {
            return Reply::Now(refusal(
                "MESSAGE_HANDLING_ERROR",
                "A message must be a JSON object",
            ));
        }
        Err(_) => return Reply::Now(not_json()),
    };
    let kind = message
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let answer = network_messages::reply(app, flyer.may_write, kind, &message);
    if let Some(answer) = answer.or_else(|| control_messages::reply(app, flyer, kind, &message)) {
        return answer;
    }
    let drone_id = message
        .get("drone_id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty());
    Reply::Now(match (kind, drone_id) {
        ("ping", _) => say("pong", ()),
        ("get_all_drones", _) => all_drones(app),
        (
            "subscribe_drone" | "unsubscribe_drone" | "get_drone_status" | "get_drone_type_info",
            None,
        ) => refusal("MISSING_DRONE_ID", "drone_id is required"),
        ("subscribe_drone", Some(id)) => subscribe(app, subscriptions, id),
        ("unsubscribe_drone", Some(id)) => {
            subscriptions.remove(id);
            say(
                "unsubscribed",
                OfDrone {
                    drone_id: id,
                    status: None,
                    error: None,
                },
            )
        }
        ("get_drone_status", Some(id)) => drone_status(app, id)
            .unwrap_or_else(|| refusal("DRONE_STATUS_ERROR", "Drone not found")),
        ("get_drone_type_info", Some(id)) => {
            type_info(app, id).unwrap_or_else(|| refusal("TYPE_INFO_ERROR", "Drone not found"))
        }
        _ => refusal("UNKNOWN_MESSAGE_TYPE", "Unknown message type"),
    })
}

fn all_drones(app: &App) -> String {
    let drones = app.vehicles.views();
    say(
        "all_drones",
        AllDrones {
            drones: drones.iter().map(Drone::from).collect(),
        },
    )
}

fn drone_status(app: &App, id: &str) -> Option<String> {
    let drone = app.vehicles.view(id)?;
    let status = Some(DroneStatus::from(&drone));
    Some(say(
        "drone_status",
        OfDrone {
            drone_id: id,
            status,
            error: None,
        },
    ))
}

#[derive(Serialize)]
struct OfType<'a> {
    drone_id: &'a str,
    type_info: TypeInfo,
}

fn type_info(app: &App, id: &str) -> Option<String> {
    let drone = app.vehicles.view(id)?;
    Some(say(
        "drone_type_info",
        OfType {
            drone_id: id,
            type_info: TypeInfo::from(&drone),
        },
    ))
}

fn subscribe(app: &App, subscriptions: &mut Subscriptions, id: &str) -> String {
    // The contract stores the subscription of an unknown drone as well.
    let error = if subscriptions.add(id) {
        "Drone not found"
    } else {
        "Too many subscriptions"
    };
    drone_status(app, id).unwrap_or_else(|| {
        say(
            "subscription_error",
            OfDrone {
                drone_id: id,
                status: None,
                error: Some(error),
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_carry_type_and_time_and_nothing_that_is_not_theirs() {
        let pong: Value = serde_json::from_str(&say("pong", ())).expect("JSON");
        assert_eq!(pong.as_object().map(serde_json::Map::len), Some(2));
        assert_eq!(pong["type"], "pong");
        let status: Value =
            serde_json::from_str(&system_status(b"{\"cpu_usage\":1.0}")).expect("JSON");
        assert_eq!(
            (&status["type"], &status["status"]["cpu_usage"]),
            (&"system_status".into(), &1.0.into())
        );
        assert!(
            status["timestamp"]
                .as_str()
                .is_some_and(|text| text.ends_with('Z'))
        );
    }
}
