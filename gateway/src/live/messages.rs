//! What is said on `/ws`: replies to a client's messages, and broadcasts.
//!
//! Pure translation: text in, text out, no sockets and no waiting.

use std::sync::Arc;

use access::SessionId;
use readings::event::Event;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::params::{Kind, Location, Param};
use crate::http::scalars::Ts;
use crate::http::state::App;
use crate::live::control_messages::{self, Flyer};
use crate::live::message::{
    ClientMessage, DRONE_STATUS, DRONE_STATUS_UPDATE, Nothing, OfDrone, Reply, SUBSCRIPTION_ERROR,
    UNSUBSCRIBED, refusal, said, say, stands_in,
};
use crate::live::network_messages;
use crate::live::subscriptions::Subscriptions;
use crate::mutes::Mutes;
use crate::routes::alerts::AlertView;
use crate::routes::dashboard::SystemStatus;
use crate::routes::drone_views::{Drone, DroneStatus, TypeInfo};
use alerting::Alert;

/// Words for people, and whose socket it is.
#[derive(Serialize, ToSchema)]
struct Greeting<'a> {
    /// The words.
    message: &'a str,
    /// To be named in `X-Session` by requests that belong to this socket.
    session: String,
}

/// Every drone.
#[derive(Serialize, ToSchema)]
struct AllDrones {
    /// In the order of the configuration.
    drones: Vec<Drone>,
}

/// An alert.
#[derive(Serialize, ToSchema)]
struct NewAlert<'a> {
    /// As `/api/alerts` lists it.
    alert: AlertView<'a>,
}

/// The state of the whole.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "its answer is rendered already, and shared with the route"
)]
struct OfSystem {
    /// As `/api/dashboard/system` answers.
    status: SystemStatus,
}

said! {
    CONNECTED: Greeting<'static> = "connection_established", "First of all, on every connection";
    ALERT: NewAlert<'static> = "alert", "An alert was raised";
    EVENT: Happened<'static> = "event", "Something happened; only to clients that asked for events";
    SYSTEM_STATUS: OfSystem = "system_status", "Every five seconds: the state of the whole";
    PONG: Nothing = "pong", "The answer to `ping`";
    ALL_DRONES: AllDrones = "all_drones", "Every drone";
    DRONE_TYPE_INFO: OfType<'static> = "drone_type_info", "What kind of drone it is";
}

/// Which drone is meant.
const DRONE: Param = Param::required(Location::Body, "drone_id", Kind::Text, "Id of the drone");

/// What a client may say here.
pub(super) const HEARD: &[ClientMessage] = &[
    ClientMessage {
        kind: "ping",
        members: &[],
        about: "Shows that the client is there",
        answers: &[PONG.kind],
    },
    ClientMessage {
        kind: "get_all_drones",
        members: &[],
        about: "Asks for every drone",
        answers: &[ALL_DRONES.kind],
    },
    ClientMessage {
        kind: "subscribe_drone",
        members: &[DRONE],
        about: "Follows a drone: its state comes each second",
        answers: &[DRONE_STATUS.kind, SUBSCRIPTION_ERROR.kind],
    },
    ClientMessage {
        kind: "unsubscribe_drone",
        members: &[DRONE],
        about: "Follows a drone no longer",
        answers: &[UNSUBSCRIBED.kind],
    },
    ClientMessage {
        kind: "get_drone_status",
        members: &[DRONE],
        about: "Asks for the state of a drone",
        answers: &[DRONE_STATUS.kind],
    },
    ClientMessage {
        kind: "get_drone_type_info",
        members: &[DRONE],
        about: "Asks what kind of drone it is",
        answers: &[DRONE_TYPE_INFO.kind],
    },
];

/// The first message on every connection.
pub(crate) fn greeting(session: SessionId) -> String {
    say(
        CONNECTED,
        Greeting {
            message: "Connected to the MFG drone gateway",
            session: session.to_string(),
        },
    )
}

/// A new alert.
pub(crate) fn alert(alert: &Alert, mutes: &Mutes) -> String {
    say(
        ALERT,
        NewAlert {
            alert: AlertView::broadcast(alert, mutes),
        },
    )
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
struct Happened<'a> {
    /// As `docs/event.schema.json` says.
    #[schema(value_type = Object)]
    event: &'a Event,
}

/// Something that happened.
pub(crate) fn event(event: &Event) -> String {
    say(EVENT, Happened { event })
}

/// The system's status, rendered already.
pub(crate) fn system_status(rendered: &[u8]) -> String {
    let status = String::from_utf8_lossy(rendered);
    format!(
        "{{\"type\":\"{}\",\"status\":{status},\"timestamp\":\"{:.6}\"}}",
        SYSTEM_STATUS.kind,
        Ts::now().0
    )
}

/// The state of a followed drone; none when there is no such drone.
pub(crate) fn drone_update(app: &App, id: &str) -> Option<String> {
    let drone = app.vehicles.view(id)?;
    let status = Some(DroneStatus::from(&drone));
    Some(say(
        DRONE_STATUS_UPDATE,
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
    let lists = [HEARD, network_messages::HEARD, control_messages::HEARD];
    if !lists.into_iter().any(|heard| stands_in(heard, kind)) {
        return Reply::Now(refusal("UNKNOWN_MESSAGE_TYPE", "Unknown message type"));
    }
    let answer = network_messages::reply(app, flyer.may_write, kind, &message);
    if let Some(answer) = answer.or_else(|| control_messages::reply(app, flyer, kind, &message)) {
        return answer;
    }
    let drone_id = message
        .get("drone_id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty());
    Reply::Now(match (kind, drone_id) {
        ("ping", _) => say(PONG, Nothing {}),
        ("get_all_drones", _) => all_drones(app),
        (
            "subscribe_drone" | "unsubscribe_drone" | "get_drone_status" | "get_drone_type_info",
            None,
        ) => refusal("MISSING_DRONE_ID", "drone_id is required"),
        ("subscribe_drone", Some(id)) => subscribe(app, subscriptions, id),
        ("unsubscribe_drone", Some(id)) => {
            subscriptions.remove(id);
            say(
                UNSUBSCRIBED,
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
        ALL_DRONES,
        AllDrones {
            drones: drones.iter().map(Drone::from).collect(),
        },
    )
}

fn drone_status(app: &App, id: &str) -> Option<String> {
    let drone = app.vehicles.view(id)?;
    let status = Some(DroneStatus::from(&drone));
    Some(say(
        DRONE_STATUS,
        OfDrone {
            drone_id: id,
            status,
            error: None,
        },
    ))
}

/// What kind a drone is.
#[derive(Serialize, ToSchema)]
struct OfType<'a> {
    /// Its id.
    drone_id: &'a str,
    /// As `/api/drones/{drone_id}/type-info` answers.
    type_info: TypeInfo,
}

fn type_info(app: &App, id: &str) -> Option<String> {
    let drone = app.vehicles.view(id)?;
    Some(say(
        DRONE_TYPE_INFO,
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
            SUBSCRIPTION_ERROR,
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
        let pong: Value = serde_json::from_str(&say(PONG, Nothing {})).expect("JSON");
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
