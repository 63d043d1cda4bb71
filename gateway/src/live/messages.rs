//! What is said on `/ws`: replies to a client's messages, and broadcasts.
//!
//! Pure translation: text in, text out, no sockets and no waiting.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::config::{MAX_DRONES, MAX_ID_BYTES};
use crate::http::scalars::Ts;
use crate::http::state::App;
use crate::live::network_messages::{self, Answer};
use crate::routes::alerts::AlertView;
use crate::routes::drone_views::{Drone, DroneStatus, TypeInfo};
use crate::sources::tello::{DroneView, Flight, LinkState};
use alerting::Alert;

/// Most drones a client follows: as many as a gateway has.
const MAX_SUBSCRIPTIONS: usize = MAX_DRONES;

/// Ids of the drones a client follows, known or not.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Vec<String>);

impl Subscriptions {
    /// Remembers an id; whether there was room for it.
    fn add(&mut self, id: &str) -> bool {
        if self.0.iter().any(|known| known == id) {
            return true;
        }
        let fits = self.0.len() < MAX_SUBSCRIPTIONS && id.len() <= MAX_ID_BYTES;
        if fits {
            self.0.push(id.to_owned());
        }
        fits
    }

    fn remove(&mut self, id: &str) {
        self.0.retain(|known| known != id);
    }

    /// Those of a comma list; what is too much is left out.
    pub(crate) fn of(list: &str) -> Subscriptions {
        let mut subscriptions = Subscriptions::default();
        for id in list
            .split(',')
            .filter(|id| !id.is_empty())
            .take(MAX_SUBSCRIPTIONS)
        {
            subscriptions.add(id);
        }
        subscriptions
    }

    fn has(&self, id: &str) -> bool {
        self.0.iter().any(|known| known == id)
    }

    /// The ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// What a client was last told of each drone, in configured order.
#[derive(Debug, Default)]
pub(crate) struct Shown(Vec<Option<Looks>>);

/// What of a drone is worth a message when it changes. Not the time it was last
/// heard: that changes with every datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Looks {
    link: LinkState,
    flight: Flight,
    battery_pct: Option<u8>,
    temperature_c: Option<f64>,
    height_cm: Option<i32>,
    attitude_deg: Option<[i32; 3]>,
}

impl Looks {
    fn of(drone: &DroneView) -> Looks {
        Looks {
            link: drone.link,
            flight: drone.flight,
            battery_pct: drone.battery_pct,
            temperature_c: drone.temperature_c,
            height_cm: drone.height_cm,
            attitude_deg: drone.attitude_deg,
        }
    }
}

impl Shown {
    /// `drone_status` of every drone that is or was connected and has changed.
    /// Subscribed ones are left out: the client is told of them anyway.
    pub(crate) fn changes(&mut self, app: &App, subscriptions: &Subscriptions) -> Vec<String> {
        let drones = (app.drones.all)();
        // As many as are configured: bounded like the fleet.
        self.0.resize(drones.len(), None);
        let mut messages = Vec::new();
        for (drone, shown) in drones.iter().zip(&mut self.0) {
            let looks = Looks::of(drone);
            let known = shown.is_some() || drone.link == LinkState::Connected;
            if known && *shown != Some(looks) && !subscriptions.has(&drone.id) {
                *shown = Some(looks);
                let status = Some(DroneStatus::from(drone));
                messages.push(say(
                    "drone_status",
                    OfDrone {
                        drone_id: &drone.id,
                        status,
                        error: None,
                    },
                ));
            }
        }
        messages
    }
}

/// A message: its type, its own members, the time.
#[derive(Serialize)]
struct Said<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    members: T,
    timestamp: Ts,
}

/// A message of that type, with its members and the time.
pub(crate) fn say(kind: &'static str, members: impl Serialize) -> String {
    // Our own types; see `respond::render` for why this cannot fail.
    serde_json::to_string(&Said {
        kind,
        members,
        timestamp: Ts::now(),
    })
    .unwrap_or_default()
}

#[derive(Serialize)]
struct Text<'a> {
    message: &'a str,
}

#[derive(Serialize)]
struct Refusal<'a> {
    error_code: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct OfDrone<'a> {
    drone_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<DroneStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
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
pub(crate) fn greeting() -> String {
    say(
        "connection_established",
        Text {
            message: "Connected to the MFG drone gateway",
        },
    )
}

/// A new alert.
pub(crate) fn alert(alert: &Alert) -> String {
    say(
        "alert",
        NewAlert {
            alert: AlertView::broadcast(alert),
        },
    )
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
    let drone = (app.drones.one)(id)?;
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

/// The answer to a message of the client.
pub(crate) fn reply(
    app: &Arc<App>,
    subscriptions: &mut Subscriptions,
    may_write: bool,
    text: &str,
) -> Answer {
    let message = match serde_json::from_str(text) {
        Ok(Value::Object(message)) => message,
        Ok(_) => {
            return Answer::Now(refusal(
                "MESSAGE_HANDLING_ERROR",
                "A message must be a JSON object",
            ));
        }
        Err(_) => return Answer::Now(not_json()),
    };
    let kind = message
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if let Some(answer) = network_messages::reply(app, may_write, kind, &message) {
        return answer;
    }
    let drone_id = message
        .get("drone_id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty());
    Answer::Now(match (kind, drone_id) {
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
    let drones = (app.drones.all)();
    say(
        "all_drones",
        AllDrones {
            drones: drones.iter().map(Drone::from).collect(),
        },
    )
}

fn drone_status(app: &App, id: &str) -> Option<String> {
    let drone = (app.drones.one)(id)?;
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
    let drone = (app.drones.one)(id)?;
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

    #[test]
    fn subscriptions_are_bounded() {
        let mut subscriptions = Subscriptions::default();
        for n in 0..MAX_SUBSCRIPTIONS {
            assert!(subscriptions.add(&format!("d{n}")));
        }
        assert!(subscriptions.add("d0"), "known already");
        assert!(!subscriptions.add("one-more"));
        subscriptions.remove("d0");
        assert!(!subscriptions.add(&"x".repeat(MAX_ID_BYTES + 1)));
        assert!(subscriptions.add("one-more"));
    }
}
