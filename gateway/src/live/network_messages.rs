//! What is said on `/ws` about the network: searches, verifications, and
//! drones that come and go (contract 16.2 to 16.4).
//!
//! Searches take seconds, so their answers come later, while the connection
//! goes on being served.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::params::{Kind, Location, Param};
use crate::http::state::App;
use crate::live::message::{ClientMessage, Reply, refusal, said, say};
use crate::routes::network;
use crate::routes::network_views::{ConnectionCheck, DetectedDrone, NetworkStatus};

/// A search that has begun.
#[derive(Serialize, ToSchema)]
struct Started {
    /// Seconds that it takes at most.
    timeout: f64,
}

/// What a search found.
#[derive(Serialize, ToSchema)]
struct Completed {
    /// How many.
    count: usize,
    /// Each of them.
    detected_drones: Vec<DetectedDrone>,
}

/// How searching stands.
#[derive(Serialize, ToSchema)]
struct Status {
    /// As `/api/drones/network/status` answers.
    status: NetworkStatus,
}

/// How searching stands now.
#[derive(Serialize, ToSchema)]
struct StatusUpdate<'a> {
    /// As `/api/drones/network/status` answers.
    network_status: &'a NetworkStatus,
}

/// What was found out of an address.
#[derive(Serialize, ToSchema)]
struct Verified {
    /// Whether a drone answers there.
    verification_result: ConnectionCheck,
}

/// Searching by itself, begun or ended.
#[derive(Serialize, ToSchema)]
struct AutoScan<'a> {
    /// Seconds between two searches, when it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_seconds: Option<f64>,
    /// Words for people.
    message: &'a str,
}

/// Where a drone is.
#[derive(Serialize, ToSchema)]
struct At {
    /// Its address.
    ip_address: String,
}

said! {
    NETWORK_STATUS: Status = "network_status", "How searching networks for drones stands";
    NETWORK_STATUS_UPDATE: StatusUpdate<'static> = "network_status_update",
        "Every ten seconds at most: how searching stands, when that has changed";
    SCAN_STARTED: Started = "scan_started", "A search has begun";
    SCAN_COMPLETED: Completed = "scan_completed", "What a search found";
    CONNECTION_VERIFICATION: Verified = "connection_verification",
        "Whether a drone answers at an address";
    AUTO_SCAN_STARTED: AutoScan<'static> = "auto_scan_started", "Searching by itself was begun";
    AUTO_SCAN_STOPPED: AutoScan<'static> = "auto_scan_stopped", "Searching by itself was ended";
    REAL_DRONE_DETECTED: At = "real_drone_detected", "A real drone was found";
    REAL_DRONE_DISCONNECTED: At = "real_drone_disconnected", "A real drone that was found is gone";
}

const TIMEOUT: Param = Param::optional(
    Location::Body,
    "timeout",
    Kind::Number,
    "Seconds that the search takes at most",
);
const ADDRESS: Param = Param::required(
    Location::Body,
    "ip_address",
    Kind::Text,
    "IPv4 address to look at",
);
const INTERVAL: Param = Param::optional(
    Location::Body,
    "interval_seconds",
    Kind::Number,
    "Seconds between two searches",
);

/// What a client may say of the network.
pub(super) const HEARD: &[ClientMessage] = &[
    ClientMessage {
        kind: "get_network_status",
        members: &[],
        about: "Asks how searching stands",
        answers: &[NETWORK_STATUS.kind],
    },
    ClientMessage {
        kind: "scan_real_drones",
        members: &[TIMEOUT],
        about: "Searches for drones: one answer at once, one with what was found",
        answers: &[SCAN_STARTED.kind, SCAN_COMPLETED.kind],
    },
    ClientMessage {
        kind: "verify_drone_connection",
        members: &[ADDRESS],
        about: "Looks whether a drone answers at an address; needs `write`",
        answers: &[CONNECTION_VERIFICATION.kind],
    },
    ClientMessage {
        kind: "start_auto_scan",
        members: &[INTERVAL],
        about: "Searches again and again; needs `write`",
        answers: &[AUTO_SCAN_STARTED.kind],
    },
    ClientMessage {
        kind: "stop_auto_scan",
        members: &[],
        about: "Ends that; needs `write`",
        answers: &[AUTO_SCAN_STOPPED.kind],
    },
];

/// The answer to a message about the network; none when it is about something
/// else. `may_write` is whether the client may do more than look.
pub(crate) fn reply(
    app: &Arc<App>,
    may_write: bool,
    kind: &str,
    message: &Map<String, Value>,
) -> Option<Reply> {
    let denied = |code| {
        Some(Reply::Now(refusal(
            code,
            "Insufficient permissions: write is required",
        )))
    };
    match kind {
        "get_network_status" => Some(Reply::Now(say(
            NETWORK_STATUS,
            Status {
                status: NetworkStatus::now(app),
            },
        ))),
        "scan_real_drones" => Some(scan(app, may_write, message)),
        "verify_drone_connection" if !may_write => denied("VERIFICATION_ERROR"),
        "verify_drone_connection" => Some(verify(app, message)),
        "start_auto_scan" if !may_write => denied("AUTO_SCAN_START_ERROR"),
        "start_auto_scan" => Some(Reply::Now(start_auto(app, message))),
        "stop_auto_scan" if !may_write => denied("AUTO_SCAN_STOP_ERROR"),
        "stop_auto_scan" => {
            let message = network::end(app);
            Some(Reply::Now(say(
                AUTO_SCAN_STOPPED,
                AutoScan {
                    interval_seconds: None,
                    message,
                },
            )))
        }
        _ => None,
    }
}

