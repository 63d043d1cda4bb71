//! `land_all`, `stop_all` and `emergency_all` on `/ws`: down without another connection.
//!
//! The same as the routes of the same names, with their permission; the answer comes when
//! each drone has a result.

use std::sync::Arc;

use access::Permission;
use serde::Serialize;
use serde_json::Value;
use tello::command::Command;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::route::Policy;
use crate::http::state::App;
use crate::live::message::{ClientMessage, MessageType, Reply, refusal, said, say, stands_in};
use crate::routes::down_all::{Caller, DownAll, tell_all};

/// What a client may bring down, and as whom.
pub(crate) struct DownMessages {
    caller: Caller,
    may_respond: bool,
}

impl DownMessages {
    /// Those of a client that opens a socket.
    pub(crate) fn of(call: &Call) -> DownMessages {
        let session = call.session.as_ref();
        let needed = Policy::Strict(Permission::Respond).needs(call.config.access.profile);
        DownMessages {
            caller: Caller::of(call),
            may_respond: needed.is_none_or(|needed| session.is_some_and(|own| own.may(needed))),
        }
    }

    /// The answer to a message that brings drones down; none when it is about something
    /// else.
    pub(crate) fn reply(&self, app: &Arc<App>, text: &str) -> Option<Reply> {
        let (command, kind) = command_of(text)?;
        if !self.may_respond {
            let why = "Insufficient permissions: respond is required";
            return Some(Reply::Now(refusal("DOWN_ALL_ERROR", why)));
        }
        let (app, caller) = (Arc::clone(app), self.caller.clone());
        // A task of its own: a client that hangs up right after has said it all the same.
        let result = tokio::spawn(async move {
            let result = tell_all(&app, command, &caller).await;
            say(kind, DownAllResult { result })
        });
        let answer = async move {
            result
                .await
                .unwrap_or_else(|_| refusal("DOWN_ALL_ERROR", "The gateway failed; see its log"))
        };
        Some(Reply::Later(None, Box::pin(answer)))
    }
}

/// What came of it.
#[derive(Serialize, ToSchema)]
struct DownAllResult {
    /// As `/api/drones/land-all` and its like answer.
    result: DownAll,
}

said! {
    LANDED: DownAllResult = "land_all_result", "Each drone was told to land, or why not";
    STOPPED: DownAllResult = "stop_all_result", "Each drone was told to stop, or why not";
    CUT: DownAllResult = "emergency_all_result", "The motors of each drone were told to stop, or why not";
}

/// What a client may say to bring drones down.
pub(super) const HEARD: &[ClientMessage] = &[
    ClientMessage {
        kind: "land_all",
        members: &[],
        about: "Lands every drone",
        answers: &[LANDED.kind],
    },
    ClientMessage {
        kind: "stop_all",
        members: &[],
        about: "Stops every drone where it is",
        answers: &[STOPPED.kind],
    },
    ClientMessage {
        kind: "emergency_all",
        members: &[],
        about: "Cuts the motors of every drone, wherever it is",
        answers: &[CUT.kind],
    },
];

/// The command in a message, and the type of its answer.
fn command_of(text: &str) -> Option<(Command, MessageType<DownAllResult>)> {
    let message: Value = serde_json::from_str(text).ok()?;
    let kind = message.get("type")?.as_str()?;
    if !stands_in(HEARD, kind) {
        return None;
    }
    Some(match kind {
        "land_all" => (Command::Land, LANDED),
        "stop_all" => (Command::Stop, STOPPED),
        "emergency_all" => (Command::Emergency, CUT),
        _ => return None,
    })
}
