//! `land_all`, `stop_all` and `emergency_all` on `/ws`: down without another connection.
//!
//! The same as the routes of the same names, with their permission; the answer comes when
//! each drone has a result.

use std::sync::Arc;

use access::Permission;
use serde::Serialize;
use serde_json::Value;
use tello::command::Command;

use crate::http::call::Call;
use crate::http::route::Policy;
use crate::http::state::App;
use crate::live::message::{Reply, refusal, say};
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
        let told = tokio::spawn(async move {
            let result = tell_all(&app, command, &caller).await;
            say(kind, Told { result })
        });
        let answer = async move {
            told.await
                .unwrap_or_else(|_| refusal("DOWN_ALL_ERROR", "The gateway failed; see its log"))
        };
        Some(Reply::Later(None, Box::pin(answer)))
    }
}

#[derive(Serialize)]
struct Told {
    result: DownAll,
}

/// The command in a message, and the type of its answer.
fn command_of(text: &str) -> Option<(Command, &'static str)> {
    let message: Value = serde_json::from_str(text).ok()?;
    Some(match message.get("type")?.as_str()? {
        "land_all" => (Command::Land, "land_all_result"),
        "stop_all" => (Command::Stop, "stop_all_result"),
        "emergency_all" => (Command::Emergency, "emergency_all_result"),
        _ => return None,
    })
}