/// A number that may be absent.
fn number(message: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    match message.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| format!("{name} must be a number")),
    }
}

fn scan(app: &Arc<App>, may_ask: bool, message: &Map<String, Value>) -> Reply {
    let patience = match number(message, TIMEOUT.name).and_then(network::timeout) {
        Ok(patience) => patience,
        Err(why) => return Reply::Now(refusal("SCAN_ERROR", &why)),
    };
    let app = Arc::clone(app);
    let completed = async move {
        let detected_drones = network::detected(&app, may_ask, patience).await;
        say(
            SCAN_COMPLETED,
            Completed {
                count: detected_drones.len(),
                detected_drones,
            },
        )
    };
    let started = say(
        SCAN_STARTED,
        Started {
            timeout: patience.as_secs_f64(),
        },
    );
    Reply::Later(Some(started), Box::pin(completed))
}

fn verify(app: &Arc<App>, message: &Map<String, Value>) -> Reply {
    let Some(text) = message
        .get(ADDRESS.name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
    else {
        return Reply::Now(refusal("MISSING_IP_ADDRESS", "ip_address is required"));
    };
    let Ok(address) = text.parse() else {
        return Reply::Now(refusal(
            "VERIFICATION_ERROR",
            "ip_address must be an IPv4 address",
        ));
    };
    let app = Arc::clone(app);
    let verified = async move {
        match network::check(&app, address).await {
            Ok(verification_result) => say(
                CONNECTION_VERIFICATION,
                Verified {
                    verification_result,
                },
            ),
            Err(error) => refusal("VERIFICATION_ERROR", &error.to_string()),
        }
    };
    Reply::Later(None, Box::pin(verified))
}

fn start_auto(app: &App, message: &Map<String, Value>) -> String {
    match number(message, INTERVAL.name).and_then(network::interval) {
        Ok(interval) => {
            let message = network::begin(app, interval);
            say(
                AUTO_SCAN_STARTED,
                AutoScan {
                    interval_seconds: Some(interval.as_secs_f64()),
                    message: &message,
                },
            )
        }
        Err(why) => refusal("AUTO_SCAN_START_ERROR", &why),
    }
}

/// How often a client is told who came and went (contract 16.4).
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Ticks between two of the whole status: every ten seconds (contract 16.4).
const LOOKS_PER_STATUS: u32 = 2;

/// What has changed on the network since a client last heard of it.
pub(crate) struct NetworkChanges {
    present: Vec<IpAddr>,
    status: NetworkStatus,
    looks: u32,
}

impl NetworkChanges {
    /// A client that comes now knows what is now.
    pub(crate) fn new(app: &App) -> NetworkChanges {
        NetworkChanges {
            present: present(app),
            status: NetworkStatus::now(app),
            looks: 0,
        }
    }

    /// What is new since the last look.
    pub(crate) fn since_last(&mut self, app: &App) -> Vec<String> {
        let now = present(app);
        let at = |address: &IpAddr| At {
            ip_address: address.to_string(),
        };
        let came = now.iter().filter(|address| !self.present.contains(address));
        let went = self.present.iter().filter(|address| !now.contains(address));
        let mut messages: Vec<String> = came
            .map(|address| say(REAL_DRONE_DETECTED, at(address)))
            .chain(went.map(|address| say(REAL_DRONE_DISCONNECTED, at(address))))
            .collect();
        self.present = now;
        self.looks += 1;
        if self.looks.is_multiple_of(LOOKS_PER_STATUS) {
            let status = NetworkStatus::now(app);
            if status != self.status {
                messages.push(say(
                    NETWORK_STATUS_UPDATE,
                    StatusUpdate {
                        network_status: &status,
                    },
                ));
                self.status = status;
            }
        }
        messages
    }
}

/// Addresses of the real drones that are there; as many as searches find at most.
fn present(app: &App) -> Vec<IpAddr> {
    let mut present: Vec<IpAddr> = app
        .fleet
        .discovery()
        .known()
        .iter()
        .map(|found| found.address)
        .collect();
    present.sort_unstable();
    present.dedup();
    present
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_may_be_absent_and_nothing_else() {
        let read = |value: Value| {
            let message = json!({"timeout": value});
            number(message.as_object().expect("an object"), "timeout")
        };
        assert_eq!(read(json!(1.5)), Ok(Some(1.5)));
        assert_eq!(read(json!(2)), Ok(Some(2.0)));
        assert_eq!(read(Value::Null), Ok(None));
        assert_eq!(number(&Map::new(), "timeout"), Ok(None));
        let refused = read(json!("2")).expect_err("a text");
        assert_eq!(refused, "timeout must be a number");
    }
}
